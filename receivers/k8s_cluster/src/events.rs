//! Entity events: log records that say what an entity is now, or that it is no more. `pkg/experimentalmetricmetadata`, v0.149.

use std::sync::Arc;
use std::time::Duration;

use component::{Context, Data, Outputs, Received, clock};
use pdata::LogsBuilder;
use tokio::time::Instant;

use crate::cluster::{Changes, Cluster, Pending};
use crate::entities::{self, Entity};
use crate::kinds::{Identity, Kind};

/// Most records of one payload.
const RECORDS_MAX: usize = 500;
/// What the pipelines refuse for now is tried again after this time.
const AGAIN: Duration = Duration::from_secs(5);

/// Sends events.
pub(crate) struct Events {
    pub(crate) cluster: Arc<Cluster>,
    /// How often everything is told again; zero is never.
    pub(crate) interval: Duration,
    pub(crate) out: Outputs,
    pub(crate) received: Received,
}

impl Events {
    /// Until it is dropped.
    pub(crate) async fn run(self, changes: &Changes) {
        let mut round = Instant::now() + self.interval;
        loop {
            if self.interval.is_zero() {
                changes.news.notified().await;
            } else if tokio::time::timeout_at(round, changes.news.notified()).await.is_err() {
                round = Instant::now() + self.interval;
                Kind::ENTITIES
                    .iter()
                    .for_each(|kind| changes.again(*kind, self.cluster.uids(*kind)));
            }
            self.send(changes.take()).await;
        }
    }

    async fn send(&self, pending: Pending) {
        let mut payload = Payload::new(self.interval);
        for identity in &pending.deleted {
            payload.deleted(identity);
            if payload.records >= RECORDS_MAX {
                self.deliver(payload.finish()).await;
            }
        }
        for (kind, uid) in &pending.changed {
            entities::of(&self.cluster, *kind, uid).iter().for_each(|it| payload.state(it));
            if payload.records >= RECORDS_MAX {
                self.deliver(payload.finish()).await;
            }
        }
        if payload.records > 0 {
            self.deliver(payload.finish()).await;
        }
    }

    /// Hands it to the pipelines; what they refuse for now is tried again, and what changes meanwhile waits.
    async fn deliver(&self, data: Data) {
        loop {
            let sent = self.received.consume(&self.out, &Context::default(), data.clone()).await;
            match sent {
                Err(error) if !error.is_permanent() => {
                    tokio::time::sleep(error.retry_after().unwrap_or(AGAIN)).await;
                }
                Err(error) => {
                    return tracing::error!(%error, "Error sending entity events to the consumer");
                }
                Ok(()) => return,
            }
        }
    }
}

/// Records that are sent together.
struct Payload {
    builder: LogsBuilder,
    records: usize,
    interval: Duration,
}

impl Payload {
    fn new(interval: Duration) -> Self {
        Self { builder: LogsBuilder::new(), records: 0, interval }
    }

    fn finish(&mut self) -> Data {
        self.records = 0;
        self.builder.finish().into()
    }

    fn record(&mut self, identity: &Identity, event: &str, entity: Option<&Entity>) {
        if self.records == 0 {
            self.builder.resource(|_| {});
            self.builder.scope_with("", "", |out| out.put("otel.entity.event_as_log", true));
        }
        self.records += 1;
        let millis = i64::try_from(self.interval.as_millis()).unwrap_or(i64::MAX);
        self.builder.record(|record| {
            record.time_unix_nano(clock::unix_nanos());
            record.attributes(|out| {
                out.map("otel.entity.id", |out| out.put(identity.key, &identity.id));
                out.put("otel.entity.event.type", event);
                out.put("otel.entity.type", identity.kind);
                let Some(entity) = entity else { return };
                if millis > 0 {
                    out.put("otel.entity.interval", millis);
                }
                out.map("otel.entity.attributes", |out| {
                    entity.attributes.iter().for_each(|(key, value)| out.put(key, value));
                });
            });
        });
    }

    fn state(&mut self, entity: &Entity) {
        self.record(&entity.identity, "entity_state", Some(entity));
    }

    fn deleted(&mut self, identity: &Identity) {
        self.record(identity, "entity_delete", None);
    }
}
