//! `flatten`: nested maps and lists become entries with dotted keys.

use std::collections::HashMap;

use pdata::ValueRef;

use super::target::no_map;
use super::{Editor, MAP, State, Work, constant_bool, constant_int, constant_text, editor};
use crate::functions::{Kind, Slot, may_take};
use crate::value::Value;

pub(super) const ALL: &[Editor] = &[editor(
    "flatten",
    &[
        MAP,
        may_take("prefix", Kind::TheText),
        may_take("depth", Kind::TheInt),
        may_take("resolve_conflicts", Kind::TheBool),
    ],
    flatten,
)
.prepared(check_depth)
.says(
    "Lifts what is in nested maps and lists to the top: {\"a\": {\"b\": 1}} becomes {\"a.b\": 1}.",
    "flatten(log.attributes, depth=2)",
)];

fn check_depth(slots: &[Slot]) -> Result<State, String> {
    match constant_int(slots, 2) {
        Some(depth) if depth < 1 => {
            Err(format!("invalid depth '{depth}' for flatten function, must be greater than 0"))
        }
        _ => Ok(State::None),
    }
}

fn flatten(work: &mut Work<'_, '_>) -> Result<(), String> {
    let target = work.target()?;
    let value = target.get(&work.site)?;
    let mut flat = Flat {
        entries: Vec::new(),
        at: HashMap::new(),
        conflicts: constant_bool(work.arguments, 3).unwrap_or(false).then(HashMap::new),
        depth_max: constant_int(work.arguments, 2).unwrap_or(i64::MAX),
    };
    work.scratch.keep(&value);
    let (Value::Map(_), ValueRef::Map(map)) = (&value, work.scratch.value.get()) else {
        return Err(no_map(value.go_type()));
    };
    let prefix = constant_text(work.arguments, 1).unwrap_or_default();
    flat.map(map, prefix.to_owned(), 0);
    let entries: Vec<(&str, pdata::Value<'_>)> =
        flat.entries.iter().map(|(key, value)| (key.as_str(), (*value).into())).collect();
    target.set(&mut work.site, &super::Given::Map(pdata::Value::Map(&entries)))
}

struct Flat<'v> {
    entries: Vec<(String, ValueRef<'v>)>,
    /// Where in them a key is.
    at: HashMap<String, usize>,
    /// How often a key was wanted again, if that has to be resolved.
    conflicts: Option<HashMap<String, usize>>,
    depth_max: i64,
}

impl<'v> Flat<'v> {
    fn map(&mut self, map: pdata::AttributesRef<'v>, mut prefix: String, depth: i64) {
        if !prefix.is_empty() {
            prefix.push('.');
        }
        for (key, value) in map.iter() {
            self.value(&format!("{prefix}{key}"), value, depth);
        }
    }

    fn value(&mut self, key: &str, value: ValueRef<'v>, depth: i64) {
        match value {
            ValueRef::Map(map) if depth < self.depth_max => {
                self.map(map, key.to_owned(), depth + 1);
            }
            ValueRef::Array(list) if depth < self.depth_max => {
                for (at, item) in list.iter().enumerate() {
                    self.item(key, at, item, depth);
                }
            }
            value => self.put(key.to_owned(), value),
        }
    }

    fn item(&mut self, key: &str, at: usize, item: ValueRef<'v>, depth: i64) {
        let deeper = depth + 1 < self.depth_max;
        match item {
            ValueRef::Map(map) if deeper => self.map(map, format!("{key}.{at}"), depth + 2),
            ValueRef::Array(list) if deeper => {
                // The Collector puts no point between the indexes of lists in lists.
                for (inner, item) in list.iter().enumerate() {
                    self.value(&format!("{key}.{at}{inner}"), item, depth + 3);
                }
            }
            item if self.conflicts.is_some() => self.put(key.to_owned(), item),
            item => self.put(format!("{key}.{at}"), item),
        }
    }

    fn put(&mut self, key: String, value: ValueRef<'v>) {
        let taken = self.at.get(&key).copied();
        let key = match (&mut self.conflicts, taken) {
            (Some(conflicts), Some(_)) => {
                let again = conflicts.entry(key.clone()).or_default();
                let other = format!("{key}.{again}");
                *again += 1;
                other
            }
            _ => key,
        };
        if let Some(entry) = self.at.get(&key).and_then(|at| self.entries.get_mut(*at)) {
            entry.1 = value;
            return;
        }
        self.at.insert(key.clone(), self.entries.len());
        self.entries.push((key, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pdata::ValueScratch;

    fn flat(conflicts: bool, depth_max: i64, json: fn(&mut pdata::AttributesWriter<'_>)) -> String {
        let mut value = ValueScratch::default();
        value.encode(|out| out.map(json));
        let conflicts = conflicts.then(HashMap::new);
        let mut flat = Flat { entries: Vec::new(), at: HashMap::new(), conflicts, depth_max };
        let ValueRef::Map(map) = value.get() else { panic!("no map") };
        flat.map(map, String::new(), 0);
        let entries = flat.entries.iter().map(|(key, value)| format!("{key}={value}"));
        entries.collect::<Vec<_>>().join(" ")
    }

    fn nested(out: &mut pdata::AttributesWriter<'_>) {
        out.map("a", |out| {
            out.put("b", 1_i64);
            out.array("c", |out| {
                out.put("x");
                out.map(|out| out.put("d", 2_i64));
                out.array(|out| out.put("y"));
            });
        });
        out.put("a.b", "later");
    }

    #[test]
    fn keys_are_joined_as_the_collector_joins_them() {
        assert_eq!(flat(false, i64::MAX, nested), "a.b=later a.c.0=x a.c.1.d=2 a.c.20=y");
        assert_eq!(flat(false, 1, nested), "a.b=later a.c=[\"x\",{\"d\":2},[\"y\"]]");
        assert_eq!(flat(true, i64::MAX, nested), "a.b=1 a.c=x a.c.1.d=2 a.c.20=y a.b.0=later");
    }
}
