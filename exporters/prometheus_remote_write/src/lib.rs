//! Prometheus' remote write: points become series, series become requests of protobuf in snappy.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use component::{
    BoxError, Component, ConsumeError, Consumer, Context, Data, Delivery, Exporter,
    ExporterSettings, GrpcStatus, Host, Meter, Signal, Stability,
};
use compression::Type;
use confighttp::client::{Reply, Started, Url};
use http::{HeaderValue, StatusCode};
use tracing::warn;

mod config;
mod counts;
mod encode;
mod native;
mod series;
#[cfg(test)]
mod tests;

pub use config::{Config, Message, RemoteWriteQueue, ResourceLabels, TargetInfo};
use counts::{Counts, DROPPED};

/// `INTERNAL` of gRPC: what clients are told.
const INTERNAL: i32 = 13;

/// The exporter.
pub struct PrometheusRemoteWrite {
    settings: ExporterSettings,
    config: Config,
    client: Started,
    counts: Counts,
}

impl Exporter for PrometheusRemoteWrite {
    type Config = Config;
    const TYPE: &'static str = "prometheus_remote_write";
    const ALIASES: &'static [&'static str] = &["prometheusremotewrite"];
    const SIGNALS: &'static [(Signal, Stability)] = &[(Signal::Metrics, Stability::Beta)];

    fn create(settings: ExporterSettings, config: Config) -> Result<Self, BoxError> {
        let counts = Counts::new(&settings, &config);
        Ok(Self { settings, config, client: Started::default(), counts })
    }

    fn delivery(config: &Config) -> Delivery {
        Delivery {
            // The client's `timeout` spans the whole request, as upstream's.
            timeout: component::config::Duration::ZERO,
            retry: Some(config.retry_on_failure.clone()),
            queue: config.remote_write_queue.queue(),
        }
    }
}

#[async_trait]
impl Component for PrometheusRemoteWrite {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let mut section = self.config.client.clone();
        section.compression = Type::SNAPPY.into();
        let version = match *self.config.protobuf_message {
            Message::V1 => "0.1.0",
            Message::V2 => "2.0.0",
        };
        let version = ("X-Prometheus-Remote-Write-Version".to_owned(), version.into());
        section.headers.entries.push(version);
        self.client.start(&section, &section.endpoint, &self.settings, host)
    }

    async fn shutdown(&self) -> Result<(), BoxError> {
        self.client.close();
        Ok(())
    }
}

#[async_trait]
impl Consumer for PrometheusRemoteWrite {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let client = self.client.get()?;
        let Data::Metrics(metrics) = &data else { return Ok(()) };
        let message = *self.config.protobuf_message;
        let all = series::convert(metrics, &self.config);
        report(&all.dropped, &self.settings.meter, self.settings.id.as_str());
        if !all.dropped.is_empty() {
            self.counts.failed_translations.add(1);
        }
        self.counts.translated.add(all.series.len() as u64);
        let bytes_max = match usize::try_from(self.config.max_batch_size_bytes) {
            Ok(0) | Err(_) => 3_000_000,
            Ok(bytes) => bytes,
        };
        let content_type = HeaderValue::from_static(match message {
            Message::V1 => "application/x-protobuf",
            Message::V2 => "application/x-protobuf;proto=io.prometheus.write.v2.Request",
        });
        let requests = encode::requests(all, message, bytes_max, self.config.send_metadata);
        for request in requests {
            let reply = client.post(ctx, content_type.clone(), Bytes::from(request).into()).await;
            self.counts.sent_batches.add(1);
            let reply = reply.map_err(ConsumeError::retryable)?;
            classify(&reply, client.url())?;
        }
        Ok(())
    }
}

/// Counts what was left out, and says so.
fn report(
    dropped: &std::collections::BTreeMap<&'static str, usize>,
    meter: &Meter,
    exporter: &str,
) {
    for (reason, points) in dropped {
        warn!(reason, points, "dropping points that Prometheus has no form for");
        let labels = [("exporter", exporter), ("reason", *reason)];
        meter.counter(DROPPED, &labels).add(*points as u64);
    }
}

/// 5xx may pass later, and so may 429 (version 2 of the protocol says so; upstream drops the data).
fn classify(reply: &Reply, url: &Url) -> Result<(), ConsumeError> {
    let status = reply.status;
    if status.is_success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&reply.body);
    let said = said.lines().next().unwrap_or_default();
    let endpoint = url.to_string();
    warn!(
        status = status.as_u16(),
        endpoint,
        error = said,
        "failed to send WriteRequest to remote endpoint"
    );
    if status.is_server_error() || status.as_u16() == 429 {
        return Err(reply.retryable("remote write request failed".to_owned()));
    }
    // As upstream, which says so more than once.
    let message = "Permanent error: Permanent error: Permanent error: remote write request failed";
    let (message, encoded) = (message.to_owned(), Bytes::new());
    let told = GrpcStatus { code: INTERNAL, message, encoded };
    let error = ConsumeError::permanent("remote write request failed").with_status(told);
    // Who stands in front sends halves. Samples that were taken before may come twice, as after every retry.
    Err(if status == StatusCode::PAYLOAD_TOO_LARGE { error.too_large() } else { error })
}
