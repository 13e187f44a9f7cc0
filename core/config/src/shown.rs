//! The effective configuration as it is shown: without keys that say nothing.
//!
//! Go prints no key whose tag says `omitempty` while its value is Go's zero value, even where that is not the
//! default. JSON does the same. YAML is read again and must then be the same configuration, so there a zero that
//! is not the default stays.

use serde::Serialize;

use super::described::{Described, Inside, flat};
use super::shape::{Shape, Show, State};
use super::value::Value;

/// The word that is Go's zero value of a level of metrics.
const ZERO_LEVEL: &str = "Basic";

/// The effective configuration, for people. Read again it is the same, but for hidden secrets.
pub fn to_value<C: Serialize + Default + Described>(config: &C, show: Show) -> Value {
    let base = Shape::of(&C::default()).ok();
    let Ok(mut shape) = Shape::of(config) else { return Value::Null };
    // Durations in nanoseconds are Go's JSON.
    without_empty(&mut shape, base.as_ref(), &C::inside(), show.nanos);
    shape.show(show)
}

/// Takes out what says nothing. If it is not for Go's JSON, only what says nothing in `base`, the default, too.
fn without_empty(shape: &mut Shape, base: Option<&Shape>, inside: &Inside, is_go: bool) {
    match (shape, inside) {
        (Shape::Null, _) => {}
        (Shape::Section { inner, .. }, inside) => {
            let base = match base {
                Some(Shape::Section { inner, .. }) => Some(&**inner),
                _ => None,
            };
            without_empty(inner, base, inside, is_go);
        }
        (shape, Inside::Maybe(item) | Inside::TextOr(item)) => {
            without_empty(shape, base.map(|_| &item.shape), &item.inside, is_go);
        }
        (Shape::List(items), Inside::Items(item)) => {
            for it in items {
                without_empty(it, base.map(|_| &item.shape), &item.inside, is_go);
            }
        }
        (Shape::Map(entries), Inside::Entries(item)) => {
            for it in entries {
                without_empty(&mut it.1, base.map(|_| &item.shape), &item.inside, is_go);
            }
        }
        (Shape::Struct(entries), Inside::Keys(keys, _)) => {
            let keys = flat(keys);
            entries.retain_mut(|(name, shape)| {
                let Some(key) = keys.iter().find(|it| it.name == name) else { return true };
                let base = match base {
                    Some(Shape::Struct(base)) => base.iter().find(|it| it.0 == *name),
                    _ => None,
                };
                let base = base.map(|it| &it.1);
                let is_default = base.is_some_and(|it| it == shape);
                if key.omit_default && is_go && is_default {
                    return false;
                }
                without_empty(shape, base, &(key.inside)(), is_go);
                !(key.omit_empty && is_zero(shape) && (is_go || base.is_none_or(is_zero)))
            });
        }
        _ => {}
    }
}

/// Go's zero value.
fn is_zero(shape: &Shape) -> bool {
    match shape {
        Shape::Null | Shape::Bool(false) | Shape::Int(0) | Shape::Free(Value::Null) => true,
        Shape::Float(it) => *it == 0.0,
        Shape::Text(it) | Shape::Secret(it) => it.is_empty(),
        Shape::Duration(it) => it == "0s",
        Shape::Choice(it) => it.word.is_empty() || it.word == ZERO_LEVEL,
        Shape::List(items) => items.is_empty(),
        Shape::Headers(entries) | Shape::Map(entries) => entries.is_empty(),
        Shape::Struct(entries) => entries.iter().all(|it| is_zero(&it.1)),
        Shape::Section { state, .. } => *state != State::On,
        _ => false,
    }
}
