//! `receivers: otlp:` (`receiver/otlpreceiver/config.go`, v0.159).

use std::fmt;

use component::Problems;
use component::config::{Choice, Choices, Section};
use confignet::AddrConfig;
use pdata::NotUtf8;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize};

/// Read buffer of the gRPC server, in bytes; kept because it is in everybody's resolved configuration.
const GRPC_READ_BUFFER: i64 = 512 * 1024;

/// The section.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[config(go = "otlpreceiver.Config")]
pub struct Config {
    /// What is served; at least one.
    pub protocols: Protocols,
    /// What becomes of strings in protobuf that are not UTF-8. replace: what is not a character becomes U+FFFD; refuse:
    /// the request is answered with 400 or INVALID_ARGUMENT; pass: they go on as they are, as in Go. Default replace.
    #[config(omit_empty)]
    pub invalid_utf8: Option<Choice<InvalidUtf8>>,
}

/// `invalid_utf8:`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum InvalidUtf8 {
    /// U+FFFD.
    #[default]
    Replace,
    /// The request is refused.
    Refuse,
    /// Nothing, as in Go.
    Pass,
}

impl Choices for InvalidUtf8 {
    const NAMES: &'static [(&'static str, Self)] =
        &[("replace", Self::Replace), ("refuse", Self::Refuse), ("pass", Self::Pass)];
}

impl From<InvalidUtf8> for NotUtf8 {
    fn from(it: InvalidUtf8) -> Self {
        match it {
            InvalidUtf8::Replace => Self::Replace,
            InvalidUtf8::Refuse => Self::Refuse,
            InvalidUtf8::Pass => Self::Pass,
        }
    }
}

/// `protocols:`. A protocol is on when it is mentioned, even as `grpc:` with nothing after.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
pub struct Protocols {
    /// OTLP/gRPC. Default off; endpoint localhost:4317.
    pub grpc: Section<configgrpc::server::ServerConfig>,
    /// OTLP/HTTP, protobuf and JSON. Default off; endpoint localhost:4318.
    pub http: Section<HttpConfig>,
}

impl Default for Protocols {
    fn default() -> Self {
        let grpc = configgrpc::server::ServerConfig {
            net: AddrConfig::tcp("localhost:4317"),
            read_buffer_size: GRPC_READ_BUFFER,
            ..Default::default()
        };
        Self { grpc: Section::off(grpc), http: Section::off(HttpConfig::default()) }
    }
}

/// `protocols: http:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "otlpreceiver.HTTPConfig")]
pub struct HttpConfig {
    /// The server.
    #[serde(flatten)]
    pub server: confighttp::server::ServerConfig,
    /// Path of traces. Default /v1/traces.
    #[config(omit_empty)]
    pub traces_url_path: UrlPath,
    /// Path of metrics. Default /v1/metrics.
    #[config(omit_empty)]
    pub metrics_url_path: UrlPath,
    /// Path of logs. Default /v1/logs.
    #[config(omit_empty)]
    pub logs_url_path: UrlPath,
}

impl Default for HttpConfig {
    fn default() -> Self {
        let net = AddrConfig::tcp("localhost:4318");
        Self {
            server: confighttp::server::ServerConfig { net, ..Default::default() },
            traces_url_path: "/v1/traces".into(),
            metrics_url_path: "/v1/metrics".into(),
            logs_url_path: "/v1/logs".into(),
        }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        let (grpc, http) = (self.protocols.grpc.get(), self.protocols.http.get());
        if grpc.is_none() && http.is_none() {
            problems
                .at("", "must specify at least one protocol when using the OTLP receiver")
                .require("protocols", "{grpc: , http: }");
        }
        if let Some(grpc) = grpc {
            grpc.validate("protocols::grpc", problems);
        }
        if let Some(http) = http {
            http.server.validate("protocols::http", Some("serverconfig"), problems);
        }
    }
}

/// A path as served: with a slash in front. What cannot be a URL is refused as Go's `url.Parse` does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, config::Described)]
pub struct UrlPath(String);

impl UrlPath {
    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for UrlPath {
    fn from(path: &str) -> Self {
        Self(if path.starts_with('/') { path.to_owned() } else { format!("/{path}") })
    }
}

impl<'de> Deserialize<'de> for UrlPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sanitized;

        impl Visitor<'_> for Sanitized {
            type Value = UrlPath;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("otlpreceiver.SanitizedURLPath")
            }

            fn visit_str<E: serde::de::Error>(self, path: &str) -> Result<UrlPath, E> {
                match wrong(path) {
                    None => Ok(UrlPath::from(path)),
                    Some(why) => Err(E::custom(format!(
                        "invalid HTTP URL path set for signal: parse {path:?}: {why}"
                    ))),
                }
            }
        }

        deserializer.deserialize_string(Sanitized)
    }
}

/// Why Go does not read a path.
fn wrong(path: &str) -> Option<String> {
    if path.starts_with(':') {
        return Some("missing protocol scheme".into());
    }
    if path.bytes().any(|it| it < b' ' || it == 0x7f) {
        return Some("net/url: invalid control character in URL".into());
    }
    path.match_indices('%').find_map(|(at, _)| {
        let escape: String = path[at..].chars().take(3).collect();
        let is_hex = escape.len() == 3 && escape[1..].bytes().all(|it| it.is_ascii_hexdigit());
        (!is_hex).then(|| format!("invalid URL escape {escape:?}"))
    })
}

#[cfg(test)]
mod tests {
    use componenttest::{config, problems};

    use super::*;

    #[track_caller]
    fn check(text: &str, want: &[(&str, &str)]) {
        let want: Vec<_> = want
            .iter()
            .map(
                |(key, rule)| {
                    if key.is_empty() { (*rule).to_owned() } else { format!("{key}: {rule}") }
                },
            )
            .collect();
        assert_eq!(problems::<Config>(text), want);
    }

    #[test]
    fn a_protocol_is_on_when_it_is_mentioned() {
        let config: Config = config(r#"{"protocols": {"grpc": {}}}"#);
        assert_eq!(config.protocols.grpc.get().unwrap().net.endpoint, "localhost:4317");
        assert!(config.protocols.http.get().is_none());
    }

    #[test]
    fn a_section_that_is_written_keeps_the_other_defaults() {
        let config: Config = config(r#"{"protocols": {"http": {"max_request_body_size": 5}}}"#);
        let http = config.protocols.http.get().unwrap();
        assert_eq!(http.server.net.endpoint, "localhost:4318");
        assert_eq!(http.server.max_request_body_size, 5);
    }

    #[test]
    fn without_a_protocol_there_is_nothing_to_receive() {
        let rule = "must specify at least one protocol when using the OTLP receiver";
        check("", &[("", rule)]);
        check(r#"{"protocols": {}}"#, &[("", rule)]);
    }

    #[test]
    fn wrong_values_are_named_in_the_collectors_words() {
        check(
            r#"{"protocols": {"grpc": {"max_recv_msg_size_mib": -1}}}"#,
            &[(
                "protocols::grpc",
                "invalid max_recv_msg_size_mib value, must be between 1 and 8796093022207: -1",
            )],
        );
        check(
            r#"{"protocols": {"grpc": {"tls": {}}}}"#,
            &[(
                "protocols::grpc",
                "tls: TLS configuration must include both certificate and key for server connections",
            )],
        );
        check(
            r#"{"protocols": {"grpc": {"transport": ""}}}"#,
            &[("protocols::grpc", "netaddr: invalid transport type \"\"")],
        );
    }

    #[test]
    fn paths_get_the_slash_that_they_lack() {
        assert_eq!(UrlPath::from("in/logs").as_str(), "/in/logs");
        assert_eq!(UrlPath::from("/t").as_str(), "/t");
    }

    #[test]
    fn paths_that_go_does_not_read_are_refused_while_the_section_is_read() {
        for (path, why) in [
            (":invalid", "missing protocol scheme"),
            ("/%zz", "invalid URL escape \"%zz\""),
            ("/a%4", "invalid URL escape \"%4\""),
        ] {
            let text = format!(r#"{{"protocols": {{"http": {{"logs_url_path": "{path}"}}}}}}"#);
            let section = componenttest::section(&text);
            let faults = component::config::load::<Config>(&section).unwrap_err();
            let want = format!("invalid HTTP URL path set for signal: parse {path:?}: {why}");
            assert_eq!(faults[0].text, want);
        }
    }
}
