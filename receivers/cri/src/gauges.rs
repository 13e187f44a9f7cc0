//! Own metrics.

use component::Meter;
use component::meter::{Counter, Descriptor, Gauge, Level, OURS};

const CONTAINERS: Descriptor = Descriptor {
    scope: OURS,
    name: "sluice_cri_containers",
    unit: "{container}",
    description: "Containers that the runtime has named.",
    level: Level::Basic,
};
const FAILURES: Descriptor = Descriptor {
    scope: OURS,
    name: "sluice_cri_failures_total",
    unit: "{call}",
    description: "Times that the container runtime could not be asked.",
    level: Level::Basic,
};
const UNKNOWN: Descriptor = Descriptor {
    scope: OURS,
    name: "sluice_cri_records_without_metadata_total",
    unit: "{record}",
    description: "Log records that went on with what the path of their file says, since the runtime did not name their container in time.",
    level: Level::Basic,
};

const EVENTS: Descriptor = Descriptor {
    scope: OURS,
    name: "sluice_cri_events_total",
    unit: "{event}",
    description: "Events of containers that the runtime has told of its own accord.",
    level: Level::Basic,
};

/// The instruments of one receiver.
#[derive(Debug, Clone)]
pub(crate) struct Gauges {
    pub(crate) containers: Gauge,
    pub(crate) failures: Counter,
    pub(crate) unknown: Counter,
    pub(crate) events: Counter,
}

impl Gauges {
    pub(crate) fn new(meter: &Meter, receiver: &str) -> Self {
        let labels = [("receiver", receiver)];
        Self {
            containers: meter.gauge(CONTAINERS, &labels),
            failures: meter.counter(FAILURES, &labels),
            unknown: meter.counter(UNKNOWN, &labels),
            events: meter.counter(EVENTS, &labels),
        }
    }
}
