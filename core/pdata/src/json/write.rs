//! OTLP bytes to OTLP/JSON text: the fields of a message in the order of the schema, as the
//! Collector writes them, whatever their order in the bytes.

use crate::bits::{last_8, last_32, last_32_signed};
use crate::schema::{Field, Kind, Label, Message, Role};
use crate::stats;
use crate::text::{Base64, hex_digits, json_escaped};
use crate::wire::{Field as Raw, Payload, Reader, Scalars, from_zigzag};

/// Deepest nesting of messages that is written: bounds the stack. Decoders accept less.
const DEPTH_MAX: usize = 1024;

/// Most fields of a message; a test holds the schema to it.
pub(super) const FIELDS_MAX: usize = 16;

/// Fields of most messages, so that most get by with a small frame.
const FIELDS_FEW: usize = 4;

/// What is known of a field after one look over its message.
#[derive(Clone, Copy)]
struct Seen<'a> {
    /// Its last occurrence.
    last: Raw<'a>,
    /// Where its first occurrence begins.
    first: usize,
    count: usize,
}

/// Writes the message `body` as an object.
pub(crate) fn object(schema: &'static Message, body: &[u8], out: &mut Vec<u8>) {
    message(schema, body, DEPTH_MAX, out);
}

fn message(schema: &'static Message, body: &[u8], depth: usize, out: &mut Vec<u8>) {
    let Some(depth) = depth.checked_sub(1) else {
        stats::count_unreadable();
        out.extend_from_slice(b"{}");
        return;
    };
    if schema.role == Role::AnyValue {
        any_value(schema, body, depth, out);
    } else if schema.fields.len() <= FIELDS_FEW {
        fields::<FIELDS_FEW>(schema, body, depth, out);
    } else {
        fields::<FIELDS_MAX>(schema, body, depth, out);
    }
}

/// A message of which one field counts, the last: most messages are values, so they go fast.
fn any_value(schema: &'static Message, body: &[u8], depth: usize, out: &mut Vec<u8>) {
    let of = |raw: Raw<'_>| schema.fields.iter().find(|field| field.number == raw.number);
    let member = Reader::new(body).filter_map(|raw| Some((of(raw)?, raw.payload))).last();
    out.push(b'{');
    if let Some((field, payload)) = member {
        name(field, out);
        match field.kind {
            Kind::Message(of) => message(of, payload.bytes(), depth, out),
            kind => scalar(kind, payload, out),
        }
    }
    out.push(b'}');
}

/// A message of at most `N` fields.
fn fields<const N: usize>(schema: &'static Message, body: &[u8], depth: usize, out: &mut Vec<u8>) {
    let mut seen: [Option<Seen<'_>>; N] = [None; N];
    let member = look_over(schema, body, &mut seen);
    out.push(b'{');
    let mut separator = false;
    for (index, (field, seen)) in schema.fields.iter().zip(&seen).enumerate() {
        let seen = *seen;
        let written = match field.label {
            Label::Oneof => member == Some(index),
            Label::Always => true,
            Label::Optional => seen.is_some(),
            Label::Repeated => seen.is_some_and(|it| has_elements(field, body, it)),
            Label::Plain => seen.is_some_and(|it| !is_default(field, it.last.payload)),
        };
        if !written {
            continue;
        }
        if std::mem::replace(&mut separator, true) {
            out.push(b',');
        }
        name(field, out);
        value(field, body, seen, depth, out);
    }
    out.push(b'}');
}

fn name(field: &Field, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(field.name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// Notes where each field stands; returns the index of the last member of a oneof.
#[inline]
fn look_over<'a>(
    schema: &'static Message,
    body: &'a [u8],
    seen: &mut [Option<Seen<'a>>],
) -> Option<usize> {
    let (mut index, mut member) = (0, None);
    for raw in Reader::new(body) {
        if schema.fields.get(index).is_none_or(|field| field.number != raw.number) {
            match schema.fields.iter().position(|field| field.number == raw.number) {
                Some(found) => index = found,
                None => continue,
            }
        }
        let Some(field) = schema.fields.get(index) else { continue };
        if field.label == Label::Oneof {
            member = Some(index);
        }
        match seen.get_mut(index) {
            Some(Some(known)) => {
                known.last = raw;
                known.count += 1;
            }
            Some(slot) => *slot = Some(Seen { last: raw, first: raw.start, count: 1 }),
            None => {}
        }
    }
    member
}

/// A packed field may be there and hold nothing.
fn has_elements(field: &Field, body: &[u8], seen: Seen<'_>) -> bool {
    match field.kind {
        Kind::Message(_) | Kind::Str => true,
        _ => scalars(field, body, seen).next().is_some(),
    }
}

fn scalars<'a>(field: &Field, body: &'a [u8], seen: Seen<'_>) -> Scalars<'a> {
    let from_first = body.get(seen.first..).unwrap_or_default();
    match field.kind {
        Kind::Uint64 => Scalars::varints(from_first, field.number),
        _ => Scalars::fixed64(from_first, field.number),
    }
}

/// True for what proto3 leaves out; an identifier of zeros is none.
fn is_default(field: &Field, payload: Payload<'_>) -> bool {
    match field.kind {
        Kind::Id(_) => payload.bytes().iter().all(|&byte| byte == 0),
        // Minus zero is zero, as in Go.
        Kind::Double => payload.double() == 0.0,
        Kind::Str | Kind::Bytes | Kind::Message(_) => payload.bytes().is_empty(),
        Kind::Uint32 | Kind::Int32 | Kind::Sint32 | Kind::Enum(_) | Kind::Fixed32 => {
            last_32(payload.integer()) == 0
        }
        _ => payload.integer() == 0,
    }
}

fn value(field: &Field, body: &[u8], seen: Option<Seen<'_>>, depth: usize, out: &mut Vec<u8>) {
    match (field.label, field.kind, seen) {
        (_, Kind::Message(_), None) => out.extend_from_slice(b"{}"),
        (Label::Repeated, kind, Some(seen)) => elements(field, kind, body, seen, depth, out),
        (_, Kind::Message(of), Some(seen)) => message(of, seen.last.payload.bytes(), depth, out),
        (_, kind, Some(seen)) => scalar(kind, seen.last.payload, out),
        (_, _, None) => {}
    }
}

fn occurrences<'a>(
    field: &Field,
    body: &'a [u8],
    seen: Seen<'_>,
) -> impl Iterator<Item = Raw<'a>> + use<'a> {
    let number = field.number;
    Reader::starting_at(body, seen.first).filter(move |raw| raw.number == number).take(seen.count)
}

fn elements(
    field: &Field,
    kind: Kind,
    body: &[u8],
    seen: Seen<'_>,
    depth: usize,
    out: &mut Vec<u8>,
) {
    out.push(b'[');
    let start = out.len();
    let comma = |out: &mut Vec<u8>| {
        if out.len() > start {
            out.push(b',');
        }
    };
    match kind {
        Kind::Message(of) => {
            for raw in occurrences(field, body, seen) {
                comma(out);
                message(of, raw.payload.bytes(), depth, out);
            }
        }
        Kind::Str => {
            for raw in occurrences(field, body, seen) {
                comma(out);
                string(raw.payload.bytes(), out);
            }
        }
        _ => {
            for raw in scalars(field, body, seen) {
                comma(out);
                scalar(kind, Payload::Fixed64(raw), out);
            }
        }
    }
    out.push(b']');
}

fn scalar(kind: Kind, payload: Payload<'_>, out: &mut Vec<u8>) {
    match kind {
        Kind::Str => string(payload.bytes(), out),
        Kind::Bytes => {
            out.push(b'"');
            Base64::STANDARD.encode_to(payload.bytes(), out);
            out.push(b'"');
        }
        Kind::Id(_) => hexadecimal(payload.bytes(), out),
        Kind::Bool => {
            let text: &[u8] = if payload.integer() == 0 { b"false" } else { b"true" };
            out.extend_from_slice(text);
        }
        Kind::Double => double(payload.double(), out),
        Kind::Fixed64 | Kind::Uint64 => {
            out.push(b'"');
            unsigned(payload.integer(), out);
            out.push(b'"');
        }
        Kind::Sfixed64 | Kind::Int64 => {
            out.push(b'"');
            signed(payload.integer().cast_signed(), out);
            out.push(b'"');
        }
        Kind::Fixed32 | Kind::Uint32 => unsigned(last_32(payload.integer()).into(), out),
        Kind::Int32 | Kind::Enum(_) => signed(last_32_signed(payload.integer()).into(), out),
        Kind::Sint32 => signed(from_zigzag(payload.integer()).into(), out),
        Kind::Message(_) => out.extend_from_slice(b"{}"),
    }
}

fn signed(value: i64, out: &mut Vec<u8>) {
    if value < 0 {
        out.push(b'-');
    }
    unsigned(value.unsigned_abs(), out);
}

fn unsigned(mut value: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + last_8(value % 10);
        value /= 10;
        start -= 1;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(start..).unwrap_or_default());
}

/// As Go: plain below 1e21 and from 1e-6 on, else with an exponent of two digits or more.
fn double(value: f64, out: &mut Vec<u8>) {
    use std::io::Write as _;

    let size = value.abs();
    let result = if value.is_nan() {
        out.write_all(b"\"NaN\"")
    } else if value.is_infinite() {
        out.write_all(if value < 0.0 { b"\"-Infinity\"" } else { b"\"Infinity\"" })
    } else if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(exponent) => ('-', exponent),
            None => ('+', exponent),
        };
        write!(out, "{digits}e{sign}{exponent:0>2}")
    } else {
        write!(out, "{value}")
    };
    debug_assert!(result.is_ok(), "writing to a vector does not fail");
}

fn hexadecimal(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend(bytes.iter().flat_map(|byte| hex_digits(*byte)));
    out.push(b'"');
}

/// A string. What is not UTF-8 in it becomes U+FFFD: JSON has no way to say it.
fn string(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    match std::str::from_utf8(bytes) {
        Ok(text) => json_escaped(text, out),
        Err(_) => {
            for chunk in bytes.utf8_chunks() {
                json_escaped(chunk.valid(), out);
                if !chunk.invalid().is_empty() {
                    out.extend_from_slice("\u{fffd}".as_bytes());
                }
            }
        }
    }
    out.push(b'"');
}
