//! What the policies together say of a trace: one that drops wins, else one that keeps is enough.

use std::sync::Arc;

use component::Meter;
use tokio::time::Instant;

use crate::check::{Check, Subject};
use crate::metrics::{Decision, PolicyMetrics};
use crate::plan::Rule;

const NANOS_PER_MICRO: u128 = 1000;

/// The policies of one instance.
#[derive(Debug)]
pub(crate) struct Policies {
    list: Vec<Policy>,
    /// The first one that keeps a trace decides.
    stops_at_first: bool,
}

#[derive(Debug)]
struct Policy {
    name: Arc<str>,
    label: String,
    drops: bool,
    check: Check,
    metrics: PolicyMetrics,
    /// What is not a whole microsecond yet.
    nanos: u128,
}

/// What they say.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) decision: Decision,
    /// The first policy that says so, unless it is that none keeps the trace.
    pub(crate) policy: Option<Arc<str>>,
    /// The sub-policy of a composite policy that keeps it.
    pub(crate) composite: Option<Arc<str>>,
    /// Policies that could not be asked.
    pub(crate) errors: u64,
}

impl Policies {
    /// `component` is the name of the component's id, which stands before those of policies in metrics.
    pub(crate) fn new(
        rules: &[Rule],
        stops_at_first: bool,
        component: &str,
        meter: &Meter,
    ) -> Self {
        let policy = |rule: &Rule| {
            let Rule { name, drops, check } = rule.clone();
            let label =
                if component.is_empty() { name.to_string() } else { format!("{component}.{name}") };
            let metrics = PolicyMetrics::new(meter, &label);
            Policy { name, label, drops, check, metrics, nanos: 0 }
        };
        Self { list: rules.iter().map(policy).collect(), stops_at_first }
    }

    /// Counts spans beside traces.
    pub(crate) fn count_spans(&mut self, meter: &Meter) {
        self.list.iter_mut().for_each(|it| it.metrics.count_spans(meter, &it.label));
    }

    /// Asks them.
    pub(crate) fn judge(&mut self, subject: &Subject<'_>) -> Verdict {
        let mut verdict =
            Verdict { decision: Decision::NotSampled, policy: None, composite: None, errors: 0 };
        for policy in &mut self.list {
            let begun = Instant::now();
            let answer = policy.check.keeps(subject);
            policy.took(begun);
            let kept = match answer {
                Ok(kept) => kept,
                Err(error) => {
                    verdict.errors += 1;
                    tracing::debug!(error, policy = &*policy.name, "Sampling policy error");
                    continue;
                }
            };
            let decision = match (kept.is_kept, policy.drops) {
                (false, _) => Decision::NotSampled,
                (true, true) => Decision::Dropped,
                (true, false) => Decision::Sampled,
            };
            policy.metrics.traces.add(decision, 1);
            if let Some(spans) = &policy.metrics.spans {
                spans.add(decision, subject.spans);
            }
            verdict.composite = kept.by.or(verdict.composite);
            if kept.is_kept && verdict.policy.is_none() {
                (verdict.decision, verdict.policy) = (decision, Some(Arc::clone(&policy.name)));
            }
            // Those that drop are asked first.
            if decision == Decision::Dropped
                || (decision == Decision::Sampled && self.stops_at_first)
            {
                break;
            }
        }
        verdict
    }
}

impl Policy {
    fn took(&mut self, begun: Instant) {
        self.nanos += begun.elapsed().as_nanos();
        let micros = u64::try_from(self.nanos / NANOS_PER_MICRO).unwrap_or(u64::MAX);
        self.nanos %= NANOS_PER_MICRO;
        self.metrics.micros.add(micros);
        self.metrics.executions.add(1);
    }
}
