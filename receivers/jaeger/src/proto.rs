//! `api_v2/model.proto`: the batch of a `PostSpans` call.
//!
//! A span may name a process of its own, and a scope in its tags. So spans are sorted: by process, and within a
//! process by scope, each in the order of the first span.

use std::borrow::Cow;
use std::collections::HashMap;

use pdata::{Traces, TracesBuilder};
use thiserror::Error;
use wire::protobuf::{Field, fields};

use crate::model::{Log, Process, Reference, Span, TagValue, Tags, text, unknown};

/// Why a message is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Error {
    #[error("{0}")]
    Wire(#[from] wire::protobuf::Error),
    #[error("invalid length for TraceID")]
    TraceId,
    #[error("invalid length for SpanID")]
    SpanId,
}

/// Name of a process that stands for none.
const NO_SERVICE: &str = "OTLPResourceNoServiceName";

/// Spans of one scope.
type Scoped<'a> = ((String, String), Vec<Span<'a>>);

/// Spans of one process.
struct Group<'a> {
    process: Option<Process<'a>>,
    scopes: Vec<Scoped<'a>>,
    places: HashMap<(String, String), usize>,
}

/// The spans of a `PostSpansRequest`.
pub(crate) fn request(bytes: &[u8]) -> Result<Traces, Error> {
    // Go's decoder merges what comes twice; clients send one.
    let mut batch = &[][..];
    for field in fields(bytes) {
        if let (1, Field::Bytes(it)) = field? {
            batch = it;
        }
    }
    let (mut own, mut spans) = (None, Vec::new());
    for field in fields(batch) {
        match field? {
            (1, Field::Bytes(it)) => spans.push(it),
            (2, Field::Bytes(it)) => own = Some(it),
            _ => {}
        }
    }
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut places: HashMap<Option<&[u8]>, usize> = HashMap::new();
    if own.is_some() || !spans.is_empty() {
        group(own, &mut groups, &mut places)?;
    }
    for bytes in spans {
        let (span, process) = read_span(bytes)?;
        if span.is_blank() && process.is_none() {
            continue;
        }
        let at = group(process.or(own), &mut groups, &mut places)?;
        if let Some(group) = groups.get_mut(at) {
            group.add(span);
        }
    }
    Ok(write(groups))
}

/// The place of the spans of a process.
fn group<'a>(
    process: Option<&'a [u8]>,
    groups: &mut Vec<Group<'a>>,
    places: &mut HashMap<Option<&'a [u8]>, usize>,
) -> Result<usize, Error> {
    if let Some(at) = places.get(&process) {
        return Ok(*at);
    }
    let read = process.map(read_process).transpose()?;
    places.insert(process, groups.len());
    groups.push(Group { process: read, scopes: Vec::new(), places: HashMap::new() });
    Ok(groups.len() - 1)
}

impl<'a> Group<'a> {
    fn add(&mut self, mut span: Span<'a>) {
        let name = span.tags.take("otel.scope.name");
        let version = name.as_ref().and_then(|_| span.tags.take("otel.scope.version"));
        let text =
            |it: Option<TagValue<'_>>| it.map_or_else(String::new, |it| it.text().to_owned());
        let scope = (text(name), text(version));
        let next = self.scopes.len();
        let at = *self.places.entry(scope.clone()).or_insert(next);
        if at == next {
            self.scopes.push((scope, Vec::new()));
        }
        if let Some((_, spans)) = self.scopes.get_mut(at) {
            spans.push(span);
        }
    }
}

fn write(groups: Vec<Group<'_>>) -> Traces {
    let mut builder = TracesBuilder::new();
    for Group { process, scopes, .. } in groups {
        builder.resource(|out| {
            if let Some(process) = process.filter(|it| it.service != NO_SERVICE) {
                process.write(out);
            }
        });
        for ((name, version), spans) in scopes {
            builder.scope(&name, &version);
            for span in spans {
                builder.span(|out| span.write(true, out));
            }
        }
    }
    builder.finish()
}

fn read_process(bytes: &[u8]) -> Result<Process<'_>, Error> {
    let (mut service, mut tags) = (Cow::default(), Vec::new());
    for field in fields(bytes) {
        match field? {
            (1, Field::Bytes(it)) => service = text(it),
            (2, Field::Bytes(it)) => tags.push(read_tag(it)?),
            _ => {}
        }
    }
    Ok(Process { service, tags: Tags::new(tags) })
}

/// A span, and the process that it names.
fn read_span(bytes: &[u8]) -> Result<(Span<'_>, Option<&[u8]>), Error> {
    let (mut span, mut process, mut tags) = (Span::default(), None, Vec::new());
    let (mut start, mut duration) = (None, 0);
    for field in fields(bytes) {
        match field? {
            (1, Field::Bytes(it)) => span.trace_id = trace_id(it)?,
            (2, Field::Bytes(it)) => span.span_id = span_id(it)?,
            (3, Field::Bytes(it)) => span.name = text(it),
            (4, Field::Bytes(it)) => span.references.push(read_reference(it)?),
            (5, it) => span.flags = u32::try_from(it.uint()).unwrap_or(u32::MAX),
            (6, Field::Bytes(it)) => start = Some(nanos(it)?),
            (7, Field::Bytes(it)) => duration = nanos(it)?,
            (8, Field::Bytes(it)) => tags.push(read_tag(it)?),
            (9, Field::Bytes(it)) => span.logs.push(read_log(it)?),
            (10, Field::Bytes(it)) => process = Some(it),
            _ => {}
        }
    }
    span.tags = Tags::new(tags);
    let start = start.unwrap_or(0);
    span.start_unix_nano = start.cast_unsigned();
    span.end_unix_nano = start.wrapping_add(duration).cast_unsigned();
    Ok((span, process))
}

fn read_reference(bytes: &[u8]) -> Result<Reference, Error> {
    let mut reference = Reference { is_child_of: true, trace_id: [0; 16], span_id: [0; 8] };
    for field in fields(bytes) {
        match field? {
            (1, Field::Bytes(it)) => reference.trace_id = trace_id(it)?,
            (2, Field::Bytes(it)) => reference.span_id = span_id(it)?,
            (3, it) => reference.is_child_of = it.uint() == 0,
            _ => {}
        }
    }
    Ok(reference)
}

fn read_log(bytes: &[u8]) -> Result<Log<'_>, Error> {
    let (mut time, mut tags) = (0, Vec::new());
    for field in fields(bytes) {
        match field? {
            (1, Field::Bytes(it)) => time = nanos(it)?,
            (2, Field::Bytes(it)) => tags.push(read_tag(it)?),
            _ => {}
        }
    }
    Ok(Log { time_unix_nano: time.cast_unsigned(), fields: Tags::new(tags) })
}

fn read_tag(bytes: &[u8]) -> Result<(Cow<'_, str>, TagValue<'_>), Error> {
    let (mut key, mut of_type, mut string, mut binary) = (Cow::default(), 0, &b""[..], &b""[..]);
    let (mut bool, mut int, mut double) = (false, 0, 0.0);
    for field in fields(bytes) {
        match field? {
            (1, Field::Bytes(it)) => key = text(it),
            (2, it) => of_type = it.int(),
            (3, Field::Bytes(it)) => string = it,
            (4, it) => bool = it.uint() != 0,
            (5, it) => int = it.int(),
            (6, it) => double = it.double(),
            (7, Field::Bytes(it)) => binary = it,
            _ => {}
        }
    }
    let value = match of_type {
        0 => TagValue::Text(text(string)),
        1 => TagValue::Bool(bool),
        2 => TagValue::Int(int),
        3 => TagValue::Double(double),
        4 => TagValue::Bytes(binary),
        other => unknown(&other.to_string()),
    };
    Ok((key, value))
}

/// 16 bytes. Shorter ones of 8 are the low half, as `model.TraceID` reads them.
fn trace_id(bytes: &[u8]) -> Result<[u8; 16], Error> {
    match bytes.len() {
        0 => Ok([0; 16]),
        16 => bytes.try_into().map_err(|_| Error::TraceId),
        8 => {
            let mut id = [0; 16];
            id[8..].copy_from_slice(bytes);
            Ok(id)
        }
        _ => Err(Error::TraceId),
    }
}

fn span_id(bytes: &[u8]) -> Result<[u8; 8], Error> {
    if bytes.is_empty() {
        return Ok([0; 8]);
    }
    bytes.try_into().map_err(|_| Error::SpanId)
}

/// `google.protobuf.Timestamp` and `Duration` in nanoseconds.
fn nanos(bytes: &[u8]) -> Result<i64, Error> {
    let (mut seconds, mut nanos) = (0_i64, 0_i64);
    for field in fields(bytes) {
        match field? {
            (1, it) => seconds = it.int(),
            (2, it) => nanos = it.int(),
            _ => {}
        }
    }
    Ok(seconds.wrapping_mul(1_000_000_000).wrapping_add(nanos))
}
