//! Builtins of the engine whose work is as much as a number in their arguments says. What is too much fails; all else the
//! engine does itself.

use regorus::Value;

use super::args::{Failure, Table, failed, field, integer, object, string};
use super::engine::named;

/// Most bits by which a number is shifted.
const SHIFT_BITS_MAX: f64 = 4096.0;
/// Most digits of a number in a text, and its largest exponent: a few more than a double has.
const DIGITS_MAX: usize = 400;
/// Most addresses of a network, as the bits that are not its own.
const ADDRESS_BITS_MAX: u32 = 16;
/// Longest glob, in bytes: the engine panics where the regular expression that it makes of it becomes too large.
const GLOB_BYTES_MAX: usize = 4096;
/// Most bytes of prefixes and indents, which stand before each line.
const TEXT_BYTES_MAX: usize = 16 * 1024 * 1024;

pub const TABLE: Table = &[
    ("bits.lsh", |args| {
        // Whole numbers may be larger than 64 bits have room for.
        let is_whole = |it: &Value| it.as_f64().is_ok_and(|it| it.fract() == 0.0);
        for index in (0..2).filter(|at| !args.get(*at).is_some_and(is_whole)) {
            integer(args, index)?;
        }
        let bits = args.get(1).and_then(|it| it.as_f64().ok()).unwrap_or_default();
        if bits < 0.0 {
            let text = "operand 2 must be an unsigned integer number but got a negative integer";
            return Err(Failure::Type(text.into()));
        }
        if bits > SHIFT_BITS_MAX {
            return failed(format!("a shift by more than {SHIFT_BITS_MAX} bits"));
        }
        named("bits.lsh", args)
    }),
    ("glob.match", |args| {
        pattern(args)?;
        named("glob.match", args)
    }),
    ("glob.quote_meta", |args| {
        pattern(args)?;
        named("glob.quote_meta", args)
    }),
    ("json.marshal_with_options", |args| {
        let length = |name| {
            field(object(args, 1).ok()?, name).map(|it| it.as_string().map_or(0, |it| it.len()))
        };
        let (prefix, indent) = (length("prefix").unwrap_or(0), length("indent").unwrap_or(1));
        let (lines, depth) = args.first().map(extent).unwrap_or_default();
        let bytes = lines.saturating_mul(prefix.saturating_add(indent.saturating_mul(depth)));
        if bytes > TEXT_BYTES_MAX {
            return failed(format!("more than {TEXT_BYTES_MAX} bytes"));
        }
        named("json.marshal_with_options", args).map_err(|it| match it {
            Failure::Type(text) | Failure::Failed(text) => Failure::Type(text),
        })
    }),
    ("net.cidr_expand", |args| {
        let text = string(args, 0)?;
        let bits = if text.contains(':') { 128 } else { 32 };
        let prefix: Option<u32> = text.split_once('/').and_then(|(_, it)| it.parse().ok());
        if prefix.is_some_and(|it| it.saturating_add(ADDRESS_BITS_MAX) < bits) {
            return failed(format!("more than 2^{ADDRESS_BITS_MAX} addresses"));
        }
        named("net.cidr_expand", args)
    }),
    ("time.format", |args| {
        let layout = args.first().and_then(|it| it.as_array().ok()).and_then(|it| it.get(2));
        ascii(layout)?;
        named("time.format", args)
    }),
    ("time.parse_ns", |args| {
        ascii(args.first())?;
        ascii(args.get(1))?;
        named("time.parse_ns", args)
    }),
    ("units.parse", |args| {
        check(string(args, 0)?)?;
        named("units.parse", args)
    }),
    ("units.parse_bytes", |args| {
        check(string(args, 0)?)?;
        named("units.parse_bytes", args)
    }),
];

/// A glob of a length that can be compiled.
fn pattern(args: &[Value]) -> Result<(), Failure> {
    if string(args, 0)?.len() > GLOB_BYTES_MAX {
        return failed(format!("a glob of more than {GLOB_BYTES_MAX} bytes"));
    }
    Ok(())
}

/// The engine panics on a layout with other characters.
fn ascii(text: Option<&Value>) -> Result<(), Failure> {
    match text {
        Some(Value::String(text)) if !text.is_ascii() => failed("a layout of time is ASCII"),
        _ => Ok(()),
    }
}

/// How many lines the value has in JSON, at most, and how deep it is.
fn extent(value: &Value) -> (usize, usize) {
    let over = |items: &mut dyn Iterator<Item = &Value>| {
        let all = items.map(extent);
        all.fold((2, 1), |(lines, depth), it| (lines + it.0, depth.max(it.1 + 1)))
    };
    match value {
        Value::Array(items) => over(&mut items.iter()),
        Value::Set(items) => over(&mut items.iter()),
        Value::Object(entries) => over(&mut entries.values()),
        _ => (1, 0),
    }
}

/// A number that is written with some digits, and has that many at most.
fn check(text: &str) -> Result<(), Failure> {
    let exponent = text.find(['e', 'E']).and_then(|at| text.get(at + 1..)).unwrap_or_default();
    let digits = exponent.trim_start_matches(['+', '-']);
    let end = digits.find(|it: char| !it.is_ascii_digit()).unwrap_or(digits.len());
    let digits = digits.get(..end).unwrap_or_default();
    let is_small = digits.is_empty() || digits.parse().is_ok_and(|it: usize| it <= DIGITS_MAX);
    if is_small && text.len() <= DIGITS_MAX {
        return Ok(());
    }
    Err(Failure::Failed(format!("a number of more than {DIGITS_MAX} digits")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(name: &str, args: &[Value]) -> Result<Value, String> {
        let function = TABLE.iter().find(|it| it.0 == name).unwrap().1;
        function(args).map_err(|it| match it {
            Failure::Type(text) | Failure::Failed(text) => text,
        })
    }

    #[test]
    fn the_engine_answers_what_is_not_too_much() {
        for (name, args, want) in [
            ("bits.lsh", vec![Value::from(1), Value::from(4)], Value::from(16)),
            ("units.parse", vec![Value::from("10K")], Value::from(10_000)),
            ("glob.match", vec!["a*".into(), Value::Null, "ab".into()], true.into()),
            ("glob.quote_meta", vec!["a*".into()], "a\\*".into()),
            ("units.parse", vec![Value::from("1e3")], Value::from(1_000)),
            ("units.parse", vec![Value::from("2Ei")], Value::from(2u64 << 60)),
            ("units.parse_bytes", vec![Value::from("1KiB")], Value::from(1_024)),
            (
                "net.cidr_expand",
                vec![Value::from("1.2.3.0/31")],
                vec![Value::from("1.2.3.0"), Value::from("1.2.3.1")].into(),
            ),
            (
                "json.marshal_with_options",
                vec![
                    vec![Value::from(1)].into(),
                    Value::from_json_str(r#"{"indent": "-", "prefix": "+"}"#).unwrap(),
                ],
                Value::from("+[\n+-1\n+]"),
            ),
        ] {
            assert_eq!(call(name, &args), Ok(want), "{name} {args:?}");
        }
    }

    #[test]
    fn what_would_take_all_time_and_memory_fails() {
        for (name, args) in [
            ("bits.lsh", vec![Value::from(1), Value::from(1_000_000_000)]),
            ("units.parse", vec![Value::from("1e999999999")]),
            ("units.parse", vec![Value::from("1e-999999999Ki")]),
            ("units.parse_bytes", vec![Value::from("1E99999999999999999999MB")]),
            ("units.parse_bytes", vec![Value::from("9".repeat(1_000))]),
            ("net.cidr_expand", vec![Value::from("10.0.0.0/8")]),
            ("net.cidr_expand", vec![Value::from("::/0")]),
            (
                "json.marshal_with_options",
                vec![
                    Value::from(vec![Value::from(0); 100_000]),
                    Value::from_json_str(&format!("{{\"indent\": \"{}\"}}", " ".repeat(1_000)))
                        .unwrap(),
                ],
            ),
        ] {
            let why = call(name, &args).unwrap_err();
            assert!(why.contains("more than"), "{name} {args:?}: {why}");
        }
        assert!(call("glob.quote_meta", &[Value::from("a".repeat(5_000))]).is_err());
        let layout = Value::from("2006\u{e9}");
        assert!(call("time.parse_ns", &[layout.clone(), "x".into()]).is_err());
        assert!(call("time.format", &[vec![1.into(), "UTC".into(), layout].into()]).is_err());
        let day = call("time.format", &[vec![1.into(), "UTC".into(), "2006".into()].into()]);
        assert_eq!(day, Ok("1970".into()));
    }
}
