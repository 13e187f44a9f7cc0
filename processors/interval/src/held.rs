//! What waits for the next interval: of each stream the last point, and of each metric once what is around it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use component::ConsumeError;
use component::meter::Counter;
use exporterhelper::Claim;
use pdata::{Data, Depth, Field, Keep, MetricKind, Place};
use streams::{Identifier, MetricId, STREAMS_MAX, StreamId, accumulates};

use crate::config::PassThrough;

/// Most bytes of points that wait, with what is around them, 256 MiB. When there are so many, or [`STREAMS_MAX`] streams, they
/// are sent before the interval is over.
pub(crate) const BYTES_MAX: usize = 256 << 20;

/// What waits. One that is dropped without [`Held::answer`] counts the points that it had taken responsibility for as lost,
/// and fails its claims.
#[derive(Debug)]
pub(crate) struct Held {
    /// Metrics without points, each with its resource and scope, in the order in which they came.
    heads: Vec<Data>,
    metrics: HashMap<MetricId, usize>,
    /// Encoded points of each metric.
    points: Vec<Vec<Box<[u8]>>>,
    streams: HashMap<StreamId, Last>,
    bytes: usize,
    /// Who waits until they have arrived.
    pub(crate) claims: Vec<Claim>,
    /// Points of senders that do not wait, with those that newer ones have replaced.
    pub(crate) accepted: usize,
    lost: Counter,
}

/// Where the last point of a stream is, and its time.
#[derive(Debug)]
struct Last {
    metric: usize,
    at: usize,
    time: u64,
}

/// Whether a metric waits for the interval. There is nothing to wait for in one without points.
pub(crate) fn waits(place: &Place<'_>, pass_through: PassThrough) -> bool {
    place.points().next().is_some() && may_wait(place, pass_through)
}

fn may_wait(place: &Place<'_>, pass_through: PassThrough) -> bool {
    match place.metric_kind() {
        MetricKind::Gauge => !pass_through.gauge,
        MetricKind::Summary => !pass_through.summary,
        _ => accumulates(place),
    }
}

impl Held {
    /// Nothing yet. `lost` counts the accepted points of one that is dropped.
    pub(crate) fn new(lost: &Counter) -> Self {
        Self {
            heads: Vec::new(),
            metrics: HashMap::new(),
            points: Vec::new(),
            streams: HashMap::new(),
            bytes: 0,
            claims: Vec::new(),
            accepted: 0,
            lost: lost.clone(),
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.streams.len() >= STREAMS_MAX || self.bytes >= BYTES_MAX
    }

    /// Takes the points of metrics that wait: how many there were.
    pub(crate) fn take(&mut self, data: &Data, pass_through: PassThrough) -> usize {
        let (mut identifier, mut taken, mut is_new) = (Identifier::default(), 0, false);
        let heads = data.edit(Depth::Item, |place| {
            if place.depth() == Depth::Item && !waits(place, pass_through) {
                return Keep::Drop;
            }
            identifier.visit(place);
            if place.depth() < Depth::Item {
                return Keep::Enter;
            }
            let next = self.points.len();
            let metric = *self.metrics.entry(identifier.metric_id()).or_insert(next);
            if metric == next {
                self.points.push(Vec::new());
            }
            for point in place.points() {
                taken += 1;
                let (id, time) = (identifier.point(point, 0), point.time_unix_nano());
                self.put(id, metric, time, point.encoded());
            }
            if metric < next {
                return Keep::Drop;
            }
            is_new = true;
            let _ = place.set_messages(Field::METRIC_POINTS, &[]);
            Keep::Whole
        });
        if is_new {
            self.bytes += heads.bytes();
            self.heads.push(heads);
        }
        taken
    }

    /// Keeps the point unless there is one that is as new.
    fn put(&mut self, id: StreamId, metric: usize, time: u64, body: &[u8]) {
        let Some(points) = self.points.get_mut(metric) else { return };
        match self.streams.entry(id) {
            Entry::Vacant(it) => {
                it.insert(Last { metric, at: points.len(), time });
                points.push(body.into());
                self.bytes += body.len();
            }
            Entry::Occupied(mut it) if it.get().time < time => {
                let last = it.get_mut();
                debug_assert_eq!(last.metric, metric, "a stream is of one metric");
                last.time = time;
                if let Some(old) = points.get_mut(last.at) {
                    self.bytes = self.bytes.saturating_sub(old.len()) + body.len();
                    *old = body.into();
                }
            }
            Entry::Occupied(_) => {}
        }
    }

    /// How many points would be lost.
    pub(crate) fn losable(&self) -> usize {
        self.accepted.min(self.streams.len())
    }

    /// What became of it.
    pub(crate) fn answer(mut self, result: &Result<(), ConsumeError>) {
        self.accepted = 0;
        self.claims.drain(..).for_each(|it| it.answer(result));
    }

    /// All that waits, as one payload.
    pub(crate) fn data(&mut self) -> Option<Data> {
        let heads = Data::concat(std::mem::take(&mut self.heads))?;
        let mut points = std::mem::take(&mut self.points).into_iter();
        let data = heads.edit(Depth::Item, |place| {
            if place.depth() < Depth::Item {
                return Keep::Enter;
            }
            let bodies = points.next().unwrap_or_default();
            let bodies: Vec<&[u8]> = bodies.iter().map(|it| &**it).collect();
            let _ = place.set_messages(Field::METRIC_POINTS, &bodies);
            Keep::Whole
        });
        Some(data.merge(|place| match place.depth() {
            Depth::Resource => place.resource().encoded().to_vec(),
            _ => place.scope().encoded().to_vec(),
        }))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let lost = self.losable();
        if lost > 0 {
            self.lost.add(lost as u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use component::{LostReason, Meter};

    use super::*;

    #[test]
    fn what_is_around_the_points_counts_towards_the_limit() {
        const NAME_BYTES: usize = 1000;
        let mut held = Held::new(&LostReason::ShutdownDeadline.counter(&Meter::default()));
        let mut builder = pdata::MetricsBuilder::new();
        builder.metric(|it| {
            it.name(&"n".repeat(NAME_BYTES));
            it.gauge(|it| it.point(|it| it.int(1)));
        });
        held.take(&builder.finish().into(), PassThrough::default());
        assert!(held.bytes > NAME_BYTES, "{}", held.bytes);
    }
}
