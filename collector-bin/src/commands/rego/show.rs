//! Results and errors in OPA's formats.

use std::fmt;

use rego::{Error, Errors, Value};
use serde_json::{Value as Json, json};

/// Why there is no result.
#[derive(Debug)]
pub enum Failure {
    /// A file.
    Reading(String),
    /// A policy or a query.
    Rego(Errors),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reading(text) => write!(f, "error: {text}"),
            Self::Rego(errors) => write!(f, "{errors}"),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Rego(error.into())
    }
}

/// `{"errors": [...]}`.
pub fn errors(failure: &Failure) -> String {
    let errors = match failure {
        Failure::Reading(text) => json!([{"message": text}]),
        Failure::Rego(errors) => json!(errors),
    };
    pretty(&json!({"errors": errors}))
}

/// A value as JSON: sets are arrays, keys are sorted.
pub fn json_of(value: &Value) -> Json {
    let mut json = serde_json::to_value(value).unwrap_or(Json::Null);
    json.sort_all_objects();
    json
}

/// With two spaces for each level, and a line end.
pub fn pretty(json: &Json) -> String {
    format!("{json:#}\n")
}
