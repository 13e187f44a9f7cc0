//! Records of partitions, from an offset on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use component::config::Choices;

use crate::cluster::{ANSWER_TIMEOUT, Cluster, Place, Use};
use crate::connection::{FETCH, LIST_OFFSETS};
use crate::error::Error;
use crate::records::{Aborted, Record, RecordError, decode};
use crate::wire::{Reader, Writer};

/// Beyond what the broker is allowed to wait.
const GRACE: Duration = Duration::from_secs(15);

/// Where to begin a partition of which nothing is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Start {
    /// With what comes.
    #[default]
    Latest,
    /// With the first record that is there.
    Earliest,
}

impl Choices for Start {
    const NAMES: &'static [(&'static str, Self)] =
        &[("latest", Self::Latest), ("earliest", Self::Earliest)];

    fn unknown(word: &str) -> String {
        format!("initial_offset should be one of 'latest' or 'earliest'. configured value {word}")
    }
}

/// How records are asked for.
#[derive(Debug, Clone)]
pub struct Fetch {
    /// The broker answers at once when it has this many bytes.
    pub bytes_min: i32,
    /// Bytes of an answer.
    pub bytes_max: i32,
    /// Bytes of a partition in an answer; a larger batch comes whole.
    pub partition_bytes_max: i32,
    /// Longest wait for `bytes_min`.
    pub wait: Duration,
}

/// What came of a partition.
#[derive(Debug)]
pub struct Fetched {
    /// The partition.
    pub place: Place,
    /// In order.
    pub records: Vec<Record>,
    /// The offset after them.
    pub next: i64,
    /// Batches that cannot be read.
    pub broken: Vec<RecordError>,
    /// Why there is nothing.
    pub error: Option<Error>,
}

impl Fetch {
    /// Asks the leader of some partitions for their records.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn ask(
        &self,
        cluster: &Cluster,
        leader: i32,
        wanted: &[(Place, i64)],
    ) -> Result<Vec<Fetched>, Error> {
        let mut topics: BTreeMap<&str, Vec<&(Place, i64)>> = BTreeMap::new();
        for it in wanted {
            topics.entry(&it.0.topic).or_default().push(it);
        }
        let mut request = Writer::default();
        request.i32(-1).millis(self.wait).i32(self.bytes_min);
        // Only what is committed of transactions; no session.
        request.i32(self.bytes_max).i8(1).i32(0).i32(-1);
        request.list(topics.into_iter(), |out, (topic, partitions)| {
            out.text(topic);
            out.list(partitions.into_iter(), |out, (place, offset)| {
                out.i32(place.partition).i32(-1).i64(*offset).i64(-1).i32(self.partition_bytes_max);
            });
        });
        request.i32(0);
        let wait = self.wait + GRACE;
        let mut answer = cluster.ask(leader, (Use::Fetch, FETCH), &request.out, wait).await?;
        answer.i32()?;
        Error::check(answer.i16()?)?;
        answer.i32()?;
        let from: BTreeMap<&Place, i64> = wanted.iter().map(|it| (&it.0, it.1)).collect();
        let topics = answer.list(|it| {
            let topic: Arc<str> = it.text()?.into();
            it.list(|it: &mut Reader| {
                let (partition, code) = (it.i32()?, it.i16()?);
                it.i64()?;
                it.i64()?;
                it.i64()?;
                let aborted = it.list(|it| Ok((it.i64()?, it.i64()?)))?;
                let bytes = it.bytes()?;
                let place = Place { topic: Arc::clone(&topic), partition };
                let from = from.get(&place).copied().unwrap_or_default();
                let (records, next, broken) = decode(bytes, from, Aborted::new(aborted));
                let error = Error::check(code).err();
                Ok(Fetched { place, records, next, broken, error })
            })
        })?;
        Ok(topics.into_iter().flatten().collect())
    }
}

impl Start {
    /// The offset that this means for a partition.
    ///
    /// # Errors
    /// Its leader does not answer, or does not lead it; whoever asks the cluster for the partitions then learns the new one.
    pub async fn offset(self, cluster: &Cluster, place: &Place) -> Result<i64, Error> {
        let found = self.ask(cluster, place).await;
        found.inspect_err(|_| cluster.doubt(&place.topic))
    }

    async fn ask(self, cluster: &Cluster, place: &Place) -> Result<i64, Error> {
        let time = match self {
            Self::Latest => -1,
            Self::Earliest => -2,
        };
        let leader = cluster.leader_of(place).ok_or(Error::Broker(5))?;
        let mut request = Writer::default();
        request.i32(-1).list([place].into_iter(), |out, place| {
            out.text(&place.topic);
            out.list([place].into_iter(), |out, place| _ = out.i32(place.partition).i64(time));
        });
        let what = (Use::Short, LIST_OFFSETS);
        let mut answer = cluster.ask(leader, what, &request.out, ANSWER_TIMEOUT).await?;
        let topics = answer.list(|it| {
            it.text()?;
            it.list(|it: &mut Reader| {
                let (_partition, code) = (it.i32()?, it.i16()?);
                it.i64()?;
                Ok((code, it.i64()?))
            })
        })?;
        let (code, offset) =
            topics.into_iter().flatten().next().ok_or(Error::Malformed("no offset"))?;
        Error::check(code)?;
        Ok(offset)
    }
}
