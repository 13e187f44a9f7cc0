//! Several trees to one, and keys with `::` to nested maps.

use crate::tree::{Data, Entry, Node};

/// Between the keys of nested maps.
const DELIMITER: &str = "::";

/// Lays `over` on `base`: maps merge, everything else replaces, `null` too.
pub(crate) fn lay_over(base: &mut Node, over: Node) {
    match (&mut base.data, over.data) {
        (Data::Map(base), Data::Map(over)) => over.into_iter().for_each(|it| put(base, it)),
        (_, data) => *base = Node { data, ..over },
    }
}

fn put(entries: &mut Vec<Entry>, new: Entry) {
    let Some(old) = entries.iter_mut().find(|it| it.key == new.key) else {
        return entries.push(new);
    };
    if !matches!((&old.value.data, &new.value.data), (Data::Map(_), Data::Map(_))) {
        old.key_origin = new.key_origin;
    }
    lay_over(&mut old.value, new.value);
}

/// Splits keys at `::`, at any depth of maps; as in Go not inside lists.
pub(crate) fn split_keys(node: &mut Node) {
    let Data::Map(entries) = &mut node.data else { return };
    let old = std::mem::take(entries);
    let plain = |it: &Entry| !it.key.contains(DELIMITER);
    if old.iter().all(plain) {
        *entries = old;
        return entries.iter_mut().for_each(|it| split_keys(&mut it.value));
    }
    for mut entry in old {
        split_keys(&mut entry.value);
        put(entries, nested(entry));
    }
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
