//! What the processor counts. `processor/batchprocessor/documentation.md`, v0.159.

use component::meter::{Counter, Descriptor, Gauge, Histogram};
use component::{LostReason, Settings};
use exporterhelper::Trigger;

const SIZE_BOUNDS: &[f64] = &[
    10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1e3, 2e3, 3e3, 4e3, 5e3, 6e3, 7e3, 8e3,
    9e3, 10e3, 20e3, 30e3, 50e3, 100e3,
];

/// Powers of two from 128 to 16 MiB.
const BYTES_BOUNDS: &[f64] = &[
    128.0,
    256.0,
    512.0,
    1024.0,
    2048.0,
    4096.0,
    8192.0,
    16384.0,
    32768.0,
    65536.0,
    131_072.0,
    262_144.0,
    524_288.0,
    1_048_576.0,
    2_097_152.0,
    4_194_304.0,
    8_388_608.0,
    16_777_216.0,
];

macro_rules! descriptor {
    ($name:literal, $unit:literal, $text:literal) => {
        Descriptor {
            name: concat!("otelcol_processor_batch_", $name),
            unit: $unit,
            description: $text,
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
    pub(crate) lost_rejected: Counter,
    pub(crate) lost_expired: Counter,
    pub(crate) lost_at_shutdown: Counter,
}

impl Metrics {
    pub(crate) fn new(settings: &Settings) -> Self {
        let (meter, id) = (&settings.meter, [("processor", settings.id.as_str())]);
        let size = descriptor!("batch_send_size", "{unit}", "Number of units in the batch");
        let bytes = descriptor!(
            "batch_send_size_bytes",
            "By",
            "Number of bytes in batch that was sent. Only available on detailed level."
        );
        let by_size = descriptor!(
            "batch_size_trigger_send",
            "{time}",
            "Number of times the batch was sent due to a size trigger"
        );
        let by_timeout = descriptor!(
            "timeout_trigger_send",
            "{time}",
            "Number of times the batch was sent due to a timeout trigger"
        );
        let cardinality = descriptor!(
            "metadata_cardinality",
            "{combination}",
            "Number of distinct metadata value combinations being processed"
        );
        Self {
            size: meter.histogram(size, SIZE_BOUNDS, &id),
            bytes: meter.histogram(bytes, BYTES_BOUNDS, &id),
            by_size: meter.counter(by_size, &id),
            by_timeout: meter.counter(by_timeout, &id),
            cardinality: meter.gauge(cardinality, &id),
            lost_rejected: LostReason::RejectedByBackend.counter(meter),
            lost_expired: LostReason::ExpiredRetry.counter(meter),
            lost_at_shutdown: LostReason::ShutdownDeadline.counter(meter),
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
