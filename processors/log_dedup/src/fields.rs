//! Which records are the same.

use pdata::{AttributesRef, Field, Key, Place, ResourceRef, ScopeRef, ValueRef};

/// What is compared: two of these are equal when what they were made of is.
pub(crate) type Fingerprint = Vec<u8>;

/// A field of a record: `attributes.src.ip`.
#[derive(Debug)]
pub(crate) struct Path {
    field: Field,
    keys: Vec<String>,
}

impl Path {
    /// Keys are parted by dots; `\.` is a dot in one.
    pub(crate) fn new(text: &str) -> Self {
        let (mut keys, mut key) = (Vec::new(), String::new());
        let mut signs = text.chars().peekable();
        while let Some(sign) = signs.next() {
            match sign {
                '\\' if signs.peek() == Some(&'.') => key.extend(signs.next()),
                '.' => keys.push(std::mem::take(&mut key)),
                other => key.push(other),
            }
        }
        keys.push(key);
        let field = if keys.remove(0) == "body" { Field::LOG_BODY } else { Field::LOG_ATTRIBUTES };
        Self { field, keys }
    }

    fn keys(&self) -> Vec<Key<'_>> {
        self.keys.iter().map(|it| it.as_str().into()).collect()
    }

    pub(crate) fn remove(&self, place: &mut Place<'_>) {
        let keys = self.keys();
        // What is not there need not go.
        let _ = place.remove(self.field, &keys);
    }

    /// The text of the value, if it is there.
    fn text(&self, place: &Place<'_>) -> Option<String> {
        place.get(self.field, &self.keys()).ok().flatten().map(|it| it.to_string())
    }
}

/// A record: its resource, its scope, and the fields that are named, or all if none of them is there.
pub(crate) fn of_record(place: &Place<'_>, named: &[Path]) -> Fingerprint {
    let mut out = Vec::new();
    of_resource(place.resource(), &mut out);
    of_scope(place.scope(), &mut out);
    let before = out.len();
    for (at, path) in named.iter().enumerate() {
        if let Some(text) = path.text(place) {
            bytes(&at.to_le_bytes(), &mut out);
            bytes(text.as_bytes(), &mut out);
        }
    }
    if out.len() > before {
        return out;
    }
    let Some(record) = place.log() else { return out };
    map(record.attributes(), &mut out);
    value(record.body().unwrap_or_default(), &mut out);
    bytes(&record.severity_number().to_le_bytes(), &mut out);
    bytes(record.severity_text().as_bytes(), &mut out);
    out
}

pub(crate) fn of_resource(resource: ResourceRef<'_>, out: &mut Fingerprint) {
    map(resource.attributes(), out);
}

pub(crate) fn of_scope(scope: ScopeRef<'_>, out: &mut Fingerprint) {
    map(scope.attributes(), out);
    bytes(scope.name().as_bytes(), out);
    bytes(scope.version().as_bytes(), out);
}

fn bytes(it: &[u8], out: &mut Fingerprint) {
    out.extend((it.len() as u64).to_le_bytes());
    out.extend(it);
}

/// Keys in any order.
fn map(map: AttributesRef<'_>, out: &mut Fingerprint) {
    let mut entries: Vec<(&str, ValueRef<'_>)> = map.iter().collect();
    entries.sort_by_key(|it| it.0);
    out.extend((entries.len() as u64).to_le_bytes());
    for (key, it) in entries {
        bytes(key.as_bytes(), out);
        value(it, out);
    }
}

/// The depth of values is limited by `pdata::Limits`.
fn value(it: ValueRef<'_>, out: &mut Fingerprint) {
    match it {
        ValueRef::Empty => out.push(0),
        ValueRef::Str(it) => {
            out.push(1);
            bytes(it.as_bytes(), out);
        }
        ValueRef::Bool(it) => out.extend([2, it.into()]),
        ValueRef::Int(it) => {
            out.push(3);
            out.extend(it.to_le_bytes());
        }
        ValueRef::Double(it) => {
            out.push(4);
            out.extend(it.to_bits().to_le_bytes());
        }
        ValueRef::Bytes(it) => {
            out.push(5);
            bytes(it, out);
        }
        ValueRef::Array(items) => {
            out.push(6);
            out.extend((items.len() as u64).to_le_bytes());
            items.iter().for_each(|it| value(it, out));
        }
        ValueRef::Map(it) => {
            out.push(7);
            map(it, out);
        }
    }
}
