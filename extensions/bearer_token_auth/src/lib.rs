//! A token in a header: checks it for receivers, sends it for exporters.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use component::config::{Duration, Problems, Secret};
use component::{
    AuthData, BoxError, Capability, ClientAuth, Component, Context, Extension, Host, Offers,
    Refusal, ServerAuth, Settings, async_trait,
};
use credentials::{Given, Watched, same};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// The pause between two looks for a file that is not there, where none is configured.
const RETRY_PAUSE: std::time::Duration = std::time::Duration::from_secs(1);

/// `extensions: bearer_token_auth:`
///
/// Upstream: `extension/bearertokenauthextension`, v0.165.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "bearertokenauthextension.Config")]
pub struct Config {
    /// The header that carries the token. Default `Authorization`.
    #[config(omit_empty)]
    pub header: String,
    /// What stands before the token, with a space between; empty for nothing. Default `Bearer`.
    #[config(omit_empty)]
    pub scheme: String,
    /// The token.
    #[config(omit_empty)]
    pub token: Secret,
    /// Several tokens: a receiver takes each of them, an exporter sends the first.
    #[config(omit_empty)]
    pub tokens: Vec<Secret>,
    /// A file with a token per line, read again when it changes. `token` and `tokens` are ignored then.
    #[config(omit_empty)]
    pub filename: String,
    /// A file that is not there when the collector starts. Default: the collector does not start.
    #[config(omit_empty)]
    pub retry_on_failure: Retry,
    /// The start waits for the file. Default false.
    #[config(omit_empty)]
    pub wait_for_token_file: bool,
}

/// `retry_on_failure:`
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "credentialsfile.RetryOnFailureConfig")]
pub struct Retry {
    /// Wait for the file. Default false.
    #[config(omit_empty)]
    pub enabled: bool,
    /// Most tries while the start waits; 0 is no limit. Default 0.
    #[config(omit_empty)]
    pub max_retries: u32,
    /// Pause between tries while the start waits; 0 is one second. Default 0.
    #[config(omit_empty)]
    pub interval: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            header: "Authorization".into(),
            scheme: "Bearer".into(),
            token: Secret::default(),
            tokens: Vec::new(),
            filename: String::new(),
            retry_on_failure: Retry::default(),
            wait_for_token_file: false,
        }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        let has_token = !self.token.expose().is_empty();
        if !has_token && self.tokens.is_empty() && self.filename.is_empty() {
            let advice = "write the token, best from a variable: token: ${env:TOKEN}; or name its file with filename";
            problems.at("", "no bearer token provided").say("token", advice);
        }
        if has_token && !self.tokens.is_empty() {
            let both = "either tokens or token should be provided, not both";
            problems.at("", both).remove("token");
        }
        if (self.retry_on_failure.enabled || self.wait_for_token_file) && self.filename.is_empty() {
            let rule = "requires filename to be set";
            problems.at("", rule).require("filename", "/etc/sluice/token");
        } else if self.wait_for_token_file && !self.retry_on_failure.enabled {
            let rule = "wait_for_token_file requires retry_on_failure to be enabled";
            problems.at("", rule).set("retry_on_failure::enabled", "true");
        }
        if self.retry_on_failure.interval.is_negative() {
            let text = "retry_on_failure::interval must not be negative";
            problems.at_start("", text).set("retry_on_failure::interval", "1s");
        }
        if HeaderName::try_from(&self.header).is_err() {
            let text = format!("{:?} cannot be the name of a header", self.header);
            problems.at_start("", text).set("header", "Authorization");
        }
    }
}

/// What is sent, and what is taken: scheme and token.
type Values = Arc<[HeaderValue]>;

/// The extension.
pub struct BearerTokenAuth {
    config: Config,
    values: OnceLock<Given<Values>>,
}

impl Extension for BearerTokenAuth {
    type Config = Config;
    const TYPE: &'static str = "bearer_token_auth";
    const ALIASES: &'static [&'static str] = &["bearertokenauth"];
    const OFFERS: &'static [Offers] = &[Offers::ServerAuth, Offers::ClientAuth];

    fn create(_settings: Settings, config: Config) -> Result<Self, BoxError> {
        Ok(Self { config, values: OnceLock::new() })
    }

    fn offers(self: Arc<Self>) -> Vec<Capability> {
        vec![Capability::ServerAuth(Arc::clone(&self) as _), Capability::ClientAuth(self)]
    }
}

#[async_trait]
impl Component for BearerTokenAuth {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let Config { scheme, token, tokens, filename, .. } = &self.config;
        let found = if !filename.is_empty() {
            if !token.expose().is_empty() || !tokens.is_empty() {
                tracing::warn!("a filename is specified. Configured token(s) is ignored!");
            }
            Given::File(self.file(filename.as_ref(), host).await?)
        } else if tokens.is_empty() {
            Given::Fixed(values(scheme, &[token.expose()]))
        } else {
            let tokens: Vec<&str> = tokens.iter().map(Secret::expose).collect();
            Given::Fixed(values(scheme, &tokens))
        };
        let _ = self.values.set(found);
        Ok(())
    }
}

/// The tokens of a file; what stands behind one in its line is a comment. An empty line is none: else an empty token
/// would be one that everybody knows.
fn lines(text: &str) -> Result<Vec<&str>, String> {
    let tokens: Vec<&str> =
        text.lines().filter_map(|line| line.split_whitespace().next()).collect();
    if tokens.is_empty() {
        Err("the file holds no token: write one per line".into())
    } else {
        Ok(tokens)
    }
}

fn values(scheme: &str, tokens: &[&str]) -> Values {
    tokens.iter().filter_map(|it| value(scheme, it)).collect()
}

fn value(scheme: &str, token: &str) -> Option<HeaderValue> {
    let text = match scheme {
        "" => token.to_owned(),
        scheme => format!("{scheme} {token}"),
    };
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

impl BearerTokenAuth {
    /// The file, or what will become of it.
    async fn file(&self, path: &Path, host: &Host) -> Result<Arc<Watched<Values>>, String> {
        let Config { retry_on_failure: retry, wait_for_token_file, .. } = &self.config;
        let scheme = self.config.scheme.clone();
        let read = move |text: &str| Ok::<Values, String>(values(&scheme, &lines(text)?));
        if retry.enabled && !wait_for_token_file {
            return Ok(Watched::awaited(path, host, Arc::default(), read));
        }
        let pause = Some(retry.interval.std()).filter(|it| !it.is_zero()).unwrap_or(RETRY_PAUSE);
        let mut tries = 0;
        loop {
            let opened = Watched::open(path, host, read.clone());
            let error = match opened {
                Ok(it) => return Ok(it),
                Err(error) => error,
            };
            let is_last = retry.max_retries > 0 && tries >= retry.max_retries;
            if !retry.enabled || is_last || host.stopping().is_cancelled() {
                return Err(error);
            }
            tracing::info!(error, "waiting for the file with the token");
            tries += 1;
            tokio::time::sleep(pause).await;
        }
    }

    fn values(&self) -> Values {
        self.values.get().map(Given::get).unwrap_or_default()
    }
}

#[async_trait]
impl ServerAuth for BearerTokenAuth {
    async fn authenticate(&self, headers: &HeaderMap) -> Result<AuthData, Refusal> {
        let Some(sent) = headers.get(&self.config.header).filter(|it| !it.is_empty()) else {
            let why = format!("missing or empty authorization header: {}", self.config.header);
            return Err(why.into());
        };
        // Each is compared: how long it takes does not say which one it is.
        let known = |known: bool, it: &HeaderValue| same(it.as_bytes(), sent.as_bytes()) | known;
        if self.values().iter().fold(false, known) {
            return Ok(AuthData::default());
        }
        // The token is not repeated: it may be a good one of another server.
        Err("provided authorization does not match expected scheme or token".into())
    }
}

#[async_trait]
impl ClientAuth for BearerTokenAuth {
    async fn authorize(&self, _ctx: &Context, headers: &mut HeaderMap) -> Result<(), String> {
        let name = HeaderName::try_from(&self.config.header).map_err(|it| it.to_string())?;
        let values = self.values();
        let value =
            values.first().ok_or("there is no token yet, or it cannot be sent in a header")?;
        headers.insert(name, value.clone());
        Ok(())
    }
}
