//! Arguments of builtins: what they must be, and what is said when they are not.

use regorus::Value;
use regorus::value::{Array, Object, Set};

/// Why a builtin has no answer. It is undefined then, or an error if errors of builtins are strict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// An argument of the wrong type: `eval_type_error`.
    Type(String),
    /// `eval_builtin_error`.
    Failed(String),
}

/// What a builtin answers.
pub type Answer = Result<Value, Failure>;
/// A builtin.
pub type Function = fn(&[Value]) -> Answer;
/// Builtins by name.
pub type Table = &'static [(&'static str, Function)];

/// `eval_builtin_error` with this text.
pub fn failed<T>(text: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Failed(text.into()))
}

/// OPA's name of a value's type.
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Set(_) => "set",
        Value::Object(_) => "object",
        Value::Undefined => "undefined",
    }
}

/// `operand 1 must be string but got number`.
pub fn wrong<T>(args: &[Value], index: usize, expected: &str) -> Result<T, Failure> {
    let got = args.get(index).map_or("undefined", type_name);
    Err(Failure::Type(format!("operand {} must be {expected} but got {got}", index + 1)))
}

/// The argument as a text.
pub fn string(args: &[Value], index: usize) -> Result<&str, Failure> {
    match args.get(index) {
        Some(Value::String(text)) => Ok(text),
        _ => wrong(args, index, "string"),
    }
}

/// The argument as an array.
pub fn array(args: &[Value], index: usize) -> Result<&Array, Failure> {
    match args.get(index) {
        Some(Value::Array(items)) => Ok(items),
        _ => wrong(args, index, "array"),
    }
}

/// The argument as a set.
pub fn set(args: &[Value], index: usize) -> Result<&Set, Failure> {
    match args.get(index) {
        Some(Value::Set(items)) => Ok(items),
        _ => wrong(args, index, "set"),
    }
}

/// The items of an array or a set; `expected` has OPA's words for both.
pub fn items<'a>(
    args: &'a [Value],
    index: usize,
    expected: &str,
) -> Result<impl Iterator<Item = &'a Value> + Clone + use<'a>, Failure> {
    let (array, set) = match args.get(index) {
        Some(Value::Array(items)) => (Some(items), None),
        Some(Value::Set(items)) => (None, Some(items)),
        _ => return wrong(args, index, expected),
    };
    let of_array = array.into_iter().flat_map(|it| it.iter());
    Ok(of_array.chain(set.into_iter().flat_map(|it| it.iter())))
}

/// The argument as an object.
pub fn object(args: &[Value], index: usize) -> Result<&Object, Failure> {
    match args.get(index) {
        Some(Value::Object(entries)) => Ok(entries),
        _ => wrong(args, index, "object"),
    }
}

/// The argument as a whole number.
pub fn integer(args: &[Value], index: usize) -> Result<i64, Failure> {
    let Some(Value::Number(number)) = args.get(index) else { return wrong(args, index, "number") };
    number.as_i64().map_or_else(
        || {
            let operand = index + 1;
            Err(Failure::Type(format!(
                "operand {operand} must be integer number but got floating-point number"
            )))
        },
        Ok,
    )
}

/// The value under a text key.
pub fn field<'a>(object: &'a Object, key: &str) -> Option<&'a Value> {
    object.get(&Value::from(key))
}

/// An object with text keys.
pub fn object_of<const N: usize>(entries: [(&str, Value); N]) -> Value {
    let entries = entries.into_iter().map(|(key, value)| (Value::from(key), value));
    Value::from(entries.collect::<std::collections::BTreeMap<_, _>>())
}

/// A set.
pub fn set_of(items: impl IntoIterator<Item = Value>) -> Value {
    Value::from(items.into_iter().collect::<std::collections::BTreeSet<_>>())
}
