//! The classic metrics of an exporter, with the names that dashboards use.

use component::meter::{Counter, Descriptor, Gauge};
use component::{LostReason, Settings, Signal, Sizer};

/// What one exporter and signal counts. `exporter/exporterhelper/documentation.md`, v0.159.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    pub(crate) sent: Counter,
    pub(crate) send_failed: Counter,
    pub(crate) enqueue_failed: Counter,
    pub(crate) in_flight: Gauge,
    pub(crate) lost_rejected: Counter,
    pub(crate) lost_expired: Counter,
    pub(crate) lost_at_shutdown: Counter,
}

macro_rules! by_signal {
    ($signal:expr, $start:literal, $text:literal) => {
        match $signal {
            Signal::Traces => Descriptor {
                name: concat!("otelcol_exporter_", $start, "_spans"),
                unit: "{span}",
                description: concat!("Number of spans ", $text),
            },
            Signal::Metrics => Descriptor {
                name: concat!("otelcol_exporter_", $start, "_metric_points"),
                unit: "{datapoint}",
                description: concat!("Number of metric points ", $text),
            },
            Signal::Logs => Descriptor {
                name: concat!("otelcol_exporter_", $start, "_log_records"),
                unit: "{record}",
                description: concat!("Number of log records ", $text),
            },
        }
    };
}

const IN_FLIGHT: Descriptor = Descriptor {
    name: "otelcol_exporter_in_flight_requests",
    unit: "{request}",
    description: "Number of requests being sent.",
};

impl Metrics {
    pub(crate) fn new(settings: &Settings, signal: Signal) -> Self {
        let meter = &settings.meter;
        let id = ("exporter", settings.id.as_str());
        let sent = by_signal!(signal, "sent", "successfully sent to destination.");
        let failed =
            by_signal!(signal, "send_failed", "in failed attempts to send to destination.");
        let refused =
            by_signal!(signal, "enqueue_failed", "failed to be added to the sending queue.");
        Self {
            sent: meter.counter(sent, &[id]),
            send_failed: meter.counter(failed, &[id]),
            enqueue_failed: meter.counter(refused, &[id]),
            in_flight: meter.gauge(IN_FLIGHT, &[id, ("data_type", signal.name())]),
            lost_rejected: LostReason::RejectedByBackend.counter(meter),
            lost_expired: LostReason::ExpiredRetry.counter(meter),
            lost_at_shutdown: LostReason::ShutdownDeadline.counter(meter),
        }
    }
}

/// Name, unit and text of a queue's size.
pub(crate) fn queue_size(sizer: Sizer) -> Descriptor {
    Descriptor {
        name: "otelcol_exporter_queue_size",
        unit: unit(sizer),
        description: "Current size of the sending queue, with what is being sent.",
    }
}

/// Name, unit and text of a queue's capacity.
pub(crate) fn queue_capacity(sizer: Sizer) -> Descriptor {
    Descriptor {
        name: "otelcol_exporter_queue_capacity",
        unit: unit(sizer),
        description: "Largest size of the sending queue.",
    }
}

fn unit(sizer: Sizer) -> &'static str {
    match sizer {
        Sizer::Requests => "{batch}",
        Sizer::Items => "{item}",
        Sizer::Bytes => "By",
    }
}
