//! Bytes that are no UTF-8, kept in a text until what completes their character has come.
//!
//! A text in Rust is always UTF-8, so each such byte stands as one of the last 128 characters of Unicode, which are for
//! private use. A file that holds these characters itself has their bytes kept one by one; so nothing is mistaken.

use bumpalo::Bump;
use bumpalo::collections::{String as ArenaString, Vec as ArenaVec};
use golang::utf8;

use crate::entry::Entry;
use crate::value::Value;

/// Stands for byte 0; bytes from 80 have one.
const STAND_INS: u32 = 0x10_ff00;

/// What the UTF-8 of every stand-in begins with.
const LEAD: u8 = 0xf4;

/// A line as text.
pub(crate) fn keep<'a>(bytes: &'a [u8], arena: &'a Bump) -> &'a str {
    match std::str::from_utf8(bytes) {
        Ok(text) if memchr::memchr(LEAD, bytes).is_none() => text,
        _ => {
            let mut text = ArenaString::with_capacity_in(bytes.len() + 16, arena);
            append(bytes, &mut text);
            text.into_bump_str()
        }
    }
}

fn append(bytes: &[u8], text: &mut ArenaString<'_>) {
    let stand_in = |byte: u8| char::from_u32(STAND_INS + u32::from(byte)).unwrap_or_default();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match kept(c) {
                Some(_) => text.extend(c.encode_utf8(&mut [0; 4]).bytes().map(stand_in)),
                None => text.push(c),
            }
        }
        text.extend(chunk.invalid().iter().map(|it| stand_in(*it)));
    }
}

/// The byte for which a character stands.
fn kept(c: char) -> Option<u8> {
    let byte = u32::from(c).checked_sub(STAND_INS)?;
    u8::try_from(byte).ok().filter(|it| *it >= 0x80)
}

/// Kept bytes that now stand beside the rest of their character become it.
pub(crate) fn join<'a>(entry: &mut Entry<'a>, arena: &'a Bump) {
    each_text(entry, arena, |text, arena| keep(bytes(text, arena), arena));
}

/// The record has passed: bytes for which nothing has come are replaced.
pub(crate) fn give_up<'a>(entry: &mut Entry<'a>, arena: &'a Bump) {
    each_text(entry, arena, replaced);
}

/// The text with U+FFFD for each kept byte that makes no character.
fn replaced<'a>(text: &'a str, arena: &'a Bump) -> &'a str {
    utf8::text(bytes(text, arena), arena)
}

/// The text with one U+FFFD for kept bytes that stand together.
pub(crate) fn sanitized<'a>(text: &'a str, arena: &'a Bump) -> &'a str {
    utf8::sanitized(bytes(text, arena), arena)
}

fn bytes<'a>(text: &'a str, arena: &'a Bump) -> &'a [u8] {
    if memchr::memchr(LEAD, text.as_bytes()).is_none() {
        return text.as_bytes();
    }
    let mut all = ArenaVec::with_capacity_in(text.len(), arena);
    for c in text.chars() {
        match kept(c) {
            Some(byte) => all.push(byte),
            None => all.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    all.into_bump_slice()
}

type Change<'a> = fn(&'a str, &'a Bump) -> &'a str;

fn each_text<'a>(entry: &mut Entry<'a>, arena: &'a Bump, change: Change<'a>) {
    entry.body = changed(entry.body, arena, change);
    for (key, value) in &mut entry.attributes {
        (*key, *value) = (change(key, arena), changed(*value, arena, change));
    }
    if entry.resource.as_shared().is_none() {
        for (key, value) in entry.resource.own(arena) {
            (*key, *value) = (change(key, arena), changed(*value, arena, change));
        }
    }
    entry.scope = change(entry.scope, arena);
    entry.severity_text = change(entry.severity_text, arena);
}

/// Parsers limit how deep a value may be.
fn changed<'a>(value: Value<'a>, arena: &'a Bump, change: Change<'a>) -> Value<'a> {
    match value {
        Value::Str(text) => Value::Str(change(text, arena)),
        Value::Array(list) => Value::Array(
            arena.alloc_slice_fill_iter(list.iter().map(|it| changed(*it, arena, change))),
        ),
        Value::Map(pairs) => Value::Map(arena.alloc_slice_fill_iter(
            pairs.iter().map(|(key, it)| (change(key, arena), changed(*it, arena, change))),
        )),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn halves_of_a_character_make_it_when_they_meet() {
        let arena = Bump::new();
        let (first, second) = (keep(b"a\xe2\x82", &arena), keep(b"\xacb\xff", &arena));
        assert_eq!(first.chars().count(), 3);
        let both = arena.alloc_str(&[first, second].concat());
        let joined = keep(bytes(both, &arena), &arena);
        assert!(joined.starts_with("a\u{20ac}b") && joined.chars().count() == 4);
        assert_eq!(replaced(joined, &arena), "a\u{20ac}b\u{fffd}");
        assert_eq!(replaced(first, &arena), "a\u{fffd}\u{fffd}");
    }

    proptest! {
        #[test]
        fn every_line_is_kept_byte_for_byte(
            line in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..40),
                "[a\u{e9}\u{10ff80}\u{10ffc3}\u{10ffff}\u{f0000}]{0,12}".prop_map(String::into_bytes),
            ],
            cut in any::<prop::sample::Index>(),
        ) {
            let arena = Bump::new();
            let (a, b) = line.split_at(cut.index(line.len() + 1));
            let both = arena.alloc_str(&[keep(a, &arena), keep(b, &arena)].concat());
            prop_assert_eq!(bytes(both, &arena), line.as_slice());
            prop_assert_eq!(replaced(both, &arena), utf8::text(&line, &arena));
        }
    }
}
