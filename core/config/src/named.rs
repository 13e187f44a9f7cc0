//! What upstream's texts call the place of a fault.
//!
//! mapstructure names a place from the nearest type above it that reads itself: `configoptional.Optional`, and
//! whatever has an `Unmarshal`. Around it is said where that type stands, so one fault may have several such
//! lines. A place at such a type itself is called by the name of the type where a key is not known there.

use std::fmt::Write as _;

use serde::Serialize;

use super::described::{Described, Inside, Upstream, flat};
use super::fault::{Fault, Named, Step, Type, Wanted};
use super::shape::Shape;
use super::value::Value;

/// Between a type that reads itself and what is wrong below it.
const DECODING: &str = "decoding failed due to the following error(s):";
/// What a field says whose type is a struct in Go that reads itself from a text: `component.ID`.
const STRUCT: &str = "struct";
/// How Go begins the names of lists and maps.
const LIST: &str = "[]";
const MAP: &str = "map[string]";
/// And of pointers. What they point to is read with what holds it, as a section that is always there.
const POINTER: &str = "*";

/// Names the places of faults in a section of type `C`, which stands at `above`.
pub(super) fn name<C: Default + Serialize + Described>(faults: &mut [Fault], above: &str) {
    let Ok(base) = Shape::of(&C::default()) else { return };
    for fault in faults.iter_mut() {
        fault.as_named = Some(Box::new(named(&base, C::inside(), fault, above)));
    }
    // What has the same lines around it stands together.
    let around = |it: &Fault| it.as_named.as_ref().map(|it| it.envelope.clone());
    let all: Vec<_> = faults.iter().map(around).collect();
    faults.sort_by_cached_key(|it| all.iter().position(|other| *other == around(it)));
}

/// Says of faults in `section` what Go says, where its types are others than those of Rust.
pub(super) fn retype<C: Described>(faults: &mut Vec<Fault>, section: &Value) {
    let mut texts = Vec::new();
    texts_for_lists(&C::inside(), section, &mut Vec::new(), &mut texts);
    faults.retain(|it| !texts.iter().any(|text| it.place.starts_with(&text.place)));
    lists_for_structs::<C>(faults);
    for fault in faults.iter_mut() {
        let Some(Wanted::Named(wanted, type_name)) = &fault.wanted else { continue };
        let (go, value, _) = go_type(C::inside(), section, fault.named_place());
        fault.text = match (go.as_str(), value.map(Value::plain)) {
            ("", _) => continue,
            (STRUCT, Some(Value::Map(entries))) => {
                let mut keys: Vec<&str> = entries.iter().map(|it| it.0.as_str()).collect();
                keys.sort_unstable();
                format!("has invalid keys: {}", keys.join(", "))
            }
            (STRUCT, Some(value)) => {
                format!("expected a map or struct, got {:?}", value.go_kind())
            }
            _ => {
                let old = format!("'{type_name}'");
                fault.text.replacen(&old, &format!("'{go}'"), 1)
            }
        };
        fault.wanted = Some(Wanted::Named(*wanted, go));
    }
    faults.append(&mut texts);
}

/// A list that serde has taken for a struct, item by item: the list is wrong, not what is in it.
fn lists_for_structs<C: Described>(faults: &mut Vec<Fault>) {
    for fault in faults.iter_mut() {
        let mut inside = C::inside();
        for (at, step) in fault.named_place().iter().enumerate() {
            inside = match (inside, step) {
                (Inside::Keys(..), Step::At(_)) => {
                    let place = fault.place[..at].to_vec();
                    *fault = Fault { place, named: at, ..Fault::no_struct() };
                    break;
                }
                (inside, step) => below(None, &inside, step).1,
            };
        }
    }
    faults.dedup_by(|a, b| a == b);
}

/// A text is no list for Go where the items have a type of their own.
fn texts_for_lists(inside: &Inside, value: &Value, path: &mut Vec<Step>, found: &mut Vec<Fault>) {
    match (inside, value.plain()) {
        (Inside::Maybe(item), value) => texts_for_lists(&item.inside, value, path, found),
        (Inside::Keys(keys, _), Value::Map(entries)) => {
            for key in flat(keys) {
                let Some((_, value)) = entries.iter().find(|it| it.0 == key.name) else { continue };
                path.push(Step::from(key.name));
                if key.go.starts_with(LIST) && matches!(value.plain(), Value::String(_)) {
                    let fault = Fault::no_list(Type::List, "string");
                    found.push(Fault { place: path.clone(), named: path.len(), ..fault });
                } else {
                    texts_for_lists(&(key.inside)(), value, path, found);
                }
                path.pop();
            }
        }
        _ => {}
    }
}

/// What Go calls the type at a place of a section, if a struct or a field says so.
pub fn go_name<C: Described>(section: &Value, place: &[Step]) -> Option<String> {
    let (go, _, inside) = go_type(C::inside(), section, place);
    let inside = match inside {
        Inside::Maybe(item) => item.inside,
        inside => inside,
    };
    let name = match inside {
        Inside::Keys(_, upstream) if !upstream.name.is_empty() => upstream.name.to_owned(),
        _ => go,
    };
    (!name.is_empty()).then_some(name)
}

/// What Go calls the type at a place, as far as the type of Rust does not say it, and what stands there.
fn go_type<'a>(
    mut inside: Inside,
    section: &'a Value,
    place: &[Step],
) -> (String, Option<&'a Value>, Inside) {
    let nothing = || (String::new(), None, Inside::Plain);
    let (mut go, mut value) = (String::new(), Some(section));
    for step in place {
        if let Inside::Maybe(item) = inside {
            inside = item.inside;
        }
        value = match (value.map(Value::plain), step) {
            (Some(Value::List(items)), Step::At(at)) => items.get(*at),
            (Some(value), Step::Key(key)) => value.get(key),
            _ => None,
        };
        (go, inside) = match (inside, step) {
            (Inside::Keys(keys, _), Step::Key(name)) => {
                match flat(&keys).into_iter().find(|it| it.name == name) {
                    Some(key) => (key.go.to_owned(), (key.inside)()),
                    None => return nothing(),
                }
            }
            (Inside::Items(item), Step::At(_)) => {
                (go.strip_prefix(LIST).unwrap_or_default().to_owned(), item.inside)
            }
            (Inside::Entries(item), Step::Key(_)) => {
                (go.strip_prefix(MAP).unwrap_or_default().to_owned(), item.inside)
            }
            _ => return nothing(),
        };
        if let (true, Inside::Entries(item)) = (go.is_empty(), &inside) {
            go = match (&item.shape, &item.inside) {
                (Shape::Text(_), _) => format!("{MAP}string"),
                (_, Inside::Keys(_, upstream)) if !upstream.name.is_empty() => {
                    format!("{MAP}{}", upstream.name)
                }
                _ => String::new(),
            };
        }
    }
    (go, value, inside)
}

/// One place on its way down.
struct Walk {
    envelope: String,
    /// The name since the last type that reads itself.
    name: String,
    /// What that type is called.
    type_name: &'static str,
}

impl Walk {
    /// Below a type that reads itself.
    fn enter(&mut self, upstream: Upstream) {
        let _ = write!(self.envelope, "'{}' {DECODING}\n\n", self.name);
        self.name.clear();
        self.type_name = upstream.name;
    }

    /// Below a key whose value is read on its own.
    fn part(&mut self, parts: &str, step: &Step, upstream: Upstream) {
        let name = std::mem::take(&mut self.name);
        let what = format_args!("error reading settings for {parts} type \"{step}\"");
        let _ = write!(self.envelope, "'{name}' {what}: {DECODING}\n\n");
        self.type_name = upstream.name;
    }

    fn step(&mut self, step: &Step, is_map: bool) {
        let _ = match step {
            Step::Key(key) if !is_map && self.name.is_empty() => write!(self.name, "{key}"),
            Step::Key(key) if !is_map => write!(self.name, ".{key}"),
            step => write!(self.name, "[{step}]"),
        };
    }
}

fn named(base: &Shape, inside: Inside, fault: &Fault, above: &str) -> Named {
    let steps = match fault.named_place().split_last() {
        Some((_, section)) if fault.is_at_key() => section,
        _ => fault.named_place(),
    };
    let (mut shape, mut inside) = (Some(base), inside);
    let upstream = |inside: &Inside| match inside {
        Inside::Keys(_, upstream) => *upstream,
        _ => Upstream::default(),
    };
    let type_name = upstream(&inside).name;
    let mut walk = Walk { envelope: String::new(), name: above.to_owned(), type_name };
    // A fault at the type itself is told by who holds it, but for unknown keys.
    let at_end = |at: usize| at == steps.len() && !fault.is_at_key();
    if upstream(&inside).unmarshals && !at_end(0) {
        walk.enter(upstream(&inside));
    }
    let mut parts = "";
    for (at, step) in steps.iter().enumerate() {
        let is_map = matches!(shape, Some(Shape::Map(_) | Shape::Headers(_)));
        let around = walk.name.clone();
        let of_parts = std::mem::take(&mut parts);
        if of_parts.is_empty() {
            walk.step(step, is_map);
        }
        let is_pointer = is_pointer(&inside, step);
        (shape, inside) = below(shape, &inside, step);
        if !of_parts.is_empty() {
            walk.part(of_parts, step, upstream(&inside));
            shape = match shape {
                Some(Shape::Section { inner, .. }) => Some(inner),
                shape => shape,
            };
            continue;
        }
        parts = upstream(&inside).parts;
        if !parts.is_empty() {
            walk.name = around;
            continue;
        }
        if at_end(at + 1) {
            continue;
        }
        if let Some(Shape::Section { inner, .. }) = shape {
            if !is_pointer {
                walk.enter(upstream(&inside));
            }
            shape = Some(inner);
        }
        let headers = matches!(shape, Some(Shape::Headers(_)))
            && matches!(steps.get(at + 1), Some(Step::Key(_)));
        if headers || upstream(&inside).unmarshals {
            walk.enter(upstream(&inside));
        }
    }
    let Walk { envelope, name, type_name } = walk;
    let name = if name.is_empty() && fault.is_at_key() { type_name.to_owned() } else { name };
    Named { envelope, name, parts }
}

/// What is behind a step.
fn below<'a>(
    shape: Option<&'a Shape>,
    inside: &Inside,
    step: &Step,
) -> (Option<&'a Shape>, Inside) {
    let shape = match shape {
        Some(Shape::Section { inner, .. }) => Some(&**inner),
        shape => shape,
    };
    let found = match (shape, step) {
        (Some(Shape::Struct(entries) | Shape::Map(entries)), Step::Key(key)) => {
            entries.iter().find(|it| it.0 == *key).map(|it| &it.1)
        }
        _ => None,
    };
    let inside = match (inside, step) {
        (Inside::Keys(keys, _), Step::Key(key)) => {
            let key = flat(keys).into_iter().find(|it| it.name == key);
            key.map_or(Inside::Plain, |it| (it.inside)())
        }
        _ => Inside::Plain,
    };
    match inside {
        Inside::Maybe(item) => (found, item.inside),
        inside => (found, inside),
    }
}

/// Whether what is behind a step is a pointer in Go.
fn is_pointer(inside: &Inside, step: &Step) -> bool {
    let (Inside::Keys(keys, _), Step::Key(name)) = (inside, step) else { return false };
    flat(keys).iter().any(|it| it.name == name && it.go.starts_with(POINTER))
}
