//! `+`, `-`, `*`, `/`, `%`, `|` and `&`, and what `some ... in` walks over: what they cannot work on makes them fail as a builtin
//! fails, where the engine ends the evaluation. The translation calls these instead.

use regorus::Value;

use super::args::{Answer, Failure, Table, failed, type_name};

pub const TABLE: Table = &[
    ("internal.plus", |args| operator('+', args)),
    ("internal.minus", |args| operator('-', args)),
    ("internal.mul", |args| operator('*', args)),
    ("internal.div", |args| operator('/', args)),
    ("internal.rem", |args| operator('%', args)),
    ("internal.or", |args| operator('|', args)),
    ("internal.and", |args| operator('&', args)),
    // Nothing to walk over is no error in OPA, also where errors of builtins are.
    (COLLECTION, |args| match args {
        [it @ (Value::Array(_) | Value::Set(_) | Value::Object(_))] => Ok(it.clone()),
        _ => Ok(Value::Undefined),
    }),
];

/// The value if it is a collection, else undefined.
pub const COLLECTION: &str = "internal.collection";

/// The builtin that an operator stands for, and its sign.
pub fn of(operator: &str) -> Option<(&'static str, char)> {
    Some(match operator {
        "+" => ("internal.plus", '+'),
        "-" => ("internal.minus", '-'),
        "*" => ("internal.mul", '*'),
        "/" => ("internal.div", '/'),
        "%" => ("internal.rem", '%'),
        "|" => ("internal.or", '|'),
        "&" => ("internal.and", '&'),
        _ => return None,
    })
}

/// An operator as the builtin that it is in OPA: `plus(1, 2)`.
pub fn is_name(name: &str) -> bool {
    matches!(name, "plus" | "minus" | "mul" | "div" | "rem" | "or" | "and")
}

/// Why an operator has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// An operand is of another type.
    Type,
    /// A division by 0, or a remainder of numbers that are not whole.
    Number(&'static str),
    /// A number that the engine cannot write.
    Engine,
}

/// What an operator makes of two values.
///
/// # Errors
/// If it cannot work on them.
#[inline]
pub fn apply(sign: char, left: &Value, right: &Value) -> Result<Value, Wrong> {
    match (sign, left, right) {
        ('|' | '&', Value::Number(_), _) => Err(Wrong::Type),
        (_, Value::Number(_), Value::Number(_)) => numbers(sign, left, right),
        ('-', Value::Set(left), Value::Set(right)) => Ok(left.difference(right).into_value()),
        ('|', Value::Set(left), Value::Set(right)) => Ok(left.union(right).into_value()),
        ('&', Value::Set(left), Value::Set(right)) => Ok(left.intersection(right).into_value()),
        _ => Err(Wrong::Type),
    }
}

fn numbers(sign: char, left: &Value, right: &Value) -> Result<Value, Wrong> {
    let by_zero = || *right == Value::from(0);
    let (Value::Number(left), Value::Number(right)) = (left, right) else {
        return Err(Wrong::Type);
    };
    let number = match sign {
        '+' => left.add(right),
        '-' => left.sub(right),
        '*' => left.mul(right),
        '/' if by_zero() => return Err(Wrong::Number("divide by zero")),
        '/' => left.clone().divide(right),
        _ if !left.is_integer() || !right.is_integer() => {
            return Err(Wrong::Number("modulo on floating-point number"));
        }
        _ if by_zero() => return Err(Wrong::Number("modulo by zero")),
        _ => left.clone().modulo(right),
    };
    number.map(Value::from).map_err(|_| Wrong::Engine)
}

fn operator(sign: char, args: &[Value]) -> Answer {
    let undefined = Value::Undefined;
    let left = args.first().unwrap_or(&undefined);
    let right = args.get(1).unwrap_or(&undefined);
    match apply(sign, left, right) {
        Ok(value) => Ok(value),
        Err(Wrong::Type) => Err(Failure::Type(wrong_operand(sign, left, right))),
        Err(Wrong::Number(why)) => failed(why),
        Err(Wrong::Engine) => failed("the number is too large"),
    }
}

/// Which operand is wrong.
fn wrong_operand(sign: char, left: &Value, right: &Value) -> String {
    let fits = match sign {
        '|' | '&' => matches!(left, Value::Set(_)),
        '-' => matches!(left, Value::Number(_) | Value::Set(_)),
        _ => matches!(left, Value::Number(_)),
    };
    let (operand, got) = if fits { (2, right) } else { (1, left) };
    let expected = match (sign, operand, left) {
        ('|' | '&', ..) => "set",
        ('-', 1, _) => "one of {number, set}",
        ('-', _, Value::Set(_)) => "set",
        _ => "number",
    };
    format!("operand {operand} must be {expected} but got {}", type_name(got))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Value {
        Value::from_json_str(text).unwrap()
    }

    #[test]
    fn numbers_are_computed() {
        for (left, sign, right, want) in [
            ("1", '+', "2", "3"),
            ("1", '-', "2.5", "-1.5"),
            ("3", '*', "4", "12"),
            ("1", '/', "4", "0.25"),
            ("-7", '%', "4", "-3"),
            ("9223372036854775807", '+', "1", "9223372036854775808"),
        ] {
            assert_eq!(
                apply(sign, &json(left), &json(right)),
                Ok(json(want)),
                "{left} {sign} {right}"
            );
        }
    }

    #[test]
    fn what_cannot_be_computed_says_why() {
        let why = |left: &str, name: &str, right: &str| {
            let function = TABLE.iter().find(|it| it.0 == name).unwrap().1;
            function(&[json(left), json(right)]).unwrap_err()
        };
        let failed = |text: &str| Failure::Failed(text.into());
        let wrong = |text: &str| Failure::Type(text.into());
        assert_eq!(why("1", "internal.div", "0"), failed("divide by zero"));
        assert_eq!(why("1", "internal.rem", "0"), failed("modulo by zero"));
        assert_eq!(why("1.5", "internal.rem", "1"), failed("modulo on floating-point number"));
        let text = "operand 2 must be number but got string";
        assert_eq!(why("1", "internal.plus", "\"a\""), wrong(text));
        assert_eq!(why("1", "internal.minus", "\"a\""), wrong(text));
        let text = "operand 1 must be one of {number, set} but got array";
        assert_eq!(why("[]", "internal.minus", "1"), wrong(text));
        assert_eq!(why("[]", "internal.or", "[]"), wrong("operand 1 must be set but got array"));
    }
}
