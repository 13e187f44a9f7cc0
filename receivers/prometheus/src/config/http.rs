//! The keys of Prometheus' HTTP clients.

use std::collections::BTreeMap;

use component::Problems;
use component::config::{Fault, Secret, Value};
use serde::{Deserialize, Serialize};

/// What upstream writes in front of what Prometheus says.
pub(super) const UNREADABLE: &str =
    "prometheus receiver: failed to unmarshal yaml to prometheus config object";

/// What Prometheus has of an HTTP client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct HttpClient {
    /// User and password.
    pub basic_auth: Option<BasicAuth>,
    /// Another `Authorization` header.
    pub authorization: Option<Authorization>,
    /// Refused: not supported yet.
    pub oauth2: Option<Value>,
    /// `Authorization: Bearer` with this.
    pub bearer_token: Secret,
    /// The same from a file, which is read for each scrape.
    pub bearer_token_file: String,
    /// For `https`.
    pub tls_config: TlsConfig,
    /// Follow redirects. Default true.
    pub follow_redirects: bool,
    /// Without effect: HTTP/1.1 is spoken.
    pub enable_http2: bool,
    /// Proxy for all requests.
    pub proxy_url: String,
    /// Without effect where there is no proxy of the environment.
    pub no_proxy: String,
    /// Proxies as `HTTP_PROXY` and its kin in the environment say. Default false.
    pub proxy_from_environment: bool,
    /// Refused: not supported yet.
    pub proxy_connect_header: Option<Value>,
    /// Sent with every request.
    pub http_headers: BTreeMap<String, HttpHeader>,
}

impl Default for HttpClient {
    fn default() -> Self {
        Self {
            basic_auth: None,
            authorization: None,
            oauth2: None,
            bearer_token: Secret::default(),
            bearer_token_file: String::new(),
            tls_config: TlsConfig::default(),
            follow_redirects: true,
            enable_http2: true,
            proxy_url: String::new(),
            no_proxy: String::new(),
            proxy_from_environment: false,
            proxy_connect_header: None,
            http_headers: BTreeMap::new(),
        }
    }
}

/// `basic_auth:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[config(go = "config.plain")]
#[serde(default)]
pub struct BasicAuth {
    /// The user.
    pub username: String,
    /// The same from a file.
    pub username_file: String,
    /// The password.
    pub password: Secret,
    /// The same from a file.
    pub password_file: String,
}

/// `authorization:`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, config::Described)]
#[config(go = "config.plain")]
#[serde(default)]
pub struct Authorization {
    /// First word of the header. Default Bearer.
    #[serde(rename = "type")]
    pub scheme: String,
    /// The rest of it.
    pub credentials: Secret,
    /// The same from a file, which is read for each scrape.
    pub credentials_file: String,
}

impl Default for Authorization {
    fn default() -> Self {
        Self {
            scheme: "Bearer".to_owned(),
            credentials: Secret::default(),
            credentials_file: String::new(),
        }
    }
}

/// `tls_config:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[config(go = "config.plain")]
#[serde(default)]
pub struct TlsConfig {
    /// Certificates of accepted authorities, as text.
    pub ca: Secret,
    /// The same in a file. Default: the system's.
    pub ca_file: String,
    /// Our certificate, as text.
    pub cert: Secret,
    /// The same in a file.
    pub cert_file: String,
    /// Its key, as text.
    pub key: Secret,
    /// The same in a file.
    pub key_file: String,
    /// Name that the target's certificate has to have.
    pub server_name: String,
    /// Accept any certificate. Default false.
    pub insecure_skip_verify: bool,
    /// Oldest version: TLS10 to TLS13.
    pub min_version: String,
    /// Newest version: TLS10 to TLS13.
    pub max_version: String,
}

/// One of `http_headers:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct HttpHeader {
    /// Values.
    pub values: Vec<String>,
    /// Values that are not shown.
    pub secrets: Vec<Secret>,
    /// Files with a value each.
    pub files: Vec<String>,
}

/// What Prometheus says while it reads its part of the section: the Collector names nothing below `config`.
pub(super) fn unreadable<'p>(problems: &'p mut Problems, key: &str, text: &str) -> &'p mut Fault {
    let mut fault = Fault::read(format!("{UNREADABLE}: {text}")).within(key);
    fault.named = 1;
    problems.add(fault)
}

/// What is wrong with it.
pub(super) fn check_client(client: &HttpClient, key: &str, problems: &mut Problems) {
    if client.oauth2.is_some() {
        problems.at(key, "oauth2 is not supported yet").about("oauth2");
    }
    if client.proxy_connect_header.is_some() {
        let text = "proxy_connect_header is not supported yet";
        problems.at(key, text).about("proxy_connect_header");
    }
    let bearer = [!client.bearer_token.expose().is_empty(), !client.bearer_token_file.is_empty()];
    let ways =
        [client.basic_auth.is_some(), client.authorization.is_some(), client.oauth2.is_some()];
    let several = |ways: &[bool]| ways.iter().filter(|it| **it).count() > 1;
    let basic = client.basic_auth.as_ref();
    let names: &[&str] = if several(&bearer) {
        &["bearer_token & bearer_token_file"]
    } else if several(&ways) {
        &["basic_auth, oauth2 & authorization"]
    } else if bearer.contains(&true) && ways.contains(&true) {
        &["basic_auth, oauth2, bearer_token & bearer_token_file"]
    } else if basic.is_some_and(has_two_passwords) {
        &["basic_auth password, password_file & password_ref"]
    } else {
        &[]
    };
    for name in names {
        unreadable(problems, key, &format!("at most one of {name} must be configured"));
    }
}

fn has_two_passwords(it: &BasicAuth) -> bool {
    !it.password.expose().is_empty() && !it.password_file.is_empty()
}
