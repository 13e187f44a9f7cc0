//! The user's tree laid over the defaults, with the conversions that Go makes for certain.

use super::duration::Duration;
use super::fault::{Fault, Type, Wanted};
use super::shape::{Shape, State};
use super::value::Value;

/// What a configuration is read from.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Laid {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    List(Vec<Laid>),
    /// A text that stands for a list, cut at its commas.
    Split(Vec<Laid>),
    Map(Vec<(String, Laid)>),
    Section {
        state: State,
        inner: Box<Laid>,
    },
    /// For a free-form field.
    Free(Value),
    /// From a variable.
    Sourced {
        text: String,
        value: Box<Laid>,
        /// The default is a text, so this is probably meant as one.
        for_text: bool,
    },
}

/// Lays `user` over `base`.
///
/// # Errors
/// What no type could accept.
pub(super) fn lay(base: &Shape, user: &Value) -> Result<Laid, Fault> {
    if let Shape::Section { state, inner } = base {
        return section(*state, inner, user.plain());
    }
    let laid = match (base, user) {
        (Shape::Free(default), Value::Null) => Laid::Free(default.clone()),
        (Shape::Free(_), user) => Laid::Free(user.clone()),
        (base, Value::Null) => zero(base),
        (Shape::Text(_) | Shape::Secret(_) | Shape::Choice(_), Value::Sourced { text, value }) => {
            Laid::Sourced { text: text.clone(), value: Box::new(raw(value)), for_text: true }
        }
        (base, Value::Sourced { text, value }) => return sourced(base, text, value),
        (Shape::Struct(base) | Shape::Map(base), Value::Map(user)) => Laid::Map(map(base, user)?),
        (Shape::Headers(_), Value::Map(user)) => {
            let mut laid: Vec<_> = user.iter().map(header).collect();
            laid.sort_by(|a, b| a.0.cmp(&b.0));
            Laid::Map(laid)
        }
        (Shape::Headers(_), Value::List(user)) => headers(user)?,
        (Shape::Headers(_), user) => return Err(Fault::no_list(Type::Map, user.go_kind())),
        (Shape::List(_), Value::String(user)) => split(user),
        (Shape::Struct(_), Value::List(_)) => return Err(Fault::no_struct()),
        (Shape::Int(_) | Shape::Duration(_), Value::Float(user)) => truncated(*user),
        (_, user) => raw(user),
    };
    Ok(laid)
}

/// A key without a value: upstream's zero value for what is no list, map or section. Those keep their default.
fn zero(base: &Shape) -> Laid {
    match base {
        Shape::Bool(_) => Laid::Bool(false),
        Shape::Int(_) | Shape::Duration(_) => Laid::Int(0),
        Shape::Float(_) => Laid::Float(0.0),
        Shape::Text(_) | Shape::Secret(_) | Shape::Choice(_) => Laid::Text(String::new()),
        _ => plain(base),
    }
}

/// From a variable, for what is not text: what it says in YAML. `null` is zero where the default is
/// a number, as in Go (`useExpandValue`), and else the default.
fn sourced(base: &Shape, text: &str, value: &Value) -> Result<Laid, Fault> {
    match (base, value) {
        (Shape::Bool(_), Value::Null) => Ok(Laid::Bool(false)),
        (Shape::Int(_) | Shape::Duration(_), Value::Null) => Ok(Laid::Int(0)),
        (Shape::Float(_), Value::Null) => Ok(Laid::Float(0.0)),
        (Shape::Null, Value::Null) => Ok(Laid::Null),
        (Shape::Null, value) => Ok(Laid::Sourced {
            text: text.to_owned(),
            value: Box::new(raw(value)),
            for_text: false,
        }),
        _ => lay(base, value),
    }
}

fn map(base: &[(String, Shape)], user: &[(String, Value)]) -> Result<Vec<(String, Laid)>, Fault> {
    let find = |key: &str| user.iter().find(|it| it.0 == key).map(|it| &it.1);
    let mut laid = Vec::with_capacity(base.len());
    for (key, base) in base {
        let value = match find(key) {
            Some(user) => lay(base, user).map_err(|it| it.within_key(key))?,
            None => plain(base),
        };
        laid.push((key.clone(), value));
    }
    let known = laid.len();
    for (key, value) in user {
        if !laid[..known].iter().any(|it| it.0 == *key) {
            laid.push((key.clone(), raw(value)));
        }
    }
    Ok(laid)
}

fn section(state: State, inner: &Shape, user: &Value) -> Result<Laid, Fault> {
    let on = |inner: Laid| Laid::Section { state: State::On, inner: Box::new(inner) };
    match user {
        Value::Null if state == State::Absent => {
            Ok(Laid::Section { state, inner: Box::new(plain(inner)) })
        }
        Value::Null => Ok(on(plain(inner))),
        Value::Map(entries) => {
            let owns =
                matches!(inner, Shape::Struct(own) if own.iter().any(|it| it.0 == "enabled"));
            if owns {
                return Ok(on(lay(inner, user)?));
            }
            let (state, rest) = enabled(entries)?;
            Ok(Laid::Section { state, inner: Box::new(lay(inner, &rest)?) })
        }
        Value::List(_) if matches!(inner, Shape::Struct(_)) => Err(Fault::no_struct()),
        other => Ok(on(raw(other))),
    }
}

/// `enabled:` out of a section.
pub(super) fn enabled(entries: &[(String, Value)]) -> Result<(State, Value), Fault> {
    let mut rest = entries.to_vec();
    let mut state = State::On;
    if let Some(at) = rest.iter().position(|it| it.0 == "enabled") {
        let (_, value) = rest.remove(at);
        state = match value.plain() {
            Value::Bool(true) | Value::Null => State::On,
            Value::Bool(false) => State::Off,
            other => {
                let text = format!(
                    "unexpected type {} for 'enabled': got '{}' value expected 'true' or 'false'",
                    other.go_type(),
                    other.go_text()
                );
                let mut fault = Fault::type_of(Type::Bool, text);
                fault.about("enabled");
                return Err(fault);
            }
        };
    }
    Ok((state, Value::Map(rest)))
}

/// `[{name: a, value: b}]` as a map, in the order written. A name may be there twice.
fn headers(list: &[Value]) -> Result<Laid, Fault> {
    let mut laid: Vec<(String, Laid)> = Vec::with_capacity(list.len());
    for (at, item) in list.iter().enumerate() {
        let name = item.get("name").and_then(Value::as_str);
        let Value::Map(entries) = item.plain() else {
            let text = format!("expected a map or struct, got {:?}", item.go_kind());
            return Err(Fault::type_of(Type::Map, text).within_item(at));
        };
        if let Some((key, _)) =
            entries.iter().find(|it| !["name", "value"].contains(&it.0.as_str()))
        {
            return Err(Fault::unknown_key(key, &["name", "value"]).within_item(at));
        }
        let written = item.get("name").filter(|it| name.is_none() && **it != Value::Null);
        if let Some(other) = written {
            let got = other.go_type();
            let text = format!("expected type 'string', got unconvertible type '{got}'");
            return Err(Fault::type_of(Type::Text, text).within_key("name").within_item(at));
        }
        let name = name.unwrap_or_default().to_owned();
        let value = item.get("value").cloned().unwrap_or_default();
        laid.push(header(&(name, value)));
    }
    Ok(Laid::Map(laid))
}

fn header((name, value): &(String, Value)) -> (String, Laid) {
    let laid = match value {
        Value::Null => Laid::Text(String::new()),
        Value::Sourced { text, .. } => Laid::Text(text.clone()),
        other => raw(other),
    };
    (name.clone(), laid)
}

/// Refuses a text that is no time span.
pub(super) fn duration(text: &str) -> Result<(), Fault> {
    match Duration::read(text) {
        Ok(_) => Ok(()),
        Err(why) => Err(Fault { wanted: Some(Wanted::Duration), ..Fault::read(why) }),
    }
}

/// Go's `StringToSliceHookFunc`.
pub(super) fn split(text: &str) -> Laid {
    if text.is_empty() {
        return Laid::Split(Vec::new());
    }
    Laid::Split(text.split(',').map(|it| Laid::Text(it.to_owned())).collect())
}

/// As Go makes an integer of a float.
#[expect(clippy::cast_possible_truncation, reason = "what is cut off is the fraction")]
pub(super) fn truncated(number: f64) -> Laid {
    // Beyond 2^63 Go's result depends on the machine; the number stays and is refused.
    if number.abs() < 9.2e18 { Laid::Int(number.trunc() as i128) } else { Laid::Float(number) }
}

/// The defaults as they are.
pub(super) fn plain(base: &Shape) -> Laid {
    match base {
        Shape::Null => Laid::Null,
        Shape::Bool(it) => Laid::Bool(*it),
        Shape::Int(it) => Laid::Int(*it),
        Shape::Float(it) => Laid::Float(*it),
        Shape::Text(it) | Shape::Duration(it) | Shape::Secret(it) => Laid::Text(it.clone()),
        Shape::Choice(it) => Laid::Text(it.word.clone()),
        Shape::Free(it) => Laid::Free(it.clone()),
        Shape::List(list) => Laid::List(list.iter().map(plain).collect()),
        Shape::Headers(list) | Shape::Map(list) | Shape::Struct(list) => {
            Laid::Map(list.iter().map(|(key, it)| (key.clone(), plain(it))).collect())
        }
        Shape::Section { state, inner } => {
            Laid::Section { state: *state, inner: Box::new(plain(inner)) }
        }
    }
}

/// The user's tree where there is no default to go by.
pub(super) fn raw(user: &Value) -> Laid {
    match user {
        Value::Null => Laid::Null,
        Value::Bool(it) => Laid::Bool(*it),
        Value::Int(it) => Laid::Int(*it),
        Value::Float(it) => Laid::Float(*it),
        Value::String(it) => Laid::Text(it.clone()),
        Value::List(list) => Laid::List(list.iter().map(raw).collect()),
        Value::Map(list) => {
            Laid::Map(list.iter().map(|(key, it)| (key.clone(), raw(it))).collect())
        }
        Value::Sourced { text, value } => {
            Laid::Sourced { text: text.clone(), value: Box::new(raw(value)), for_text: false }
        }
    }
}

impl Laid {
    /// Seen through a variable.
    pub(super) fn plain(&self) -> &Laid {
        match self {
            Laid::Sourced { value, .. } => value.plain(),
            other => other,
        }
    }

    /// As a free-form field keeps it.
    pub(super) fn to_value(&self) -> Value {
        match self {
            Laid::Null => Value::Null,
            Laid::Bool(it) => Value::Bool(*it),
            Laid::Int(it) => Value::Int(*it),
            Laid::Float(it) => Value::Float(*it),
            Laid::Text(it) => Value::String(it.clone()),
            Laid::List(list) | Laid::Split(list) => {
                Value::List(list.iter().map(Laid::to_value).collect())
            }
            Laid::Map(list) => {
                Value::Map(list.iter().map(|(key, it)| (key.clone(), it.to_value())).collect())
            }
            Laid::Section { inner, .. } => inner.to_value(),
            Laid::Free(it) => it.clone(),
            Laid::Sourced { text, value, .. } => {
                Value::Sourced { text: text.clone(), value: Box::new(value.to_value()) }
            }
        }
    }
}
