//! The JSON of Zipkin's second version, as `zipkin-go/model` reads it.

use std::borrow::Cow;
use std::net::IpAddr;

use bumpalo::Bump;

use crate::Error;
use crate::json::{Object, objects, or_empty, text};
use crate::v2::{Endpoint, Span};

/// The spans of a list.
pub(crate) fn spans<'a>(json: &'a str, arena: &'a Bump) -> Result<Vec<Span<'a>>, Error> {
    objects(json, arena)?.into_iter().flatten().map(span).collect()
}

fn span(it: Object<'_>) -> Result<Span<'_>, Error> {
    let id = it.text("id")?.map_or(Ok(0), hex)?;
    if id == 0 {
        return Err(Error::NoId);
    }
    let start = it.uint("timestamp")?;
    let tags = it.object("tags")?.map_or(&[][..], Object::entries).iter();
    let tags = tags.map(|(key, value)| Ok(((*key).into(), or_empty(text(Some(*value), key)?))));
    Ok(Span {
        trace_id: it.text("traceId")?.map_or(Ok([0; 16]), trace_id)?,
        id,
        parent_id: it.text("parentId")?.filter(|it| !it.is_empty()).map_or(Ok(0), hex)?,
        name: or_empty(it.text("name")?),
        kind: or_empty(it.text("kind")?),
        start_unix_nano: (start > 0).then(|| nanos(start)),
        duration_nanos: nanos(it.uint("duration")?),
        local: it.object("localEndpoint")?.map(endpoint).transpose()?,
        remote: it.object("remoteEndpoint")?.map(endpoint).transpose()?,
        annotations: it
            .objects("annotations")?
            .into_iter()
            .map(annotation)
            .collect::<Result<_, _>>()?,
        tags: tags.collect::<Result<_, Error>>()?,
    })
}

fn annotation(it: Object<'_>) -> Result<(u64, Cow<'_, str>), Error> {
    let time = it.uint("timestamp")?;
    if time == 0 {
        return Err(Error::NoAnnotationTime);
    }
    Ok((nanos(time), or_empty(it.text("value")?)))
}

fn endpoint(it: Object<'_>) -> Result<Endpoint<'_>, Error> {
    let port = it.uint("port")?;
    let address = |key| {
        let text = it.text(key)?.filter(|it| !it.is_empty());
        let parse = |text: &str| match text.parse::<IpAddr>() {
            // As Go prints one that stands for IPv4.
            Ok(address) => Ok(address.to_canonical().to_string()),
            Err(_) => Err(Error::Address(text.to_owned())),
        };
        text.map(parse).transpose()
    };
    Ok(Endpoint {
        service: or_empty(it.text("serviceName")?),
        ipv4: address("ipv4")?,
        ipv6: address("ipv6")?,
        port: u16::try_from(port).map_err(|_| Error::Port(port))?,
    })
}

/// Up to 32 hexadecimal digits.
fn trace_id(text: &str) -> Result<[u8; 16], Error> {
    if text.is_empty() {
        return Err(Error::NoTraceId);
    }
    let (high, low) = match text.len().checked_sub(16) {
        Some(at) if at > 0 && text.is_char_boundary(at) => text.split_at(at),
        _ => ("0", text),
    };
    let (high, low) = (hex(high)?, hex(low)?);
    Ok(((u128::from(high) << 64) | u128::from(low)).to_be_bytes())
}

fn hex(text: &str) -> Result<u64, Error> {
    let digits = !text.is_empty() && text.bytes().all(|it| it.is_ascii_hexdigit());
    let parsed = digits.then(|| u64::from_str_radix(text, 16).ok()).flatten();
    parsed.ok_or_else(|| Error::Number(text.to_owned()))
}

/// Microseconds as nanoseconds, which wrap as in Go.
fn nanos(micros: u64) -> u64 {
    micros.wrapping_mul(1000)
}
