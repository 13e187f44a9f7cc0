//! Requests to the API server.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use confighttp::client::{Answer, FetchError, Fetcher, Url};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;

use crate::backoff::Limiter;
use crate::connection::{Auth, Connection};
use crate::locate::locate;
use crate::resource::escape;
use crate::server::Server;
use crate::{ApiConfig, Error, Query};

/// Content type of what is sent and asked for.
const JSON: &str = "application/json";
/// Longest wait for the head of an answer; for a whole answer it is the same again.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Requests a second when the section says 0. client-go has 5, with which a start of many watches waits for its own limit.
const QPS: f64 = 50.0;
/// Requests at once when the section says 0.
const BURST: f64 = 100.0;
/// Longest answer that is read in one piece, in bytes.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// Longest answer with a refusal, in bytes.
const REFUSAL_BYTES_MAX: usize = 64 << 10;

/// A client of one API server. Cloning counts references.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    origin: Origin,
    connection: Connection,
    fetcher: Fetcher,
    limiter: Limiter,
    version: OnceCell<(u32, u32)>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("server", &self.0.connection.server).finish_non_exhaustive()
    }
}

/// What a client was made from. What is the same for two clients is the same server and the same user.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Origin {
    Section(ApiConfig),
    Server(Box<Server>),
}

/// What `/version` says.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Version {
    major: String,
    minor: String,
}

impl Client {
    /// A client for the server that the section names; nothing is sent yet. It reads files on a thread that may block.
    ///
    /// # Errors
    /// The server or the credentials are not known.
    pub async fn new(config: &ApiConfig, agent: &str) -> Result<Self, String> {
        let section = config.clone();
        let read = move || locate(&section, |name| std::env::var(name).ok());
        let read = tokio::task::spawn_blocking(read).await;
        Self::with(config, read.map_err(|error| error.to_string())??, agent)
    }

    /// A client for a server that no [`ApiConfig`] names; nothing is sent yet. It reads files on a thread that may block.
    ///
    /// # Errors
    /// The server or the credentials cannot be used.
    pub async fn of(server: &Server, agent: &str) -> Result<Self, String> {
        let its = server.clone();
        let read = tokio::task::spawn_blocking(move || its.connection()).await;
        let connection = read.map_err(|error| error.to_string())??;
        Self::made(Origin::Server(Box::new(server.clone())), connection, agent)
    }

    /// A client of the server at a URL, without credentials: for tests of components.
    ///
    /// # Errors
    /// It is no URL.
    pub fn plain(server: &str) -> Result<Self, String> {
        let (tls, auth) = (configtls::ClientConfig::default(), Auth::default());
        let server = server.to_owned();
        let connection = Connection { server, tls, auth, proxy_url: String::new() };
        Self::with(&ApiConfig::default(), connection, "test")
    }

    pub(crate) fn with(
        config: &ApiConfig,
        connection: Connection,
        agent: &str,
    ) -> Result<Self, String> {
        Self::made(Origin::Section(config.clone()), connection, agent)
    }

    fn made(origin: Origin, connection: Connection, agent: &str) -> Result<Self, String> {
        let server = Url::parse(connection.server.trim_end_matches('/'));
        let server = server.map_err(|why| why.replacen("endpoint", "API server", 1))?;
        let fetcher =
            Fetcher::through(&connection.proxy_url, &connection.tls, &server, TIMEOUT, agent)?;
        let (qps, burst) = match &origin {
            Origin::Section(config) => (config.kube_api_qps, config.kube_api_burst),
            Origin::Server(_) => (0.0, 0),
        };
        let burst = match burst {
            0 => BURST,
            burst => f64::from(u32::try_from(burst).unwrap_or(u32::MAX)),
        };
        let qps = if qps == 0.0 { QPS } else { qps };
        let limiter = Limiter::new(qps, burst.max(1.0));
        let version = OnceCell::new();
        Ok(Self(Arc::new(Inner { origin, connection, fetcher, limiter, version })))
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.0.origin
    }

    /// The URL of the server.
    pub fn server(&self) -> &str {
        &self.0.connection.server
    }

    /// What is at `path` (with its query), read as a `T`.
    ///
    /// # Errors
    /// Without a good answer.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        let body = self.send(Method::GET, path, "application/json", &[]).await?;
        serde_json::from_slice(&body)
            .map_err(|error| Error::Malformed(format!("the answer to {path}: {error}")))
    }

    /// The object of this name of those that `query` is about.
    ///
    /// # Errors
    /// Without a good answer; its code is 404 if there is none.
    pub async fn object<T: DeserializeOwned>(&self, query: &Query, name: &str) -> Result<T, Error> {
        let path = format!("{}/{}", query.resource.path(&query.namespace), escape(name));
        let accept = query.accept("PartialObjectMetadata");
        let body = self.send(Method::GET, &path, &accept, &[]).await?;
        serde_json::from_slice(&body)
            .map_err(|error| Error::Malformed(format!("the answer to {path}: {error}")))
    }

    /// Sends a request and reads the whole answer. `body` is JSON.
    ///
    /// # Errors
    /// Without a good answer.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        accept: &str,
        body: &[u8],
    ) -> Result<Bytes, Error> {
        self.exchange(method, path, accept, (JSON, body)).await
    }

    /// Applies a part of an object on the server (server-side apply): the fields that `object` has belong to `manager` from then
    /// on. With `is_dry_run` the server does all but keep it.
    ///
    /// # Errors
    /// Without a good answer.
    pub async fn apply(
        &self,
        path: &str,
        manager: &str,
        is_dry_run: bool,
        object: &[u8],
    ) -> Result<Bytes, Error> {
        let dry_run = if is_dry_run { "&dryRun=All" } else { "" };
        let path = format!("{path}?fieldManager={}&force=true{dry_run}", escape(manager));
        // JSON is YAML.
        let content_type = "application/apply-patch+yaml";
        self.exchange(Method::PATCH, &path, JSON, (content_type, object)).await
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        accept: &str,
        body: (&'static str, &[u8]),
    ) -> Result<Bytes, Error> {
        self.0.limiter.turn().await;
        let mut answer = self.ask(method, path, accept, body).await?;
        let read = tokio::time::timeout(TIMEOUT, answer.body(ANSWER_BYTES_MAX)).await;
        read.unwrap_or(Err(FetchError::Timeout)).map_err(|why| match why {
            FetchError::TooLong(_) => Error::too_long(ANSWER_BYTES_MAX),
            other => self.broken(path, &other),
        })
    }

    /// Sends a request whose answer is read piece by piece.
    ///
    /// # Errors
    /// Without a good answer.
    pub(crate) async fn open(
        &self,
        method: Method,
        path: &str,
        accept: &str,
        body: &[u8],
    ) -> Result<Answer, Error> {
        self.ask(method, path, accept, (JSON, body)).await
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        accept: &str,
        (content_type, body): (&'static str, &[u8]),
    ) -> Result<Answer, Error> {
        let Inner { connection, fetcher, .. } = &*self.0;
        let url = format!("{}{path}", connection.server.trim_end_matches('/'));
        let url = Url::parse(&url).map_err(Error::Malformed)?;
        let mut headers = HeaderMap::new();
        let value = HeaderValue::try_from(accept);
        headers.insert(ACCEPT, value.map_err(|error| Error::Malformed(error.to_string()))?);
        if !body.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        if let Some(login) = connection.auth.header().await.map_err(Error::Connection)? {
            headers.insert(AUTHORIZATION, login);
        }
        let answer = fetcher.open(method, &url, &headers, body).await;
        let mut answer = answer.map_err(|why| self.broken(path, &why))?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        if answer.status == http::StatusCode::UNAUTHORIZED {
            connection.auth.refused().await;
        }
        let body = answer.body(REFUSAL_BYTES_MAX);
        let body = tokio::time::timeout(TIMEOUT, body).await.ok().and_then(Result::ok);
        Err(Error::answered(answer.status, &answer.headers, &body.unwrap_or_default()))
    }

    fn broken(&self, path: &str, why: &FetchError) -> Error {
        let path = path.split('?').next().unwrap_or_default();
        Error::Connection(format!("{}{path}: {why}", self.0.connection.server))
    }

    /// Major and minor version of the server, asked for once; 0 if it does not say.
    pub async fn version(&self) -> (u32, u32) {
        let ask = || async {
            let said: Version = self.get("/version").await?;
            let number = |text: &str| {
                let digits = text.split(|it: char| !it.is_ascii_digit()).next();
                digits.and_then(|it| it.parse().ok()).unwrap_or(0)
            };
            Ok::<_, Error>((number(&said.major), number(&said.minor)))
        };
        self.0.version.get_or_try_init(ask).await.copied().unwrap_or_default()
    }
}
