//! What `otelhttp` measures upstream, at level detailed. Labels come from the configuration and from fixed
//! lists, never from what a client sends, so that nobody can fill the memory with series.

use std::time::Duration;

use component::meter::{Calls, Descriptor, Level};
use http::{Method, StatusCode};

const fn measure(name: &'static str, unit: &'static str, description: &'static str) -> Descriptor {
    let scope = "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp";
    Descriptor { scope, name, unit, description, level: Level::Detailed }
}

const SERVER_TIME: Descriptor =
    measure("http.server.request.duration", "s", "Duration of HTTP server requests.");
const SERVER_REQUEST: Descriptor =
    measure("http.server.request.body.size", "By", "Size of HTTP server request bodies.");
const SERVER_RESPONSE: Descriptor =
    measure("http.server.response.body.size", "By", "Size of HTTP server response bodies.");
const CLIENT_TIME: Descriptor =
    measure("http.client.request.duration", "s", "Duration of HTTP client requests.");
const CLIENT_REQUEST: Descriptor =
    measure("http.client.request.body.size", "By", "Size of HTTP client request bodies.");

/// Of every request, HTTP/1.1 as it is.
const PROTOCOL: [(&str, &str); 3] = [
    ("network.protocol.name", "http"),
    ("network.protocol.version", "1.1"),
    ("url.scheme", "http"),
];

/// A request that a server has answered.
pub(crate) struct Served<'a> {
    pub method: &'a Method,
    /// The path, if it is one of the server's.
    pub route: Option<&'a str>,
    pub status: StatusCode,
    pub request_bytes: Option<u64>,
    pub response_bytes: usize,
    pub time: Duration,
}

pub(crate) fn served(calls: &Calls, it: &Served<'_>) {
    let mut attributes = PROTOCOL.to_vec();
    attributes.push(("http.request.method", method(it.method)));
    attributes.push(("http.response.status_code", it.status.as_str()));
    attributes.extend(it.route.map(|route| ("http.route", route)));
    if it.status.is_server_error() {
        attributes.push(("error.type", it.status.as_str()));
    }
    calls.record(&[(SERVER_TIME, it.time.as_secs_f64())], &attributes);
    calls.record(&[(SERVER_RESPONSE, it.response_bytes as f64)], &attributes);
    if let Some(bytes) = it.request_bytes {
        calls.record(&[(SERVER_REQUEST, bytes as f64)], &attributes);
    }
}

/// A POST of so many bytes has ended with a status, or without.
pub(crate) fn called(calls: &Calls, bytes: usize, status: Option<StatusCode>, time: Duration) {
    let mut attributes = PROTOCOL.to_vec();
    attributes.push(("http.request.method", "POST"));
    let status = status.as_ref().map(StatusCode::as_str);
    attributes.extend(status.map(|it| ("http.response.status_code", it)));
    let failed = status.is_none_or(|it| it.starts_with(['4', '5']));
    attributes.extend(failed.then(|| ("error.type", status.unwrap_or("_OTHER"))));
    let measured = [(CLIENT_TIME, time.as_secs_f64()), (CLIENT_REQUEST, bytes as f64)];
    calls.record(&measured, &attributes);
}

fn method(method: &Method) -> &str {
    match *method {
        Method::GET
        | Method::HEAD
        | Method::POST
        | Method::PUT
        | Method::DELETE
        | Method::OPTIONS
        | Method::CONNECT
        | Method::TRACE
        | Method::PATCH => method.as_str(),
        _ => "_OTHER",
    }
}
