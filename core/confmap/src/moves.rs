//! Edits that put an entry or an item where it belongs.
//!
//! Whole lines move; where a line holds more than what moves, or a secret, there is no edit.

use crate::diagnostic::Fix;
use crate::edit::last_line;
use crate::redact;
use crate::source::{Origin, Source, SourceKind};
use crate::tree::{At, Conf, Data, Node};

/// Spaces per level where nothing shows how many.
const INDENT: usize = 2;

/// The lines of an entry.
struct Block<'a> {
    source: &'a std::sync::Arc<Source>,
    /// The first and the last, counted from 1.
    lines: (usize, usize),
    /// Spaces in front of the key.
    indent: usize,
}

impl Block<'_> {
    fn text(&self) -> Vec<&str> {
        let (first, last) = self.lines;
        (first..=last).map(|it| self.source.line(it).unwrap_or_default()).collect()
    }

    /// The lines with other spaces in front.
    fn moved(&self, indent: usize) -> String {
        let lines = self.text().into_iter().map(|line| match line.get(self.indent..) {
            Some(rest) if !rest.trim().is_empty() => format!("{}{rest}\n", " ".repeat(indent)),
            _ => "\n".to_owned(),
        });
        lines.collect()
    }

    /// The whole lines, as a place.
    fn place(&self) -> Origin {
        let length = self.text().iter().map(|it| it.chars().count() + 1).sum();
        Origin { length, ..Origin::new(self.source.clone(), self.lines.0, 1, 1) }
    }

    fn holds_secret(&self) -> bool {
        let (first, last) = self.lines;
        (first..=last).any(|it| !redact::spans(self.source, it).is_empty())
    }
}

impl Conf {
    fn block(&self, path: &[String]) -> Option<Block<'_>> {
        let (key, node) = (self.origin(path, At::Key)?, self.node(path)?);
        let line = key.source.line(key.line)?;
        let alone = line.chars().take(key.column - 1).all(|it| it == ' ');
        let editable = key.source.kind == SourceKind::File && node.origin.source == key.source;
        (alone && editable && key.reference.is_none()).then(|| Block {
            source: &key.source,
            lines: (key.line, last_line(node).max(key.line)),
            indent: key.column - 1,
        })
    }

    /// The entry at `path` as the first one of the map at `to`, which is made where it is not there.
    pub fn relocate(&self, path: &[String], to: &[String]) -> Vec<Fix> {
        self.relocation(path, to).unwrap_or_default()
    }

    fn relocation(&self, path: &[String], to: &[String]) -> Option<Vec<Fix>> {
        let block = self.block(path)?;
        if block.holds_secret() {
            return None;
        }
        let removal = Fix { place: block.place(), replacement: String::new() };
        let whole = |line: usize, text: String| {
            let place = Origin { length: 0, ..Origin::new(block.source.clone(), line, 1, 1) };
            (line <= block.source.text.lines().count()).then_some(Fix { place, replacement: text })
        };
        // The part of the way that is there; the rest is written with the entry.
        let there = (0..=to.len()).rev().find(|it| *it == 0 || self.node(&to[..*it]).is_some())?;
        let map = if there == 0 { &self.root } else { self.node(&to[..there])? };
        let (line, indent) = match map
            .entries()
            .iter()
            .find(|it| it.key != *path.last().unwrap_or(&it.key) || there > 0)
        {
            Some(first) if !map.is_flow() => (first.key_origin.line, first.key_origin.column - 1),
            None if there > 0 && map.data == Data::Null => {
                let key = self.origin(&to[..there], At::Key)?;
                (key.line + 1, key.column - 1 + INDENT)
            }
            _ => return None,
        };
        let mut text = String::new();
        for (depth, key) in to[there..].iter().enumerate() {
            text.extend([&" ".repeat(indent + depth * INDENT), key.as_str(), ":\n"]);
        }
        text += &block.moved(indent + (to.len() - there) * INDENT);
        Some(vec![removal, whole(line, text)?])
    }

    /// The lines of all these neighbours one level deeper, below the entry before them.
    pub fn indent(&self, paths: &[Vec<String>], owner: &[String]) -> Vec<Fix> {
        let Some(by) = self.step_below(owner) else { return Vec::new() };
        self.deeper(paths, by)
    }

    /// The entry at `path` as one more of the map at `owner`, if that ends in the line before it.
    pub fn indent_into(&self, path: &[String], owner: &[String]) -> Vec<Fix> {
        let by = || {
            let (key, map) = (self.origin(path, At::Key)?, self.node(owner)?);
            let first = map.entries().first().filter(|_| !map.is_flow())?;
            let is_next = last_line(map) + 1 == key.line;
            first.key_origin.column.checked_sub(key.column).filter(|_| is_next)
        };
        by().map(|by| self.deeper(&[path.to_vec()], by)).unwrap_or_default()
    }

    /// The lines of these entries, moved to the right.
    fn deeper(&self, paths: &[Vec<String>], by: usize) -> Vec<Fix> {
        let mut fixes = Vec::new();
        for path in paths {
            let Some(block) = self.block(path) else { return Vec::new() };
            let (first, last) = block.lines;
            for line in first..=last {
                if block.source.line(line).is_some_and(|it| !it.trim().is_empty()) {
                    let place = Origin::new(block.source.clone(), line, 1, 1);
                    fixes.extend(Fix::insert(&place, " ".repeat(by)));
                }
            }
        }
        fixes
    }

    /// How much deeper the entries of a map stand than the map.
    fn step_below(&self, owner: &[String]) -> Option<usize> {
        let (key, node) = (self.origin(owner, At::Key)?, self.node(owner)?);
        match (&node.data, node.entries().first()) {
            (Data::Null, _) => Some(INDENT),
            (Data::Map(_), Some(first)) if !node.is_flow() => {
                first.key_origin.column.checked_sub(key.column)
            }
            _ => None,
        }
    }

    /// What is in the map at `path` instead of the map: its key goes, its lines move out.
    pub fn unwrap_map(&self, path: &[String]) -> Option<Fix> {
        let (block, node) = (self.block(path)?, self.node(path)?);
        let first = node.entries().first()?.key_origin.clone();
        if node.is_flow() || first.line == block.lines.0 || block.holds_secret() {
            return None;
        }
        let inner = Block { lines: (first.line, block.lines.1), indent: first.column - 1, ..block };
        let place = Block { lines: (block.lines.0, inner.lines.1), ..inner }.place();
        Some(Fix { place, replacement: inner.moved(block.indent) })
    }

    /// A block map of the list that is wanted: its one item.
    pub fn itemise(&self, path: &[String]) -> Vec<Fix> {
        let Some(map) = self.node(path).filter(|it| !it.is_flow()) else { return Vec::new() };
        let Some(first) = map.entries().first().map(|it| it.key_origin.clone()) else {
            return Vec::new();
        };
        let lines = first.line..=last_line(map);
        let full = |it: &usize| first.source.line(*it).is_some_and(|it| !it.trim().is_empty());
        let signs = lines.filter(full).map(|line| {
            let sign = if line == first.line { "- " } else { "  " };
            Fix::insert(&Origin { line, ..first.clone() }, sign)
        });
        signs.flatten().collect()
    }

    /// A block map of the list that is wanted: its values, without their keys.
    pub fn values_as_items(&self, path: &[String]) -> Vec<Fix> {
        let Some(map) = self.node(path).filter(|it| !it.is_flow()) else { return Vec::new() };
        let dash = |it: &crate::tree::Entry| {
            let key = &it.key_origin;
            let length = it.value.origin.column.checked_sub(key.column)?;
            let one_line = it.value.origin.line == key.line && it.value.text().is_some();
            one_line.then(|| Fix::replace(&Origin { length, ..key.clone() }, "- "))?
        };
        let fixes: Option<Vec<Fix>> = map.entries().iter().map(dash).collect();
        fixes.unwrap_or_default()
    }

    /// The block list at `path` as a map of what its items hold: their dashes become spaces.
    pub fn undash_lines(&self, path: &[String]) -> Vec<Fix> {
        let Some(list) = self.node(path).filter(|it| !it.is_flow()) else { return Vec::new() };
        let fixes: Option<Vec<Fix>> = list.items().iter().map(no_dash).collect();
        fixes.unwrap_or_default()
    }

    /// The item at `path` of a block list as a part of the item before it.
    pub fn undash_item(&self, path: &[String]) -> Option<Fix> {
        let (_, list) = path.split_last()?;
        self.node(list).filter(|it| !it.is_flow())?;
        no_dash(self.node(path)?)
    }

    /// The list at `path` with one more item, at its beginning or its end; a list that is not there is made.
    pub fn add_item(&self, path: &[String], item: &str, first: bool) -> Option<Fix> {
        let Some(list) = self.node(path).filter(|it| it.data != Data::Null) else {
            return self.set(path, &format!("[{item}]"));
        };
        let items = list.items();
        let after = |it: &Origin, length: usize| Origin {
            column: it.column + length,
            length: 0,
            ..it.clone()
        };
        match (list.is_flow(), items.first(), items.last()) {
            (true, None, _) => Fix::insert(&after(&list.origin, 1), item),
            (true, Some(it), _) if first => Fix::insert(&it.origin, format!("{item}, ")),
            (true, _, Some(it)) => {
                Fix::insert(&after(&it.origin, it.origin.length), format!(", {item}"))
            }
            (false, Some(it), _) if first => {
                let dash = it.origin.column.checked_sub(2).filter(|it| *it > 0)?;
                let place = Origin { column: dash, ..it.origin.clone() };
                Fix::insert(&place, format!("- {item}\n{}", " ".repeat(dash - 1)))
            }
            (false, _, Some(it)) => {
                let dash = it.origin.column.checked_sub(3)?;
                let place = after(&it.origin, it.origin.length);
                Fix::insert(&place, format!("\n{}- {item}", " ".repeat(dash)))
            }
            _ => None,
        }
    }
}
/// Spaces for the dash before an item.
fn no_dash(item: &Node) -> Option<Fix> {
    let column = item.origin.column.checked_sub(2).filter(|it| *it > 0)?;
    Fix::replace(&Origin { column, length: 2, ..item.origin.clone() }, "  ")
}
