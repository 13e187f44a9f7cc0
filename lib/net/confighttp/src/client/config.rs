//! The keys of an HTTP client (`config/confighttp`, v0.159).

use super::Url;
use std::sync::Arc;

use component::config::{Caution, Choice, Duration, MapList, Need, Problems, Side};
use component::{BoxError, ClientAuth, Host};
use compression::{Params, Type};
use confignet::proxy::Proxy;
use confignet::{MiddlewareConfig, middlewares};
use serde::{Deserialize, Serialize};

/// An HTTP client, with the defaults of the OTLP exporter.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
pub struct ClientConfig {
    /// Base URL.
    #[config(omit_empty)]
    pub endpoint: String,
    /// Proxy for all requests, with `http://`. Default: what `HTTP_PROXY` and `NO_PROXY` in the environment say.
    #[config(omit_empty)]
    pub proxy_url: String,
    /// TLS for `https://`; without keys here the authorities of the system are trusted.
    #[config(omit_empty)]
    pub tls: configtls::ClientConfig,
    /// Read buffer in bytes. Accepted, without effect. Default 0.
    #[config(omit_empty)]
    pub read_buffer_size: i64,
    /// Write buffer in bytes. Accepted, without effect: writes are vectored. Default 524288.
    #[config(omit_empty)]
    pub write_buffer_size: i64,
    /// Longest time of a request with its answer; 0 is unlimited. Default 30s.
    #[config(omit_empty)]
    pub timeout: Duration,
    /// Sent with every request; `Host` replaces the URL's.
    #[config(omit_empty)]
    pub headers: MapList,
    /// Credentials from an extension.
    #[config(omit_empty)]
    pub auth: Option<AuthConfig>,
    /// gzip, zstd, snappy, x-snappy-framed, zlib, deflate, lz4 or none. Default gzip.
    #[config(omit_empty)]
    pub compression: Choice<Type>,
    /// Level of the compression, where it has levels; 0 is the default of the encoding.
    #[config(omit_empty)]
    pub compression_params: Params,
    /// Idle connections kept in all; 0 is unlimited. Default 100.
    pub max_idle_conns: i64,
    /// Idle connections kept per host; 0 is the client's choice, 10. Default 0.
    #[config(omit_empty)]
    pub max_idle_conns_per_host: i64,
    /// Connections per host; 0 is unlimited. Default 0.
    #[config(omit_empty)]
    pub max_conns_per_host: i64,
    /// An idle connection is closed after this time; 0 is never. Default 90s.
    pub idle_conn_timeout: Duration,
    /// One connection per request. Default false.
    #[config(omit_empty)]
    pub disable_keep_alives: bool,
    /// Accepted, without effect. Default 0.
    #[config(omit_empty)]
    pub http2_read_idle_timeout: Duration,
    /// Accepted, without effect. Default 0.
    #[config(omit_empty)]
    pub http2_ping_timeout: Duration,
    /// Keep cookies of answers. Not supported yet.
    #[config(omit_empty)]
    pub cookies: CookiesConfig,
    /// Accepted, without effect: HTTP/2 needs TLS. Default true.
    #[config(omit_empty)]
    pub force_attempt_http2: bool,
    /// Extensions around every request. No extension can be one yet.
    #[config(omit_empty)]
    pub middlewares: Vec<MiddlewareConfig>,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            proxy_url: String::new(),
            tls: configtls::ClientConfig::default(),
            read_buffer_size: 0,
            write_buffer_size: 512 * 1024,
            timeout: Duration::from_secs(30),
            headers: MapList::default(),
            auth: None,
            compression: Choice::default(),
            compression_params: Params::default(),
            max_idle_conns: 100,
            max_idle_conns_per_host: 0,
            max_conns_per_host: 0,
            idle_conn_timeout: Duration::from_secs(90),
            disable_keep_alives: false,
            http2_read_idle_timeout: Duration::ZERO,
            http2_ping_timeout: Duration::ZERO,
            cookies: CookiesConfig::default(),
            force_attempt_http2: true,
            middlewares: Vec::new(),
        }
    }
}

/// `auth:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "configauth.Config")]
pub struct AuthConfig {
    /// Id of the extension.
    pub authenticator: String,
}

/// `cookies:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[config(go = "confighttp.CookiesConfig")]
pub struct CookiesConfig {
    /// Keep and send them. Default false.
    pub enabled: bool,
}

/// The endpoint with a scheme, also where one is misspelt: `htpp://host`, `http:/host`.
fn with_scheme(endpoint: &str) -> String {
    let endpoint = endpoint.trim().trim_matches(['\'', '"']).replace('\\', "/");
    let (scheme, host) = endpoint.split_once(":/").unwrap_or(("", &endpoint));
    let scheme = if scheme.ends_with('s') { "https" } else { "http" };
    format!("{scheme}://{}", host.trim_start_matches('/'))
}

impl ClientConfig {
    /// Checks the section; `key` is its path in the component.
    pub fn validate(&self, key: &str, problems: &mut Problems) {
        if let Err(problem) = self.compression.check(self.compression_params) {
            problems.at(key, problem).remove("compression_params");
        }
        if !self.proxy_url.is_empty()
            && let Err(problem) = Proxy::parse(&self.proxy_url)
        {
            problems.at(key, problem).about("proxy_url");
        }
        self.tls.validate(&format!("{key}::tls"), problems);
        self.headers.validate(&format!("{key}::headers"), problems);
        self.unsupported(key, problems);
    }

    /// What cannot be done yet.
    fn unsupported(&self, key: &str, problems: &mut Problems) {
        for (name, why) in self.refused() {
            problems.at_start(key, why).remove(name);
        }
        if let Some(auth) = &self.auth {
            let id = auth.authenticator.clone();
            problems.needs(format!("{key}::auth::authenticator"), Need::ClientAuth(id));
        }
        middlewares::check(&self.middlewares, Side::HttpClient, key, problems);
    }

    /// Checks a URL to post to; `place` is its key. It may be used by one signal only.
    pub fn check_url(
        &self,
        text: &str,
        (key, place): (&str, &str),
        signal: Option<&'static str>,
        problems: &mut Problems,
    ) {
        let refused = match Url::parse(text) {
            Err(why) => why,
            Ok(url) => {
                if !url.is_private() {
                    let host = confignet::split_host_port(url.host()).map_or(url.host(), |it| it.0);
                    let text = format!("telemetry goes to {host} unencrypted");
                    problems.warn(Caution::Plaintext, key, text).about(place);
                }
                return;
            }
        };
        let fault = problems.at_start(key, refused).about(place);
        if !text.starts_with("http://") && !text.starts_with("https://") {
            fault.form(place, with_scheme(text));
        }
        if let Some(signal) = signal {
            fault.only_for(signal);
        }
    }

    /// Keys that are set and cannot be honoured, and why.
    fn refused(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let keys = [(
            self.cookies.enabled,
            "cookies",
            "cookies are not supported yet: set cookies.enabled: false",
        )];
        keys.into_iter().filter(|it| it.0).map(|(_, name, why)| (name, why))
    }

    /// The extension that gives credentials, if one is named.
    ///
    /// # Errors
    /// In the Collector's words.
    pub fn authenticator(&self, host: &Host) -> Result<Option<Arc<dyn ClientAuth>>, BoxError> {
        // No extension is a middleware of clients: this says so of the first.
        middlewares::find(&self.middlewares, Side::HttpClient, host)?;
        let name = self.auth.as_ref().map(|it| it.authenticator.as_str());
        name.map(|it| host.uses_named::<dyn ClientAuth>(it)).transpose()
    }

    /// What a start has to refuse.
    pub(super) fn check_supported(&self) -> Result<(), String> {
        match self.refused().next() {
            Some((_, why)) => Err(why.into()),
            None => Ok(()),
        }
    }
}
