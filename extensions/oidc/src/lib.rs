//! Checks tokens of OpenID Connect issuers for receivers. An issuer's keys are fetched at the start; after that, a token
//! is checked without asking anybody.

use std::sync::{Arc, OnceLock};

use component::config::Value as Known;
use component::{
    AuthData, BoxError, Capability, Component, Extension, Host, Offers, Refusal, ServerAuth,
    Settings, async_trait,
};
use http::HeaderMap;
use serde_json::{Map, Value};

mod config;
mod issuer;
mod keys;
#[cfg(test)]
mod tests;
mod token;

pub use config::{Config, Provider};
use issuer::Issuer;
use token::Token;

/// The extension.
pub struct Oidc {
    config: Config,
    agent: String,
    issuers: OnceLock<Vec<Issuer>>,
}

impl Extension for Oidc {
    type Config = Config;
    const TYPE: &'static str = "oidc";
    const OFFERS: &'static [Offers] = &[Offers::ServerAuth];

    fn create(settings: Settings, mut config: Config) -> Result<Self, BoxError> {
        if config.attribute.is_empty() {
            config.attribute = Config::default().attribute;
        }
        Ok(Self { config, agent: settings.build.user_agent(), issuers: OnceLock::new() })
    }

    fn offers(self: Arc<Self>) -> Vec<Capability> {
        vec![Capability::ServerAuth(self)]
    }
}

#[async_trait]
impl Component for Oidc {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let mut issuers = Vec::new();
        for provider in self.config.all() {
            let issuer = Issuer::open(provider, &self.agent, host).await;
            issuers.push(issuer.map_err(|why| {
                format!(
                    "failed to get configuration from at least one configured auth server: {why}"
                )
            })?);
        }
        let _ = self.issuers.set(issuers);
        Ok(())
    }
}

#[async_trait]
impl ServerAuth for Oidc {
    async fn authenticate(&self, headers: &HeaderMap) -> Result<AuthData, Refusal> {
        let sent = headers.get(&self.config.attribute);
        let sent = sent.ok_or("authentication didn't succeed")?;
        let sent = sent.to_str().unwrap_or_default();
        let parts: Vec<&str> = sent.split(' ').collect();
        let &[_scheme, raw] = parts.as_slice() else {
            return Err("invalid authorization header format".into());
        };
        let token = Token::parse(raw).map_err(|why| format!("failed to parse the token: {why}"))?;
        let issuer = self.issuer(token.text("iss"))?;
        let checked = token.check(&issuer.provider);
        checked.map_err(|why| format!("failed to verify token: {why}"))?;
        issuer.signed(&token).await?;
        Ok(known(raw, &token, &issuer.provider)?)
    }
}

impl Oidc {
    fn issuer(&self, name: &str) -> Result<&Issuer, String> {
        match self.issuers.get().map(Vec::as_slice) {
            // Its token is checked against the only one, which says what is wrong.
            Some([only]) => Ok(only),
            issuers => {
                let mut all = issuers.unwrap_or_default().iter();
                let name: String = name.chars().take(ISSUER_CHARS_MAX).collect();
                all.find(|it| it.provider.issuer_url == name).ok_or_else(|| {
                    format!(
                        "failed to resolve OIDC provider for the issuer {name:?}: no OIDC provider configured for the issuer {name:?}"
                    )
                })
            }
        }
    }
}

/// Most characters of an issuer's URL that are looked at, and said back.
const ISSUER_CHARS_MAX: usize = 2048;

/// What a token tells of its client: `subject`, `membership`, `raw`, and each claim as `claims.<name>`.
fn known(raw: &str, token: &Token<'_>, provider: &Provider) -> Result<AuthData, String> {
    let subject = subject(token, &provider.username_claim)
        .map_err(|why| format!("failed to get subject from claims in the token: {why}"))?;
    let groups = groups(&token.claims, &provider.groups_claim)
        .map_err(|why| format!("failed to get groups from claims in the token: {why}"))?;
    let own = [
        ("subject".to_owned(), Known::String(subject)),
        ("membership".to_owned(), Known::List(groups.into_iter().map(Known::String).collect())),
        ("raw".to_owned(), Known::String(raw.to_owned())),
    ];
    // So that no claim passes for one of these.
    let claims = token.claims.iter().map(|(name, it)| (format!("claims.{name}"), value(it)));
    Ok(AuthData { attributes: own.into_iter().chain(claims).collect() })
}

fn subject(token: &Token<'_>, claim: &str) -> Result<String, &'static str> {
    if claim.is_empty() {
        return Ok(token.text("sub").to_owned());
    }
    let found = token.claims.get(claim).ok_or(
        "username claim from the OIDC configuration not found on the token returned by the OIDC provider",
    )?;
    let name = found.as_str();
    Ok(name.ok_or("the username returned by the OIDC provider isn't a regular string")?.to_owned())
}

fn groups(claims: &Map<String, Value>, claim: &str) -> Result<Vec<String>, &'static str> {
    if claim.is_empty() {
        return Ok(Vec::new());
    }
    let found = claims.get(claim).ok_or(
        "groups claim from the OIDC configuration not found on the token returned by the OIDC provider",
    )?;
    Ok(match found {
        Value::String(one) => vec![one.clone()],
        Value::Array(all) => all.iter().map(text).collect(),
        _ => Vec::new(),
    })
}

/// A claim. Its numbers are floating point numbers, as in Go.
fn value(claim: &Value) -> Known {
    match claim {
        Value::Null => Known::Null,
        Value::Bool(it) => Known::Bool(*it),
        Value::Number(it) => it.as_f64().map_or(Known::Null, Known::Float),
        Value::String(it) => Known::String(it.clone()),
        Value::Array(all) => Known::List(all.iter().map(value).collect()),
        Value::Object(all) => {
            Known::Map(all.iter().map(|(key, it)| (key.clone(), value(it))).collect())
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
