//! Edits of YAML text that put a mistake right: one place replaced by one text.
//!
//! They are made only where the layout leaves no doubt; elsewhere there is none.

use crate::diagnostic::Fix;
use crate::redact;
use crate::source::{Origin, SourceKind};
use crate::tree::{Conf, Data, Entry, Node};

impl Fix {
    /// Another text instead of what stands at `place`. Of variables and flags nothing can be edited.
    pub fn replace(place: &Origin, replacement: impl Into<String>) -> Option<Self> {
        let editable = matches!(place.source.kind, SourceKind::File | SourceKind::Yaml);
        editable.then(|| Self { place: place.clone(), replacement: replacement.into() })
    }

    /// False when the edit repeats a secret that stands where it is made.
    pub(crate) fn is_safe(&self) -> bool {
        let place = &self.place;
        if place.length == 0 || self.replacement.trim().is_empty() {
            return true;
        }
        let (mut from, mut left) = (place.column - 1, place.length);
        for number in place.line.. {
            let Some(line) = place.source.line(number) else { break };
            let to = (from + left).min(line.chars().count());
            let secrets = redact::spans(&place.source, number);
            if secrets.iter().any(|it| it.0 < to && from < it.1) {
                return false;
            }
            left = left.saturating_sub(to.saturating_sub(from) + 1);
            from = 0;
            if left == 0 {
                break;
            }
        }
        true
    }

    /// A text in front of a place.
    pub fn insert(place: &Origin, text: impl Into<String>) -> Option<Self> {
        Self::replace(&Origin { length: 0, ..place.clone() }, text)
    }
}

impl Conf {
    /// The key at `path` renamed.
    pub fn rename(&self, path: &[String], key: &str) -> Option<Fix> {
        Fix::replace(self.origin(path, crate::At::Key)?, key)
    }

    /// `value`, as YAML, for the value at `path`; a key that is not there is added to its map.
    pub fn set(&self, path: &[String], value: &str) -> Option<Fix> {
        let Some(node) = self.node(path) else {
            let (key, parents) = path.split_last()?;
            return self.add(parents, key, value);
        };
        if let Some(reference) = &node.origin.reference
            && node.origin.source.kind == SourceKind::Environment
        {
            return Fix::replace(reference.visible(), value);
        }
        match &node.data {
            Data::Null => self.fill(path, value),
            Data::Map(_) | Data::List(_) if !node.is_flow() => None,
            _ if path.iter().any(|it| redact::is_sensitive(it)) => None,
            _ => Fix::replace(&node.origin, value),
        }
    }

    /// A key with a value, as YAML, at the beginning of the map at `parents`.
    pub fn add(&self, parents: &[String], key: &str, value: &str) -> Option<Fix> {
        let entry = format!("{key}: {value}");
        let entry = entry.trim_end();
        let map = if parents.is_empty() { Some(&self.root) } else { self.node(parents) };
        let Some(map) = map else {
            let (last, above) = parents.split_last()?;
            return self.add(above, last, &format!("{{{entry}}}"));
        };
        match map.entries().first() {
            None if map.data == Data::Null && !parents.is_empty() => {
                self.fill(parents, &format!("{{{entry}}}"))
            }
            None if map.is_flow() => Fix::insert(&after(&map.origin, 1), entry.to_owned()),
            Some(_) if map.is_flow() => Fix::insert(&after(&map.origin, 1), format!("{entry}, ")),
            Some(first) => {
                let indent = " ".repeat(first.key_origin.column - 1);
                Fix::insert(&first.key_origin, format!("{entry}\n{indent}"))
            }
            None => None,
        }
    }

    /// A value behind a key that has none.
    fn fill(&self, path: &[String], value: &str) -> Option<Fix> {
        let node = self.node(path)?;
        if node.origin.source.line(node.origin.line)?.chars().nth(node.origin.column - 1).is_some()
            && ["null", "~"].iter().any(|it| text_at(&node.origin).as_deref() == Some(it))
        {
            return Fix::replace(&node.origin, value);
        }
        let key = self.origin(path, crate::At::Key)?;
        let line = key.source.line(key.line)?;
        let rest: String = line.chars().skip(key.column - 1 + key.length).collect();
        let colon = rest.chars().position(|it| it == ':')?;
        Fix::insert(&after(key, key.length + colon + 1), format!(" {value}"))
    }

    /// The entry at `path` without the lines it takes; `None` where they are shared with others.
    pub fn remove(&self, path: &[String]) -> Option<Fix> {
        let key = self.origin(path, crate::At::Key)?;
        let node = self.node(path)?;
        let line = key.source.line(key.line)?;
        let alone = line.chars().take(key.column - 1).all(char::is_whitespace);
        if !alone || node.origin.source != key.source {
            return None;
        }
        let last = last_line(node);
        let lines: Vec<&str> = key.source.text.lines().collect();
        let taken = lines.get(key.line - 1..last)?;
        let length = taken.iter().map(|it| it.chars().count() + 1).sum();
        let place = Origin { column: 1, length, ..key.clone() };
        Fix::replace(&place, "")
    }

    /// The list at `path` without one of its items.
    pub fn remove_item(&self, path: &[String], at: usize) -> Option<Fix> {
        let list = self.node(path)?;
        let item = list.items().get(at)?;
        if !list.is_flow() {
            let line = item.origin.source.line(item.origin.line)?.trim_start();
            let alone = last_line(item) == item.origin.line
                && (line.starts_with("- ") || line.trim_end() == "-");
            let length = item.origin.source.line(item.origin.line)?.chars().count() + 1;
            let place = Origin { column: 1, length, ..item.origin.clone() };
            return alone.then(|| Fix::replace(&place, ""))?;
        }
        let before = at.checked_sub(1).and_then(|it| list.items().get(it));
        let after = list.items().get(at + 1).filter(|_| before.is_none());
        let from = before.map_or(item.origin.column, |it| it.origin.column + it.origin.length);
        let to = after.map_or(item.origin.column + item.origin.length, |it| it.origin.column);
        let place = Origin { column: from, length: to.checked_sub(from)?, ..item.origin.clone() };
        let neighbour = before.or(after);
        neighbour
            .is_none_or(|it| it.origin.line == item.origin.line)
            .then(|| Fix::replace(&place, ""))?
    }

    /// The list of plain texts at `path`, written `[a, b]`, in another order.
    pub fn reorder(&self, path: &[String], items: &[&str]) -> Option<Fix> {
        let list = self.node(path)?;
        let one_line = list.items().iter().all(|it| it.origin.line == list.origin.line);
        let shown = list.is_flow() && one_line;
        shown.then(|| Fix::replace(&list.origin, format!("[{}]", items.join(", "))))?
    }

    /// A block list whose items are maps, as one map: dashes become spaces.
    pub fn undash(&self, path: &[String]) -> Option<Fix> {
        let list = self.node(path)?;
        let (first, last) = (list.items().first()?, last_line(list));
        if list.is_flow() {
            let keys: Option<Vec<String>> =
                list.items().iter().map(|it| Some(format!("{}: ", it.text()?))).collect();
            return Fix::replace(&list.origin, format!("{{{}}}", keys?.join(", ")));
        }
        let source = &list.origin.source;
        let dash = source.line(first.origin.line)?.find('-')?;
        let lines: Vec<&str> = source.text.lines().collect();
        let taken = lines.get(first.origin.line - 1..last)?;
        let undashed =
            taken.iter().map(|line| match line.get(dash..).and_then(|it| it.strip_prefix("- ")) {
                Some(rest) if rest.contains(':') => format!("{}  {rest}\n", &line[..dash]),
                Some(rest) => format!("{}  {}:\n", &line[..dash], rest.trim_end()),
                None => format!("{line}\n"),
            });
        let length = taken.iter().map(|it| it.chars().count() + 1).sum();
        let place = Origin { line: first.origin.line, column: 1, length, ..list.origin.clone() };
        Fix::replace(&place, undashed.collect::<String>())
    }

    /// A map whose keys have no values, as a list of the keys.
    pub fn dash(&self, path: &[String]) -> Option<Fix> {
        let map = self.node(path)?;
        let keys: Vec<&str> = map.entries().iter().map(|it| it.key.as_str()).collect();
        if map.is_flow() {
            return Fix::replace(&map.origin, format!("[{}]", keys.join(", ")));
        }
        let (first, last) = (map.entries().first()?, map.entries().last()?);
        let bare = map.entries().iter().all(|it| it.value.data == Data::Null);
        let lines = last.key_origin.line + 1 - first.key_origin.line;
        if !bare || lines != keys.len() {
            return None;
        }
        let indent = " ".repeat(first.key_origin.column - 1);
        let text: String = keys.iter().map(|it| format!("{indent}- {it}\n")).collect();
        let taken = map.origin.source.text.lines().skip(first.key_origin.line - 1).take(lines);
        let length = taken.map(|it| it.chars().count() + 1).sum();
        Fix::replace(&Origin { column: 1, length, ..first.key_origin.clone() }, text)
    }

    /// The same lines, moved out of the map that holds them: only the last entry of a map can go.
    pub fn outdent(&self, path: &[String], levels: usize) -> Option<Fix> {
        let key = self.origin(path, crate::At::Key)?;
        let mut inner = path;
        for _ in 0..levels {
            let (last, parents) = inner.split_last()?;
            let is_last = self.node(parents)?.entries().last().is_some_and(|it| it.key == *last);
            if !is_last || self.node(parents)?.is_flow() {
                return None;
            }
            inner = parents;
        }
        let target = self.origin(inner, crate::At::Key)?;
        let by = key.column.checked_sub(target.column)?;
        let removed = self.remove(path)?;
        let lines: Vec<&str> = key.source.text.lines().collect();
        let moved: Vec<String> = lines
            .get(key.line - 1..last_line(self.node(path)?))?
            .iter()
            .map(|it| it.get(by..).unwrap_or_default().to_owned() + "\n")
            .collect();
        Some(Fix { replacement: moved.concat(), ..removed })
    }
}

/// One entry of two with the same key: the keys of the second moved below the first, or a second
/// that is no map removed.
pub(crate) fn join(first: &Entry, second: &Entry) -> Option<Fix> {
    let (key, source) = (&second.key_origin, &second.key_origin.source);
    let lines: Vec<&str> = source.text.lines().collect();
    let alone = lines.get(key.line - 1)?.chars().take(key.column - 1).all(char::is_whitespace);
    if !alone || first.value.origin.source != *source || second.value.origin.source != *source {
        return None;
    }
    let (end, last) = (last_line(&first.value), last_line(&second.value));
    let column = |it: &Entry| it.value.entries().first().map(|it| it.key_origin.column);
    let again = |it: &Entry| first.value.entry(&it.key).is_some();
    let maps = [first, second].map(|it| matches!(it.value.data, Data::Map(_)));
    let (from, kept) = match maps {
        [true, true] if first.value.is_flow() || second.value.is_flow() => return None,
        [true, true] if column(first) != column(second) => return None,
        // Which of two values is meant, only a person can say.
        [true, true] if second.value.entries().iter().any(again) => return None,
        [true, true] => {
            let moved = lines.get(key.line..last)?;
            (end + 1, [moved, lines.get(end..key.line - 1)?].concat())
        }
        _ => (key.line, Vec::new()),
    };
    let length = lines.get(from - 1..last)?.iter().map(|it| it.chars().count() + 1).sum();
    let place = Origin { line: from, column: 1, length, ..key.clone() };
    Fix::replace(&place, kept.iter().map(|it| format!("{it}\n")).collect::<String>())
}

impl Node {
    /// True for `[...]` and `{...}`.
    pub fn is_flow(&self) -> bool {
        text_at(&self.origin).is_some_and(|it| it.starts_with(['[', '{']))
    }

    /// The same in a text of several lines, whose lines are joined by one sign each.
    fn part_of_lines(&self, text: &str, span: std::ops::Range<usize>) -> Option<Origin> {
        let source = &self.origin.source;
        let mut at = 0;
        for line in self.origin.line..=last_line(self).max(self.origin.line + text.lines().count())
        {
            let written = source.line(line)?;
            let content = written.trim();
            let rest = text.get(at..)?;
            let inner = rest.trim_start_matches(' ');
            let skipped = rest.len() - inner.len();
            if !inner.starts_with(content) {
                return None;
            }
            let (from, to) = (at + skipped, at + skipped + content.len());
            if (from..to).contains(&span.start) {
                let indent = written.len() - written.trim_start().len();
                let column = written.get(..indent + span.start - from)?.chars().count() + 1;
                let length = text.get(span.start..span.end.min(to))?.chars().count();
                return Some(Origin::new(source.clone(), line, column, length));
            }
            at = to + 1;
        }
        None
    }

    /// True for a text in quotes.
    pub fn is_quoted(&self) -> bool {
        text_at(&self.origin).is_some_and(|it| it.starts_with(['"', '\'']))
    }

    /// The place of some bytes of its text, if that is written as it is and on one line.
    pub fn part(&self, span: std::ops::Range<usize>) -> Option<Origin> {
        let text = self.text().filter(|_| self.origin.reference.is_none())?;
        let written = text_at(&self.origin)?;
        let Some(start) = written.find(text) else { return self.part_of_lines(text, span) };
        let quote = written.get(..start)?.chars().count();
        let before = quote + text.get(..span.start)?.chars().count();
        let length = text.get(span)?.chars().count().max(1);
        Some(Origin { column: self.origin.column + before, length, ..self.origin.clone() })
    }
}

/// What stands at a place, on its first line.
pub(crate) fn text_at(place: &Origin) -> Option<String> {
    let line = place.source.line(place.line)?;
    Some(line.chars().skip(place.column - 1).take(place.length).collect())
}

/// The place `count` characters later.
fn after(place: &Origin, count: usize) -> Origin {
    Origin { column: place.column + count, length: 0, ..place.clone() }
}

/// The last line that a node takes, with the further lines of a text.
pub(crate) fn last_line(node: &Node) -> usize {
    let source = &node.origin.source;
    let deepest = match &node.data {
        Data::Map(entries) => entries.iter().map(|it| last_line(&it.value)).max(),
        Data::List(items) => items.iter().map(last_line).max(),
        Data::String(text) if text.contains('\n') => {
            Some(node.origin.line + text.trim_end().matches('\n').count() + 1)
        }
        _ => None,
    };
    deepest.unwrap_or(0).max(node.origin.line).min(source.text.lines().count())
}
