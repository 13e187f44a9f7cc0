//! The section, and what is wrong with one.

use component::config::{Duration, Problems, Section};
use confignet::AddrConfig;
use serde::{Deserialize, Serialize};

const HTTP_ENDPOINT: &str = "localhost:13133";
const GRPC_ENDPOINT: &str = "localhost:13132";
const BAD_PATH: &str = "path must start with /";

/// Keys of both versions. `internal/healthcheck/config.go`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "healthcheck.Config")]
pub struct Config {
    /// Where to listen without `use_v2`. Default localhost:13133.
    #[serde(flatten)]
    pub server: confighttp::server::ServerConfig,
    /// What is answered without `use_v2`; `/` is every path. Default /.
    pub path: String,
    /// Fixed bodies without `use_v2`. Default: JSON with status and uptime.
    pub response_body: Section<ResponseBody>,
    /// Accepted, without effect, as upstream.
    pub check_collector_pipeline: Section<CheckCollectorPipeline>,
    /// Answer with the status of pipelines and components, as `http` and `grpc` say. Default false.
    pub use_v2: bool,
    /// Pages of status and configuration. Default off.
    pub http: Section<HttpConfig>,
    /// The service `grpc.health.v1.Health`. Default off.
    pub grpc: Section<GrpcConfig>,
    /// Which problems of components count. Default: none that the collector survives.
    pub component_health: Section<ComponentHealth>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            server: http_server(),
            path: "/".into(),
            response_body: Section::absent(ResponseBody::default()),
            check_collector_pipeline: Section::absent(CheckCollectorPipeline::default()),
            use_v2: false,
            http: Section::off(HttpConfig::default()),
            grpc: Section::off(GrpcConfig::default()),
            component_health: Section::absent(ComponentHealth::default()),
        }
    }
}

/// As `confighttp.NewDefaultServerConfig`, v0.165.
fn http_server() -> confighttp::server::ServerConfig {
    confighttp::server::ServerConfig {
        net: AddrConfig::tcp(HTTP_ENDPOINT),
        read_header_timeout: Duration::from_secs(60),
        write_timeout: Duration::from_secs(30),
        idle_timeout: Duration::from_secs(60),
        ..confighttp::server::ServerConfig::default()
    }
}

/// `response_body:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
pub struct ResponseBody {
    /// When ready.
    pub healthy: String,
    /// Before and after.
    pub unhealthy: String,
}

/// `check_collector_pipeline:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
pub struct CheckCollectorPipeline {
    /// Default false.
    pub enabled: bool,
    /// Default 5m.
    pub interval: String,
    /// Default 5.
    pub exporter_failure_threshold: i64,
}

impl Default for CheckCollectorPipeline {
    fn default() -> Self {
        Self { enabled: false, interval: "5m".into(), exporter_failure_threshold: 5 }
    }
}

/// `http:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "httpserver.Config")]
pub struct HttpConfig {
    /// Where to listen. Default localhost:13133.
    #[serde(flatten)]
    pub server: confighttp::server::ServerConfig,
    /// The page of the status. Default on, at /status.
    pub status: PathConfig,
    /// The page of the configuration in force, without secrets. Default off, at /config.
    pub config: PathConfig,
}

impl Default for HttpConfig {
    fn default() -> Self {
        let page = |enabled, path: &str| PathConfig {
            enabled,
            path: path.into(),
            include_attributes: false,
        };
        Self {
            server: http_server(),
            status: page(true, "/status"),
            config: page(false, "/config"),
        }
    }
}

/// A page.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "httpserver.PathConfig")]
pub struct PathConfig {
    /// Serve it.
    pub enabled: bool,
    /// Where.
    pub path: String,
    /// Accepted, without effect: no component says more about its status. Default false.
    pub include_attributes: bool,
}

/// `grpc:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "grpc.Config")]
pub struct GrpcConfig {
    /// Where to listen. Default localhost:13132.
    #[serde(flatten)]
    pub server: configgrpc::server::ServerConfig,
}

impl Default for GrpcConfig {
    fn default() -> Self {
        let net = AddrConfig::tcp(GRPC_ENDPOINT);
        Self { server: configgrpc::server::ServerConfig { net, ..Default::default() } }
    }
}

/// `component_health:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[config(go = "config.ComponentHealthConfig")]
pub struct ComponentHealth {
    /// A component that does not work and will not is a failure. Default false.
    pub include_permanent_errors: bool,
    /// One that does not work now and tries again is a failure after `recovery_duration`. Default false.
    pub include_recoverable_errors: bool,
    /// Time for a component to work again. Default 0.
    pub recovery_duration: Duration,
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        self.check("", problems);
    }
}

impl Config {
    /// Says what is wrong with it; `key` is the path of upstream's texts.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        let no_http = "http endpoint required";
        if !self.use_v2 {
            if self.server.net.endpoint.is_empty() {
                problems.at(key, no_http).require("endpoint", HTTP_ENDPOINT);
            } else if !self.path.starts_with('/') {
                problems.at(key, BAD_PATH).set("path", format!("/{}", self.path));
            }
            self.server.validate(&below(key, "legacyconfig"), Some("serverconfig"), problems);
            return;
        }
        let (http, grpc) = (self.http.get(), self.grpc.get());
        if http.is_none() && grpc.is_none() {
            let rule = "must specify at least one protocol";
            problems.at(key, rule).set("http::endpoint", HTTP_ENDPOINT);
        }
        if let Some(http) = http {
            if http.server.net.endpoint.is_empty() {
                problems.at(key, no_http).require("http::endpoint", HTTP_ENDPOINT);
            }
            for (name, page) in [("status", &http.status), ("config", &http.config)] {
                if page.enabled && !page.path.starts_with('/') {
                    let fixed = format!("/{}", page.path);
                    problems.at(key, BAD_PATH).set(&format!("http::{name}::path"), fixed);
                }
            }
            if http.status.enabled && http.config.enabled && http.status.path == http.config.path {
                let text = "status and configuration cannot have the same path";
                problems.at_start("http::config::path", text);
            }
            http.server.validate("http", Some("serverconfig"), problems);
        }
        if let Some(grpc) = grpc {
            if grpc.server.net.endpoint.is_empty() {
                let rule = "grpc endpoint required";
                problems.at(key, rule).require("grpc::endpoint", GRPC_ENDPOINT);
            }
            grpc.server.validate("grpc", problems);
        }
    }
}

fn below(key: &str, name: &str) -> String {
    if key.is_empty() { name.to_owned() } else { format!("{key}::{name}") }
}
