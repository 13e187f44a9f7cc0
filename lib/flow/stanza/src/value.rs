//! Values of a record in the arena of its line.
//!
//! Nested maps and lists are immutable slices, so a value is `Copy` and a change rebuilds the
//! levels above it; only the top level of attributes and resource grows in place.

use bumpalo::Bump;
use bumpalo::collections::Vec as ArenaVec;
pub(crate) use golang::value::{Pair, Pairs, Value, display, find, fingerprint, put, type_name};

/// Pairs to compare at most when a map is merged key by key; above it an index is built.
const MERGE_SCAN_MAX: usize = 4096;

/// Overwrites or appends all of `from`.
pub(crate) fn merge<'a>(into: &mut Pairs<'a>, from: &[Pair<'a>]) {
    if into.is_empty() {
        into.extend_from_slice_copy(from);
        return;
    }
    let before = into.len();
    if before.saturating_mul(from.len()) > MERGE_SCAN_MAX {
        return merge_indexed(into, from);
    }
    let bit = |key: &str| 1u64 << (fingerprint(key) & 63);
    let seen = into.iter().fold(0, |seen, (key, _)| seen | bit(key));
    into.reserve(from.len());
    for pair in from {
        let known = match seen & bit(pair.0) {
            0 => None,
            _ => into[..before].iter_mut().find(|(k, _)| *k == pair.0),
        };
        match known {
            Some(known) => *known = *pair,
            None => into.push(*pair),
        }
    }
}

fn merge_indexed<'a>(into: &mut Pairs<'a>, from: &[Pair<'a>]) {
    let mut at: std::collections::HashMap<&str, usize> =
        into.iter().enumerate().map(|(i, (k, _))| (*k, i)).collect();
    for (key, value) in from {
        if let Some(i) = at.get(key) {
            into[*i].1 = *value;
        } else {
            at.insert(key, into.len());
            into.push((key, *value));
        }
    }
}

/// Removes and returns.
pub(crate) fn take<'a>(pairs: &mut Pairs<'a>, key: &str) -> Option<Value<'a>> {
    let at = pairs.iter().position(|(k, _)| *k == key)?;
    Some(pairs.remove(at).1)
}

/// A slice with `value` at `path`, which is not empty; what is no map on the way becomes one.
/// A map laid on a map merges.
pub(crate) fn with<'a>(
    arena: &'a Bump,
    pairs: &[Pair<'a>],
    path: &'a [String],
    value: Value<'a>,
) -> &'a [Pair<'a>] {
    let Some((key, rest)) = path.split_first() else {
        let Value::Map(more) = value else { return &[] };
        let mut all = copy(arena, pairs, more.len());
        merge(&mut all, more);
        return all.into_bump_slice();
    };
    let old = match find(pairs, key) {
        Some(Value::Map(old)) => old,
        _ => &[],
    };
    let new = match value {
        value if rest.is_empty() && !matches!(value, Value::Map(_)) => value,
        value => Value::Map(with(arena, old, rest, value)),
    };
    let mut all = copy(arena, pairs, 1);
    put(&mut all, key, new);
    all.into_bump_slice()
}

/// A slice without what is at `path`, and what was there.
pub(crate) fn without<'a>(
    arena: &'a Bump,
    pairs: &[Pair<'a>],
    path: &[String],
) -> Option<(&'a [Pair<'a>], Value<'a>)> {
    let (key, rest) = path.split_first()?;
    let mut all = copy(arena, pairs, 0);
    if rest.is_empty() {
        let value = take(&mut all, key)?;
        return Some((all.into_bump_slice(), value));
    }
    let Value::Map(inner) = find(pairs, key)? else { return None };
    let (inner, value) = without(arena, inner, rest)?;
    all.iter_mut().filter(|(k, _)| k == key).for_each(|pair| pair.1 = Value::Map(inner));
    Some((all.into_bump_slice(), value))
}

fn copy<'a>(arena: &'a Bump, pairs: &[Pair<'a>], more: usize) -> Pairs<'a> {
    let mut all = ArenaVec::with_capacity_in(pairs.len() + more, arena);
    all.extend_from_slice_copy(pairs);
    all
}

/// The value at the end of a path of map keys.
pub(crate) fn walk<'a>(mut value: Value<'a>, path: &[String]) -> Option<Value<'a>> {
    for key in path {
        let Value::Map(pairs) = value else { return None };
        value = find(pairs, key)?;
    }
    Some(value)
}

/// A value that was written in the configuration.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Str(String),
    List(Vec<Literal>),
    Map(Vec<(String, Literal)>),
}

impl Literal {
    /// As YAML reads it.
    pub(crate) fn new(value: &config::Value) -> Self {
        match value {
            config::Value::Null => Literal::Null,
            config::Value::Bool(it) => Literal::Bool(*it),
            // Go keeps a uint64 and wraps it when the record is written.
            config::Value::Int(it) => Literal::Int(golang::number::wrapped(*it)),
            config::Value::Float(it) => Literal::Double(*it),
            config::Value::String(it) => Literal::Str(it.clone()),
            config::Value::List(it) => Literal::List(it.iter().map(Literal::new).collect()),
            config::Value::Map(it) => {
                Literal::Map(it.iter().map(|(k, v)| (k.clone(), Literal::new(v))).collect())
            }
            config::Value::Sourced { value, .. } => Literal::new(value),
        }
    }

    /// In the arena.
    pub(crate) fn get<'a>(&'a self, arena: &'a Bump) -> Value<'a> {
        match self {
            Literal::Null => Value::Empty,
            Literal::Bool(it) => Value::Bool(*it),
            Literal::Int(it) => Value::Int(*it),
            Literal::Double(it) => Value::Double(*it),
            Literal::Str(it) => Value::Str(it),
            Literal::List(it) => {
                Value::Array(arena.alloc_slice_fill_iter(it.iter().map(|it| it.get(arena))))
            }
            Literal::Map(it) => {
                let pairs = it.iter().map(|(k, v)| (k.as_str(), v.get(arena)));
                Value::Map(arena.alloc_slice_fill_iter(pairs))
            }
        }
    }
}
