//! Changes log records that stay. Policies that match a record come in the order of their ids; of each first what it
//! removes, then what it redacts, renames, adds.

use pdata::{Key, Place, Value, ValueBuf, ValueRef};

use crate::model::{Change, Field, Operation, Transform, Where};

/// What several records share and is changed once, not once per record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shared {
    No,
    Resource,
    Scope,
}

impl Transform {
    /// True if it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }
}

impl Operation {
    /// What the change concerns beside the record.
    pub(crate) fn shared(&self) -> Shared {
        match &self.field {
            Field::Attribute(Where::Resource, _) | Field::ResourceSchemaUrl => Shared::Resource,
            Field::Attribute(Where::Scope, _) | Field::ScopeSchemaUrl => Shared::Scope,
            _ => Shared::No,
        }
    }

    /// Makes the change. What is not there, and what cannot hold the value, stays as it is.
    pub(crate) fn apply(&self, place: &mut Place<'_>) {
        let Some((field, keys)) = target(&self.field) else { return };
        // A field that cannot hold a value, and a key into what is no map, are no reason to lose a record.
        let _ = match &self.change {
            Change::Remove => place.remove(field, keys).map(|_| ()),
            Change::Mask(with) => {
                if !exists(place, field, keys) {
                    return;
                }
                set(place, field, keys, with)
            }
            Change::Redact { compiled, .. } => {
                let Ok(Some(ValueRef::Str(text))) = place.get(field, keys) else { return };
                let Some(new) = compiled.replace(text) else { return };
                set(place, field, keys, &new)
            }
            Change::Rename { to, upsert } => return rename(place, field, keys, to, *upsert),
            Change::Add { value, upsert } => {
                if !*upsert && exists(place, field, keys) {
                    return;
                }
                set(place, field, keys, value)
            }
        };
    }
}

/// Where a field is in a log record.
fn target(field: &Field) -> Option<(pdata::Field, &[Key<'static>])> {
    let plain = match field {
        Field::Attribute(of, path) => {
            let field = match of {
                Where::Resource => pdata::Field::RESOURCE_ATTRIBUTES,
                Where::Scope => pdata::Field::SCOPE_ATTRIBUTES,
                _ => pdata::Field::LOG_ATTRIBUTES,
            };
            return Some((field, path));
        }
        Field::Body => pdata::Field::LOG_BODY,
        Field::SeverityText => pdata::Field::LOG_SEVERITY_TEXT,
        Field::EventName => pdata::Field::LOG_EVENT_NAME,
        Field::TraceId => pdata::Field::LOG_TRACE_ID,
        Field::SpanId => pdata::Field::LOG_SPAN_ID,
        Field::ResourceSchemaUrl => pdata::Field::RESOURCE_SCHEMA_URL,
        Field::ScopeSchemaUrl => pdata::Field::SCOPE_SCHEMA_URL,
        _ => return None,
    };
    Some((plain, &[]))
}

/// An attribute is there with any value; a field is there when it is not empty.
fn exists(place: &Place<'_>, field: pdata::Field, keys: &[Key<'_>]) -> bool {
    let Ok(Some(value)) = place.get(field, keys) else { return false };
    !keys.is_empty()
        || match value {
            ValueRef::Empty => false,
            ValueRef::Str(it) => !it.is_empty(),
            ValueRef::Bytes(it) => !it.is_empty(),
            _ => true,
        }
}

fn set(
    place: &mut Place<'_>,
    field: pdata::Field,
    keys: &[Key<'_>],
    text: &str,
) -> Result<(), pdata::PathError> {
    let is_id = field == pdata::Field::LOG_TRACE_ID || field == pdata::Field::LOG_SPAN_ID;
    if is_id {
        // What is no id of the right length leaves none behind.
        let bytes = pdata::text::from_hex(text.as_bytes()).unwrap_or_default();
        return place.set(field, keys, Value::Bytes(&bytes));
    }
    place.set(field, keys, Value::Str(text))
}

/// Only attributes have keys to be renamed. The new key is one of the same attributes, outside of any map.
fn rename(place: &mut Place<'_>, field: pdata::Field, keys: &[Key<'_>], to: &str, upsert: bool) {
    if keys.is_empty() || keys == [to.into()] {
        return;
    }
    let new = [to.into()];
    if !exists(place, field, keys) || (!upsert && exists(place, field, &new)) {
        return;
    }
    if let [Key::Text(from)] = keys
        && let Some(mut attributes) = place.attributes(field)
    {
        attributes.copy(from, to);
        attributes.remove(from);
        return;
    }
    let Ok(Some(value)) = place.get(field, keys) else { return };
    let value = ValueBuf::from(value);
    if place.set(field, &new, value.value()).is_ok() {
        // It was read there a moment ago.
        let _ = place.remove(field, keys);
    }
}
