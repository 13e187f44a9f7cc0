//! The alerts of a payload, each sent once, and counted.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use component::meter::{Counter, Descriptor, Level, OURS};
use component::{ExporterSettings, Meter};
use pdata::Logs;

use crate::alert::{self, Alert};

/// Most alerts that are known to have been sent, for the time that a payload is tried again.
const SENT_MAX: usize = 10_000;

const SENT: Descriptor = Descriptor {
    scope: OURS,
    level: Level::Basic,
    name: "sluice_alerts_sent_total",
    unit: "{alert}",
    description: "Alerts of policies that were delivered",
};
const NOT_SENT: Descriptor = Descriptor {
    scope: OURS,
    level: Level::Basic,
    name: "sluice_alerts_not_sent_total",
    unit: "{item}",
    description: "Records that an exporter of alerts did not send, by reason",
};

/// Why an exporter does not send a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is another record than an alert.
    NotAnAlert,
    /// The other side does not want it.
    Rejected,
    /// Its key is not one that may be written.
    KeyNotAllowed,
    /// It is not about a key that is blocked, or not any more.
    NoKey,
    /// There would be too many.
    TooMany,
    /// It is about an object that may not be changed.
    TargetNotAllowed,
    /// A dry run.
    DryRun,
}

impl Refusal {
    fn name(self) -> &'static str {
        match self {
            Self::NotAnAlert => "not_an_alert",
            Self::Rejected => "rejected",
            Self::KeyNotAllowed => "key_not_allowed",
            Self::NoKey => "no_key",
            Self::TooMany => "too_many",
            Self::TargetNotAllowed => "target_not_allowed",
            Self::DryRun => "dry_run",
        }
    }
}

/// Where alerts come in.
pub struct Intake {
    exporter: String,
    meter: Meter,
    sent: Counter,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    order: VecDeque<u128>,
    all: HashSet<u128>,
}

impl Intake {
    /// Of an exporter.
    pub fn new(settings: &ExporterSettings) -> Self {
        let exporter = settings.id.as_str().to_owned();
        let sent = settings.meter.counter(SENT, &[("exporter", &exporter)]);
        Self { sent, meter: settings.meter.clone(), exporter, known: Mutex::default() }
    }

    /// The alerts of a payload that have not been sent yet. What is none is counted, and goes no further.
    pub fn take(&self, logs: &Logs) -> Vec<Alert> {
        let (mut alerts, others) = alert::read(logs);
        self.not_sent(Refusal::NotAnAlert, others);
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        alerts.retain(|it| !known.all.contains(&it.identity));
        alerts
    }

    /// An alert has been delivered.
    pub fn sent(&self, alert: &Alert) {
        self.sent.add(1);
        self.done(alert);
    }

    /// An alert will not be.
    pub fn refused(&self, alert: &Alert, why: Refusal) {
        self.not_sent(why, 1);
        self.done(alert);
    }

    fn not_sent(&self, why: Refusal, count: u64) {
        if count > 0 {
            let labels = [("exporter", self.exporter.as_str()), ("reason", why.name())];
            self.meter.counter(NOT_SENT, &labels).add(count);
        }
    }

    fn done(&self, alert: &Alert) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.all.insert(alert.identity) {
            known.order.push_back(alert.identity);
        }
        if known.order.len() > SENT_MAX
            && let Some(oldest) = known.order.pop_front()
        {
            known.all.remove(&oldest);
        }
    }
}
