//! Requests beside the telemetry: tokens, keys of an issuer. They are rare, so each has a connection of its own, and what
//! [`Client`](super::Client) does to be fast (a pool, compression, bodies in pieces) has no place here.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use compression::Chunks;
use confignet::dial::Connection;
use confignet::proxy::Proxies;
use configtls::MaybeTls;
use http::header::{CONNECTION, HOST, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::Url;
use super::dialer::{Chosen, Dialer, Phases};
use super::http1::{Live, drive, shake_hands, why};
use super::redirect::REQUESTS_MAX;

/// Sends requests of any method to any URL, one connection for each.
pub struct Fetcher {
    pub(super) dialer: Dialer,
    pub(super) timeout: Duration,
    pub(super) agent: HeaderValue,
    pub(super) follows: bool,
}

/// Who stands between, and where an answer may lead.
#[derive(Debug, Clone)]
pub struct Ways {
    /// A proxy for all requests; empty is none.
    pub proxy_url: String,
    /// Proxies as the environment says, where there is no `proxy_url`.
    pub environment: bool,
    /// Redirects of a GET are followed.
    pub follow_redirects: bool,
}

impl Default for Ways {
    fn default() -> Self {
        Self { proxy_url: String::new(), environment: true, follow_redirects: true }
    }
}

impl std::fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetcher").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// An answer whose body is read piece by piece, for as long as the server sends.
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    pub(super) incoming: Incoming,
    pub(super) live: Live,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).finish_non_exhaustive()
    }
}

/// A request: its method, where it goes, all of its headers, its body.
pub(super) type Whole<'a> = (&'a Method, &'a Url, HeaderMap, Bytes);

/// What is learned of a server on the way to its answer, also where there is none.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) phases: Phases,
    /// The certificate of the server, as DER.
    pub(super) certificate: Option<Vec<u8>>,
}

impl Answer {
    /// The next piece of the body; `None` at its end.
    ///
    /// # Errors
    /// The connection broke; in Go's words.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, String> {
        loop {
            let Some(frame) = drive(&mut self.live.connection, self.incoming.frame()).await else {
                return Ok(None);
            };
            // What is no data are trailers.
            if let Ok(data) = frame.map_err(|error| why(&error))?.into_data() {
                return Ok(Some(data));
            }
        }
    }

    /// The rest of the body, of at most `bytes_max`.
    ///
    /// # Errors
    /// The connection broke, or the body is longer.
    pub async fn body(&mut self, bytes_max: usize) -> Result<Bytes, FetchError> {
        let mut body = BytesMut::new();
        while let Some(data) = self.chunk().await? {
            if data.len() > bytes_max - body.len() {
                return Err(FetchError::TooLong(bytes_max));
            }
            body.extend_from_slice(&data);
        }
        Ok(body.freeze())
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchError {
    /// Not all of it came in time.
    Timeout,
    /// The body of the answer is longer than so many bytes.
    TooLong(usize),
    /// No connection, or it broke; in Go's words.
    Failed(String),
}

impl std::fmt::Display for FetchError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Timeout => f.write_str(
                "context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
            ),
            Self::TooLong(bytes_max) => {
                write!(f, "the answer is longer than {bytes_max} bytes: is this the right URL?")
            }
            Self::Failed(why) => f.write_str(why),
        }
    }
}

impl From<String> for FetchError {
    fn from(why: String) -> Self {
        Self::Failed(why)
    }
}

impl Fetcher {
    /// With the proxies of the environment. `first` is the URL that is asked first; `timeout` is for one request with its
    /// answer and the redirects between.
    ///
    /// # Errors
    /// When certificates or proxies cannot be used.
    pub fn new(
        tls: &configtls::ClientConfig,
        first: &Url,
        timeout: Duration,
        agent: &str,
    ) -> Result<Self, String> {
        Self::by(&Ways::default(), tls, first, timeout, agent)
    }

    /// The same, whatever the environment says about proxies: through `proxy_url`, or directly if that is empty.
    ///
    /// # Errors
    /// When certificates or the proxy cannot be used.
    pub fn through(
        proxy_url: &str,
        tls: &configtls::ClientConfig,
        first: &Url,
        timeout: Duration,
        agent: &str,
    ) -> Result<Self, String> {
        let ways = Ways { proxy_url: proxy_url.to_owned(), environment: false, ..Ways::default() };
        Self::by(&ways, tls, first, timeout, agent)
    }

    /// The same by other ways.
    ///
    /// # Errors
    /// When certificates or proxies cannot be used.
    pub fn by(
        ways: &Ways,
        tls: &configtls::ClientConfig,
        first: &Url,
        timeout: Duration,
        agent: &str,
    ) -> Result<Self, String> {
        let environment =
            if ways.environment { Proxies::from_environment() } else { Proxies::new(|_| None) };
        let proxies = Chosen::new(&ways.proxy_url, environment)?;
        let agent = agent.parse().map_err(|_| format!("user agent {agent:?} is malformed"))?;
        let dialer = Dialer::new(proxies, tls, first, false)?;
        Ok(Self { dialer, timeout, agent, follows: ways.follow_redirects })
    }

    /// Sends a request and reads the answer, of at most `bytes_max`. Redirects of a GET are followed; what is sent by other
    /// methods carries secrets, and goes only where the configuration says.
    ///
    /// # Errors
    /// Without a whole answer.
    pub async fn fetch(
        &self,
        method: Method,
        url: &Url,
        headers: &HeaderMap,
        body: &[u8],
        bytes_max: usize,
    ) -> Result<Response<Bytes>, FetchError> {
        let all = async {
            let (mut url, body) = (url.clone(), Bytes::copy_from_slice(body));
            for _ in 0..REQUESTS_MAX {
                let request = (&method, &url, self.headers(&url, headers)?, body.clone());
                let answer = self.one(request, bytes_max).await?;
                let location = answer.headers().get(LOCATION);
                let follows = answer.status().is_redirection() && method == Method::GET;
                let follows = follows && self.follows;
                let Some(location) = location.filter(|_| follows) else {
                    return Ok(answer);
                };
                let text = String::from_utf8_lossy(location.as_bytes());
                let to = url.join(&text);
                let to = to.map_err(|why| format!("failed to parse Location header: {why}"))?;
                if url.is_tls() && !to.is_tls() {
                    // Whoever is on the way could give any answer then.
                    return Err(FetchError::Failed(format!(
                        "redirected from https:// to {to}, which is not encrypted"
                    )));
                }
                url = to;
            }
            Err(FetchError::Failed(format!("stopped after {REQUESTS_MAX} redirects")))
        };
        tokio::time::timeout(self.timeout, all).await.unwrap_or(Err(FetchError::Timeout))
    }

    /// Sends a request and reads the head of the answer. The timeout is for that; redirects are not followed.
    ///
    /// # Errors
    /// Without an answer.
    pub async fn open(
        &self,
        method: Method,
        url: &Url,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Answer, FetchError> {
        let head = async {
            let (headers, body) = (self.headers(url, headers)?, Bytes::copy_from_slice(body));
            self.head((&method, url, headers, body), &mut Seen::default()).await
        };
        tokio::time::timeout(self.timeout, head).await.unwrap_or(Err(FetchError::Timeout))
    }

    async fn one(
        &self,
        request: Whole<'_>,
        bytes_max: usize,
    ) -> Result<Response<Bytes>, FetchError> {
        let mut answer = self.head(request, &mut Seen::default()).await?;
        let mut response = Response::new(answer.body(bytes_max).await?);
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        Ok(response)
    }

    /// Sends one request on a connection of its own, and reads the head of the answer.
    pub(super) async fn head(
        &self,
        (method, url, headers, body): Whole<'_>,
        seen: &mut Seen,
    ) -> Result<Answer, FetchError> {
        let begun = Instant::now();
        let mut request = Request::new(Full::new(Chunks::from(body)));
        *request.method_mut() = method.clone();
        *request.headers_mut() = headers;
        let connection = self.dial(url, &mut request, &mut seen.phases).await?;
        seen.certificate = connection.peer_certificate().map(<[u8]>::to_vec);
        let mut live = shake_hands(connection).await?;
        seen.phases.request = begun.elapsed();
        let answer = drive(&mut live.connection, live.send.send_request(request)).await;
        let (head, incoming) = answer.map_err(|error| why(&error))?.into_parts();
        Ok(Answer { status: head.status, headers: head.headers, incoming, live })
    }

    /// A connection for one request, whose head is made fit for it.
    pub(super) async fn dial<B>(
        &self,
        url: &Url,
        request: &mut Request<B>,
        phases: &mut Phases,
    ) -> Result<MaybeTls<Connection>, FetchError> {
        let proxy = self.dialer.proxy(url)?;
        Dialer::address(url, proxy.as_ref(), request)?;
        let agent = self.agent.to_str().unwrap_or_default();
        Ok(self.dialer.dial(url, proxy.as_ref(), agent, phases).await?)
    }

    pub(super) fn headers(&self, url: &Url, headers: &HeaderMap) -> Result<HeaderMap, FetchError> {
        let mut headers = headers.clone();
        let host = url.host().parse().map_err(|_| format!("host of {url} is malformed"))?;
        headers.insert(HOST, host);
        headers.insert(USER_AGENT, self.agent.clone());
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        Ok(headers)
    }
}
