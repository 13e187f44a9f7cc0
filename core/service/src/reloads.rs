//! The metrics of reloads.

use component::Meter;
use component::meter::{Counter, Descriptor, Gauge, Level, OURS};

const RELOADS: Descriptor = Descriptor {
    scope: OURS,
    level: Level::Basic,
    name: "sluice_config_reloads_total",
    unit: "{reload}",
    description: "Number of times the configuration was read again, by result.",
};
const LAST: Descriptor = Descriptor {
    scope: OURS,
    level: Level::Basic,
    name: "sluice_config_last_reload_success",
    unit: "1",
    description: "1 when the configuration that was read last is the one that runs, else 0.",
};

/// Counts reloads.
pub(crate) struct Reloads {
    success: Counter,
    failure: Counter,
    last: Gauge,
}

impl Reloads {
    pub fn new(meter: &Meter) -> Self {
        let of = |result| meter.counter(RELOADS, &[("result", result)]);
        let none: &[(&str, &str)] = &[];
        Self { success: of("success"), failure: of("failure"), last: meter.gauge(LAST, none) }
    }

    pub fn count(&self, success: bool) {
        let counter = if success { &self.success } else { &self.failure };
        counter.add(1);
        self.last.set(i64::from(success));
    }
}
