//! The section of the extension.

use component::config::{Problems, Section, Value};
use confighttp::server::ServerConfig;
use confignet::AddrConfig;
use healthcheck::{CheckCollectorPipeline, ResponseBody};
use serde::{Deserialize, Serialize};

const GATE_OFF: &str = "v2 healthcheck configuration (http/grpc fields) detected but feature gate is \
    disabled. Either remove the v2 config fields or enable the feature gate with: \
    --feature-gates=+extension.healthcheck.useComponentStatus";

/// `extensions: health_check:`. `extension/healthcheckextension/config.go` of contrib, v0.159.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "healthcheck.Config", unmarshals)]
pub struct Config {
    /// Where to listen. Default localhost:13133, one request per connection.
    #[serde(flatten)]
    pub server: ServerConfig,
    /// What is answered; `/` is every path. Default /.
    pub path: String,
    /// Fixed bodies. Default: JSON with status and uptime.
    pub response_body: Section<ResponseBody>,
    /// Accepted, without effect, as upstream.
    pub check_collector_pipeline: CheckCollectorPipeline,
    /// Accepted, without effect.
    pub use_v2: bool,
    /// A key of the second version, which needs the feature gate `extension.healthcheck.useComponentStatus`.
    pub http: Value,
    /// A key of the second version, which needs the feature gate `extension.healthcheck.useComponentStatus`.
    pub grpc: Value,
    /// A key of the second version. Accepted, without effect.
    pub component_health: Value,
}

impl Default for Config {
    fn default() -> Self {
        let server = ServerConfig {
            net: AddrConfig::tcp("localhost:13133"),
            keep_alives_enabled: false,
            ..ServerConfig::default()
        };
        Self {
            server,
            path: "/".into(),
            response_body: Section::off(ResponseBody::default()),
            check_collector_pipeline: CheckCollectorPipeline::default(),
            use_v2: false,
            http: Value::Null,
            grpc: Value::Null,
            component_health: Value::Null,
        }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        if self.server.net.endpoint.is_empty() {
            problems.at("config", "http endpoint required").require("endpoint", "localhost:13133");
        }
        if !self.path.starts_with('/') {
            problems.at("config", "path must start with /").set("path", format!("/{}", self.path));
        }
        if self.http != Value::Null || self.grpc != Value::Null {
            problems.at("", GATE_OFF);
        }
        // Here false is the default, and no sign of a key that is out of date.
        let server = ServerConfig { keep_alives_enabled: true, ..self.server.clone() };
        server.validate("config::legacyconfig::serverconfig", None, problems);
    }
}
