//! Zipkin's HTTP API: JSON of both versions, protobuf, Thrift. The pipelines' answer is the client's answer.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bumpalo::Bump;
use component::{
    BoxError, Component, Host, Outputs, Problems, Received, Receiver, Settings, Signal, Stability,
    async_trait,
};
use confignet::AddrConfig;
use pdata::Traces;
use serde::{Deserialize, Serialize};
use thiserror::Error as ThisError;

mod http;
mod json;
mod resource;
mod strings;
#[cfg(test)]
mod tests;
mod v1;
mod v1_json;
mod v1_status;
mod v1_thrift;
mod v2;
mod v2_json;
mod v2_proto;

/// `receivers: zipkin:` (`receiver/zipkinreceiver/config.go`, v0.149).
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "zipkinreceiver.Config")]
pub struct Config {
    /// The server. Default endpoint localhost:9411.
    #[serde(flatten)]
    pub server: confighttp::server::ServerConfig,
    /// Tags that look like whole numbers, fractions or truth values become such attributes. Default false: text.
    pub parse_string_tags: bool,
}

impl Default for Config {
    fn default() -> Self {
        let net = AddrConfig::tcp("localhost:9411");
        let server = confighttp::server::ServerConfig { net, ..Default::default() };
        Self { server, parse_string_tags: false }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        self.server.validate("serverconfig", None, problems);
    }
}

/// Why spans are refused, in the words of upstream where clients can depend on them.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub(crate) enum Error {
    #[error("{0}")]
    Json(&'static str),
    #[error("json: cannot unmarshal {0} into Go value of type {1}")]
    Type(&'static str, &'static str),
    #[error("json: cannot unmarshal {0} into {1}: it has to be {2}")]
    Field(&'static str, String, String),
    #[error("strconv.ParseUint: parsing {0:?}: invalid syntax")]
    Number(String),
    #[error("json: cannot unmarshal number {0} into Go struct field .port of type uint16")]
    Port(u64),
    #[error("invalid IP address: {0}")]
    Address(String),
    #[error("valid traceId required")]
    NoTraceId,
    #[error("valid span id required")]
    NoId,
    #[error("valid annotation timestamp required")]
    NoAnnotationTime,
    #[error("invalid length for ID")]
    IdLength,
    #[error("cannot unmarshal ID from string '{0}': encoding/hex: invalid byte")]
    Id(String),
    #[error("zipkinv1: {0}")]
    V1(Box<Error>),
    #[error("{0}: {1}")]
    V1Id(&'static str, Box<Error>),
    #[error("hex traceId span has wrong length (expected 16 or 32)")]
    V1TraceIdLength,
    #[error("traceId is zero")]
    V1TraceIdZero,
    #[error("hex Id has wrong length (expected 16)")]
    V1IdLength,
    #[error("ID is zero")]
    V1IdZero,
    #[error("{0}")]
    Thrift(#[from] wire::thrift::Error),
    #[error("{0}")]
    Protobuf(#[from] wire::protobuf::Error),
    #[error("invalid TraceID: has length {0} yet wanted length 16")]
    TraceIdBytes(usize),
    #[error("invalid {0}: has length {1} yet wanted length 8")]
    SpanIdBytes(&'static str, usize),
    #[error("expected a non-nil SpanID")]
    NoSpanIdBytes,
}

/// How spans are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Version 1, JSON.
    V1Json,
    /// Version 1, Thrift.
    V1Thrift,
    /// Version 2, JSON.
    V2Json,
    /// Version 2, protobuf.
    V2Proto,
}

impl Format {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// What the client is told.
    pub fn read(self, body: &[u8], parse_strings: bool) -> Result<Traces, String> {
        self.spans(body, parse_strings).map_err(|why| why.to_string())
    }

    fn spans(self, body: &[u8], parse_strings: bool) -> Result<Traces, Error> {
        // As Go: what is not UTF-8 becomes U+FFFD.
        let text = || String::from_utf8_lossy(body);
        let arena = Bump::new();
        match self {
            Format::V2Json => v2::traces(v2_json::spans(&text(), &arena)?, parse_strings),
            Format::V2Proto => v2::traces(v2_proto::spans(body)?, parse_strings),
            Format::V1Json => {
                let now = component::clock::unix_nanos();
                Ok(v1::traces(v1_json::spans(&text(), parse_strings, &arena)?, Some(now)))
            }
            Format::V1Thrift => Ok(v1::traces(v1_thrift::spans(body)?, None)),
        }
    }
}

/// The receiver.
pub struct Zipkin {
    settings: Settings,
    config: Config,
    out: Outputs,
    bound: Mutex<Option<SocketAddr>>,
}

impl Receiver for Zipkin {
    type Config = Config;
    const TYPE: &'static str = "zipkin";
    const SIGNALS: &'static [(Signal, Stability)] = &[(Signal::Traces, Stability::Beta)];

    fn create(settings: Settings, config: Config, out: Outputs) -> Result<Self, BoxError> {
        Ok(Self { settings, config, out, bound: Mutex::default() })
    }
}

impl Zipkin {
    /// Where it listens, once started: tells the port when the endpoint's is 0.
    pub fn bound(&self) -> Option<SocketAddr> {
        *self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Component for Zipkin {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let Settings { meter, id, .. } = &self.settings;
        let received = |transport| Received::new(meter, id.as_str(), transport, Signal::Traces);
        let handler = http::Spans {
            out: self.out.clone(),
            parse_strings: self.config.parse_string_tags,
            received: [
                received("http_v1_json"),
                received("http_v1_thrift"),
                received("http_v2_json"),
                received("http_v2_proto"),
            ],
        };
        let around = (host, meter);
        let bound = confighttp::server::serve(&self.config.server, Arc::new(handler), around)?;
        *self.bound.lock().unwrap_or_else(PoisonError::into_inner) = bound;
        Ok(())
    }
}
