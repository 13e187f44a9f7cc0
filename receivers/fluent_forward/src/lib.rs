//! Logs of Fluent Bit, Fluentd and Docker over the Forward protocol.
//!
//! A connection is read as far as the pipelines take its records. An event with a chunk is acknowledged when they have
//! taken it; the records of one without are kept and offered again, for its client has forgotten them.

mod event;
mod msgpack;
mod serve;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use component::{
    BoxError, Component, Host, Outputs, Problems, Receiver, Settings, Signal, Stability,
    async_trait,
};
use confignet::AddrConfig;
use confignet::Transport;
use serde::{Deserialize, Serialize};
use thiserror::Error as ThisError;

/// `receivers: fluent_forward:` (`receiver/fluentforwardreceiver/config.go`, v0.149).
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "fluentforwardreceiver.Config")]
pub struct Config {
    /// `host:port`, or `unix://` and the path of a socket. Required.
    pub endpoint: String,
}

impl Config {
    /// Where to listen.
    fn address(&self) -> AddrConfig {
        let path = self.endpoint.strip_prefix("unix://");
        let path = path.or_else(|| self.endpoint.starts_with('/').then_some(&self.endpoint));
        let Some(path) = path else { return AddrConfig::tcp(&self.endpoint) };
        AddrConfig { transport: Transport::UNIX.into(), ..AddrConfig::tcp(path) }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        if self.endpoint.is_empty() {
            let text = "endpoint is required: host:port, or unix:// and the path of a socket";
            problems.at_start("", text).set("endpoint", "localhost:24224");
        } else {
            self.address().listens("", "24224", problems);
        }
    }
}

/// Why an event cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub(crate) enum Error {
    #[error("it ends in the middle of a value")]
    Truncated,
    #[error("the byte 0xc1 is never used in MessagePack")]
    Never,
    #[error("{0} is not {1}")]
    Kind(&'static str, &'static str),
    #[error("an array of {0} values is none of the protocol's")]
    Length(u32),
    #[error("behind the tag is neither a time nor entries")]
    Mode,
    #[error("the time is neither a whole number nor an EventTime")]
    Time,
    #[error("values are nested too deeply")]
    Nested,
    #[error("the entries cannot be unpacked: {0}")]
    Packed(#[from] compression::DecompressError),
}

/// The receiver.
pub struct FluentForward {
    settings: Settings,
    config: Config,
    out: Outputs,
    bound: Mutex<Option<SocketAddr>>,
}

impl Receiver for FluentForward {
    type Config = Config;
    const TYPE: &'static str = "fluent_forward";
    const ALIASES: &'static [&'static str] = &["fluentforward"];
    const SIGNALS: &'static [(Signal, Stability)] = &[(Signal::Logs, Stability::Beta)];

    fn create(settings: Settings, config: Config, out: Outputs) -> Result<Self, BoxError> {
        Ok(Self { settings, config, out, bound: Mutex::default() })
    }
}

impl FluentForward {
    /// Where it listens, once started: tells the port when the endpoint's is 0.
    pub fn bound(&self) -> Option<SocketAddr> {
        *self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Component for FluentForward {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let intake = serve::Intake::new(&self.settings, self.out.clone(), host);
        let bound = serve::serve(&self.config.address(), intake, host)?;
        *self.bound.lock().unwrap_or_else(PoisonError::into_inner) = bound;
        Ok(())
    }
}
