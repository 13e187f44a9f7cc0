//! Changes inside of map values. A map is copied around the change; that is short, because it only
//! happens where somebody changes a nested value.

use crate::fields::any;
use crate::value::Value;
use crate::view::{AttributesRef, ValueRef, key_value_parts};
use crate::wire::Writer;

fn entries(value: &[u8]) -> AttributesRef<'_> {
    ValueRef::decode(value).as_map().unwrap_or_default()
}

/// The encoded value at `keys` in an encoded value.
pub(super) fn get<'v>(value: &'v [u8], keys: &[&str]) -> Option<&'v [u8]> {
    match keys.split_first() {
        None => Some(value),
        Some((first, rest)) => get(entries(value).get_encoded(first)?, rest),
    }
}

/// Writes the encoded value `old` with `value` at `keys`.
pub(super) fn set(old: &[u8], keys: &[&str], value: &Value<'_>, out: &mut Writer) {
    let Some((first, rest)) = keys.split_first() else { return value.encode(out) };
    let map = out.open(any::MAP, 2);
    let mut found = false;
    for body in entries(old).messages() {
        let (key, inner) = key_value_parts(body);
        if found || key != first.as_bytes() {
            out.bytes_field(1, body);
        } else {
            found = true;
            entry(first, out, |out| set(inner, rest, value, out));
        }
    }
    if !found {
        entry(first, out, |out| set(&[], rest, value, out));
    }
    out.close(map);
}

/// Writes the encoded value `old` without what is at `keys`: true if something was.
pub(super) fn remove(old: &[u8], keys: &[&str], out: &mut Writer) -> bool {
    let Some((first, rest)) = keys.split_first() else { return false };
    let map = out.open(any::MAP, 2);
    let mut found = false;
    for body in entries(old).messages() {
        let (key, inner) = key_value_parts(body);
        if key != first.as_bytes() {
            out.bytes_field(1, body);
        } else if rest.is_empty() {
            found = true;
        } else {
            let mut within = false;
            let start = out.len();
            entry(first, out, |out| within = remove(inner, rest, out));
            if !within {
                out.buf.truncate(start);
                out.bytes_field(1, body);
            }
            found |= within;
        }
    }
    out.close(map);
    found
}

fn entry(key: &str, out: &mut Writer, write: impl FnOnce(&mut Writer)) {
    let open = out.open(1, 2);
    out.key(key.as_bytes());
    let value = out.open(2, 2);
    write(out);
    out.close(value);
    out.close(open);
}
