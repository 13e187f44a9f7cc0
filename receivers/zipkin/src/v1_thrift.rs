//! `zipkinCore.thrift`: a list of spans in Thrift's binary protocol.

use std::borrow::Cow;
use std::net::Ipv4Addr;

use pdata::text::Base64;
use wire::tags::{TagValue, text};
use wire::thrift::{Error, Kind, Protocol, Reader};

use crate::v1::{Annotation, BinaryAnnotation, Endpoint, Span};
use crate::v2_proto::address;

/// The spans of a list.
pub(crate) fn spans(bytes: &[u8]) -> Result<Vec<Span<'_>>, Error> {
    let mut spans = Vec::new();
    Reader::new(Protocol::Binary, bytes).list(|reader, kind| {
        spans.extend(read_struct(reader, kind, span)?);
        Ok(())
    })?;
    Ok(spans)
}

/// A value of a list, if it is a struct as it should be.
fn read_struct<'a, T>(
    reader: &mut Reader<'a>,
    kind: Kind,
    read: impl FnOnce(&mut Reader<'a>) -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    if kind == Kind::Struct { read(reader).map(Some) } else { reader.skip(kind).map(|()| None) }
}

fn span<'a>(reader: &mut Reader<'a>) -> Result<Span<'a>, Error> {
    let mut span = Span::default();
    let (mut low, mut high, mut id, mut start, mut duration) = (0, 0, None, None, 0);
    reader.structure("*zipkincore.Span", |reader, field, kind| {
        match (field, kind) {
            (1, Kind::I64) => low = reader.i64()?,
            (3, Kind::Binary) => span.name = text(reader.binary()?),
            (4, Kind::I64) => id = Some(reader.i64()?),
            (5, Kind::I64) => span.parent_id = reader.i64()?.to_be_bytes(),
            (6, Kind::List) => reader.list(|reader, kind| {
                span.annotations.extend(read_struct(reader, kind, annotation)?);
                Ok(())
            })?,
            (8, Kind::List) => reader.list(|reader, kind| {
                span.binary.extend(read_struct(reader, kind, binary_annotation)?);
                Ok(())
            })?,
            (10, Kind::I64) => start = Some(reader.i64()?),
            (11, Kind::I64) => duration = reader.i64()?,
            (12, Kind::I64) => high = reader.i64()?,
            _ => reader.skip(kind)?,
        }
        Ok(())
    })?;
    let (high, low) = (u128::from(high.cast_unsigned()), u128::from(low.cast_unsigned()));
    span.trace_id = (high << 64 | low).to_be_bytes();
    // Its fields may all be missing, but a span without an id is not worth the memory that it takes.
    span.id = id.ok_or(Error::Missing("ID"))?.to_be_bytes();
    span.time = start.map(|it| (it, duration));
    Ok(span)
}

fn annotation<'a>(reader: &mut Reader<'a>) -> Result<Annotation<'a>, Error> {
    let (mut annotation, mut time) = (Annotation::default(), None);
    reader.structure("*zipkincore.Annotation", |reader, field, kind| {
        match (field, kind) {
            (1, Kind::I64) => time = Some(reader.i64()?),
            (2, Kind::Binary) => annotation.value = text(reader.binary()?),
            (3, Kind::Struct) => annotation.endpoint = Some(endpoint(reader)?),
            _ => reader.skip(kind)?,
        }
        Ok(())
    })?;
    annotation.timestamp = time.ok_or(Error::Missing("Timestamp"))?;
    Ok(annotation)
}

fn binary_annotation<'a>(reader: &mut Reader<'a>) -> Result<BinaryAnnotation<'a>, Error> {
    let (mut key, mut value, mut of_type, mut service) = (None, &[][..], 0, None);
    reader.structure("*zipkincore.BinaryAnnotation", |reader, field, kind| {
        match (field, kind) {
            (1, Kind::Binary) => key = Some(text(reader.binary()?)),
            (2, Kind::Binary) => value = reader.binary()?,
            (3, Kind::I32) => of_type = reader.i32()?,
            (4, Kind::Struct) => service = Some(endpoint(reader)?.service),
            _ => reader.skip(kind)?,
        }
        Ok(())
    })?;
    let key = key.ok_or(Error::Missing("Key"))?;
    // The local component is text whatever its type says.
    let value = if key == "lc" { TagValue::Text(text(value)) } else { typed(of_type, value) };
    Ok(BinaryAnnotation { key, value, service })
}

/// `AnnotationType`: BOOL, BYTES, I16, I32, I64, DOUBLE, STRING. Numbers are unsigned up to 32 bits, as upstream.
fn typed(of_type: i32, value: &[u8]) -> TagValue<'_> {
    let int = |it: Option<i64>| it.map_or_else(short, TagValue::Int);
    match of_type {
        0 => TagValue::Bool(value == [1]),
        1 => TagValue::Text(Cow::from(Base64::STANDARD.encode(value))),
        2 => int(value.first_chunk().map(|it| u16::from_be_bytes(*it).into())),
        3 => int(value.first_chunk().map(|it| u32::from_be_bytes(*it).into())),
        4 => int(value.first_chunk().map(|it| i64::from_be_bytes(*it))),
        5 => {
            let double = value.first_chunk().map(|it| f64::from_be_bytes(*it));
            double.map_or_else(short, TagValue::Double)
        }
        6 => TagValue::Text(text(value)),
        other => {
            let text = format!("<unknown zipkin v1 binary annotation type ({other})>");
            TagValue::Text(text.into())
        }
    }
}

fn short<'a>() -> TagValue<'a> {
    TagValue::Text("<not enough bytes representing the number>".into())
}

fn endpoint<'a>(reader: &mut Reader<'a>) -> Result<Endpoint<'a>, Error> {
    let mut endpoint = Endpoint::default();
    reader.structure("*zipkincore.Endpoint", |reader, field, kind| {
        match (field, kind) {
            (1, Kind::I32) => {
                let ip = reader.i32()?.cast_unsigned();
                let shown = if ip == 0 { String::new() } else { Ipv4Addr::from(ip).to_string() };
                endpoint.ipv4 = shown.into();
            }
            (2, Kind::I16) => endpoint.port = reader.i16()?.into(),
            (3, Kind::Binary) => endpoint.service = text(reader.binary()?),
            (4, Kind::Binary) => {
                endpoint.ipv6 = address(reader.binary()?).unwrap_or_default().into();
            }
            _ => reader.skip(kind)?,
        }
        Ok(())
    })?;
    Ok(endpoint)
}
