//! The keys of an HTTP client (`config/confighttp`, v0.159).

use super::Url;
use std::sync::Arc;

use component::config::{Caution, Choice, Duration, MapList, Need, Problems, Section, Side};
use component::{BoxError, ClientAuth, Host};
use compression::{Params, Type};
use confignet::proxy::Proxy;
use confignet::{MiddlewareConfig, middlewares};
use serde::{Deserialize, Serialize};

/// Idle connections in all. `DefaultTransport` of Go's `net/http`.
const IDLE_MAX: i64 = 100;
/// How long they are kept. The same.
const IDLE_TIME: Duration = Duration::from_secs(90);
/// In upstream's words.
const BOTH_KEEPALIVES: &str = "confighttp.ClientConfig: cannot use deprecated keepalive fields (idle_conn_timeout, \
    max_idle_conns, max_idle_conns_per_host, disable_keep_alives) alongside the 'keepalive' section; migrate to the \
    'keepalive' section";

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
    /// Read buffer in bytes. Has no effect: buffers grow with what comes. Default 0.
    #[config(omit_empty)]
    pub read_buffer_size: i64,
    /// Write buffer in bytes. Has no effect: what is sent is not copied into one. Default 524288.
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
    /// Connections that stay open between requests. Default on, as the four deprecated keys say.
    #[config(omit_empty)]
    pub keepalive: Section<KeepaliveConfig>,
    /// What it has replaced.
    #[serde(flatten)]
    pub flat: FlatKeepalive,
    /// Connections per host, for HTTP/1.1; 0 is unlimited. Default 0.
    #[config(omit_empty)]
    pub max_conns_per_host: i64,
    /// An HTTP/2 connection from which nothing comes for this long is asked whether it lives; 0 is never. Default 0.
    #[config(omit_empty)]
    pub http2_read_idle_timeout: Duration,
    /// Longest wait for that answer; 0 is 15s. Default 0.
    #[config(omit_empty)]
    pub http2_ping_timeout: Duration,
    /// Keep cookies of answers, and send them back. Default off.
    #[config(omit_empty)]
    pub cookies: Section<CookiesConfig>,
    /// HTTP/2 with servers with `https://` that offer it. Default true.
    #[config(omit_empty)]
    pub force_attempt_http2: bool,
    /// Extensions around every request. There is none, upstream either: an id is refused at the start.
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
            keepalive: Section::absent(KeepaliveConfig::default()),
            flat: FlatKeepalive::default(),
            max_conns_per_host: 0,
            http2_read_idle_timeout: Duration::ZERO,
            http2_ping_timeout: Duration::ZERO,
            cookies: Section::absent(CookiesConfig::default()),
            force_attempt_http2: true,
            middlewares: Vec::new(),
        }
    }
}

/// `auth:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "configauth.Config", unmarshals)]
pub struct AuthConfig {
    /// Id of the extension.
    #[config(go = "struct")]
    pub authenticator: String,
}

/// `cookies:`. There is nothing to choose.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[config(go = "confighttp.CookiesConfig")]
pub struct CookiesConfig {}

/// `keepalive:` (v0.160).
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "confighttp.KeepaliveClientConfig")]
pub struct KeepaliveConfig {
    /// An idle connection is closed after this time; 0 is never. Default 90s.
    pub idle_conn_timeout: Duration,
    /// Idle connections kept in all; 0 is unlimited. Default 100.
    pub max_idle_conns: i64,
    /// Idle connections kept per host, for HTTP/1.1; 0 is the client's choice, 10. Default 0.
    pub max_idle_conns_per_host: i64,
}

/// The keys of before v0.160. They are accepted for good, and warn.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
pub struct FlatKeepalive {
    /// Deprecated: `keepalive.max_idle_conns`. Default 100.
    pub max_idle_conns: i64,
    /// Deprecated: `keepalive.max_idle_conns_per_host`. Default 0.
    #[config(omit_empty)]
    pub max_idle_conns_per_host: i64,
    /// Deprecated: `keepalive.idle_conn_timeout`. Default 90s.
    pub idle_conn_timeout: Duration,
    /// Deprecated: `keepalive.enabled`. Default false.
    #[config(omit_empty)]
    pub disable_keep_alives: bool,
}

impl Default for FlatKeepalive {
    fn default() -> Self {
        Self {
            max_idle_conns: IDLE_MAX,
            max_idle_conns_per_host: 0,
            idle_conn_timeout: IDLE_TIME,
            disable_keep_alives: false,
        }
    }
}

impl Default for KeepaliveConfig {
    fn default() -> Self {
        Self { idle_conn_timeout: IDLE_TIME, max_idle_conns: IDLE_MAX, max_idle_conns_per_host: 0 }
    }
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
        self.check_keepalive(key, problems);
        self.warn(key, problems);
        self.unsupported(key, problems);
    }

    /// The connections to keep; `None` when each request has its own.
    pub(super) fn kept(&self) -> Option<KeepaliveConfig> {
        match self.keepalive.get() {
            Some(section) => Some(section.clone()),
            None if self.keepalive.is_off() || self.flat.disable_keep_alives => None,
            None => Some(KeepaliveConfig {
                idle_conn_timeout: self.flat.idle_conn_timeout,
                max_idle_conns: self.flat.max_idle_conns,
                max_idle_conns_per_host: self.flat.max_idle_conns_per_host,
            }),
        }
    }

    /// Says which keys `keepalive:` has replaced. As upstream, values that change nothing are not worth a word.
    fn check_keepalive(&self, key: &str, problems: &mut Problems) {
        let base = FlatKeepalive::default();
        let (idle, time) = (self.flat.max_idle_conns, self.flat.idle_conn_timeout);
        let flat = [
            ("idle_conn_timeout", time != base.idle_conn_timeout && !time.std().is_zero()),
            ("max_idle_conns", idle != base.max_idle_conns && idle != 0),
            ("max_idle_conns_per_host", self.flat.max_idle_conns_per_host != 0),
            ("disable_keep_alives", self.flat.disable_keep_alives),
        ];
        let is_written = self.keepalive.get().is_some() || self.keepalive.is_off();
        for (name, _) in flat.into_iter().filter(|it| it.1) {
            if is_written {
                problems.at(key, BOTH_KEEPALIVES).remove(name);
                return;
            }
            let text = match name {
                "disable_keep_alives" => {
                    "'disable_keep_alives' is deprecated; set 'keepalive::enabled' to false to \
                                          disable keep-alives"
                        .to_owned()
                }
                name => format!("'{name}' is deprecated; use 'keepalive::{name}' instead"),
            };
            problems.warn(Caution::Deprecated, key, text).about(name);
        }
    }

    /// What is legal and changes nothing.
    fn warn(&self, key: &str, problems: &mut Problems) {
        confignet::check_buffers((self.read_buffer_size, self.write_buffer_size), key, problems);
        let mut without_effect = |name: &str, why: &str| {
            let text = format!("{name} has no effect: {why}");
            problems.warn(Caution::NoEffect, key, text).remove(name);
        };
        let pings = !self.http2_read_idle_timeout.std().is_zero();
        if !pings && !self.http2_ping_timeout.std().is_zero() {
            let why = "nothing is asked without http2_read_idle_timeout";
            without_effect("http2_ping_timeout", why);
        }
        if pings && !self.force_attempt_http2 {
            let why = "HTTP/2 is not spoken with force_attempt_http2: false";
            without_effect("http2_read_idle_timeout", why);
        }
    }

    /// What cannot be done yet.
    fn unsupported(&self, key: &str, problems: &mut Problems) {
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
}
