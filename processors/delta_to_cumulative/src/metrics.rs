//! What the processor counts. `processor/deltatocumulativeprocessor/documentation.md`, v0.149.

use component::ProcessorSettings;
use component::meter::{Counter, Descriptor, Gauge, Level, Part};

macro_rules! descriptor {
    ($name:literal, $unit:literal, $text:literal) => {
        Descriptor {
            scope: "github.com/open-telemetry/opentelemetry-collector-contrib/processor/deltatocumulativeprocessor",
            name: concat!("otelcol_deltatocumulative_", $name),
            unit: $unit,
            description: $text,
            level: Level::Basic,
        }
    };
}

/// The instruments, shared by all processors of the type.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) added: Counter,
    pub(crate) full: Counter,
    pub(crate) older_start: Counter,
    pub(crate) out_of_order: Counter,
    tracked: Part,
    limit: Gauge,
    max_stale: Gauge,
}

impl Metrics {
    pub(crate) fn new(settings: &ProcessorSettings, limit: usize, max_stale_secs: i64) -> Self {
        let meter = &settings.meter;
        let points = descriptor!(
            "datapoints",
            "{datapoint}",
            "total number of datapoints processed. may have 'error' attribute, if processing failed [Development]"
        );
        let tracked =
            descriptor!("streams_tracked", "{dps}", "number of streams tracked [Development]");
        let streams_limit = descriptor!(
            "streams_limit",
            "{stream}",
            "upper limit of tracked streams [Development]"
        );
        let stale = descriptor!(
            "streams_max_stale",
            "s",
            "duration after which streams inactive streams are dropped [Development]"
        );
        let failed = |error| meter.counter(points, &[("error", error)]);
        let it = Self {
            added: meter.counter(points, &[]),
            full: failed("limit"),
            older_start: failed(crate::sum::Why::OlderStart.name()),
            out_of_order: failed(crate::sum::Why::OutOfOrder.name()),
            tracked: meter.part(tracked, &[]),
            limit: meter.gauge(streams_limit, &[]),
            max_stale: meter.gauge(stale, &[]),
        };
        it.limit.set(i64::try_from(limit).unwrap_or(i64::MAX));
        it.max_stale.set(max_stale_secs);
        it
    }

    /// So many streams are remembered now.
    pub(crate) fn track(&self, streams: usize) {
        self.tracked.set(i64::try_from(streams).unwrap_or(i64::MAX));
    }
}
