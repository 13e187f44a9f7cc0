//! Several trees to one, and keys with `::` to nested maps.

use std::collections::HashMap;

use crate::source::Origin;
use crate::tree::{Data, Entry, Node};
use crate::yaml::DEPTH_MAX;

/// Most keys with `::` in one map: each is laid over what is there.
const SPLIT_KEYS_MAX: usize = 1000;
/// Up to so many keys are looked for one by one.
const LOOKED_UP_MAX: usize = 8;
/// Between the keys of nested maps.
const DELIMITER: &str = "::";

/// What becomes of a list over a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Lists {
    /// The later one is used.
    #[default]
    Replace,
    /// Those that name components are joined: `confmap.enableMergeAppendOption`.
    Append,
}

/// Lays `over` on `base`: maps merge, everything else replaces, `null` too.
pub(crate) fn lay_over(base: &mut Node, over: Node, lists: Lists) {
    merge(base, over, &mut Vec::new(), lists);
}

fn merge(base: &mut Node, over: Node, path: &mut Vec<String>, lists: Lists) {
    match (&mut base.data, over.data) {
        (Data::Map(base), Data::Map(over)) => put_all(base, over, path, lists),
        (Data::List(base), Data::List(over)) if lists == Lists::Append && is_joined(path) => {
            for item in over {
                if !base.iter().any(|it| it.data == item.data) {
                    base.push(item);
                }
            }
        }
        (_, data) => *base = Node { data, ..over },
    }
}

/// `service::extensions`, `service::**::receivers`, `service::**::exporters`: `confmap/merge.go`, v0.159.
fn is_joined(path: &[String]) -> bool {
    match path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["service", "extensions"] => true,
        ["service", _, .., last] => ["receivers", "exporters"].contains(&last),
        _ => false,
    }
}

fn put_all(base: &mut Vec<Entry>, over: Vec<Entry>, path: &mut Vec<String>, lists: Lists) {
    if over.len() <= LOOKED_UP_MAX {
        for new in over {
            let at = base.iter().position(|it| it.key == new.key);
            put(base, at, new, path, lists);
        }
        return;
    }
    let places = base.iter().enumerate().map(|(at, it)| (it.key.clone(), at));
    let mut places: HashMap<String, usize> = places.collect();
    for new in over {
        let at = places.get(&new.key).copied();
        if at.is_none() {
            places.insert(new.key.clone(), base.len());
        }
        put(base, at, new, path, lists);
    }
}

/// Adds an entry, or lays it over the one at `at`, which has the same key.
fn put(
    entries: &mut Vec<Entry>,
    at: Option<usize>,
    new: Entry,
    path: &mut Vec<String>,
    lists: Lists,
) {
    let Some(old) = at.and_then(|it| entries.get_mut(it)) else {
        return entries.push(new);
    };
    if !matches!((&old.value.data, &new.value.data), (Data::Map(_), Data::Map(_))) {
        old.key_origin = new.key_origin;
    }
    path.push(new.key);
    merge(&mut old.value, new.value, path, lists);
    path.pop();
}

/// Splits keys at `::`, at any depth of maps; as in Go not inside lists.
///
/// # Errors
/// The place of a key with more parts than a tree may be deep, or of one too many.
pub(crate) fn split_keys(node: &mut Node) -> Result<(), Origin> {
    let Data::Map(entries) = &mut node.data else { return Ok(()) };
    let old = std::mem::take(entries);
    let parts = |it: &Entry| it.key.matches(DELIMITER).count() + 1;
    if let Some(long) = old.iter().find(|it| parts(it) > DEPTH_MAX) {
        return Err(long.key_origin.clone());
    }
    let mut split = old.iter().filter(|it| parts(it) > 1);
    if let Some(surplus) = split.clone().nth(SPLIT_KEYS_MAX) {
        return Err(surplus.key_origin.clone());
    }
    let is_split = split.next().is_some();
    *entries = old;
    entries.iter_mut().try_for_each(|it| split_keys(&mut it.value))?;
    if is_split {
        let nested = std::mem::take(entries).into_iter().map(nested).collect();
        put_all(entries, nested, &mut Vec::new(), Lists::Replace);
    }
    Ok(())
}

/// `a::b: 1` as `a: {b: 1}`; each part of the key keeps its place.
fn nested(entry: Entry) -> Entry {
    let Some((first, rest)) = entry.key.split_once(DELIMITER) else { return entry };
    let (mut first_origin, mut rest_origin) = (entry.key_origin.clone(), entry.key_origin.clone());
    let width = first.chars().count();
    if entry.key.chars().count() <= entry.key_origin.length {
        first_origin.length = width.max(1);
        rest_origin.column += width + DELIMITER.len();
        rest_origin.length = rest.chars().count().max(1);
    }
    let inner = nested(Entry { key: rest.to_owned(), key_origin: rest_origin, value: entry.value });
    let value = Node::new(Data::Map(vec![inner]), first_origin.clone());
    Entry { key: first.to_owned(), key_origin: first_origin, value }
}
