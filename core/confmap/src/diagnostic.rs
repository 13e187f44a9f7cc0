//! Mistakes, with their places and remedies.

use std::fmt;

use crate::render;
use crate::source::Origin;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing starts.
    Error,
    /// Legal, and probably wrong.
    Warning,
    /// Good to know.
    Info,
}

/// A place and what to say about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub origin: Origin,
    /// Shown beside the caret; may be empty.
    pub text: String,
}

impl Label {
    /// A place and what to say about it.
    pub fn new(origin: Origin, text: impl Into<String>) -> Self {
        Self { origin, text: text.into() }
    }
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable: `SL0xxx`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence, lower case, without values of variables.
    pub message: String,
    /// Keys and list positions from the root down to the culprit.
    pub path: Vec<String>,
    /// The culprit.
    pub primary: Option<Label>,
    /// Other places that have to do with it.
    pub related: Vec<Label>,
    /// Facts that explain it.
    pub notes: Vec<String>,
    /// What to do.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error without a place.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            path: Vec::new(),
            primary: None,
            related: Vec::new(),
            notes: Vec::new(),
            help: None,
        }
    }

    /// Sets the culprit.
    #[must_use]
    pub fn at(mut self, origin: Origin, text: impl Into<String>) -> Self {
        self.primary = Some(Label::new(origin, text));
        self
    }

    /// Adds a place that has to do with it.
    #[must_use]
    pub fn related(mut self, origin: Origin, text: impl Into<String>) -> Self {
        self.related.push(Label::new(origin, text));
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }
}

/// Everything that is wrong. `Display` is what goes to standard error after `Error: `.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics {
    /// The Collector's own text, several lines where it has several.
    pub headline: String,
    /// Each mistake.
    pub list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// The Collector's text and the mistakes behind it.
    pub fn new(headline: impl Into<String>, list: Vec<Diagnostic>) -> Self {
        Self { headline: headline.into(), list }
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&render::text(self))
    }
}

impl std::error::Error for Diagnostics {}
