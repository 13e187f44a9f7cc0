//! Requests from many connections, as fast as they are answered or at a fixed rate: OTLP, and spans as other tracers send them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{anyhow, bail};
use bytes::Bytes;
use component::Context;
use compression::{Encoding, Type};
use configtls::{ClientConfig as TlsConfig, CommonConfig};
use http::HeaderValue;
use http::uri::PathAndQuery;
use pdata::Signal;
use serde::Deserialize;
use tokio::task::JoinSet;
use tokio::time::Instant;

use ledger::Oracle;

use super::template::{Encoding as Encoded, Shape, Template};

/// How long a client whose request was refused waits before it sends the same again.
const RETRY_DELAY: Duration = Duration::from_millis(5);
/// How often a client looks whether there is room in the window.
const WINDOW_PAUSE: Duration = Duration::from_millis(1);
/// Longest wait for one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// Writers with words of their own: more requests than one batch holds. A window of 512 KiB, as Go's
/// zstd has over gRPC, would otherwise see the request before again and find nothing to do.
const TEMPLATES_MAX: u32 = 16;

/// How requests travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    Grpc,
    Http,
    HttpJson,
    /// Spans as Zipkin's JSON, version 2.
    ZipkinJson,
    /// Spans as Jaeger's batch, in Thrift.
    JaegerThrift,
}

impl Transport {
    fn encoding(self) -> Encoded {
        match self {
            Self::Grpc | Self::Http => Encoded::Protobuf,
            Self::HttpJson => Encoded::Json,
            Self::ZipkinJson => Encoded::ZipkinJson,
            Self::JaegerThrift => Encoded::JaegerThrift,
        }
    }

    /// Where it is posted, and as what.
    fn place(self, signal: Signal) -> (String, &'static str) {
        let otlp = format!("/v1/{signal}");
        match self {
            Self::Grpc | Self::Http => (otlp, "application/x-protobuf"),
            Self::HttpJson => (otlp, "application/json"),
            Self::ZipkinJson => ("/api/v2/spans".to_owned(), "application/json"),
            Self::JaegerThrift => ("/api/traces".to_owned(), "application/x-thrift"),
        }
    }
}

/// The load of a row.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OtlpLoad {
    pub signal: String,
    pub transport: Transport,
    /// none, gzip, zstd, ...
    pub compression: String,
    /// Records of a request.
    pub records: usize,
    /// Attributes of a record, besides its ledger line.
    pub attributes: usize,
    pub connections: u32,
    /// Requests under way on each connection.
    pub in_flight: u32,
    pub requests: u64,
    /// Most records that were sent and have not arrived at the sink; 0 is no limit. Without one a
    /// program that answers early shows how long its queue can get, not what it needs.
    pub window: u64,
    /// Records per second; 0 is as fast as answers come.
    pub rate: f64,
    pub seed: u64,
}

impl Default for OtlpLoad {
    fn default() -> Self {
        Self {
            signal: "logs".into(),
            transport: Transport::Grpc,
            compression: "none".into(),
            records: 1000,
            attributes: 3,
            connections: 4,
            in_flight: 8,
            requests: 2000,
            window: 65_536,
            rate: 0.0,
            seed: 1,
        }
    }
}

enum Client {
    Grpc(Box<configgrpc::client::Client>, PathAndQuery),
    Http(Box<confighttp::client::Client>, HeaderValue),
}

/// What an answer means for the request.
enum Answer {
    Taken,
    /// Not now.
    Refused,
}

impl Client {
    /// With a `ca_file` over TLS.
    fn new(load: &OtlpLoad, signal: Signal, port: u16, ca_file: &str) -> anyhow::Result<Self> {
        let compression = match load.compression.as_str() {
            "none" => Type::NONE,
            name => Type(Some(Encoding::from_name(name).ok_or_else(|| anyhow!("{name}?"))?)),
        };
        let scheme = if ca_file.is_empty() { "http" } else { "https" };
        let endpoint = format!("{scheme}://127.0.0.1:{port}");
        let common = CommonConfig { ca_file: ca_file.into(), ..CommonConfig::default() };
        let tls = TlsConfig { common, ..TlsConfig::default() };
        if load.transport == Transport::Grpc {
            let config = configgrpc::client::ClientConfig {
                endpoint,
                compression: compression.into(),
                tls,
                ..configgrpc::client::ClientConfig::default()
            };
            let client = configgrpc::client::Client::new(&config, "bench", ANSWER_TIMEOUT);
            let client = Box::new(client.map_err(|error| anyhow!(error))?);
            return Ok(Self::Grpc(client, PathAndQuery::from_static(service(signal))));
        }
        let flat = confighttp::client::FlatKeepalive {
            max_idle_conns_per_host: i64::from(load.in_flight),
            ..confighttp::client::FlatKeepalive::default()
        };
        let config = confighttp::client::ClientConfig {
            compression: compression.into(),
            tls,
            flat,
            ..confighttp::client::ClientConfig::default()
        };
        let (path, kind) = load.transport.place(signal);
        let url = confighttp::client::Url::parse(&format!("{endpoint}{path}"));
        let url = url.map_err(|error| anyhow!(error))?;
        let client = confighttp::client::Client::new(&config, url, "bench");
        let client = Box::new(client.map_err(|error| anyhow!(error))?);
        Ok(Self::Http(client, HeaderValue::from_static(kind)))
    }

    async fn send(&self, body: Bytes) -> anyhow::Result<Answer> {
        match self {
            Self::Grpc(client, path) => match client.call(&Context::default(), path, &[body]).await
            {
                Ok(_) => Ok(Answer::Taken),
                // RESOURCE_EXHAUSTED, UNAVAILABLE
                Err(status) if [8, 14].contains(&status.code) => Ok(Answer::Refused),
                Err(status) => bail!("refused for good: {status:?}"),
            },
            Self::Http(client, kind) => {
                let body = std::iter::once(body).collect();
                match client.post(&Context::default(), kind.clone(), body).await {
                    Ok(reply) if reply.status.is_success() => Ok(Answer::Taken),
                    Ok(reply) if [429, 502, 503, 504].contains(&reply.status.as_u16()) => {
                        Ok(Answer::Refused)
                    }
                    Ok(reply) => bail!("refused for good: {} {:?}", reply.status, reply.body),
                    Err(error) => bail!(error),
                }
            }
        }
    }
}

fn service(signal: Signal) -> &'static str {
    match signal {
        Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    }
}

/// What all senders of a run share.
struct Shared {
    /// Of a writer, by its number.
    templates: Vec<Template>,
    /// Requests begun.
    next: AtomicU64,
    refused: AtomicU64,
    start: Instant,
    /// Between two requests; zero is as fast as answers come.
    pace: Duration,
    requests: u64,
    records: u64,
    window: u64,
    kept_one_of: u64,
    sink: Arc<Oracle>,
}

impl OtlpLoad {
    pub fn items(&self) -> u64 {
        self.records as u64 * self.requests
    }

    fn signal(&self) -> anyhow::Result<Signal> {
        self.signal.parse().map_err(|()| anyhow!("{} is no signal", self.signal))
    }

    fn templates(&self, shape: Shape) -> Vec<Template> {
        let count = (self.connections * self.in_flight).clamp(1, TEMPLATES_MAX);
        let template = |at| Template::new(Shape { seed: self.seed + u64::from(at), ..shape });
        (0..count).map(template).collect()
    }

    /// Sends everything to `port`, over TLS where there is a `ca_file`, trying again what is refused; says how often that was. One of
    /// `kept_one_of` records arrives at `sink`.
    pub async fn send(
        &self,
        port: u16,
        ca_file: &str,
        sink: &Arc<Oracle>,
        kept_one_of: u64,
    ) -> anyhow::Result<u64> {
        let signal = self.signal()?;
        let shape = Shape {
            signal,
            records: self.records,
            attributes: self.attributes,
            seed: self.seed,
            encoding: self.transport.encoding(),
        };
        let pace = if self.rate > 0.0 { self.records as f64 / self.rate } else { 0.0 };
        let shared = Arc::new(Shared {
            templates: self.templates(shape),
            next: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            start: Instant::now(),
            pace: Duration::from_secs_f64(pace),
            requests: self.requests,
            records: self.records as u64,
            window: if self.window == 0 { u64::MAX } else { self.window },
            kept_one_of,
            sink: Arc::clone(sink),
        });
        let mut tasks = JoinSet::new();
        for connection in 0..self.connections {
            let client = Arc::new(Client::new(self, signal, port, ca_file)?);
            for at in 0..self.in_flight {
                let writer = connection * self.in_flight + at;
                tasks.spawn(Arc::clone(&shared).sender(writer, Arc::clone(&client)));
            }
        }
        while let Some(done) = tasks.join_next().await {
            done??;
        }
        Ok(shared.refused.load(Relaxed))
    }
}

impl Shared {
    /// Records of which the fate is known.
    fn arrived(&self) -> u64 {
        self.sink.delivered_all() * self.kept_one_of
    }

    async fn sender(self: Arc<Self>, writer: u32, client: Arc<Client>) -> anyhow::Result<()> {
        for sent in 0.. {
            let request = self.next.fetch_add(1, Relaxed);
            if request >= self.requests {
                break;
            }
            if !self.pace.is_zero() {
                tokio::time::sleep_until(self.start + self.pace.mul_f64(request as f64)).await;
            }
            // Alone, a request may be larger than the window.
            while request * self.records > self.arrived().saturating_add(self.window) {
                tokio::time::sleep(WINDOW_PAUSE).await;
            }
            let template = &self.templates[writer as usize % self.templates.len()];
            let body = template.fill(writer, sent * self.records);
            while let Answer::Refused = client.send(body.clone()).await? {
                self.refused.fetch_add(1, Relaxed);
                tokio::time::sleep(RETRY_DELAY).await;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_writers_send_different_words() {
        let shape = Shape {
            signal: Signal::Logs,
            records: 3,
            attributes: 3,
            seed: 1,
            encoding: Encoded::Protobuf,
        };
        let templates = OtlpLoad::default().templates(shape);
        assert_eq!(templates.len(), TEMPLATES_MAX as usize);
        // Number and time are the same, or alike: what is left is the words.
        let [one, two] = [0, 1].map(|at: usize| templates[at].fill(0, 0));
        let same = one.iter().zip(&two[..]).filter(|(a, b)| a == b).count();
        assert!(same < one.len() * 3 / 4, "{same} of {}", one.len());
    }
}
