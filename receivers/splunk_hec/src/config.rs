//! The section of the receiver. `receiver/splunkhecreceiver/config.go`, v0.149.

use component::config::{Choice, Choices, Problems};
use confighttp::server::ServerConfig;
use confignet::AddrConfig;
use hec::Metadata;
use serde::{Deserialize, Serialize};

/// `receivers: splunk_hec:`
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "splunkhecreceiver.Config")]
pub struct Config {
    /// The server. Default endpoint localhost:8088.
    #[serde(flatten)]
    pub server: ServerConfig,
    /// Whether the token of a request becomes the attribute `com.splunk.hec.access_token`. Default false.
    pub access_token_passthrough: bool,
    /// Acknowledgements that clients ask for later.
    pub ack: Ack,
    /// The path of raw events. Default `/services/collector/raw`.
    pub raw_path: String,
    /// How raw events are told apart: `line` or `none`. Default line.
    pub splitting: Choice<Splitting>,
    /// The path of the health check. Default `/services/collector/health`.
    pub health_path: String,
    /// The attributes that stand for the metadata of an event.
    pub hec_metadata_to_otel_attrs: Metadata,
}

/// `ack:`
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "splunkhecreceiver.Ack")]
pub struct Ack {
    /// The extension that keeps them. There is none yet: an id is refused at the start.
    pub extension: Option<String>,
    /// The path. Has no effect without the extension. Default `/services/collector/ack`.
    pub path: String,
}

impl Default for Ack {
    fn default() -> Self {
        Self { extension: None, path: "/services/collector/ack".to_owned() }
    }
}

/// How raw events are told apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Splitting {
    /// Each line is one.
    #[default]
    Line,
    /// The whole request is one.
    None,
}

impl Choices for Splitting {
    const GO: &'static str = "splunkhecreceiver.SplittingStrategy";
    const NAMES: &'static [(&'static str, Self)] = &[("line", Self::Line), ("none", Self::None)];

    fn unknown(word: &str) -> String {
        format!("splitting is {word:?}: it must be line or none")
    }
}

impl Default for Config {
    fn default() -> Self {
        let net = AddrConfig::tcp("localhost:8088");
        Self {
            server: ServerConfig { net, ..ServerConfig::default() },
            access_token_passthrough: false,
            ack: Ack::default(),
            raw_path: "/services/collector/raw".to_owned(),
            splitting: Choice::default(),
            health_path: hec::HEALTH_PATH.to_owned(),
            hec_metadata_to_otel_attrs: Metadata::default(),
        }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        self.server.validate("serverconfig", None, problems);
        if let Some(extension) = &self.ack.extension {
            let text = format!("specified ack extension with id {extension:?} could not be found");
            problems.at_start("ack", text).remove("extension");
        }
    }
}
