//! One unary call: its message is read, decompressed and handed over; its answer or status sent.
//! Texts are those of grpc-go 1.80, `server.go`, `rpc_util.go` and `internal/transport`.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use component::{Client, Context, GrpcStatus, UnderWay};
use compression::{DecompressError, Encoding, Room, decompress_within};
use confignet::Pace;
use confignet::server::head_bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use tokio::time::{Instant, timeout};
use tracing::debug;

use super::headers::{GRPC, GRPC_MESSAGE, GRPC_STATUS};
use super::{Answer, Answers, Endpoint, Shared, StreamRoute, streaming};
use crate::frame::{FrameError, Message, Reader};
use crate::metrics;
use rpcstatus::{code, encode, encode_binary, escape};

const GRPC_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// Longest `grpc-timeout` in digits. `PROTOCOL-HTTP2.md`, "TimeoutValue".
const TIMEOUT_DIGITS_MAX: usize = 8;

/// A call that does not get an answer.
struct Refusal {
    http: StatusCode,
    status: GrpcStatus,
}

impl From<GrpcStatus> for Refusal {
    fn from(status: GrpcStatus) -> Self {
        Self { http: StatusCode::OK, status }
    }
}

fn refuse(code: i32, message: impl Into<String>) -> Refusal {
    GrpcStatus { code, message: message.into(), encoded: Bytes::new() }.into()
}

/// What a call comes to.
enum Outcome<'a> {
    /// An answer.
    One(&'a Answer),
    /// Any number of answers, until a time.
    Many(Answers, Option<Instant>),
    /// All of it has been written; the code that stands at its end.
    Sent(i32),
}

/// Who answers a call.
#[derive(Clone, Copy)]
enum Target<'a> {
    One(&'a Endpoint),
    Many(&'a StreamRoute),
}

/// Serves one call. Ends early when the client withdraws it.
pub(super) async fn handle(
    shared: Arc<Shared>,
    client: Arc<Client>,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
) {
    let (head, body) = request.into_parts();
    let begun = shared.calls.as_ref().map(|calls| (calls, tokio::time::Instant::now()));
    let outcome = {
        let mut call = pin!(within_deadline(&shared, &client, &head, body));
        poll_fn(|cx| match call.as_mut().poll(cx) {
            Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
            Poll::Pending => respond.poll_reset(cx).map(|_| None),
        })
        .await
    };
    // The first of many answers goes the way of an only one.
    let outcome = match outcome {
        Some(Ok(Outcome::Many(answers, limit))) => {
            let sent = streaming::send(&mut respond, &head.headers, (answers, limit)).await;
            sent.map(|end| end.map(Outcome::Sent).map_err(Refusal::from))
        }
        other => other,
    };
    if let Some((calls, begun)) = begun {
        let code = match &outcome {
            Some(Ok(Outcome::Sent(code))) => *code,
            Some(Ok(_)) => code::OK,
            Some(Err(refusal)) => refusal.status.code,
            None => code::CANCELED,
        };
        // A name that is not ours is anything that a client likes.
        let method = check(&shared, &head).map_or("_OTHER", |_| head.uri.path());
        let method = method.trim_start_matches('/');
        metrics::called(calls, metrics::SERVER, method, code, begun.elapsed());
    }
    let sent = match outcome {
        Some(Ok(Outcome::One(answer))) => send_answer(&mut respond, &head.headers, answer),
        Some(Ok(Outcome::Many(..) | Outcome::Sent(_))) => Ok(()),
        Some(Err(refusal)) => send_refusal(&mut respond, &head.headers, refusal),
        None => {
            debug!("the client withdrew a call");
            return;
        }
    };
    if let Err(error) = sent {
        debug!(%error, "an answer could not be sent");
    }
}

async fn within_deadline<'a>(
    shared: &'a Shared,
    client: &Arc<Client>,
    head: &Parts,
    body: RecvStream,
) -> Result<Outcome<'a>, Refusal> {
    let target = check(shared, head)?;
    let call = call(shared, target, client, head, body);
    let Some(value) = head.headers.get(GRPC_TIMEOUT) else { return call.await };
    let Some(limit) = parse_timeout(value.as_bytes()) else {
        let text = String::from_utf8_lossy(value.as_bytes());
        let why = match text.len() {
            0 | 1 => "timeout string is too short",
            10.. => "timeout string is too long",
            _ => "timeout unit is not recognized",
        };
        let message = format!("malformed grpc-timeout: transport: {why}: {text:?}");
        return Err(Refusal { http: StatusCode::BAD_REQUEST, ..refuse(code::INTERNAL, message) });
    };
    let end = Instant::now().checked_add(limit);
    match timeout(limit, call).await {
        Ok(Ok(Outcome::Many(answers, _))) => Ok(Outcome::Many(answers, end)),
        Ok(outcome) => outcome,
        Err(_) => Err(refuse(code::DEADLINE_EXCEEDED, "context deadline exceeded")),
    }
}

/// What can be said before the message has come.
fn check<'a>(shared: &'a Shared, head: &Parts) -> Result<Target<'a>, Refusal> {
    let content_type =
        head.headers.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    if !is_grpc(content_type) {
        let shown = String::from_utf8_lossy(content_type);
        let message = format!("invalid gRPC request content-type {shown:?}");
        let http = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(Refusal { http, ..refuse(code::INVALID_ARGUMENT, message) });
    }
    if head.method != Method::POST {
        let method = head.method.as_str();
        let message =
            format!("Received a HEADERS frame with :method {method:?} which should be POST");
        let http = StatusCode::METHOD_NOT_ALLOWED;
        return Err(Refusal { http, ..refuse(code::INTERNAL, message) });
    }
    let path = head.uri.path();
    let name = path.strip_prefix('/').unwrap_or(path);
    let Some((service, method)) = name.rsplit_once('/') else {
        return Err(refuse(code::UNIMPLEMENTED, format!("malformed method name: {path:?}")));
    };
    let one =
        shared.endpoints.iter().map(|it| (it.route.service, it.route.method, Target::One(it)));
    let many = shared.streams.iter().map(|it| (it.service, it.method, Target::Many(it)));
    let mut of_service = one.chain(many).filter(|it| it.0 == service).peekable();
    if of_service.peek().is_none() {
        return Err(refuse(code::UNIMPLEMENTED, format!("unknown service {service}")));
    }
    let found = of_service.find(|it| it.1 == method).map(|it| it.2);
    found.ok_or_else(|| {
        let message = format!("unknown method {method} for service {service}");
        refuse(code::UNIMPLEMENTED, message)
    })
}

async fn call<'a>(
    shared: &Shared,
    target: Target<'a>,
    client: &Arc<Client>,
    head: &Parts,
    body: RecvStream,
) -> Result<Outcome<'a>, Refusal> {
    // Before the message is read: who is not known takes no memory.
    let auth = match &shared.guards.auth {
        None => None,
        Some(auth) => {
            let known = auth.admit(&head.headers, client.peer).await;
            Some(known.map_err(|why| match why {
                component::Refusal::Unknown(text) => refuse(code::UNAUTHENTICATED, text),
                component::Refusal::Later(text) => refuse(code::UNAVAILABLE, text),
            })?)
        }
    };
    if let Some(wait) = shared.guards.must_refuse() {
        return Err(exhausted(shared, wait));
    }
    let encoding = match head.headers.get(GRPC_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"" | b"identity") => None,
        Some(name) => Some(encoding(name).ok_or_else(|| {
            let name = String::from_utf8_lossy(name);
            let message = format!("grpc: Decompressor is not installed for grpc-encoding {name:?}");
            refuse(code::UNIMPLEMENTED, message)
        })?),
    };
    let mut under_way = shared.in_flight.enter();
    let headers = head_bytes(&head.headers);
    let message = read(shared, body, (headers, &mut under_way)).await?;
    let message = match (message.compressed, encoding) {
        (false, _) => message.body,
        (true, None) => {
            let message = "grpc: compressed flag set with identity or empty encoding";
            return Err(refuse(code::INTERNAL, message));
        }
        (true, Some(encoding)) => {
            let held = headers + message.body.len();
            let room = &mut |bytes: usize| under_way.holds(held + bytes);
            expand(shared, encoding, message.body, room)?
        }
    };
    // What was compressed is gone.
    let _ = under_way.holds(headers + message.len());
    let endpoint = match target {
        Target::One(endpoint) => endpoint,
        Target::Many(route) => return Ok(Outcome::Many(route.handler.call(message), None)),
    };
    let client = if shared.include_metadata || auth.is_some() {
        let metadata = if shared.include_metadata { metadata(head) } else { Vec::new() };
        Arc::new(Client { peer: client.peer, metadata, is_grpc: true, auth })
    } else {
        Arc::clone(client)
    };
    let header = |name: &str| head.headers.get(name).and_then(|it| it.to_str().ok());
    let span = shared.tracer.extract(header);
    let ctx = Context { client: Some(client), span, ..Context::default() };
    endpoint.route.handler.call(&ctx, message).await?;
    Ok(Outcome::One(endpoint.answer(encoding)))
}

/// The message, counted as it comes.
async fn read(
    shared: &Shared,
    body: RecvStream,
    (headers, under_way): (usize, &mut UnderWay),
) -> Result<Message, Refusal> {
    let (mut pace, mut held) = (Pace::new(None), headers);
    let mut reader = Reader::new(body, shared.message_bytes_max);
    loop {
        if !under_way.holds(held) {
            return Err(no_room(shared));
        }
        if let Some(message) = reader.take()? {
            return Ok(message);
        }
        let late = || refuse(code::DEADLINE_EXCEEDED, "the request message came too slowly");
        let came = pace.keep(reader.fill()).await.ok_or_else(late)??;
        if came == 0 {
            // The end, though there was no message.
            reader.is_between().then_some(()).ok_or(FrameError::Truncated)?;
            let message =
                "cardinality violation: received no request message from non-client-streaming RPC";
            return Err(refuse(code::INTERNAL, message));
        }
        pace.came(came);
        held += came;
    }
}

/// What a middleware says that refuses a call. Upstream's does not say when it may come again, after which clients drop
/// what they have.
fn exhausted(shared: &Shared, wait: Duration) -> Refusal {
    shared.refused.add(1);
    let (code, message) = (code::RESOURCE_EXHAUSTED, "RESOURCE_EXHAUSTED".to_owned());
    let encoded = encode(code, &message, Some(wait));
    GrpcStatus { code, message, encoded }.into()
}

/// There is no room for what comes.
fn no_room(shared: &Shared) -> Refusal {
    shared.refused.add(1);
    let error = shared.in_flight.refusal();
    let (code, message) = (code::UNAVAILABLE, error.message().to_owned());
    let encoded = encode(code, &message, error.retry_after());
    GrpcStatus { code, message, encoded }.into()
}

impl From<FrameError> for Refusal {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::TooLarge { .. } => refuse(code::RESOURCE_EXHAUSTED, error.to_string()),
            FrameError::Flag(_) | FrameError::Truncated => {
                refuse(code::INTERNAL, error.to_string())
            }
            FrameError::Transport(error) => {
                refuse(code::CANCELED, format!("reading the request: {error}"))
            }
        }
    }
}

/// Takes the body, which is not held while the message is handled.
fn expand(
    shared: &Shared,
    encoding: Encoding,
    body: Bytes,
    room: Room<'_>,
) -> Result<Bytes, Refusal> {
    let limit = shared.message_bytes_max;
    decompress_within(encoding, &body, limit, room).map_err(|error| match error {
        DecompressError::TooLarge | DecompressError::DeclaredTooLarge => {
            let message =
                format!("grpc: received message after decompression larger than max {limit}");
            refuse(code::RESOURCE_EXHAUSTED, message)
        }
        DecompressError::Corrupt(why) => {
            refuse(code::INTERNAL, format!("grpc: failed to decompress the message: {why}"))
        }
        DecompressError::NoRoom => no_room(shared),
    })
}

/// Message compressors that the Collector registers.
fn encoding(name: &[u8]) -> Option<Encoding> {
    match name {
        b"gzip" => Some(Encoding::Gzip),
        b"zstd" => Some(Encoding::Zstd),
        // Go's go-grpc-compression writes the framed format; both are read.
        b"snappy" => Some(Encoding::Snappy),
        _ => None,
    }
}

/// `application/grpc`, alone or followed by `+proto` or `;...`. Case as in grpc-go: lower.
fn is_grpc(content_type: &[u8]) -> bool {
    match content_type.strip_prefix(b"application/grpc") {
        Some(rest) => matches!(rest.first(), None | Some(b'+' | b';')),
        None => false,
    }
}

/// `PROTOCOL-HTTP2.md`, "Timeout".
fn parse_timeout(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if !(1..=TIMEOUT_DIGITS_MAX).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits.iter().fold(0_u64, |number, digit| number * 10 + u64::from(digit - b'0'));
    match unit {
        b'H' => Some(Duration::from_secs(number * 3600)),
        b'M' => Some(Duration::from_secs(number * 60)),
        b'S' => Some(Duration::from_secs(number)),
        b'm' => Some(Duration::from_millis(number)),
        b'u' => Some(Duration::from_micros(number)),
        b'n' => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

/// Headers of the call without those of the protocol, and its authority as `host`.
fn metadata(head: &Parts) -> Vec<(String, String)> {
    let own = |name: &HeaderName| {
        let name = name.as_str();
        name == "te" || (name.starts_with("grpc-") && !name.starts_with("grpc-trace"))
    };
    let headers = head.headers.iter().filter(|(name, _)| !own(name));
    let mut all: Vec<_> = headers
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    if let Some(authority) = head.uri.authority() {
        all.push((":authority".into(), authority.as_str().to_owned()));
        if !head.headers.contains_key(header::HOST) {
            all.push(("host".into(), authority.as_str().to_owned()));
        }
    }
    all
}

fn send_answer(
    respond: &mut SendResponse<Bytes>,
    request: &HeaderMap,
    answer: &Answer,
) -> Result<(), h2::Error> {
    let mut response = Response::new(());
    let headers = response.headers_mut();
    let content_type = request.get(header::CONTENT_TYPE).cloned().unwrap_or(GRPC);
    headers.insert(header::CONTENT_TYPE, content_type);
    if let Some(encoding) = answer.encoding {
        headers.insert(GRPC_ENCODING, HeaderValue::from_static(encoding));
    }
    let mut stream = respond.send_response(response, false)?;
    stream.send_data(answer.frame.clone(), false)?;
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert(GRPC_STATUS, HeaderValue::from_static("0"));
    stream.send_trailers(trailers)
}

fn send_refusal(
    respond: &mut SendResponse<Bytes>,
    request: &HeaderMap,
    refusal: Refusal,
) -> Result<(), h2::Error> {
    let Refusal { http, status } = refusal;
    debug!(code = status.code, message = status.message, "refusing a call");
    let mut response = Response::new(());
    *response.status_mut() = http;
    let headers = response.headers_mut();
    let content_type = match http {
        StatusCode::OK => request.get(header::CONTENT_TYPE).cloned(),
        _ => None,
    };
    headers.insert(header::CONTENT_TYPE, content_type.unwrap_or(GRPC));
    headers.insert(GRPC_STATUS, HeaderValue::from(status.code));
    if let Ok(message) = HeaderValue::from_str(&escape(&status.message)) {
        headers.insert(GRPC_MESSAGE, message);
    }
    if !status.encoded.is_empty()
        && let Ok(details) = HeaderValue::from_str(&encode_binary(&status.encoded))
    {
        headers.insert(GRPC_DETAILS, details);
    }
    respond.send_response(response, true).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_digits_and_a_unit() {
        assert_eq!(parse_timeout(b"10S"), Some(Duration::from_secs(10)));
        assert_eq!(parse_timeout(b"99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        assert_eq!(parse_timeout(b"5m"), Some(Duration::from_millis(5)));
        for bad in [&b""[..], b"S", b"10", b"10s", b"999999999S", b"-1S"] {
            assert_eq!(parse_timeout(bad), None);
        }
    }

    #[test]
    fn content_types_are_grpc_with_or_without_a_subtype() {
        for good in ["application/grpc", "application/grpc+proto", "application/grpc;x"] {
            assert!(is_grpc(good.as_bytes()));
        }
        for bad in ["", "application/json", "application/grpcweb", "Application/grpc"] {
            assert!(!is_grpc(bad.as_bytes()));
        }
    }
}
