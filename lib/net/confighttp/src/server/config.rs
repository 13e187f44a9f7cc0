//! The keys of an HTTP server (`config/confighttp`, v0.159).

use component::config::{Caution, Duration, MapList, Problems, Section, Side, Stage};
use compression::Encoding;
use confignet::server::Before;
use confignet::{AddrConfig, MiddlewareConfig};
use serde::{Deserialize, Serialize};

/// Body limit when `max_request_body_size` is 0, in bytes.
const BODY_BYTES_DEFAULT: usize = 20 * 1024 * 1024;

/// An HTTP server.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
pub struct ServerConfig {
    /// Where to listen.
    #[serde(flatten)]
    pub net: AddrConfig,
    /// TLS. Default off.
    pub tls: Section<configtls::ServerConfig>,
    /// Requests of browsers from other origins. Default off.
    pub cors: Section<CorsConfig>,
    /// Credentials of clients, checked by an extension. Default off.
    #[config(omit_empty)]
    pub auth: Section<AuthConfig>,
    /// Longest body in bytes, before and after decompression; 0 is 20 MiB. Default 0.
    #[config(omit_empty)]
    pub max_request_body_size: i64,
    /// Pipelines see the headers of requests. Default false.
    #[config(omit_empty)]
    pub include_metadata: bool,
    /// Sent with every answer.
    #[config(omit_empty)]
    pub response_headers: MapList,
    /// Content encodings accepted; `""` is none. An empty list passes bodies on as they are.
    /// Default all.
    #[config(omit_empty)]
    pub compression_algorithms: Option<Vec<String>>,
    /// Longest time to read a request; 0 is bounded by a slowest rate instead. Default 0.
    #[config(omit_empty)]
    pub read_timeout: Duration,
    /// Longest time to read the head of a request, the first from the connection on; 0 is 10s. Default 0.
    pub read_header_timeout: Duration,
    /// Longest time from head to answer, and again to read the answer; 0 is unlimited, and 30s to read. Default 0.
    pub write_timeout: Duration,
    /// Longest pause between requests; 0 is unlimited. Default 0.
    pub idle_timeout: Duration,
    /// Several requests on one connection. Default true.
    #[config(omit_empty)]
    pub keep_alives_enabled: bool,
    /// Extensions that may refuse requests, such as `memory_limiter`.
    #[config(omit_empty)]
    pub middlewares: Vec<MiddlewareConfig>,
}

impl Default for ServerConfig {
    /// As the OTLP receiver has it: no timeouts.
    fn default() -> Self {
        Self {
            net: AddrConfig::tcp(""),
            tls: Section::absent(configtls::ServerConfig::default()),
            cors: Section::absent(CorsConfig::default()),
            auth: Section::absent(AuthConfig::default()),
            max_request_body_size: 0,
            include_metadata: false,
            response_headers: MapList::default(),
            compression_algorithms: None,
            read_timeout: Duration::ZERO,
            read_header_timeout: Duration::ZERO,
            write_timeout: Duration::ZERO,
            idle_timeout: Duration::ZERO,
            keep_alives_enabled: true,
            middlewares: Vec::new(),
        }
    }
}

/// `cors:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[config(go = "confighttp.CORSConfig")]
pub struct CorsConfig {
    /// Origins that may send; one `*` each stands for anything. Default none: no CORS.
    #[config(omit_empty)]
    pub allowed_origins: Vec<String>,
    /// Headers that they may send, beside the simple ones. Default `X-Requested-With`.
    #[config(omit_empty)]
    pub allowed_headers: Vec<String>,
    /// Headers of the answer that they may read.
    #[config(omit_empty)]
    pub exposed_headers: Vec<String>,
    /// Seconds that a browser may remember the permission; 0 is its default. Default 0.
    #[config(omit_empty)]
    pub max_age: i64,
}

/// `auth:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "confighttp.AuthConfig")]
pub struct AuthConfig {
    /// Id of the extension.
    #[config(omit_empty)]
    pub authenticator: String,
    /// Query parameters that the extension sees as headers.
    #[config(omit_empty)]
    pub request_params: Vec<String>,
}

/// What is done with the body of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// Taken as it is.
    Plain,
    /// Decompressed.
    Encoded(Encoding),
}

impl ServerConfig {
    /// Checks the section; `key` is its path in the component. Upstream's texts have what is `below` it behind a
    /// colon.
    pub fn validate(&self, key: &str, below: &str, problems: &mut Problems) {
        let say = |name: &str, text: &str, problems: &mut Problems| {
            match below {
                "" => problems.at(format!("{key}::{name}"), text),
                below => problems.at(key, format!("{below}::{name}: {text}")).about(name),
            };
        };
        if self.net.transport.word().is_empty() {
            say("netaddr", "invalid transport type \"\"", problems);
        }
        self.net.listens(key, "4318", problems);
        self.before().check(key, problems);
        if let Some(tls) = self.tls.get() {
            tls.check_start(&format!("{key}::tls"), problems);
        }
        let tls = self.tls.get().map(configtls::ServerConfig::mistakes).unwrap_or_default();
        for it in tls {
            say("tls", &it.text, problems);
        }
        let mut headers = Problems::default();
        self.response_headers.validate("", &mut headers);
        for it in headers.of(Stage::Check) {
            say("response_headers", &it.text, problems);
        }
        if let Err(why) = super::response_headers(self) {
            problems.at_start(key, why).about("response_headers");
        }
        for (at, name) in self.compression_algorithms.iter().flatten().enumerate() {
            if !name.is_empty() && Encoding::from_name(name).is_none() {
                let text = format!("no request comes with the encoding {name}: it is not known");
                let place = format!("compression_algorithms::{at}");
                problems.warn(Caution::NoEffect, key, text).about(&place);
            }
        }
    }

    /// The extensions before its requests.
    pub(super) fn before(&self) -> Before<'_> {
        let authenticator = self.auth.get().map(|it| it.authenticator.as_str());
        Before { authenticator, middlewares: &self.middlewares, side: Side::HttpServer }
    }

    /// Longest body in bytes.
    pub(super) fn body_bytes_max(&self) -> usize {
        match usize::try_from(self.max_request_body_size) {
            Ok(0) | Err(_) => BODY_BYTES_DEFAULT,
            Ok(bytes) => bytes,
        }
    }

    /// What a `Content-Encoding` means; `None` when it is not accepted.
    pub(super) fn coding(&self, name: &str) -> Option<Coding> {
        match &self.compression_algorithms {
            Some(list) if list.is_empty() => return Some(Coding::Plain),
            Some(list) if !list.iter().any(|it| it == name) => return None,
            _ => {}
        }
        match name {
            "" => Some(Coding::Plain),
            _ => Encoding::from_name(name).map(Coding::Encoded),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_encodings_are_case_sensitive() {
        let config = ServerConfig::default();
        assert_eq!(config.coding(""), Some(Coding::Plain));
        assert_eq!(config.coding("gzip"), Some(Coding::Encoded(Encoding::Gzip)));
        for unknown in ["GZIP", "identity", "br", "gzip, gzip"] {
            assert_eq!(config.coding(unknown), None);
        }
    }

    #[test]
    fn a_list_of_algorithms_narrows_what_is_accepted() {
        let zlib = vec!["zlib".to_owned()];
        let config = ServerConfig { compression_algorithms: Some(zlib), ..ServerConfig::default() };
        assert_eq!(config.coding("zlib"), Some(Coding::Encoded(Encoding::Zlib)));
        assert_eq!(config.coding(""), None);
        let config =
            ServerConfig { compression_algorithms: Some(vec![]), ..ServerConfig::default() };
        assert_eq!(config.coding("anything"), Some(Coding::Plain));
    }

    #[test]
    fn names_that_can_have_no_effect_are_told() {
        let algorithms = Some(vec![String::new(), "gzip".to_owned(), "br".to_owned()]);
        let mut config =
            ServerConfig { compression_algorithms: algorithms, ..ServerConfig::default() };
        config.net.endpoint = "localhost:4318".into();
        config.response_headers.entries.push(("bad name".into(), "x".into()));
        let mut problems = Problems::default();
        config.validate("http", "", &mut problems);
        let texts: Vec<&str> = problems.faults().iter().map(|it| it.text.as_str()).collect();
        assert_eq!(texts, ["response_headers: bad name cannot be sent as a header: correct it"]);
        let warned = problems.warnings().iter().any(|it| it.1.text.contains("encoding br"));
        assert!(warned);
    }

    #[test]
    fn a_body_limit_that_is_not_positive_is_the_default() {
        for size in [0, -1] {
            let config = ServerConfig { max_request_body_size: size, ..ServerConfig::default() };
            assert_eq!(config.body_bytes_max(), 20_971_520);
        }
    }
}
