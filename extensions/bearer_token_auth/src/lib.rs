//! A token in a header: checks it for receivers, sends it for exporters.

use std::sync::{Arc, OnceLock};

use component::config::{Problems, Secret};
use component::{
    AuthData, BoxError, Capability, ClientAuth, Component, Context, Extension, Host, Offers,
    Refusal, ServerAuth, Settings, async_trait,
};
use credentials::{Given, Watched, same};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// `extensions: bearer_token_auth:`
///
/// Upstream: `extension/bearertokenauthextension`, v0.149.
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
}

impl Default for Config {
    fn default() -> Self {
        Self {
            header: "Authorization".into(),
            scheme: "Bearer".into(),
            token: Secret::default(),
            tokens: Vec::new(),
            filename: String::new(),
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
            let scheme = scheme.clone();
            Given::File(Watched::open(filename.as_ref(), host, move |text| {
                Ok(values(&scheme, &lines(text)?))
            })?)
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

/// The tokens of a file. An empty line is none: else an empty token would be one that everybody knows.
fn lines(text: &str) -> Result<Vec<&str>, String> {
    let tokens: Vec<&str> = text.lines().map(str::trim).filter(|it| !it.is_empty()).collect();
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
        let value = values
            .first()
            .ok_or("the extension is not started, or its token cannot be sent in a header")?;
        headers.insert(name, value.clone());
        Ok(())
    }
}
