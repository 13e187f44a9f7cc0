//! The keys of the section.

use component::config::{Caution, Problems};
use confighttp::client::Url;
use http::HeaderName;
use serde::{Deserialize, Serialize};

/// `extensions: oidc:`
///
/// Upstream: `extension/oidcauthextension`, v0.149.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "oidcauthextension.Config")]
pub struct Config {
    /// The header that carries the token, after a scheme and a space. Default `authorization`.
    pub attribute: String,
    /// One issuer; the older form of `providers`.
    #[serde(flatten)]
    pub provider: Provider,
    /// The issuers whose tokens are taken.
    #[config(omit_empty)]
    pub providers: Vec<Provider>,
}

impl Default for Config {
    fn default() -> Self {
        let attribute = "authorization".into();
        Self { attribute, provider: Provider::default(), providers: Vec::new() }
    }
}

/// One of `providers:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "oidcauthextension.ProviderCfg")]
pub struct Provider {
    /// URL of the issuer, as its tokens have it in `iss`.
    #[config(omit_empty)]
    pub issuer_url: String,
    /// What tokens have to be made for, in `aud`.
    #[config(omit_empty)]
    pub audience: String,
    /// Take tokens that are made for others. Default false.
    #[config(omit_empty)]
    pub ignore_audience: bool,
    /// Take tokens that name another issuer, if this one has signed them. Only for a single issuer. Default false.
    #[config(omit_empty)]
    pub ignore_issuer: bool,
    /// File with the authority of the issuer's certificate. Default: the system's authorities.
    #[config(omit_empty)]
    pub issuer_ca_path: String,
    /// The claim that names the client. Default `sub`.
    #[config(omit_empty)]
    pub username_claim: String,
    /// The claim that holds the groups of the client. Default: none.
    #[config(omit_empty)]
    pub groups_claim: String,
    /// File with the keys of the issuer, a JWK set, read again when it changes. The issuer is not asked then.
    #[config(omit_empty)]
    pub public_keys_file: String,
}

impl Config {
    /// All issuers.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Provider> {
        let older = Some(&self.provider).filter(|it| **it != Provider::default());
        older.into_iter().chain(&self.providers)
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        if HeaderName::try_from(&self.attribute).is_err() && !self.attribute.is_empty() {
            let text = format!("{:?} cannot be the name of a header", self.attribute);
            problems.at_start("", text).set("attribute", "authorization");
        }
        let mut seen: Vec<&str> = Vec::new();
        let has_several = self.all().count() > 1;
        for provider in self.all() {
            if has_several && provider.ignore_issuer {
                let rule = "ignore_issuer cannot be true when multiple providers are configured";
                problems.at("", rule).about("providers");
            }
            if seen.contains(&provider.issuer_url.as_str()) {
                let rule = format!("duplicate issuer URL found: {}", provider.issuer_url);
                problems.at("", rule).about("providers");
                continue;
            }
            seen.push(&provider.issuer_url);
            provider.validate(problems);
        }
        if seen.is_empty() {
            let advice = "name an issuer: providers: [{issuer_url: https://issuer.example, audience: collector}]";
            problems
                .at_start("", "no issuer is named, so no client could be let in")
                .say("providers", advice);
        }
    }
}

impl Provider {
    fn validate(&self, problems: &mut Problems) {
        if self.audience.is_empty() && !self.ignore_audience {
            let rule = "no Audience provided for the OIDC configuration";
            problems.at("", rule).require("audience", "collector");
        } else if self.issuer_url.is_empty() {
            let rule = "no IssuerURL provided for the OIDC configuration";
            problems.at("", rule).require("issuer_url", "https://issuer.example");
        }
        if self.issuer_url.is_empty() || !self.public_keys_file.is_empty() {
            return;
        }
        match Url::parse(&self.issuer_url) {
            Err(why) => {
                let why = why.replacen("endpoint", "issuer_url", 1);
                problems.at_start("", why).about("issuer_url");
            }
            Ok(url) if !url.is_private() => {
                let host = url.host();
                let text = format!(
                    "the keys of {host} come unencrypted: who is on the way can make tokens"
                );
                problems.warn(Caution::Plaintext, "", text).about("issuer_url");
            }
            Ok(_) => {}
        }
    }
}
