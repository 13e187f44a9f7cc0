//! Why something cannot be read, in Go's words.

use std::fmt;

use serde::de::{Error, Expected, Unexpected};

use super::{DecodeIssue, Remedy};

/// Marks an error of a whole entry on its way through serde, which knows only texts.
const WHOLE: char = '\0';
/// What may be written follows the message behind this sign.
const HINT: char = '\u{1d}';
/// Between the parts of that.
const PART: char = '\u{1e}';

/// An error of a whole entry, whichever of its keys is to blame: it is named by its own place. `key`
/// is the one to look at, and `remedy` what to do with it.
pub fn of_whole<E: Error>(message: impl fmt::Display, key: &str, remedy: Option<&Remedy>) -> E {
    let values = match remedy {
        Some(Remedy::Set(value)) => format!("={value}"),
        Some(Remedy::OneOf(values)) => {
            values.iter().fold("?".to_owned(), |all, it| all + it + &PART.to_string())
        }
        _ => String::new(),
    };
    E::custom(format_args!("{WHOLE}{message}{HINT}{key}{PART}{values}"))
}

/// An error about a text that is none of `choices`, for sections that say so in their own words.
pub fn unknown_choice<E: Error>(message: impl fmt::Display, choices: &[&str]) -> E {
    E::custom(format_args!("{message}{HINT}{}", choices.join(&PART.to_string())))
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
    /// The key below the place to look at, and what to do.
    hint: Option<Box<(String, Option<Remedy>)>>,
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
            hint: None,
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
            elsewhere: Vec::new(),
            hint: (self.hint.as_deref().cloned())
                .or_else(|| self.about.clone().map(|key| (key, None))),
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
        let text = message.to_string();
        let (text, hint) = text.split_once(HINT).unwrap_or((&text, ""));
        let parts = |text: &str| {
            text.split(PART).filter(|it| !it.is_empty()).map(str::to_owned).collect::<Vec<_>>()
        };
        let Some(message) = text.strip_prefix(WHOLE) else {
            return Self { candidates: parts(hint), ..Self::new(text) };
        };
        let (key, values) = hint.split_once(PART).unwrap_or((hint, ""));
        let remedy = match (values.strip_prefix('='), values.strip_prefix('?')) {
            (Some(value), _) => Some(Remedy::Set(value.to_owned())),
            (_, Some(values)) => Some(Remedy::OneOf(parts(values))),
            _ => None,
        };
        Self { whole: true, hint: Some(Box::new((key.to_owned(), remedy))), ..Self::new(message) }
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
