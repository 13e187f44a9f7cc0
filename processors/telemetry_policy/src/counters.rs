//! What each policy did, as metrics. Series are made when a policy does something for the first time: of ten thousand
//! most never do.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use component::meter::{Counter, Descriptor, Level, OURS};
use component::{Meter, ProcessorSettings, Signal};
use telemetry_policy::{Engine, Tally};

/// Most policies with series of their own; what others do is counted for [`OTHERS`].
const SERIES_MAX: usize = 10_000;
/// Stands for policies beyond that.
const OTHERS: &str = "_other";

/// The counters of one instance.
pub(crate) struct Counters {
    meter: Meter,
    processor: String,
    signal: Signal,
    of: Mutex<HashMap<Arc<str>, [Counter; 3]>>,
}

impl Counters {
    pub(crate) fn new(settings: &ProcessorSettings) -> Self {
        Self {
            meter: settings.meter.clone(),
            processor: settings.id.to_string(),
            signal: settings.signal,
            of: Mutex::default(),
        }
    }

    /// Adds what the policies did to one payload.
    pub(crate) fn add(&self, engine: &Engine, tallies: &[Tally]) {
        if tallies.is_empty() {
            return;
        }
        let mut known = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, tally) in engine.named(self.signal, tallies) {
            let has_own = known.contains_key(id) || known.len() < SERIES_MAX;
            let id = if has_own { Arc::clone(id) } else { Arc::from(OTHERS) };
            let counters = known.entry(id).or_insert_with_key(|it| self.series(it));
            for (counter, number) in counters.iter().zip([tally.hits, tally.misses, tally.dropped])
            {
                if number > 0 {
                    counter.add(number);
                }
            }
        }
    }

    fn series(&self, policy: &str) -> [Counter; 3] {
        let make = |name, description| {
            let scope = OURS;
            let what =
                Descriptor { scope, name, unit: "{record}", description, level: Level::Normal };
            let attributes = [
                ("policy", policy),
                ("processor", self.processor.as_str()),
                ("signal", self.signal.name()),
            ];
            self.meter.counter(what, &attributes)
        };
        [
            make(
                "sluice_telemetry_policy_hits_total",
                "Number of records that matched the policy and became what it wanted",
            ),
            make(
                "sluice_telemetry_policy_misses_total",
                "Number of records that matched the policy and were dropped by another one",
            ),
            make(
                "sluice_telemetry_policy_dropped_total",
                "Number of records that the policy dropped: records, spans, metrics or data points",
            ),
        ]
    }
}
