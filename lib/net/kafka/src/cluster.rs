//! Which broker leads which partition, and connections to them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use confignet::join_host_port;
use tokio::time::Instant;

use crate::config::ClientConfig;
use crate::connection::{Api, Connection, METADATA, Options};
use crate::error::Error;
use crate::wire::{Reader, Writer};

/// Longest wait for an answer that has nothing to wait for.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
/// Who has led a partition is asked for at most this often when requests fail.
const REFRESH_PAUSE: Duration = Duration::from_millis(100);

/// A partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The topic.
    pub topic: Arc<str>,
    /// The number of the partition.
    pub partition: i32,
}

/// What a connection is for: a wait for one does not hold up the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Use {
    Short,
    Produce,
    Fetch,
    Join,
}

/// A cluster of brokers.
pub struct Cluster {
    options: Options,
    bootstrap: Vec<String>,
    refresh: Duration,
    known: Mutex<Known>,
    links: Mutex<HashMap<(String, Use), Link>>,
}

/// A connection that nobody uses, if there is one; whoever waits for it gets it in turn.
type Link = Arc<tokio::sync::Mutex<Option<Connection>>>;

#[derive(Default)]
struct Known {
    brokers: HashMap<i32, String>,
    topics: HashMap<Arc<str>, Topic>,
}

struct Topic {
    /// Number and leader of each partition.
    partitions: BTreeMap<i32, i32>,
    since: Instant,
    is_stale: bool,
}

impl Cluster {
    /// An unconnected client.
    ///
    /// # Errors
    /// Certificates cannot be read.
    pub fn new(config: &ClientConfig) -> Result<Self, String> {
        Ok(Self {
            options: Options::new(config)?,
            bootstrap: config.brokers.clone(),
            refresh: config.metadata.refresh_interval.std().max(Duration::from_secs(1)),
            known: Mutex::default(),
            links: Mutex::default(),
        })
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends all connections that are not in use.
    pub fn close(&self) {
        self.links.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn link(&self, address: &str, what: Use) -> Link {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(links.entry((address.to_owned(), what)).or_default())
    }

    async fn ask_at(
        &self,
        address: &str,
        (what, api): (Use, Api),
        body: &[u8],
        wait: Duration,
    ) -> Result<Reader, Error> {
        let link = self.link(address, what);
        let mut link = link.lock().await;
        // It comes back when all of the answer was read.
        let mut connection = match link.take() {
            Some(connection) => connection,
            None => Connection::open(address, &self.options).await?,
        };
        let answer = connection.ask(api, body, wait).await;
        if answer.is_ok() {
            *link = Some(connection);
        }
        answer.map_err(|why| match why {
            Error::Connection(why) => Error::Connection(format!("broker {address}: {why}")),
            why => why,
        })
    }

    fn address(&self, node: i32) -> Result<String, Error> {
        let address = self.known().brokers.get(&node).cloned();
        address.ok_or_else(|| Error::Connection(format!("broker {node} has no address")))
    }

    pub(crate) fn add_broker(&self, node: i32, address: String) {
        self.known().brokers.insert(node, address);
    }

    /// Asks a broker.
    pub(crate) async fn ask(
        &self,
        node: i32,
        what: (Use, Api),
        body: &[u8],
        wait: Duration,
    ) -> Result<Reader, Error> {
        let address = self.address(node)?;
        self.ask_at(&address, what, body, wait).await
    }

    /// Sends to a broker that does not answer.
    pub(crate) async fn tell(
        &self,
        node: i32,
        (what, api): (Use, Api),
        body: &[u8],
    ) -> Result<(), Error> {
        let link = self.link(&self.address(node)?, what);
        let mut link = link.lock().await;
        let mut connection = match link.take() {
            Some(connection) => connection,
            None => Connection::open(&self.address(node)?, &self.options).await?,
        };
        connection.tell(api, body).await?;
        *link = Some(connection);
        Ok(())
    }

    /// Asks any broker that answers.
    pub(crate) async fn ask_any(&self, api: Api, body: &[u8]) -> Result<Reader, Error> {
        let mut known: Vec<String> = self.known().brokers.values().cloned().collect();
        known.extend(
            self.bootstrap.iter().filter(|it| !known.contains(it)).cloned().collect::<Vec<_>>(),
        );
        let mut first = None;
        for address in known {
            match self.ask_at(&address, (Use::Short, api), body, ANSWER_TIMEOUT).await {
                Ok(answer) => return Ok(answer),
                Err(why) => _ = first.get_or_insert(why),
            }
        }
        Err(first.unwrap_or_else(|| Error::Connection("there is no broker".to_owned())))
    }

    /// Names of all topics.
    ///
    /// # Errors
    /// No broker answers.
    pub async fn topics(&self) -> Result<Vec<String>, Error> {
        let mut request = Writer::default();
        request.i32(-1).i8(0);
        let answer = self.ask_any(METADATA, &request.out).await?;
        Ok(self.learn(answer)?.into_iter().map(|it| it.0.to_string()).collect())
    }

    /// Number and leader of the partitions of a topic; it is made if `create` and the cluster allow it.
    ///
    /// # Errors
    /// No broker answers, or there is no such topic.
    pub async fn partitions(&self, topic: &str, create: bool) -> Result<Vec<(i32, i32)>, Error> {
        if let Some(topic) = self.known().topics.get(topic) {
            let age = topic.since.elapsed();
            let is_old = age > self.refresh || (topic.is_stale && age > REFRESH_PAUSE);
            if !is_old {
                return Ok(topic.partitions.iter().map(|it| (*it.0, *it.1)).collect());
            }
        }
        let mut request = Writer::default();
        request.list([topic].into_iter(), |out, it| _ = out.text(it)).i8(create.into());
        let answer = self.ask_any(METADATA, &request.out).await?;
        let found = self.learn(answer)?.into_iter().find(|it| *it.0 == *topic);
        let (_, code) = found.ok_or(Error::Malformed("it does not have the topic"))?;
        Error::check(code)?;
        let known = self.known();
        let partitions = known.topics.get(topic).map(|it| &it.partitions);
        Ok(partitions.into_iter().flatten().map(|it| (*it.0, *it.1)).collect())
    }

    /// Somebody else may lead the partitions of this topic.
    pub fn doubt(&self, topic: &str) {
        if let Some(topic) = self.known().topics.get_mut(topic) {
            topic.is_stale = true;
        }
    }

    /// The leader of a partition, as far as it is known.
    pub fn leader_of(&self, place: &Place) -> Option<i32> {
        self.known()
            .topics
            .get(&place.topic)?
            .partitions
            .get(&place.partition)
            .copied()
            .filter(|it| *it >= 0)
    }

    fn learn(&self, mut answer: Reader) -> Result<Vec<(Arc<str>, i16)>, Error> {
        answer.i32()?;
        let brokers = answer.list(|it| {
            let (node, host, port) = (it.i32()?, it.text()?, it.i32()?);
            it.text_or_null()?;
            Ok((node, join_host_port(&host, port)))
        })?;
        answer.text_or_null()?;
        answer.i32()?;
        let topics = answer.list(|it| {
            let (code, name) = (it.i16()?, it.text()?);
            it.i8()?;
            let partitions = it.list(|it| {
                let (_code, partition, leader) = (it.i16()?, it.i32()?, it.i32()?);
                it.list(Reader::i32)?;
                it.list(Reader::i32)?;
                Ok((partition, leader))
            })?;
            Ok((code, Arc::<str>::from(name), partitions))
        })?;
        let mut known = self.known();
        known.brokers.extend(brokers);
        let mut names = Vec::new();
        for (code, name, partitions) in topics {
            names.push((Arc::clone(&name), code));
            if code == 0 && !partitions.is_empty() {
                let is_stale = partitions.iter().any(|it| it.1 < 0);
                let partitions = partitions.into_iter().collect();
                known.topics.insert(name, Topic { partitions, since: Instant::now(), is_stale });
            }
        }
        Ok(names)
    }
}
