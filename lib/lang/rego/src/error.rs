//! What is wrong with a policy or an evaluation, in OPA's words: a code, a message and a place.

use std::fmt;

use serde::Serialize;

/// Most errors that one compilation reports; OPA's `-m` has the same default.
pub const ERRORS_MAX: usize = 10;

/// Where: rows and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
pub struct Location {
    /// As the module was named; empty for a query.
    pub file: String,
    /// Line, from 1.
    pub row: u32,
    /// Column, from 1.
    pub col: u32,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, row, col } = self;
        if file.is_empty() { write!(f, "{row}:{col}") } else { write!(f, "{file}:{row}:{col}") }
    }
}

/// The line that an error is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Details {
    /// Its text.
    pub line: String,
    /// How many characters stand before the place.
    pub idx: u32,
}

/// One error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Error {
    /// What, in a sentence.
    pub message: String,
    /// OPA's code, such as `rego_parse_error`.
    pub code: &'static str,
    /// Where, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// The line, for errors of the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
}

impl Error {
    /// An error without a place.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { message: message.into(), code, location: None, details: None }
    }

    /// Says where.
    #[must_use]
    pub fn at(mut self, location: Location) -> Self {
        self.location = Some(location);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(location) = &self.location {
            write!(f, "{location}: ")?;
        }
        write!(f, "{}: {}", self.code, self.message)?;
        if let Some(Details { line, idx }) = &self.details {
            let space = " ".repeat(*idx as usize);
            write!(f, "\n\t{line}\n\t{space}^")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// All errors of a compilation; there is at least one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Errors(pub Vec<Error>);

impl From<Error> for Errors {
    fn from(error: Error) -> Self {
        Self(vec![error])
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [one] => write!(f, "1 error occurred: {one}"),
            many => {
                write!(f, "{} errors occurred:", many.len())?;
                many.iter().try_for_each(|it| write!(f, "\n{it}"))
            }
        }
    }
}

impl std::error::Error for Errors {}

/// Codes of the compiler.
pub mod code {
    /// The text is not Rego.
    pub const PARSE: &str = "rego_parse_error";
    /// A rule that the compiler refuses.
    pub const COMPILE: &str = "rego_compile_error";
    /// A function or value of the wrong type.
    pub const TYPE: &str = "rego_type_error";
    /// A variable that nothing binds.
    pub const UNSAFE: &str = "rego_unsafe_var_error";
    /// A rule that needs itself.
    pub const RECURSION: &str = "rego_recursion_error";
    /// Two values for one rule.
    pub const CONFLICT: &str = "eval_conflict_error";
    /// A builtin that failed.
    pub const BUILTIN: &str = "eval_builtin_error";
    /// A builtin got a value of the wrong type.
    pub const EVAL_TYPE: &str = "eval_type_error";
    /// The evaluation took too long.
    pub const CANCEL: &str = "eval_cancel_error";
    /// The `with` keyword where it does not work.
    pub const WITH_MERGE: &str = "eval_with_merge_error";
    /// A module that cannot be laid out.
    pub const FORMAT: &str = "rego_format_error";
    /// A rule that nobody needs: a warning.
    pub const UNUSED: &str = "unused_rule";
    /// Anything else that happens while evaluating.
    pub const INTERNAL: &str = "eval_internal_error";
}
