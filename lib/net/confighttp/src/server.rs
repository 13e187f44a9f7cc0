//! An HTTP/1.1 server whose bodies are bytes: limits, content encodings, CORS and fixed headers are
//! settled here, in the order of upstream's wrappers; a [`Handler`] does the rest.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use component::meter::{Calls, Counter};
use component::{
    AuthData, BoxError, Client, Context, Host, InFlight, Meter, Refusal, Tracer, async_trait,
};
use compression::{DecompressError, decompress_within};
use confignet::server::{Guards, HEAD_WAIT, STOP_GRACE, Stream, Tls, head_bytes, sent_away};
use confignet::{Listener, Pace};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::time::{interval_at, timeout};
use tracing::{debug, warn};

mod body;
mod config;
mod cors;
mod pulse;

use crate::metrics::{self, Served};
use body::{BodyError, Intake, collect};
use config::Coding;
pub use config::{AuthConfig, CorsConfig, ServerConfig};
use cors::Cors;
use pulse::{Pulse, Watched};

/// What a client is told that speaks plain text where TLS is wanted. `net/http`, `conn.serve`.
const PLAIN_ANSWER: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
/// Most bytes buffered of a connection, hence of a head.
const BUFFER_BYTES_MAX: usize = 256 * 1024;
/// Longest time for a client to read its answer, unless `write_timeout` is configured.
const WRITE_WAIT: Duration = Duration::from_secs(30);

/// Answers requests.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// An answer that does not need the body, if there is one: unknown path, wrong method.
    fn check(&self, head: &Parts) -> Option<Response<Bytes>>;
    /// Answers a request whose body has come and is decompressed.
    async fn handle(&self, head: &Parts, ctx: &Context, body: Bytes) -> Response<Bytes>;
    /// Puts a refusal of the server into the handler's words. Default: the message as it is.
    fn refuse(&self, _head: &Parts, status: StatusCode, message: &str) -> Response<Bytes> {
        let mut response = Response::new(Bytes::copy_from_slice(message.as_bytes()));
        *response.status_mut() = status;
        response
    }
}

struct Shared {
    handler: Arc<dyn Handler>,
    config: ServerConfig,
    cors: Option<Cors>,
    guards: Guards,
    headers: HeaderMap,
    calls: Option<Calls>,
    tracer: Tracer,
    in_flight: InFlight,
    refused: Counter,
}

/// Binds the endpoint and serves it until the host stops. Returns the address bound.
///
/// # Errors
/// What is not supported yet, a header that cannot be sent, and
/// `listen tcp 127.0.0.1:4318: bind: address already in use`.
pub fn serve(
    config: &ServerConfig,
    handler: Arc<dyn Handler>,
    (host, meter): (&Host, &Meter),
) -> Result<Option<SocketAddr>, BoxError> {
    let guards = config.before().find(host)?;
    let headers = response_headers(config)?;
    let tls = Tls::new(config.tls.get(), "http/1.1", PLAIN_ANSWER)?;
    let listener = Listener::bind(&config.net, host)?;
    let address = listener.local_addr();
    let cors = config.cors.get();
    if cors.is_some_and(|it| it.allowed_origins.is_empty() && !it.allowed_headers.is_empty()) {
        warn!(
            "The CORS configuration specifies allowed headers but no allowed origins, and is therefore ignored."
        );
    }
    let cors = cors.and_then(Cors::new);
    let calls = Calls::new(meter, &config.net.endpoint);
    let (config, tracer) = (config.clone(), meter.tracer().clone());
    let (in_flight, refused) = (host.in_flight().clone(), InFlight::refused(meter));
    let shared = Arc::new(Shared {
        handler,
        config,
        cors,
        guards,
        headers,
        calls,
        tracer,
        in_flight,
        refused,
    });
    let its_host = host.clone();
    confignet::server::serve(listener, tls, host, move |connection| {
        serve_connection(Arc::clone(&shared), connection, its_host.clone())
    });
    Ok(address)
}

fn response_headers(config: &ServerConfig) -> Result<HeaderMap, String> {
    let entries = config.response_headers.entries.iter().map(|(name, value)| {
        let wrong = || format!("response_headers: {name} cannot be sent as a header: correct it");
        let key: HeaderName = name.parse().map_err(|_| wrong())?;
        Ok((key, HeaderValue::from_str(value.expose()).map_err(|_| wrong())?))
    });
    entries.collect()
}

async fn serve_connection(shared: Arc<Shared>, connection: Stream, host: Host) {
    let peer = Arc::new(Client { peer: connection.get_ref().peer(), ..Client::default() });
    let pulse = Pulse::new(shared.in_flight.enter());
    let io = TokioIo::new(Watched::new(connection, Arc::clone(&pulse)));
    let service = {
        let (shared, pulse, peer) = (Arc::clone(&shared), Arc::clone(&pulse), Arc::clone(&peer));
        let host = host.clone();
        service_fn(move |request| {
            let busy = pulse.begin();
            let (shared, peer, host) = (Arc::clone(&shared), Arc::clone(&peer), host.clone());
            async move {
                let answer = shared.answer(request, peer).await;
                drop(busy);
                let parting = host.stopping().is_cancelled();
                answer.map(|it| if parting { closing(it) } else { it }.map(Full::new))
            }
        })
    };
    let mut builder = http1::Builder::new();
    builder.keep_alive(shared.config.keep_alives_enabled).max_buf_size(BUFFER_BYTES_MAX);
    // Without a timer of its own hyper would end idle connections.
    builder.header_read_timeout(None);
    let mut connection = pin!(builder.serve_connection(io, service));
    tokio::select! {
        ended = connection.as_mut() => {
            if let Err(error) = ended {
                debug!(%error, peer = ?peer.peer, "an HTTP connection ended early");
            }
            return;
        }
        why = watch(&shared.config, &pulse) => {
            return debug!(peer = ?peer.peer, why, "closing an HTTP connection");
        }
        () = sent_away(&host) => {}
    }
    connection.as_mut().graceful_shutdown();
    // A head that has not come yet is not worth waiting for.
    if pulse.owes_an_answer() {
        let _ = timeout(STOP_GRACE, connection).await;
    }
}

/// Returns when the connection has to end.
async fn watch(config: &ServerConfig, pulse: &Pulse) -> &'static str {
    let limit = |it: component::config::Duration| Some(it.std()).filter(|it| !it.is_zero());
    let head_max = limit(config.read_header_timeout)
        .or_else(|| limit(config.read_timeout))
        .unwrap_or(HEAD_WAIT);
    // As net/http: the idle timeout is the read timeout unless it is set.
    let idle_max = limit(config.idle_timeout).or_else(|| limit(config.read_timeout));
    let write_max = limit(config.write_timeout).unwrap_or(WRITE_WAIT);
    // A timeout is noticed half of it late at worst.
    let pause = head_max.min(idle_max.unwrap_or(head_max)).min(write_max) / 2;
    let mut ticks = interval_at(tokio::time::Instant::now() + pause, pause);
    loop {
        ticks.tick().await;
        if pulse.head_age().is_some_and(|age| age >= head_max) {
            return "the head of a request came too slowly";
        }
        if pulse.stall_age().is_some_and(|age| age >= write_max) {
            return "the client read its answer too slowly";
        }
        if idle_max.is_some_and(|max| pulse.idle_age().is_some_and(|age| age >= max)) {
            return "the client was idle";
        }
    }
}

/// Closes the connection without an answer.
#[derive(Debug)]
struct Hangup;

impl std::fmt::Display for Hangup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("write_timeout passed")
    }
}

impl std::error::Error for Hangup {}

impl Shared {
    async fn answer(
        &self,
        request: Request<Incoming>,
        client: Arc<Client>,
    ) -> Result<Response<Bytes>, Hangup> {
        let (head, body) = request.into_parts();
        let begun = self.calls.as_ref().map(|calls| (calls, tokio::time::Instant::now()));
        let work = self.work(&head, body, client);
        let mut response = match self.config.write_timeout.std() {
            Duration::ZERO => work.await,
            limit => timeout(limit, work).await.map_err(|_| Hangup)?,
        };
        for (name, value) in &self.headers {
            response.headers_mut().insert(name, value.clone());
        }
        if let Some((calls, begun)) = begun {
            let length = head.headers.get(header::CONTENT_LENGTH);
            metrics::served(
                calls,
                &Served {
                    method: &head.method,
                    route: self.handler.check(&head).is_none().then(|| head.uri.path()),
                    status: response.status(),
                    request_bytes: length.and_then(|it| it.to_str().ok()?.parse().ok()),
                    response_bytes: response.body().len(),
                    time: begun.elapsed(),
                },
            );
        }
        Ok(response)
    }

    async fn work(&self, head: &Parts, body: Incoming, client: Arc<Client>) -> Response<Bytes> {
        let Some(cors) = &self.cors else { return self.respond(head, body, client).await };
        if let Some((status, headers)) = cors.preflight(head) {
            let mut response = Response::new(Bytes::new());
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            return response;
        }
        let mut response = self.respond(head, body, client).await;
        cors.decorate(head, response.headers_mut());
        response
    }

    async fn respond(&self, head: &Parts, body: Incoming, client: Arc<Client>) -> Response<Bytes> {
        let bad = |message: &str| self.handler.refuse(head, StatusCode::BAD_REQUEST, message);
        // As upstream: who is not known learns nothing else, not even which paths there are.
        let auth = match self.authenticate(head, client.peer).await {
            Ok(auth) => auth,
            Err(why) => {
                let status = match why {
                    Refusal::Unknown(_) => StatusCode::UNAUTHORIZED,
                    Refusal::Later(_) => StatusCode::SERVICE_UNAVAILABLE,
                };
                return closing(self.handler.refuse(head, status, why.text()));
            }
        };
        let encoding =
            head.headers.get(header::CONTENT_ENCODING).map_or(&b""[..], |it| it.as_bytes());
        let encoding = String::from_utf8_lossy(encoding);
        let Some(coding) = self.config.coding(&encoding) else {
            return bad(&format!("unsupported Content-Encoding: {encoding}"));
        };
        if let Some(wait) = self.guards.must_refuse() {
            return self.too_many(wait);
        }
        if let Some(early) = self.handler.check(head) {
            return early;
        }
        let (limit, head_held) = (self.config.body_bytes_max(), head_bytes(&head.headers));
        let mut under_way = self.in_flight.enter();
        let pace = Pace::new(Some(self.config.read_timeout.std()).filter(|it| !it.is_zero()));
        let intake = Intake { limit, pace, head: head_held, under_way: &mut under_way };
        let body = match collect(body, intake).await {
            Ok(body) => body,
            Err(BodyError::TooLarge) => return closing(bad("http: request body too large")),
            Err(BodyError::Broken) => return closing(bad("unexpected EOF")),
            Err(BodyError::Late) => {
                let why = "the request body came too slowly";
                return closing(self.handler.refuse(head, StatusCode::REQUEST_TIMEOUT, why));
            }
            Err(BodyError::NoRoom) => return closing(self.no_room(head)),
        };
        let body = match coding {
            Coding::Plain => body,
            Coding::Encoded(encoding) => {
                let held = head_held + body.len();
                let room = &mut |bytes: usize| under_way.holds(held + bytes);
                let expanded = decompress_within(encoding, &body, limit, room);
                // The handler may take its time.
                drop(body);
                match expanded {
                    Ok(body) => body,
                    Err(DecompressError::NoRoom) => return self.no_room(head),
                    Err(error) => return bad(&error.to_string()),
                }
            }
        };
        // What was compressed is gone.
        let _ = under_way.holds(head_held + body.len());
        let client = if self.config.include_metadata || auth.is_some() {
            let metadata = if self.config.include_metadata { metadata(head) } else { Vec::new() };
            Arc::new(Client { peer: client.peer, metadata, is_grpc: false, auth })
        } else {
            client
        };
        let header = |name: &str| head.headers.get(name).and_then(|it| it.to_str().ok());
        let span = self.tracer.extract(header);
        let ctx = Context { client: Some(client), span, ..Context::default() };
        self.handler.handle(head, &ctx, body).await
    }
}

impl Shared {
    /// Who sends; `None` where nobody asks.
    async fn authenticate(
        &self,
        head: &Parts,
        peer: Option<SocketAddr>,
    ) -> Result<Option<AuthData>, Refusal> {
        let Some(auth) = &self.guards.auth else { return Ok(None) };
        let parameters = self.config.auth.get().map_or(&[][..], |it| &it.request_params);
        let query = head.uri.query().filter(|_| !parameters.is_empty());
        let Some(query) = query else { return auth.admit(&head.headers, peer).await.map(Some) };
        // As upstream, a parameter replaces a header of its name.
        let mut headers = head.headers.clone();
        for (name, value) in query.split('&').filter_map(|it| it.split_once('=')) {
            let name = confignet::proxy::unescaped(name);
            let value = HeaderValue::try_from(confignet::proxy::unescaped(value));
            if parameters.contains(&name)
                && let (Ok(name), Ok(value)) = (HeaderName::try_from(&name), value)
            {
                headers.insert(name, value);
            }
        }
        auth.admit(&headers, peer).await.map(Some)
    }

    /// What a middleware says that refuses a request. Upstream's has no `Retry-After`.
    fn too_many(&self, wait: Duration) -> Response<Bytes> {
        self.refused.add(1);
        let mut response = Response::new(Bytes::from_static(b"Too Many Requests\n"));
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        let headers = response.headers_mut();
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        headers.insert(header::CONTENT_TYPE, plain);
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::RETRY_AFTER, wait.as_secs().into());
        response
    }

    /// The answer to a request for which there is no room.
    fn no_room(&self, head: &Parts) -> Response<Bytes> {
        self.refused.add(1);
        let error = self.in_flight.refusal();
        let busy = StatusCode::SERVICE_UNAVAILABLE;
        let mut response = self.handler.refuse(head, busy, error.message());
        if let Some(wait) = error.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, wait.as_secs().into());
        }
        response
    }
}

fn closing(mut response: Response<Bytes>) -> Response<Bytes> {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// All headers; `host` is one of them in HTTP/1.1.
fn metadata(head: &Parts) -> Vec<(String, String)> {
    let headers = head.headers.iter();
    headers
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect()
}

/// What Go's `http.ServeMux` says to a path that is not clean (a redirect) or not known.
pub fn mux_answer(head: &Parts) -> Response<Bytes> {
    let path = head.uri.path();
    let clean = clean_path(path);
    let mut response = Response::new(Bytes::new());
    if clean != path {
        let query = head.uri.query().map_or_else(String::new, |it| format!("?{it}"));
        if let Ok(location) = HeaderValue::from_str(&format!("{clean}{query}")) {
            *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
            response.headers_mut().insert(header::LOCATION, location);
            return response;
        }
    }
    error_answer(StatusCode::NOT_FOUND, "404 page not found")
}

/// What Go's `http.Error` writes: the text and the end of its line.
pub fn error_answer(status: StatusCode, text: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(format!("{text}\n")));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Without `//`, `.` and `..`. `net/http`, `cleanPath`.
fn clean_path(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let slash = if path.ends_with('/') && !parts.is_empty() { "/" } else { "" };
    format!("/{}{slash}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::clean_path;

    #[test]
    fn paths_are_cleaned_as_gos_mux_does() {
        for (path, want) in [
            ("/v1/logs", "/v1/logs"),
            ("//v1/logs", "/v1/logs"),
            ("/v1/./x/../logs/", "/v1/logs/"),
            ("/..", "/"),
            ("/", "/"),
        ] {
            assert_eq!(clean_path(path), want);
        }
    }
}
