//! Converts the points of a payload.

use std::sync::Mutex;

use pdata::{Data, Depth, Field, Keep, Place, Value};
use points::{Measured, NO_RECORDED_VALUE, NotGrown, set, unsigned};
use streams::{DELTA, Entry, Identifier, StreamId, Streams, accumulates, lock};
use tokio::time::Instant;

use crate::{InitialValue, Plan};

/// What is remembered in a pipeline.
#[derive(Debug)]
pub(crate) struct Memory {
    /// When this began, nanoseconds since 1970.
    pub(crate) since: u64,
    pub(crate) streams: Mutex<Streams<Last>>,
}

/// The last value of a stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Last {
    time: u64,
    value: Measured,
}

/// A stream, when its new value was measured, and what was known of it before.
pub(crate) type Before = (StreamId, u64, Option<Last>);

/// Points that were dropped, by reason.
#[derive(Debug, Default)]
pub(crate) struct Drops {
    first: u64,
    reset: u64,
    no_value: u64,
    full: u64,
    pub(crate) other_buckets: u64,
}

impl Drops {
    pub(crate) fn counts(&self) -> [(&'static str, u64); 5] {
        [
            ("initial_value", self.first),
            ("reset", self.reset),
            ("no_recorded_value", self.no_value),
            ("streams_limit", self.full),
            ("other_buckets", self.other_buckets),
        ]
    }
}

impl Memory {
    /// Knows again what was known before a payload that was refused, but of streams that have gone on since.
    pub(crate) fn restore(&self, before: Vec<Before>) {
        let mut streams = lock(&self.streams);
        // A stream with two points has the older state first.
        for (id, time, last) in before.into_iter().rev() {
            let Some(now) = streams.get_mut(id).filter(|it| it.time == time) else { continue };
            match last {
                Some(last) => *now = last,
                None => streams.remove(id),
            }
        }
    }
}

/// The payload with deltas, what has to be known again if it is refused, and what was dropped.
pub(crate) fn convert(plan: &Plan, memory: &Memory, data: &Data) -> (Data, Vec<Before>, Drops) {
    let mut pass = Pass {
        plan,
        since: memory.since,
        streams: &mut lock(&memory.streams),
        identifier: Identifier::default(),
        now: Instant::now(),
        before: Vec::new(),
        drops: Drops::default(),
    };
    let converted = data.edit(Depth::Child, |place| pass.visit(place));
    (converted, pass.before, pass.drops)
}

struct Pass<'a> {
    plan: &'a Plan,
    since: u64,
    streams: &'a mut Streams<Last>,
    identifier: Identifier,
    now: Instant,
    before: Vec<Before>,
    drops: Drops,
}

impl Plan {
    fn means(&self, place: &Place<'_>) -> bool {
        let kind = place.metric_kind();
        accumulates(place)
            && (self.included.is_empty() || self.included.contains(&kind))
            && !self.excluded.contains(&kind)
            && (self.names.is_all()
                || (self.names.of_resource(place.resource()))
                    .and_then(|it| it.of_scope(place.scope()))
                    .is_some_and(|it| it.item(place)))
    }
}

impl Pass<'_> {
    fn visit(&mut self, place: &mut Place<'_>) -> Keep {
        match place.depth() {
            Depth::Child => return self.point(place),
            Depth::Item if !self.plan.means(place) => return Keep::Whole,
            Depth::Item => {
                self.identifier.visit(place);
                let _ = place.set(Field::METRIC_TEMPORALITY, &[], Value::Int(DELTA));
            }
            _ => self.identifier.visit(place),
        }
        Keep::Enter
    }

    fn point(&mut self, place: &mut Place<'_>) -> Keep {
        let Some(point) = place.point() else { return Keep::Whole };
        if point.flags() & NO_RECORDED_VALUE != 0 {
            self.drops.no_value += 1;
            return Keep::Drop;
        }
        let Some(value) = Measured::of(point) else { return Keep::Whole };
        let start = point.start_time_unix_nano();
        // A source that begins anew is another stream, and so is one that sends the other kind of numbers.
        let kind = u128::from(matches!(value, Measured::Double(_)));
        let id = self.identifier.point(point, u128::from(start) << 1 | kind);
        let last = Last { time: point.time_unix_nano(), value };
        let Some((start, grown)) = self.grown(id, start, last) else { return Keep::Drop };
        set(place, Field::POINT_START_TIME, unsigned(start));
        grown.write(place);
        // The smallest and the largest value since the last point are not known.
        let _ = place.remove(Field::POINT_MIN, &[]);
        let _ = place.remove(Field::POINT_MAX, &[]);
        Keep::Whole
    }

    /// What a stream has grown by, and since when.
    fn grown(&mut self, id: StreamId, start: u64, mut new: Last) -> Option<(u64, Measured)> {
        let time = new.time;
        match self.streams.entry(id, self.now) {
            Entry::Full => {
                self.drops.full += 1;
                None
            }
            Entry::New(entry) => {
                let value = new.value.clone();
                entry.insert(new);
                self.before.push((id, time, None));
                match self.plan.initial_value {
                    InitialValue::Keep => Some((0, value)),
                    InitialValue::Auto if start >= self.since && start != time => {
                        Some((start, value))
                    }
                    _ => {
                        self.drops.first += 1;
                        None
                    }
                }
            }
            Entry::Known(last) => {
                let mut grown = new.value.since(&last.value);
                // Of a histogram that has begun anew all of it came since.
                if grown == Err(NotGrown::Reset) && matches!(new.value, Measured::Histogram(_)) {
                    grown = Ok(new.value.clone());
                }
                let before = std::mem::replace(last, new);
                let start = before.time;
                self.before.push((id, time, Some(before)));
                match grown {
                    Ok(grown) => return Some((start, grown)),
                    Err(NotGrown::Reset) => self.drops.reset += 1,
                    Err(NotGrown::OtherBuckets) => self.drops.other_buckets += 1,
                }
                None
            }
        }
    }
}
