//! A client for POST requests to one URL and to where it redirects, on connections that are kept: HTTP/2 with a server
//! that has agreed on it in the TLS handshake ([`http2`]), HTTP/1.1 with all others ([`http1`]).

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::{Buf, Bytes};
use component::config::MapList;
use component::meter::Calls;
use component::{ClientAuth, ConsumeError, Context, Meter, Outgoing};
use compression::{Chunks, Compressor};
use confignet::dial::Target;
use confignet::proxy::{Proxies, Proxy};
use http::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, COOKIE, HOST, RETRY_AFTER, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use http_body_util::Full;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

mod config;
mod cookies;
mod dialer;
mod fetch;
mod http1;
mod http2;
mod probe;
mod redirect;
mod started;
mod upgrade;
mod url;

use dialer::{Chosen, Dialer};

pub use config::{AuthConfig, ClientConfig, CookiesConfig, FlatKeepalive, KeepaliveConfig};
pub use dialer::Phases;
pub use fetch::{Answer, FetchError, Fetcher, Ways};
pub use probe::Probed;
pub use started::Started;
pub use upgrade::Upgraded;
pub use url::{Url, is_no_url};

/// Most of an answer's body that is read, in bytes, unless a client wants more. `maxHTTPResponseReadBytes` of upstream's
/// exporter.
pub const REPLY_BYTES_MAX: usize = 64 * 1024;
/// HTTP/2 connections that a request tries when one turns out to be closing before it took the request.
const ATTEMPTS_MAX: usize = 3;

/// A client for one URL.
pub struct Client {
    url: Url,
    dialer: Dialer,
    headers: HeaderMap,
    compressor: Arc<Compressor>,
    timeout: Option<Duration>,
    http1: Arc<http1::Pool>,
    http2: http2::Links,
    /// They belong to the client and not to a host, because the queue in front of an exporter is drained after the
    /// host's tasks have ended.
    tasks: Mutex<JoinSet<()>>,
    connections: Option<Semaphore>,
    cookies: Option<cookies::Jar>,
    calls: Option<Calls>,
    auth: Option<Arc<dyn ClientAuth>>,
    reply_max: usize,
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
    /// Its body, up to what the client reads: [`REPLY_BYTES_MAX`].
    pub body: Bytes,
}

impl Reply {
    /// How long to wait before trying again, as the answer says.
    pub fn retry_after(&self, now: SystemTime) -> Option<Duration> {
        retry_after(&self.headers, now)
    }

    /// The error of a request that can have success later: as soon as the server says.
    pub fn retryable(&self, text: String) -> ConsumeError {
        let error = ConsumeError::retryable(text);
        match self.retry_after(component::clock::now()) {
            Some(wait) => error.after(wait),
            None => error,
        }
    }
}

/// How long to wait before trying again: seconds, or a date. RFC 9110, section 10.2.3.
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match value.parse::<u64>() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => httpdate::parse_http_date(value).ok()?.duration_since(now).ok(),
    }
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
        let proxies = Chosen::new(&config.proxy_url, environment)?;
        let kept = config.kept();
        let http2 = config.force_attempt_http2 && kept.is_some();
        let dialer = Dialer::new(proxies, &config.tls, &url, http2)?;
        let compressor = Compressor::http(*config.compression, config.compression_params);
        let count = |limit: i64| usize::try_from(limit).ok().filter(|it| *it > 0);
        Ok(Self {
            headers: headers(config, &url, user_agent)?,
            url,
            dialer,
            compressor: Arc::new(compressor),
            timeout: Some(config.timeout.std()).filter(|it| !it.is_zero()),
            http1: http1::Pool::new(kept.as_ref()),
            http2: http2::Links::new(config),
            tasks: Mutex::default(),
            connections: count(config.max_conns_per_host).map(Semaphore::new),
            cookies: config.cookies.get().map(|_| cookies::Jar::default()),
            calls: None,
            auth: None,
            reply_max: REPLY_BYTES_MAX,
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

    /// Reads answers of at most this many bytes, where those of [`REPLY_BYTES_MAX`] say too little.
    #[must_use]
    pub fn with_reply_max(self, reply_max: usize) -> Self {
        Self { reply_max, ..self }
    }

    /// Where it posts to.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Closes the idle connections.
    pub fn close(&self) {
        self.http1.close();
        self.http2.close();
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
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
        self.post_with(ctx, content_type, &HeaderMap::new(), body).await
    }

    /// The same with more headers, which replace those of the client: a signature of the body.
    ///
    /// # Errors
    /// Those of [`Client::post`].
    pub async fn post_with(
        &self,
        ctx: &Context,
        content_type: HeaderValue,
        more: &HeaderMap,
        body: Chunks,
    ) -> Result<Reply, String> {
        let begun = self.calls.as_ref().map(|it| (it, Instant::now(), body.remaining()));
        let call = self.post_unlimited(ctx, (content_type, more), body);
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
        own: (HeaderValue, &HeaderMap),
        body: Chunks,
    ) -> Result<Reply, String> {
        let body = self.compressor.compress_aside(body).await;
        let body = body.map_err(|it| failed(&self.url, &it.to_string()))?;
        let mut url = Cow::Borrowed(&self.url);
        let mut headers = self.first_headers(ctx, &own, &body).await?;
        for _ in 0..redirect::REQUESTS_MAX {
            let sent = self.send(&url, headers, body.clone()).await;
            let reply = sent.map_err(|why| failed(&url, &why))?;
            let to = match redirect::next(&reply, &url) {
                None => return Ok(reply),
                Some(to) => to.map_err(|why| failed(&url, &why))?,
            };
            let first = self.first_headers(ctx, &own, &body).await?;
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
        (content_type, more): &(HeaderValue, &HeaderMap),
        body: &Chunks,
    ) -> Result<HeaderMap, String> {
        let mut headers = self.headers.clone();
        headers.insert(CONTENT_TYPE, content_type.clone());
        for (name, value) in *more {
            headers.insert(name.clone(), value.clone());
        }
        if let Some(auth) = &self.auth {
            let path = self.url.path().to_string();
            let body = body.pieces().map(AsRef::as_ref).collect();
            let request = Outgoing { method: "POST", path: &path, body };
            let given = auth.sign(ctx, &request, &mut headers).await;
            given.map_err(|why| failed(&self.url, &why))?;
        }
        Ok(headers)
    }

    /// One request to one server, or to the proxy before it.
    async fn send(&self, url: &Url, mut headers: HeaderMap, body: Chunks) -> Result<Reply, String> {
        if let Some(jar) = &self.cookies
            && !headers.contains_key(COOKIE)
            && let Some(cookies) = jar.header(url, component::clock::now())
        {
            headers.insert(COOKIE, cookies);
        }
        let reply = self.exchange(url, headers, body).await?;
        if let Some(jar) = &self.cookies {
            jar.store(url, &reply.headers, component::clock::now());
        }
        Ok(reply)
    }

    /// The same, with the headers as they are: on a connection that there is, or on a new one.
    async fn exchange(&self, url: &Url, headers: HeaderMap, body: Chunks) -> Result<Reply, String> {
        let mut request = Request::new(Full::new(body.clone()));
        *request.method_mut() = http::Method::POST;
        *request.headers_mut() = headers;
        let proxy = self.dialer.proxy(url)?;
        let asked = Dialer::address(url, proxy.as_ref(), &mut request)?;
        let to = (asked.map_or(url.target(), Proxy::target).clone(), url.is_tls());
        for _ in 0..ATTEMPTS_MAX {
            let Some(taken) = self.http2.take(&to) else { break };
            match self.over_http2(&taken, url, request.headers(), &body).await {
                Ok(reply) => return Ok(reply),
                Err(broken) if broken.is_unsent => {}
                Err(broken) => return Err(broken.why),
            }
        }
        let permit = match &self.connections {
            Some(limit) => limit.acquire().await.ok(),
            None => None,
        };
        while let Some(live) = self.http1.take(&to).await {
            match self.http1.exchange((&to, self.reply_max), live, request, &self.tasks).await {
                Ok(reply) => return Ok(reply),
                // It ended in the moment it was taken.
                Err(http1::Broken { unsent: Some(again), .. }) => request = again,
                Err(broken) => return Err(broken.why),
            }
        }
        let agent = self.headers.get(USER_AGENT).and_then(|it| it.to_str().ok());
        let (agent, phases) = (agent.unwrap_or_default(), &mut Phases::default());
        let connection = self.dialer.dial(url, proxy.as_ref(), agent, phases).await?;
        if connection.protocol() == Some(b"h2") {
            // It takes the requests of all.
            drop(permit);
            let taken = self.http2.add(&to, connection, &self.tasks).await?;
            let sent = self.over_http2(&taken, url, request.headers(), &body).await;
            return sent.map_err(|broken| broken.why);
        }
        let live = http1::shake_hands(connection).await?;
        let sent = self.http1.exchange((&to, self.reply_max), live, request, &self.tasks).await;
        sent.map_err(|broken| broken.why)
    }

    async fn over_http2(
        &self,
        taken: &http2::Taken,
        url: &Url,
        headers: &HeaderMap,
        body: &Chunks,
    ) -> Result<Reply, http2::Broken> {
        let request = http2::request(url, headers.clone(), body.remaining());
        let request = request.map_err(|why| http2::Broken { why, is_unsent: false })?;
        let result = taken.exchange(request, body.clone(), self.reply_max).await;
        if result.as_ref().is_err_and(|it| it.is_unsent) {
            self.http2.forget(taken);
        }
        result
    }
}

/// Begins a task of a client.
fn spawn(tasks: &Mutex<JoinSet<()>>, task: impl Future<Output = ()> + Send + 'static) {
    let mut tasks = tasks.lock().unwrap_or_else(PoisonError::into_inner);
    while tasks.try_join_next().is_some() {}
    tasks.spawn(task);
}

/// The text of a call without an answer, as Go's `net/http` has it.
fn failed(url: &Url, why: &str) -> String {
    format!("Post \"{url}\": {why}")
}

/// The headers that a section says. Their values may be secrets, and no compression of HTTP/2 keeps them.
///
/// # Errors
/// When one cannot be sent.
pub fn sent_headers(section: &MapList) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in &section.entries {
        let malformed = || format!("header {name:?} cannot be sent: correct it");
        let key = name.parse::<HeaderName>().map_err(|_| malformed())?;
        let mut value = value.expose().parse::<HeaderValue>().map_err(|_| malformed())?;
        value.set_sensitive(true);
        headers.insert(key, value);
    }
    Ok(headers)
}

fn headers(config: &ClientConfig, url: &Url, user_agent: &str) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let value = |name: &str, text: &str| {
        text.parse::<HeaderValue>().map_err(|_| format!("header {name:?} has a malformed value"))
    };
    headers.insert(HOST, value("host", url.host())?);
    headers.insert(USER_AGENT, value("user-agent", user_agent)?);
    headers.extend(sent_headers(&config.headers)?);
    if let Some(encoding) = config.compression.0 {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
    }
    if config.kept().is_none() {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(headers)
}

#[cfg(test)]
mod tests;
