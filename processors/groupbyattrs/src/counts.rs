//! What the processor counts, under upstream's names.

use component::meter::{Counter, Descriptor, Histogram, Level};
use component::{ProcessorSettings, Signal};

use crate::group::Grouped;

/// Of the numbers of groups.
const BOUNDS: &[f64] = &[
    0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0,
    10000.0,
];

macro_rules! what {
    ($name:literal, $about:literal) => {
        Descriptor {
            scope: "github.com/open-telemetry/opentelemetry-collector-contrib/processor/groupbyattrsprocessor",
            level: Level::Basic,
            name: concat!("otelcol_processor_groupbyattrs_", $name),
            unit: "1",
            description: concat!($about, " [Development]"),
        }
    };
}

pub(crate) struct Counts {
    moved: Counter,
    stayed: Counter,
    groups: Histogram,
}

impl Counts {
    pub(crate) fn new(settings: &ProcessorSettings) -> Self {
        let (moved, stayed, groups) = match settings.signal {
            Signal::Logs => (
                what!("num_grouped_logs", "Number of logs that had attributes grouped"),
                what!(
                    "num_non_grouped_logs",
                    "Number of logs that did not have attributes grouped"
                ),
                what!("log_groups", "Distribution of groups extracted for logs"),
            ),
            Signal::Traces => (
                what!("num_grouped_spans", "Number of spans that had attributes grouped"),
                what!(
                    "num_non_grouped_spans",
                    "Number of spans that did not have attributes grouped"
                ),
                what!("span_groups", "Distribution of groups extracted for spans"),
            ),
            Signal::Metrics => (
                what!("num_grouped_metrics", "Number of metrics that had attributes grouped"),
                what!(
                    "num_non_grouped_metrics",
                    "Number of metrics that did not have attributes grouped"
                ),
                what!("metric_groups", "Distribution of groups extracted for metrics"),
            ),
        };
        let meter = &settings.meter;
        Self {
            moved: meter.counter(moved, &[]),
            stayed: meter.counter(stayed, &[]),
            groups: meter.histogram(groups, BOUNDS, &[]),
        }
    }

    pub(crate) fn add(&self, grouped: &Grouped) {
        for (counter, count) in [(&self.moved, grouped.moved), (&self.stayed, grouped.stayed)] {
            if count > 0 {
                counter.add(count);
            }
        }
        self.groups.record(grouped.groups as f64);
    }
}
