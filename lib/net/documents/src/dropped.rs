//! What a backend has no form for.

use std::collections::BTreeMap;

use component::ExporterSettings;
use component::meter::{Descriptor, Level, OURS};
use tracing::warn;

const DROPPED: Descriptor = Descriptor {
    scope: OURS,
    level: Level::Basic,
    name: "sluice_exporter_dropped_items",
    unit: "{item}",
    description: "Spans, data points or log records that the backend has no form for, by reason.",
};

/// Items that were left out, by reason.
#[derive(Debug, Default)]
pub struct Dropped(pub BTreeMap<&'static str, usize>);

impl Dropped {
    /// Adds items, if there are some.
    pub fn add(&mut self, reason: &'static str, items: usize) {
        if items > 0 {
            *self.0.entry(reason).or_default() += items;
        }
    }

    /// Counts them, and says it once for each reason.
    pub fn report(&self, settings: &ExporterSettings) {
        for (reason, items) in &self.0 {
            warn!(reason, items, "dropping what the backend has no form for");
            let labels = [("exporter", settings.id.as_str()), ("reason", *reason)];
            settings.meter.counter(DROPPED, &labels).add(*items as u64);
        }
    }
}
