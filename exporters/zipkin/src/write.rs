//! Spans as JSON of Zipkin's second version, and as `zipkin.proto3.ListOfSpans`.

use std::fmt::Write as _;
use std::net::IpAddr;

use pdata::text::{hex, json_string};
use wire::protobuf::Writer;

use crate::span::{Endpoint, Span};

/// A list in JSON.
pub(crate) fn json(spans: &[Span]) -> String {
    let mut out = String::from("[");
    for (at, span) in spans.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        json_span(span, &mut out);
    }
    out.push(']');
    out
}

/// An object in the making: commas stand between its members.
struct Object<'a> {
    out: &'a mut String,
    empty: bool,
}

impl<'a> Object<'a> {
    fn new(out: &'a mut String) -> Self {
        out.push('{');
        Self { out, empty: true }
    }

    fn key(&mut self, key: &str) -> &mut String {
        if !std::mem::replace(&mut self.empty, false) {
            self.out.push(',');
        }
        put(key, self.out);
        self.out.push(':');
        self.out
    }

    fn text(&mut self, key: &str, text: &str) {
        if !text.is_empty() {
            put(text, self.key(key));
        }
    }

    fn number(&mut self, key: &str, number: u64) {
        if number > 0 {
            // Writing to a text does not fail.
            let _ = write!(self.key(key), "{number}");
        }
    }

    fn end(self) {
        self.out.push('}');
    }
}

fn put(text: &str, out: &mut String) {
    let _ = json_string(out, text);
}

fn json_span(it: &Span, out: &mut String) {
    let mut object = Object::new(out);
    object.number("timestamp", it.timestamp);
    object.number("duration", it.duration);
    // As Zipkin's own library: the high half only if there is one.
    let high = it.trace_id.iter().take(8).all(|it| *it == 0);
    let trace_id = it.trace_id.get(if high { 8.. } else { 0.. }).unwrap_or_default();
    object.text("traceId", &hex(trace_id));
    object.text("id", &hex(&it.id));
    object.text("parentId", &hex(&it.parent_id));
    object.text("name", &it.name.to_lowercase());
    object.text("kind", it.kind);
    for (key, endpoint) in [("localEndpoint", &it.local), ("remoteEndpoint", &it.remote)] {
        if let Some(endpoint) = endpoint {
            json_endpoint(endpoint, object.key(key));
        }
    }
    if !it.annotations.is_empty() {
        let out = object.key("annotations");
        let mut joint = '[';
        for (timestamp, value) in &it.annotations {
            out.push(joint);
            let mut annotation = Object::new(out);
            annotation.number("timestamp", *timestamp);
            put(value, annotation.key("value"));
            annotation.end();
            joint = ',';
        }
        out.push(']');
    }
    if !it.tags.is_empty() {
        let mut tags = Object::new(object.key("tags"));
        for (key, value) in &it.tags {
            put(value, tags.key(key));
        }
        tags.end();
    }
    object.end();
}

fn json_endpoint(it: &Endpoint, out: &mut String) {
    let mut object = Object::new(out);
    object.text("serviceName", &it.service.to_lowercase());
    if let Some(ip) = it.ip {
        let key = if ip.is_ipv4() { "ipv4" } else { "ipv6" };
        object.text(key, &ip.to_string());
    }
    object.number("port", it.port.into());
    object.end();
}

/// A list in protobuf.
pub(crate) fn protobuf(spans: &[Span]) -> Vec<u8> {
    let mut out = Writer::default();
    spans.iter().for_each(|it| out.message(1, |out| protobuf_span(it, out)));
    out.finish()
}

fn protobuf_span(it: &Span, out: &mut Writer) {
    out.bytes_field(1, &it.trace_id);
    if !it.parent_id.is_empty() {
        out.bytes_field(2, &it.parent_id);
    }
    out.bytes_field(3, &it.id);
    let kind = match it.kind {
        "CLIENT" => 1,
        "SERVER" => 2,
        "PRODUCER" => 3,
        "CONSUMER" => 4,
        _ => 0,
    };
    out.uint(4, kind);
    out.text(5, &it.name);
    out.fixed64(6, it.timestamp);
    out.uint(7, it.duration);
    for (number, endpoint) in [(8, &it.local), (9, &it.remote)] {
        let Some(endpoint) = endpoint else { continue };
        out.message(number, |out| {
            out.text(1, &endpoint.service);
            match endpoint.ip {
                Some(IpAddr::V4(ip)) => out.bytes_field(2, &ip.octets()),
                Some(IpAddr::V6(ip)) => out.bytes_field(3, &ip.octets()),
                None => {}
            }
            out.uint(4, endpoint.port.into());
        });
    }
    for (timestamp, value) in &it.annotations {
        out.message(10, |out| {
            out.fixed64(1, *timestamp);
            out.text(2, value);
        });
    }
    for (key, value) in &it.tags {
        out.message(11, |out| {
            out.text(1, key);
            out.text(2, value);
        });
    }
}
