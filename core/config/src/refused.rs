//! What serde says when it cannot read a value, in Go's words.
//!
//! serde tells types apart by what its visitors call them. These names are its own and do not change; they are
//! the only texts that are looked at here.

use std::fmt;

use serde::de::{Error, Expected, Unexpected};

use crate::fault::{Fault, Type, Wanted};

impl Error for Fault {
    /// What a type says in its own words.
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::read(text.to_string())
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let visitor = expected.to_string();
        let (kind, type_name) = go_names(&unexpected);
        match go_type(&visitor) {
            Go::Struct(wanted) => {
                Self::type_of(wanted, format!("expected a map or struct, got {kind:?}"))
            }
            Go::List => Self::no_list(Type::List, kind),
            Go::Scalar(name, wanted) => Self {
                wanted: wanted.map(|it| Wanted::Named(it, name.to_owned())),
                ..Self::read(format!(
                    "expected type '{name}', got unconvertible type '{type_name}'"
                ))
            },
        }
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let visitor = expected.to_string();
        let Go::Scalar(name, _) = go_type(&visitor) else {
            return Self::read(format!("invalid value {unexpected}, expected {expected}"));
        };
        let family = if name.starts_with('u') { "uint" } else { "int" };
        let number = match unexpected {
            Unexpected::Signed(it) => it.to_string(),
            Unexpected::Unsigned(it) => it.to_string(),
            other => return Self::read(format!("invalid value {other}, expected {expected}")),
        };
        let text = format!("cannot parse value as '{name}': {number} overflows {family}");
        let wanted = Some(Wanted::Named(Type::Number, name.to_owned()));
        Self { wanted, ..Self::read(text) }
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        match go_type(&expected.to_string()) {
            Go::Struct(_) => Self::no_struct(),
            _ => Self::read(format!("invalid length {length}, expected {expected}")),
        }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let text = format!("unknown value {variant:?} (valid values: [{}])", expected.join(" "));
        let values = expected.iter().map(|it| (*it).to_owned()).collect();
        Self { wanted: Some(Wanted::OneOf(values)), ..Self::read(text) }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::unknown_key(field, expected)
    }

    fn missing_field(field: &'static str) -> Self {
        let text = format!("missing required field {field:?}");
        Self { wanted: Some(Wanted::Present), ..Self::read(text) }
    }
}

/// What a visitor of serde wants, as Go sees it.
enum Go<'a> {
    Struct(Type),
    List,
    Scalar(&'a str, Option<Type>),
}

/// Go's name of what a visitor calls a type. Types of ours are called by their Go name in the first place.
fn go_type(visitor: &str) -> Go<'_> {
    let (name, wanted) = match visitor {
        "a string" | "a character" | "path string" | "variant identifier" => ("string", Type::Text),
        "string or map" => return Go::Struct(Type::Text),
        "a boolean" => ("bool", Type::Bool),
        "i64" | "isize" => ("int", Type::Number),
        "i8" => ("int8", Type::Number),
        "i16" => ("int16", Type::Number),
        "i32" => ("int32", Type::Number),
        "u8" => ("uint8", Type::Number),
        "u16" => ("uint16", Type::Number),
        "u32" => ("uint32", Type::Number),
        "u64" => ("uint64", Type::Number),
        "usize" => ("uint", Type::Number),
        "f32" => ("float32", Type::Number),
        "f64" => ("float64", Type::Number),
        "time.Duration" => (visitor, Type::Duration),
        // Texts with a type of their own: `configopaque.String`.
        other if other.contains('.') && !other.contains(' ') => (other, Type::Text),
        "a map" => ("map[string]interface {}", Type::Map),
        "a sequence" => return Go::List,
        other => match other.split_once(' ') {
            Some(("struct" | "internally", _)) => return Go::Struct(Type::Map),
            Some(("enum", _)) => ("string", Type::Text),
            Some(("a" | "tuple", _)) => return Go::List,
            _ => return Go::Scalar(other, None),
        },
    };
    Go::Scalar(name, Some(wanted))
}

/// Go's kind and type of what stands there.
fn go_names(unexpected: &Unexpected<'_>) -> (&'static str, &'static str) {
    match unexpected {
        Unexpected::Bool(_) => ("bool", "bool"),
        Unexpected::Unsigned(it) if i64::try_from(*it).is_err() => ("uint64", "uint64"),
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
