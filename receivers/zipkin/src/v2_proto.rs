//! `zipkin.proto3.ListOfSpans`, as `zipkin-go/proto/zipkin_proto3` reads it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use wire::protobuf::{Field, fields};
use wire::tags::text;

use crate::Error;
use crate::v2::{Endpoint, Span};

/// The spans of a list.
pub(crate) fn spans(bytes: &[u8]) -> Result<Vec<Span<'_>>, Error> {
    let mut spans = Vec::new();
    for field in fields(bytes) {
        if let (1, Field::Bytes(it)) = field? {
            spans.push(span(it)?);
        }
    }
    Ok(spans)
}

fn span(bytes: &[u8]) -> Result<Span<'_>, Error> {
    let (mut trace, mut id, mut start) = (&[][..], None, 0);
    let mut span = Span::default();
    for field in fields(bytes) {
        match field? {
            (1, Field::Bytes(it)) => trace = it,
            (2, Field::Bytes(it)) => span.parent_id = span_id(it, "ParentID")?.unwrap_or(0),
            (3, Field::Bytes(it)) => id = span_id(it, "SpanID")?,
            (4, it) => span.kind = kind(it.uint()).into(),
            (5, Field::Bytes(it)) => span.name = text(it),
            (6, it) => start = it.uint().wrapping_mul(1000),
            (7, it) => span.duration_nanos = it.uint().wrapping_mul(1000),
            (8, Field::Bytes(it)) => span.local = Some(endpoint(it)?),
            (9, Field::Bytes(it)) => span.remote = Some(endpoint(it)?),
            (10, Field::Bytes(it)) => {
                let (mut time, mut value) = (0, &[][..]);
                for field in fields(it) {
                    match field? {
                        (1, it) => time = it.uint().wrapping_mul(1000),
                        (2, Field::Bytes(it)) => value = it,
                        _ => {}
                    }
                }
                span.annotations.push((time, text(value)));
            }
            (11, Field::Bytes(it)) => {
                let (mut key, mut value) = (&[][..], &[][..]);
                for field in fields(it) {
                    match field? {
                        (1, Field::Bytes(it)) => key = it,
                        (2, Field::Bytes(it)) => value = it,
                        _ => {}
                    }
                }
                span.tags.push((text(key), text(value)));
            }
            _ => {}
        }
    }
    // The size limits of Zipkin's own reader.
    span.trace_id = trace.try_into().map_err(|_| Error::TraceIdBytes(trace.len()))?;
    span.id = id.ok_or(Error::NoSpanIdBytes)?;
    // Other than in JSON a time of 0 is a time.
    span.start_unix_nano = Some(start);
    Ok(span)
}

fn kind(number: u64) -> &'static str {
    match number {
        1 => "CLIENT",
        2 => "SERVER",
        3 => "PRODUCER",
        4 => "CONSUMER",
        _ => "",
    }
}

fn span_id(bytes: &[u8], name: &'static str) -> Result<Option<u64>, Error> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let bytes: [u8; 8] = bytes.try_into().map_err(|_| Error::SpanIdBytes(name, bytes.len()))?;
    Ok(Some(u64::from_be_bytes(bytes)))
}

fn endpoint(bytes: &[u8]) -> Result<Endpoint<'_>, Error> {
    let mut endpoint = Endpoint::default();
    for field in fields(bytes) {
        match field? {
            (1, Field::Bytes(it)) => endpoint.service = text(it),
            (2, Field::Bytes(it)) => endpoint.ipv4 = address(it),
            (3, Field::Bytes(it)) => endpoint.ipv6 = address(it),
            // The low 16 bits, as Go converts.
            (4, it) => {
                let [a, b, ..] = it.uint().to_le_bytes();
                endpoint.port = u16::from_le_bytes([a, b]);
            }
            _ => {}
        }
    }
    Ok(endpoint)
}

/// `net.IP.String`.
pub(crate) fn address(bytes: &[u8]) -> Option<String> {
    if bytes.is_empty() {
        return None;
    }
    let address = match (<[u8; 4]>::try_from(bytes), <[u8; 16]>::try_from(bytes)) {
        (Ok(it), _) => IpAddr::from(Ipv4Addr::from(it)),
        (_, Ok(it)) => IpAddr::from(Ipv6Addr::from(it)).to_canonical(),
        _ => {
            let digits: String = bytes.iter().map(|it| format!("{it:02x}")).collect();
            return Some(format!("?{digits}"));
        }
    };
    Some(address.to_string())
}
