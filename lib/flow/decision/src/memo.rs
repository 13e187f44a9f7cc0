//! Answers of the interpreter that are known: a query whose answer depends on nothing but what it reads of the record is not
//! evaluated twice for the same values.

use std::collections::HashMap;

use pdata::{Field, Key, Place, ValueRef};
use rego::Value;

use crate::layout::{Leaf, rows};
use crate::path::Part;
use crate::project::{Around, level_of_place, service};
use crate::reads::Reads;

/// Most values that are read for a memo.
const SPOTS_MAX: usize = 64;
/// Longest key, in bytes: longer ones do not come twice.
const KEY_BYTES_MAX: usize = 4_096;
/// Most answers of one query; then all are forgotten.
const ANSWERS_MAX: usize = 1_024;
/// How deep values nest in a key.
const DEPTH_MAX: usize = 16;

/// What the answer of a query depends on.
#[derive(Debug)]
pub(crate) struct Inputs {
    signal: component::Signal,
    spots: Vec<(Leaf, Vec<Part>)>,
}

impl Inputs {
    /// What is read of records of a signal; `None` if some of it cannot be compared.
    pub(crate) fn new(
        signal: component::Signal,
        reads: &Reads,
        aliases: &[Vec<String>],
    ) -> Option<Self> {
        let reads_at = |path: &[&str]| path.iter().try_fold(reads, |reads, name| reads.below(name));
        let is_read = |names: &Vec<String>| {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            reads_at(&names).is_some()
        };
        if *reads == Reads::All || aliases.iter().any(is_read) {
            return None;
        }
        let mut spots = Vec::new();
        for (row, leaf) in rows(signal) {
            let Some(below) = reads_at(row) else { continue };
            let is_comparable = matches!(
                leaf,
                Leaf::Plain(_)
                    | Leaf::Any(_)
                    | Leaf::Attributes(_)
                    | Leaf::Hex(_)
                    | Leaf::Nanos(_)
                    | Leaf::Time(_)
                    | Leaf::Level
                    | Leaf::Service
                    | Leaf::Tags
                    | Leaf::Json
                    | Leaf::PipelineId
                    | Leaf::ComponentId
                    | Leaf::Version
            );
            if !is_comparable {
                return None;
            }
            match below {
                Reads::Names(names) if matches!(leaf, Leaf::Attributes(_)) => {
                    let keys = names.keys().map(|it| (leaf, vec![Part::Name(it.clone())]));
                    spots.extend(keys);
                }
                _ => spots.push((leaf, Vec::new())),
            }
        }
        (spots.len() <= SPOTS_MAX).then_some(Self { signal, spots })
    }

    /// All of it as bytes: the same bytes, the same answer. `false` if it is too long.
    pub(crate) fn key(&self, place: &Place<'_>, around: &Around<'_>, key: &mut Vec<u8>) -> bool {
        key.clear();
        key.push(self.signal as u8);
        self.spots.iter().all(|(leaf, keys)| {
            write(*leaf, keys, place, around, key) && key.len() <= KEY_BYTES_MAX
        })
    }
}

fn write(
    leaf: Leaf,
    keys: &[Part],
    place: &Place<'_>,
    around: &Around<'_>,
    out: &mut Vec<u8>,
) -> bool {
    match leaf {
        Leaf::Level => text(level_of_place(place), out),
        Leaf::Service => text(service(place), out),
        Leaf::PipelineId => text(around.pipeline, out),
        Leaf::ComponentId => text(around.component, out),
        Leaf::Version => {}
        Leaf::Tags => return field(Field::LOG_ATTRIBUTES, &[], place, out),
        Leaf::Json => return field(Field::LOG_BODY, &[], place, out),
        Leaf::Plain(it)
        | Leaf::Any(it)
        | Leaf::Attributes(it)
        | Leaf::Hex(it)
        | Leaf::Nanos(it)
        | Leaf::Time(it) => return field(it, keys, place, out),
        _ => return false,
    }
    true
}

fn field(field: Field, keys: &[Part], place: &Place<'_>, out: &mut Vec<u8>) -> bool {
    let value = match keys {
        [] => place.get(field, &[]).ok().flatten(),
        [Part::Name(key)] => place.entry(field, key),
        _ => {
            let keys: Vec<Key<'_>> = keys.iter().map(Part::key).collect();
            place.get(field, &keys).ok().flatten()
        }
    };
    match value {
        None => {
            out.push(b'-');
            true
        }
        Some(value) => put(value, 0, out),
    }
}

/// Each kind of value with its length, so that no two lists of values are the same bytes.
fn put(value: ValueRef<'_>, depth: usize, out: &mut Vec<u8>) -> bool {
    if depth > DEPTH_MAX || out.len() > KEY_BYTES_MAX {
        return false;
    }
    match value {
        ValueRef::Empty => out.push(b'0'),
        ValueRef::Str(it) => text(it, out),
        ValueRef::Bool(it) => out.extend([b'?', it.into()]),
        ValueRef::Int(it) => {
            out.push(b'i');
            out.extend(it.to_le_bytes());
        }
        ValueRef::Double(it) => {
            out.push(b'd');
            out.extend(it.to_bits().to_le_bytes());
        }
        ValueRef::Bytes(it) => {
            out.push(b'b');
            out.extend(it.len().to_le_bytes());
            out.extend(it);
        }
        ValueRef::Array(items) => {
            out.push(b'[');
            let whole = items.iter().all(|it| put(it, depth + 1, out));
            out.push(b']');
            return whole;
        }
        ValueRef::Map(entries) => {
            out.push(b'{');
            let whole = entries.iter().all(|(key, value)| {
                text(key, out);
                put(value, depth + 1, out)
            });
            out.push(b'}');
            return whole;
        }
    }
    true
}

fn text(it: &str, out: &mut Vec<u8>) {
    out.push(b's');
    out.extend(it.len().to_le_bytes());
    out.extend(it.as_bytes());
}

/// Answers of one query, by what they depend on.
#[derive(Debug, Default)]
pub(crate) struct Memo {
    answers: HashMap<Box<[u8]>, Value>,
}

impl Memo {
    pub(crate) fn get(&self, key: &[u8]) -> Option<&Value> {
        self.answers.get(key)
    }

    pub(crate) fn put(&mut self, key: &[u8], answer: Value) {
        if self.answers.len() >= ANSWERS_MAX {
            self.answers.clear();
        }
        self.answers.insert(key.into(), answer);
    }
}
