//! Values in an arena, as Go's `map[string]any` and `[]any` would hold them, and how `%T` and `%v` print them.

use bumpalo::collections::Vec as ArenaVec;
pub use pdata::Value;

use crate::number::last_32_bits;
use crate::strconv::float;

/// Key and value.
pub type Pair<'a> = (&'a str, Value<'a>);

/// A map that can still grow, in order of insertion.
pub type Pairs<'a> = ArenaVec<'a, Pair<'a>>;

/// The type as Go's `%T` prints it.
pub fn type_name(value: &Value<'_>) -> &'static str {
    match value {
        Value::Str(_) => "string",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int64",
        Value::Double(_) => "float64",
        Value::Bytes(_) => "[]uint8",
        Value::Array(_) => "[]interface {}",
        Value::Map(_) => "map[string]interface {}",
        _ => "<nil>",
    }
}

/// The entry of a map.
#[inline]
pub fn find<'a>(pairs: &[Pair<'a>], key: &str) -> Option<Value<'a>> {
    pairs.iter().find(|(k, _)| *k == key).map(|(_, v)| *v)
}

/// Overwrites or appends.
#[inline]
pub fn put<'a>(pairs: &mut Pairs<'a>, key: &'a str, value: Value<'a>) {
    match pairs.iter_mut().find(|(k, _)| *k == key) {
        Some(pair) => pair.1 = value,
        None => pairs.push((key, value)),
    }
}

/// Tells most different keys apart: length, first and last byte.
#[inline]
pub fn fingerprint(key: &str) -> u32 {
    let bytes = key.as_bytes();
    let first = bytes.first().map_or(0, |it| u32::from(*it));
    let last = bytes.last().map_or(0, |it| u32::from(*it));
    last_32_bits(bytes.len()).wrapping_mul(0x9e37)
        ^ first.wrapping_mul(0x85)
        ^ last.wrapping_mul(0xb)
        ^ (first >> 3)
}

/// `value` as Go's `%v` prints it.
pub fn display(value: &Value<'_>) -> String {
    match value {
        Value::Str(it) => (*it).to_owned(),
        Value::Bool(it) => it.to_string(),
        Value::Int(it) => it.to_string(),
        Value::Double(it) => float(*it),
        Value::Bytes(it) => {
            let all: Vec<String> = it.iter().map(u8::to_string).collect();
            format!("[{}]", all.join(" "))
        }
        Value::Array(it) => {
            let all: Vec<String> = it.iter().map(display).collect();
            format!("[{}]", all.join(" "))
        }
        Value::Map(it) => {
            // In the order of the keys, which is not always that of the printed entries.
            let mut all: Vec<_> = it.iter().collect();
            all.sort_by_key(|(key, _)| *key);
            let all = all.into_iter().map(|(key, it)| format!("{key}:{}", display(it)));
            format!("map[{}]", all.collect::<Vec<_>>().join(" "))
        }
        _ => "<nil>".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_printed_in_the_order_of_their_keys() {
        let map = [("a-b", Value::Int(2)), ("a", Value::Int(1)), ("a.c", Value::Int(3))];
        assert_eq!(display(&Value::Map(&map)), "map[a:1 a-b:2 a.c:3]");
    }
}
