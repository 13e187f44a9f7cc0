//! Why something cannot be read, in Go's words.

use std::fmt;

use serde::de::{Error, Expected, Unexpected};

use super::DecodeIssue;

/// Marks an error of a whole entry on its way through serde, which knows only texts.
const WHOLE: char = '\0';

/// An error of a whole entry, whichever of its keys is to blame: it is named by its own place.
pub fn of_whole<E: Error>(message: impl fmt::Display) -> E {
    E::custom(format_args!("{WHOLE}{message}"))
}

/// The first thing that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// From the innermost key outwards.
    steps: Vec<String>,
    pub(super) message: String,
    candidates: Vec<String>,
    /// A key that is not known.
    unknown_key: bool,
    /// A key without which nothing can be read; its absence is nobody's place.
    pub(super) missing: bool,
    /// None of the keys below the place is to be named instead.
    pub(super) whole: bool,
    /// The key below the place that has to go for the rest to be read.
    about: Option<String>,
}

impl Fault {
    /// A fault here.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            steps: Vec::new(),
            message: message.into(),
            candidates: Vec::new(),
            unknown_key: false,
            missing: false,
            whole: false,
            about: None,
        }
    }

    /// A key that is not known.
    pub(super) fn unknown_key(key: &str, known: &[&str]) -> Self {
        let mut fault = Self::new("").within(key);
        fault.candidates = known.iter().map(|it| (*it).to_owned()).collect();
        fault.unknown_key = true;
        fault
    }

    /// The same fault as seen from outside `key`.
    pub(super) fn within(mut self, key: &str) -> Self {
        self.steps.push(key.to_owned());
        self
    }

    /// Said of the place, but because of the value of one of its keys.
    pub(super) fn about(mut self, key: &str) -> Self {
        self.about = Some(key.to_owned());
        self
    }

    /// From the section down.
    pub(super) fn path(&self) -> Vec<String> {
        self.steps.iter().rev().cloned().collect()
    }

    /// What has to go for the rest to be read.
    pub(super) fn culprit(&self) -> Vec<String> {
        let mut path = self.path();
        path.extend(self.about.clone());
        path
    }

    /// As the caller of `load` sees it.
    pub(super) fn issue(&self, path: Vec<String>) -> DecodeIssue {
        DecodeIssue {
            path,
            message: self.message.clone(),
            candidates: self.candidates.clone(),
            unknown_key: self.unknown_key,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' {}", self.path().join("."), self.message)
    }
}

impl std::error::Error for Fault {}

impl Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        let message = message.to_string();
        match message.strip_prefix(WHOLE) {
            Some(message) => Self { whole: true, ..Self::new(message) },
            None => Self::new(message),
        }
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let wanted = expected.to_string();
        let (kind, type_name) = go_names(&unexpected);
        if wanted.starts_with("struct ") || wanted.starts_with("internally tagged") {
            return Self::new(format!("expected a map or struct, got {kind:?}"));
        }
        if wanted.contains("sequence") {
            return Self::new(format!("source data must be an array or slice, got {kind}"));
        }
        let wanted = go_type(&wanted);
        Self::new(format!("expected type '{wanted}', got unconvertible type '{type_name}'"))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let wanted = go_type(&expected.to_string()).to_owned();
        let family = if wanted.starts_with('u') { "uint" } else { "int" };
        let number = match unexpected {
            Unexpected::Signed(it) => it.to_string(),
            Unexpected::Unsigned(it) => it.to_string(),
            other => return Self::new(format!("invalid value {other}, expected {expected}")),
        };
        Self::new(format!("cannot parse value as '{wanted}': {number} overflows {family}"))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let mut fault = Self::new(format!(
            "unknown value {variant:?} (valid values: [{}])",
            expected.join(" ")
        ));
        fault.candidates = expected.iter().map(|it| (*it).to_owned()).collect();
        fault
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::unknown_key(field, expected)
    }

    fn missing_field(field: &'static str) -> Self {
        let mut fault = Self::new(format!("missing required field {field:?}"));
        fault.missing = true;
        fault
    }
}

/// Go's name of what serde's visitors call a type.
fn go_type(wanted: &str) -> &str {
    match wanted {
        "a string" | "a character" | "string or map" | "variant identifier" => "string",
        "a boolean" => "bool",
        "i64" | "isize" => "int",
        "i8" => "int8",
        "i16" => "int16",
        "i32" => "int32",
        "u8" => "uint8",
        "u16" => "uint16",
        "u32" => "uint32",
        "u64" => "uint64",
        "usize" => "uint",
        "f32" => "float32",
        "f64" => "float64",
        "a map" => "map[string]interface {}",
        other => other.strip_prefix("enum ").map_or(other, |_| "string"),
    }
}

/// Go's kind and type of what stands there.
fn go_names(unexpected: &Unexpected<'_>) -> (&'static str, &'static str) {
    match unexpected {
        Unexpected::Bool(_) => ("bool", "bool"),
        Unexpected::Signed(_) | Unexpected::Unsigned(_) => ("int", "int"),
        Unexpected::Float(_) => ("float64", "float64"),
        Unexpected::Seq => ("slice", "[]interface {}"),
        Unexpected::Unit | Unexpected::Option => ("invalid", "nil"),
        Unexpected::Map | Unexpected::NewtypeVariant | Unexpected::StructVariant => {
            ("map", "map[string]interface {}")
        }
        _ => ("string", "string"),
    }
}
