//! A span of Zipkin's second version, and how it becomes one of OTLP. `zipkinv2/to_translator.go`, v0.149.

use std::borrow::Cow;
use std::collections::HashMap;

use bumpalo::Bump;
use golang::json::{Dialect, parse};
use golang::value::Value;
use pdata::{LinkWriter, SpanWriter, Traces, TracesBuilder};
use wire::tags::{TagValue, Tags};

use crate::Error;
use crate::resource::is_of_resource;
use crate::strings::typed;

/// Most links that tags can hold, as upstream has it.
const LINKS_MAX: usize = 128;
const ABSENT_START: &str = "otel.zipkin.absentField.startTime";
const SERVICE_SOURCE: &str = "otlp.service.name.source";
const SCOPE_NAME: &str = "otel.library.name";
const SCOPE_VERSION: &str = "otel.library.version";

/// One side of a call. Addresses are text already.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Endpoint<'a> {
    pub(crate) service: Cow<'a, str>,
    pub(crate) ipv4: Option<String>,
    pub(crate) ipv6: Option<String>,
    pub(crate) port: u16,
}

/// A span.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Span<'a> {
    pub(crate) trace_id: [u8; 16],
    pub(crate) id: u64,
    pub(crate) parent_id: u64,
    pub(crate) name: Cow<'a, str>,
    /// `CLIENT` and its kin; anything else is none.
    pub(crate) kind: Cow<'a, str>,
    /// `None` when the client does not say.
    pub(crate) start_unix_nano: Option<u64>,
    pub(crate) duration_nanos: u64,
    pub(crate) local: Option<Endpoint<'a>>,
    pub(crate) remote: Option<Endpoint<'a>>,
    /// Time and text.
    pub(crate) annotations: Vec<(u64, Cow<'a, str>)>,
    pub(crate) tags: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

/// Attributes of a resource, and name and version of a scope.
type Place<'a> = (Vec<(Cow<'a, str>, Cow<'a, str>)>, (Cow<'a, str>, Cow<'a, str>));

/// OTLP has resources and scopes around spans where Zipkin has tags in each. Spans with the same ones stand
/// together, in the order of the first of them; upstream takes them from one span and loses those of the others.
pub(crate) fn traces(spans: Vec<Span<'_>>, parse_strings: bool) -> Result<Traces, Error> {
    let mut places: HashMap<Place<'_>, usize> = HashMap::new();
    let mut groups: Vec<(Place<'_>, Vec<Span<'_>>)> = Vec::new();
    for mut span in spans {
        let place = place_of(&mut span);
        let next = groups.len();
        let at = *places.entry(place.clone()).or_insert(next);
        if at == next {
            groups.push((place, Vec::new()));
        }
        if let Some((_, spans)) = groups.get_mut(at) {
            spans.push(span);
        }
    }
    let mut builder = TracesBuilder::new();
    for ((attributes, (name, version)), spans) in groups {
        builder.resource(|out| attributes.iter().for_each(|(key, value)| out.put(key, &**value)));
        builder.scope(&name, &version);
        for mut span in spans {
            let links = links(&span.tags)?;
            let annotations = std::mem::take(&mut span.annotations);
            let events = events(&annotations)?;
            builder.span(|out| write(span, &links, &events, parse_strings, out));
        }
    }
    Ok(builder.finish())
}

/// Takes what is of the resource and of the scope out of the tags.
fn place_of<'a>(span: &mut Span<'a>) -> Place<'a> {
    let take = |tags: &mut Vec<(Cow<'a, str>, Cow<'a, str>)>, key: &str| {
        let at = tags.iter().position(|it| it.0 == key)?;
        Some(tags.remove(at).1)
    };
    let source = take(&mut span.tags, SERVICE_SOURCE).filter(|it| !it.is_empty());
    let name = take(&mut span.tags, SCOPE_NAME).unwrap_or_default();
    // As upstream: a version without a name says nothing.
    let version = take(&mut span.tags, SCOPE_VERSION).filter(|_| !name.is_empty());
    let mut attributes = Vec::new();
    let service = span.local.as_ref().map(|it| it.service.clone()).unwrap_or_default();
    if !service.is_empty() {
        attributes.push((source.unwrap_or("service.name".into()), service));
    }
    let mut of_resource: Vec<_> = span.tags.extract_if(.., |it| is_of_resource(&it.0)).collect();
    of_resource.sort();
    for (key, value) in of_resource {
        match attributes.iter_mut().find(|it| it.0 == key) {
            Some(known) => known.1 = value,
            None => attributes.push((key, value)),
        }
    }
    (attributes, (name, version.unwrap_or_default()))
}

fn write(
    span: Span<'_>,
    links: &[Option<Link>],
    events: &[Event<'_>],
    parse_strings: bool,
    out: &mut SpanWriter<'_>,
) {
    let tags: Vec<_> = span.tags.into_iter().filter(|it| !is_link(&it.0, links.len())).collect();
    let as_text = |(key, value)| (key, TagValue::Text(value));
    let mut tags = Tags::new(tags.into_iter().map(as_text).collect());
    out.trace_id(&span.trace_id);
    out.span_id(&span.id.to_be_bytes());
    if let Some(state) = tags.take("w3c.tracestate") {
        out.trace_state(state.text());
    }
    if span.parent_id != 0 && span.parent_id != span.id {
        out.parent_span_id(&span.parent_id.to_be_bytes());
    }
    out.name(&span.name);
    out.kind(kind(&span.kind, &mut tags));
    let (code, message) = status(&mut tags);
    if code != 0 || !message.is_empty() {
        out.status(code, &message);
    }
    let mut tags = if parse_strings { tags.map(typed) } else { tags };
    if let Some(local) = &span.local {
        write_endpoint(local, "net.host.ip", "net.host.port", &mut tags);
    }
    if let Some(remote) = span.remote {
        if !remote.service.is_empty() {
            tags.put("peer.service".into(), TagValue::Text(remote.service.clone()));
        }
        write_endpoint(&remote, "net.peer.ip", "net.peer.port", &mut tags);
    }
    if span.start_unix_nano.is_none() {
        tags.put(ABSENT_START.into(), TagValue::Bool(true));
    }
    let start = span.start_unix_nano.unwrap_or(0);
    out.start_time_unix_nano(start);
    out.end_time_unix_nano(start.wrapping_add(span.duration_nanos));
    out.attributes(|out| tags.write(out));
    for it in events {
        out.event(|event| {
            event.time_unix_nano(it.time_unix_nano);
            event.name(it.name);
            event.attributes(|out| it.attributes.iter().for_each(|(k, v)| v.write(k, out)));
            event.dropped_attributes_count(it.dropped);
        });
    }
    for it in links.iter().flatten() {
        out.link(|link| it.write(link));
    }
}

/// Whether a tag is one of the links that were read.
fn is_link(key: &str, links: usize) -> bool {
    let number = key.strip_prefix("otlp.link.").and_then(|it| it.parse::<usize>().ok());
    number.is_some_and(|it| it < links && key == format!("otlp.link.{it}"))
}

fn write_endpoint(
    endpoint: &Endpoint<'_>,
    ip: &'static str,
    port: &'static str,
    tags: &mut Tags<'_>,
) {
    // Of two addresses the longer one stays, as upstream.
    if let Some(address) = endpoint.ipv6.as_ref().or(endpoint.ipv4.as_ref()) {
        tags.put(ip.into(), TagValue::Text(address.clone().into()));
    }
    if endpoint.port > 0 {
        tags.put(port.into(), TagValue::Int(endpoint.port.into()));
    }
}

fn kind(kind: &str, tags: &mut Tags<'_>) -> i32 {
    match kind {
        "CLIENT" => 3,
        "SERVER" => 2,
        "PRODUCER" => 4,
        "CONSUMER" => 5,
        _ => {
            let tag = tags.take("span.kind");
            i32::from(tag.is_some_and(|it| it.text() == "internal"))
        }
    }
}

/// `populateSpanStatus`.
fn status(tags: &mut Tags<'_>) -> (i32, String) {
    let (mut code, mut message) = (0, String::new());
    if let Some(written) = tags.take("otel.status_code") {
        code = match written.text() {
            "STATUS_CODE_OK" | "Ok" => 1,
            "STATUS_CODE_ERROR" | "Error" => 2,
            _ => 0,
        };
        let description = tags.take("otel.status_description");
        message = description.map(|it| it.text().to_owned()).unwrap_or_default();
    }
    if let Some(error) = tags.get("error") {
        code = 2;
        if error.text() == "true" {
            tags.take("error");
        }
    }
    (code, message)
}

/// A value in the JSON of a link or event.
#[derive(Debug)]
enum Scalar {
    Text(String),
    Int(i64),
    Double(f64),
    Bool(bool),
}

impl Scalar {
    fn write(&self, key: &str, out: &mut pdata::AttributesWriter<'_>) {
        match self {
            Scalar::Text(it) => out.put(key, &**it),
            Scalar::Int(it) => out.put(key, *it),
            Scalar::Double(it) => out.put(key, *it),
            Scalar::Bool(it) => out.put(key, *it),
        }
    }
}

/// `jsonMapToAttributeMap`: what is neither text, number nor truth is left out.
fn scalars(json: &str) -> Result<Vec<(String, Scalar)>, Error> {
    let arena = Bump::new();
    let value =
        parse(json, &arena, Dialect::Standard, true).map_err(|it| Error::Json(it.problem))?;
    let entries = match value {
        Value::Map(entries) => entries,
        Value::Empty => &[],
        other => {
            return Err(Error::Type(golang::value::type_name(&other), "map[string]interface {}"));
        }
    };
    let scalar = |(key, value): &(&str, Value<'_>)| {
        let value = match value {
            Value::Str(it) => Scalar::Text((*it).to_owned()),
            Value::Bool(it) => Scalar::Bool(*it),
            Value::Int(it) => Scalar::Int(*it),
            Value::Double(it) => whole(*it).map_or(Scalar::Double(*it), Scalar::Int),
            _ => return None,
        };
        Some(((*key).to_owned(), value))
    };
    Ok(entries.iter().filter_map(scalar).collect())
}

/// A number without a fraction, as Go makes an integer of it.
fn whole(number: f64) -> Option<i64> {
    // Further away from zero every double is whole, and most do not fit.
    let fits = number.fract() == 0.0 && number.abs() < 9.2e18;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and fits")]
    fits.then_some(number as i64)
}

/// `name|{"attributes": 1}|dropped`.
#[derive(Debug)]
struct Event<'a> {
    time_unix_nano: u64,
    name: &'a str,
    attributes: Vec<(String, Scalar)>,
    dropped: u32,
}

fn events<'a>(annotations: &'a [(u64, Cow<'_, str>)]) -> Result<Vec<Event<'a>>, Error> {
    let event = |(time, text): &'a (u64, Cow<'_, str>)| {
        let (name, rest) = text.split_once('|').unwrap_or((text, ""));
        let (attributes, dropped) = match rest.rsplit_once('|') {
            None => (Vec::new(), 0),
            Some((json, dropped)) => (scalars(json)?, count(dropped)?),
        };
        Ok(Event { time_unix_nano: *time, name, attributes, dropped })
    };
    annotations.iter().map(event).collect()
}

fn count(text: &str) -> Result<u32, Error> {
    text.parse().map_err(|_| Error::Number(text.to_owned()))
}

/// `trace id|span id|trace state|{"attributes": 1}|dropped`.
#[derive(Debug)]
struct Link {
    trace_id: Vec<u8>,
    span_id: Vec<u8>,
    state: String,
    attributes: Vec<(String, Scalar)>,
    dropped: u32,
}

impl Link {
    fn write(&self, out: &mut LinkWriter<'_>) {
        out.trace_id(&self.trace_id);
        out.span_id(&self.span_id);
        out.trace_state(&self.state);
        out.attributes(|out| self.attributes.iter().for_each(|(key, it)| it.write(key, out)));
        out.dropped_attributes_count(self.dropped);
    }
}

/// The tags `otlp.link.0` and so on, up to the first that is not there. One with fewer parts is no link.
fn links(tags: &[(Cow<'_, str>, Cow<'_, str>)]) -> Result<Vec<Option<Link>>, Error> {
    let mut links = Vec::new();
    for number in 0..LINKS_MAX {
        let key = format!("otlp.link.{number}");
        let Some((_, text)) = tags.iter().find(|it| it.0 == key) else { break };
        links.push(link(text)?);
    }
    Ok(links)
}

fn link(text: &str) -> Result<Option<Link>, Error> {
    let mut parts = text.splitn(4, '|');
    let (Some(trace), Some(span), Some(state), Some(rest)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Ok(None);
    };
    let Some((json, dropped)) = rest.rsplit_once('|') else { return Ok(None) };
    Ok(Some(Link {
        trace_id: id(trace, 16)?,
        span_id: id(span, 8)?,
        state: state.to_owned(),
        attributes: scalars(json)?,
        dropped: count(dropped)?,
    }))
}

/// An id in hexadecimal digits, possibly in quotes.
fn id(text: &str, bytes: usize) -> Result<Vec<u8>, Error> {
    let inner = text.strip_prefix('"').and_then(|it| it.strip_suffix('"')).unwrap_or(text);
    if inner.is_empty() {
        return Ok(Vec::new());
    }
    if inner.len() != 2 * bytes {
        return Err(Error::IdLength);
    }
    let pairs = inner.as_bytes().chunks_exact(2);
    let digits = pairs.map(|it| u8::from_str_radix(std::str::from_utf8(it).ok()?, 16).ok());
    digits.collect::<Option<Vec<u8>>>().ok_or_else(|| Error::Id(inner.to_owned()))
}
