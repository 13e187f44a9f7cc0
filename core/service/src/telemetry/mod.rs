//! Own metrics on `http://localhost:8888/metrics`, with the names and labels that dashboards know.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use component::config::Value;
use component::meter::{Attributes, Descriptor, Metric, Sample, Shape};
use component::{BoxError, BuildInfo, Meter};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tracing::{debug, info, warn};

use crate::logging::resource;

mod config;

pub use config::{MetricsConfig, MetricsLevel, SamplingConfig, TelemetryConfig};

const UPTIME: Descriptor = Descriptor {
    name: "otelcol_process_uptime",
    unit: "s",
    description: "Uptime of the process [Alpha]",
};
const CPU: Descriptor = Descriptor {
    name: "otelcol_process_cpu_seconds",
    unit: "s",
    description: "Total CPU user and system time in seconds [Alpha]",
};
const RSS: Descriptor = Descriptor {
    name: "otelcol_process_memory_rss",
    unit: "By",
    description: "Total physical memory (resident set size) [Alpha]",
};

/// Scrapes served at the same time; more wait.
const SCRAPES_MAX: usize = 16;
/// Longest wait for a request's header. As upstream's server.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// The readers of `service: telemetry: metrics:`.
pub(crate) struct Telemetry {
    meter: Meter,
    target: Attributes,
    addresses: Vec<String>,
    tasks: JoinSet<()>,
}

impl Telemetry {
    pub fn new(config: &TelemetryConfig, build: &BuildInfo, meter: &Meter) -> Self {
        let resource = resource(config, build);
        let target = resource.iter();
        let target =
            target.map(|(k, v)| (label_name(k), v.as_str().unwrap_or_default().to_owned()));
        let addresses = addresses(&config.metrics);
        observe_process(meter);
        let (meter, target) = (meter.clone(), target.collect());
        Self { meter, target, addresses, tasks: JoinSet::new() }
    }

    /// Opens the readers' ports.
    pub async fn start(&mut self) -> Result<(), BoxError> {
        if self.addresses.is_empty() {
            info!("Internal metrics telemetry disabled");
        }
        for address in std::mem::take(&mut self.addresses) {
            let listener = TcpListener::bind(&address).await.map_err(|error| {
                format!(
                    "own metrics cannot listen on {address}: {error} (choose another port in \
                     service::telemetry::metrics::readers, or level: none)"
                )
            })?;
            info!(address, "Serving metrics");
            self.tasks.spawn(serve(listener, self.meter.clone(), self.target.clone()));
        }
        Ok(())
    }

    pub async fn stop(&mut self) {
        self.tasks.shutdown().await;
    }
}

/// `host:port` of each pull reader.
fn addresses(metrics: &MetricsConfig) -> Vec<String> {
    if metrics.level == MetricsLevel::None {
        return Vec::new();
    }
    let mut all = Vec::new();
    for reader in &metrics.readers {
        let pull = reader.get("pull").and_then(|it| it.get("exporter")?.get("prometheus"));
        let Some(prometheus) = pull else {
            warn!(
                "service::telemetry::metrics::readers: only pull readers work yet; one is left out"
            );
            continue;
        };
        let host = prometheus.get("host").and_then(Value::as_str).unwrap_or("localhost");
        let port = match prometheus.get("port") {
            Some(Value::Int(port)) => port.to_string(),
            Some(other) => other.as_str().unwrap_or("8888").to_owned(),
            None => "8888".to_owned(),
        };
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        all.push(format!("{host}:{port}"));
    }
    all
}

async fn serve(listener: TcpListener, meter: Meter, target: Attributes) {
    let slots = Arc::new(Semaphore::new(SCRAPES_MAX));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                debug!(%error, "cannot accept a scrape");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (meter, target) = (meter.clone(), target.clone());
        connections.spawn(async move {
            let _slot = slot;
            let answer = hyper::service::service_fn(|request: Request<Incoming>| {
                let response = respond(&request, &meter, &target);
                async move { Ok::<_, Infallible>(response) }
            });
            let mut server = hyper::server::conn::http1::Builder::new();
            server.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
            // A scraper that goes away is its own business.
            let _ = server.serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

fn respond(
    request: &Request<Incoming>,
    meter: &Meter,
    target: &Attributes,
) -> Response<Full<Bytes>> {
    let (status, kind, body) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/metrics") => {
            let text = exposition(&meter.registry().snapshot(), target);
            (StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8; escaping=underscores", text)
        }
        _ => {
            (StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "404 page not found\n".to_owned())
        }
    };
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// The Prometheus text format, version 0.0.4.
fn exposition(metrics: &[Metric], target: &Attributes) -> String {
    let mut out = String::with_capacity(8192);
    for metric in metrics {
        let name = metric.name;
        let kind = match metric.shape {
            Shape::Counter => "counter",
            Shape::Gauge => "gauge",
            Shape::Histogram => "histogram",
        };
        let _ = writeln!(out, "# HELP {name} {}\n# TYPE {name} {kind}", metric.description);
        for (attributes, sample) in &metric.series {
            let labels: Attributes =
                attributes.iter().map(|(k, v)| (label_name(k), v.clone())).collect();
            match sample {
                Sample::Number(value) => series(&mut out, name, &labels, None, *value),
                Sample::Histogram { bounds, counts, sum } => {
                    let mut seen = 0;
                    for (n, count) in counts.iter().enumerate() {
                        seen += count;
                        let bound = bounds.get(n).map_or("+Inf".to_owned(), |it| go_float(*it));
                        let name = format!("{name}_bucket");
                        series(&mut out, &name, &labels, Some(&bound), seen as f64);
                    }
                    series(&mut out, &format!("{name}_sum"), &labels, None, *sum);
                    series(&mut out, &format!("{name}_count"), &labels, None, seen as f64);
                }
            }
        }
    }
    out += "# HELP target_info Target metadata\n# TYPE target_info gauge\n";
    series(&mut out, "target_info", target, None, 1.0);
    out
}

fn series(out: &mut String, name: &str, labels: &Attributes, bound: Option<&str>, value: f64) {
    let bound = bound.map(|it| ("le".to_owned(), it.to_owned()));
    let mut labels = labels.clone();
    labels.sort();
    let pairs: Vec<String> = (labels.into_iter().chain(bound))
        .map(|(k, v)| {
            let v = v.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            format!("{k}=\"{v}\"")
        })
        .collect();
    *out += name;
    if !pairs.is_empty() {
        let _ = write!(out, "{{{}}}", pairs.join(","));
    }
    let _ = writeln!(out, " {}", go_float(value));
}

/// Dots and other foreign characters become underscores.
fn label_name(key: &str) -> String {
    key.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

/// As Go's `strconv.FormatFloat(value, 'g', -1, 64)`.
fn go_float(value: f64) -> String {
    /// From this power of ten on (and below -4) Go writes an exponent: `ftoa.go`, `eprec`.
    const EXPONENT_MIN: i32 = 6;
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf".into() } else { "-Inf".into() };
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if value != 0.0 && !(-4..EXPONENT_MIN).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    format!("{value}")
}

/// Process figures from `/proc/self`; absent where there is none.
fn observe_process(meter: &Meter) {
    let started = Instant::now();
    let none: &[(&str, &str)] = &[];
    meter.observe(Shape::Counter, UPTIME, none, move || Some(started.elapsed().as_secs_f64()));
    meter.observe(Shape::Counter, CPU, none, cpu_seconds);
    meter.observe(Shape::Gauge, RSS, none, || {
        let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
        let pages: f64 = statm.split(' ').nth(1)?.parse().ok()?;
        Some(pages * 4096.0)
    });
}

/// User and system time of all threads. `/proc/self/stat` fields 14 and 15, in ticks of 10 ms.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITEMS: Descriptor = Descriptor { name: "items", unit: "", description: "Items." };

    #[test]
    fn floats_are_written_as_go_writes_them() {
        let cases = [
            (0.0, "0"),
            (2.0, "2"),
            (1.5, "1.5"),
            (123_456.0, "123456"),
            (1_000_000.0, "1e+06"),
            (132_796_416.0, "1.32796416e+08"),
            (5.073_475_931, "5.073475931"),
            (0.000_01, "1e-05"),
            (f64::INFINITY, "+Inf"),
        ];
        for (value, want) in cases {
            assert_eq!(go_float(value), want);
        }
    }

    #[test]
    fn a_scrape_has_sorted_labels_and_cumulative_buckets() {
        let meter = Meter::default();
        let attributes = [("processor", "batch"), ("otel.signal", "logs")];
        meter.histogram(ITEMS, &[10.0, 25.0], &attributes).record(12.0);
        let text = exposition(&meter.registry().snapshot(), &vec![("a".into(), "b\"".into())]);
        let want = "# HELP items Items.\n# TYPE items histogram\n\
            items_bucket{otel_signal=\"logs\",processor=\"batch\",le=\"10\"} 0\n\
            items_bucket{otel_signal=\"logs\",processor=\"batch\",le=\"25\"} 1\n\
            items_bucket{otel_signal=\"logs\",processor=\"batch\",le=\"+Inf\"} 1\n\
            items_sum{otel_signal=\"logs\",processor=\"batch\"} 12\n\
            items_count{otel_signal=\"logs\",processor=\"batch\"} 1\n\
            # HELP target_info Target metadata\n# TYPE target_info gauge\ntarget_info{a=\"b\\\"\"} 1\n";
        assert_eq!(text, want);
    }

    #[test]
    fn readers_are_where_the_configuration_says() {
        let mut config = MetricsConfig::default();
        assert_eq!(addresses(&config), ["localhost:8888"]);
        let json =
            serde_json::json!({"pull": {"exporter": {"prometheus": {"host": "::1", "port": 1}}}});
        config.readers = vec![serde_json::from_value(json).unwrap()];
        assert_eq!(addresses(&config), ["[::1]:1"]);
        config.level = MetricsLevel::None;
        assert!(addresses(&config).is_empty());
    }
}
