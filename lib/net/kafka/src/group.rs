//! A group of consumers that share the partitions of topics (`ConsumerProtocol`, version 0: eager rebalancing).

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use confignet::join_host_port;

use crate::cluster::{ANSWER_TIMEOUT, Cluster, Place, Use};
use crate::connection::{
    Api, FIND_COORDINATOR, HEARTBEAT, JOIN_GROUP, LEAVE_GROUP, OFFSET_COMMIT, OFFSET_FETCH,
    SYNC_GROUP,
};
use crate::error::Error;
use crate::wire::{Reader, Writer};

/// Beyond what the group is given to come together.
const GRACE: Duration = Duration::from_secs(10);

/// How partitions are dealt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Strategy {
    /// Of each topic a piece without gaps.
    #[default]
    Range,
    /// One by one.
    RoundRobin,
}

impl Strategy {
    const ALL: [(Self, &'static str); 2] =
        [(Self::Range, "range"), (Self::RoundRobin, "roundrobin")];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|it| it.0 == self).map_or("range", |it| it.1)
    }

    /// The partitions of each member.
    pub fn deal(
        self,
        members: &BTreeMap<String, Vec<String>>,
        topics: &BTreeMap<String, Vec<i32>>,
    ) -> BTreeMap<String, Vec<Place>> {
        let mut dealt: BTreeMap<String, Vec<Place>> =
            members.keys().map(|it| (it.clone(), Vec::new())).collect();
        let mut turn = 0;
        for (topic, partitions) in topics {
            let takers: Vec<&String> =
                members.iter().filter(|it| it.1.contains(topic)).map(|it| it.0).collect();
            if takers.is_empty() {
                continue;
            }
            let name: Arc<str> = topic.as_str().into();
            let (each, more) = (partitions.len() / takers.len(), partitions.len() % takers.len());
            for (at, partition) in partitions.iter().enumerate() {
                let taker = match self {
                    // The first ones have one more each.
                    Self::Range if at < (each + 1) * more => at / (each + 1),
                    Self::Range => more + (at - (each + 1) * more) / each.max(1),
                    Self::RoundRobin => {
                        turn += 1;
                        (turn - 1) % takers.len()
                    }
                };
                let place = Place { topic: Arc::clone(&name), partition: *partition };
                if let Some(own) = takers.get(taker).and_then(|it| dealt.get_mut(*it)) {
                    own.push(place);
                }
            }
        }
        dealt
    }
}

/// A place in a group, for one generation of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// Who we are, as the coordinator says.
    pub member: String,
    /// Counts the times that the group came together.
    pub generation: i32,
}

/// What a member has to read.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// Its place in the group.
    pub membership: Membership,
    /// Its partitions.
    pub places: Vec<Place>,
}

/// A group.
pub struct Group {
    cluster: Arc<Cluster>,
    id: String,
    session: Duration,
    rebalance: Duration,
    strategies: Vec<Strategy>,
    coordinator: Mutex<Option<i32>>,
}

impl Group {
    /// Nothing is asked yet. A member that is not heard of for `session` is out; members have `rebalance` to come together.
    pub fn new(
        cluster: Arc<Cluster>,
        id: &str,
        (session, rebalance): (Duration, Duration),
        strategies: Vec<Strategy>,
    ) -> Self {
        let coordinator = Mutex::new(None);
        Self { cluster, id: id.to_owned(), session, rebalance, strategies, coordinator }
    }

    async fn coordinator(&self) -> Result<i32, Error> {
        if let Some(node) = *self.coordinator.lock().unwrap_or_else(PoisonError::into_inner) {
            return Ok(node);
        }
        let mut request = Writer::default();
        request.text(&self.id);
        let mut answer = self.cluster.ask_any(FIND_COORDINATOR, &request.out).await?;
        Error::check(answer.i16()?)?;
        let (node, host, port) = (answer.i32()?, answer.text()?, answer.i32()?);
        self.cluster.add_broker(node, join_host_port(&host, port));
        *self.coordinator.lock().unwrap_or_else(PoisonError::into_inner) = Some(node);
        Ok(node)
    }

    fn forget(&self) {
        *self.coordinator.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    async fn ask(
        &self,
        what: (Use, Api),
        request: &Writer,
        wait: Duration,
    ) -> Result<Reader, Error> {
        let node = self.coordinator().await?;
        let answer = self.cluster.ask(node, what, &request.out, wait).await;
        answer.inspect_err(|_| self.forget())
    }

    fn check(&self, code: i16) -> Result<(), Error> {
        Error::check(code).inspect_err(|why| {
            if matches!(why, Error::Broker(14..=16)) {
                self.forget();
            }
        })
    }

    /// Joins, with the id of before or none, and waits for the others. Whoever is chosen to deals. `member` is our id as soon
    /// as the group counts on us, whatever becomes of the rest: who joins again without it leaves a member behind that
    /// does nothing and that the others wait for.
    ///
    /// # Errors
    /// The group does not come together; with `UNKNOWN_MEMBER_ID` the id of before is of no use any more.
    pub async fn join(&self, topics: &[String], member: &mut String) -> Result<Assignment, Error> {
        let mut own = Writer::default();
        own.i16(0).list(topics.iter(), |out, it| _ = out.text(it)).i32(0);
        let mut request = Writer::default();
        request.text(&self.id).millis(self.session).millis(self.rebalance);
        request.text(member).text("consumer");
        request.list(self.strategies.iter(), |out, it| _ = out.text(it.name()).bytes(&own.out));
        let wait = self.rebalance + GRACE;
        let mut answer = self.ask((Use::Join, JOIN_GROUP), &request, wait).await?;
        answer.i32()?;
        self.check(answer.i16()?)?;
        let (generation, protocol) = (answer.i32()?, answer.text()?);
        let leader = answer.text()?;
        *member = answer.text()?;
        let members = answer.list(|it| Ok((it.text()?, it.bytes()?)))?;
        let membership = Membership { member: member.clone(), generation };
        let dealt = if leader == membership.member {
            self.dealt(&protocol, members).await?
        } else {
            BTreeMap::new()
        };
        let places = self.sync(&membership, &dealt).await?;
        Ok(Assignment { membership, places })
    }

    async fn dealt(
        &self,
        protocol: &str,
        members: Vec<(String, Bytes)>,
    ) -> Result<BTreeMap<String, Vec<Place>>, Error> {
        let read = |(id, bytes): (String, Bytes)| {
            let mut reader = Reader::new(bytes);
            reader.i16()?;
            Ok((id, reader.list(Reader::text)?))
        };
        let members: BTreeMap<String, Vec<String>> =
            members.into_iter().map(read).collect::<Result<_, Error>>()?;
        let mut topics = BTreeMap::new();
        for topic in members.values().flatten() {
            if !topics.contains_key(topic) {
                let found = self.cluster.partitions(topic, false).await;
                // A topic that is not there yet has nothing to be dealt.
                let found = match found {
                    Err(Error::Broker(3 | 5)) => Vec::new(),
                    found => found?,
                };
                topics.insert(topic.clone(), found.into_iter().map(|it| it.0).collect());
            }
        }
        let strategy = Strategy::ALL.iter().find(|it| it.1 == protocol);
        Ok(strategy.map_or(Strategy::Range, |it| it.0).deal(&members, &topics))
    }

    async fn sync(
        &self,
        membership: &Membership,
        dealt: &BTreeMap<String, Vec<Place>>,
    ) -> Result<Vec<Place>, Error> {
        let mut request = Writer::default();
        request.text(&self.id).i32(membership.generation).text(&membership.member);
        request.list(dealt.iter(), |out, (member, places)| {
            let mut own = Writer::default();
            own.i16(0);
            write_places(
                &mut own,
                places.iter(),
                |out, it: &&Place| _ = out.i32(it.partition),
                |it| it,
            );
            own.i32(0);
            out.text(member).bytes(&own.out);
        });
        let wait = self.rebalance + GRACE;
        let mut answer = self.ask((Use::Join, SYNC_GROUP), &request, wait).await?;
        self.check(answer.i16()?)?;
        let mut own = Reader::new(answer.bytes()?);
        if own.is_empty() {
            return Ok(Vec::new());
        }
        own.i16()?;
        let topics = own.list(|it| {
            let topic: Arc<str> = it.text()?.into();
            it.list(|it: &mut Reader| Ok(Place { topic: Arc::clone(&topic), partition: it.i32()? }))
        })?;
        Ok(topics.into_iter().flatten().collect())
    }

    /// Says that the member is there.
    ///
    /// # Errors
    /// The group comes together anew, or does not know the member.
    pub async fn heartbeat(&self, it: &Membership) -> Result<(), Error> {
        let mut request = Writer::default();
        request.text(&self.id).i32(it.generation).text(&it.member);
        let mut answer = self.ask((Use::Short, HEARTBEAT), &request, ANSWER_TIMEOUT).await?;
        self.check(answer.i16()?)
    }

    /// Says that the member goes.
    ///
    /// # Errors
    /// Nobody has heard it; the member is out after a while anyway.
    pub async fn leave(&self, member: &str) -> Result<(), Error> {
        let mut request = Writer::default();
        request.text(&self.id).text(member);
        let mut answer = self.ask((Use::Short, LEAVE_GROUP), &request, ANSWER_TIMEOUT).await?;
        self.check(answer.i16()?)
    }

    /// Where the group was in these partitions; nothing of those in which it was not.
    ///
    /// # Errors
    /// The coordinator does not answer.
    pub async fn committed(&self, places: &[Place]) -> Result<HashMap<Place, i64>, Error> {
        let mut request = Writer::default();
        request.text(&self.id);
        write_places(
            &mut request,
            places.iter(),
            |out, it: &&Place| _ = out.i32(it.partition),
            |it| it,
        );
        let mut answer = self.ask((Use::Short, OFFSET_FETCH), &request, ANSWER_TIMEOUT).await?;
        let topics = answer.list(|it| {
            let topic: Arc<str> = it.text()?.into();
            it.list(|it: &mut Reader| {
                let (partition, offset) = (it.i32()?, it.i64()?);
                it.text_or_null()?;
                Ok((Place { topic: Arc::clone(&topic), partition }, offset, it.i16()?))
            })
        })?;
        let mut found = HashMap::new();
        for (place, offset, code) in topics.into_iter().flatten() {
            self.check(code)?;
            if offset >= 0 {
                found.insert(place, offset);
            }
        }
        Ok(found)
    }

    /// Remembers offsets: of the next record to be read.
    ///
    /// # Errors
    /// The coordinator does not answer, or does not know the member.
    pub async fn commit(&self, it: &Membership, offsets: &[(Place, i64)]) -> Result<(), Error> {
        let mut request = Writer::default();
        request.text(&self.id).i32(it.generation).text(&it.member).i64(-1);
        let write = |out: &mut Writer, it: &&(Place, i64)| {
            out.i32(it.0.partition).i64(it.1).text("");
        };
        write_places(&mut request, offsets.iter(), write, |it| &it.0);
        let mut answer = self.ask((Use::Short, OFFSET_COMMIT), &request, ANSWER_TIMEOUT).await?;
        let topics = answer.list(|it| {
            it.text()?;
            it.list(|it: &mut Reader| {
                it.i32()?;
                it.i16()
            })
        })?;
        topics.into_iter().flatten().try_for_each(|code| self.check(code))
    }
}

/// Partitions below their topics.
fn write_places<'a, T: 'a>(
    out: &mut Writer,
    all: impl Iterator<Item = &'a T>,
    write: impl Fn(&mut Writer, &&'a T),
    place: impl Fn(&'a T) -> &'a Place,
) {
    let mut topics: BTreeMap<&str, Vec<&'a T>> = BTreeMap::new();
    for it in all {
        topics.entry(&place(it).topic).or_default().push(it);
    }
    out.list(topics.into_iter(), |out, (topic, all)| {
        out.text(topic);
        out.list(all.into_iter(), |out, it| write(out, &it));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_partition_has_one_member() {
        let member = |id: &str, topics: &[&str]| {
            (id.to_owned(), topics.iter().map(|it| (*it).to_owned()).collect())
        };
        let members = [member("a", &["t", "u"]), member("b", &["t"])].into();
        let topics = [("t".to_owned(), vec![0, 1, 2]), ("u".to_owned(), vec![0])].into();
        let show = |strategy: Strategy| -> Vec<String> {
            let show = |(id, places): (String, Vec<Place>)| {
                let places: Vec<String> =
                    places.iter().map(|it| format!("{}{}", it.topic, it.partition)).collect();
                format!("{id}:{}", places.join(","))
            };
            strategy.deal(&members, &topics).into_iter().map(show).collect()
        };
        assert_eq!(show(Strategy::Range), ["a:t0,t1,u0", "b:t2"]);
        assert_eq!(show(Strategy::RoundRobin), ["a:t0,t2,u0", "b:t1"]);
    }
}
