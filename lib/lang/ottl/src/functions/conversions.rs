//! Values of one type to values of another.

use super::kind::items;
use super::{Function, Kind, Slot, State, function, int, take, takes, text};
use crate::value::{Value, hex};
use golang::strconv::parse_int;

pub(super) const ALL: &[Function] = &[
    function("Bool", &[takes("target", Kind::BoolLike)], |_, it| Ok(take(it, 0))).says(
        "The value as a boolean: numbers that are not 0, and the words of Go's `ParseBool`.",
        "Bool(\"T\") == true",
    ),
    function("Int", &[takes("target", Kind::IntLike)], |_, it| Ok(take(it, 0))).says(
        "The value as a whole number; a text that is none makes nil, fractions are cut off.",
        "Int(\"42\") == 42",
    ),
    function("Double", &[takes("target", Kind::FloatLike)], |_, it| Ok(take(it, 0)))
        .says("The value as a floating point number.", "Double(\"1.5\") == 1.5"),
    function("String", &[takes("target", Kind::TextLike)], |_, it| Ok(take(it, 0))).says(
        "The value as a text: maps and lists as JSON, bytes in hex, nil stays nil.",
        "String([1, \"a\"]) == \"[1,\\\"a\\\"]\"",
    ),
    function("Hex", &[takes("target", Kind::BytesLike)], |_, it| match it {
        [Value::Bytes(it)] => Ok(hex(it).into()),
        _ => Ok("".into()),
    })
    .says(
        "The bytes of the value in hex; numbers have 8, booleans 1.",
        "Hex(12) == \"000000000000000c\"",
    ),
    function("ParseInt", &[takes("target", Kind::Text), takes("base", Kind::Int)], |_, it| {
        let (target, base) = (text(it, 0), int(it, 1));
        if target.is_empty() {
            let problem = "invalid target value for ParseInt function, target cannot be empty";
            return Err(problem.to_owned());
        }
        if base < 0 {
            return Err(format!(
                "invalid base value: {base} for ParseInt function, base cannot be negative"
            ));
        }
        parse_int(target, base).map(Value::Int)
    })
    .says(
        "The whole number that a text says in a base from 2 to 36; base 0 goes by the prefix.",
        "ParseInt(\"ff\", 16) == 255",
    ),
    function("Coalesce", &[takes("values", Kind::EachAny)], |_, it| {
        let found = it.first().map(items).unwrap_or_default();
        Ok(found.into_iter().find(|it| !matches!(it, Value::Nil)).unwrap_or_default())
    })
    .prepared(|slots| match slots {
        [Slot::Each(list)] if list.is_empty() => {
            Err("Coalesce requires at least one argument".to_owned())
        }
        _ => Ok(State::None),
    })
    .says("The first value that is not nil.", "Coalesce([nil, \"a\", \"b\"]) == \"a\""),
    function("Log", &[takes("target", Kind::FloatLike)], |_, it| match it {
        [Value::Double(it)] if *it > 0.0 => Ok(Value::Double(it.ln())),
        [Value::Double(it)] => {
            Err(format!("invalid input: expected number greater than zero but got {it}"))
        }
        _ => Err("invalid input: <nil>".to_owned()),
    })
    .says("The natural logarithm.", "Log(1) == 0.0"),
];
