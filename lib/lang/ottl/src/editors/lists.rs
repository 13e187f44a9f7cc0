//! `set`, and the editors of lists.

use golang::number;
use pdata::PathError;

use super::given::encode;
use super::{Editor, State, TARGET, Work, editor, read};
use crate::functions::{Getter, Kind, Slot, may_take, takes};
use crate::path::Takes;
use crate::value::{List, Value};

pub(super) const ALL: &[Editor] = &[
    editor("set", &[TARGET, takes("value", Kind::Any)], set)
        .prepared(|slots| Ok(prepare_set(slots)))
        .says(
            "Sets what a path leads to. nil changes nothing; maps on the way are made.",
            "set(log.attributes[\"http\"][\"status\"], 200)",
        ),
    editor(
        "append",
        &[TARGET, may_take("value", Kind::Any), may_take("values", Kind::EachAny)],
        append,
    )
    .prepared(check_append)
    .says(
        "Adds values to a list. What is no list becomes its first item.",
        "append(log.attributes[\"tags\"], \"new\")",
    ),
    editor(
        "delete_index",
        &[
            takes("target", Kind::ListTarget),
            takes("start_index", Kind::Int),
            may_take("end_index", Kind::Int),
        ],
        delete_index,
    )
    .says(
        "Removes an item of a list, or those from the first index up to before the second.",
        "delete_index(log.attributes[\"tags\"], 0)",
    ),
];

/// What most statements are, an attribute that becomes a constant, is encoded once.
fn prepare_set(slots: &[Slot]) -> State {
    let mut scratch = super::Scratch::default();
    match slots {
        [Slot::Target(target), Slot::One(Getter::Const(constant))] => {
            let value = scratch.keep_constant(constant).value();
            let attribute = target.attribute().zip(value);
            attribute.map_or(State::None, |(key, value)| {
                State::Attribute(pdata::AttributeBuf::new(key, value))
            })
        }
        _ => State::None,
    }
}

fn set(work: &mut Work<'_, '_>) -> Result<(), String> {
    let target = work.target()?;
    if let State::Attribute(attribute) = work.state
        && let Some(mut attributes) = work.site.attributes(target.field.at)
    {
        attributes.set_buf(attribute);
        return Ok(());
    }
    let Some(Slot::One(getter)) = work.arguments.get(1) else { return Ok(()) };
    if let (Some(key), Some((from, of))) = (target.attribute(), getter.attribute()) {
        copy_attribute(work, (from, of), (target.field.at, key));
        return Ok(());
    }
    if let Some(constant) = getter.constant() {
        let given = work.scratch.keep_constant(constant);
        return if matches!(constant, Value::Nil) {
            Ok(())
        } else {
            target.set(&mut work.site, &given)
        };
    }
    if let (Getter::Field(from), Takes::Messages) = (getter, target.field.takes) {
        return copy_messages(work, from.at, target.field.at);
    }
    let value = read(getter, &work.site)?;
    if matches!(value, Value::Nil) {
        return Ok(());
    }
    let given = work.scratch.keep(&value);
    target.set(&mut work.site, &given)
}

/// Copies the value of an attribute, byte for byte.
fn copy_attribute(
    work: &mut Work<'_, '_>,
    (from, of): (pdata::Field, &str),
    (to, key): (pdata::Field, &str),
) {
    let Some(encoded) = work.site.entry_encoded(from, of).filter(|it| !it.is_empty()) else {
        return;
    };
    let value = work.scratch.value.encode(|out| out.put(pdata::Value::Encoded(encoded)));
    if let Some(mut attributes) = work.site.attributes(to) {
        attributes.set(key, value);
    }
}

/// Copies messages of a place to others of it: the negative buckets to the positive ones.
fn copy_messages(
    work: &mut Work<'_, '_>,
    from: pdata::Field,
    to: pdata::Field,
) -> Result<(), String> {
    let target = work.target()?;
    let same_type = match work.arguments.get(1) {
        Some(Slot::One(getter)) => {
            let (old, new) = (target.get(&work.site)?, read(getter, &work.site)?);
            if let (false, Value::Opaque(wanted, _)) = (old.go_type() == new.go_type(), &old)
                && wanted.contains("DataPointSlice")
            {
                return Err(format!("expects {wanted} but got {}", new.go_type()));
            }
            old.go_type() == new.go_type()
        }
        _ => false,
    };
    if from == to || !same_type {
        return Ok(());
    }
    let messages: Vec<Vec<u8>> = work.site.messages(from).map(<[u8]>::to_vec).collect();
    let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    match work.site.set_messages(to, &messages) {
        // A point of another kind has no such messages.
        Ok(()) | Err(PathError::Absent) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

fn check_append(slots: &[Slot]) -> Result<State, String> {
    if matches!(slots, [_, Slot::Absent, Slot::Absent]) {
        return Err(
            "at least one of the optional arguments ('value' or 'values') must be provided"
                .to_owned(),
        );
    }
    Ok(State::None)
}

fn append(work: &mut Work<'_, '_>) -> Result<(), String> {
    let target = work.target()?;
    let mut items = match target.get(&work.site)? {
        Value::Nil => Vec::new(),
        Value::List(it) => it.items(),
        other => vec![other],
    };
    for slot in work.arguments.iter().skip(1) {
        match slot {
            Slot::One(getter) => items.push(read(getter, &work.site)?),
            Slot::Each(getters) => {
                for getter in getters {
                    items.push(read(getter, &work.site)?);
                }
            }
            _ => {}
        }
    }
    for item in &items {
        check_raw(item)?;
    }
    let list = Value::List(List::own(items));
    let value = work.scratch.value.encode(|out| encode(&list, out));
    target.set(&mut work.site, &super::Given::List("pcommon.Slice", value))
}

/// Go makes the list of plain values only: maps and lists of its own types it refuses.
fn check_raw(value: &Value<'_>) -> Result<(), String> {
    match value {
        Value::List(List::Own(items)) => items.iter().try_for_each(check_raw),
        Value::Map(_)
        | Value::List(List::View(_))
        | Value::Time(_)
        | Value::Duration(_)
        | Value::Id(..)
        | Value::Opaque(..) => Err(format!("<Invalid value type {}>", value.go_type())),
        _ => Ok(()),
    }
}

fn delete_index(work: &mut Work<'_, '_>) -> Result<(), String> {
    let target = work.target()?;
    let list = match target.get(&work.site)? {
        Value::List(it) => it,
        other => return Err(format!("expected pcommon.Slice but got {}", other.go_type())),
    };
    let length = number::int(list.len());
    let start = work.int(1)?.unwrap_or_default();
    let end = work.int(2)?.unwrap_or_else(|| start.saturating_add(1));
    if !(start == 0 && end == length) {
        check_bounds(start, end, length)?;
    }
    let value = work.scratch.value.encode(|out| {
        out.array(|out| {
            for (at, item) in list.items().iter().enumerate() {
                if !(start..end).contains(&number::int(at)) {
                    out.value(|out| encode(item, out));
                }
            }
        });
    });
    target.set(&mut work.site, &super::Given::List("pcommon.Slice", value))
}

fn check_bounds(start: i64, end: i64, length: i64) -> Result<(), String> {
    if start < 0 || start >= length {
        return Err(format!("startIndex {start} out of bounds for slice of length {length}"));
    }
    if end < start {
        return Err(format!("endIndex {end} cannot be less than startIndex {start}"));
    }
    if end > length {
        return Err(format!(
            "deletion range [{start}:{end}] out of bounds for slice of length {length}"
        ));
    }
    Ok(())
}
