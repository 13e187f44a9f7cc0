//! What the exporter counts. `exporter/prometheusremotewriteexporter/documentation.md`, v0.149.

use component::ExporterSettings;
use component::meter::{Counter, Descriptor, Level, OURS, Part};

use crate::config::Config;

pub(crate) const DROPPED: Descriptor = Descriptor {
    scope: OURS,
    level: Level::Basic,
    name: "sluice_exporter_dropped_metric_points",
    unit: "{datapoint}",
    description: "Points that the backend's protocol cannot say, by reason.",
};

macro_rules! upstream {
    ($name:literal, $unit:literal, $text:literal) => {
        Descriptor {
            scope: "github.com/open-telemetry/opentelemetry-collector-contrib/exporter/prometheusremotewriteexporter",
            level: Level::Basic,
            name: concat!("otelcol_exporter_prometheusremotewrite_", $name),
            unit: $unit,
            description: concat!($text, " [Development]"),
        }
    };
}

/// The Collector's own.
pub(crate) struct Counts {
    pub(crate) failed_translations: Counter,
    pub(crate) sent_batches: Counter,
    pub(crate) translated: Counter,
    _consumers: Part,
}

impl Counts {
    pub(crate) fn new(settings: &ExporterSettings, config: &Config) -> Self {
        let failed_translations = upstream!(
            "failed_translations",
            "1",
            "Number of translation operations that failed to translate metrics from Otel to Prometheus"
        );
        let sent_batches = upstream!(
            "sent_batches",
            "{batch}",
            "Number of remote write request batches sent to the remote write endpoint regardless of success or failure"
        );
        let translated = upstream!(
            "translated_time_series",
            "1",
            "Number of Prometheus time series that were translated from OTel metrics"
        );
        let consumers = upstream!(
            "consumers",
            "{consumer}",
            "Number of configured workers to use to fan out the outgoing requests"
        );
        let labels =
            [("exporter", settings.id.as_str()), ("endpoint", config.client.endpoint.as_str())];
        let meter = &settings.meter;
        let counted = meter.part(consumers, &labels);
        let configured = config.max_batch_request_parallelism;
        counted.set(configured.unwrap_or(config.remote_write_queue.num_consumers).max(1));
        Self {
            failed_translations: meter.counter(failed_translations, &labels),
            sent_batches: meter.counter(sent_batches, &labels),
            translated: meter.counter(translated, &labels),
            _consumers: counted,
        }
    }
}
