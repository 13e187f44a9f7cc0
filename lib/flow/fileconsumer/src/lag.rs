//! Pipelines that do not keep up with the others.
//!
//! All pipelines behind a receiver are fed by one reader: it reads and parses a line once. So when one of them does not
//! answer, what it was given fills the budget, and the others wait with it. After [`LAG_MAX`] it is *parted*: it gets a
//! reader of its own, which begins where the pipeline has answered, and reads the files again at its pace. When that
//! one has caught up, it ends, and the pipeline is fed by the common reader again (ADR 0017).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use component::meter::{Descriptor, Level, OURS, Part};
use component::{HandedOver, Meter, PipelineId};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::identity::{Fingerprint, Identity};

/// How long a pipeline may hold up the others, and how long an exporter may keep everything waiting without a word.
pub(crate) const LAG_MAX: Duration = Duration::from_secs(10);
/// A pipeline holds up another one when that has at most this part of what it has itself without an answer.
const LESS: usize = 4;
/// How often this is looked at while files wait.
pub(crate) const LOOK_PERIOD: Duration = Duration::from_secs(1);
/// How often a reader says how far it is, to be relieved.
pub(crate) const REPORT_PAUSE: Duration = Duration::from_millis(200);
/// So long the common reader waits for one that has almost caught up.
pub(crate) const HOLD: Duration = Duration::from_secs(3);
/// But not more often.
pub(crate) const HOLD_PERIOD: Duration = Duration::from_secs(60);
/// Reports that may wait to be heard.
const REPORTS_MAX: usize = 16;

const HELD_UP: Descriptor = Descriptor {
    scope: OURS,
    level: Level::Basic,
    name: "sluice_fileconsumer_held_up",
    unit: "1",
    description: "1 while the files of a receiver are not read on for a pipeline, because an exporter of it takes nothing.",
};

/// How far the own reader of a pipeline is, when it is at the end of everything.
pub(crate) struct Report {
    pub pipeline: PipelineId,
    pub done: HashMap<(Identity, Fingerprint), u64>,
}

/// The own reader of a pipeline, as the common reader knows it.
pub(crate) struct Own {
    /// Ends it, and what it keeps is forgotten.
    pub relieve: CancellationToken,
    /// What it leaves when the collector stops.
    pub left: oneshot::Receiver<HandedOver>,
    /// Where it began.
    pub began: HandedOver,
}

/// The other side.
pub(crate) struct Duty {
    pub pipeline: PipelineId,
    pub relieved: CancellationToken,
    pub leave: oneshot::Sender<HandedOver>,
    pub reports: mpsc::Sender<Report>,
    pub reported: Option<Instant>,
}

/// What a reader knows about pipelines that lag.
pub(crate) struct Lag {
    pub meter: Meter,
    pub receiver: Arc<str>,
    /// Since when files wait for answers.
    pub waits: Option<Instant>,
    /// When that was last looked at.
    pub looked: Option<Instant>,
    /// Since when each pipeline holds up others.
    since: HashMap<PipelineId, Instant>,
    /// Exporters that were named.
    pub named: BTreeMap<(PipelineId, Arc<str>), Part>,
    pub own: BTreeMap<PipelineId, Own>,
    /// Set in a pipeline's own reader.
    pub duty: Option<Duty>,
    pub reports: mpsc::Receiver<Report>,
    pub report_to: mpsc::Sender<Report>,
    /// Nothing is read until then: somebody has almost caught up.
    pub hold: Option<Instant>,
    pub held: Option<Instant>,
}

impl Lag {
    pub(crate) fn new(meter: &Meter, receiver: &str) -> Self {
        let (report_to, reports) = mpsc::channel(REPORTS_MAX);
        Self {
            meter: meter.clone(),
            receiver: receiver.into(),
            waits: None,
            looked: None,
            since: HashMap::new(),
            named: BTreeMap::new(),
            own: BTreeMap::new(),
            duty: None,
            reports,
            report_to,
            hold: None,
            held: None,
        }
    }

    /// Which pipelines hold up others for too long. `bytes` are without an answer in each, while files wait.
    pub(crate) fn too_slow(
        &mut self,
        bytes: &[(PipelineId, usize)],
        now: Instant,
    ) -> Vec<PipelineId> {
        let lags = |(at, own): (usize, usize)| {
            let others = bytes.iter().enumerate().filter(|it| it.0 != at);
            own > 0 && others.map(|it| it.1.1).min().is_some_and(|it| it <= own / LESS)
        };
        let lagging = bytes.iter().enumerate().filter(|(at, it)| lags((*at, it.1)));
        let lagging: Vec<&PipelineId> = lagging.map(|it| &it.1.0).collect();
        self.since.retain(|it, _| lagging.contains(&it));
        let since = lagging.iter().map(|it| (*it, *self.since.entry((*it).clone()).or_insert(now)));
        since.filter(|it| it.1 + LAG_MAX <= now).map(|it| it.0.clone()).collect()
    }

    /// True when this pipeline holds up another one.
    pub(crate) fn is_lagging(&self, pipeline: &PipelineId) -> bool {
        self.since.contains_key(pipeline)
    }

    /// Nobody waits: nobody holds up anybody.
    pub(crate) fn nothing_waits(&mut self) {
        (self.waits, self.looked) = (None, None);
        self.since.clear();
    }

    /// An exporter is named in a metric until it takes something; true when it was not.
    pub(crate) fn name(&mut self, pipeline: &PipelineId, exporter: &Arc<str>) -> bool {
        let key = (pipeline.clone(), Arc::clone(exporter));
        if self.named.contains_key(&key) {
            return false;
        }
        let id = exporter.split_once(' ').map_or(&**exporter, |it| it.1);
        let labels =
            [("receiver", &*self.receiver), ("pipeline", pipeline.as_str()), ("exporter", id)];
        let part = self.meter.part(HELD_UP, &labels);
        part.set(1);
        self.named.insert(key, part);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_pipeline_is_too_slow_when_it_holds_up_another_one_for_long_enough() {
        let mut lag = Lag::new(&Meter::default(), "file_log");
        let id = |it: &str| it.parse::<PipelineId>().unwrap();
        let mut check = |bytes: [usize; 2], want: &[&str]| {
            let bytes = [(id("logs/a"), bytes[0]), (id("logs/b"), bytes[1])];
            let got = lag.too_slow(&bytes, Instant::now());
            assert_eq!(got.iter().map(PipelineId::as_str).collect::<Vec<_>>(), want);
        };
        check([100, 0], &[]);
        tokio::time::advance(LAG_MAX).await;
        check([100, 25], &["logs/a"]);
        // The other one is as slow: nobody is held up.
        check([100, 26], &[]);
        check([100, 0], &[]);
        tokio::time::advance(LAG_MAX.saturating_sub(LOOK_PERIOD)).await;
        check([0, 100], &[]);
        tokio::time::advance(LOOK_PERIOD).await;
        check([100, 100], &[]);
        check([0, 0], &[]);
    }
}
