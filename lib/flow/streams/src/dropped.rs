//! Points that a processor drops, counted by reason.

use component::ProcessorSettings;
use component::meter::{Descriptor, Level, OURS};

const DROPPED: Descriptor = Descriptor {
    scope: OURS,
    level: Level::Basic,
    name: "sluice_processor_dropped_metric_points",
    unit: "{datapoint}",
    description: "Points that a processor dropped, by reason.",
};

/// Counts them.
#[derive(Debug)]
pub struct Dropped {
    settings: ProcessorSettings,
}

impl Dropped {
    /// Of this processor.
    pub fn new(settings: &ProcessorSettings) -> Self {
        Self { settings: settings.clone() }
    }

    /// Some were dropped.
    pub fn add(&self, reason: &str, points: u64) {
        if points > 0 {
            let labels = [("processor", self.settings.id.as_str()), ("reason", reason)];
            self.settings.meter.counter(DROPPED, &labels).add(points);
        }
    }
}
