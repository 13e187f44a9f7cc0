//! The section of the extension.

use component::config::{Duration, Problems};
use confighttp::server::ServerConfig;
use confignet::AddrConfig;
use serde::{Deserialize, Serialize};

/// `extensions: zpages:`. `extension/zpagesextension/config.go`, v0.159.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "zpagesextension.Config")]
pub struct Config {
    /// Where to listen. Default localhost:55679.
    #[serde(flatten)]
    pub server: ServerConfig,
    /// Numbers for programs.
    pub expvar: ExpvarConfig,
}

/// `expvar:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[config(go = "zpagesextension.ExpvarConfig")]
pub struct ExpvarConfig {
    /// The collector's own metrics as JSON at /debug/expvarz. Default false.
    pub enabled: bool,
}

impl Default for Config {
    fn default() -> Self {
        let server = ServerConfig {
            net: AddrConfig::tcp("localhost:55679"),
            // `confighttp.NewDefaultServerConfig`.
            read_header_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(60),
            ..ServerConfig::default()
        };
        Self { server, expvar: ExpvarConfig::default() }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        if self.server.net.endpoint.is_empty() {
            let text = "\"endpoint\" is required when using the \"zpages\" extension";
            problems.at("", text).require("endpoint", "localhost:55679");
        }
        self.server.validate("serverconfig", None, problems);
    }
}
