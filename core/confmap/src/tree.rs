//! The resolved tree and how to find things in it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Label, Severity};
use crate::redact::{self, REDACTED};
use crate::source::{Origin, Source, SourceKind};

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it is.
    pub data: Data,
    /// The text that it was read from, where that may differ from what YAML made of it: the whole
    /// content of a variable or file, or a time stamp. A field that wants text takes this.
    pub original: Option<String>,
    /// Where it stands.
    pub origin: Origin,
    /// Variables and files whose text is part of this text.
    pub parts: Vec<Arc<Source>>,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// Nothing, or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Any integer of Go's `int64` or `uint64`.
    Int(i128),
    /// Any other number.
    Float(f64),
    /// Text.
    String(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping in the order written, keys unique.
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key as text.
    pub key: String,
    /// Where the key stands.
    pub key_origin: Origin,
    /// The value.
    pub value: Node,
}

impl Node {
    /// A node without anything special.
    pub fn new(data: Data, origin: Origin) -> Self {
        Self { data, original: None, origin, parts: Vec::new() }
    }

    /// The entries of a map; none for anything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.data {
            Data::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The text of a node that is one.
    pub fn text(&self) -> Option<&str> {
        match &self.data {
            Data::String(text) => Some(text),
            _ => None,
        }
    }

    /// The elements of a list; none for anything else.
    pub fn items(&self) -> &[Node] {
        match &self.data {
            Data::List(items) => items,
            _ => &[],
        }
    }

    /// The same tree, brought in from `reference`.
    #[must_use]
    pub(crate) fn via(mut self, reference: &Arc<Origin>) -> Self {
        self.origin = self.origin.via(reference);
        match &mut self.data {
            Data::List(items) => {
                *items = std::mem::take(items).into_iter().map(|it| it.via(reference)).collect();
            }
            Data::Map(entries) => {
                for entry in entries {
                    entry.key_origin = entry.key_origin.clone().via(reference);
                    let null = Node::new(Data::Null, entry.value.origin.clone());
                    entry.value = std::mem::replace(&mut entry.value, null).via(reference);
                }
            }
            _ => {}
        }
        self
    }

    /// Everything at one place: for values that have none of their own.
    pub(crate) fn move_to(&mut self, origin: &Origin) {
        self.each_origin(&mut |it| *it = origin.clone());
    }

    /// The same places in another source.
    pub(crate) fn rebase(&mut self, source: &Arc<Source>) {
        self.each_origin(&mut |it| it.source = source.clone());
    }

    fn each_origin(&mut self, change: &mut impl FnMut(&mut Origin)) {
        change(&mut self.origin);
        match &mut self.data {
            Data::List(items) => items.iter_mut().for_each(|it| it.each_origin(change)),
            Data::Map(entries) => entries.iter_mut().for_each(|it| {
                change(&mut it.key_origin);
                it.value.each_origin(change);
            }),
            _ => {}
        }
    }

    /// Lists and maps from here down to the deepest value.
    pub(crate) fn depth(&self) -> usize {
        match &self.data {
            Data::List(items) => 1 + items.iter().map(Node::depth).max().unwrap_or(0),
            Data::Map(entries) => 1 + entries.iter().map(|it| it.value.depth()).max().unwrap_or(0),
            _ => 0,
        }
    }

    /// The entry of a map.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|it| it.key == key)
    }

    /// The value of a map's key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|it| &it.value)
    }
}

/// Which half of an entry is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The key: it should not be there, or is misspelt.
    Key,
    /// The value: it does not fit.
    Value,
}

/// Something worth a line in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Warning or info.
    pub severity: Severity,
    /// The Collector's text.
    pub message: &'static str,
    /// The variable.
    pub name: String,
    /// Where it is referred to.
    pub origin: Option<Origin>,
}

/// A resolved configuration.
#[derive(Debug, Clone)]
pub struct Conf {
    /// The tree; `Data::Null` when all locations are empty.
    pub root: Node,
    /// References to unset and empty variables, in the order met.
    pub notices: Vec<Notice>,
    /// What is legal and probably wrong in the texts themselves, as warnings.
    pub doubts: Vec<Diagnostic>,
    /// The files that were read, also those that nothing is left of.
    pub files: BTreeSet<PathBuf>,
}

impl Conf {
    /// The value at `path`: keys, and list positions as decimal numbers.
    pub fn node<S: AsRef<str>>(&self, path: &[S]) -> Option<&Node> {
        path.iter().try_fold(&self.root, |node, step| child(node, step.as_ref()).map(|it| it.1))
    }

    /// Where the value, or its key, at `path` stands.
    pub fn origin<S: AsRef<str>>(&self, path: &[S], at: At) -> Option<&Origin> {
        let (last, parents) = path.split_last()?;
        let (key, value) = child(self.node(parents)?, last.as_ref())?;
        Some(if at == At::Key { key.unwrap_or(&value.origin) } else { &value.origin })
    }

    /// As [`Conf::origin`]; where the path leads nowhere, the key of the last section on the way, or where the
    /// configuration begins.
    pub fn nearest<S: AsRef<str>>(&self, path: &[S], at: At) -> Option<&Origin> {
        self.origin(path, at)
            .or_else(|| {
                let above = (1..path.len()).rev();
                above.map(|depth| self.origin(&path[..depth], At::Key)).find(Option::is_some)?
            })
            .or_else(|| {
                (self.root.origin.source.kind == SourceKind::File).then_some(&self.root.origin)
            })
    }

    /// A mistake at `path`; its place is the nearest that exists.
    pub fn problem<S: AsRef<str>>(
        &self,
        code: &'static str,
        message: impl Into<String>,
        path: &[S],
        at: At,
    ) -> Diagnostic {
        let mut problem = Diagnostic::new(code, self.without_secret(path, &message.into()));
        problem.path = path.iter().map(|it| it.as_ref().to_owned()).collect();
        problem.primary = self.nearest(path, at).map(|it| Label::new(it.clone(), ""));
        for part in self.node(path).map_or(&[][..], |it| &it.parts) {
            problem.notes.push(format!("part of the text comes from {part}"));
        }
        problem
    }

    /// `text` without the value at `path`, if that is below a sensitive key.
    pub fn without_secret<S: AsRef<str>>(&self, path: &[S], text: &str) -> String {
        let sensitive = path.iter().any(|it| redact::is_sensitive(it.as_ref()));
        let value = self.node(path).and_then(|it| match &it.data {
            Data::String(value) => Some(value.as_str()),
            _ => it.original.as_deref(),
        });
        match value.filter(|it| sensitive && !it.is_empty()) {
            Some(value) => without_word(text, value),
            None => text.to_owned(),
        }
    }
}

/// The text without a word, which may be part of other words.
fn without_word(text: &str, word: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(word) {
        let (before, after) = (&rest[..at], &rest[at + word.len()..]);
        let joined = |it: Option<char>, edge: Option<char>| {
            it.zip(edge).is_some_and(|(a, b)| a.is_alphanumeric() && b.is_alphanumeric())
        };
        let is_part = joined(before.chars().next_back(), word.chars().next())
            || joined(after.chars().next(), word.chars().next_back());
        out += before;
        out += if is_part { word } else { REDACTED };
        rest = after;
    }
    out + rest
}

fn child<'a>(node: &'a Node, step: &str) -> Option<(Option<&'a Origin>, &'a Node)> {
    match &node.data {
        Data::Map(_) => node.entry(step).map(|it| (Some(&it.key_origin), &it.value)),
        Data::List(items) => Some((None, items.get(step.parse::<usize>().ok()?)?)),
        _ => None,
    }
}
