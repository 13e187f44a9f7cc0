//! Values inside of values: reading, writing and removing along keys. A map or list is copied around the
//! change; that is short, because it only happens where somebody changes a nested value.

use std::borrow::Cow;
use std::fmt;

use crate::fields::{any, key_value};
use crate::value::Value;
use crate::view::{ArrayRef, AttributesRef, ValueRef, key_value_parts};
use crate::wire::{Reader, Writer};

/// Longest list that is made by writing to an index of one that is not there.
const NEW_LIST_MAX: i64 = 10_000;

/// A step into a map or list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key<'a> {
    /// Into a map.
    Text(Cow<'a, str>),
    /// Into a list, from 0.
    Index(i64),
}

impl<'a> From<&'a str> for Key<'a> {
    fn from(text: &'a str) -> Self {
        Key::Text(text.into())
    }
}

impl From<i64> for Key<'_> {
    fn from(index: i64) -> Self {
        Key::Index(index)
    }
}

/// Why a field or a value in it cannot be read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathError {
    /// The place has no such field: it is of another signal, above it, or of another kind of metric.
    Absent,
    /// What stands there is neither a map nor a list.
    NotIndexable {
        /// Its type, as `ValueRef::type_name` says it.
        type_name: &'static str,
    },
    /// A map wants a text.
    KeyNotText,
    /// A list wants a number.
    KeyNotIndex,
    /// A list has no such item.
    OutOfRange {
        /// The item that was asked for.
        index: i64,
    },
    /// A field cannot hold such a value.
    WrongType {
        /// What it holds: `Str`, `Int`, `Map` and so on.
        wanted: &'static str,
        /// What was given.
        got: &'static str,
    },
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("there is no such field here"),
            Self::NotIndexable { type_name } => {
                write!(f, "a value of type {type_name} has no keys and no items")
            }
            Self::KeyNotText => f.write_str("the key of a map must be a text"),
            Self::KeyNotIndex => f.write_str("the index of a list must be a whole number"),
            Self::OutOfRange { index } => write!(f, "the list has no item {index}"),
            Self::WrongType { wanted, got } => write!(f, "the field holds {wanted}, not {got}"),
        }
    }
}

impl std::error::Error for PathError {}

fn text<'k>(key: &'k Key<'_>) -> Result<&'k str, PathError> {
    match key {
        Key::Text(it) => Ok(it),
        Key::Index(_) => Err(PathError::KeyNotText),
    }
}

/// The position of an item; `len` is the length of the list.
fn position(key: &Key<'_>, len: usize) -> Result<usize, PathError> {
    let Key::Index(index) = *key else { return Err(PathError::KeyNotIndex) };
    usize::try_from(index).ok().filter(|it| *it < len).ok_or(PathError::OutOfRange { index })
}

/// The encoded value at `keys` in an encoded value; `None` if a map on the way lacks a key.
pub(super) fn get<'v>(value: &'v [u8], keys: &[Key<'_>]) -> Result<Option<&'v [u8]>, PathError> {
    let Some((first, rest)) = keys.split_first() else { return Ok(Some(value)) };
    let inner = match ValueRef::decode(value) {
        ValueRef::Map(map) => map.get_encoded(text(first)?),
        ValueRef::Array(list) => {
            let at = position(first, list.len())?;
            items(list).nth(at)
        }
        other => return Err(PathError::NotIndexable { type_name: other.type_name() }),
    };
    inner.map_or(Ok(None), |it| get(it, rest))
}

/// Bodies of the values of a list.
fn items(list: ArrayRef<'_>) -> impl Iterator<Item = &[u8]> {
    Reader::new(list.encoded()).filter(|it| it.number == 1).map(|it| it.payload.bytes())
}

/// Writes the encoded value `old` with `value` at `keys`. A map without the key gets it; what is empty
/// becomes a map or a list, as the key wants it.
pub(super) fn set(
    old: &[u8],
    keys: &[Key<'_>],
    value: &Value<'_>,
    out: &mut Writer,
) -> Result<(), PathError> {
    let Some((first, rest)) = keys.split_first() else {
        value.encode(out);
        return Ok(());
    };
    match (ValueRef::decode(old), first) {
        (ValueRef::Map(map), key) => set_in_map(map, text(key)?, rest, value, out),
        (ValueRef::Array(list), key) => {
            let at = position(key, list.len())?;
            set_in_list(list, at, rest, value, out)
        }
        (ValueRef::Empty, Key::Text(key)) => {
            set_in_map(AttributesRef::default(), key, rest, value, out)
        }
        (ValueRef::Empty, &Key::Index(index)) => {
            let new = usize::try_from(index).ok().filter(|_| index < NEW_LIST_MAX);
            let at = new.ok_or(PathError::OutOfRange { index })?;
            set_in_list(ArrayRef::default(), at, rest, value, out)
        }
        (other, _) => Err(PathError::NotIndexable { type_name: other.type_name() }),
    }
}

fn set_in_map(
    map: AttributesRef<'_>,
    key: &str,
    rest: &[Key<'_>],
    value: &Value<'_>,
    out: &mut Writer,
) -> Result<(), PathError> {
    let open = out.open(any::MAP, 2);
    let mut found = false;
    for body in map.messages() {
        let (name, inner) = key_value_parts(body);
        if found || name != key.as_bytes() {
            out.bytes_field(1, body);
        } else {
            found = true;
            entry(key, out, |out| set(inner, rest, value, out))?;
        }
    }
    if !found {
        entry(key, out, |out| set(&[], rest, value, out))?;
    }
    out.close(open);
    Ok(())
}

/// Items that are missing before `at` become empty ones.
fn set_in_list(
    list: ArrayRef<'_>,
    at: usize,
    rest: &[Key<'_>],
    value: &Value<'_>,
    out: &mut Writer,
) -> Result<(), PathError> {
    let open = out.open(any::ARRAY, 2);
    let item = |inner: &[u8], out: &mut Writer| {
        let open = out.open(1, 1);
        let result = set(inner, rest, value, out);
        out.close(open);
        result
    };
    let mut len = 0;
    for body in items(list) {
        if len == at {
            item(body, out)?;
        } else {
            out.bytes_field(1, body);
        }
        len += 1;
    }
    if len <= at {
        (len..at).for_each(|_| out.bytes_field(1, &[]));
        item(&[], out)?;
    }
    out.close(open);
    Ok(())
}

/// Writes the encoded value `old` without what is at `keys`: true if something was.
pub(super) fn remove(old: &[u8], keys: &[Key<'_>], out: &mut Writer) -> Result<bool, PathError> {
    let Some((first, rest)) = keys.split_first() else { return Ok(false) };
    match ValueRef::decode(old) {
        ValueRef::Map(map) => remove_from_map(map, text(first)?, rest, out),
        ValueRef::Array(list) => {
            let at = position(first, list.len())?;
            remove_from_list(list, at, rest, out)
        }
        other => Err(PathError::NotIndexable { type_name: other.type_name() }),
    }
}

fn remove_from_map(
    map: AttributesRef<'_>,
    key: &str,
    rest: &[Key<'_>],
    out: &mut Writer,
) -> Result<bool, PathError> {
    let open = out.open(any::MAP, 2);
    let mut found = false;
    for body in map.messages() {
        let (name, inner) = key_value_parts(body);
        if name != key.as_bytes() {
            out.bytes_field(1, body);
        } else if rest.is_empty() {
            found = true;
        } else {
            entry(key, out, |out| {
                found |= remove(inner, rest, out)?;
                Ok(())
            })?;
        }
    }
    out.close(open);
    Ok(found)
}

fn remove_from_list(
    list: ArrayRef<'_>,
    at: usize,
    rest: &[Key<'_>],
    out: &mut Writer,
) -> Result<bool, PathError> {
    let open = out.open(any::ARRAY, 2);
    let mut found = false;
    for (index, body) in items(list).enumerate() {
        if index != at {
            out.bytes_field(1, body);
        } else if rest.is_empty() {
            found = true;
        } else {
            let item = out.open(1, 1);
            found = remove(body, rest, out)?;
            out.close(item);
        }
    }
    out.close(open);
    Ok(found)
}

/// Writes an entry of a map whose value `write` writes.
fn entry(
    key: &str,
    out: &mut Writer,
    write: impl FnOnce(&mut Writer) -> Result<(), PathError>,
) -> Result<(), PathError> {
    let open = out.open(key_value::KEY, 2);
    out.key(key.as_bytes());
    let value = out.open(key_value::VALUE, 2);
    write(out)?;
    out.close(value);
    out.close(open);
    Ok(())
}
