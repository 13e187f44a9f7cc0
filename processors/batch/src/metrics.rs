//! What the processor counts. `processor/batchprocessor/documentation.md`, v0.159.

use component::ProcessorSettings;
use component::meter::{Counter, Descriptor, Gauge, Histogram, Level};
use exporterhelper::{BYTES_BOUNDS, SIZE_BOUNDS, Trigger};

macro_rules! descriptor {
    ($name:literal, $unit:literal, $level:ident, $text:literal) => {
        Descriptor {
            scope: "go.opentelemetry.io/collector/processor/batchprocessor",
            name: concat!("otelcol_processor_batch_", $name),
            unit: $unit,
            description: $text,
            level: Level::$level,
        }
    };
}

/// The instruments of one processor, shared by its instances.
#[derive(Debug)]
pub(crate) struct Metrics {
    size: Histogram,
    bytes: Histogram,
    by_size: Counter,
    by_timeout: Counter,
    pub(crate) cardinality: Gauge,
}

impl Metrics {
    pub(crate) fn new(settings: &ProcessorSettings) -> Self {
        let (meter, id) = (&settings.meter, [("processor", settings.id.as_str())]);
        let size = descriptor!(
            "batch_send_size",
            "{unit}",
            Normal,
            "Number of units in the batch [Development]"
        );
        let bytes = descriptor!(
            "batch_send_size_bytes",
            "By",
            Detailed,
            "Number of bytes in batch that was sent. Only available on detailed level. [Development]"
        );
        let by_size = descriptor!(
            "batch_size_trigger_send",
            "{time}",
            Normal,
            "Number of times the batch was sent due to a size trigger [Development]"
        );
        let by_timeout = descriptor!(
            "timeout_trigger_send",
            "{time}",
            Normal,
            "Number of times the batch was sent due to a timeout trigger [Development]"
        );
        let cardinality = descriptor!(
            "metadata_cardinality",
            "{combination}",
            Normal,
            "Number of distinct metadata value combinations being processed [Development]"
        );
        Self {
            size: meter.histogram(size, SIZE_BOUNDS, &id),
            bytes: meter.histogram(bytes, BYTES_BOUNDS, &id),
            by_size: meter.counter(by_size, &id),
            by_timeout: meter.counter(by_timeout, &id),
            cardinality: meter.up_down(cardinality, &id),
        }
    }

    /// A batch leaves.
    pub(crate) fn sent(&self, trigger: Trigger, items: usize, bytes: usize) {
        match trigger {
            Trigger::Size => self.by_size.add(1),
            Trigger::Timeout => self.by_timeout.add(1),
        }
        self.size.record(items as f64);
        self.bytes.record(bytes as f64);
    }
}
