//! The keys of an HTTP server (`config/confighttp`, v0.159).

use std::time::Duration;

use component::config::{Caution, Duration as GoDuration, MapList, Problems, Section, Side, Stage};
use compression::Encoding;
use confignet::server::{Before, HEAD_WAIT, spread};
use confignet::{AddrConfig, MiddlewareConfig};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// Longest time for a client to read its answer, unless `write_timeout` is configured.
const WRITE_WAIT: Duration = Duration::from_secs(30);
/// Body limit when `max_request_body_size` is 0, in bytes.
const BODY_BYTES_DEFAULT: usize = 20 * 1024 * 1024;

/// What `idle_timeout` is by default where upstream sets one (`confighttp.NewDefaultServerConfig`), and `keepalive` too.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// In upstream's words.
const BOTH_KEEPALIVES: &str = "confighttp.ServerConfig: cannot use deprecated keepalive fields (idle_timeout, \
    keep_alives_enabled) alongside the 'keepalive' section; migrate to the 'keepalive' section";

/// An HTTP server.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "confighttp.ServerConfig")]
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
    #[config(omit_empty, go = "int64")]
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
    pub read_timeout: GoDuration,
    /// Longest time to read the head of a request, the first from the connection on; 0 is 10s. Default 0.
    pub read_header_timeout: GoDuration,
    /// Longest time from head to answer, and again to read the answer; 0 is unlimited, and 30s to read. Default 0.
    pub write_timeout: GoDuration,
    /// Deprecated: `keepalive.idle_timeout`. Default 0.
    pub idle_timeout: GoDuration,
    /// Deprecated: `keepalive.enabled`. Default true.
    #[config(omit_empty)]
    pub keep_alives_enabled: bool,
    /// Connections that stay open between requests. Default on, as the two deprecated keys say.
    #[config(omit_empty)]
    pub keepalive: Section<KeepaliveConfig>,
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
            read_timeout: GoDuration::ZERO,
            read_header_timeout: GoDuration::ZERO,
            write_timeout: GoDuration::ZERO,
            idle_timeout: GoDuration::ZERO,
            keep_alives_enabled: true,
            keepalive: Section::absent(KeepaliveConfig::default()),
            middlewares: Vec::new(),
        }
    }
}

/// `keepalive:` (v0.160).
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[config(go = "confighttp.KeepaliveServerConfig")]
pub struct KeepaliveConfig {
    /// Longest pause between requests; 0 is unlimited. Default: what the component has without this section.
    #[config(omit_empty)]
    pub idle_timeout: Option<GoDuration>,
    /// A connection this old is asked to leave with its next answer. Upstream has this for gRPC only. Default 0: never.
    #[config(omit_empty)]
    pub max_connection_age: GoDuration,
    /// Time for a connection that was asked to leave. Default 0: unlimited.
    #[config(omit_empty)]
    pub max_connection_age_grace: GoDuration,
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

/// How long a connection may do what, from now on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// For the head of a request.
    pub head_max: Duration,
    /// Without a request.
    pub idle_max: Option<Duration>,
    /// To read an answer.
    pub write_max: Duration,
    /// It takes more than one request.
    pub is_kept: bool,
    /// When it is asked to leave.
    pub leave_at: Option<Instant>,
    /// When it is closed.
    pub close_at: Option<Instant>,
}

impl ServerConfig {
    /// Checks the section; `key` is its path in the component. Upstream's texts have what is below a part that is optional
    /// behind a colon: `optional` is where this section stands below that part, if there is one.
    pub fn validate(&self, key: &str, optional: Option<&str>, problems: &mut Problems) {
        let say = |name: &str, text: &str, problems: &mut Problems| {
            match optional {
                None => problems.at(format!("{key}::{name}"), text),
                Some("") => problems.at(key, format!("{name}: {text}")).about(name),
                Some(above) => problems.at(key, format!("{above}::{name}: {text}")).about(name),
            };
        };
        if self.net.transport.word().is_empty() {
            say("netaddr", "invalid transport type \"\"", problems);
        }
        // Nobody writes what upstream calls this struct where it is embedded in another.
        let written = key.strip_suffix("serverconfig").unwrap_or(key).trim_end_matches("::");
        self.net.listens(written, "4318", problems);
        self.check_keepalive(key, problems);
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
            if !is_plain(name) && Encoding::from_name(name).is_none() {
                let text = format!("no request comes with the encoding {name}: it is not known");
                let place = format!("compression_algorithms::{at}");
                problems.warn(Caution::NoEffect, key, text).about(&place);
            }
        }
    }

    /// Says which keys `keepalive:` has replaced. As upstream, values that change nothing are not worth a word.
    fn check_keepalive(&self, key: &str, problems: &mut Problems) {
        let flat = [
            (
                "idle_timeout",
                !self.idle_timeout.std().is_zero() && self.idle_timeout.std() != IDLE_TIMEOUT,
                "use 'keepalive::idle_timeout' instead",
            ),
            (
                "keep_alives_enabled",
                !self.keep_alives_enabled,
                "set 'keepalive::enabled' to false to disable keep-alives",
            ),
        ];
        let is_written = self.keepalive.get().is_some() || self.keepalive.is_off();
        for (name, _, instead) in flat.into_iter().filter(|it| it.1) {
            if is_written {
                problems.at(key, BOTH_KEEPALIVES).remove(name);
                return;
            }
            let text = format!("'{name}' is deprecated; {instead}");
            problems.warn(Caution::Deprecated, key, text).about(name);
        }
        let keepalive = self.keepalive.get().cloned().unwrap_or_default();
        if keepalive.max_connection_age.std().is_zero()
            && !keepalive.max_connection_age_grace.std().is_zero()
        {
            let text = "max_connection_age_grace has no effect: without max_connection_age nobody is asked to leave";
            let place = "keepalive::max_connection_age_grace";
            problems.warn(Caution::NoEffect, key, text).remove(place);
        }
    }

    /// The limits of a connection that begins now.
    pub(super) fn limits(&self) -> Limits {
        let set = |it: GoDuration| Some(it.std()).filter(|it| !it.is_zero());
        let head = set(self.read_header_timeout).or_else(|| set(self.read_timeout));
        let kept = self.kept();
        let keepalive = kept.clone().unwrap_or_default();
        let now = Instant::now();
        // A tenth earlier or later, so that clients of one age do not leave together; as in grpc-go.
        let age = set(keepalive.max_connection_age).map(|it| it.mul_f64(0.9 + 0.2 * spread()));
        let leave_at = age.and_then(|it| now.checked_add(it));
        let grace = set(keepalive.max_connection_age_grace);
        Limits {
            head_max: head.unwrap_or(HEAD_WAIT),
            // As net/http: the idle timeout is the read timeout unless it is set.
            idle_max: keepalive.idle_timeout.and_then(set).or_else(|| set(self.read_timeout)),
            write_max: set(self.write_timeout).unwrap_or(WRITE_WAIT),
            is_kept: kept.is_some(),
            leave_at,
            close_at: leave_at.zip(grace).and_then(|(leave, grace)| leave.checked_add(grace)),
        }
    }

    /// How connections live; `None` when each request has its own.
    fn kept(&self) -> Option<KeepaliveConfig> {
        match self.keepalive.get() {
            Some(section) => {
                let idle_timeout = Some(section.idle_timeout.unwrap_or(self.idle_timeout));
                Some(KeepaliveConfig { idle_timeout, ..section.clone() })
            }
            None if self.keepalive.is_off() || !self.keep_alives_enabled => None,
            None => {
                let idle_timeout = Some(self.idle_timeout);
                Some(KeepaliveConfig { idle_timeout, ..KeepaliveConfig::default() })
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
            Some(list) if !list.iter().any(|it| it == name || is_plain(it) && is_plain(name)) => {
                return None;
            }
            _ => {}
        }
        match name {
            name if is_plain(name) => Some(Coding::Plain),
            _ => Encoding::from_name(name).map(Coding::Encoded),
        }
    }
}

/// No encoding, or the one that is none (v0.165).
fn is_plain(name: &str) -> bool {
    name.is_empty() || name == "identity"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_encodings_are_case_sensitive() {
        let config = ServerConfig::default();
        assert_eq!(config.coding(""), Some(Coding::Plain));
        assert_eq!(config.coding("gzip"), Some(Coding::Encoded(Encoding::Gzip)));
        assert_eq!(config.coding("identity"), Some(Coding::Plain));
        for unknown in ["GZIP", "Identity", "br", "gzip, gzip"] {
            assert_eq!(config.coding(unknown), None);
        }
    }

    #[test]
    fn a_list_of_algorithms_narrows_what_is_accepted() {
        let zlib = vec!["zlib".to_owned()];
        let config = ServerConfig { compression_algorithms: Some(zlib), ..ServerConfig::default() };
        assert_eq!(config.coding("zlib"), Some(Coding::Encoded(Encoding::Zlib)));
        assert_eq!(config.coding(""), None);
        assert_eq!(config.coding("identity"), None);
        let plain = vec![String::new()];
        let config =
            ServerConfig { compression_algorithms: Some(plain), ..ServerConfig::default() };
        assert_eq!(config.coding("identity"), Some(Coding::Plain));
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
        config.validate("http", Some(""), &mut problems);
        let texts: Vec<&str> = problems.faults().iter().map(|it| it.text.as_str()).collect();
        assert_eq!(texts, ["response_headers: bad name cannot be sent as a header: correct it"]);
        let warned = problems.warnings().iter().any(|it| it.1.text.contains("encoding br"));
        assert!(warned);
    }

    #[test]
    fn what_is_wrong_stands_where_upstream_says_it() {
        let section = componenttest::section("{endpoint: 'a:1', transport: ''}");
        let config: ServerConfig = component::config::load(&section).unwrap();
        let said = |key: &str, optional| {
            let mut problems = Problems::default();
            config.validate(key, optional, &mut problems);
            problems.of(Stage::Check).map(component::config::Fault::rule_text).collect::<Vec<_>>()
        };
        let text = "invalid transport type \"\"";
        assert_eq!(said("serverconfig", None), [format!("serverconfig::netaddr: {text}")]);
        assert_eq!(said("a", Some("")), [format!("a: netaddr: {text}")]);
        let want = format!("a: serverconfig::netaddr: {text}");
        assert_eq!(said("a", Some("serverconfig")), [want]);
    }

    #[test]
    fn a_body_limit_that_is_not_positive_is_the_default() {
        for size in [0, -1] {
            let config = ServerConfig { max_request_body_size: size, ..ServerConfig::default() };
            assert_eq!(config.body_bytes_max(), 20_971_520);
        }
    }
    #[test]
    fn the_keepalive_section_replaces_keys_that_warn() {
        let both = "confighttp.ServerConfig: cannot use deprecated keepalive fields (idle_timeout, \
                    keep_alives_enabled) alongside the 'keepalive' section; migrate to the 'keepalive' section";
        let check = |section: &str, faults: &[&str], warnings: &[&str]| {
            let section = format!("{{endpoint: 'localhost:1', {section}}}");
            let read = component::config::load(&componenttest::section(&section));
            let config: ServerConfig = read.unwrap();
            let mut problems = Problems::default();
            config.validate("http", Some(""), &mut problems);
            let found: Vec<_> = problems.faults().iter().map(|it| it.text.as_str()).collect();
            assert_eq!(found, faults, "{section}");
            let found: Vec<_> = problems.warnings().iter().map(|it| it.1.text.as_str()).collect();
            assert_eq!(found, warnings, "{section}");
        };
        check("keepalive: {idle_timeout: 5s}", &[], &[]);
        check("keepalive: {enabled: false}", &[], &[]);
        check("keep_alives_enabled: true, keepalive: {}", &[], &[]);
        let idle = "'idle_timeout' is deprecated; use 'keepalive::idle_timeout' instead";
        check("idle_timeout: 5s", &[], &[idle]);
        let off = "'keep_alives_enabled' is deprecated; set 'keepalive::enabled' to false to disable keep-alives";
        check("keep_alives_enabled: false", &[], &[off]);
        check("idle_timeout: 5s, keepalive: {}", &[both], &[]);
        check("keep_alives_enabled: false, keepalive: {enabled: false}", &[both], &[]);
        let dialer = "dialer.timeout has no effect: a server dials nobody";
        check("dialer: {timeout: 5s}", &[], &[dialer]);
        let grace = "max_connection_age_grace has no effect: without max_connection_age nobody is asked to leave";
        check("keepalive: {max_connection_age_grace: 5s}", &[], &[grace]);
    }
}
