//! Where a piece of configuration stands.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};

use saphyr_parser::Span;

/// What kind of place configuration text comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// A file, by path.
    File,
    /// An environment variable, by name. Its text is never shown.
    Environment,
    /// A `--set` flag.
    Set,
    /// A `yaml:` location.
    Yaml,
    /// An `http:` or `https:` location, by address, without its secrets.
    Web,
    /// The program itself: nobody has said otherwise.
    Default,
}

/// First and one past the last character, counted from 0.
pub(crate) type Columns = (usize, usize);

/// The secrets of a source, as far as somebody has asked for them.
#[derive(Default)]
pub(crate) struct Secrets {
    pub(crate) tree: OnceLock<Tree>,
    pub(crate) lines: Mutex<BTreeMap<usize, Arc<[Columns]>>>,
}

/// What the keys of a text make a secret.
pub(crate) struct Tree {
    pub(crate) spans: Vec<Span>,
    /// False if the text is no YAML behind the last of them.
    pub(crate) whole: bool,
}

/// One text that configuration was read from.
pub struct Source {
    /// What it is.
    pub kind: SourceKind,
    /// Path, variable or flag, as the user wrote it.
    pub name: String,
    /// All of it.
    pub text: String,
    /// Where each line begins, in bytes.
    lines: Vec<usize>,
    /// What must not be shown of it: a file with a mistake on every line would be read anew for each.
    pub(crate) secrets: Secrets,
}

/// The same text from the same place.
impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        (self.kind, &self.name, &self.text) == (other.kind, &other.name, &other.text)
    }
}

impl Eq for Source {}

impl Source {
    /// A shared source.
    pub fn new(kind: SourceKind, name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        let text: String = text.into();
        let lines = text.lines().map(|line| line.as_ptr() as usize - text.as_ptr() as usize);
        let lines = lines.collect();
        Arc::new(Self { kind, name: name.into(), text, lines, secrets: Secrets::default() })
    }

    /// Line `number`, counted from 1, without its end.
    pub fn line(&self, number: usize) -> Option<&str> {
        let start = *self.lines.get(number.checked_sub(1)?)?;
        self.text.get(start..)?.lines().next()
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            SourceKind::File | SourceKind::Web => f.write_str(&self.name),
            SourceKind::Environment => write!(f, "env:{}", self.name),
            SourceKind::Set => f.write_str("--set"),
            SourceKind::Yaml => f.write_str("yaml:"),
            SourceKind::Default => f.write_str("default"),
        }
    }
}

/// Without the text, which may hold secrets.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({self})")
    }
}

/// The place of a key or value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The text it stands in.
    pub source: Arc<Source>,
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// In characters, on that line; at least 1.
    pub length: usize,
    /// Where the `${...}` or the alias stands that brought it here.
    pub reference: Option<Arc<Origin>>,
}

impl Origin {
    /// `length` characters at a place.
    pub fn new(source: Arc<Source>, line: usize, column: usize, length: usize) -> Self {
        Self { source, line, column, length: length.max(1), reference: None }
    }

    /// True if `other` begins within it.
    pub fn covers(&self, other: &Self) -> bool {
        let columns = self.column..self.column + self.length;
        other.source == self.source && other.line == self.line && columns.contains(&other.column)
    }

    /// The place of every value that is not in the configuration.
    pub fn default_value() -> Self {
        Self::new(Source::new(SourceKind::Default, "", ""), 1, 1, 1)
    }

    /// The same place, brought in from `reference`; outermost last.
    #[must_use]
    pub fn via(mut self, reference: &Arc<Origin>) -> Self {
        self.reference = Some(match self.reference {
            None => reference.clone(),
            Some(inner) => Arc::new(Origin::clone(&inner).via(reference)),
        });
        self
    }

    /// The place that a person can look at: the first that is not in a variable.
    pub fn visible(&self) -> &Origin {
        match &self.reference {
            Some(reference) if self.source.kind == SourceKind::Environment => reference.visible(),
            _ => self,
        }
    }
}

impl fmt::Display for Origin {
    /// `file:line:column`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source.kind {
            SourceKind::Environment | SourceKind::Default => self.source.fmt(f),
            _ => write!(f, "{}:{}:{}", self.source, self.line, self.column),
        }
    }
}
