//! `jaeger.thrift`: a batch over HTTP, and the call `emitBatch` in a datagram.
//!
//! Spans are decoded one by one and written at once, so that a batch never stands in memory a second time. The
//! process, which their resource needs, may come behind them: it is looked for first.

use std::borrow::Cow;

use pdata::{Traces, TracesBuilder};
use wire::thrift::{Error, Kind, Protocol, Reader};

use crate::model::{Log, Process, Reference, Span, TagValue, Tags, text, unknown};

/// What a datagram asks for.
#[derive(Debug)]
pub enum Call {
    /// `emitBatch`.
    Spans(Traces),
    /// A method that this receiver does not have.
    Unknown(String),
}

/// Reads a datagram: the head of a call, and its arguments.
///
/// # Errors
/// When it is no such message.
pub fn call(protocol: Protocol, datagram: &[u8]) -> Result<Call, Error> {
    let mut reader = Reader::new(protocol, datagram);
    let message = reader.message()?;
    if message.name != b"emitBatch" {
        return Ok(Call::Unknown(text(message.name).into_owned()));
    }
    let mut traces = None;
    reader.structure("*agent.AgentEmitBatchArgs", |reader, id, kind| match (id, kind) {
        (1, Kind::Struct) => {
            traces = Some(batch(reader)?);
            Ok(())
        }
        _ => reader.skip(kind),
    })?;
    Ok(Call::Spans(traces.ok_or(Error::Missing("Batch"))?))
}

/// The body of a request.
pub(crate) fn body(bytes: &[u8]) -> Result<Traces, Error> {
    batch(&mut Reader::new(Protocol::Binary, bytes))
}

fn batch(reader: &mut Reader<'_>) -> Result<Traces, Error> {
    let (mut process, mut spans) = (None, None);
    reader.structure("*jaeger.Batch", |reader, id, kind| match (id, kind) {
        (1, Kind::Struct) => {
            process = Some(read_process(reader)?);
            Ok(())
        }
        (2, Kind::List) => {
            spans = Some(*reader);
            reader.skip(kind)
        }
        _ => reader.skip(kind),
    })?;
    let process = process.ok_or(Error::Missing("Process"))?;
    let mut spans = spans.ok_or(Error::Missing("Spans"))?;
    let mut builder = TracesBuilder::new();
    builder.resource(|out| process.write(out));
    spans.list(|reader, kind| {
        if kind != Kind::Struct {
            return reader.skip(kind);
        }
        let span = read_span(reader)?;
        if !span.is_blank() {
            builder.span(|out| span.write(false, out));
        }
        Ok(())
    })?;
    Ok(builder.finish())
}

fn read_process<'a>(reader: &mut Reader<'a>) -> Result<Process<'a>, Error> {
    let (mut service, mut tags) = (None, Tags::default());
    reader.structure("*jaeger.Process", |reader, id, kind| {
        match (id, kind) {
            (1, Kind::Binary) => service = Some(text(reader.binary()?)),
            (2, Kind::List) => tags = read_tags(reader)?,
            _ => reader.skip(kind)?,
        }
        Ok(())
    })?;
    Ok(Process { service: service.ok_or(Error::Missing("ServiceName"))?, tags })
}

fn read_span<'a>(reader: &mut Reader<'a>) -> Result<Span<'a>, Error> {
    let mut span = Span::default();
    let (mut low, mut high, mut id, mut parent) = (None, None, None, None);
    let (mut name, mut flags, mut start, mut duration) = (None, None, None, None);
    reader.structure("*jaeger.Span", |reader, field, kind| {
        match (field, kind) {
            (1, Kind::I64) => low = Some(reader.i64()?),
            (2, Kind::I64) => high = Some(reader.i64()?),
            (3, Kind::I64) => id = Some(reader.i64()?),
            (4, Kind::I64) => parent = Some(reader.i64()?),
            (5, Kind::Binary) => name = Some(text(reader.binary()?)),
            (6, Kind::List) => reader.list(|reader, kind| {
                span.references.extend(read_struct(reader, kind, read_reference)?);
                Ok(())
            })?,
            (7, Kind::I32) => flags = Some(reader.i32()?),
            (8, Kind::I64) => start = Some(reader.i64()?),
            (9, Kind::I64) => duration = Some(reader.i64()?),
            (10, Kind::List) => span.tags = read_tags(reader)?,
            (11, Kind::List) => reader.list(|reader, kind| {
                span.logs.extend(read_struct(reader, kind, read_log)?);
                Ok(())
            })?,
            _ => reader.skip(kind)?,
        }
        Ok(())
    })?;
    let needed = |it: Option<i64>, name| it.ok_or(Error::Missing(name));
    span.trace_id = trace_id(needed(high, "TraceIdHigh")?, needed(low, "TraceIdLow")?);
    span.span_id = needed(id, "SpanId")?.to_be_bytes();
    span.parent_id = needed(parent, "ParentSpanId")?.to_be_bytes();
    span.name = name.ok_or(Error::Missing("OperationName"))?;
    span.flags = flags.ok_or(Error::Missing("Flags"))?.cast_unsigned();
    let (start, duration) = (needed(start, "StartTime")?, needed(duration, "Duration")?);
    span.start_unix_nano = nanos(start);
    span.end_unix_nano = nanos(start.wrapping_add(duration));
    Ok(span)
}

/// A value of a list, if it is a struct as it should be.
fn read_struct<'a, T>(
    reader: &mut Reader<'a>,
    kind: Kind,
    read: impl FnOnce(&mut Reader<'a>) -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    if kind == Kind::Struct { read(reader).map(Some) } else { reader.skip(kind).map(|()| None) }
}

fn read_reference(reader: &mut Reader<'_>) -> Result<Reference, Error> {
    let (mut how, mut low, mut high, mut id) = (None, None, None, None);
    reader.structure("*jaeger.SpanRef", |reader, field, kind| {
        match (field, kind) {
            (1, Kind::I32) => how = Some(reader.i32()?),
            (2, Kind::I64) => low = Some(reader.i64()?),
            (3, Kind::I64) => high = Some(reader.i64()?),
            (4, Kind::I64) => id = Some(reader.i64()?),
            _ => reader.skip(kind)?,
        }
        Ok(())
    })?;
    let needed = |it: Option<i64>, name| it.ok_or(Error::Missing(name));
    Ok(Reference {
        is_child_of: how.ok_or(Error::Missing("RefType"))? == 0,
        trace_id: trace_id(needed(high, "TraceIdHigh")?, needed(low, "TraceIdLow")?),
        span_id: needed(id, "SpanId")?.to_be_bytes(),
    })
}

fn read_log<'a>(reader: &mut Reader<'a>) -> Result<Log<'a>, Error> {
    let (mut time, mut fields) = (None, None);
    reader.structure("*jaeger.Log", |reader, id, kind| {
        match (id, kind) {
            (1, Kind::I64) => time = Some(reader.i64()?),
            (2, Kind::List) => fields = Some(read_tags(reader)?),
            _ => reader.skip(kind)?,
        }
        Ok(())
    })?;
    let time = time.ok_or(Error::Missing("Timestamp"))?;
    let fields = fields.ok_or(Error::Missing("Fields"))?;
    Ok(Log { time_unix_nano: nanos(time), fields })
}

fn read_tags<'a>(reader: &mut Reader<'a>) -> Result<Tags<'a>, Error> {
    let mut tags = Vec::new();
    reader.list(|reader, kind| {
        tags.extend(read_struct(reader, kind, read_tag)?);
        Ok(())
    })?;
    Ok(Tags::new(tags))
}

fn read_tag<'a>(reader: &mut Reader<'a>) -> Result<(Cow<'a, str>, TagValue<'a>), Error> {
    let (mut key, mut of_type, mut long) = (None, None, 0);
    let (mut string, mut double, mut bool, mut bytes) = (&b""[..], 0.0, false, &b""[..]);
    reader.structure("*jaeger.Tag", |reader, id, kind| {
        match (id, kind) {
            (1, Kind::Binary) => key = Some(text(reader.binary()?)),
            (2, Kind::I32) => of_type = Some(reader.i32()?),
            (3, Kind::Binary) => string = reader.binary()?,
            (4, Kind::Double) => double = reader.double()?,
            (5, Kind::Bool) => bool = reader.bool()?,
            (6, Kind::I64) => long = reader.i64()?,
            (7, Kind::Binary) => bytes = reader.binary()?,
            _ => reader.skip(kind)?,
        }
        Ok(())
    })?;
    let value = match of_type.ok_or(Error::Missing("VType"))? {
        0 => TagValue::Text(text(string)),
        1 => TagValue::Double(double),
        2 => TagValue::Bool(bool),
        3 => TagValue::Int(long),
        4 => TagValue::Bytes(bytes),
        _ => unknown("<UNSET>"),
    };
    Ok((key.ok_or(Error::Missing("Key"))?, value))
}

fn trace_id(high: i64, low: i64) -> [u8; 16] {
    let (high, low) = (high.cast_unsigned(), low.cast_unsigned());
    ((u128::from(high) << 64) | u128::from(low)).to_be_bytes()
}

/// Microseconds as nanoseconds. A time that is none comes out as one that is none, as upstream.
fn nanos(micros: i64) -> u64 {
    micros.cast_unsigned().wrapping_mul(1000)
}
