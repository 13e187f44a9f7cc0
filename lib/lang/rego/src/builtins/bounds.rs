//! Builtins of the engine whose work is as much as a number in their arguments says. What is too much fails; all else the
//! engine does itself, in an engine of their own.

use std::cell::RefCell;

use regorus::{Engine, Value};

use super::args::{Answer, Failure, Table, failed, integer, string};

/// Most bits by which a number is shifted.
const SHIFT_BITS_MAX: f64 = 4096.0;
/// Most digits of a number in a text, and its largest exponent: a few more than a double has.
const DIGITS_MAX: usize = 400;

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
        engine("data.bounded.lsh", args)
    }),
    ("units.parse", |args| {
        check(string(args, 0)?)?;
        engine("data.bounded.units", args)
    }),
    ("units.parse_bytes", |args| {
        check(string(args, 0)?)?;
        engine("data.bounded.bytes", args)
    }),
];

const MODULE: &str = "package bounded
lsh := bits.lsh(input[0], input[1])
units := units.parse(input[0])
bytes := units.parse_bytes(input[0])
";

thread_local! {
    static ENGINE: RefCell<Option<Engine>> = const { RefCell::new(None) };
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

/// The engine's own answer.
fn engine(rule: &str, args: &[Value]) -> Answer {
    ENGINE.with_borrow_mut(|slot| {
        let engine = slot.get_or_insert_with(|| {
            let mut engine = Engine::new();
            engine.set_strict_builtin_errors(true);
            // The module is a constant; a mistake in it would make every call fail, which tests see.
            let _ = engine.add_policy("bounded.rego".into(), MODULE.into());
            engine
        });
        engine.set_input(args.to_vec().into());
        engine.eval_rule(rule.into()).map_err(|error| Failure::Failed(error.to_string()))
    })
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
            ("units.parse", vec![Value::from("1e3")], Value::from(1_000)),
            ("units.parse", vec![Value::from("2Ei")], Value::from(2u64 << 60)),
            ("units.parse_bytes", vec![Value::from("1KiB")], Value::from(1_024)),
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
        ] {
            let why = call(name, &args).unwrap_err();
            assert!(why.contains("more than"), "{name} {args:?}: {why}");
        }
    }
}
