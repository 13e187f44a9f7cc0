//! Bundles from servers, as OPA downloads them (`v1/download/download.go`): asked for again and again with the ETag of the last one, with
//! long polling where the server can. What is bad in any way changes nothing: the last good one counts on.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use confighttp::client::{Fetcher, Url, sent_headers};
use http::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::bundle::Bundle;
use crate::bundles::BundleConfig;
use crate::signed::Verification;
use crate::windows::lock;

/// First pause after a failure. `minRetryDelay` of OPA.
const RETRY_DELAY: Duration = Duration::from_millis(100);
/// What a server that can wait calls its bundles.
const LONG_POLLING: &str = "application/vnd.openpolicyagent.bundles";
/// Who asks.
const AGENT: &str = "sluice";

/// A bundle of a server.
pub(crate) struct Remote {
    pub(crate) name: String,
    config: BundleConfig,
    verification: Option<Verification>,
    state: Mutex<State>,
    /// Who has it fetches.
    pub(crate) turn: tokio::sync::Mutex<()>,
}

/// The last good one.
#[derive(Default, Clone)]
struct State {
    bundle: Option<Arc<Bundle>>,
    etag: String,
}

/// What came of a request.
#[derive(Debug)]
pub(crate) enum Fetched {
    /// Another one than before, unpacked and verified.
    New(Download),
    /// The same as before.
    NotModified,
}

/// A bundle that may become the one that counts.
#[derive(Debug)]
pub(crate) struct Download {
    bundle: Arc<Bundle>,
    packed: Vec<u8>,
    etag: String,
}

impl Remote {
    /// With the last good one of before a restart, if it was kept and still verifies.
    pub(crate) fn new(
        name: &str,
        config: &BundleConfig,
        verification: Option<Verification>,
    ) -> Self {
        let remote = Self {
            name: name.to_owned(),
            config: config.clone(),
            verification,
            state: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        };
        if let Some(path) = remote.kept()
            && let Ok(packed) = fs::read(&path)
        {
            match remote.unpacked(&packed) {
                Ok(bundle) => {
                    // Without an ETag: the server is asked for all of it once.
                    let state = State { bundle: Some(Arc::new(bundle)), etag: String::new() };
                    *lock(&remote.state) = state;
                }
                Err(error) => {
                    let path = path.display();
                    tracing::warn!(%path, error, "the bundle that was kept cannot be used");
                }
            }
        }
        remote
    }

    /// The one that counts.
    pub(crate) fn bundle(&self) -> Option<Arc<Bundle>> {
        lock(&self.state).bundle.clone()
    }

    fn unpacked(&self, packed: &[u8]) -> Result<Bundle, String> {
        let limit = self.config.size_limit_bytes;
        if packed.len() as u64 > limit {
            return Err(format!("it has more than {limit} bytes (size_limit_bytes)"));
        }
        Bundle::read(packed, self.verification.as_ref())
    }

    /// Puts a download in the place of the one that counts, and returns what to put back if it makes no policy.
    pub(crate) fn accept(&self, download: &Download) -> Before {
        let new = State { bundle: Some(Arc::clone(&download.bundle)), etag: download.etag.clone() };
        Before(std::mem::replace(&mut *lock(&self.state), new))
    }

    /// Puts it back.
    pub(crate) fn put_back(&self, before: Before) {
        *lock(&self.state) = before.0;
    }

    /// Keeps a download for the next start.
    ///
    /// # Errors
    /// Those of the disk.
    pub(crate) fn keep(&self, download: &Download) -> Result<(), String> {
        let Some(path) = self.kept() else { return Ok(()) };
        let problem = |error: std::io::Error| format!("cannot keep {}: {error}", path.display());
        fs::create_dir_all(&self.config.persistence_directory).map_err(problem)?;
        let new = path.with_extension("new");
        let mut file = fs::File::create(&new).map_err(problem)?;
        file.write_all(&download.packed).and_then(|()| file.sync_all()).map_err(problem)?;
        fs::rename(&new, &path).map_err(problem)
    }

    fn kept(&self) -> Option<PathBuf> {
        let folder = &self.config.persistence_directory;
        // The name is a key of the section.
        let name = self.name.replace(['/', '\\'], "_");
        (!folder.is_empty()).then(|| Path::new(folder).join(format!("{name}.tar.gz")))
    }

    /// The pause before the next request: that of the server, if it waits itself, else a random one.
    pub(crate) fn pause(&self, waits: bool) -> Duration {
        let polling = &self.config.polling;
        if waits {
            return Duration::ZERO;
        }
        let (min, max) = (polling.min_delay.std(), polling.max_delay.std());
        min + max.saturating_sub(min).mul_f64(fastrand::f64())
    }

    /// The pause after so many failures.
    pub(crate) fn pause_after(&self, failures: u32) -> Duration {
        let doubled = RETRY_DELAY.saturating_mul(1 << failures.min(20));
        doubled.min(self.config.polling.max_delay.std())
    }

    /// Asks the server; whether it waits for changes itself.
    ///
    /// # Errors
    /// Why there is no good bundle.
    pub(crate) async fn fetch(&self) -> Result<(Fetched, bool), String> {
        let url = Url::parse(&self.config.url)?;
        let wait = self.config.polling.long_polling_timeout.std();
        let timeout = self.config.timeout.std() + wait;
        let fetcher = Fetcher::new(&self.config.tls, &url, timeout, AGENT)?;
        let headers = self.headers(wait).await?;
        let limit = usize::try_from(self.config.size_limit_bytes).unwrap_or(usize::MAX);
        let answer = fetcher.fetch(Method::GET, &url, &headers, &[], limit).await;
        let answer = answer.map_err(|why| format!("request failed: {why}"))?;
        let text = |name: HeaderName| {
            let value = answer.headers().get(name).and_then(|it| it.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let waits = !wait.is_zero() && text(CONTENT_TYPE) == LONG_POLLING;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED => return Ok((Fetched::NotModified, waits)),
            StatusCode::NOT_FOUND => return Err("server replied with not found".into()),
            StatusCode::UNAUTHORIZED => return Err("server replied with not authorized".into()),
            other => return Err(format!("server replied with HTTP {}", other.as_u16())),
        }
        let (packed, etag) = (answer.body().to_vec(), text(ETAG));
        let bundle = Arc::new(self.unpacked(&packed)?);
        Ok((Fetched::New(Download { bundle, packed, etag }), waits))
    }

    async fn headers(&self, wait: Duration) -> Result<HeaderMap, String> {
        let mut headers = sent_headers(&self.config.headers)?;
        let value = |name: &str, text: &str| {
            HeaderValue::try_from(text).map_err(|_| format!("header {name:?} is malformed"))
        };
        let token = match self.config.bearer_token_file.as_str() {
            "" => self.config.bearer_token.expose().to_owned(),
            path => {
                let read = tokio::fs::read_to_string(path).await;
                read.map_err(|error| format!("cannot read {path}: {error}"))?.trim().to_owned()
            }
        };
        if !token.is_empty() {
            let mut login = value("authorization", &format!("Bearer {token}"))?;
            login.set_sensitive(true);
            headers.insert(AUTHORIZATION, login);
        }
        let etag = lock(&self.state).etag.clone();
        if !etag.is_empty() {
            headers.insert(IF_NONE_MATCH, value("if-none-match", &etag)?);
        }
        let prefer = if wait.is_zero() {
            "modes=snapshot".to_owned()
        } else {
            format!("modes=snapshot;wait={}", wait.as_secs())
        };
        headers.insert(HeaderName::from_static("prefer"), value("prefer", &prefer)?);
        Ok(headers)
    }
}

/// What counted before.
pub(crate) struct Before(State);
