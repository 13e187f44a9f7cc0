//! What happens to objects, each change told once, and the next only when those before were taken.
//!
//! A [`Feed`](crate::Feed) keeps a list current for whoever wants to know how things are; this is for those who want to
//! know what happened. The version of the last change that was taken is where it goes on after anything that goes wrong:
//!
//! ```text
//!   list --> watch from the list's version --(ended, cut)--> watch from the last version
//!                                          --(410: too old)--> list, of which what is newer than the last version counts
//! ```
//!
//! Between a version that is too old and the list after it changes are known only by what they have led to: an object
//! that was changed twice is told once, and one that was deleted is not told. The log says so.

use std::time::Duration;

use component::async_trait;
use serde::Deserialize;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::complaints::Complaints;
use crate::pages::List;
use crate::stream::{Versioned, WatchStream};
use crate::{Change, Client, Error, Happened, Query};

/// Most changes that are handed over at once.
const CHANGES_MAX: usize = 500;
/// Most bytes of them, if it is more than one.
const BYTES_MAX: usize = 1 << 20;
/// A watch that lived so long has worked.
const GOOD_LIFE: Duration = Duration::from_secs(60);
const NANOS: u64 = 1_000_000_000;

/// Takes what happened.
#[async_trait]
pub trait Taker: Send + Sync {
    /// Returns when it has been dealt with: what comes next waits for that. `false` means that it is to stop, and that
    /// this was not taken.
    async fn take(&self, happened: Vec<Happened>) -> bool;
    /// Everything up to this version was taken.
    fn reached(&self, version: &str);
}

/// Where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beginning {
    /// With what happens from now on.
    Now,
    /// With everything that is there, as if it were new.
    Existing,
    /// After a version.
    After(String),
    /// With everything that is there and newer than a version, as if it were new.
    ExistingAfter(String),
}

/// Follows the objects of a query.
pub struct Follow {
    client: Client,
    query: Query,
    /// The last version that was taken.
    version: Option<String>,
    /// What a list is for.
    telling: Telling,
    /// When something was taken last, in nanoseconds since 1970.
    taken_at: u64,
}

/// What of a list is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Telling {
    /// Nothing: only its version matters.
    Nothing,
    /// What is newer than a version, as new.
    NewSince(u64),
    /// What is newer than the last version that was taken, after a gap.
    Gap(u64),
}

/// What is read of every object.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Dated {
    metadata: Dates,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Dates {
    resource_version: String,
    creation_timestamp: String,
}

/// Why a list or a watch ended.
enum End {
    /// The list was told.
    Listed,
    /// The server has it so.
    Ended,
    Stopping,
    Expired,
    Failed(Error),
}

impl Follow {
    /// Nothing is asked yet.
    pub fn new(client: &Client, query: Query, beginning: Beginning) -> Self {
        let (version, telling) = match beginning {
            Beginning::Now => (None, Telling::Nothing),
            Beginning::Existing => (None, Telling::NewSince(0)),
            Beginning::After(version) => (Some(version), Telling::Nothing),
            Beginning::ExistingAfter(version) => (None, Telling::NewSince(number(&version))),
        };
        let taken_at = component::clock::unix_nanos();
        Self { client: client.clone(), query, version, telling, taken_at }
    }

    /// Follows, until it is to stop: what is being taken then is taken first.
    pub async fn run(mut self, taker: &dyn Taker, stopping: &CancellationToken) {
        let (mut backoff, mut complaints) = (Backoff::default(), Complaints::default());
        loop {
            let begun = Instant::now();
            let end = match self.version.clone() {
                None => self.list(taker, stopping).await,
                Some(version) => self.watch(&version, taker, stopping).await,
            };
            if begun.elapsed() > GOOD_LIFE {
                backoff.reset();
            }
            let pause = match end {
                End::Listed => {
                    complaints.end();
                    continue;
                }
                End::Ended if begun.elapsed() > GOOD_LIFE => continue,
                // A server that ends each watch at once must not be asked in a circle.
                End::Ended => backoff.next(None),
                End::Expired => {
                    self.lose_track();
                    continue;
                }
                End::Failed(error) => {
                    complaints.say(&self.query.resource, &["list", "watch"], &error);
                    backoff.next(error.retry_after())
                }
                End::Stopping => return,
            };
            if stopping.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return;
            }
        }
    }

    fn reached(&mut self, version: String, taker: &dyn Taker) {
        taker.reached(&version);
        self.version = Some(version);
        self.telling = Telling::Nothing;
        self.taken_at = component::clock::unix_nanos();
    }

    /// The server does not remember the version any more.
    fn lose_track(&mut self) {
        let resource = self.query.resource.to_string();
        let version = self.version.take().unwrap_or_default();
        tracing::warn!(
            resource,
            version,
            "the API server does not remember what happened since then: objects that were changed are told as they are now, deleted ones are not told"
        );
        self.telling = Telling::Gap(number(&version));
    }

    /// Tells of the list what is to be told.
    async fn list(&mut self, taker: &dyn Taker, stopping: &CancellationToken) -> End {
        let (client, query) = (self.client.clone(), self.query.clone());
        let mut list = List::new(&client, &query, "");
        loop {
            let mut told = match stopping.run_until_cancelled(list.next()).await {
                None => return End::Stopping,
                Some(Err(error)) => return End::Failed(error),
                Some(Ok(None)) => break,
                Some(Ok(Some(_))) if self.telling == Telling::Nothing => break,
                Some(Ok(Some(told))) => told,
            };
            told.retain_mut(|it| match self.of_list(&it.object) {
                Some(change) => {
                    it.change = change;
                    true
                }
                None => false,
            });
            if !told.is_empty() && !taker.take(told).await {
                return End::Stopping;
            }
        }
        self.reached(list.version, taker);
        End::Listed
    }

    /// What is told of an object of a list.
    fn of_list(&self, object: &[u8]) -> Option<Change> {
        let Dated { metadata } = serde_json::from_slice(object).unwrap_or_default();
        let own = number(&metadata.resource_version);
        match self.telling {
            Telling::Nothing => None,
            Telling::NewSince(version) => (version < own).then_some(Change::Added),
            Telling::Gap(version) => (version < own).then(|| {
                // It is told in whole seconds.
                let is_new = seconds(&metadata.creation_timestamp)
                    .is_some_and(|it| self.taken_at / NANOS <= it);
                if is_new { Change::Added } else { Change::Modified }
            }),
        }
    }

    /// Tells what happens, until the watch ends.
    async fn watch(
        &mut self,
        version: &str,
        taker: &dyn Taker,
        stopping: &CancellationToken,
    ) -> End {
        let failed =
            |error: Error| if error.is_expired() { End::Expired } else { End::Failed(error) };
        let opened = self.client.watch(&self.query, version, false);
        let mut stream = match stopping.run_until_cancelled(opened).await {
            None => return End::Stopping,
            Some(Ok(stream)) => stream,
            Some(Err(error)) => return failed(error),
        };
        loop {
            let mut batch = Batch::default();
            let filled = stopping.run_until_cancelled(batch.fill(&mut stream)).await;
            let Some(end) = filled else { return End::Stopping };
            if !batch.happened.is_empty() && !taker.take(batch.happened).await {
                return End::Stopping;
            }
            if let Some(version) = batch.version {
                self.reached(version, taker);
            }
            match end {
                Ok(true) => {}
                Ok(false) => return End::Ended,
                Err(error) => return failed(error),
            }
        }
    }
}

/// What has come together.
#[derive(Default)]
struct Batch {
    happened: Vec<Happened>,
    bytes: usize,
    /// Of the last of them.
    version: Option<String>,
}

impl Batch {
    /// Waits for one, and takes what is there with it. `false` is the end of the watch.
    async fn fill(&mut self, stream: &mut WatchStream) -> Result<bool, Error> {
        loop {
            let next = if self.version.is_none() {
                stream.next().await?
            } else {
                // Nothing of a line that has come in part is lost.
                match tokio::time::timeout(Duration::ZERO, stream.next()).await {
                    Ok(next) => next?,
                    Err(_) => return Ok(true),
                }
            };
            let Some((change, object)) = next else { return Ok(false) };
            if let Ok(it) = crate::stream::read::<Versioned>(object) {
                self.version = Some(it.into_version());
            }
            if change != Change::Bookmark {
                self.bytes += object.len();
                self.happened.push(Happened { change, object: object.into(), of: None });
            }
            if self.happened.len() >= CHANGES_MAX || self.bytes >= BYTES_MAX {
                return Ok(true);
            }
        }
    }
}

/// A version as a number, by which versions can be compared. Kubernetes 1.35 says so; etcd has always counted.
fn number(version: &str) -> u64 {
    version.parse().unwrap_or(0)
}

/// Seconds since 1970 of a time as the API server writes it.
fn seconds(time: &str) -> Option<u64> {
    let time = humantime::parse_rfc3339(time).ok()?;
    time.duration_since(std::time::UNIX_EPOCH).ok().map(|it| it.as_secs())
}

#[cfg(test)]
mod tests;
