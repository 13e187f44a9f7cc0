//! Reads and writes single fields: bytes to values and back.

use super::field::{Kind, Spot};
use super::level::Level;
use super::path::PathError;
use crate::bits::{extended, last_32, last_32_signed};
use crate::fields::{exemplar, number};
use crate::value::Value;
use crate::view::{AttributesRef, NumberValue, ValueRef, text};
use crate::wire::{Payload, Reader, Scalars, Writer, from_zigzag, only, zigzag};

/// The value of a field of the message `src` with the edits of `level`; `None` if it is not there and has
/// no default, and for lists and messages.
#[inline]
pub(super) fn get<'x>(level: &'x Level, src: &'x [u8], spot: Spot) -> Option<ValueRef<'x>> {
    match spot.kind {
        Kind::Attributes => {
            let all = level.all(src, spot.number);
            return Some(ValueRef::Map(AttributesRef::new(all, spot.number)));
        }
        Kind::Number => return number(level, src, spot.number),
        Kind::Any => {
            return body(level, src, spot.number).map(ValueRef::decode);
        }
        _ => {}
    }
    let payload = if spot.outer == 0 {
        level.field(src, spot.number)
    } else {
        let outer = level.field(src, spot.outer).map_or(&[][..], Payload::bytes);
        only(outer, spot.number).map(|it| it.payload)
    };
    scalar(spot.kind, payload)
}

fn scalar(kind: Kind, payload: Option<Payload<'_>>) -> Option<ValueRef<'_>> {
    let raw = payload.map_or(0, Payload::integer);
    Some(match kind {
        Kind::Text => ValueRef::Str(text(payload.map_or(&[], Payload::bytes))),
        Kind::Id(_) => ValueRef::Bytes(payload.map_or(&[], Payload::bytes)),
        Kind::Bool => ValueRef::Bool(raw != 0),
        Kind::Enum => ValueRef::Int(i64::from(last_32_signed(raw))),
        Kind::Uint32 | Kind::Fixed32 => ValueRef::Int(i64::from(last_32(raw))),
        Kind::Sint32 => ValueRef::Int(i64::from(from_zigzag(raw))),
        Kind::Fixed64 => ValueRef::Int(raw.cast_signed()),
        Kind::Double => ValueRef::Double(f64::from_bits(raw)),
        Kind::OptionalDouble => ValueRef::Double(payload?.double()),
        _ => return None,
    })
}

/// The field if it is a whole number.
#[expect(clippy::inline_always, reason = "a filter by one field does little else")]
#[inline(always)]
pub(super) fn int(level: &Level, src: &[u8], spot: Spot) -> Option<i64> {
    if spot.outer != 0 || matches!(spot.kind, Kind::Number) {
        return get(level, src, spot).and_then(ValueRef::as_int);
    }
    let raw = level.field(src, spot.number).map_or(0, Payload::integer);
    Some(match spot.kind {
        Kind::Enum => i64::from(last_32_signed(raw)),
        Kind::Uint32 | Kind::Fixed32 => i64::from(last_32(raw)),
        Kind::Sint32 => i64::from(from_zigzag(raw)),
        Kind::Fixed64 => raw.cast_signed(),
        _ => return None,
    })
}

/// The encoded value of the field `number`, which may hold any value.
pub(super) fn body<'x>(level: &'x Level, src: &'x [u8], number: u32) -> Option<&'x [u8]> {
    level.field(src, number).map(Payload::bytes)
}

/// `as_int`, which has the same number in points and in exemplars.
const AS_INT: u32 = {
    assert!(number::INT == exemplar::INT, "one number for both");
    number::INT
};

/// The value of a number point or an exemplar: of its two members the last one counts.
fn number<'x>(level: &'x Level, src: &'x [u8], as_double: u32) -> Option<ValueRef<'x>> {
    let mut last = None;
    for field in Reader::new(level.fields(src, as_double)) {
        if field.number == as_double {
            last = Some(ValueRef::Double(field.payload.double()));
        } else if field.number == AS_INT {
            last = Some(ValueRef::Int(field.payload.integer().cast_signed()));
        }
    }
    last
}

/// The numbers of a list field.
#[derive(Debug, Clone)]
pub struct Numbers<'a> {
    raw: Scalars<'a>,
    doubles: bool,
}

impl Iterator for Numbers<'_> {
    type Item = NumberValue;

    fn next(&mut self) -> Option<NumberValue> {
        let raw = self.raw.next()?;
        Some(if self.doubles {
            NumberValue::Double(f64::from_bits(raw))
        } else {
            NumberValue::Int(raw.cast_signed())
        })
    }
}

/// The numbers of a list field; `None` if it is no list.
pub(super) fn numbers<'x>(level: &'x Level, src: &'x [u8], spot: Spot) -> Option<Numbers<'x>> {
    let buf = if spot.outer == 0 {
        level.fields(src, spot.number)
    } else {
        level.field(src, spot.outer).map_or(&[][..], Payload::bytes)
    };
    let raw = match spot.kind {
        Kind::VarintList => Scalars::varints(buf, spot.number),
        Kind::Fixed64List | Kind::DoubleList => Scalars::fixed64(buf, spot.number),
        _ => return None,
    };
    Some(Numbers { raw, doubles: spot.kind == Kind::DoubleList })
}

/// Sets a field that is not attributes.
pub(super) fn set(
    level: &mut Level,
    src: &[u8],
    spot: Spot,
    value: &Value<'_>,
) -> Result<(), PathError> {
    if spot.outer == 0 && spot.kind != Kind::Number {
        return level.set_one(spot.number, |out| write(spot, value, out));
    }
    let mut field = std::mem::take(&mut level.rendered);
    field.buf.clear();
    let written = write(spot, value, &mut field);
    if written.is_ok() {
        put(level, src, spot, &field.buf);
    }
    level.rendered = field;
    written
}

/// Removes a field: it has its default then.
pub(super) fn clear(level: &mut Level, src: &[u8], spot: Spot) {
    put(level, src, spot, &[]);
}

/// Makes `fields` the fields of this number.
fn put(level: &mut Level, src: &[u8], spot: Spot, fields: &[u8]) {
    if spot.outer == 0 {
        let mut mask = 1 << spot.number;
        if spot.kind == Kind::Number {
            mask |= 1 << AS_INT;
        }
        return level.set(mask, |out| out.raw(fields));
    }
    // The message around it is written anew.
    let old = level.field(src, spot.outer).map_or(&[][..], Payload::bytes).to_vec();
    level.set(1 << spot.outer, |out| {
        let open = out.open(spot.outer, 1);
        for field in Reader::new(&old).filter(|it| it.number != spot.number) {
            out.raw(old.get(field.start..field.end).unwrap_or_default());
        }
        out.raw(fields);
        out.close(open);
    });
}

/// Writes the field. As usual in proto3, 0 and the empty text are not written.
fn write(spot: Spot, value: &Value<'_>, out: &mut Writer) -> Result<(), PathError> {
    let number = spot.number;
    match spot.kind {
        Kind::Any => {
            value.write_field(number, out);
            return Ok(());
        }
        Kind::Fixed64List | Kind::DoubleList | Kind::VarintList => {
            return write_list(spot, value, out);
        }
        _ => {}
    }
    let given = value.shallow();
    let wrong = |wanted| PathError::WrongType { wanted, got: value.type_name() };
    match (spot.kind, given) {
        (Kind::Text, Some(ValueRef::Str(it))) => out.text(number, it),
        (Kind::Text, _) => return Err(wrong("Str")),
        (Kind::Id(length), Some(ValueRef::Bytes(it))) => {
            if it.len() == usize::from(length) {
                out.bytes_field(number, it);
            }
        }
        (Kind::Id(_), _) => return Err(wrong("Bytes")),
        (Kind::Bool, Some(ValueRef::Bool(it))) => out.varint_scalar(number, it.into()),
        (Kind::Bool, _) => return Err(wrong("Bool")),
        (Kind::Double, Some(ValueRef::Double(it))) => out.fixed64_scalar(number, it.to_bits()),
        (Kind::OptionalDouble, Some(ValueRef::Double(it))) => {
            out.fixed64_field(number, it.to_bits());
        }
        (Kind::Double | Kind::OptionalDouble, _) => return Err(wrong("Double")),
        (Kind::Number, Some(ValueRef::Int(it))) => {
            out.fixed64_field(AS_INT, it.cast_unsigned());
        }
        (Kind::Number, Some(ValueRef::Double(it))) => out.fixed64_field(number, it.to_bits()),
        (kind, Some(ValueRef::Int(it))) => write_int(kind, number, it, out),
        _ => return Err(wrong("Int")),
    }
    Ok(())
}

/// Integers that are too large for the field wrap, as Go's conversions do.
fn write_int(kind: Kind, number: u32, value: i64, out: &mut Writer) {
    let raw = value.cast_unsigned();
    match kind {
        Kind::Enum => out.varint_scalar(number, extended(last_32_signed(raw))),
        Kind::Uint32 => out.varint_scalar(number, last_32(raw).into()),
        Kind::Sint32 => out.varint_scalar(number, zigzag(last_32_signed(raw)).into()),
        Kind::Fixed32 => out.fixed32_scalar(number, last_32(raw)),
        Kind::Fixed64 => out.fixed64_scalar(number, raw),
        _ => {}
    }
}

/// Writes the numbers of a list, packed.
fn write_list(spot: Spot, value: &Value<'_>, out: &mut Writer) -> Result<(), PathError> {
    let open = out.open(spot.number, 1);
    let start = out.len();
    value.each(&mut |item| {
        let raw = match (spot.kind, item.shallow()) {
            (Kind::DoubleList, Some(ValueRef::Double(it))) => it.to_bits(),
            (Kind::Fixed64List | Kind::VarintList, Some(ValueRef::Int(it))) => it.cast_unsigned(),
            (kind, _) => {
                let wanted = if kind == Kind::DoubleList { "Double" } else { "Int" };
                return Err(PathError::WrongType { wanted, got: item.type_name() });
            }
        };
        if spot.kind == Kind::VarintList {
            out.varint(raw);
        } else {
            out.raw(&raw.to_le_bytes());
        }
        Ok(())
    })?;
    if out.len() == start {
        // An empty list is not written.
        out.buf.truncate(open.start);
    } else {
        out.close(open);
    }
    Ok(())
}
