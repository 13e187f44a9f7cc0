//! A value while a program runs: texts of the record are borrowed.

use std::cmp::Ordering;

use regorus::Value;

/// The program cannot tell; the interpreter can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop;

/// A value.
#[derive(Debug, Clone)]
pub enum Val<'r> {
    /// A text of the record.
    Text(&'r str),
    /// A part of the program or of another value.
    Ref(&'r Value),
    /// One that was made.
    Own(Value),
}

impl Val<'_> {
    /// There is none.
    pub const UNDEFINED: Self = Self::Own(Value::Undefined);

    /// There is none.
    #[inline]
    pub fn is_undefined(&self) -> bool {
        matches!(self, Self::Own(Value::Undefined) | Self::Ref(Value::Undefined))
    }

    /// A literal with this value holds.
    #[inline]
    pub fn holds(&self) -> bool {
        match self {
            Self::Text(_) => true,
            Self::Ref(it) => !matches!(it, Value::Undefined | Value::Bool(false)),
            Self::Own(it) => !matches!(it, Value::Undefined | Value::Bool(false)),
        }
    }

    /// The text, if it is one.
    #[inline]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Ref(Value::String(text)) => Some(text),
            Self::Own(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The value, unless it is a text of the record.
    #[inline]
    pub fn value(&self) -> Option<&Value> {
        match self {
            Self::Text(_) => None,
            Self::Ref(it) => Some(it),
            Self::Own(it) => Some(it),
        }
    }

    /// As a value of its own.
    #[inline]
    pub fn into_value(self) -> Value {
        match self {
            Self::Text(text) => text.into(),
            Self::Ref(it) => it.clone(),
            Self::Own(it) => it,
        }
    }

    /// The order of Rego, over all types.
    #[inline]
    pub fn order(&self, other: &Self) -> Ordering {
        match (self.value(), other.value()) {
            (Some(a), Some(b)) => a.cmp(b),
            (None, Some(other)) => text_order(self.text().unwrap_or_default(), other),
            (Some(own), None) => text_order(other.text().unwrap_or_default(), own).reverse(),
            (None, None) => self.text().cmp(&other.text()),
        }
    }

    /// Both are the same.
    #[inline]
    pub fn equals(&self, other: &Self) -> bool {
        match (self.value(), other.value()) {
            (Some(a), Some(b)) => a == b,
            _ => self.text().is_some() && self.text() == other.text(),
        }
    }
}

/// A text beside any value.
fn text_order(text: &str, other: &Value) -> Ordering {
    match other {
        Value::Null | Value::Bool(_) | Value::Number(_) => Ordering::Greater,
        Value::String(other) => text.cmp(other),
        _ => Ordering::Less,
    }
}
