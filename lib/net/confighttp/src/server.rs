//! An HTTP server whose bodies are bytes: limits, content encodings, CORS and fixed headers are settled here, in the
//! order of upstream's wrappers; a [`Handler`] does the rest. Clients that agree on it in the TLS handshake speak HTTP/2
//! ([`http2`]), all others HTTP/1.1 ([`http1`]).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use component::meter::{Calls, Counter};
use component::{
    AuthData, BoxError, Client, Context, Host, InFlight, Meter, Refusal, Tracer, async_trait,
};
use compression::{DecompressError, decompress_within};
use confignet::server::{Guards, Stream, Tls, head_bytes};
use confignet::{Listener, Pace};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::time::timeout;
use tracing::warn;

mod body;
mod config;
mod cors;
mod http1;
mod http2;
mod pulse;

use crate::metrics::{self, Served};
use body::{BodyError, Intake, collect};
use config::Coding;
pub use config::{AuthConfig, CorsConfig, KeepaliveConfig, ServerConfig};
use cors::Cors;

/// What a client is told that speaks plain text where TLS is wanted. `net/http`, `conn.serve`.
const PLAIN_ANSWER: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

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
    let tls = Tls::new(config.tls.get(), &["h2", "http/1.1"], PLAIN_ANSWER)?;
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
    if connection.protocol() == Some(b"h2") {
        http2::serve(shared, connection, peer, host).await;
    } else {
        http1::serve(shared, connection, peer, host).await;
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
        retry_after(headers, wait);
        response
    }

    /// The answer to a request for which there is no room.
    fn no_room(&self, head: &Parts) -> Response<Bytes> {
        self.refused.add(1);
        let error = self.in_flight.refusal();
        let busy = StatusCode::SERVICE_UNAVAILABLE;
        let mut response = self.handler.refuse(head, busy, error.message());
        if let Some(wait) = error.retry_after() {
            retry_after(response.headers_mut(), wait);
        }
        response
    }
}

/// Says when a client may come again: in whole seconds, and never earlier than `wait`.
pub fn retry_after(headers: &mut HeaderMap, wait: Duration) {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    headers.insert(header::RETRY_AFTER, seconds.into());
}

fn closing(mut response: Response<Bytes>) -> Response<Bytes> {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// All headers; `host` is one of them in HTTP/1.1, and in HTTP/2 it has a place of its own.
fn metadata(head: &Parts) -> Vec<(String, String)> {
    let headers = head.headers.iter();
    let mut all: Vec<_> = headers
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    if let Some(authority) = head.uri.authority()
        && !head.headers.contains_key(header::HOST)
    {
        all.push(("host".into(), authority.as_str().to_owned()));
    }
    all
}

/// What Go's `http.ServeMux` says to a path that is not clean (a redirect) or not known.
pub fn mux_answer(head: &Parts) -> Response<Bytes> {
    let path = head.uri.path();
    let clean = clean_path(path);
    if clean != path {
        return redirect(head, &clean);
    }
    error_answer(StatusCode::NOT_FOUND, "404 page not found")
}

/// What Go's `http.ServeMux` answers where only another path has a page.
pub fn redirect(head: &Parts, path: &str) -> Response<Bytes> {
    let query = head.uri.query().map_or_else(String::new, |it| format!("?{it}"));
    let Ok(location) = HeaderValue::from_str(&format!("{path}{query}")) else {
        return error_answer(StatusCode::NOT_FOUND, "404 page not found");
    };
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, location);
    if matches!(head.method, Method::GET | Method::HEAD) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    }
    if head.method == Method::GET {
        let to = format!("{path}{query}").replace('&', "&amp;").replace('"', "&#34;");
        let to = to.replace('<', "&lt;").replace('>', "&gt;");
        *response.body_mut() = format!("<a href=\"{to}\">Temporary Redirect</a>.\n\n").into();
    }
    response
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
    use super::*;

    #[test]
    fn a_client_is_never_told_to_come_earlier_than_it_may() {
        for (millis, want) in [(0, "0"), (1, "1"), (1_000, "1"), (1_001, "2")] {
            let mut headers = HeaderMap::new();
            retry_after(&mut headers, Duration::from_millis(millis));
            assert_eq!(headers[header::RETRY_AFTER], want, "{millis}");
        }
    }

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
