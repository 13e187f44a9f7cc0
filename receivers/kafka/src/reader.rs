//! One generation of a group: partitions are fetched, handed to the pipelines, and remembered when these have delivered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use component::meter::{Descriptor, Level, OURS};
use component::{Backoff, Context, LostReason, Meter, Outputs, Received, RetryConfig, Signal};
use kafka::{Cluster, Error, Fetch, Fetched, Group, Membership, Place, Start};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::decode::{Chunk, Decoder};

/// Time for data that is under way when the group comes together anew: what is delivered meanwhile is not read twice.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// Wait before a partition is fetched again that could not be.
const FETCH_PAUSE: Duration = Duration::from_millis(250);
/// Offset that is not there any more, and a leader that is another one now.
const OUT_OF_RANGE: i16 = 1;

const DROPPED: Descriptor = Descriptor {
    scope: OURS,
    level: Level::Basic,
    name: "sluice_receiver_dropped_records",
    unit: "{record}",
    description: "Records of Kafka that could not be read, by reason.",
};

/// What does not change from one generation to the next.
pub(crate) struct Shared {
    pub(crate) receiver: String,
    pub(crate) meter: Meter,
    pub(crate) out: Outputs,
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) group: Group,
    pub(crate) fetch: Fetch,
    pub(crate) start: Start,
    pub(crate) retry: RetryConfig,
    pub(crate) heartbeat: Duration,
    pub(crate) commit: Duration,
    pub(crate) stopping: CancellationToken,
}

/// Where a partition is.
#[derive(Debug, Clone, Copy)]
struct Position {
    /// Offset that is fetched next.
    next: i64,
    /// Everything before it has been delivered.
    done: i64,
    /// What the group remembers; -1 is nothing of use.
    committed: i64,
    is_busy: bool,
}

impl Position {
    fn begin(next: i64, committed: Option<i64>) -> Self {
        Self { next, done: next, committed: committed.unwrap_or(-1), is_busy: false }
    }

    fn advance(&mut self, next: i64) {
        self.next = self.next.max(next);
        self.done = self.done.max(next);
    }

    /// The partition is another one than it was: what the group remembers of it means nothing any more.
    fn restart(&mut self, at: i64) {
        (self.next, self.done, self.committed) = (at, at, -1);
    }

    /// The offset that the group does not remember yet.
    fn open(&self) -> Option<i64> {
        (self.done > self.committed).then_some(self.done)
    }

    /// The group remembers an offset; one of before a restart is of no use.
    fn remembered(&mut self, offset: i64) {
        if self.done >= offset {
            self.committed = offset;
        }
    }
}

enum Event {
    Fetched(i32, Vec<Place>, Result<Vec<Fetched>, Error>),
    /// All of a fetch has been delivered.
    Handled(Place),
    /// A partition that could not be fetched has rested.
    Rested(Place),
    Committed,
    /// The member is not one any more, or the group comes together anew.
    Left(Error),
}

/// A generation.
pub(crate) struct Reader {
    shared: Arc<Shared>,
    membership: Membership,
    decoders: BTreeMap<Arc<str>, Vec<Decoder>>,
    positions: Mutex<BTreeMap<Place, Position>>,
}

impl Reader {
    /// For the partitions that were dealt.
    ///
    /// # Errors
    /// The brokers do not say where the group was.
    pub(crate) async fn new(
        shared: Arc<Shared>,
        membership: Membership,
        places: Vec<Place>,
        decoders: BTreeMap<Arc<str>, Vec<Decoder>>,
    ) -> Result<Self, Error> {
        let topics: BTreeSet<Arc<str>> = places.iter().map(|it| Arc::clone(&it.topic)).collect();
        for topic in topics {
            shared.cluster.partitions(&topic, false).await?;
        }
        let known = shared.group.committed(&places).await?;
        let mut positions = BTreeMap::new();
        for place in places {
            let committed = known.get(&place).copied();
            let next = match committed {
                Some(offset) => offset,
                None => shared.start.offset(&shared.cluster, &place).await?,
            };
            positions.insert(place, Position::begin(next, committed));
        }
        Ok(Self { shared, membership, decoders, positions: Mutex::new(positions) })
    }

    fn positions(&self) -> MutexGuard<'_, BTreeMap<Place, Position>> {
        self.positions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads until the group comes together anew, or the receiver stops. Gives why.
    pub(crate) async fn run(self: Arc<Self>) -> Option<Error> {
        let mut tasks: JoinSet<Event> = JoinSet::new();
        tasks.spawn(Arc::clone(&self).beat());
        let mut commits = interval(self.shared.commit.max(Duration::from_millis(10)));
        let (mut asked, mut is_committing) = (BTreeSet::new(), false);
        let why = loop {
            self.ask(&mut asked, &mut tasks);
            let event = tokio::select! {
                () = self.shared.stopping.cancelled() => break None,
                _ = commits.tick(), if !is_committing => {
                    is_committing = true;
                    tasks.spawn(Arc::clone(&self).remember());
                    continue;
                }
                event = tasks.join_next() => event,
            };
            match event {
                Some(Ok(Event::Fetched(leader, places, answer))) => {
                    asked.remove(&leader);
                    self.fetched(places, answer, &mut tasks);
                }
                Some(Ok(Event::Handled(place) | Event::Rested(place))) => self.rest(&place),
                Some(Ok(Event::Committed)) => is_committing = false,
                Some(Ok(Event::Left(why))) => break Some(why),
                // A task that panicked: what it had is read again.
                Some(Err(error)) => break Some(Error::Connection(error.to_string())),
                None => break None,
            }
        };
        self.drain(tasks).await;
        why
    }

    fn rest(&self, place: &Place) {
        if let Some(position) = self.positions().get_mut(place) {
            position.is_busy = false;
        }
    }

    /// Asks each leader that has partitions of which nothing is under way, and is not asked already.
    fn ask(self: &Arc<Self>, asked: &mut BTreeSet<i32>, tasks: &mut JoinSet<Event>) {
        let mut wanted: BTreeMap<i32, Vec<(Place, i64)>> = BTreeMap::new();
        let mut lost = Vec::new();
        let mut positions = self.positions();
        for (place, position) in positions.iter_mut().filter(|it| !it.1.is_busy) {
            match self.shared.cluster.leader_of(place) {
                Some(leader) if asked.contains(&leader) => {}
                Some(leader) => {
                    position.is_busy = true;
                    wanted.entry(leader).or_default().push((place.clone(), position.next));
                }
                None => {
                    position.is_busy = true;
                    lost.push(place.clone());
                }
            }
        }
        drop(positions);
        for place in lost {
            tasks.spawn(Arc::clone(self).look_again(place));
        }
        for (leader, partitions) in wanted {
            asked.insert(leader);
            let this = Arc::clone(self);
            tasks.spawn(async move {
                let shared = &this.shared;
                let answer = shared.fetch.ask(&shared.cluster, leader, &partitions).await;
                let places = partitions.into_iter().map(|it| it.0).collect();
                Event::Fetched(leader, places, answer)
            });
        }
    }

    /// Waits, and finds out who leads the partition.
    async fn look_again(self: Arc<Self>, place: Place) -> Event {
        sleep(FETCH_PAUSE).await;
        self.shared.cluster.doubt(&place.topic);
        if let Err(error) = self.shared.cluster.partitions(&place.topic, false).await {
            warn!(%error, topic = &*place.topic, "cannot find out who leads the partitions of a topic");
        }
        Event::Rested(place)
    }

    fn fetched(
        self: &Arc<Self>,
        places: Vec<Place>,
        answer: Result<Vec<Fetched>, Error>,
        tasks: &mut JoinSet<Event>,
    ) {
        let mut rest: BTreeSet<Place> = places.into_iter().collect();
        for it in answer.unwrap_or_else(|error| {
            warn!(%error, "cannot fetch from a broker");
            Vec::new()
        }) {
            if !rest.remove(&it.place) {
                continue;
            }
            if let Some(error) = &it.error {
                let (error, place) = (error.clone(), it.place);
                tasks.spawn(Arc::clone(self).recover(place, error));
            } else if it.records.is_empty() && it.broken.is_empty() {
                self.advance(&it.place, it.next);
                self.rest(&it.place);
            } else {
                tasks.spawn(Arc::clone(self).handle(it));
            }
        }
        for place in rest {
            tasks.spawn(Arc::clone(self).look_again(place));
        }
    }

    /// What is not there any more is told of, and the partition goes on where it can.
    async fn recover(self: Arc<Self>, place: Place, error: Error) -> Event {
        let (topic, partition) = (&*place.topic, place.partition);
        if error == Error::Broker(OUT_OF_RANGE) {
            let first = Start::Earliest.offset(&self.shared.cluster, &place).await;
            let next = self.positions().get(&place).map_or(0, |it| it.next);
            match first {
                Ok(first) if first > next => {
                    let gone = (first - next).unsigned_abs();
                    warn!(topic, partition, gone, "records were deleted before they were read");
                    self.count("deleted_unread", gone);
                    LostReason::RetentionExceeded.counter(&self.shared.meter).add(gone);
                    self.advance(&place, first);
                }
                Ok(_) => {
                    // The partition was made anew, and is shorter than it was.
                    if let Ok(at) = self.shared.start.offset(&self.shared.cluster, &place).await {
                        warn!(
                            topic,
                            partition,
                            from = at,
                            "the offset is beyond the end of the partition"
                        );
                        if let Some(position) = self.positions().get_mut(&place) {
                            position.restart(at);
                        }
                    }
                }
                Err(error) => warn!(%error, topic, partition, "cannot find the first offset"),
            }
            sleep(FETCH_PAUSE).await;
            return Event::Rested(place);
        }
        if error.may_pass() {
            tracing::debug!(%error, topic, partition, "a partition cannot be fetched for now");
        } else {
            warn!(%error, topic, partition, "a partition cannot be fetched");
        }
        self.look_again(place).await
    }

    fn advance(&self, place: &Place, next: i64) {
        if let Some(position) = self.positions().get_mut(place) {
            position.advance(next);
        }
    }

    fn count(&self, reason: &'static str, records: u64) {
        let labels = [("receiver", self.shared.receiver.as_str()), ("reason", reason)];
        self.shared.meter.counter(DROPPED, &labels).add(records);
    }

    /// Hands records to the pipelines, until these have delivered them.
    async fn handle(self: Arc<Self>, it: Fetched) -> Event {
        let (topic, partition) = (Arc::clone(&it.place.topic), it.place.partition);
        for broken in &it.broken {
            let (from, to) = broken.offsets;
            warn!(error = %broken.why, topic = &*topic, partition, from, to, "records cannot be read");
            let records = (to - from).unsigned_abs();
            self.count("unreadable", records);
            LostReason::CorruptRecord.counter(&self.shared.meter).add(records);
        }
        let decoders = self.decoders.get(&topic).map(Vec::as_slice).unwrap_or_default();
        for (at, decoder) in decoders.iter().enumerate() {
            let is_last = at + 1 == decoders.len();
            let (chunks, wrong) = decoder.chunks(&it.records);
            if let Some(first) = wrong.first() {
                warn!(
                    error = first,
                    records = wrong.len(),
                    topic = &*topic,
                    partition,
                    "records are not what encoding says"
                );
                self.count("malformed", wrong.len() as u64);
                LostReason::CorruptRecord.counter(&self.shared.meter).add(wrong.len() as u64);
            }
            for chunk in chunks {
                let next = chunk.next;
                if !self.deliver(decoder.signal, chunk).await {
                    // Stopped: it is read again.
                    return std::future::pending().await;
                }
                if is_last {
                    self.advance(&it.place, next);
                }
            }
        }
        self.advance(&it.place, it.next);
        Event::Handled(it.place)
    }

    /// Again and again where another attempt can help; false when the receiver stops.
    async fn deliver(&self, signal: Signal, chunk: Chunk) -> bool {
        let Some(data) = chunk.data else { return true };
        let shared = &self.shared;
        let received = Received::new(&shared.meter, &shared.receiver, "kafka", signal);
        // Nothing more of the partition comes before the answer.
        let ctx = Context { flush: true, ..Context::delivered() };
        let mut backoff = Backoff::new(&shared.retry);
        loop {
            let answer = received.consume(&shared.out, &ctx, data.clone()).await;
            match answer {
                Ok(()) => return true,
                Err(error) if error.is_permanent() => {
                    warn!(%error, items = data.items(), "the pipelines refuse data for good");
                    LostReason::RejectedByBackend.counter(&shared.meter).add(data.items() as u64);
                    return true;
                }
                Err(error) => {
                    let asked = error.retry_after();
                    let wait = backoff.next(Duration::ZERO, asked, fastrand::f64());
                    tokio::select! {
                        () = shared.stopping.cancelled() => return false,
                        () = sleep(wait.unwrap_or_default()) => {}
                    }
                }
            }
        }
    }

    /// Says that we are there, until the group does not want to hear it.
    async fn beat(self: Arc<Self>) -> Event {
        let mut heard = Instant::now();
        loop {
            sleep(self.shared.heartbeat).await;
            match self.shared.group.heartbeat(&self.membership).await {
                Ok(()) => heard = Instant::now(),
                // 22, 25, 27: another generation.
                Err(why @ Error::Broker(22 | 25 | 27)) => return Event::Left(why),
                Err(error) => {
                    warn!(%error, silent = ?heard.elapsed(), "the group does not hear us");
                    self.shared.cluster.close();
                }
            }
        }
    }

    /// Remembers what has been delivered.
    async fn remember(self: Arc<Self>) -> Event {
        let offsets: Vec<(Place, i64)> = {
            let positions = self.positions();
            let open = |it: (&Place, &Position)| Some((it.0.clone(), it.1.open()?));
            positions.iter().filter_map(open).collect()
        };
        if offsets.is_empty() {
            return Event::Committed;
        }
        match self.shared.group.commit(&self.membership, &offsets).await {
            Ok(()) => {
                let mut positions = self.positions();
                for (place, offset) in offsets {
                    if let Some(position) = positions.get_mut(&place) {
                        position.remembered(offset);
                    }
                }
                Event::Committed
            }
            Err(why @ Error::Broker(22 | 25)) => Event::Left(why),
            Err(error) => {
                warn!(%error, "offsets could not be remembered; they are tried again");
                Event::Committed
            }
        }
    }

    /// What is under way may end; then what was delivered is remembered.
    async fn drain(self: Arc<Self>, mut tasks: JoinSet<Event>) {
        let busy =
            |this: &Self| this.positions().values().any(|it| it.is_busy && it.next > it.committed);
        if busy(&self) && !self.shared.stopping.is_cancelled() {
            let end = async {
                let mut handled = 0;
                while let Some(event) = tasks.join_next().await {
                    if let Ok(Event::Handled(place)) = event {
                        self.rest(&place);
                        handled += 1;
                        if !busy(&self) {
                            break;
                        }
                    }
                }
                handled
            };
            let handled = timeout(DRAIN_TIMEOUT, end).await;
            info!(?handled, "the group comes together anew");
        }
        tasks.abort_all();
        let _ = timeout(DRAIN_TIMEOUT, Arc::clone(&self).remember()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_that_was_made_anew_is_remembered_from_its_new_beginning_on() {
        let mut position = Position::begin(1000, Some(1000));
        position.advance(1010);
        assert_eq!(position.open(), Some(1010));
        // The answer of the group comes when the partition is another one already.
        position.restart(0);
        position.remembered(1010);
        position.advance(5);
        assert_eq!(position.open(), Some(5));
        position.remembered(5);
        assert_eq!(position.open(), None);
    }
}
