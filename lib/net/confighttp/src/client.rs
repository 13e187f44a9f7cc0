//! An HTTP/1.1 client for POST requests to one URL and to where it redirects, with a pool of kept-alive connections.
//!
//! A connection is driven by the call that uses it; between calls it rests in the pool, undriven. So
//! there are no tasks, and a dropped call closes its connection.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use component::meter::Calls;
use component::{ClientAuth, Context, Meter};
use compression::{Chunks, Compressor};
use confignet::dial::{self, Target};
use confignet::proxy::{Proxies, Proxy};
use configtls::MaybeTls;
use http::header::{CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::sync::Semaphore;
use tokio::time::Instant;

mod config;
mod dialer;
mod fetch;
mod redirect;
mod url;

use dialer::{Chosen, Dialer};

pub use config::{AuthConfig, ClientConfig, CookiesConfig};
pub use fetch::{Answer, FetchError, Fetcher, Ways};
pub use url::{Url, is_no_url};

/// Most of an answer's body that is read, in bytes. `maxHTTPResponseReadBytes` of upstream's
/// exporter.
pub const REPLY_BYTES_MAX: usize = 64 * 1024;
/// Idle connections kept when `max_idle_conns_per_host` is 0: what the default queue sends at once.
const IDLE_CONNECTIONS: usize = 10;
/// A client for one URL.
pub struct Client {
    url: Url,
    dialer: Dialer,
    headers: HeaderMap,
    compressor: Arc<Compressor>,
    timeout: Option<Duration>,
    idle: Mutex<VecDeque<Idle>>,
    idle_max: usize,
    idle_time: Duration,
    connections: Option<Semaphore>,
    calls: Option<Calls>,
    auth: Option<Arc<dyn ClientAuth>>,
}

/// What a connection can be used for again: the server, or the proxy that is spoken to in plain text, and whether
/// it is encrypted.
type Road = (Target, bool);

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("url", &self.url).finish_non_exhaustive()
    }
}

/// An answer, whatever its status.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// At most [`REPLY_BYTES_MAX`] of its body.
    pub body: Bytes,
}

type Http1 = http1::Connection<TokioIo<MaybeTls<dial::Connection>>, Full<Chunks>>;

/// A connection and what moves its bytes; `None` once it has ended.
struct Live {
    send: http1::SendRequest<Full<Chunks>>,
    connection: Option<Pin<Box<Http1>>>,
}

struct Idle {
    live: Live,
    since: Instant,
    /// Where it leads.
    to: Road,
}

/// A request that did not bring an answer.
struct Broken {
    why: String,
    /// The request, if not a byte of it was written.
    unsent: Option<Request<Full<Chunks>>>,
}

impl Client {
    /// An unconnected client. `user_agent` is used unless the section's headers have one.
    ///
    /// # Errors
    /// When the section asks for what is not supported yet, or a header is malformed.
    pub fn new(config: &ClientConfig, url: Url, user_agent: &str) -> Result<Self, String> {
        Self::with_proxies(config, url, user_agent, Proxies::from_environment())
    }

    fn with_proxies(
        config: &ClientConfig,
        url: Url,
        user_agent: &str,
        environment: Proxies,
    ) -> Result<Self, String> {
        config.check_supported()?;
        let proxies = Chosen::new(&config.proxy_url, environment)?;
        let dialer = Dialer::new(proxies, &config.tls, &url)?;
        let compressor = Compressor::http(*config.compression, config.compression_params);
        let count = |limit: i64| usize::try_from(limit).ok().filter(|it| *it > 0);
        let idle_max = match count(config.max_idle_conns_per_host) {
            _ if config.disable_keep_alives => 0,
            Some(limit) => limit,
            None => count(config.max_idle_conns).unwrap_or(usize::MAX).min(IDLE_CONNECTIONS),
        };
        let idle_time = match config.idle_conn_timeout.std() {
            Duration::ZERO => Duration::MAX,
            limit => limit,
        };
        Ok(Self {
            headers: headers(config, &url, user_agent)?,
            url,
            dialer,
            compressor: Arc::new(compressor),
            timeout: Some(config.timeout.std()).filter(|it| !it.is_zero()),
            idle: Mutex::default(),
            idle_max,
            idle_time,
            connections: count(config.max_conns_per_host).map(Semaphore::new),
            calls: None,
            auth: None,
        })
    }

    /// With what `meter` wants to know about its requests.
    #[must_use]
    pub fn measured(self, meter: &Meter) -> Self {
        let calls = Calls::new(meter, &self.url.target().to_string());
        Self { calls, ..self }
    }

    /// With the credentials of an extension in every request.
    #[must_use]
    pub fn authorized(self, auth: Option<Arc<dyn ClientAuth>>) -> Self {
        Self { auth, ..self }
    }

    /// Where it posts to.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Closes the idle connections.
    pub fn close(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Posts `body` for the one in `ctx`, compressed if so configured; uncompressed its pieces go to the socket as they
    /// are.
    ///
    /// # Errors
    /// When there is no answer, in the words of Go's `net/http`: `Post "<url>": dial tcp ...`.
    pub async fn post(
        &self,
        ctx: &Context,
        content_type: HeaderValue,
        body: Chunks,
    ) -> Result<Reply, String> {
        let begun = self.calls.as_ref().map(|it| (it, Instant::now(), body.remaining()));
        let call = self.post_unlimited(ctx, content_type, body);
        let result = match self.timeout {
            None => call.await,
            Some(limit) => tokio::time::timeout(limit, call).await.unwrap_or_else(|_| {
                let why =
                    "context deadline exceeded (Client.Timeout exceeded while awaiting headers)";
                Err(failed(&self.url, why))
            }),
        };
        if let Some((calls, begun, bytes)) = begun {
            let status = result.as_ref().ok().map(|it| it.status);
            crate::metrics::called(calls, bytes, status, begun.elapsed());
        }
        result
    }

    /// With the redirects that keep the body.
    async fn post_unlimited(
        &self,
        ctx: &Context,
        content_type: HeaderValue,
        body: Chunks,
    ) -> Result<Reply, String> {
        let body = self.compressor.compress_aside(body).await;
        let body = body.map_err(|it| failed(&self.url, &it.to_string()))?;
        let mut url = Cow::Borrowed(&self.url);
        let mut headers = self.first_headers(ctx, &content_type).await?;
        for _ in 0..redirect::REQUESTS_MAX {
            let sent = self.send(&url, headers, body.clone()).await;
            let reply = sent.map_err(|why| failed(&url, &why))?;
            let to = match redirect::next(&reply, &url) {
                None => return Ok(reply),
                Some(to) => to.map_err(|why| failed(&url, &why))?,
            };
            let first = self.first_headers(ctx, &content_type).await?;
            headers = redirect::headers(first, &self.url, &url, &to);
            url = Cow::Owned(to);
        }
        let why = format!("stopped after {} redirects", redirect::REQUESTS_MAX);
        Err(failed(&url, &why))
    }

    /// The headers of a request that was not redirected.
    async fn first_headers(
        &self,
        ctx: &Context,
        content_type: &HeaderValue,
    ) -> Result<HeaderMap, String> {
        let mut headers = self.headers.clone();
        headers.insert(CONTENT_TYPE, content_type.clone());
        if let Some(auth) = &self.auth {
            let given = auth.authorize(ctx, &mut headers).await;
            given.map_err(|why| failed(&self.url, &why))?;
        }
        Ok(headers)
    }

    /// One request to one server, or to the proxy before it.
    async fn send(&self, url: &Url, headers: HeaderMap, body: Chunks) -> Result<Reply, String> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = http::Method::POST;
        *request.headers_mut() = headers;
        let proxy = self.dialer.proxy(url)?;
        let asked = Dialer::address(url, proxy.as_ref(), &mut request)?;
        let to = (asked.map_or(url.target(), Proxy::target).clone(), url.is_tls());
        let _permit = match &self.connections {
            Some(limit) => limit.acquire().await.ok(),
            None => None,
        };
        while let Some(live) = self.reuse(&to).await {
            match self.exchange(&to, live, request).await {
                Ok(reply) => return Ok(reply),
                // It ended in the moment it was taken.
                Err(Broken { unsent: Some(again), .. }) => request = again,
                Err(broken) => return Err(broken.why),
            }
        }
        let agent = self.headers.get(USER_AGENT).and_then(|it| it.to_str().ok());
        let connection = self.dialer.dial(url, proxy.as_ref(), agent.unwrap_or_default()).await?;
        let live = shake_hands(connection).await?;
        self.exchange(&to, live, request).await.map_err(|broken| broken.why)
    }

    /// The idle connection to a server used last, if one is still open. Those that are too old are closed.
    async fn reuse(&self, to: &Road) -> Option<Live> {
        loop {
            let mut live = {
                let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
                while idle.front().is_some_and(|it| it.since.elapsed() > self.idle_time) {
                    idle.pop_front();
                }
                let at = idle.iter().rposition(|it| it.to == *to)?;
                idle.remove(at)?.live
            };
            let Live { send, connection } = &mut live;
            if drive(connection, send.ready()).await.is_ok() && live.connection.is_some() {
                return Some(live);
            }
        }
    }

    async fn exchange(
        &self,
        to: &Road,
        mut live: Live,
        request: Request<Full<Chunks>>,
    ) -> Result<Reply, Broken> {
        let answer = drive(&mut live.connection, live.send.try_send_request(request)).await;
        let response = answer.map_err(|mut error| Broken {
            unsent: error.take_message(),
            why: why(error.error()),
        })?;
        let (reply, complete) = read(&mut live.connection, response).await;
        let reply = reply.map_err(|error| Broken { why: why(&error), unsent: None })?;
        if complete && live.connection.is_some() {
            self.keep(to, live);
        }
        Ok(reply)
    }

    fn keep(&self, to: &Road, live: Live) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.idle_max {
            idle.push_back(Idle { live, since: Instant::now(), to: to.clone() });
        }
    }
}

/// The text of a call without an answer, as Go's `net/http` has it.
fn failed(url: &Url, why: &str) -> String {
    format!("Post \"{url}\": {why}")
}

async fn shake_hands(connection: MaybeTls<dial::Connection>) -> Result<Live, String> {
    let io = TokioIo::new(connection);
    let (send, connection) = http1::handshake(io).await.map_err(|error| why(&error))?;
    Ok(Live { send, connection: Some(Box::pin(connection)) })
}

/// The body up to the limit, and whether that was all.
async fn read(
    connection: &mut Option<Pin<Box<Http1>>>,
    response: Response<Incoming>,
) -> (Result<Reply, hyper::Error>, bool) {
    let (head, mut incoming) = response.into_parts();
    let mut body = BytesMut::new();
    let mut complete = true;
    while let Some(frame) = drive(connection, incoming.frame()).await {
        let data = match frame {
            Ok(frame) => frame.into_data().unwrap_or_default(),
            Err(error) => return (Err(error), false),
        };
        let room = REPLY_BYTES_MAX - body.len();
        body.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            complete = false;
            break;
        }
    }
    let reply = Reply { status: head.status, headers: head.headers, body: body.freeze() };
    (Ok(reply), complete)
}

/// Moves the connection's bytes until `work` is done. A connection that ends resolves what waits
/// for it, so `work` is asked once more then.
async fn drive<F: Future>(connection: &mut Option<Pin<Box<Http1>>>, work: F) -> F::Output {
    let mut work = pin!(work);
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(output) = work.as_mut().poll(cx) {
                return Poll::Ready(output);
            }
            match connection.as_mut().map(|it| it.as_mut().poll(cx)) {
                // How it ended is what `work` says.
                Some(Poll::Ready(_)) => *connection = None,
                Some(Poll::Pending) | None => return Poll::Pending,
            }
        }
    })
    .await
}

/// A transport error as Go prints it.
fn why(error: &hyper::Error) -> String {
    let mut source = std::error::Error::source(error);
    while let Some(it) = source {
        if let Some(io) = it.downcast_ref::<std::io::Error>() {
            return dial::reason(io);
        }
        source = it.source();
    }
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        return "EOF".into();
    }
    format!("net/http: HTTP/1.x transport connection broken: {error}")
}

fn headers(config: &ClientConfig, url: &Url, user_agent: &str) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let value = |name: &str, text: &str| {
        text.parse::<HeaderValue>().map_err(|_| format!("header {name:?} has a malformed value"))
    };
    headers.insert(HOST, value("host", url.host())?);
    headers.insert(USER_AGENT, value("user-agent", user_agent)?);
    for (name, secret) in &config.headers.entries {
        let key = name.parse::<HeaderName>();
        let key = key.map_err(|_| format!("header {name:?} has a malformed name"))?;
        let mut secret = value(name, secret.expose())?;
        secret.set_sensitive(true);
        headers.insert(key, secret);
    }
    if let Some(encoding) = config.compression.0 {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
    }
    if config.disable_keep_alives {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(headers)
}

#[cfg(test)]
mod tests;
