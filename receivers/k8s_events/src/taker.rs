//! Which events are told.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use component::async_trait;
use component::config::Duration as Time;
use kube::{Change, Delivery, Happened, Positions, Taker};
use pdata::LogsBuilder;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::record::Event;

/// Most events whose repetitions are remembered.
const EVENTS_MAX: usize = 10_000;

/// Makes records of events, and delivers them.
pub(crate) struct Records<'a> {
    pub(crate) key: String,
    /// Events that happened before, in nanoseconds since 1970, are not told.
    pub(crate) since: u64,
    pub(crate) throttle: Throttle,
    pub(crate) positions: &'a Positions,
    pub(crate) delivery: &'a Delivery,
    pub(crate) version: &'a str,
    pub(crate) stopping: &'a CancellationToken,
}

#[async_trait]
impl Taker for Records<'_> {
    async fn take(&self, happened: Vec<Happened>) -> bool {
        let mut builder = LogsBuilder::new();
        // An event that is deleted was told when it happened.
        for it in happened.iter().filter(|it| it.change != Change::Deleted) {
            match serde_json::from_slice::<Event>(&it.object) {
                Ok(event) if self.wants(it.change, &event) => {
                    event.record(self.version, &mut builder);
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "an event cannot be read, and is not told"),
            }
        }
        if builder.items() == 0 {
            return true;
        }
        drop(happened);
        self.delivery.deliver(builder.finish().into(), self.stopping).await
    }

    fn reached(&self, version: &str) {
        self.positions.set(&self.key, version, true);
    }
}

impl Records<'_> {
    fn wants(&self, change: Change, event: &Event) -> bool {
        self.since <= event.last() && self.throttle.allows(change, &event.metadata.uid)
    }
}

/// Holds back repetitions of events.
#[derive(Default)]
pub(crate) struct Throttle {
    /// `None` holds back nothing.
    limit: Option<Limit>,
}

struct Limit {
    /// `None` holds back all of them.
    interval: Option<Duration>,
    /// When events were told last, by uid.
    told: Mutex<HashMap<String, Instant>>,
}

impl Throttle {
    pub(crate) fn new(interval: Time) -> Self {
        let limit = (interval != Time::ZERO).then(|| Limit {
            interval: (!interval.is_negative()).then(|| interval.std()),
            told: Mutex::default(),
        });
        Self { limit }
    }

    fn allows(&self, change: Change, uid: &str) -> bool {
        let Some(limit) = &self.limit else { return true };
        let Some(interval) = limit.interval else { return change != Change::Modified };
        let mut told = limit.told.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let is_soon = told.get(uid).is_some_and(|it| now < *it + interval);
        if change == Change::Modified && is_soon {
            return false;
        }
        if told.len() >= EVENTS_MAX {
            told.retain(|_, it| now < *it + interval);
        }
        if told.len() < EVENTS_MAX {
            told.insert(uid.to_owned(), now);
        }
        true
    }
}
