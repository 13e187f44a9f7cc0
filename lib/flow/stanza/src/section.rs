//! Reads the keys of one operator. Unknown keys are ignored, as in the Collector.

use config::{Duration, Fault, Remedy, Type, Value, Wanted};

use crate::field::{Field, FieldError};

/// The keys of one operator, or of a block within one. Getters answer with the default where a value has
/// the wrong type and remember that; [`Section::check`] tells.
#[derive(Debug)]
pub(crate) struct Section<'a> {
    value: &'a Value,
    path: String,
    wrong: Vec<Fault>,
}

impl<'a> Section<'a> {
    /// Over a map.
    pub(crate) fn new(value: &'a Value) -> Self {
        Self { value, path: String::new(), wrong: Vec::new() }
    }

    /// Everything that had the wrong type.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        let texts: Vec<&str> = self.wrong.iter().map(|it| it.text.as_str()).collect();
        let text =
            format!("decoding failed due to the following error(s):\n\n{}", texts.join("\n"));
        // The last is the one whose text is at the end, where it is shown.
        match self.wrong.last() {
            Some(last) => Err(Fault { text, ..last.clone() }),
            None => Ok(()),
        }
    }

    /// What is written there; `None` also for null.
    pub(crate) fn value(&self, key: &str) -> Option<&'a Value> {
        self.value.get(key).filter(|it| **it != Value::Null)
    }

    /// A block of keys.
    pub(crate) fn block(&mut self, key: &str) -> Option<Section<'a>> {
        let value = self.value(key)?;
        let path = self.name(key);
        if !matches!(value, Value::Map(_)) {
            self.mismatch(key, "map", Some(Type::Map), value);
            return None;
        }
        Some(Section { value, path, wrong: Vec::new() })
    }

    /// Takes over what a block found.
    pub(crate) fn absorb(&mut self, block: Section<'_>) {
        self.wrong.extend(block.wrong);
    }

    /// Text.
    pub(crate) fn text(&mut self, key: &str) -> Option<&'a str> {
        let value = self.value(key)?;
        let text = value.as_str();
        if text.is_none() {
            self.mismatch(key, "string", Some(Type::Text), value);
        }
        text
    }

    /// True or false.
    pub(crate) fn flag(&mut self, key: &str, default: bool) -> bool {
        match self.scalar(key) {
            Some(Value::Bool(it)) => *it,
            Some(other) => self.wrong(key, "bool", Some(Type::Bool), other).unwrap_or(default),
            None => default,
        }
    }

    /// A whole number.
    pub(crate) fn int(&mut self, key: &str, default: i64) -> i64 {
        match self.scalar(key) {
            Some(Value::Int(it)) => i64::try_from(*it).unwrap_or(i64::MAX),
            Some(other) => self.wrong(key, "int", Some(Type::Number), other).unwrap_or(default),
            None => default,
        }
    }

    /// A number.
    pub(crate) fn float(&mut self, key: &str, default: f64) -> f64 {
        match self.scalar(key) {
            Some(Value::Int(it)) => *it as f64,
            Some(Value::Float(it)) => *it,
            Some(other) => self.wrong(key, "float64", Some(Type::Number), other).unwrap_or(default),
            None => default,
        }
    }

    /// A time span.
    pub(crate) fn duration(&mut self, key: &str, default: Duration) -> Duration {
        let parsed = match self.value(key) {
            None => return default,
            Some(Value::Int(it)) => return Duration::from_nanos(*it as i64),
            Some(value) => match value.as_str() {
                Some(text) => Duration::parse(text).map_err(|e| format!("{e} \"{text}\"")),
                None => {
                    return self
                        .wrong(key, "time.Duration", Some(Type::Duration), value)
                        .unwrap_or(default);
                }
            },
        };
        parsed.unwrap_or_else(|problem| {
            self.complain(key, &problem).wanted = Some(Wanted::Duration);
            default
        })
    }

    /// A number of bytes, plain or with a unit.
    pub(crate) fn bytes(&mut self, key: &str, default: u64) -> u64 {
        let parsed = match self.scalar(key) {
            None => return default,
            Some(Value::Int(it)) => return u64::try_from(*it).unwrap_or(0),
            Some(Value::Float(it)) => return *it as u64,
            Some(value) => match value.as_str() {
                Some(text) => byte_size(text).ok_or_else(|| format!("invalid byte size '{text}'")),
                None => return self.wrong(key, "helper.ByteSize", None, value).unwrap_or(default),
            },
        };
        parsed.unwrap_or_else(|problem| {
            self.complain(key, &problem);
            default
        })
    }

    /// A field; `attributes` alone only where `rootable`.
    pub(crate) fn field(&mut self, key: &str, rootable: bool) -> Option<Field> {
        let text = self.text(key)?;
        match Field::parse(text, rootable) {
            Ok(field) => Some(field),
            Err(problem) => {
                let fault = self.complain(key, problem.text());
                if problem == FieldError::Prefix {
                    fault.remedy = Some(Remedy::Set(format!("attributes.{text}")));
                }
                None
            }
        }
    }

    /// A list of texts; a single text is cut at commas.
    pub(crate) fn texts(&mut self, key: &str) -> Vec<String> {
        match self.value(key) {
            None => Vec::new(),
            Some(Value::List(list)) => {
                let texts = list.iter().filter_map(Value::as_str).map(str::to_owned);
                let texts: Vec<String> = texts.collect();
                if let Some(other) = list.iter().find(|it| it.as_str().is_none()) {
                    self.mismatch(key, "string", Some(Type::Text), other);
                }
                texts
            }
            Some(value) => match value.as_str() {
                Some("") => Vec::new(),
                Some(text) => text.split(',').map(str::to_owned).collect(),
                None => {
                    self.mismatch(key, "[]string", Some(Type::List), value);
                    Vec::new()
                }
            },
        }
    }

    /// Complains about a value that has the right type and is still wrong.
    pub(crate) fn complain(&mut self, key: &str, problem: &str) -> &mut Fault {
        let name = self.name(key);
        let mut fault = Fault::read(format!("'{name}' {problem}"));
        fault.about(&name.replace(['.', '['], "::").replace(']', ""));
        let at = self.wrong.len();
        self.wrong.push(fault);
        &mut self.wrong[at]
    }

    fn scalar(&self, key: &str) -> Option<&'a Value> {
        match self.value(key)? {
            Value::Sourced { value, .. } => Some(value),
            other => Some(other),
        }
    }

    fn name(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn wrong<T>(&mut self, key: &str, want: &str, wanted: Option<Type>, got: &Value) -> Option<T> {
        self.mismatch(key, want, wanted, got);
        None
    }

    fn mismatch(&mut self, key: &str, want: &str, wanted: Option<Type>, got: &Value) {
        let got = got.go_type();
        let text = format!("expected type '{want}', got unconvertible type '{got}'");
        self.complain(key, &text).wanted = wanted.map(Wanted::Type);
    }
}

/// `16KiB`, `1.5 MB`, `100`: pkg/stanza/operator/helper/bytesize.go.
fn byte_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let scale: f64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "tb" => 1e12,
        "pb" => 1e15,
        "kib" => 1024.0,
        "mib" => 1024f64.powi(2),
        "gib" => 1024f64.powi(3),
        "tib" => 1024f64.powi(4),
        "pib" => 1024f64.powi(5),
        _ => return None,
    };
    number.parse::<f64>().ok().map(|it| (it * scale) as u64)
}
