//! What is wrong with a text, in the Collector's words, and where.

use std::fmt;
use std::ops::Range;

/// What is wrong with a condition or statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The Collector's text, below its envelope.
    pub message: String,
    /// The bytes of the text that it is about.
    pub span: Range<usize>,
    /// What may stand there instead, as far as that is a list.
    pub candidates: Vec<String>,
}

impl Error {
    /// Something that the grammar does not have in a `condition` or `statement`: the message begins with
    /// line and column.
    pub(crate) fn syntax(
        what: &str,
        text: &str,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> Self {
        let before = text.get(..span.start).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let message = message.into();
        Self::said(span, format!("{what} has invalid syntax: {line}:{column}: {message}"))
    }

    /// Something else.
    pub(crate) fn said(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { message: message.into(), span, candidates: Vec::new() }
    }

    /// One of these was probably meant.
    pub(crate) fn one_of<'c>(mut self, candidates: impl IntoIterator<Item = &'c str>) -> Self {
        self.candidates = candidates.into_iter().map(str::to_owned).collect();
        self
    }

    /// Puts words in front of the message.
    pub(crate) fn within(mut self, what: impl fmt::Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
