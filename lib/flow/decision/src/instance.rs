//! One use of a section in one pipeline: its names, its metrics, and what it complains about.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use component::Meter;
use component::meter::{Counter, Descriptor, Gauge, Level, OURS};

use crate::state::State;
use crate::windows::{Added, lock};

/// How long the same complaint is not repeated, in nanoseconds.
const COMPLAINT_PAUSE: u64 = 10_000_000_000;
/// Most complaints that are told apart.
const COMPLAINTS_MAX: usize = 100;
/// Most rules and reasons that have a series of their own: a policy may build reasons from what records say.
const SERIES_MAX: usize = 200;

const fn counter(name: &'static str, unit: &'static str, description: &'static str) -> Descriptor {
    Descriptor { scope: OURS, level: Level::Basic, name, unit, description }
}

const DROPPED: Descriptor = counter(
    "sluice_rego_dropped_total",
    "{item}",
    "Records that a policy dropped, by rule and reason",
);
const ERRORS: Descriptor = counter(
    "sluice_rego_errors_total",
    "{item}",
    "Records for which a policy could not be evaluated, or made a decision that makes no sense",
);
const ALERTS: Descriptor =
    counter("sluice_rego_alerts_total", "{alert}", "Alerts that a policy sent, by rule");
const HELD_BACK: Descriptor = counter(
    "sluice_rego_alerts_held_back_total",
    "{alert}",
    "Alerts that were not sent because the same one was sent a moment ago, by rule",
);
const ALERTS_LOST: Descriptor = counter(
    "sluice_rego_alerts_lost_total",
    "{alert}",
    "Alerts that no pipeline took; the next one of the same kind is sent at once",
);
const BLOCKS: Descriptor =
    counter("sluice_rego_blocks_total", "{key}", "Times that a policy blocked a key");
const LATE: Descriptor = counter(
    "sluice_rego_window_late_total",
    "{item}",
    "Records that came too late to count in a window",
);
const EVICTED: Descriptor = counter(
    "sluice_rego_window_evicted_total",
    "{key}",
    "Keys that a window forgot because others needed their place",
);
const KEYS: Descriptor = counter("sluice_rego_window_keys", "{key}", "Keys that a window knows");
const LOADS: Descriptor = counter(
    "sluice_rego_policy_loads_total",
    "{load}",
    "How often a changed policy was loaded, by result success or failure",
);
const LAST_LOAD: Descriptor = counter(
    "sluice_rego_policy_last_load_success",
    "1",
    "0 if the policy that was read last is not the one that counts",
);
const LOADED_AT: Descriptor = counter(
    "sluice_rego_policy_loaded_seconds",
    "s",
    "When the policy that counts was loaded, seconds since 1970",
);

const DECISIONS_LOST: Descriptor = counter(
    "sluice_rego_decisions_lost_total",
    "{decision}",
    "Decisions that were to be logged and were not: more than fit, or their mask failed, or no pipeline took them",
);
const BUNDLES: Descriptor = counter(
    "sluice_rego_bundle_requests_total",
    "{request}",
    "Requests for a bundle, by result success, not_modified or failure",
);

/// One use of a section.
pub struct Instance {
    /// Of the pipeline.
    pub(crate) pipeline: String,
    /// Of the component.
    pub(crate) component: String,
    key: &'static str,
    decision: Arc<str>,
    meter: Meter,
    dropped: Mutex<HashMap<(Arc<str>, Arc<str>), Counter>>,
    alerts: Mutex<HashMap<Arc<str>, (Counter, Counter)>>,
    counters: Counters,
    windows: Vec<OfWindow>,
    complaints: Mutex<HashMap<String, u64>>,
}

struct Counters {
    errors: Counter,
    alerts_lost: Counter,
    decisions_lost: Counter,
    blocks: Counter,
    loads: Counter,
    failed_loads: Counter,
    last_load: Gauge,
    loaded_at: Gauge,
}

struct OfWindow {
    late: Counter,
    evicted: Counter,
    keys: Gauge,
}

impl Instance {
    /// `kind` is `processor` or `connector`, as the label of the metrics.
    pub(crate) fn new(
        kind: &'static str,
        component: &str,
        pipeline: &str,
        meter: &Meter,
        state: &State,
        decision: &str,
    ) -> Self {
        let own = &[(kind, component)];
        let with = |what: Descriptor, key: &str, value: &str| {
            meter.counter(what, &[(kind, component), (key, value)])
        };
        let counters = Counters {
            errors: meter.counter(ERRORS, own),
            alerts_lost: meter.counter(ALERTS_LOST, own),
            decisions_lost: meter.counter(DECISIONS_LOST, own),
            blocks: meter.counter(BLOCKS, own),
            loads: with(LOADS, "result", "success"),
            failed_loads: with(LOADS, "result", "failure"),
            last_load: meter.gauge(LAST_LOAD, own),
            loaded_at: meter.gauge(LOADED_AT, own),
        };
        let windows = state.windows.iter().map(|it| OfWindow {
            late: with(LATE, "window", &it.name),
            evicted: with(EVICTED, "window", &it.name),
            keys: meter.gauge(KEYS, &[(kind, component), ("window", &it.name)]),
        });
        Self {
            pipeline: pipeline.to_owned(),
            component: component.to_owned(),
            key: kind,
            decision: decision.into(),
            meter: meter.clone(),
            dropped: Mutex::default(),
            alerts: Mutex::default(),
            counters,
            windows: windows.collect(),
            complaints: Mutex::default(),
        }
    }

    /// The name of what the decision says, where a rule has its own.
    pub(crate) fn decision_name(&self) -> Arc<str> {
        Arc::clone(&self.decision)
    }

    pub(crate) fn dropped(&self, rule: &str, reason: &str) {
        let mut all = lock(&self.dropped);
        let reason = if all.len() < SERIES_MAX { reason } else { "other" };
        let counter = all.entry((rule.into(), reason.into())).or_insert_with(|| {
            let labels = [(self.key, &*self.component), ("rule", rule), ("reason", reason)];
            self.meter.counter(DROPPED, &labels)
        });
        counter.add(1);
    }

    pub(crate) fn alerted(&self, rule: &Arc<str>, is_sent: bool) {
        let mut all = lock(&self.alerts);
        let (sent, held_back) = all.entry(Arc::clone(rule)).or_insert_with(|| {
            let labels = [(self.key, &*self.component), ("rule", &**rule)];
            (self.meter.counter(ALERTS, &labels), self.meter.counter(HELD_BACK, &labels))
        });
        if is_sent { sent } else { held_back }.add(1);
    }

    pub(crate) fn blocked(&self) {
        self.counters.blocks.add(1);
    }

    /// Alerts that no pipeline took.
    pub fn lost_alerts(&self, count: usize) {
        self.counters.alerts_lost.add(count as u64);
    }

    /// Decisions that were not logged.
    pub fn lost_decisions(&self, count: usize) {
        self.counters.decisions_lost.add(count as u64);
    }

    pub(crate) fn failed(&self, why: &str) {
        self.counters.errors.add(1);
        self.complain(why);
    }

    pub(crate) fn counted(&self, window: usize, added: &Added) {
        if let Some(it) = self.windows.get(window) {
            it.late.add(added.is_late.into());
            it.evicted.add(added.evicted.into());
        }
    }

    pub(crate) fn windows(&self, state: &State) {
        for (it, window) in self.windows.iter().zip(&state.windows) {
            it.keys.set(i64::try_from(window.len()).unwrap_or(i64::MAX));
        }
    }

    pub(crate) fn loaded(&self, revision: &str, now: u64) {
        self.counters.loads.add(1);
        self.counters.last_load.set(1);
        self.counters.loaded_at.set(i64::try_from(now / 1_000_000_000).unwrap_or(i64::MAX));
        tracing::info!(revision, "the policy was loaded anew");
    }

    /// A request for a bundle has ended.
    pub(crate) fn bundle(&self, name: &str, result: &str) {
        let labels = [(self.key, &*self.component), ("bundle", name), ("result", result)];
        self.meter.counter(BUNDLES, &labels).add(1);
    }

    pub(crate) fn refused(&self, error: &str) {
        self.counters.failed_loads.add(1);
        self.counters.last_load.set(0);
        tracing::error!(error, "the policy was not loaded; the one before counts on");
    }

    /// Logs a problem, each at most once in ten seconds.
    pub fn complain(&self, why: &str) {
        let now = component::clock::unix_nanos();
        let mut complaints = lock(&self.complaints);
        if complaints.get(why).is_some_and(|it| now < it.saturating_add(COMPLAINT_PAUSE)) {
            return;
        }
        if complaints.len() >= COMPLAINTS_MAX {
            complaints.retain(|_, it| now < it.saturating_add(COMPLAINT_PAUSE));
        }
        if complaints.len() < COMPLAINTS_MAX {
            complaints.insert(why.to_owned(), now);
            drop(complaints);
            tracing::warn!(error = why, "a policy failed for a record");
        }
    }
}
