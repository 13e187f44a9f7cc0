//! Why an operator could not do its work on a record.

use std::fmt;

/// Why an operator could not do its work on a record. Cheap to make: most are never shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// A fixed text.
    Fixed(&'static str),
    /// A text made for this record.
    Text(String),
    /// No JSON.
    Json(golang::json::JsonError),
}

impl Failure {
    /// With what was attempted before it.
    pub(crate) fn at(self, action: &str) -> Self {
        Failure::Text(format!("{action}: {self}"))
    }
}

impl From<String> for Failure {
    fn from(text: String) -> Self {
        Failure::Text(text)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Fixed(text) => f.write_str(text),
            Failure::Text(text) => f.write_str(text),
            Failure::Json(problem) => problem.fmt(f),
        }
    }
}
