//! The traces that are held, and those that were decided about. No task, no waiting: the caller says what time it is, and
//! sends what [`Sampler::take`] gives.
//!
//! A trace is *held* from its first span until its time is over, or until there is no room for another one. Then it is
//! *decided*: its spans go, and its id is remembered, so that spans that come late have the same fate. It is remembered in the
//! decision cache of its kind where there is one, else beside the traces that are held, as long as `num_traces` allows.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use component::meter::Counter;
use component::{ConsumeError, Context, Data, Signal};
use exporterhelper::{Batch, Claim};
use golang::number::whole_unsigned;
use lru::Lru;
use pdata::{Depth, Field, Keep, Traces};
use tokio::time::Instant;
use tracing::warn;

use crate::check::{Subject, TraceId};
use crate::config::Config;
use crate::metrics::{Decision, Metrics};
use crate::policies::{Policies, Verdict};
use crate::rate::Moment;

/// Upstream looks for what is due once in a second, so that nothing is decided about sooner.
const WAIT_MIN: Duration = Duration::from_secs(1);

/// Most traces for which room is made at the start, whatever the section expects.
const TRACES_RESERVED_MAX: usize = 1 << 20;

/// What a request has of a trace.
pub(crate) struct Part {
    pub(crate) id: TraceId,
    pub(crate) data: Data,
    /// The caller's, if it waits until the data is delivered.
    pub(crate) claim: Option<Claim>,
    /// A span without parent is in it.
    pub(crate) has_root: bool,
}

/// What is to be handed on.
pub(crate) type Outgoing = (Batch, Data);

/// The numbers of the section.
#[derive(Debug)]
struct Limits {
    wait: Duration,
    wait_after_root: Option<Duration>,
    traces_max: usize,
    bytes_max: usize,
    trace_bytes_max: usize,
    /// Senders wait for room.
    blocks: bool,
    /// Policies are asked when spans come.
    at_ingest: bool,
    /// Which policy decided is written to the scopes.
    records_policy: bool,
}

/// All traces of an instance.
#[derive(Debug)]
pub(crate) struct Sampler {
    limits: Limits,
    policies: Policies,
    traces: HashMap<TraceId, Trace>,
    /// The held ones, by when they are due.
    due: BTreeSet<(Instant, TraceId)>,
    /// The decided ones among `traces`, oldest first.
    decided: VecDeque<TraceId>,
    held_bytes: usize,
    /// Decision caches: the policy that kept a trace, and nothing of those that were not kept.
    kept: Option<Lru<Option<Arc<str>>>>,
    left: Option<Lru<()>>,
    ready: VecDeque<Outgoing>,
    metrics: Metrics,
    /// Counts what is dropped without an answer.
    lost: Counter,
    is_closed: bool,
}

#[derive(Debug)]
enum Trace {
    Held(Box<Held>),
    Decided(Decided),
}

#[derive(Debug)]
struct Held {
    batch: Batch,
    spans: u64,
    bytes: usize,
    arrived: Instant,
    due: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Decided {
    is_kept: bool,
    arrived: Instant,
    /// `None` for one that was not decided about but dropped for its size.
    at: Option<Instant>,
}

impl Sampler {
    pub(crate) fn new(
        config: &Config,
        policies: Policies,
        metrics: Metrics,
        lost: Counter,
    ) -> Self {
        let size = |it: u64| usize::try_from(it).unwrap_or(usize::MAX);
        let after_root = config.decision_wait_after_root_received.std();
        let limits = Limits {
            wait: config.decision_wait.std().max(WAIT_MIN),
            wait_after_root: (!after_root.is_zero()).then_some(after_root),
            traces_max: size(config.num_traces).max(1),
            bytes_max: size(config.maximum_held_bytes),
            trace_bytes_max: size(config.maximum_trace_size_bytes),
            blocks: config.block_on_overflow,
            at_ingest: config.at_ingest(),
            records_policy: false,
        };
        let seconds = limits.wait.as_secs().max(1);
        let expected = size(config.expected_new_traces_per_sec.saturating_mul(seconds));
        let entries = |it: i64| usize::try_from(it).ok().filter(|it| *it > 0);
        let cache = &config.decision_cache;
        Self {
            policies,
            traces: HashMap::with_capacity(
                expected.min(limits.traces_max).min(TRACES_RESERVED_MAX),
            ),
            due: BTreeSet::new(),
            decided: VecDeque::new(),
            held_bytes: 0,
            kept: entries(cache.sampled_cache_size).map(Lru::new),
            left: entries(cache.non_sampled_cache_size).map(Lru::new),
            ready: VecDeque::new(),
            metrics,
            lost,
            is_closed: false,
            limits,
        }
    }

    /// Writes from now on to the scopes which policy decided.
    pub(crate) fn record_policy(&mut self) {
        self.limits.records_policy = true;
    }

    pub(crate) fn policies(&mut self) -> &mut Policies {
        &mut self.policies
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// How much waits to be taken.
    pub(crate) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// How many traces wait to be decided about.
    pub(crate) fn held(&self) -> usize {
        self.due.len()
    }

    /// The next that is to be handed on.
    pub(crate) fn take(&mut self) -> Option<Outgoing> {
        self.ready.pop_front()
    }

    /// When the next trace is to be decided about.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|it| it.0)
    }

    /// Takes spans of a trace.
    ///
    /// # Errors
    /// Gives them back where there is no room, and room is to be waited for.
    pub(crate) fn receive(&mut self, now: Moment, part: Part) -> Result<(), Part> {
        let Err(part) = self.receive_remembered(part) else { return Ok(()) };
        let is_new = !self.traces.contains_key(&part.id);
        let is_late = matches!(self.traces.get(&part.id), Some(Trace::Decided(_)));
        if !is_late && !self.make_room(now, is_new, part.data.bytes()) {
            return Err(part);
        }
        match self.traces.get(&part.id) {
            Some(Trace::Decided(decided)) => self.receive_late(now, part, *decided),
            _ => self.hold(now, part),
        }
        self.metrics.traces.set(i64::try_from(self.traces.len()).unwrap_or(i64::MAX));
        Ok(())
    }

    /// What a decision cache knows of.
    fn receive_remembered(&mut self, part: Part) -> Result<(), Part> {
        let (key, spans) = (u128::from_be_bytes(part.id), part.data.items() as u64);
        if let Some(policy) = self.kept.as_mut().and_then(|it| it.renew(key)) {
            let mut part = part;
            if self.limits.records_policy {
                part.data = mark(&part.data, policy.as_deref(), None, true);
            }
            self.metrics.early_sampled.add(spans);
            self.pass(part);
            return Ok(());
        }
        if self.left.as_mut().is_some_and(|it| it.renew(key).is_some()) {
            self.metrics.early_not_sampled.add(spans);
            refuse(part.claim);
            return Ok(());
        }
        Err(part)
    }

    fn receive_late(&mut self, now: Moment, part: Part, decided: Decided) {
        if let Some(at) = decided.at {
            self.metrics.late_secs.record(seconds(at, now.at));
        }
        if decided.is_kept { self.pass(part) } else { refuse(part.claim) }
    }

    /// Makes spans ready that have nothing to wait for.
    fn pass(&mut self, part: Part) {
        let mut batch = Batch::new(Context::default(), &self.lost);
        batch.join(part.data, part.claim);
        let data = batch.data(Signal::Traces);
        self.ready.push_back((batch, data));
    }

    /// False if the caller has to wait.
    fn make_room(&mut self, now: Moment, is_new: bool, bytes: usize) -> bool {
        loop {
            let is_full = is_new && self.traces.len() >= self.limits.traces_max;
            if is_full && self.forget_oldest(now) {
                continue;
            }
            let is_heavy = self.held_bytes.saturating_add(bytes) > self.limits.bytes_max;
            if (!is_full && !is_heavy) || self.due.is_empty() {
                return true;
            }
            if self.limits.blocks {
                return false;
            }
            self.decide_early(now);
        }
    }

    /// Forgets a trace that was decided about; false if there is none.
    fn forget_oldest(&mut self, now: Moment) -> bool {
        let Some(id) = self.decided.pop_front() else { return false };
        if let Some(Trace::Decided(decided)) = self.traces.remove(&id) {
            self.metrics.removal_secs.record(seconds(decided.arrived, now.at));
        }
        true
    }

    /// Upstream drops the oldest trace where there is no room.
    fn decide_early(&mut self, now: Moment) {
        let Some((_, id)) = self.due.pop_first() else { return };
        if let Some(Trace::Held(held)) = self.traces.remove(&id) {
            let waited = now.at.saturating_duration_since(held.arrived);
            self.metrics.too_early.add(1);
            warn!(
                waited_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX),
                num_traces = self.limits.traces_max,
                num_traces_needed = self.traces_needed(waited),
                held_bytes = self.held_bytes,
                "No room for a new trace: one is decided about before decision_wait is over, with the spans that are there"
            );
            self.decide(now, id, held);
        }
    }

    /// How many traces come in `decision_wait`, if those that are held came in the time that the oldest has waited.
    fn traces_needed(&self, waited: Duration) -> u64 {
        let held = (self.due.len() + 1) as f64;
        let waits = self.limits.wait.as_secs_f64() / waited.as_secs_f64().max(0.001);
        whole_unsigned((held * waits).ceil())
    }

    fn hold(&mut self, now: Moment, part: Part) {
        let Part { id, data, claim, has_root } = part;
        let (bytes, spans) = (data.bytes(), data.items() as u64);
        let mut held = if let Some(Trace::Held(held)) = self.traces.remove(&id) {
            self.due.remove(&(held.due, id));
            held
        } else {
            self.metrics.new_traces.add(1);
            let batch = Batch::new(Context::default(), &self.lost);
            let (arrived, due) = (now.at, now.at + self.limits.wait);
            Box::new(Held { batch, spans: 0, bytes: 0, arrived, due })
        };
        held.batch.join(data.clone(), claim);
        held.spans += spans;
        held.bytes += bytes;
        self.held_bytes += bytes;
        if let Some(wait) = self.limits.wait_after_root.filter(|_| has_root) {
            held.due = held.due.min(now.at + wait);
        }
        let largest = self.limits.trace_bytes_max;
        if largest > 0 && held.bytes > largest {
            self.metrics.too_large.add(1);
            return self.leave(now, id, held, None);
        }
        if self.limits.at_ingest {
            return self.ingest(now, id, held, data);
        }
        if self.is_closed {
            return self.decide(now, id, held);
        }
        self.keep_held(id, held);
    }

    fn keep_held(&mut self, id: TraceId, held: Box<Held>) {
        self.due.insert((held.due, id));
        self.traces.insert(id, Trace::Held(held));
    }

    /// Asks the policies about what has just come. Unless they say something, the trace goes on waiting.
    fn ingest(&mut self, now: Moment, id: TraceId, mut held: Box<Held>, came: Data) {
        let begun = Instant::now();
        let verdict = self.judge(now, &id, held.spans, came);
        self.metrics.decision_ms.record(begun.elapsed().as_secs_f64() * 1000.0);
        if verdict.decision == Decision::NotSampled && !self.is_closed {
            return self.keep_held(id, held);
        }
        let data = held.batch.data(Signal::Traces);
        self.settle(now, id, held, data, verdict);
    }

    /// Decides about the trace that is due; false if none is.
    pub(crate) fn decide_due(&mut self, now: Moment) -> bool {
        self.next_due().is_some_and(|due| due <= now.at) && self.decide_next(now)
    }

    /// Decides about the trace that is due next; false if none is held.
    fn decide_next(&mut self, now: Moment) -> bool {
        let Some((_, id)) = self.due.pop_first() else { return false };
        if let Some(Trace::Held(held)) = self.traces.remove(&id) {
            self.decide(now, id, held);
        }
        true
    }

    fn decide(&mut self, now: Moment, id: TraceId, mut held: Box<Held>) {
        if self.limits.at_ingest {
            // The policies have said all that they have to say.
            self.metrics.decisions.add(Decision::NotSampled, 1);
            return self.leave(now, id, held, Some(now.at));
        }
        let data = held.batch.data(Signal::Traces);
        let verdict = self.judge(now, &id, held.spans, data.clone());
        self.settle(now, id, held, data, verdict);
    }

    fn judge(&mut self, now: Moment, id: &TraceId, spans: u64, data: Data) -> Verdict {
        let traces = Traces::try_from(data).unwrap_or_default();
        let verdict = self.policies.judge(&Subject { id, traces: &traces, spans, now });
        self.metrics.errors.add(verdict.errors);
        // Upstream counts both with each decision, so both are there from the first one.
        self.metrics.too_early.add(0);
        verdict
    }

    fn settle(
        &mut self,
        now: Moment,
        id: TraceId,
        held: Box<Held>,
        mut data: Data,
        verdict: Verdict,
    ) {
        self.metrics.decisions.add(verdict.decision, 1);
        if verdict.decision != Decision::Sampled {
            return self.leave(now, id, held, Some(now.at));
        }
        self.held_bytes -= held.bytes;
        if self.limits.records_policy {
            let (policy, composite) = (verdict.policy.as_deref(), verdict.composite.as_deref());
            data = mark(&data, policy, composite, false);
        }
        // Nobody has to be sent what all its senders have given up.
        if held.batch.is_wanted() {
            self.ready.push_back((held.batch, data));
        }
        match &mut self.kept {
            Some(cache) => {
                cache.touch(u128::from_be_bytes(id), || verdict.policy);
                self.metrics.removal_secs.record(seconds(held.arrived, now.at));
            }
            None => self
                .remember(id, Decided { is_kept: true, arrived: held.arrived, at: Some(now.at) }),
        }
    }

    /// The trace is not kept. `at`: when that was decided.
    fn leave(&mut self, now: Moment, id: TraceId, held: Box<Held>, at: Option<Instant>) {
        self.held_bytes -= held.bytes;
        held.batch.answer(&Ok(()));
        match &mut self.left {
            Some(cache) => {
                cache.touch(u128::from_be_bytes(id), || ());
                self.metrics.removal_secs.record(seconds(held.arrived, now.at));
            }
            None => self.remember(id, Decided { is_kept: false, arrived: held.arrived, at }),
        }
    }

    fn remember(&mut self, id: TraceId, decided: Decided) {
        self.traces.insert(id, Trace::Decided(decided));
        self.decided.push_back(id);
    }

    /// Nothing is held any more: what comes from now on is decided about at once. What is held is decided about as it is, or
    /// dropped: who can send it again is told to.
    pub(crate) fn close(&mut self, now: Moment, drops_pending: bool) {
        self.is_closed = true;
        if !drops_pending {
            while self.decide_next(now) {}
            return;
        }
        for (_, id) in std::mem::take(&mut self.due) {
            if let Some(Trace::Held(held)) = self.traces.remove(&id) {
                self.held_bytes -= held.bytes;
                held.batch.answer(&Err(ConsumeError::retryable(
                    "dropped at shutdown, send the data again",
                )));
            }
        }
    }

    /// Forgets what nobody has taken: it counts as lost, and who waits is told.
    pub(crate) fn clear(&mut self) {
        self.ready.clear();
    }
}

/// It is not kept, as the section wants it: nothing is lost.
fn refuse(claim: Option<Claim>) {
    if let Some(claim) = claim {
        claim.answer(&Ok(()));
    }
}

/// Whole seconds between two times.
fn seconds(from: Instant, to: Instant) -> f64 {
    to.saturating_duration_since(from).as_secs() as f64
}

/// Writes to the scopes who decided. `is_cached`: the decision was there before the spans.
fn mark(data: &Data, policy: Option<&str>, composite: Option<&str>, is_cached: bool) -> Data {
    data.edit(Depth::Scope, |place| {
        if place.depth() != Depth::Scope {
            return Keep::Enter;
        }
        if let Some(mut attributes) = place.attributes(Field::SCOPE_ATTRIBUTES) {
            for (key, value) in [("policy", policy), ("composite_policy", composite)] {
                if let Some(value) = value {
                    attributes.set(&format!("tailsampling.{key}"), value);
                }
            }
            if is_cached {
                attributes.set("tailsampling.cached_decision", true);
            }
        }
        Keep::Whole
    })
}
