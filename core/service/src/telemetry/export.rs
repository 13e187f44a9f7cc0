//! Where own telemetry is sent: through the exporters that pipelines use, so that there is one OTLP
//! client in this program. What they would count about it is counted nowhere.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use component::config::Duration as GoDuration;
use component::meter::Level;
use component::{
    BuildInfo, Capability, Component, ConsumeError, Consumer, Context, Data, Delivery,
    ExporterSettings, Host, Id, Kind, Meter, Next, RetryConfig, Services, Signal, Status,
    async_trait,
};
use serde_json::{Map, Value as Json};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, debug};

use super::SILENT_SPAN;
use super::readers::{OtlpConfig, PushExporterConfig};
use crate::registry::{Plan, Registry, Step};

/// Longest time of one attempt, in milliseconds. otelconf's default.
const ATTEMPT_MILLIS: i64 = 10_000;
/// Longest time that the end of the collector waits for its telemetry to be taken.
pub(super) const LAST_TIMEOUT: Duration = Duration::from_secs(5);
/// Retries end after this. The default of Go's OTLP exporters.
const RETRY_SECONDS: i64 = 60;

/// Sends one signal of own telemetry.
pub(super) struct Exporter {
    signal: Signal,
    component: Option<Arc<dyn Component>>,
    next: Next,
    host: Host,
    span: Span,
}

impl Exporter {
    /// Checks everything; opens nothing. Errors have otelconf's texts.
    pub(super) fn new(
        config: &PushExporterConfig,
        signal: Signal,
        registry: &Registry,
        build: &BuildInfo,
    ) -> Result<Self, String> {
        match (&config.otlp, &config.console) {
            (Some(_), Some(_)) => Err("must not specify multiple exporters".into()),
            (None, None) => Err(none(signal)),
            (None, Some(_)) => Ok(Self::with(signal, None, Arc::new(Console))),
            (Some(otlp), None) => {
                let (type_name, section) = section(otlp, signal)?;
                let unknown = || format!("this build has no exporter \"{type_name}\" to send with");
                let entry = registry.find(Kind::Exporter, type_name).ok_or_else(unknown)?;
                let section = serde_json::from_value(section).map_err(|it| it.to_string())?;
                let settings = settings(type_name, signal, build)?;
                let plan = entry.plan(&section).map_err(|it| it.to_string())?;
                let Plan::Exporter(make) = plan else { return Err(unknown()) };
                let made = make(settings.clone()).map_err(|it| it.to_string())?;
                let Step { component, consumer } = made.0;
                let retry = RetryConfig {
                    max_elapsed_time: GoDuration::from_secs(RETRY_SECONDS),
                    ..RetryConfig::default()
                };
                let timeout = made.1.timeout;
                let delivery = Delivery { timeout, retry: Some(retry), queue: None };
                let next = exporterhelper::in_front_of(&settings, delivery, consumer);
                Ok(Self::with(signal, Some(component), next))
            }
        }
    }

    fn with(signal: Signal, component: Option<Arc<dyn Component>>, next: Next) -> Self {
        let name = format!("telemetry/{signal}");
        let host = Host::new(&name, CancellationToken::new(), Arc::new(Nobody));
        let span = tracing::error_span!(SILENT_SPAN, "otelcol.signal" = signal.name());
        Self { signal, component, next, host, span }
    }

    pub(super) async fn start(&self) -> Result<(), String> {
        let Some(component) = &self.component else { return Ok(()) };
        let started = Arc::clone(component).start(&self.host).instrument(self.span.clone()).await;
        started.map_err(|error| error.to_string())
    }

    /// Sends within `timeout`, and soon after `stopping`. What fails has been logged, and is not kept.
    pub(super) async fn send(&self, data: Data, timeout: Duration, stopping: &CancellationToken) {
        let sending = async { drop(self.next.consume(&Context::default(), data).await) };
        let grace = async {
            stopping.cancelled().await;
            tokio::time::sleep(LAST_TIMEOUT).await;
        };
        let why = tokio::select! {
            () = sending.instrument(self.span.clone()) => return,
            () = tokio::time::sleep(timeout) => "timeout",
            () = grace => "shutdown",
        };
        debug!(signal = self.signal.name(), why, "own telemetry was not taken");
    }

    pub(super) async fn stop(&self) {
        self.host.stop().await;
        if let Some(component) = &self.component {
            // Nobody can be told any more.
            let _ = component.shutdown().await;
        }
    }
}

fn none(signal: Signal) -> String {
    let name = match signal {
        Signal::Traces => "span",
        Signal::Metrics => "metric",
        Signal::Logs => "log",
    };
    format!("no valid {name} exporter")
}

fn settings(
    type_name: &str,
    signal: Signal,
    build: &BuildInfo,
) -> Result<ExporterSettings, String> {
    Ok(ExporterSettings {
        id: format!("{type_name}/telemetry")
            .parse()
            .map_err(|it: component::IdError| it.to_string())?,
        signal,
        build: build.clone(),
        meter: Meter::new(Level::None, Vec::new()),
    })
}

/// The exporter that otelconf's section means, and its section.
fn section(config: &OtlpConfig, signal: Signal) -> Result<(&'static str, Json), String> {
    let protocol = config.protocol.as_deref().ok_or_else(|| none(signal))?;
    let insecure = config.insecure == Some(true);
    let compression = match config.compression.as_deref() {
        None | Some("none" | "") => "none",
        Some("gzip") => "gzip",
        Some(other) => return Err(format!("unsupported compression {other:?}")),
    };
    let mut tls = Map::new();
    if insecure {
        tls.insert("insecure".into(), true.into());
    }
    let files = [
        ("ca_file", &config.certificate),
        ("cert_file", &config.client_certificate),
        ("key_file", &config.client_key),
    ];
    for (key, file) in files {
        if let Some(file) = file {
            tls.insert(key.into(), file.as_str().into());
        }
    }
    let millis = config.timeout.filter(|it| *it > 0).unwrap_or(ATTEMPT_MILLIS);
    let mut section = serde_json::json!({
        "compression": compression,
        "headers": headers(config),
        "timeout": format!("{millis}ms"),
        "tls": tls,
    });
    match protocol {
        "grpc" => {
            let endpoint = endpoint(config, "localhost:4317");
            let authority = endpoint.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
            section["endpoint"] = authority.into();
            Ok(("otlp_grpc", section))
        }
        "http/protobuf" => {
            let mut url = endpoint(config, "localhost:4318");
            if url.splitn(4, '/').nth(3).is_none_or(str::is_empty) {
                url = format!("{}/v1/{}", url.trim_end_matches('/'), signal.name());
            }
            section[format!("{}_endpoint", signal.name())] = url.into();
            Ok(("otlp_http", section))
        }
        other => Err(format!("unsupported protocol {other:?}")),
    }
}

/// With a scheme. `normalizeEndpoint` of `otelconftelemetry`.
fn endpoint(config: &OtlpConfig, default: &str) -> String {
    let endpoint = config.endpoint.as_deref().unwrap_or(default);
    match (endpoint.contains("://"), config.insecure) {
        (true, _) => endpoint.to_owned(),
        (false, Some(true)) => format!("http://{endpoint}"),
        (false, _) => format!("https://{endpoint}"),
    }
}

/// Those of the list, then those of the key.
fn headers(config: &OtlpConfig) -> Map<String, Json> {
    let list = config.headers_list.as_ref().map_or("", |it| it.expose());
    let list = list.split(',').filter_map(|it| it.split_once('='));
    let list = list.map(|(k, v)| (k.trim().to_owned(), v.trim().into()));
    let own = config.headers.entries.iter().map(|(k, v)| (k.clone(), v.expose().into()));
    list.chain(own).collect()
}

/// Writes to standard output, a request a line.
struct Console;

#[async_trait]
impl Consumer for Console {
    async fn consume(&self, _ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let mut line = Vec::new();
        data.to_json(&mut line);
        line.push(b'\n');
        // Nobody can be told that standard output is gone.
        let _ = std::io::stdout().lock().write_all(&line);
        Ok(())
    }
}

/// What an exporter outside of pipelines may ask of the service: nothing.
struct Nobody;

impl Services for Nobody {
    fn report(&self, component: &str, status: Status) {
        debug!(component, ?status, "exporter of own telemetry");
    }

    fn offers(&self, _id: &Id) -> Option<Vec<Capability>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn made(config: Json) -> Result<(&'static str, Json), String> {
        section(&serde_json::from_value(config).unwrap(), Signal::Metrics)
    }

    #[test]
    fn otelconfs_section_becomes_that_of_an_exporter() {
        let config = serde_json::json!({
            "protocol": "http/protobuf", "endpoint": "backend:4318", "insecure": true,
            "headers": [{"name": "a", "value": "b"}], "headers_list": "a=x, c=d",
            "compression": "gzip", "timeout": 500,
        });
        let want = serde_json::json!({
            "metrics_endpoint": "http://backend:4318/v1/metrics", "compression": "gzip",
            "headers": {"a": "b", "c": "d"}, "timeout": "500ms", "tls": {"insecure": true},
        });
        assert_eq!(made(config), Ok(("otlp_http", want)));
        let config = serde_json::json!({
            "protocol": "grpc", "endpoint": "http://backend:4317/ignored", "headers": {"a": "b"},
        });
        let (type_name, section) = made(config).unwrap();
        assert_eq!((type_name, &section["endpoint"]), ("otlp_grpc", &"http://backend:4317".into()));
        assert_eq!(section["headers"], serde_json::json!({"a": "b"}));
    }

    #[test]
    fn a_path_of_the_endpoint_is_kept() {
        let url = |endpoint: &str| {
            let config = serde_json::json!({"protocol": "http/protobuf", "endpoint": endpoint});
            made(config).unwrap().1["metrics_endpoint"].as_str().unwrap().to_owned()
        };
        assert_eq!(url("http://a:1/x/y"), "http://a:1/x/y");
        assert_eq!(url("http://a:1/"), "http://a:1/v1/metrics");
        assert_eq!(url("a:1"), "https://a:1/v1/metrics");
    }

    #[test]
    fn mistakes_have_otelconfs_texts() {
        let text = |config: Json| made(config).unwrap_err();
        assert_eq!(text(serde_json::json!({})), "no valid metric exporter");
        assert_eq!(text(serde_json::json!({"protocol": "x"})), "unsupported protocol \"x\"");
        let config = serde_json::json!({"protocol": "grpc", "compression": "zip"});
        assert_eq!(text(config), "unsupported compression \"zip\"");
    }
}
