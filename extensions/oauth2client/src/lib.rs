//! Gets tokens from an OAuth 2.0 server for exporters, by the client credentials grant (RFC 6749, section 4.4) or with a
//! statement that the client signs (RFC 7523, section 2.1). A token is kept until shortly before its end; the exporters that
//! use this extension share it.

use std::collections::BTreeMap;
use std::sync::Arc;

use component::config::{Caution, Duration, Problems, Secret, Value};
use component::{
    BoxError, Capability, ClientAuth, Component, Context, Extension, Host, Offers, Settings,
    async_trait,
};
use confighttp::client::Url;
use credentials::Fetched;
use http::header::{AUTHORIZATION, HeaderMap};
use serde::{Deserialize, Serialize};

mod assertion;
mod credential;
mod server;
#[cfg(test)]
mod tests;

use assertion::Assertion;
use server::{Proof, Server, Token};

/// The task looks whether somebody has asked for a token; it asks for none by itself.
const NEVER: std::time::Duration = std::time::Duration::from_secs(365 * 24 * 3600);

/// `extensions: oauth2client:`
///
/// Upstream: `extension/oauth2clientauthextension`, v0.149.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "oauth2clientauthextension.Config")]
pub struct Config {
    /// How the client shows who it is: `client_credentials`, with a secret, or
    /// `urn:ietf:params:oauth:grant-type:jwt-bearer`, with a key. Default `client_credentials`.
    #[config(omit_empty)]
    pub grant_type: String,
    /// The client's name at the server.
    #[config(omit_empty)]
    pub client_id: String,
    /// A file with it, read again when it changes. `client_id` is ignored then.
    #[config(omit_empty)]
    pub client_id_file: String,
    /// The client's secret.
    #[config(omit_empty)]
    pub client_secret: Secret,
    /// A file with it, read again when it changes. `client_secret` is ignored then.
    #[config(omit_empty)]
    pub client_secret_file: String,
    /// The RSA key of the client, as PEM, for `jwt-bearer`.
    #[config(omit_empty)]
    pub client_certificate_key: Secret,
    /// A file with it, read again when it changes. `client_certificate_key` is ignored then.
    #[config(omit_empty)]
    pub client_certificate_key_file: String,
    /// The name of the key, for the head of the statement. Default none.
    #[config(omit_empty)]
    pub client_certificate_key_id: String,
    /// RS256, RS384 or RS512. Default RS256.
    #[config(omit_empty)]
    pub signature_algorithm: String,
    /// Who makes the statement. Default: the client's name.
    #[config(omit_empty)]
    pub iss: String,
    /// Whom the statement is for. Default: `token_url`.
    #[config(omit_empty)]
    pub audience: String,
    /// More of the statement; it replaces what has the same name.
    #[config(omit_empty)]
    pub claims: BTreeMap<String, Value>,
    /// More parameters of the request for a token.
    #[config(omit_empty)]
    pub endpoint_params: BTreeMap<String, Vec<String>>,
    /// Where tokens are given, `http://` or `https://`.
    #[config(omit_empty)]
    pub token_url: String,
    /// What the token shall allow.
    #[config(omit_empty)]
    pub scopes: Vec<String>,
    /// TLS to the server of the tokens.
    #[config(omit_empty)]
    pub tls: configtls::ClientConfig,
    /// Longest time of a request for a token; 0 is one minute. Default 0.
    #[config(omit_empty)]
    pub timeout: Duration,
    /// How long before its end a token is replaced; half its life, if that is shorter. Default 5m.
    #[config(omit_empty)]
    pub expiry_buffer: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            grant_type: CLIENT_CREDENTIALS.into(),
            client_id: String::new(),
            client_id_file: String::new(),
            client_secret: Secret::default(),
            client_secret_file: String::new(),
            client_certificate_key: Secret::default(),
            client_certificate_key_file: String::new(),
            client_certificate_key_id: String::new(),
            signature_algorithm: String::new(),
            iss: String::new(),
            audience: String::new(),
            claims: BTreeMap::new(),
            endpoint_params: BTreeMap::new(),
            token_url: String::new(),
            scopes: Vec::new(),
            tls: configtls::ClientConfig::default(),
            timeout: Duration::ZERO,
            expiry_buffer: Duration::from_secs(5 * 60),
        }
    }
}

/// The values of `grant_type`.
const CLIENT_CREDENTIALS: &str = "client_credentials";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

impl Config {
    fn grant(&self) -> &str {
        if self.grant_type.is_empty() { CLIENT_CREDENTIALS } else { &self.grant_type }
    }

    /// What is wrong with that which shows who the client is.
    fn check_proof(&self, problems: &mut Problems) {
        if self.client_id.is_empty() && self.client_id_file.is_empty() {
            let rule = "no ClientID provided in the OAuth2 exporter configuration";
            problems.at("", rule).require("client_id", "my-client");
        }
        let is_missing = |it: &Secret, file: &str| it.expose().is_empty() && file.is_empty();
        if self.grant() == JWT_BEARER {
            if is_missing(&self.client_certificate_key, &self.client_certificate_key_file) {
                let rule =
                    "no ClientCertificateKey provided in OAuth Client Credentials configuration";
                let advice = "name the file of the client's RSA key: client_certificate_key_file: /etc/sluice/client.key";
                problems.at("", rule).say("client_certificate_key_file", advice);
            }
            if let Err(why) = assertion::algorithm(&self.signature_algorithm) {
                problems.at("", why).one_of("signature_algorithm", &["RS256", "RS384", "RS512"]);
            }
            let key = self.client_certificate_key.expose();
            if self.client_certificate_key_file.is_empty()
                && !key.is_empty()
                && let Err(why) = assertion::key(key)
            {
                problems.at_start("", why).about("client_certificate_key");
            }
        } else if is_missing(&self.client_secret, &self.client_secret_file) {
            let rule = "no ClientSecret provided in OAuth Client Credentials configuration";
            let advice = "write the secret, best from a variable: client_secret: ${env:CLIENT_SECRET}; or name its file with client_secret_file";
            problems.at("", rule).say("client_secret", advice);
        }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        if ![CLIENT_CREDENTIALS, JWT_BEARER].contains(&self.grant()) {
            let text = format!(
                "grant_type {:?} is not supported: {CLIENT_CREDENTIALS} and {JWT_BEARER} are",
                self.grant_type
            );
            problems.at_start("", text).one_of("grant_type", &[CLIENT_CREDENTIALS, JWT_BEARER]);
        }
        self.check_proof(problems);
        if self.token_url.is_empty() {
            let rule = "no TokenURL provided in OAuth Client Credentials configuration";
            problems.at("", rule).require("token_url", "https://auth.example/oauth2/token");
        } else {
            match Url::parse(&self.token_url) {
                Err(why) => {
                    let why = why.replacen("endpoint", "token_url", 1);
                    problems.at_start("", why).about("token_url");
                }
                Ok(url) if !url.is_private() => {
                    let text =
                        format!("what shows who the client is goes to {} unencrypted", url.host());
                    problems.warn(Caution::Plaintext, "", text).about("token_url");
                }
                Ok(_) => {}
            }
        }
        for name in self.endpoint_params.keys() {
            if server::OWN_PARAMS.contains(&name.as_str()) {
                let text = format!("oauth2: cannot overwrite parameter {name:?}");
                problems.at_start("", text).remove(&format!("endpoint_params::{name}"));
            }
        }
        for (key, time) in [("timeout", self.timeout), ("expiry_buffer", self.expiry_buffer)] {
            if time.is_negative() {
                problems.at_start("", format!("{key} must not be negative")).set(key, "0s");
            }
        }
        self.tls.validate("tls", problems);
    }
}

/// The extension.
pub struct Oauth2Client {
    config: Config,
    agent: String,
    token: Arc<Fetched<Token>>,
}

impl Extension for Oauth2Client {
    type Config = Config;
    const TYPE: &'static str = "oauth2client";
    const OFFERS: &'static [Offers] = &[Offers::ClientAuth];

    fn create(settings: Settings, config: Config) -> Result<Self, BoxError> {
        let agent = settings.build.user_agent();
        let token = Fetched::new(std::time::Duration::ZERO);
        Ok(Self { config, agent, token })
    }

    fn offers(self: Arc<Self>) -> Vec<Capability> {
        vec![Capability::ClientAuth(self)]
    }
}

#[async_trait]
impl Component for Oauth2Client {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let of = |text: &str, file: &str| credential::credential(text, file, host);
        let id = of(&self.config.client_id, &self.config.client_id_file)?;
        let config = &self.config;
        let proof = if config.grant() == JWT_BEARER {
            Proof::Signed(Assertion::new(config, id, host)?)
        } else {
            let secret = of(config.client_secret.expose(), &config.client_secret_file)?;
            Proof::Secret(id, secret)
        };
        let server = Arc::new(Server::new(config, proof, &self.agent)?);
        self.token.run(host, NEVER, move || {
            let server = Arc::clone(&server);
            async move {
                let token = server.token().await;
                if let Err(error) = &token {
                    tracing::warn!(error, "no token: exporters that need it cannot send");
                }
                token
            }
        });
        Ok(())
    }
}

#[async_trait]
impl ClientAuth for Oauth2Client {
    async fn authorize(&self, _ctx: &Context, headers: &mut HeaderMap) -> Result<(), String> {
        let token = self.token.current().await.map_err(|why| {
            let url = &self.config.token_url;
            format!("failed to get security token from token endpoint (endpoint {url:?}); {why}")
        })?;
        headers.insert(AUTHORIZATION, token.value().clone());
        Ok(())
    }
}
