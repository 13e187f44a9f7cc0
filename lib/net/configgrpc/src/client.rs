//! A gRPC client for unary calls whose messages are bytes. A connection for each server, many calls in flight; a
//! task of the client keeps them up, so a call either finds one or learns why there is none.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Buf, Bytes};
use component::meter::Calls;
use component::{ClientAuth, Context, GrpcStatus, Meter};
use compression::{Chunks, Compressor};
use confignet::dial::Target;
use confignet::proxy::Proxies;
use configtls::Connector;
use h2::client::SendRequest;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, TE, USER_AGENT};
use http::uri::{Authority, PathAndQuery, Scheme};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::frame::{self, Reader};
use crate::metrics;
use rpcstatus::code;

mod balance;
mod config;
mod link;
mod stream;

use balance::{Balancer, Link};

pub use config::{AuthConfig, ClientConfig, Keepalive};
pub use stream::Replies;

/// Longest answer read unless said otherwise, in bytes, as received. `defaultClientMaxReceiveMessageSize`, grpc-go 1.80.
const REPLY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Connections that a call tries when one turns out to be closing before it took the request.
const ATTEMPTS_MAX: usize = 3;

/// A client. Dropping it, or [`Client::close`], ends its connections.
pub struct Client {
    link: watch::Receiver<Link>,
    /// Counts the calls, so that connections get them in turn.
    turn: AtomicUsize,
    task: Mutex<JoinSet<()>>,
    start: Mutex<Option<Balancer>>,
    wait_for_ready: bool,
    authority: Authority,
    scheme: Scheme,
    headers: HeaderMap,
    compressor: Arc<Compressor>,
    measure: Option<Calls>,
    auth: Option<Arc<dyn ClientAuth>>,
    reply_max: usize,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("authority", &self.authority).finish_non_exhaustive()
    }
}

/// A call that did not bring an answer.
enum Broken {
    /// The server has not seen the request: another connection may take it.
    Unsent(GrpcStatus),
    /// The server may have seen it.
    Sent(GrpcStatus),
}

impl Client {
    /// An unconnected client. `user_agent` is used unless the section has one; `timeout` is what
    /// calls announce as their deadline, zero is none. The caller enforces it.
    ///
    /// # Errors
    /// When the section asks for what is not supported yet, or headers are malformed.
    pub fn new(config: &ClientConfig, user_agent: &str, timeout: Duration) -> Result<Self, String> {
        Self::with_proxies(config, user_agent, timeout, &Proxies::from_environment())
    }

    fn with_proxies(
        config: &ClientConfig,
        user_agent: &str,
        timeout: Duration,
        proxies: &Proxies,
    ) -> Result<Self, String> {
        let endpoint = config.target()?;
        let authority = authority(config, &endpoint.target)?;
        let (sender, link) = watch::channel(Link::Connecting);
        let keepalive = config.keepalive.get().cloned();
        let proxy = proxies.choose(true, &endpoint.target)?;
        let headers = headers(config, user_agent, timeout)?;
        let (tls, scheme) = if endpoint.tls {
            let connector = Connector::new(&config.tls, &["h2"])?;
            (Some((connector, authority.host().to_owned())), Scheme::HTTPS)
        } else {
            (None, Scheme::HTTP)
        };
        let (target, user_agent) = (endpoint.target, user_agent.to_owned());
        let road = link::Road { target, proxy, user_agent, tls, keepalive };
        let balancer = Balancer::new(road, config.policy(), endpoint.is_resolved, sender);
        Ok(Self {
            link,
            turn: AtomicUsize::new(0),
            task: Mutex::default(),
            start: Mutex::new(Some(balancer)),
            wait_for_ready: config.wait_for_ready,
            authority,
            scheme,
            headers,
            compressor: Arc::new(Compressor::grpc(*config.compression)),
            measure: None,
            auth: None,
            reply_max: REPLY_BYTES_MAX,
        })
    }

    /// With what `meter` wants to know about its calls.
    #[must_use]
    pub fn measured(self, meter: &Meter) -> Self {
        let measure = Calls::new(meter, self.authority.as_str());
        Self { measure, ..self }
    }

    /// Reads answers of up to so many bytes.
    #[must_use]
    pub fn with_reply_max(self, reply_max: usize) -> Self {
        Self { reply_max, ..self }
    }

    /// With the credentials of an extension in every call.
    ///
    /// # Errors
    /// They must not travel in plain text, as in grpc-go.
    pub fn authorized(self, auth: Option<Arc<dyn ClientAuth>>) -> Result<Self, String> {
        if self.scheme != Scheme::HTTPS && auth.as_ref().is_some_and(|it| it.needs_encryption()) {
            return Err("grpc: the credentials require transport level security: remove tls.insecure, or http:// in \
                        the endpoint"
                .into());
        }
        Ok(Self { auth, ..self })
    }

    /// Begins to connect, and to reconnect, when the first call comes, as grpc-go: a server that opens its port while we
    /// start has not been missed by then.
    ///
    /// The task belongs to the client and not to a host, because the queue in front of an exporter
    /// is drained after the host's tasks have ended.
    fn connect(&self) {
        let balancer = self.start.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(balancer) = balancer {
            self.task.lock().unwrap_or_else(PoisonError::into_inner).spawn(balancer.run());
        }
    }

    /// Ends the connections; later calls fail.
    pub fn close(&self) {
        self.start.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.task.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }

    /// A unary call for the one in `ctx`. The request is `pieces` one after another; uncompressed they go to the socket
    /// as they are. The answer is the message, empty when it came compressed.
    ///
    /// # Errors
    /// The status that the server sent, or the one that grpc-go gives to a failure on the way.
    pub async fn call(
        &self,
        ctx: &Context,
        path: &PathAndQuery,
        pieces: &[Bytes],
    ) -> Result<Bytes, GrpcStatus> {
        let Some(measure) = &self.measure else {
            return self.call_unmeasured(ctx, path, pieces).await;
        };
        let begun = tokio::time::Instant::now();
        let result = self.call_unmeasured(ctx, path, pieces).await;
        let code = result.as_ref().map_or_else(|status| status.code, |_| code::OK);
        let method = path.as_str().trim_start_matches('/');
        metrics::called(measure, metrics::CLIENT, method, code, begun.elapsed());
        result
    }

    async fn call_unmeasured(
        &self,
        ctx: &Context,
        path: &PathAndQuery,
        pieces: &[Bytes],
    ) -> Result<Bytes, GrpcStatus> {
        let mut headers = Cow::Borrowed(&self.headers);
        if let Some(auth) = &self.auth {
            let why = |why| format!("transport: per-RPC creds failed due to error: {why}");
            // Unlike grpc-go, which says UNAUTHENTICATED, after which the data is dropped: a token may come later.
            let given = auth.authorize(ctx, headers.to_mut()).await;
            given.map_err(|it| failure(code::UNAVAILABLE, why(it)))?;
        }
        let message = self.message(pieces.into()).await?;
        let mut link = self.link.clone();
        let mut last = None;
        for _ in 0..ATTEMPTS_MAX {
            let live = self.connection(&mut link).await?;
            let _counted = Counted::new(&live.calls);
            match self.attempt(live.send, (path, &headers), message.clone()).await {
                Ok(reply) => return Ok(reply),
                Err(Broken::Sent(status)) => return Err(status),
                Err(Broken::Unsent(status)) => last = Some(status),
            }
            // The task sees the end of that connection too, and says what comes next.
            if link.changed().await.is_err() {
                return Err(closing());
            }
        }
        Err(last.unwrap_or_else(closing))
    }

    /// Prefix and message, compressed if so configured.
    async fn message(&self, chunks: Chunks) -> Result<Chunks, GrpcStatus> {
        let compressed = self.compressor.encoding().is_some();
        let body = self.compressor.compress_aside(chunks).await.map_err(|error| {
            failure(code::INTERNAL, format!("grpc: error while compressing: {error}"))
        })?;
        let length = body.remaining();
        if u32::try_from(length).is_err() {
            let text = format!("grpc: message too large ({length} bytes)");
            return Err(failure(code::RESOURCE_EXHAUSTED, text));
        }
        let prefix = Bytes::copy_from_slice(&frame::prefix(compressed, length));
        Ok(std::iter::once(prefix).chain(body.pieces().cloned()).collect())
    }

    async fn connection(&self, link: &mut watch::Receiver<Link>) -> Result<link::Live, GrpcStatus> {
        loop {
            match &*link.borrow_and_update() {
                Link::Up(all) => {
                    let turn = self.turn.fetch_add(1, Relaxed);
                    if let Some(live) = all.get(turn % all.len().max(1)) {
                        return Ok(live.clone());
                    }
                }
                Link::Down(why) if !self.wait_for_ready => {
                    return Err(failure(code::UNAVAILABLE, why.to_string()));
                }
                Link::Down(_) => {}
                Link::Connecting => self.connect(),
            }
            if link.changed().await.is_err() {
                return Err(closing());
            }
        }
    }

    async fn attempt(
        &self,
        send: SendRequest<Chunks>,
        (path, headers): (&PathAndQuery, &HeaderMap),
        message: Chunks,
    ) -> Result<Bytes, Broken> {
        let unsent = |error: h2::Error| Broken::Unsent(transport(&error));
        let mut send = send.ready().await.map_err(unsent)?;
        let (response, mut body) =
            send.send_request(self.request(path, headers.clone())?, false).map_err(unsent)?;
        // Everything is queued at once: the bytes are held by the caller anyway, and the
        // connection sends them as fast as the windows allow.
        // A server that refuses may answer before it has the message: what it says counts.
        let _ = body.send_data(message, true);
        let response = response.await.map_err(|error| classify(&error))?;
        answer(response, self.reply_max).await
    }

    fn request(
        &self,
        path: &PathAndQuery,
        headers: HeaderMap,
    ) -> Result<http::Request<()>, Broken> {
        let uri = http::Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path.clone())
            .build();
        let uri = uri.map_err(|it| Broken::Sent(failure(code::INTERNAL, it.to_string())))?;
        let mut request = http::Request::new(());
        *request.method_mut() = http::Method::POST;
        *request.version_mut() = http::Version::HTTP_2;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        Ok(request)
    }
}

/// Counts a call for as long as it lives.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(calls: &'a AtomicUsize) -> Self {
        calls.fetch_add(1, Relaxed);
        Self(calls)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

async fn answer(
    response: http::Response<h2::RecvStream>,
    reply_max: usize,
) -> Result<Bytes, Broken> {
    let (head, body) = response.into_parts();
    if head.status != http::StatusCode::OK {
        return Err(Broken::Sent(http_status(head.status, &head.headers)));
    }
    // "Trailers-only": an error without a body has its status in the first headers.
    if let Some(status) = grpc_status(&head.headers) {
        return status.map(|()| Bytes::new()).map_err(Broken::Sent);
    }
    let broken = |error: frame::FrameError| match error {
        frame::FrameError::Transport(error) => Broken::Sent(transport(&error)),
        frame::FrameError::TooLarge { .. } => {
            Broken::Sent(failure(code::RESOURCE_EXHAUSTED, error.to_string()))
        }
        other => Broken::Sent(failure(code::INTERNAL, other.to_string())),
    };
    let mut reader = Reader::new(body, reply_max);
    let mut reply = None;
    while let Some(message) = reader.next().await.map_err(broken)? {
        reply.get_or_insert(message);
    }
    let trailers = reader.trailers().await.map_err(broken)?.unwrap_or_default();
    match grpc_status(&trailers) {
        Some(Ok(())) => Ok(reply.filter(|it| !it.compressed).map(|it| it.body).unwrap_or_default()),
        Some(Err(status)) => Err(Broken::Sent(status)),
        None => {
            let text = "server closed the stream without sending trailers";
            Err(Broken::Sent(failure(code::INTERNAL, text.into())))
        }
    }
}

/// The status in trailers; `None` when there is none.
fn grpc_status(headers: &HeaderMap) -> Option<Result<(), GrpcStatus>> {
    let number = headers.get("grpc-status")?.to_str().ok().and_then(|it| it.parse().ok());
    let code = number.unwrap_or(code::UNKNOWN);
    if code == code::OK {
        return Some(Ok(()));
    }
    let message = headers.get("grpc-message").map(|it| rpcstatus::unescape(it.as_bytes()));
    let details = headers.get("grpc-status-details-bin");
    let encoded =
        details.and_then(|it| rpcstatus::decode_binary(it.as_bytes())).unwrap_or_default();
    let message = message.unwrap_or_default();
    Some(Err(GrpcStatus { code, message, encoded: encoded.into() }))
}

/// What a proxy's answer means. `http-grpc-status-mapping.md` of gRPC; texts of grpc-go 1.80.
fn http_status(http: http::StatusCode, headers: &HeaderMap) -> GrpcStatus {
    let code = match http.as_u16() {
        400 => code::INTERNAL,
        401 => code::UNAUTHENTICATED,
        403 => code::PERMISSION_DENIED,
        404 => code::UNIMPLEMENTED,
        429 | 502 | 503 | 504 => code::UNAVAILABLE,
        _ => code::UNKNOWN,
    };
    let reason = http.canonical_reason().unwrap_or_default();
    let mut text =
        format!("unexpected HTTP status code received from server: {} ({reason})", http.as_u16());
    match headers.get(CONTENT_TYPE).map(|it| String::from_utf8_lossy(it.as_bytes())) {
        None => text.push_str("; malformed header: missing HTTP content-type"),
        Some(it) if it.starts_with("application/grpc") => {}
        Some(it) => {
            text.push_str("; transport: received unexpected content-type \"");
            text.push_str(&it);
            text.push('"');
        }
    }
    failure(code, text)
}

/// Whether the server may have seen the request. RFC 9113, section 6.8.
fn classify(error: &h2::Error) -> Broken {
    if error.is_go_away() && error.is_remote() {
        Broken::Unsent(transport(error))
    } else {
        Broken::Sent(transport(error))
    }
}

/// The status that grpc-go gives to a broken stream.
fn transport(error: &h2::Error) -> GrpcStatus {
    if let Some(error) = error.get_io() {
        let text = confignet::dial::reason(error);
        return failure(code::UNAVAILABLE, format!("error reading from server: {text}"));
    }
    if error.is_go_away() || error.reason().is_none() {
        return failure(code::UNAVAILABLE, format!("connection closed: {error}"));
    }
    let reason = error.reason().unwrap_or(h2::Reason::INTERNAL_ERROR);
    let code = match reason {
        h2::Reason::REFUSED_STREAM => code::UNAVAILABLE,
        h2::Reason::CANCEL => code::CANCELED,
        h2::Reason::ENHANCE_YOUR_CALM => code::RESOURCE_EXHAUSTED,
        h2::Reason::INADEQUATE_SECURITY => code::PERMISSION_DENIED,
        _ => code::INTERNAL,
    };
    failure(code, format!("stream terminated by RST_STREAM with error code: {reason:?}"))
}

fn failure(code: i32, message: String) -> GrpcStatus {
    GrpcStatus { code, message, encoded: Bytes::new() }
}

fn closing() -> GrpcStatus {
    failure(code::CANCELED, "grpc: the client connection is closing".into())
}

fn authority(config: &ClientConfig, target: &Target) -> Result<Authority, String> {
    let text = match target {
        _ if !config.authority.is_empty() => config.authority.clone(),
        Target::Unix(_) => "localhost".into(),
        Target::Tcp { host, port } if host.is_empty() => format!("localhost:{port}"),
        tcp @ Target::Tcp { .. } => tcp.to_string(),
    };
    text.parse().map_err(|error| format!("authority {text:?} is not valid: {error}"))
}

fn headers(
    config: &ClientConfig,
    user_agent: &str,
    timeout: Duration,
) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let value = |name: &str, text: &str| {
        text.parse::<HeaderValue>().map_err(|_| format!("header {name:?} has a malformed value"))
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(TE, HeaderValue::from_static("trailers"));
    let agent = if config.user_agent.is_empty() { user_agent } else { &config.user_agent };
    headers.insert(USER_AGENT, value("user-agent", agent)?);
    if let Some(encoding) = config.compression.0 {
        headers.insert("grpc-encoding", HeaderValue::from_static(encoding.name()));
    }
    if !timeout.is_zero() {
        headers.insert("grpc-timeout", value("grpc-timeout", &deadline(timeout))?);
    }
    for (name, secret) in &config.headers.entries {
        let key = name.to_ascii_lowercase().parse::<HeaderName>();
        let key = key.map_err(|_| format!("header {name:?} has a malformed name"))?;
        // What gRPC sets itself is not the user's, as in grpc-go.
        if !headers.contains_key(&key) {
            let mut secret = value(name, secret.expose())?;
            secret.set_sensitive(true);
            headers.append(key, secret);
        }
    }
    Ok(headers)
}

/// `grpc-timeout`: at most eight digits and a unit.
fn deadline(timeout: Duration) -> String {
    let (micros, millis) = (timeout.as_micros(), timeout.as_millis());
    match (micros % 1000, micros < 100_000_000, millis < 100_000_000) {
        (0, _, true) => format!("{millis}m"),
        (_, true, _) => format!("{micros}u"),
        (_, _, true) => format!("{millis}m"),
        _ => format!("{}S", timeout.as_secs().min(99_999_999)),
    }
}

#[cfg(test)]
mod tests;
