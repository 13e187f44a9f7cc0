//! What upstream's texts call the place of a fault.
//!
//! mapstructure names a place from the nearest type above it that reads itself: `configoptional.Optional`, and
//! whatever has an `Unmarshal`. Around it is said where that type stands, so one fault may have several such
//! lines. A place at such a type itself is called by the name of the type where a key is not known there.

use std::fmt::Write as _;

use serde::Serialize;

use super::described::{Described, Inside, Upstream, flat};
use super::fault::{Fault, Named, Step};
use super::shape::Shape;

/// Between a type that reads itself and what is wrong below it.
const DECODING: &str = "decoding failed due to the following error(s):";

/// Names the places of faults in a section of type `C`, which stands at `above`.
pub(super) fn name<C: Default + Serialize + Described>(faults: &mut [Fault], above: &str) {
    let Ok(base) = Shape::of(&C::default()) else { return };
    retype::<C>(faults);
    for fault in faults.iter_mut() {
        fault.as_named = Some(Box::new(named(&base, C::inside(), fault, above)));
    }
    // What has the same lines around it stands together.
    let around = |it: &Fault| it.as_named.as_ref().map(|it| it.envelope.clone());
    let all: Vec<_> = faults.iter().map(around).collect();
    faults.sort_by_cached_key(|it| all.iter().position(|other| *other == around(it)));
}

/// Names the types in faults as Go does, where the type of Rust does not say it.
pub(super) fn retype<C: Described>(faults: &mut [Fault]) {
    for fault in faults.iter_mut() {
        let Some(go) = go_type(C::inside(), fault.named_place()) else { continue };
        for before in ["expected type '", "cannot parse value as '"] {
            if let Some((_, after)) =
                fault.text.strip_prefix(before).and_then(|it| it.split_once('\''))
            {
                fault.text = format!("{before}{go}'{after}");
            }
        }
    }
}

/// What Go calls the type at a place, as far as the type of Rust does not say it.
fn go_type(mut inside: Inside, place: &[Step]) -> Option<String> {
    let mut go = String::new();
    for step in place {
        if let Inside::Maybe(item) = inside {
            inside = item.inside;
        }
        (go, inside) = match (inside, step) {
            (Inside::Keys(keys, _), Step::Key(name)) => {
                let key = flat(&keys).into_iter().find(|it| it.name == name)?;
                (key.go.to_owned(), (key.inside)())
            }
            (Inside::Items(item), Step::At(_)) => {
                (go.strip_prefix("[]").unwrap_or_default().to_owned(), item.inside)
            }
            (Inside::Entries(item), Step::Key(_)) => (String::new(), item.inside),
            _ => return None,
        };
        if let (true, Inside::Entries(item)) = (go.is_empty(), &inside) {
            go = match (&item.shape, &item.inside) {
                (Shape::Text(_), _) => "map[string]string".to_owned(),
                (_, Inside::Keys(_, upstream)) if !upstream.name.is_empty() => {
                    format!("map[string]{}", upstream.name)
                }
                _ => String::new(),
            };
        }
    }
    (!go.is_empty()).then_some(go)
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
            walk.enter(upstream(&inside));
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
    (found, inside)
}
