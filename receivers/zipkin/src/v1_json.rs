//! The JSON of Zipkin's first version.

use std::borrow::Cow;

use bumpalo::Bump;
use golang::value::Value;
use wire::tags::TagValue;

use crate::Error;
use crate::json::{Object, objects, or_empty};
use crate::strings::typed;
use crate::v1::{Annotation, BinaryAnnotation, Endpoint, Span};

/// The spans of a list.
pub(crate) fn spans<'a>(
    json: &'a str,
    parse_strings: bool,
    arena: &'a Bump,
) -> Result<Vec<Span<'a>>, Error> {
    let read = objects(json, arena).map_err(|why| Error::V1(Box::new(why)))?;
    // Upstream panics at a span that is null.
    read.into_iter().flatten().map(|it| span(it, parse_strings)).collect()
}

fn span(it: Object<'_>, parse_strings: bool) -> Result<Span<'_>, Error> {
    let v1 = |why: Error| Error::V1(Box::new(why));
    let text = |key| it.text(key).map(Option::unwrap_or_default).map_err(v1);
    let parent = text("parentId")?;
    let (timestamp, duration) = (it.int("timestamp").map_err(v1)?, it.int("duration").map_err(v1)?);
    let annotations = it.objects("annotations").map_err(v1)?;
    let binary = it.objects("binaryAnnotations").map_err(v1)?;
    let tag = |it| binary_annotation(it, parse_strings).map_err(v1);
    Ok(Span {
        trace_id: trace_id(text("traceId")?)
            .map_err(|why| Error::V1Id("zipkinV1 span traceId", Box::new(why)))?,
        id: span_id(text("id")?).map_err(|why| Error::V1Id("zipkinV1 span id", Box::new(why)))?,
        parent_id: match parent {
            "" => [0; 8],
            id => {
                span_id(id).map_err(|why| Error::V1Id("zipkinV1 span parentId", Box::new(why)))?
            }
        },
        name: text("name")?.into(),
        time: (timestamp != 0).then_some((timestamp, duration)),
        annotations: annotations
            .into_iter()
            .map(annotation)
            .collect::<Result<_, _>>()
            .map_err(v1)?,
        binary: binary.into_iter().map(tag).collect::<Result<_, _>>()?,
    })
}

fn annotation(it: Object<'_>) -> Result<Annotation<'_>, Error> {
    Ok(Annotation {
        timestamp: it.int("timestamp")?,
        value: or_empty(it.text("value")?),
        endpoint: it.object("endpoint")?.map(endpoint).transpose()?,
    })
}

/// The value may be a truth value, as the first version has for addresses (`sa`, `ca`), or a number; upstream refuses
/// the whole list then.
fn binary_annotation(it: Object<'_>, parse_strings: bool) -> Result<BinaryAnnotation<'_>, Error> {
    let value = match it.get("value") {
        Some(Value::Bool(it)) => TagValue::Bool(it),
        Some(Value::Int(it)) => TagValue::Int(it),
        Some(Value::Double(it)) => TagValue::Double(it),
        _ => TagValue::Text(or_empty(it.text("value")?)),
    };
    let host = it.object("endpoint")?.map(endpoint).transpose()?;
    Ok(BinaryAnnotation {
        key: or_empty(it.text("key")?),
        value: if parse_strings { typed(value) } else { value },
        service: host.map(|it| it.service),
    })
}

fn endpoint(it: Object<'_>) -> Result<Endpoint<'_>, Error> {
    let port = it.int("port")?;
    Ok(Endpoint {
        service: or_empty(it.text("serviceName")?),
        ipv4: or_empty(it.text("ipv4")?),
        ipv6: or_empty(it.text("ipv6")?),
        port: i32::try_from(port).map_err(|_| Error::Port(port.unsigned_abs()))?,
    })
}

/// 16 or 32 hexadecimal digits.
fn trace_id(text: &str) -> Result<[u8; 16], Error> {
    let digits = match text.len() {
        16 => Cow::from(format!("{text:0>32}")),
        32 => Cow::from(text),
        _ => return Err(Error::V1TraceIdLength),
    };
    match u128::from_str_radix(&digits, 16) {
        Ok(0) => Err(Error::V1TraceIdZero),
        Ok(id) if !digits.starts_with('+') => Ok(id.to_be_bytes()),
        _ => Err(Error::Number(text.to_owned())),
    }
}

/// 16 hexadecimal digits.
fn span_id(text: &str) -> Result<[u8; 8], Error> {
    if text.len() != 16 {
        return Err(Error::V1IdLength);
    }
    match u64::from_str_radix(text, 16) {
        Ok(0) => Err(Error::V1IdZero),
        Ok(id) if !text.starts_with('+') => Ok(id.to_be_bytes()),
        _ => Err(Error::Number(text.to_owned())),
    }
}
