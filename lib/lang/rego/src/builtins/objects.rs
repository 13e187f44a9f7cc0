//! Builtins over collections for which the engine's are too slow on large ones, or panic.

use regorus::Value;
use regorus::value::{Array, Object, Set};

use super::args::{Answer, Failure, Table, array, failed, items, type_name};

/// Most comparisons of items when arrays are looked for in others, in one call.
const COMPARISONS_MAX: usize = 10_000_000;
/// Largest number that a product is multiplied on, in its digits.
const DIGITS_MAX: usize = 1_000;

pub const TABLE: Table =
    &[("object.subset", subset), ("object.union_n", union_n), ("product", product)];

fn subset(args: &[Value]) -> Answer {
    let mut comparisons = 0;
    let is = match (args.first(), args.get(1)) {
        (Some(Value::Object(whole)), Some(Value::Object(part))) => {
            of_objects(whole, part, &mut comparisons)?
        }
        (Some(Value::Set(whole)), Some(Value::Set(part))) => part.is_subset(whole),
        (Some(Value::Array(whole)), Some(Value::Array(part))) => {
            of_arrays(whole, part, &mut comparisons)?
        }
        (Some(Value::Array(whole)), Some(Value::Set(part))) => of_set(whole, part),
        _ => {
            let text = "both arguments object.subset must be of the same type or array and set";
            return Err(Failure::Type(text.into()));
        }
    };
    Ok(Value::from(is))
}

fn of_objects(whole: &Object, part: &Object, comparisons: &mut usize) -> Result<bool, Failure> {
    for (key, inner) in part.iter() {
        let Some(outer) = whole.get(key) else { return Ok(false) };
        let is = match (outer, inner) {
            (Value::Object(outer), Value::Object(inner)) => of_objects(outer, inner, comparisons)?,
            (Value::Set(outer), Value::Set(inner)) => inner.is_subset(outer),
            (Value::Array(outer), Value::Array(inner)) => of_arrays(outer, inner, comparisons)?,
            _ => outer == inner,
        };
        if !is {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The items of the part stand beside each other in the whole.
fn of_arrays(whole: &Array, part: &Array, comparisons: &mut usize) -> Result<bool, Failure> {
    if part.is_empty() {
        return Ok(true);
    }
    for window in whole.as_slice().windows(part.len()) {
        let pairs = window.iter().zip(part.iter());
        let same = pairs.take_while(|(own, other)| own == other).count();
        *comparisons += same + 1;
        if *comparisons > COMPARISONS_MAX {
            return failed(format!("more than {COMPARISONS_MAX} comparisons"));
        }
        if same == part.len() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn of_set(whole: &Array, part: &Set) -> bool {
    let whole: std::collections::BTreeSet<&Value> = whole.iter().collect();
    part.iter().all(|it| whole.contains(it))
}

/// What is merged into is one object, and not a new one for each.
fn union_n(args: &[Value]) -> Answer {
    let mut whole = Value::new_object();
    for item in array(args, 0)? {
        if !matches!(item, Value::Object(_)) {
            return Err(Failure::Type(format!(
                "operand 1 must be array of objects but got array containing {}",
                type_name(item)
            )));
        }
        merge(&mut whole, item);
    }
    Ok(whole)
}

/// Objects are merged, what is else replaces.
fn merge(into: &mut Value, from: &Value) {
    let (Value::Object(_), Value::Object(entries)) = (&*into, from) else {
        *into = from.clone();
        return;
    };
    let Ok(into) = into.as_object_mut() else { return };
    for (key, value) in entries.iter() {
        match into.get_mut(key) {
            Some(there) => merge(there, value),
            None => drop(into.insert(key.clone(), value.clone())),
        }
    }
}

fn product(args: &[Value]) -> Answer {
    let mut whole = Value::from(1);
    for item in items(args, 0, "one of {set, array}")? {
        let (Value::Number(one), Value::Number(other)) = (&whole, item) else {
            return Err(Failure::Type(format!(
                "operand 1 must be array of numbers but got array containing {}",
                type_name(item)
            )));
        };
        let made = one.mul(other).map_err(|error| Failure::Failed(error.to_string()))?;
        // What is a small number has not so many digits, and is not written to find that out.
        if made.as_f64().is_none() && made.format_decimal().len() > DIGITS_MAX {
            return failed(format!("a number of more than {DIGITS_MAX} digits"));
        }
        whole = made.into();
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Value {
        Value::from_json_str(text).unwrap()
    }

    #[test]
    fn an_empty_array_is_part_of_all_arrays() {
        for (whole, part, want) in [
            ("[1]", "[]", true),
            ("[]", "[]", true),
            ("[]", "[1]", false),
            ("[1, 1, 2]", "[1, 2]", true),
            ("[1, 2, 3]", "[1, 3]", false),
            ("{\"a\": {\"b\": [1, 2], \"c\": 1}}", "{\"a\": {\"b\": []}}", true),
            ("{\"a\": 1}", "{\"a\": 2}", false),
            ("{\"a\": [2, 1]}", "{\"a\": [1]}", true),
        ] {
            assert_eq!(subset(&[json(whole), json(part)]), Ok(want.into()), "{whole} {part}");
        }
        assert!(subset(&[json("[1]"), json("{}")]).is_err());
    }

    #[test]
    fn one_call_has_one_limit_of_comparisons_for_all_its_arrays() {
        // Zeros and a one at the end, which is compared with almost all of the part before it is found: 4,500,000 times.
        let zeros = |count: usize| {
            let zeros = std::iter::repeat_n(Value::from(0), count);
            Value::from(zeros.chain([1.into()]).collect::<Vec<_>>())
        };
        let object = |of: Value, keys: usize| {
            let entries = (0..keys).map(|it| (Value::from(it), of.clone()));
            Value::from(entries.collect::<std::collections::BTreeMap<_, _>>())
        };
        let found = |keys| subset(&[object(zeros(4_499), keys), object(zeros(1_499), keys)]);
        assert_eq!(found(2), Ok(true.into()));
        assert!(found(3).is_err());
    }

    #[test]
    fn later_objects_win_and_are_merged() {
        let all = json("[{\"a\": {\"b\": 1, \"c\": 2}}, {\"a\": {\"b\": 3}}, {\"d\": {}}]");
        assert_eq!(union_n(&[all]), Ok(json("{\"a\": {\"b\": 3, \"c\": 2}, \"d\": {}}")));
        assert!(union_n(&[json("[{}, 1]")]).is_err());
    }

    #[test]
    fn a_product_has_an_end() {
        assert_eq!(product(&[json("[2, 3, 1.5]")]), Ok(json("9")));
        assert_eq!(product(&[json("[]")]), Ok(json("1")));
        assert!(product(&[Value::from(vec![json("9223372036854775807"); 100])]).is_err());
    }
}
