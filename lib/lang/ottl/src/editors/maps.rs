//! Editors of maps: which keys stay, and maps into maps.

use pdata::{AttributesEdit, ValueRef};

use super::{Editor, MAP, PATTERN, State, Work, dynamic_regex, editor, pattern_at, read};
use crate::functions::{Getter, Kind, Slot, takes};
use crate::value::Value;

pub(super) const ALL: &[Editor] = &[
    editor("delete_key", &[MAP, takes("key", Kind::Text)], delete_key)
        .says("Removes a key of a map.", "delete_key(log.attributes, \"password\")"),
    editor("delete_matching_keys", &[MAP, PATTERN], delete_matching_keys)
        .prepared(|slots| pattern_at(slots, 1, "delete_matching_keys"))
        .says(
            "Removes the keys that a regular expression finds something in.",
            "delete_matching_keys(log.attributes, \"^http\\\\.\")",
        ),
    editor("keep_matching_keys", &[MAP, PATTERN], keep_matching_keys)
        .prepared(|slots| pattern_at(slots, 1, "keep_matching_keys"))
        .says(
            "Removes the keys that a regular expression finds nothing in.",
            "keep_matching_keys(log.attributes, \"^http\\\\.\")",
        ),
    editor("keep_keys", &[MAP, takes("keys", Kind::EachText)], keep_keys).says(
        "Removes all keys but these.",
        "keep_keys(resource.attributes, [\"service.name\", \"host.name\"])",
    ),
    editor(
        "limit",
        &[MAP, takes("limit", Kind::TheInt), takes("priority_keys", Kind::EachTheText)],
        limit,
    )
    .prepared(check_limit)
    .says(
        "Keeps so many keys of a map: those of the list, then the first of the others.",
        "limit(log.attributes, 10, [\"http.method\"])",
    ),
    editor(
        "merge_maps",
        &[MAP, takes("source", Kind::Map), takes("strategy", Kind::TheText)],
        merge_maps,
    )
    .prepared(check_strategy)
    .says(
        "Takes the entries of another map: those that are new (\"insert\"), that are there (\"update\") \
         or all (\"upsert\").",
        "merge_maps(log.attributes, {\"a\": 1}, \"upsert\")",
    ),
];

fn delete_key(work: &mut Work<'_, '_>) -> Result<(), String> {
    let (target, key) = (work.target()?, work.text(1)?);
    target.edit_map(&mut work.site, |map| {
        map.remove(&key);
    })
}

fn delete_matching_keys(work: &mut Work<'_, '_>) -> Result<(), String> {
    retain(work, false)
}

fn keep_matching_keys(work: &mut Work<'_, '_>) -> Result<(), String> {
    retain(work, true)
}

/// Keeps the keys that match, or the others.
fn retain(work: &mut Work<'_, '_>, matching: bool) -> Result<(), String> {
    let target = work.target()?;
    let regex = work.pattern(1, dynamic_regex)?;
    target.edit_map(&mut work.site, |map| map.retain(|key, _| regex.is_match(key) == matching))
}

fn keep_keys(work: &mut Work<'_, '_>) -> Result<(), String> {
    let target = work.target()?;
    let Some(Slot::Each(getters)) = work.arguments.get(1) else { return Ok(()) };
    if getters.iter().all(|it| it.constant().is_some()) {
        let is_kept = |key: &str| getters.iter().any(|it| constant_text(it) == Some(key));
        return target.edit_map(&mut work.site, |map| map.retain(|key, _| is_kept(key)));
    }
    let mut keys = Vec::new();
    for getter in getters {
        if let Value::Text(it) = Kind::EachText.coerce(read(getter, &work.site)?)? {
            keys.push(it.into_owned());
        }
    }
    target.edit_map(&mut work.site, |map| map.retain(|key, _| keys.iter().any(|it| it == key)))
}

fn constant_text(getter: &Getter) -> Option<&str> {
    match getter.constant()? {
        Value::Text(it) => Some(it),
        _ => None,
    }
}

fn check_limit(slots: &[Slot]) -> Result<State, String> {
    let limit = super::constant_int(slots, 1).unwrap_or_default();
    let priorities = super::constant_list(slots, 2).count();
    if limit < 0 {
        return Err(format!("invalid limit for limit function, {limit} cannot be negative"));
    }
    if usize::try_from(limit).is_ok_and(|it| it < priorities) {
        return Err(format!(
            "invalid limit for limit function, {limit} cannot be less than number of priority \
             attributes {priorities}"
        ));
    }
    Ok(State::None)
}

fn limit(work: &mut Work<'_, '_>) -> Result<(), String> {
    let target = work.target()?;
    let limit = super::constant_int(work.arguments, 1).unwrap_or_default();
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let arguments = work.arguments;
    let is_prior = |key: &str| {
        super::constant_list(arguments, 2).any(|it| matches!(it, Value::Text(it) if it == key))
    };
    target.edit_map(&mut work.site, |map| {
        if map.len() <= limit {
            return;
        }
        let mut kept = map.iter().filter(|(key, _)| is_prior(key)).count();
        map.retain(|key, _| {
            if is_prior(key) {
                return true;
            }
            let room = kept < limit;
            kept += usize::from(room);
            room
        });
    })
}

fn check_strategy(slots: &[Slot]) -> Result<State, String> {
    match super::constant_text(slots, 2).unwrap_or_default() {
        "insert" | "update" | "upsert" => Ok(State::None),
        other => Err(format!(
            "invalid value for strategy, {other}, must be 'insert', 'update' or 'upsert'"
        )),
    }
}

fn merge_maps(work: &mut Work<'_, '_>) -> Result<(), String> {
    let target = work.target()?;
    let Some(Slot::One(source)) = work.arguments.get(1) else { return Ok(()) };
    let source = Kind::Map.coerce(read(source, &work.site)?)?;
    work.scratch.keep(&source);
    let ValueRef::Map(source) = work.scratch.value.get() else { return Ok(()) };
    let merge: fn(&mut AttributesEdit<'_>, &str, ValueRef<'_>) =
        match super::constant_text(work.arguments, 2) {
            Some("insert") => |map, key, value| {
                map.insert(key, value);
            },
            Some("update") => |map, key, value| {
                map.update(key, value);
            },
            _ => |map, key, value| map.set(key, value),
        };
    target.edit_map(&mut work.site, |map| {
        source.iter().for_each(|(key, value)| merge(map, key, value));
    })
}
