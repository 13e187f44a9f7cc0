//! A reader for one pipeline: how it begins, goes on and ends.

use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use component::{BoxError, HandedOver, PipelineId, StorageClient};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::book::{Entry, EntryId};
use crate::engine::Engine;
use crate::identity::{Fingerprint, Identity};
use crate::lag::{Duty, HOLD, HOLD_PERIOD, LAG_MAX, LOOK_PERIOD, Own, REPORT_PAUSE, Report};
use crate::partition::{Partition, add_part};
use crate::sink::Sink;

/// How long the common reader waits, when the collector stops, for what the others leave; they stop when it does.
const LEAVE: Duration = Duration::from_secs(3);

impl<S: Sink> Engine<S> {
    /// Looks whether a pipeline holds up others, and which exporter does, while files wait.
    pub(crate) fn watch_lag(&mut self) {
        let now = Instant::now();
        if !self.waits_for_answers() {
            self.lag.nothing_waits();
            self.unname();
            return;
        }
        let since = *self.lag.waits.get_or_insert(now);
        if self.lag.looked.is_some_and(|it| now < it + LOOK_PERIOD) {
            return;
        }
        self.lag.looked = Some(now);
        let lanes = self.sender.lanes().now();
        let bytes: Vec<_> = lanes.iter().map(|it| (it.pipeline.clone(), it.bytes())).collect();
        for pipeline in self.lag.too_slow(&bytes, now) {
            self.part(&pipeline);
        }
        if since + LAG_MAX <= now || self.lag.duty.is_some() {
            self.name_exporters();
        }
    }

    /// When to look again.
    pub(crate) fn lag_deadline(&self) -> Option<Instant> {
        let look = self.lag.waits.and(self.lag.looked).map(|it| it + LOOK_PERIOD);
        let report = self.lag.duty.as_ref().and_then(|it| it.reported).map(|it| it + REPORT_PAUSE);
        [look, report, self.lag.hold].into_iter().flatten().min()
    }

    /// True when something could be read or sent, but for an answer.
    fn waits_for_answers(&self) -> bool {
        let waits = self.held.is_some() || !self.has_room() && !self.is_held();
        let lags = self.lag.duty.is_some();
        self.in_flight.0 > 0 && (waits || lags || self.sender.is_following())
    }

    /// True while nothing is read so that another reader can catch up.
    pub(crate) fn is_held(&self) -> bool {
        self.lag.hold.is_some_and(|it| Instant::now() < it)
    }

    fn name_exporters(&mut self) {
        let is_own = self.lag.duty.is_some();
        for (pipeline, exporters) in self.sender.lanes().out.unanswering(LAG_MAX) {
            // Of a pipeline that is parted, or soon will be, its own reader says it.
            let parted = self.lag.own.contains_key(&pipeline)
                || self.may_part() && self.lag.is_lagging(&pipeline);
            for exporter in exporters.into_iter().filter(|_| !parted) {
                if self.lag.name(&pipeline, &exporter) && !is_own {
                    tracing::warn!(
                        pipeline = pipeline.as_str(), exporter = &*exporter, waited = ?LAG_MAX,
                        "files are not read on, because an exporter takes nothing; nothing is lost as long as they \
                        are kept: look for its messages, and at its backend"
                    );
                }
            }
        }
    }

    /// Those that take something again are named no more.
    fn unname(&mut self) {
        if self.lag.named.is_empty() {
            return;
        }
        let all = self.sender.lanes().out.unanswering(LAG_MAX);
        let is_own = self.lag.duty.is_some();
        self.lag.named.retain(|(pipeline, exporter), _| {
            let stays = all.iter().any(|it| it.0 == *pipeline && it.1.contains(exporter));
            if !stays && !is_own {
                tracing::info!(
                    pipeline = pipeline.as_str(),
                    exporter = &**exporter,
                    "files are read on"
                );
            }
            stays
        });
    }

    /// A file that one reader has removed could not be read by the other one.
    fn may_part(&self) -> bool {
        self.lag.duty.is_none() && !self.settings.delete_after_read
    }

    /// Gives a pipeline that holds up the others a reader of its own.
    fn part(&mut self, pipeline: &PipelineId) {
        if !self.may_part() {
            return;
        }
        self.checkpoint();
        let began = self.book.records_with(self.files.values().map(|it| &it.entry));
        // They may have no name any more.
        let open = self
            .files
            .iter()
            .filter(|(_, it)| it.detached && !it.archived && !(it.ended && it.is_done()));
        let mut open: Vec<_> = open
            .filter_map(|(key, it)| {
                Some((*key, it.entry.id, it.source.as_ref()?.file().try_clone().ok()?))
            })
            .collect();
        open.sort_unstable_by_key(|it| it.0);
        let open = open.into_iter().map(|it| (it.1, it.2)).collect();
        // First it must be in the store where this pipeline is: the common offset will move on.
        if let Err(error) = self.begin_own(pipeline, began, Some(open)) {
            if self.complaints.allows("part") {
                tracing::error!(%error, pipeline = pipeline.as_str(), "a pipeline that holds up the others cannot \
                    get offsets of its own");
            }
            return;
        }
        let exporters: Vec<String> = (self.sender.lanes().out.only(pipeline).unanswering(LAG_MAX))
            .into_iter()
            .flat_map(|it| it.1)
            .map(|it| it.to_string())
            .collect();
        tracing::warn!(
            pipeline = pipeline.as_str(), exporters = exporters.join(", "), waited = ?LAG_MAX,
            "a pipeline does not keep up with the others, which go on without it: its lines stay in their files and \
            are read again for it when its exporter takes them; nothing is lost as long as the files are kept"
        );
    }

    /// Goes on with the readers that single pipelines had in an earlier run.
    pub(crate) fn resume_own(&mut self) {
        let pipelines = self.sender.lanes().out.pipelines();
        for (pipeline, began) in self.book.take_parts() {
            if !pipelines.contains(&pipeline) {
                tracing::info!(
                    pipeline = pipeline.as_str(),
                    "offsets of a pipeline that is no more are forgotten"
                );
                self.book.forget_part(&pipeline, &began);
            } else if let Err(error) = self.begin_own(&pipeline, began, None) {
                tracing::error!(%error, pipeline = pipeline.as_str(), "the offsets of a pipeline cannot be read: it \
                    goes on with the others, and lines in between are not sent to it");
            }
        }
    }

    /// Begins at these offsets; of a pipeline that was fed until now with these descriptors, and not before the offsets
    /// are stored.
    fn begin_own(
        &mut self,
        pipeline: &PipelineId,
        began: HandedOver,
        open: Option<Vec<(EntryId, File)>>,
    ) -> Result<(), BoxError> {
        let store = self.book.client();
        let store =
            store.map(|it| Arc::new(Partition::new(it, pipeline)) as Arc<dyn StorageClient>);
        let out = self.sender.lanes().out.only(pipeline);
        let (settings, sink) = ((*self.settings).clone(), self.sink.another());
        let (meter, receiver) = (self.lag.meter.clone(), Arc::clone(&self.lag.receiver));
        let mut engine = Self::new(settings, sink, store, out, &self.host, &meter, &receiver)?;
        engine.book.take_over(began.clone());
        (engine.started, engine.restarted) = (true, true);
        if let Some(open) = open {
            engine.book.flush()?;
            for (id, file) in open {
                engine.take_descriptor(id, file)?;
            }
        }
        let relieve = self.host.stopping().child_token();
        let (leave, left) = oneshot::channel();
        engine.sender.is_second();
        engine.lag.duty = Some(Duty {
            pipeline: pipeline.clone(),
            relieved: relieve.clone(),
            leave,
            reports: self.lag.report_to.clone(),
            reported: None,
        });
        self.lag.named.retain(|it, _| it.0 != *pipeline);
        self.lag.own.insert(pipeline.clone(), Own { relieve, left, began });
        self.sender.lanes().leave(pipeline);
        self.host.spawn(engine.run());
        Ok(())
    }

    /// In a pipeline's own reader: says how far it is when nothing is left to read. What it has sent and has no answer
    /// is not in it, and is sent again by the common reader if that one takes over: it may come twice.
    pub(crate) fn report(&mut self) {
        let now = Instant::now();
        let idle = self.ready.is_empty() && self.descriptors.waiting() == 0 && !self.restarted;
        let Some(duty) = &mut self.lag.duty else { return };
        if self.sender.lanes().out.pipelines().is_empty() {
            // A reload has removed the pipeline.
            duty.relieved.cancel();
        }
        if !idle || duty.reported.is_some_and(|it| now < it + REPORT_PAUSE) {
            return;
        }
        duty.reported = Some(now);
        let open = self.files.values().map(|it| (&it.entry, it.watermark.done()));
        let closed = self.book.closed().map(|it| (it, it.offset));
        let done = open.chain(closed).map(|(it, done)| ((it.identity, it.fingerprint), done));
        let report = Report { pipeline: duty.pipeline.clone(), done: done.collect() };
        // When nobody hears it, the next one says more.
        let _ = duty.reports.try_send(report);
    }

    /// A pipeline's own reader has read everything: when it is as far as the common reader, that one takes over again.
    pub(crate) fn heard(&mut self, report: &Report) {
        if !self.lag.own.contains_key(&report.pipeline) {
            return;
        }
        let now = Instant::now();
        if !self.is_reached(&report.done) {
            // It will be when nothing is added for a moment.
            if self.lag.held.is_none_or(|it| it + HOLD_PERIOD <= now) {
                (self.lag.hold, self.lag.held) = (Some(now + HOLD), Some(now));
            }
            return;
        }
        if let Some(own) = self.lag.own.remove(&report.pipeline) {
            own.relieve.cancel();
        }
        self.lag.hold = None;
        self.sender.lanes().come_back(&report.pipeline);
        tracing::info!(
            pipeline = report.pipeline.as_str(),
            "a pipeline has caught up with the others"
        );
    }

    /// True when everything that was sent to the other pipelines has arrived in this one.
    fn is_reached(&self, done: &HashMap<(Identity, Fingerprint), u64>) -> bool {
        let reached = |it: &Entry, sent: u64| {
            done.get(&(it.identity, it.fingerprint)).map(|done| sent <= *done)
        };
        let open = self.files.values();
        open.clone().all(|it| reached(&it.entry, it.watermark.sent()) == Some(true))
            && self.book.closed().all(|it| reached(it, it.offset) != Some(false))
    }

    /// True when this reader is one of its own pipeline, and is needed no more.
    pub(crate) fn is_relieved(&self) -> bool {
        let relieved = self.lag.duty.as_ref().is_some_and(|it| it.relieved.is_cancelled());
        relieved && !self.host.stopping().is_cancelled()
    }

    /// Adds to what is left to the next reader what the readers of single pipelines leave.
    pub(crate) async fn with_own(
        state: Option<HandedOver>,
        own: impl IntoIterator<Item = (PipelineId, Own)>,
    ) -> Option<HandedOver> {
        let mut state = state?;
        let deadline = Instant::now() + LEAVE;
        for (pipeline, Own { left, began, .. }) in own {
            // Without an answer it is where it began: lines come twice, and none is lost.
            let left = tokio::time::timeout_at(deadline, left).await;
            let left = left.ok().and_then(Result::ok).unwrap_or(began);
            add_part(&mut state, &pipeline, left);
        }
        Some(state)
    }
}
