//! The section of the extension.

use component::config::Problems;
use confignet::{DialerConfig, TcpAddrConfig};
use serde::{Deserialize, Serialize};

/// `extensions: pprof:`. `extension/pprofextension/config.go` of contrib, v0.149.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "pprofextension.Config")]
pub struct Config {
    /// Where to listen. Default localhost:1777.
    #[serde(flatten)]
    pub net: TcpAddrConfig,
    /// Accepted, without effect: blocking is not measured. Default 0.
    pub block_profile_fraction: i64,
    /// Accepted, without effect: waiting for locks is not measured. Default 0.
    pub mutex_profile_fraction: i64,
    /// File for a CPU profile of the whole run. Accepted, without effect; the log says how to take one. Default none.
    pub save_to_file: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            net: TcpAddrConfig {
                endpoint: "localhost:1777".to_owned(),
                dialer: DialerConfig::default(),
            },
            block_profile_fraction: 0,
            mutex_profile_fraction: 0,
            save_to_file: String::new(),
        }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        if self.net.endpoint.is_empty() {
            let text = "\"endpoint\" is required when using the \"pprof\" extension";
            problems.at_start("", text).require("endpoint", "localhost:1777");
            return;
        }
        self.net.address().listens("", "1777", problems);
    }
}
