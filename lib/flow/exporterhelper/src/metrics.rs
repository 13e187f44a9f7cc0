//! The classic metrics of an exporter, with the names that dashboards use.

use component::meter::{Counter, Descriptor, Gauge, Histogram, Level, OURS};
use component::{ConsumeError, ExporterSettings, LostReason, Meter, Signal, Sizer, grpc_code_name};

/// Upstream's scope of all of them.
pub(crate) const SCOPE: &str = "go.opentelemetry.io/collector/exporter/exporterhelper";

/// Bounds of histograms of items per batch, as upstream.
pub const SIZE_BOUNDS: &[f64] = &[
    10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1e3, 2e3, 3e3, 4e3, 5e3, 6e3, 7e3, 8e3,
    9e3, 10e3, 20e3, 30e3, 50e3, 100e3,
];

/// Bounds of histograms of bytes per batch, as upstream: powers of two from 128 to 16 MiB.
pub const BYTES_BOUNDS: &[f64] = &[
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

/// What one exporter and signal counts. `exporter/exporterhelper/documentation.md`, v0.159.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    pub(crate) sent: Counter,
    pub(crate) enqueue_failed: Counter,
    pub(crate) in_flight: Gauge,
    pub(crate) lost_rejected: Counter,
    pub(crate) lost_oversize: Counter,
    pub(crate) lost_expired: Counter,
    pub(crate) lost_at_shutdown: Counter,
    pub(crate) lost_by_policy: Counter,
    enqueue_items: Histogram,
    enqueue_bytes: Histogram,
    failed: Failed,
}

/// Items that were not sent: at level detailed by reason, so the series is known only then.
#[derive(Debug, Clone)]
struct Failed {
    meter: Meter,
    exporter: String,
    what: Descriptor,
    plain: Counter,
}

macro_rules! by_signal {
    ($signal:expr, $start:literal, $records:literal, $text:literal) => {
        match $signal {
            Signal::Traces => Descriptor {
                name: concat!("otelcol_exporter_", $start, "_spans"),
                description: concat!("Number of spans ", $text),
                unit: "{span}",
                scope: SCOPE,
                level: Level::Basic,
            },
            Signal::Metrics => Descriptor {
                name: concat!("otelcol_exporter_", $start, "_metric_points"),
                description: concat!("Number of metric points ", $text),
                unit: "{datapoint}",
                scope: SCOPE,
                level: Level::Basic,
            },
            Signal::Logs => Descriptor {
                name: concat!("otelcol_exporter_", $start, "_log_records"),
                description: concat!("Number of ", $records, " ", $text),
                unit: "{record}",
                scope: SCOPE,
                level: Level::Basic,
            },
        }
    };
}

const IN_FLIGHT: Descriptor = Descriptor {
    scope: SCOPE,
    name: "otelcol_exporter_in_flight_requests",
    unit: "{request}",
    description: "Number of export requests currently in-flight (including retry backoff). [Development]",
    level: Level::Basic,
};
const ENQUEUE_ITEMS: Descriptor = Descriptor {
    scope: SCOPE,
    name: "otelcol_exporter_enqueue_size",
    unit: "{unit}",
    description: "Number of units in the request added to the sending queue. Only available on detailed level. \
                  [Development]",
    level: Level::Detailed,
};
const ENQUEUE_BYTES: Descriptor = Descriptor {
    scope: SCOPE,
    name: "otelcol_exporter_enqueue_size_bytes",
    unit: "By",
    description: "Number of bytes in the request added to the sending queue. Only available on detailed level. \
                  [Development]",
    level: Level::Detailed,
};
/// How old the oldest request of a queue is.
pub(crate) const OLDEST_AGE: Descriptor = Descriptor {
    scope: OURS,
    name: "sluice_exporter_queue_oldest_age",
    unit: "s",
    description: "Seconds since the oldest request that the backend has not answered came to the sending queue.",
    level: Level::Basic,
};
/// What a queue takes of the disk.
pub(crate) const DISK_SIZE: Descriptor = Descriptor {
    scope: OURS,
    name: "sluice_exporter_queue_disk_size",
    unit: "By",
    description: "Bytes that the files of a sending queue with storage take on the disk.",
    level: Level::Basic,
};
const BATCH_ITEMS: Descriptor = Descriptor {
    scope: SCOPE,
    name: "otelcol_exporter_queue_batch_send_size",
    unit: "{unit}",
    description: "Number of units in the batch [Development]",
    level: Level::Detailed,
};
const BATCH_BYTES: Descriptor = Descriptor {
    scope: SCOPE,
    name: "otelcol_exporter_queue_batch_send_size_bytes",
    unit: "By",
    description: "Number of bytes in batch that was sent. Only available on detailed level. \
                  [Development]",
    level: Level::Detailed,
};

impl Metrics {
    pub(crate) fn new(settings: &ExporterSettings, signal: Signal) -> Self {
        let meter = &settings.meter;
        let id = ("exporter", settings.id.as_str());
        // The texts are upstream's, one letter included that is missing there.
        let sent =
            by_signal!(signal, "sent", "log record", "successfully sent to destination. [Alpha]");
        let failed = by_signal!(
            signal,
            "send_failed",
            "log records",
            "in failed attempts to send to destination. At detailed telemetry level, includes attributes: error.type \
             (semantic convention), error.permanent. [Alpha]"
        );
        let refused = by_signal!(
            signal,
            "enqueue_failed",
            "log records",
            "failed to be added to the sending queue. [Alpha]"
        );
        Self {
            sent: meter.counter(sent, &[id]),
            enqueue_failed: meter.counter(refused, &[id]),
            in_flight: meter.up_down(IN_FLIGHT, &[id, ("data_type", signal.name())]),
            lost_rejected: LostReason::RejectedByBackend.counter(meter),
            lost_oversize: LostReason::Oversize.counter(meter),
            lost_expired: LostReason::ExpiredRetry.counter(meter),
            lost_at_shutdown: LostReason::ShutdownDeadline.counter(meter),
            lost_by_policy: LostReason::QueueFullDropPolicy.counter(meter),
            enqueue_items: meter.histogram(ENQUEUE_ITEMS, SIZE_BOUNDS, &[id]),
            enqueue_bytes: meter.histogram(ENQUEUE_BYTES, BYTES_BOUNDS, &[id]),
            failed: Failed {
                meter: meter.clone(),
                exporter: id.1.to_owned(),
                what: failed,
                plain: meter.counter(failed, &[id]),
            },
        }
    }

    /// A request came to the queue.
    pub(crate) fn enqueued(&self, items: usize, bytes: usize) {
        self.enqueue_items.record(items as f64);
        self.enqueue_bytes.record(bytes as f64);
    }

    /// Items were given up, or given back.
    pub(crate) fn send_failed(&self, items: u64, error: &ConsumeError, stopping: bool) {
        let failed = &self.failed;
        if failed.meter.level() < Level::Detailed {
            failed.plain.add(items);
            return;
        }
        let permanent = if error.is_permanent() { "true" } else { "false" };
        let attributes = [
            ("exporter", failed.exporter.as_str()),
            ("error.type", &error_type(error, stopping)),
            ("error.permanent", permanent),
        ];
        failed.meter.counter(failed.what, &attributes).add(items);
    }
}

/// Upstream's names: the gRPC code where there is one. `exporterhelper/internal/obs_report_sender.go`.
fn error_type(error: &ConsumeError, stopping: bool) -> String {
    match error.status() {
        Some(status) => grpc_code_name(status.code),
        None if stopping && !error.is_permanent() => "Shutdown".into(),
        None if error.message().contains("deadline exceeded") => "Deadline_Exceeded".into(),
        None => "_OTHER".into(),
    }
}

/// Sizes of the batches that leave a queue which makes them.
#[derive(Debug, Clone)]
pub(crate) struct BatchSizes {
    items: Histogram,
    bytes: Histogram,
}

impl BatchSizes {
    pub(crate) fn new(settings: &ExporterSettings) -> Self {
        let id = [("exporter", settings.id.as_str())];
        Self {
            items: settings.meter.histogram(BATCH_ITEMS, SIZE_BOUNDS, &id),
            bytes: settings.meter.histogram(BATCH_BYTES, BYTES_BOUNDS, &id),
        }
    }

    pub(crate) fn sent(&self, items: usize, bytes: usize) {
        self.items.record(items as f64);
        self.bytes.record(bytes as f64);
    }
}

/// Name, unit and text of a queue's size.
pub(crate) fn queue_size(sizer: Sizer) -> Descriptor {
    Descriptor {
        scope: SCOPE,
        name: "otelcol_exporter_queue_size",
        unit: unit(sizer),
        description: "Current size of the retry queue (in batches). [Alpha]",
        level: Level::Basic,
    }
}

/// Name, unit and text of a queue's capacity.
pub(crate) fn queue_capacity(sizer: Sizer) -> Descriptor {
    Descriptor {
        scope: SCOPE,
        name: "otelcol_exporter_queue_capacity",
        unit: unit(sizer),
        description: "Fixed capacity of the retry queue (in batches). [Alpha]",
        level: Level::Basic,
    }
}

fn unit(sizer: Sizer) -> &'static str {
    match sizer {
        Sizer::Requests => "{batch}",
        Sizer::Items => "{item}",
        Sizer::Bytes => "By",
    }
}
