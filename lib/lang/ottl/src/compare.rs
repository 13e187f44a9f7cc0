//! Go's rules of comparison: numbers of both kinds are compared with each other, of other values of
//! different types only `!=` is true, maps and lists have no order.

use std::cmp::Ordering;

use crate::tree::Comparison;
use crate::value::{List, Map, Value};

/// Whether the comparison holds.
#[inline]
pub(crate) fn holds(how: Comparison, left: &Value<'_>, right: &Value<'_>) -> bool {
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => ordered(how, Some(a.cmp(b))),
        (Value::Text(a), Value::Text(b)) if how == Comparison::Equal => a == b,
        (Value::Text(a), Value::Text(b)) => ordered(how, Some(a.as_bytes().cmp(b.as_bytes()))),
        _ => rarely(how, left, right),
    }
}

fn rarely(how: Comparison, left: &Value<'_>, right: &Value<'_>) -> bool {
    let ordering = match (left, right) {
        (Value::Nil, Value::Nil) => Some(Ordering::Equal),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::Int(a), Value::Double(b)) => (*a as f64).partial_cmp(b),
        (Value::Double(a), Value::Int(b)) => a.partial_cmp(&(*b as f64)),
        (Value::Double(a), Value::Double(b)) => a.partial_cmp(b),
        (Value::Bytes(a), Value::Bytes(b)) => Some(a.cmp(b)),
        (Value::Time(a), Value::Time(b)) => Some(a.nanos.cmp(&b.nanos)),
        (Value::Duration(a), Value::Duration(b)) => Some(a.cmp(b)),
        (Value::Id(a, x), Value::Id(b, y)) => return unordered(how, || (a, x) == (b, y)),
        (Value::Map(a), Value::Map(b)) => return unordered(how, || same_maps(a, b)),
        (Value::List(a), Value::List(b)) => return unordered(how, || same_lists(a, b)),
        _ => None,
    };
    ordered(how, ordering)
}

/// Without an order (not a number, or different types) only `!=` holds.
#[inline]
pub(crate) fn ordered(how: Comparison, ordering: Option<Ordering>) -> bool {
    match how {
        Comparison::Equal => ordering == Some(Ordering::Equal),
        Comparison::NotEqual => ordering != Some(Ordering::Equal),
        Comparison::Less => ordering == Some(Ordering::Less),
        Comparison::LessOrEqual => ordering.is_some_and(Ordering::is_le),
        Comparison::Greater => ordering == Some(Ordering::Greater),
        Comparison::GreaterOrEqual => ordering.is_some_and(Ordering::is_ge),
    }
}

fn unordered(how: Comparison, same: impl FnOnce() -> bool) -> bool {
    match how {
        Comparison::Equal => same(),
        Comparison::NotEqual => !same(),
        _ => false,
    }
}

/// Equal values within maps and lists have equal types too.
fn same(left: &Value<'_>, right: &Value<'_>) -> bool {
    match (left, right) {
        (Value::Int(_), Value::Double(_)) | (Value::Double(_), Value::Int(_)) => false,
        _ => holds(Comparison::Equal, left, right),
    }
}

fn same_maps(left: &Map<'_>, right: &Map<'_>) -> bool {
    let entries = left.entries();
    entries.len() == right.len()
        && entries.iter().all(|(key, a)| right.get(key).is_some_and(|b| same(a, &b)))
}

fn same_lists(left: &List<'_>, right: &List<'_>) -> bool {
    let (left, right) = (left.items(), right.items());
    left.len() == right.len() && left.iter().zip(&right).all(|(a, b)| same(a, b))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The results of `== != < <= > >=`.
    fn all(left: &Value<'_>, right: &Value<'_>) -> [bool; 6] {
        use Comparison::*;
        [Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual]
            .map(|how| holds(how, left, right))
    }

    const EQUAL: [bool; 6] = [true, false, false, true, false, true];
    const LESS: [bool; 6] = [false, true, true, true, false, false];
    const GREATER: [bool; 6] = [false, true, false, false, true, true];
    const DIFFERENT: [bool; 6] = [false, true, false, false, false, false];

    #[test]
    fn values_are_compared_as_in_go() {
        let bytes = |it: &'static [u8]| Value::Bytes(it.into());
        for (left, right, want) in [
            (Value::Nil, Value::Nil, EQUAL),
            (Value::Nil, Value::Int(0), DIFFERENT),
            (Value::from(""), Value::Nil, DIFFERENT),
            (Value::Bool(false), Value::Bool(true), LESS),
            (Value::Int(2), Value::Int(1), GREATER),
            (Value::Int(1), Value::Double(1.0), EQUAL),
            (Value::Double(1.5), Value::Int(2), LESS),
            (Value::Double(f64::NAN), Value::Double(f64::NAN), DIFFERENT),
            (Value::from("a"), Value::from("b"), LESS),
            (Value::from("1"), Value::Int(1), DIFFERENT),
            (bytes(b"a"), bytes(b"a"), EQUAL),
            (bytes(b"a"), Value::from("a"), DIFFERENT),
            (Value::Duration(1), Value::Duration(2), LESS),
            (Value::Duration(1), Value::Int(1), DIFFERENT),
        ] {
            assert_eq!(all(&left, &right), want, "{left:?} {right:?}");
        }
    }

    #[test]
    fn maps_and_lists_are_equal_or_not() {
        let list = |it: Vec<Value<'static>>| Value::List(List::own(it));
        let map = |it: Vec<(&'static str, Value<'static>)>| {
            Value::Map(Map::own(it.into_iter().map(|(key, value)| (key.into(), value)).collect()))
        };
        let same = [true, false, false, false, false, false];
        let ab = map(vec![("a", Value::Int(1)), ("b", list(vec![Value::Nil]))]);
        let ba = map(vec![("b", list(vec![Value::Nil])), ("a", Value::Int(1))]);
        assert_eq!(all(&ab, &ba), same);
        assert_eq!(all(&ab, &map(vec![("a", Value::Int(1))])), DIFFERENT);
        assert_eq!(all(&list(vec![Value::Int(1)]), &list(vec![Value::Double(1.0)])), DIFFERENT);
        assert_eq!(all(&ab, &list(vec![])), DIFFERENT);
    }
}
