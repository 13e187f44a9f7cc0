//! `service: telemetry: metrics:` and the exporters of own telemetry. Declarative configuration 0.3
//! (`otelconf` 0.25), which also takes the headers of 0.2, a map.

use component::config::{Choice, MapList};
use component::meter::{Level, Shape, View};
use serde::{Deserialize, Serialize};

/// `service: telemetry: metrics:`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, config::Described)]
#[config(go = "migration.MetricsConfigV030", unmarshals)]
pub struct MetricsConfig {
    /// none, basic, normal or detailed. Default normal.
    pub level: Choice<Level>,
    /// Default one Prometheus port on localhost:8888.
    pub readers: Vec<ReaderConfig>,
    /// Changes to what is shown; only at level detailed.
    pub views: Option<Vec<ViewConfig>>,
}

impl Default for MetricsConfig {
    fn default() -> Self {
        let prometheus = PrometheusConfig {
            host: Some("localhost".into()),
            port: Some(8888),
            without_scope_info: Some(true),
            without_type_suffix: Some(true),
            without_units: Some(true),
            with_resource_constant_labels: None,
        };
        let exporter = PullExporterConfig { prometheus: Some(prometheus) };
        let reader = ReaderConfig { pull: Some(PullConfig { exporter }), periodic: None };
        Self { level: Level::Normal.into(), readers: vec![reader], views: None }
    }
}

/// One of `readers:`: either key.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct ReaderConfig {
    /// Somebody comes and reads.
    pub pull: Option<PullConfig>,
    /// Sends from time to time.
    pub periodic: Option<PeriodicConfig>,
}

/// `pull:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct PullConfig {
    /// Required.
    pub exporter: PullExporterConfig,
}

/// `pull: exporter:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct PullExporterConfig {
    /// The only one there is.
    pub prometheus: Option<PrometheusConfig>,
}

/// `prometheus:`. A reader that is written out has the `without_` keys off, as otelconf has them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct PrometheusConfig {
    /// Required.
    pub host: Option<String>,
    /// Required.
    pub port: Option<i64>,
    /// No `otel_scope_` labels. Default false.
    pub without_scope_info: Option<bool>,
    /// No `_total`. Counts only together with `without_units`. Default false.
    pub without_type_suffix: Option<bool>,
    /// No `_seconds` and the like. Counts only together with `without_type_suffix`. Default false.
    pub without_units: Option<bool>,
    /// Resource attributes that become labels of every series. Default none.
    pub with_resource_constant_labels: Option<IncludeExclude>,
}

/// Keys that are kept, and keys that are not.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct IncludeExclude {
    /// Empty is all.
    pub included: Vec<String>,
    /// These are not.
    #[config(omit_empty)]
    pub excluded: Vec<String>,
}

impl IncludeExclude {
    /// True for a key that is kept.
    pub(crate) fn keeps(&self, key: &str) -> bool {
        let listed = |list: &[String]| list.iter().any(|it| it == key);
        !listed(&self.excluded) && (self.included.is_empty() || listed(&self.included))
    }

    /// otelconf's text for a key that is in both lists.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self.included.iter().find(|it| self.excluded.contains(it)) {
            Some(key) => {
                Err(format!("attribute cannot be in both include and exclude list: {key}"))
            }
            None => Ok(()),
        }
    }
}

/// `periodic:`. Times in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct PeriodicConfig {
    /// Default 60000.
    pub interval: Option<i64>,
    /// Longest time of one export. Default 30000.
    pub timeout: Option<i64>,
    /// Required.
    pub exporter: PushExporterConfig,
}

/// Where own telemetry goes: one of the keys.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct PushExporterConfig {
    /// To a backend.
    pub otlp: Option<OtlpConfig>,
    /// To standard output, as OTLP/JSON.
    pub console: Option<ConsoleConfig>,
}

/// `console:`, which has no keys.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
pub struct ConsoleConfig {}

/// `otlp:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct OtlpConfig {
    /// http/protobuf or grpc. Required.
    pub protocol: Option<String>,
    /// A URL; without scheme `https://`, or `http://` with `insecure: true`. Default this host.
    pub endpoint: Option<String>,
    /// Sent with every request: a list of name and value, or a map as in 0.2.
    #[config(omit_empty)]
    pub headers: MapList,
    /// `a=b,c=d`: headers that `headers` does not have.
    pub headers_list: Option<component::config::Secret>,
    /// gzip or none. Default none.
    pub compression: Option<String>,
    /// Longest time of one attempt, in milliseconds. Default 10000.
    pub timeout: Option<i64>,
    /// Plain text. Default false.
    pub insecure: Option<bool>,
    /// File of the certificates to trust.
    pub certificate: Option<String>,
    /// File of the own certificate.
    pub client_certificate: Option<String>,
    /// File of its key.
    pub client_key: Option<String>,
    /// cumulative, delta or lowmemory; of metrics only. Default cumulative.
    pub temporality_preference: Option<String>,
    /// Accepted; histograms keep their explicit buckets. Of metrics only.
    pub default_histogram_aggregation: Option<String>,
}

/// One of `views:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct ViewConfig {
    /// Which instruments.
    pub selector: SelectorConfig,
    /// How they show.
    pub stream: StreamConfig,
}

/// `selector:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct SelectorConfig {
    /// With `*` and `?`. Default all.
    pub instrument_name: Option<String>,
    /// counter, histogram, up_down_counter, ... Default all.
    pub instrument_type: Option<String>,
    /// Default all.
    pub unit: Option<String>,
    /// Default all.
    pub meter_name: Option<String>,
    /// Accepted, without effect: our scopes have no version.
    pub meter_version: Option<String>,
    /// Accepted, without effect: our scopes have no schema.
    pub meter_schema_url: Option<String>,
}

/// `stream:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct StreamConfig {
    /// Another name.
    pub name: Option<String>,
    /// Another text.
    pub description: Option<String>,
    /// Which attributes stay.
    pub attribute_keys: Option<IncludeExclude>,
    /// `drop`, or the bounds of a histogram.
    pub aggregation: Option<AggregationConfig>,
}

/// `aggregation:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct AggregationConfig {
    /// Not shown at all.
    pub drop: Option<ConsoleConfig>,
    /// Other bounds.
    pub explicit_bucket_histogram: Option<BucketsConfig>,
    /// Accepted, without effect.
    pub default: Option<ConsoleConfig>,
    /// Accepted, without effect.
    pub last_value: Option<ConsoleConfig>,
    /// Accepted, without effect.
    pub sum: Option<ConsoleConfig>,
}

/// `explicit_bucket_histogram:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct BucketsConfig {
    /// Ascending.
    pub boundaries: Vec<f64>,
    /// Accepted, without effect: there is no smallest and largest value.
    pub record_min_max: Option<bool>,
}

impl MetricsConfig {
    /// Where own metrics are served: the path of each port, and `host:port`.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = (String, String)> {
        let on = *self.level != Level::None;
        let readers = self.readers.iter().enumerate().filter(move |_| on);
        readers.filter_map(|(at, reader)| {
            let config = reader.pull.as_ref()?.exporter.prometheus.as_ref()?;
            let address = format!("{}:{}", config.host.as_deref()?, config.port?);
            let reader = format!("service::telemetry::metrics::readers::{at}");
            Some((format!("{reader}::pull::exporter::prometheus::port"), address))
        })
    }
}

impl ViewConfig {
    /// As the meter knows it.
    pub(crate) fn view(&self) -> View {
        let text = |it: &Option<String>| it.clone().unwrap_or_default();
        let (selector, stream) = (&self.selector, &self.stream);
        let keys = stream.attribute_keys.clone().unwrap_or_default();
        let aggregation = stream.aggregation.clone().unwrap_or_default();
        let bounds = aggregation.explicit_bucket_histogram.map(|it| it.boundaries.into());
        View {
            name_pattern: text(&selector.instrument_name),
            scope: text(&selector.meter_name),
            unit: text(&selector.unit),
            shapes: shapes(&text(&selector.instrument_type)),
            drop: aggregation.drop.is_some(),
            name: stream.name.clone(),
            description: stream.description.clone(),
            bounds,
            included: keys.included,
            excluded: keys.excluded,
        }
    }
}

fn shapes(instrument: &str) -> Vec<Shape> {
    match instrument {
        "counter" | "observable_counter" => vec![Shape::Counter],
        "up_down_counter" | "observable_up_down_counter" => vec![Shape::UpDown],
        "observable_gauge" | "gauge" => vec![Shape::Gauge],
        "histogram" => vec![Shape::Histogram],
        _ => Vec::new(),
    }
}
