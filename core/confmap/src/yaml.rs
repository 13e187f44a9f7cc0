//! YAML text to a tree, with anchors, merge keys and the place of everything. Here the parser is driven; what is
//! done about a text that it refuses stands in `document`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, Tag};

use crate::code;
use crate::diagnostic::Diagnostic;
use crate::edit;
use crate::scalar;
use crate::source::{Origin, Source};
use crate::tree::{Data, Entry, Node};

/// Longest text of one file or variable, in bytes.
pub(crate) const TEXT_BYTES_MAX: usize = 1 << 20;
/// Deepest nesting of lists and maps.
pub(crate) const DEPTH_MAX: usize = 64;
/// Longest line, in bytes, in which places are exact to the character: finding them takes as long as
/// the line is.
pub(crate) const EXACT_BYTES_MAX: usize = 16 << 10;
/// Most values in a tree, aliases counted as what they stand for.
pub(crate) const NODES_MAX: usize = 100_000;
/// Most bytes of text in a tree, aliases counted as what they stand for.
pub(crate) const TREE_BYTES_MAX: usize = 16 << 20;

/// How large a text, and what comes of it, may be.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Longest text, in bytes.
    pub text_bytes: usize,
    /// Most values in a tree, aliases counted as what they stand for.
    pub nodes: usize,
    /// Most bytes of text in a tree, aliases counted as what they stand for.
    pub tree_bytes: usize,
}

/// Those of a configuration.
pub(crate) const CONFIGURATION: Bounds =
    Bounds { text_bytes: TEXT_BYTES_MAX, nodes: NODES_MAX, tree_bytes: TREE_BYTES_MAX };

/// Why a text is not YAML.
#[derive(Debug)]
pub(crate) struct YamlError {
    /// In the words of `yaml.v3`, beginning with `yaml: `.
    pub(crate) text: String,
    /// Each mistake and its place.
    pub(crate) list: Vec<Diagnostic>,
}

/// The line of the first mistake of syntax, or of content; `None` for a text that can be read and holds something.
pub(crate) fn first_mistake(text: &str) -> Option<usize> {
    let source = Source::new(crate::source::SourceKind::Yaml, "", text);
    match read(&source, text) {
        Ok(node) => (node.data == Data::Null).then_some(0),
        Err(Failure::Syntax(error, _)) => Some(error.marker().line()),
        Err(Failure::Content(_)) => Some(0),
    }
}

/// Why a text cannot be read.
pub(crate) enum Failure {
    /// The parser stops; with what was open there.
    Syntax(ScanError, Vec<Open>),
    /// It is YAML, and not what a configuration may hold.
    Content(YamlError),
}

/// Reads the first document of `text`; places are those of `source`.
///
/// # Errors
/// What is wrong, before anybody has looked for what was meant.
pub(crate) fn read(source: &Arc<Source>, text: &str) -> Result<Node, Failure> {
    let mut builder = Builder::new(source, CONFIGURATION);
    let mut parser = Parser::new_from_str(text);
    while let Some(next) = parser.next_event() {
        match next {
            Ok((Event::DocumentEnd | Event::StreamEnd, _)) => break,
            Ok((event, span)) => builder.take(event, span).map_err(Failure::Content)?,
            Err(error) => return Err(Failure::Syntax(error, builder.open())),
        }
    }
    builder.finish().map_err(Failure::Content)
}

/// Reads all documents of a source that is no configuration; those without anything are left out.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_all(source: &Arc<Source>, bounds: Bounds) -> Result<Vec<Node>, Failure> {
    let mut builder = Builder::new(source, bounds);
    let mut parser = Parser::new_from_str(&source.text);
    let mut documents = Vec::new();
    while let Some(next) = parser.next_event() {
        match next {
            Ok((Event::StreamEnd, _)) => break,
            Ok((Event::DocumentEnd, _)) => {
                let cost = builder.cost;
                let done = std::mem::replace(
                    &mut builder,
                    Builder { cost, ..Builder::new(source, bounds) },
                );
                documents.push(done.finish().map_err(Failure::Content)?);
            }
            Ok((event, span)) => builder.take(event, span).map_err(Failure::Content)?,
            Err(error) => return Err(Failure::Syntax(error, builder.open())),
        }
    }
    documents.retain(|it| it.data != Data::Null);
    Ok(documents)
}

/// A list or map that has begun and not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Open {
    /// Where it begins.
    pub(crate) start: Marker,
    /// `[` or `{`, if it begins with one.
    pub(crate) bracket: Option<char>,
}

enum Frame {
    List { open: Open, anchor: usize, items: Vec<Node> },
    Map { open: Open, anchor: usize, entries: Vec<Entry>, merges: Vec<Entry>, key: Option<Key> },
}

struct Key {
    text: String,
    origin: Origin,
    is_merge: bool,
}

/// How much an anchored value adds to the tree wherever it is used.
#[derive(Clone, Copy, Default)]
pub(crate) struct Cost {
    /// Lists, maps and scalars.
    pub(crate) nodes: usize,
    /// Text of keys and scalars.
    pub(crate) bytes: usize,
}

impl Cost {
    /// Of one tree.
    pub(crate) fn of(node: &Node) -> Self {
        let mut cost = Cost { nodes: 1, bytes: node.original.as_ref().map_or(0, String::len) };
        let mut add = |it: Cost| {
            cost.nodes += it.nodes;
            cost.bytes += it.bytes;
        };
        match &node.data {
            Data::String(text) => add(Cost { nodes: 0, bytes: text.len() }),
            Data::List(items) => items.iter().for_each(|it| add(Cost::of(it))),
            Data::Map(entries) => entries.iter().for_each(|it| {
                add(Cost { nodes: 0, bytes: it.key.len() });
                add(Cost::of(&it.value));
            }),
            _ => {}
        }
        cost
    }

    /// Adds, and says whether the sum is still within the limits of a tree.
    pub(crate) fn add(&mut self, other: Cost) -> bool {
        self.add_within(other, CONFIGURATION)
    }

    fn add_within(&mut self, other: Cost, bounds: Bounds) -> bool {
        self.nodes = self.nodes.saturating_add(other.nodes);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.nodes <= bounds.nodes && self.bytes <= bounds.tree_bytes
    }
}

struct Builder<'a> {
    source: &'a Arc<Source>,
    bounds: Bounds,
    lines: Vec<&'a str>,
    frames: Vec<Frame>,
    anchors: BTreeMap<usize, (Node, Cost, usize)>,
    cost: Cost,
    duplicates: Vec<(usize, String, usize, Diagnostic)>,
    root: Option<Node>,
}

impl<'a> Builder<'a> {
    fn new(source: &'a Arc<Source>, bounds: Bounds) -> Self {
        Self {
            source,
            bounds,
            lines: source.text.lines().collect(),
            frames: Vec::new(),
            anchors: BTreeMap::new(),
            cost: Cost::default(),
            duplicates: Vec::new(),
            root: None,
        }
    }

    fn open(&self) -> Vec<Open> {
        let open = |frame: &Frame| match frame {
            Frame::List { open, .. } | Frame::Map { open, .. } => *open,
        };
        self.frames.iter().map(open).collect()
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), YamlError> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.scalar(&text, style, tag.as_deref(), anchor, span)
            }
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::SequenceStart(anchor, _) => {
                let open = self.begin(span)?;
                self.frames.push(Frame::List { open, anchor, items: Vec::new() });
                Ok(())
            }
            Event::MappingStart(anchor, _) => {
                let open = self.begin(span)?;
                let (entries, merges) = (Vec::new(), Vec::new());
                self.frames.push(Frame::Map { open, anchor, entries, merges, key: None });
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            _ => Ok(()),
        }
    }

    fn begin(&mut self, span: Span) -> Result<Open, YamlError> {
        if self.frames.len() >= DEPTH_MAX {
            let text = format!("exceeded max depth of {DEPTH_MAX}");
            return Err(self.fail(code::LIMIT, &text, span));
        }
        let first = self.char_at(span.start).filter(|it| matches!(it, '[' | '{'));
        Ok(Open { start: span.start, bracket: first.filter(|_| span.start != span.end) })
    }

    fn char_at(&self, mark: Marker) -> Option<char> {
        let line = self.lines.get(mark.line() - 1)?;
        if line.len() > EXACT_BYTES_MAX {
            return None;
        }
        line.chars().nth(mark.col())
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        anchor: usize,
        span: Span,
    ) -> Result<(), YamlError> {
        let origin = self.origin(span);
        let plain = style == ScalarStyle::Plain;
        if self.wants_key() {
            let is_merge = plain && text == "<<" && tag.is_none_or(|it| it.suffix == "merge");
            if anchor > 0 {
                let node = Node::new(Data::String(text.to_owned()), origin.clone());
                self.anchors.insert(anchor, (node, Cost { nodes: 1, bytes: text.len() }, 0));
            }
            self.key(Key { text: text.to_owned(), origin, is_merge });
            return Ok(());
        }
        let tag = match tag {
            Some(it) if it.is_yaml_core_schema() => Some(it.suffix.as_str()),
            Some(it) if !it.handle.is_empty() || it.suffix != "!" => {
                let text = format!("cannot decode !!str `{text}` as a {}{}", it.handle, it.suffix);
                return Err(self.fail(code::SYNTAX, &text, span));
            }
            Some(_) => Some("str"),
            None => None,
        };
        let tag = if plain { tag } else { tag.or(Some("str")) };
        let value = match tag {
            Some("binary") => scalar::resolve(text, Some("str")),
            tag => scalar::resolve(text, tag),
        }
        .map_err(|text| self.fail(code::SYNTAX, &text, span))?;
        let mut node = Node::new(value.data, origin);
        node.original = value.original;
        let cost = Cost { nodes: 1, bytes: text.len() };
        self.pay(cost, span)?;
        self.remember(anchor, &node, cost, 0);
        self.value(node, span)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), YamlError> {
        let Some((node, cost, depth)) = self.anchors.get(&anchor) else {
            let line = self.lines.get(span.start.line() - 1).copied().unwrap_or_default();
            let name: String = line
                .chars()
                .skip(span.start.col() + 1)
                .take_while(|it| !it.is_whitespace() && !is_bracket(*it) && *it != ',')
                .collect();
            let text = format!("anchor '{name}' value contains itself");
            return Err(self.fail(code::SYNTAX, &text, span));
        };
        let (cost, depth, node) = (*cost, *depth, node.clone());
        if self.wants_key() {
            let Data::String(text) = node.data else {
                return Err(self.fail(code::SYNTAX, "invalid map key", span));
            };
            let origin = self.origin(span);
            self.key(Key { text, origin, is_merge: false });
            return Ok(());
        }
        self.pay(cost, span)?;
        if self.frames.len() + depth > DEPTH_MAX {
            let text = format!("exceeded max depth of {DEPTH_MAX}");
            return Err(self.fail(code::LIMIT, &text, span));
        }
        let reference = Arc::new(self.origin(span));
        self.value(node.via(&reference), span)
    }

    fn pay(&mut self, cost: Cost, span: Span) -> Result<(), YamlError> {
        if self.cost.add_within(cost, self.bounds) {
            return Ok(());
        }
        let text = "document contains excessive aliasing";
        let text = if self.anchors.is_empty() {
            format!(
                "document has more than {} values or {} bytes of text",
                self.bounds.nodes, self.bounds.tree_bytes
            )
        } else {
            text.to_owned()
        };
        Err(self.fail(code::LIMIT, &text, span))
    }

    fn remember(&mut self, anchor: usize, node: &Node, cost: Cost, depth: usize) {
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), cost, depth));
        }
    }

    fn wants_key(&self) -> bool {
        matches!(self.frames.last(), Some(Frame::Map { key: None, .. }))
    }

    fn key(&mut self, key: Key) {
        if let Some(Frame::Map { key: slot, .. }) = self.frames.last_mut() {
            *slot = Some(key);
        }
    }

    fn value(&mut self, value: Node, span: Span) -> Result<(), YamlError> {
        match self.frames.last_mut() {
            None => self.root = Some(value),
            Some(Frame::List { items, .. }) => items.push(value),
            Some(Frame::Map { entries, merges, key, .. }) => {
                let Some(key) = key.take() else {
                    return Err(self.fail(code::SYNTAX, "invalid map key", span));
                };
                let entry = Entry { key: key.text, key_origin: key.origin, value };
                let list = if key.is_merge { merges } else { entries };
                list.push(entry);
            }
        }
        Ok(())
    }

    fn end(&mut self, span: Span) -> Result<(), YamlError> {
        let Some(frame) = self.frames.pop() else { return Ok(()) };
        let (open, anchor, data) = match frame {
            Frame::List { open, anchor, items } => (open, anchor, Data::List(items)),
            Frame::Map { open, anchor, entries, merges, .. } => {
                self.note_duplicates(&merges);
                let entries = self.merged(entries, merges, span)?;
                (open, anchor, Data::Map(entries))
            }
        };
        let mut node = Node::new(data, self.origin(Span { start: open.start, end: span.end }));
        if anchor > 0 {
            let cost = Cost::of(&node);
            self.remember(anchor, &node, cost, node.depth());
        }
        self.pay(Cost { nodes: 1, bytes: 0 }, span)?;
        if self.wants_key() {
            node.data = Data::Null;
            return Err(self.fail(code::SYNTAX, "invalid map key", span));
        }
        self.value(node, span)
    }

    /// Duplicates out, then what `<<` brings, for keys that are not there yet.
    fn merged(
        &mut self,
        mut entries: Vec<Entry>,
        merges: Vec<Entry>,
        span: Span,
    ) -> Result<Vec<Entry>, YamlError> {
        self.note_duplicates(&entries);
        let mut seen: std::collections::BTreeSet<String> =
            entries.iter().map(|it| it.key.clone()).collect();
        for merge in merges {
            let reference = Arc::new(merge.value.origin.clone());
            let maps = match merge.value.data {
                Data::List(items) => items,
                _ => vec![merge.value],
            };
            for map in maps {
                let Data::Map(new) = map.data else {
                    let text = "map merge requires map or sequence of maps as the value";
                    let mut error = self.fail(code::SYNTAX, text, span);
                    if let Some(first) = error.list.first_mut() {
                        *first = first.clone().at(reference.as_ref().clone(), "");
                    }
                    return Err(error);
                };
                entries.extend(new.into_iter().filter(|it| seen.insert(it.key.clone())));
            }
        }
        Ok(entries)
    }

    fn note_duplicates(&mut self, entries: &[Entry]) {
        let mut first: BTreeMap<&str, &Entry> = BTreeMap::new();
        for entry in entries {
            let Some(earlier) = first.get(entry.key.as_str()) else {
                first.insert(&entry.key, entry);
                continue;
            };
            let problem = Diagnostic::new(
                code::DUPLICATE_KEY,
                format!(
                    "mapping key {:?} already defined at line {}",
                    entry.key, earlier.key_origin.line
                ),
            )
            .at(entry.key_origin.clone(), "defined again")
            .related(earlier.key_origin.clone(), "first defined here")
            .help("keep one of the two, or move the keys of one below the other")
            .fix(edit::join(earlier, entry));
            self.duplicates.push((
                entry.key_origin.line,
                entry.key.clone(),
                earlier.key_origin.line,
                problem,
            ));
        }
    }

    fn origin(&self, span: Span) -> Origin {
        let (start, end) = (span.start, span.end);
        let line = self.lines.get(start.line().saturating_sub(1)).copied().unwrap_or_default();
        let rest = || {
            let exact = line.len() <= EXACT_BYTES_MAX;
            if exact {
                line.trim_end_matches([' ', '\t']).chars().count().saturating_sub(start.col())
            } else {
                1
            }
        };
        let length = if end.line() == start.line() {
            (end.col().saturating_sub(start.col())).min(rest().max(1))
        } else {
            rest()
        };
        Origin::new(self.source.clone(), start.line(), start.col() + 1, length)
    }

    fn fail(&self, code: &'static str, text: &str, span: Span) -> YamlError {
        let list = vec![Diagnostic::new(code, text).at(self.origin(span), "")];
        YamlError { text: format!("yaml: {text}"), list }
    }

    fn finish(mut self) -> Result<Node, YamlError> {
        if self.duplicates.is_empty() {
            let start = Origin::new(self.source.clone(), 1, 1, 1);
            return Ok(self.root.unwrap_or_else(|| Node::new(Data::Null, start)));
        }
        self.duplicates.sort_by_key(|it| it.0);
        let mut text = "yaml: unmarshal errors:".to_owned();
        for (line, key, earlier, _) in &self.duplicates {
            let _ = write!(
                text,
                "\n  line {line}: mapping key {key:?} already defined at line {earlier}"
            );
        }
        Err(YamlError { text, list: self.duplicates.into_iter().map(|it| it.3).collect() })
    }
}

fn is_bracket(c: char) -> bool {
    matches!(c, '[' | ']' | '{' | '}')
}
