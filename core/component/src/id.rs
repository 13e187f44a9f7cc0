//! `type[/name]` and `signal[/name]`, with the Collector's grammar and texts.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use config::{Described, Inside};
use pdata::Signal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest type name. `component/component.go`, v0.159.
const TYPE_LENGTH_MAX: usize = 63;
/// Longest name in bytes. `component/identifiable.go`, v0.159.
const NAME_BYTES_MAX: usize = 1024;

/// A component as written in YAML: `type` or `type/name`. Cloning counts a reference.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id {
    full: Arc<str>,
    type_length: usize,
}

/// Why a text is not an id, in the Collector's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct IdError(String);

impl Id {
    /// The part before the slash.
    pub fn type_name(&self) -> &str {
        &self.full[..self.type_length]
    }

    /// The part after the slash; empty when there is none.
    pub fn name(&self) -> &str {
        self.full.get(self.type_length + 1..).unwrap_or("")
    }

    /// As written, without blanks around the parts.
    pub fn as_str(&self) -> &str {
        &self.full
    }
}

fn split(text: &str) -> Result<(&str, Option<&str>), IdError> {
    let (kind, name) = match text.split_once('/') {
        Some((kind, name)) => (kind.trim(), Some(name.trim())),
        None => (text.trim(), None),
    };
    if kind.is_empty() && name.is_none() {
        return Err(IdError("id must not be empty".into()));
    }
    if kind.is_empty() {
        return Err(IdError(format!("in {text:?} id: the part before / should not be empty")));
    }
    match name {
        Some("") => Err(IdError(format!("in {text:?} id: the part after / should not be empty"))),
        Some(name) if !is_valid_name(name) => {
            Err(IdError(format!("in {name:?} id: invalid character(s) in name {name:?}")))
        }
        _ => Ok((kind, name)),
    }
}

fn is_valid_name(name: &str) -> bool {
    // `^[^\pZ\pC\pS]+$`: no separators, control characters or symbols. The ASCII symbols are listed.
    name.len() <= NAME_BYTES_MAX
        && !name.chars().any(|c| c.is_whitespace() || c.is_control() || "$+<=>^`|~".contains(c))
}

fn is_valid_type(kind: &str) -> bool {
    kind.len() <= TYPE_LENGTH_MAX
        && kind.starts_with(|c: char| c.is_ascii_alphabetic())
        && kind.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

impl FromStr for Id {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let (kind, name) = split(text)?;
        if !is_valid_type(kind) {
            return Err(IdError(format!("in {text:?} id: invalid character(s) in type {kind:?}")));
        }
        let full = match name {
            Some(name) => format!("{kind}/{name}").into(),
            None => kind.into(),
        };
        Ok(Self { full, type_length: kind.len() })
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.full)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.full)
    }
}

/// Nothing: what is not written.
impl Default for Id {
    fn default() -> Self {
        Self { full: "".into(), type_length: 0 }
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.full)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Described for Id {
    fn inside() -> Inside {
        Inside::Plain
    }
}

/// A pipeline as written in YAML: `signal` or `signal/name`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PipelineId {
    signal: Signal,
    full: Arc<str>,
}

impl PipelineId {
    /// What flows in it.
    pub fn signal(&self) -> Signal {
        self.signal
    }

    /// As written, without blanks around the parts.
    pub fn as_str(&self) -> &str {
        &self.full
    }
}

impl FromStr for PipelineId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let (kind, name) = split(text)?;
        let signal = kind
            .parse()
            .map_err(|()| IdError(format!("in {text:?} id: unknown pipeline signal: {kind:?}")))?;
        let full = match name {
            Some(name) => format!("{kind}/{name}").into(),
            None => kind.into(),
        };
        Ok(Self { signal, full })
    }
}

impl fmt::Display for PipelineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.full)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Result<(&str, &str), &str>) {
        let got = text.parse::<Id>();
        match want {
            Ok((kind, name)) => {
                let id = got.unwrap();
                assert_eq!((id.type_name(), id.name()), (kind, name));
            }
            Err(message) => assert_eq!(got.unwrap_err().to_string(), message),
        }
    }

    #[test]
    fn ids_are_type_and_optional_name() {
        check("otlp", Ok(("otlp", "")));
        check(" otlp / a.b-c ", Ok(("otlp", "a.b-c")));
        check("otlp/a/b", Ok(("otlp", "a/b")));
    }

    #[test]
    fn bad_ids_are_refused_in_the_collectors_words() {
        check("", Err("id must not be empty"));
        check("otlp/", Err("in \"otlp/\" id: the part after / should not be empty"));
        check("/x", Err("in \"/x\" id: the part before / should not be empty"));
        check("otlp-x", Err("in \"otlp-x\" id: invalid character(s) in type \"otlp-x\""));
        check("a/b c", Err("in \"b c\" id: invalid character(s) in name \"b c\""));
    }

    #[test]
    fn a_pipeline_begins_with_its_signal() {
        let id: PipelineId = "logs/a".parse().unwrap();
        assert_eq!((id.signal(), id.as_str()), (Signal::Logs, "logs/a"));
        let error = "trace".parse::<PipelineId>().unwrap_err();
        assert_eq!(error.to_string(), "in \"trace\" id: unknown pipeline signal: \"trace\"");
    }
}
