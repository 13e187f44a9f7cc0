//! Mistakes, with their places and remedies.

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

impl Severity {
    /// As it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        }
    }
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

/// An edit that puts the mistake right: the characters of a place, replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What goes; of no length for what is only added. The end of a line counts as one character.
    pub place: Origin,
    /// What stands there instead.
    pub replacement: String,
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
    /// The same as edits, where they are known; all of them together put it right.
    pub fix: Vec<Fix>,
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
            fix: Vec::new(),
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

    /// The same, only as a warning.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// Says which edits put it right; not if that would show a secret.
    #[must_use]
    pub fn fix(mut self, fix: impl IntoIterator<Item = Fix>) -> Self {
        self.fix = fix.into_iter().collect();
        if !self.fix.iter().all(Fix::is_safe) {
            self.fix.clear();
        }
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }
}

/// Everything that is wrong. `Display` is what goes to standard error after `Error: `, without colours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics {
    /// The Collector's own text, several lines where it has several; empty if there are only warnings.
    pub headline: String,
    /// Each mistake.
    pub list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// The Collector's text and the mistakes behind it.
    pub fn new(headline: impl Into<String>, list: Vec<Diagnostic>) -> Self {
        Self { headline: headline.into(), list }
    }

    /// How many there are of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.list.iter().filter(|it| it.severity == severity).count()
    }
}
