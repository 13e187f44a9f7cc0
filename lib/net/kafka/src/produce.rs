//! Records for topics: dealt to partitions, packed, sent to who leads them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use compression::Params;
use tokio::sync::{Mutex, MutexGuard};

use crate::cluster::{Cluster, Place, Use};
use crate::connection::PRODUCE;
use crate::error::Error;
use crate::partition::Hasher;
use crate::records::{Codec, Header, Record, encode};
use crate::wire::{Reader, Writer};

/// Of a record beside its value, key and headers, in bytes.
const AROUND_RECORD_BYTES: usize = 64;
/// Longest wait for an answer beyond what the brokers are given.
const GRACE: Duration = Duration::from_secs(5);

/// A record for a topic.
#[derive(Debug, Clone)]
pub struct Message {
    /// Where it goes.
    pub topic: Arc<str>,
    /// Messages with the same key stay in order.
    pub key: Option<Bytes>,
    /// What it is about.
    pub value: Bytes,
    /// Beside it.
    pub headers: Arc<[Header]>,
    /// Spans, data points or log records in it.
    pub items: usize,
}

/// Who has to have a record before it counts as sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Acks {
    /// Nobody.
    None,
    /// Who leads the partition.
    #[default]
    Leader,
    /// All replicas in sync.
    All,
}

/// How records are sent.
pub struct Producer {
    /// Where to.
    pub cluster: Arc<Cluster>,
    /// Who has to have them.
    pub acks: Acks,
    /// How batches are packed.
    pub codec: Codec,
    /// How hard.
    pub params: Params,
    /// How keys become partitions.
    pub hasher: Hasher,
    /// Of a batch before it is packed, in bytes.
    pub batch_bytes_max: usize,
    /// What brokers are given to have it.
    pub timeout: Duration,
    /// Topics that are not there may be made.
    pub create_topics: bool,
    /// Records with the same key go to the same partition.
    pub keys_count: bool,
    /// Where records without a key go next.
    turn: AtomicUsize,
    order: Mutex<()>,
}

/// Records of one partition, ready to be sent.
pub struct Packed {
    place: Place,
    bytes: Vec<u8>,
    /// Spans, data points or log records in it.
    pub items: usize,
}

impl Producer {
    /// With the usual choices.
    pub fn new(cluster: Arc<Cluster>) -> Self {
        Self {
            cluster,
            acks: Acks::default(),
            codec: Codec::default(),
            params: Params::default(),
            hasher: Hasher::default(),
            batch_bytes_max: 1_000_000,
            timeout: Duration::from_secs(5),
            create_topics: true,
            keys_count: true,
            turn: AtomicUsize::new(0),
            order: Mutex::const_new(()),
        }
    }

    /// Whoever has this sends, in the order in which it was asked for.
    pub async fn turn(&self) -> MutexGuard<'_, ()> {
        self.order.lock().await
    }

    /// Deals messages to partitions, and packs them. `now` are milliseconds since 1970.
    ///
    /// # Errors
    /// The cluster cannot be asked for its partitions; a message is too large for a batch.
    pub async fn pack(&self, messages: &[Message], now: i64) -> Result<Vec<Packed>, Error> {
        let mut counts: HashMap<Arc<str>, Vec<i32>> = HashMap::new();
        for topic in messages.iter().map(|it| &it.topic).collect::<BTreeSet<_>>() {
            let found = self.cluster.partitions(topic, self.create_topics).await?;
            if found.is_empty() {
                return Err(Error::Broker(5));
            }
            counts.insert(Arc::clone(topic), found.into_iter().map(|it| it.0).collect());
        }
        let turn = self.turn.fetch_add(1, Relaxed);
        let mut open: BTreeMap<Place, (Vec<Record>, usize, usize)> = BTreeMap::new();
        let mut packed = Vec::new();
        for message in messages {
            let partitions = counts.get(&message.topic).map(Vec::as_slice).unwrap_or_default();
            let at = match &message.key {
                Some(key) if self.keys_count => self.hasher.partition(key, partitions.len()),
                _ => turn % partitions.len().max(1),
            };
            let Some(partition) = partitions.get(at).copied() else { continue };
            let headers: usize =
                message.headers.iter().map(|it| it.key.len() + it.value.len() + 8).sum();
            let key = message.key.as_ref().map_or(0, Bytes::len);
            let bytes = message.value.len() + key + headers + AROUND_RECORD_BYTES;
            if bytes > self.batch_bytes_max {
                return Err(Error::Broker(10));
            }
            let place = Place { topic: Arc::clone(&message.topic), partition };
            let (records, used, items) = open.entry(place.clone()).or_default();
            if *used + bytes > self.batch_bytes_max {
                let full = std::mem::take(records);
                packed.push(self.packed(place, &full, std::mem::take(items))?);
                *used = 0;
            }
            *used += bytes;
            *items += message.items;
            records.push(Record {
                offset: 0,
                timestamp: now,
                key: message.key.clone(),
                value: message.value.clone(),
                headers: Arc::clone(&message.headers),
            });
        }
        for (place, (records, _, items)) in open {
            packed.push(self.packed(place, &records, items)?);
        }
        Ok(packed)
    }

    fn packed(&self, place: Place, records: &[Record], items: usize) -> Result<Packed, Error> {
        Ok(Packed { place, bytes: encode(records, self.codec, self.params)?, items })
    }

    /// Sends what is packed, and takes out what has arrived. What stays is of partitions that did not take it, in order.
    ///
    /// # Errors
    /// Why something stays.
    pub async fn send(&self, all: &mut Vec<Packed>) -> Result<(), Error> {
        let mut failed = self.look_up(all).await?;
        loop {
            // One batch of each partition, the first one.
            let mut round: BTreeMap<i32, Vec<usize>> = BTreeMap::new();
            let mut taken: BTreeSet<&Place> = BTreeSet::new();
            let mut doubtful = Vec::new();
            for (at, it) in all.iter().enumerate() {
                if failed.contains_key(&it.place) || !taken.insert(&it.place) {
                    continue;
                }
                match self.cluster.leader_of(&it.place) {
                    Some(leader) => round.entry(leader).or_default().push(at),
                    None => doubtful.push(it.place.clone()),
                }
            }
            for place in doubtful {
                self.cluster.doubt(&place.topic);
                failed.insert(place, Error::Broker(5));
            }
            if round.is_empty() {
                break;
            }
            let mut arrived = BTreeSet::new();
            for (leader, batches) in round {
                let answer = self.send_to(leader, all, &batches).await;
                for at in batches {
                    let Some(it) = all.get(at) else { continue };
                    let result = match &answer {
                        Err(why) => Err(why.clone()),
                        Ok(codes) => match codes.get(&it.place) {
                            Some(code) => Error::check(*code),
                            None => Err(Error::Malformed("it does not have the partition")),
                        },
                    };
                    match result {
                        Ok(()) => drop(arrived.insert(at)),
                        Err(why) => {
                            self.cluster.doubt(&it.place.topic);
                            failed.insert(it.place.clone(), why);
                        }
                    }
                }
            }
            let mut at = 0;
            all.retain(|_| {
                at += 1;
                !arrived.contains(&(at - 1))
            });
        }
        // What does not pass is told of first.
        let mut errors: Vec<Error> = failed.into_values().collect();
        errors.sort_by_key(Error::may_pass);
        errors.into_iter().next().map_or(Ok(()), Err)
    }

    /// Who leads the partitions by now: it may be somebody else than at the last attempt. What it gives are partitions of
    /// topics of which nothing can be found out.
    async fn look_up(&self, all: &[Packed]) -> Result<HashMap<Place, Error>, Error> {
        let mut failed = HashMap::new();
        for topic in all.iter().map(|it| &it.place.topic).collect::<BTreeSet<_>>() {
            match self.cluster.partitions(topic, self.create_topics).await {
                Ok(_) => {}
                // There is nobody to send to.
                Err(why @ (Error::Connection(_) | Error::Login(_))) => return Err(why),
                Err(why) => {
                    let places = all.iter().map(|it| &it.place).filter(|it| it.topic == *topic);
                    failed.extend(places.map(|it| (it.clone(), why.clone())));
                }
            }
        }
        Ok(failed)
    }

    async fn send_to(
        &self,
        leader: i32,
        all: &[Packed],
        batches: &[usize],
    ) -> Result<HashMap<Place, i16>, Error> {
        let acks = match self.acks {
            Acks::None => 0,
            Acks::Leader => 1,
            Acks::All => -1,
        };
        let mut topics: BTreeMap<&str, Vec<&Packed>> = BTreeMap::new();
        for it in batches.iter().filter_map(|at| all.get(*at)) {
            topics.entry(&it.place.topic).or_default().push(it);
        }
        let mut request = Writer::default();
        request.null_text().i16(acks).millis(self.timeout);
        request.list(topics.into_iter(), |out, (topic, batches)| {
            out.text(topic);
            out.list(batches.into_iter(), |out, it| {
                out.i32(it.place.partition).bytes(&it.bytes);
            });
        });
        if self.acks == Acks::None {
            self.cluster.tell(leader, (Use::Produce, PRODUCE), &request.out).await?;
            return Ok(batches
                .iter()
                .filter_map(|at| all.get(*at))
                .map(|it| (it.place.clone(), 0))
                .collect());
        }
        let wait = self.timeout + GRACE;
        let mut answer =
            self.cluster.ask(leader, (Use::Produce, PRODUCE), &request.out, wait).await?;
        let topics = answer.list(|it| {
            let topic: Arc<str> = it.text()?.into();
            it.list(|it: &mut Reader| {
                let (partition, code) = (it.i32()?, it.i16()?);
                it.i64()?;
                it.i64()?;
                it.i64()?;
                Ok((Place { topic: Arc::clone(&topic), partition }, code))
            })
        })?;
        Ok(topics.into_iter().flatten().collect())
    }
}
