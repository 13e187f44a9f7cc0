//! An issuer of tokens, and where its keys come from: OpenID Connect Discovery 1.0, section 4, or a file.

use std::sync::Arc;
use std::time::Duration;

use component::{BoxError, Host, Refusal};
use confighttp::client::{Fetcher, Url};
use credentials::{Fetched, Watched};
use http::header::{ACCEPT, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use serde_json::Value;

use crate::config::Provider;
use crate::keys::Keys;
use crate::token::Token;

/// The time for one request with its redirects. The value of upstream.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Most bytes of an answer that are read. Sets of keys are some kilobytes.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// The shortest time between two requests for keys. Tokens with keys that nobody knows cost no more than that.
const PAUSE: Duration = Duration::from_secs(10);
/// Keys are fetched again after this time at the latest, so that one that the issuer has withdrawn stops to count.
const KEYS_AGE_MAX: Duration = Duration::from_secs(3600);

/// The issuer of one of `providers`.
pub(crate) struct Issuer {
    pub(crate) provider: Provider,
    keys: Source,
}

enum Source {
    Asked(Arc<Fetched<Keys>>),
    File(Arc<Watched<Keys>>),
}

impl Issuer {
    /// Knows its keys; else there is an error.
    pub(crate) async fn open(
        provider: &Provider,
        agent: &str,
        host: &Host,
    ) -> Result<Self, BoxError> {
        let failed = |why: String| {
            format!("failed to create OIDC provider for {:?}: {why}", provider.issuer_url)
        };
        if !provider.public_keys_file.is_empty() {
            let path = &provider.public_keys_file;
            let watched = Watched::open(path.as_ref(), host, |text| Keys::parse(text.as_bytes()));
            let watched =
                watched.map_err(|why| format!("failed to load JWKS file {path:?}: {why}"))?;
            return Ok(Self { provider: provider.clone(), keys: Source::File(watched) });
        }
        let discovery = Arc::new(Discovery::new(provider, agent).map_err(failed)?);
        let keys = Fetched::new(PAUSE);
        keys.run(host, KEYS_AGE_MAX, move || {
            let discovery = Arc::clone(&discovery);
            async move { discovery.keys().await }
        });
        keys.newer().await.into_value().map_err(failed)?;
        Ok(Self { provider: provider.clone(), keys: Source::Asked(keys) })
    }

    /// Whether it has signed the token. The issuer is asked for its keys only if the one that the token names is not known
    /// yet. A client that could not be checked for that reason is told to come again, so that it loses nothing.
    pub(crate) async fn signed(&self, token: &Token<'_>) -> Result<(), Refusal> {
        let forged = || Refusal::from(FORGED);
        let fetched = match &self.keys {
            Source::File(watched) if token.is_signed(&watched.get()) => return Ok(()),
            Source::File(_) => return Err(forged()),
            Source::Asked(fetched) => fetched,
        };
        let before = fetched.known().into_value()?;
        if token.is_signed(&before) {
            return Ok(());
        }
        if token.names_one_of(&before) {
            return Err(forged());
        }
        let known = fetched.newer().await;
        let problem = known.problem.clone();
        let now = known.into_value()?;
        if token.is_signed(&now) {
            return Ok(());
        }
        if let Some(error) = problem {
            tracing::warn!(
                issuer = self.provider.issuer_url,
                error,
                "the keys of an issuer cannot be fetched"
            );
            return Err(Refusal::later("failed to verify signature: fetching keys failed"));
        }
        if Arc::ptr_eq(&before, &now) {
            return Err(Refusal::later(
                "the key of the token is not known, and the issuer was asked a moment ago",
            ));
        }
        Err(forged())
    }
}

/// What is said of a token that the issuer has not signed.
const FORGED: &str =
    "failed to verify token: failed to verify signature: failed to verify id token signature";

/// Asks an issuer where its keys are, and then for them.
struct Discovery {
    issuer: String,
    url: Url,
    fetcher: Fetcher,
}

impl Discovery {
    fn new(provider: &Provider, agent: &str) -> Result<Self, String> {
        let issuer = provider.issuer_url.clone();
        let base = issuer.trim_end_matches('/');
        let url = Url::parse(&format!("{base}/.well-known/openid-configuration"))?;
        let mut tls = configtls::ClientConfig::default();
        tls.common.ca_file.clone_from(&provider.issuer_ca_path);
        let fetcher = Fetcher::new(&tls, &url, TIMEOUT, agent)?;
        Ok(Self { issuer, url, fetcher })
    }

    async fn keys(&self) -> Result<Keys, String> {
        let text = self.get(&self.url).await?;
        let said: Value = serde_json::from_slice(&text).map_err(|error| {
            format!("oidc: failed to decode provider discovery object: {error}")
        })?;
        let field = |name: &str| said.get(name).and_then(Value::as_str).unwrap_or_default();
        let (wanted, issuer) = (&self.issuer, field("issuer"));
        if issuer != wanted {
            return Err(format!(
                "oidc: issuer did not match the issuer returned by provider, expected {wanted:?} got {issuer:?}"
            ));
        }
        let url =
            Url::parse(field("jwks_uri")).map_err(|why| why.replacen("endpoint", "jwks_uri", 1))?;
        if self.url.is_tls() && !url.is_tls() {
            return Err(format!(
                "jwks_uri {url} is not encrypted: who is on the way could put a key of its own there"
            ));
        }
        Keys::parse(&self.get(&url).await?)
    }

    async fn get(
        &self,
        url: &Url,
    ) -> Result<impl AsRef<[u8]> + std::ops::Deref<Target = [u8]> + use<>, String> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let answer = self.fetcher.fetch(Method::GET, url, &headers, &[], ANSWER_BYTES_MAX).await;
        let answer = answer.map_err(|why| format!("Get \"{url}\": {why}"))?;
        match answer.status() {
            StatusCode::OK => Ok(answer.into_body()),
            status => Err(format!("Get \"{url}\": {status}")),
        }
    }
}
