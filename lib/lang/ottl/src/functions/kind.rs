//! What a parameter accepts, and what becomes of it.

use std::borrow::Cow;

use crate::value::{List, Value, hex};
use golang::number;
use golang::strconv::{parse_bool, parse_float};

/// What a parameter accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Any,
    Text,
    /// Nil stays nil, everything else becomes text.
    TextLike,
    Int,
    /// Nil and text that is no number become nil.
    IntLike,
    FloatLike,
    BoolLike,
    BytesLike,
    Map,
    List,
    Time,
    Duration,
    /// A list in the text of the condition, whose items are `Text`, and so on.
    EachText,
    EachTextLike,
    EachAny,
    /// Constants.
    TheText,
    TheInt,
    TheFloat,
    TheBool,
    /// Lists of constants.
    EachTheText,
    EachTheFloat,
    /// A path that the editor reads and sets.
    Target,
    /// A path at which there is a map.
    MapTarget,
    /// A path at which there is a list.
    ListTarget,
    /// The name of a converter of one text: `SHA256`.
    Function,
    /// `(key, value) => key == value`
    Lambda,
    /// Any value, which the function looks at only when it needs it.
    Late,
}

impl Kind {
    /// Go's type of a constant, and what is said when it is none.
    pub(crate) fn literal(self) -> Option<(&'static str, &'static str)> {
        match self {
            Kind::TheText | Kind::EachTheText => Some(("string", "must be a string")),
            Kind::TheInt => Some(("int64", "must be an int")),
            Kind::TheFloat | Kind::EachTheFloat => Some(("float64", "must be a float")),
            Kind::TheBool => Some(("bool", "must be a bool")),
            _ => None,
        }
    }

    /// What is said when the text has no list where each item is an argument.
    pub(crate) fn each(self) -> Option<&'static str> {
        match self {
            Kind::EachText | Kind::EachTextLike | Kind::EachAny => Some("must be a list"),
            Kind::EachTheText => Some("must be a list of type string"),
            Kind::EachTheFloat => Some("must be a list of type float64"),
            _ => None,
        }
    }

    /// The argument has to be a path.
    pub(crate) fn is_target(self) -> bool {
        matches!(self, Kind::Target | Kind::MapTarget | Kind::ListTarget)
    }

    /// The value as the function wants it.
    #[inline]
    pub(crate) fn coerce(self, value: Value<'_>) -> Result<Value<'_>, String> {
        match (self, value) {
            (Kind::Any | Kind::EachAny | Kind::Late, value) => Ok(value),
            (
                Kind::Text | Kind::TextLike | Kind::EachText | Kind::EachTextLike,
                it @ Value::Text(_),
            ) => Ok(it),
            (kind, value) => kind.converted(value),
        }
    }

    fn converted(self, value: Value<'_>) -> Result<Value<'_>, String> {
        match (self, value) {
            // Constants were looked at when they were read.
            (
                Kind::TheText
                | Kind::TheInt
                | Kind::TheFloat
                | Kind::TheBool
                | Kind::EachTheText
                | Kind::EachTheFloat,
                it,
            ) => Ok(it),
            (Kind::Text | Kind::EachText, it @ Value::Text(_))
            | (Kind::Int, it @ Value::Int(_))
            | (Kind::Map, it @ Value::Map(_))
            | (Kind::List, it @ Value::List(_))
            | (Kind::Time, it @ Value::Time(_))
            | (Kind::Duration, it @ Value::Duration(_)) => Ok(it),
            (Kind::TextLike | Kind::EachTextLike, it) => text_like(it),
            (Kind::IntLike, it) => int_like(&it),
            (Kind::FloatLike, it) => float_like(&it),
            (Kind::BoolLike, it) => bool_like(&it),
            (Kind::BytesLike, it) => bytes_like(it),
            (kind, it) => Err(format!("expected {} but got {}", kind.go_type(), it.go_type())),
        }
    }

    fn go_type(self) -> &'static str {
        match self {
            Kind::Int => "int64",
            Kind::Map => "pcommon.Map",
            Kind::List => "pcommon.Slice",
            Kind::Time => "time",
            Kind::Duration => "duration",
            _ => "string",
        }
    }
}

fn unsupported<T>(value: &Value<'_>) -> Result<T, String> {
    Err(format!("unsupported type: {}", value.go_type()))
}

fn text_like(value: Value<'_>) -> Result<Value<'_>, String> {
    Ok(match value {
        Value::Nil => Value::Nil,
        Value::Text(it) => Value::Text(it),
        Value::Bytes(it) => hex(&it).into(),
        Value::Bool(it) => if it { "true" } else { "false" }.into(),
        Value::Int(it) => it.to_string().into(),
        other => match other.json_text() {
            Some(text) => text.into(),
            None => return unsupported(&other),
        },
    })
}

const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;

fn int_like<'a>(value: &Value<'_>) -> Result<Value<'a>, String> {
    Ok(match value {
        Value::Nil => Value::Nil,
        Value::Int(it) => Value::Int(*it),
        Value::Text(it) => it.parse().map_or(Value::Nil, Value::Int),
        // What does not fit becomes what the processors of Go's programs make of it.
        Value::Double(it) if !(-TWO_TO_63..TWO_TO_63).contains(it) => Value::Int(i64::MIN),
        Value::Double(it) => Value::Int(number::whole(*it)),
        Value::Bool(it) => Value::Int((*it).into()),
        other => return unsupported(other),
    })
}

fn float_like<'a>(value: &Value<'_>) -> Result<Value<'a>, String> {
    Ok(match value {
        Value::Nil => Value::Nil,
        Value::Int(it) => Value::Double(*it as f64),
        Value::Text(it) => Value::Double(parse_float(it)?),
        Value::Double(it) => Value::Double(*it),
        Value::Bool(it) => Value::Double(f64::from(u8::from(*it))),
        other => return unsupported(other),
    })
}

fn bool_like<'a>(value: &Value<'_>) -> Result<Value<'a>, String> {
    Ok(match value {
        Value::Nil => Value::Nil,
        Value::Bool(it) => Value::Bool(*it),
        Value::Int(it) => Value::Bool(*it != 0),
        Value::Double(it) => Value::Bool(*it != 0.0),
        Value::Text(it) => Value::Bool(parse_bool(it)?),
        other => return unsupported(other),
    })
}

fn bytes_like(value: Value<'_>) -> Result<Value<'_>, String> {
    Ok(match value {
        Value::Nil => Value::Nil,
        Value::Bytes(it) => Value::Bytes(it),
        Value::Text(Cow::Borrowed(it)) => Value::Bytes(it.as_bytes().into()),
        Value::Text(Cow::Owned(it)) => Value::Bytes(it.into_bytes().into()),
        Value::Int(it) => Value::Bytes(it.to_be_bytes().to_vec().into()),
        Value::Double(it) => Value::Bytes(it.to_be_bytes().to_vec().into()),
        Value::Bool(it) => Value::Bytes(vec![it.into()].into()),
        other => return unsupported(&other),
    })
}

/// The items of a list argument.
pub(super) fn items<'a>(value: &Value<'a>) -> Vec<Value<'a>> {
    match value {
        Value::List(List::Own(it)) => it.to_vec(),
        Value::List(it) => it.items(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: Kind, value: Value<'static>, want: &str) {
        let got = kind.coerce(value);
        assert_eq!(got.map_or_else(|it| it, |it| format!("{} {it}", it.go_type())), want);
    }

    #[test]
    fn arguments_are_converted_as_in_go() {
        check(Kind::Text, Value::Int(1), "expected string but got int64");
        check(Kind::Text, Value::Nil, "expected string but got nil");
        check(Kind::TextLike, Value::Nil, "nil <nil>");
        check(Kind::TextLike, Value::Bytes(vec![1, 255].into()), "string 01ff");
        check(Kind::TextLike, Value::Double(1.0), "string 1");
        check(Kind::TextLike, Value::List(List::own(vec![Value::Int(1)])), "string [1]");
        check(Kind::IntLike, "12".into(), "int64 12");
        check(Kind::IntLike, "1.5".into(), "nil <nil>");
        check(Kind::IntLike, Value::Double(-1.9), "int64 -1");
        check(Kind::IntLike, Value::Bool(true), "int64 1");
        check(Kind::FloatLike, "x".into(), "strconv.ParseFloat: parsing \"x\": invalid syntax");
        check(Kind::FloatLike, Value::Int(2), "float64 2");
        check(Kind::BoolLike, "T".into(), "bool true");
        check(Kind::BoolLike, "yes".into(), "strconv.ParseBool: parsing \"yes\": invalid syntax");
        check(Kind::BoolLike, Value::Double(0.0), "bool false");
        check(Kind::BytesLike, Value::Int(258), "[]uint8 [0 0 0 0 0 0 1 2]");
        check(Kind::BytesLike, "12".into(), "[]uint8 [49 50]");
        check(Kind::Map, Value::Nil, "expected pcommon.Map but got nil");
    }
}
