//! A list of objects that is kept current, once for all who want it.
//!
//! Whoever wants the objects of a [`Query`] subscribes a [`Sink`] to the [`Feed`] of that query; there is one in the process for
//! each server, user and query. Every subscriber's component offers to do the work ([`Feed::serve`]); one at a time does it, and
//! when that one stops the next goes on. So the work belongs to a component, and what is known outlives it.
//!
//! ```text
//!   list --(Restarted, Applied..., Synced)--> watch --(Applied, Deleted)--> ...
//!    ^                                          |
//!    +-- new subscriber, 410, a broken object --+      a watch that just ends is opened again where it was
//! ```

use std::any::Any;
use std::fmt;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use component::Host;
use serde::de::DeserializeOwned;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::client::Origin;
use crate::complaints::Complaints;
use crate::pages::Pages;
use crate::stream::{self, Versioned};
use crate::{Change, Client, Error, Query};

/// A watch that lived so long has worked.
const GOOD_LIFE: Duration = Duration::from_secs(60);
/// The first version that serves watch lists unless it is told not to: Kubernetes 1.32.
const WATCH_LISTS: (u32, u32) = (1, 32);

/// What a subscriber is told.
#[derive(Debug)]
pub enum Event<'a, T> {
    /// Everything that exists comes now, up to `Synced`.
    Restarted,
    /// An object is there, new or changed.
    Applied(&'a T),
    /// An object is no more; this is what it was last.
    Deleted(&'a T),
    /// What was not applied since `Restarted` is no more.
    Synced,
}

/// Who wants to know.
pub trait Sink<T>: Send + Sync {
    /// Takes note of an event, quickly: the next one waits.
    fn event(&self, event: Event<'_, T>);
}

/// How a feed is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    /// Everything has come once.
    pub synced: bool,
    /// Why the last try failed, with what to do; `None` while it works.
    pub problem: Option<String>,
}

/// The objects of a query.
pub struct Feed<T> {
    client: Client,
    query: Query,
    sinks: Mutex<Vec<Weak<dyn Sink<T>>>>,
    /// A subscriber that knows nothing yet.
    newcomer: Notify,
    /// How many have come.
    arrivals: AtomicU64,
    state: watch::Sender<State>,
    /// Whoever has it does the work.
    turn: tokio::sync::Mutex<()>,
    /// The server has refused a watch list.
    plain_lists: AtomicBool,
}

impl<T> fmt::Debug for Feed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("query", &self.query).finish_non_exhaustive()
    }
}

/// A feed of any type, kept as long as somebody uses it.
type Kept = ((Origin, String, Query), Weak<dyn Any + Send + Sync>);

/// All feeds of the process.
static FEEDS: Mutex<Vec<Kept>> = Mutex::new(Vec::new());

/// Why a watch ended.
enum End {
    /// The server has it so; it can go on from this version.
    Ended,
    /// Everything has to be listed again.
    Expired,
    /// Somebody new wants to know everything.
    Newcomer,
    Failed(Error),
}

impl<T: DeserializeOwned + Send + Sync + 'static> Feed<T> {
    /// The feed of the objects of `query`: the one that is there, or a new one.
    pub fn of(client: &Client, query: Query) -> Arc<Self> {
        let mut feeds = FEEDS.lock().unwrap_or_else(PoisonError::into_inner);
        feeds.retain(|it| it.1.strong_count() > 0);
        let key = (client.origin().clone(), client.server().to_owned(), query.clone());
        let mut known = feeds.iter().filter(|it| it.0 == key);
        if let Some(feed) = known.find_map(|it| it.1.upgrade()?.downcast::<Self>().ok()) {
            return feed;
        }
        let feed = Arc::new(Self {
            client: client.clone(),
            query,
            sinks: Mutex::default(),
            newcomer: Notify::new(),
            arrivals: AtomicU64::new(0),
            state: watch::Sender::default(),
            turn: tokio::sync::Mutex::default(),
            plain_lists: AtomicBool::new(false),
        });
        let any: Arc<dyn Any + Send + Sync> = Arc::clone(&feed) as _;
        feeds.push((key, Arc::downgrade(&any)));
        feed
    }

    /// What it is about.
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// Tells `sink` everything from now on, beginning with what is there.
    pub fn subscribe(&self, sink: Weak<dyn Sink<T>>) {
        let mut sinks = self.sinks.lock().unwrap_or_else(PoisonError::into_inner);
        sinks.retain(|it| it.strong_count() > 0);
        sinks.push(sink);
        self.arrivals.fetch_add(1, SeqCst);
        self.state.send_if_modified(|it| std::mem::take(&mut it.synced));
        self.newcomer.notify_one();
    }

    /// How it is, and how that changes.
    pub fn state(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// Does the work while the component runs, unless another one does it.
    pub fn serve(self: &Arc<Self>, host: &Host) {
        let (feed, stopping) = (Arc::clone(self), host.stopping().clone());
        host.spawn(async move {
            let work = async {
                let _turn = feed.turn.lock().await;
                feed.run().await;
            };
            let _: Option<()> = stopping.run_until_cancelled(work).await;
            Ok(())
        });
    }

    async fn run(&self) {
        let mut backoff = Backoff::default();
        let mut complaints = Complaints::default();
        let mut version: Option<String> = None;
        loop {
            let begun = Instant::now();
            let end = match &mut version {
                None => match self.list().await {
                    Ok(listed) => {
                        complaints.end();
                        version = Some(listed);
                        continue;
                    }
                    Err(error) => End::Failed(error),
                },
                Some(version) => self.follow(version).await,
            };
            if begun.elapsed() > GOOD_LIFE {
                backoff.reset();
            }
            match end {
                End::Ended if begun.elapsed() > GOOD_LIFE => {}
                // A server that ends each watch at once must not be asked in a circle.
                End::Ended => tokio::time::sleep(backoff.next(None)).await,
                End::Expired | End::Newcomer => version = None,
                End::Failed(error) => {
                    let verbs = ["get", "list", "watch"];
                    let text = complaints.say(&self.query.resource, &verbs, &error);
                    self.state.send_modify(|it| it.problem = Some(text));
                    if !matches!(error, Error::Connection(_)) {
                        version = None;
                    }
                    tokio::time::sleep(backoff.next(error.retry_after())).await;
                }
            }
        }
    }

    fn works(&self) {
        self.state.send_if_modified(|it| it.problem.take().is_some());
    }

    fn tell(&self, event: impl Fn() -> Event<'static, T>) {
        self.each(|sink| sink.event(event()));
    }

    fn each(&self, mut tell: impl FnMut(&dyn Sink<T>)) {
        let sinks = self.sinks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        sinks.iter().filter_map(Weak::upgrade).for_each(|it| tell(&*it));
    }

    /// Tells everything that is there, and returns the version from which a watch can go on.
    async fn list(&self) -> Result<String, Error> {
        // Whoever has come up to now is told everything by this list; who comes later gets one of their own.
        let _ = tokio::time::timeout(Duration::ZERO, self.newcomer.notified()).await;
        let arrivals = self.arrivals.load(SeqCst);
        let known = self.client.version().await;
        let version = if known >= WATCH_LISTS && !self.plain_lists.load(Relaxed) {
            match self.stream().await {
                // The storage behind the server does not serve it, or somebody has switched it off.
                Err(error) if matches!(error.code(), 400 | 405 | 422 | 500 | 501) => {
                    self.plain_lists.store(true, Relaxed);
                    self.pages().await?
                }
                other => other?,
            }
        } else {
            self.pages().await?
        };
        self.works();
        self.tell(|| Event::Synced);
        // Who came meanwhile has not been told everything.
        self.state.send_if_modified(|it| {
            self.arrivals.load(SeqCst) == arrivals && !std::mem::replace(&mut it.synced, true)
        });
        Ok(version)
    }

    /// By a watch that begins with everything: the server sends one object after another from its cache, and nobody has to hold
    /// a page of them.
    async fn stream(&self) -> Result<String, Error> {
        let mut stream = self.client.watch(&self.query, "", true).await?;
        let mut begun = false;
        loop {
            let Some((change, object)) = stream.next().await? else {
                return Err(Error::Connection("the list ended before its end was said".into()));
            };
            if !std::mem::replace(&mut begun, true) {
                self.tell(|| Event::Restarted);
            }
            if change == Change::Bookmark {
                let mark: Versioned = stream::read(object)?;
                if mark.ends_initial() {
                    return Ok(mark.into_version());
                }
            } else {
                self.apply(change, object);
            }
        }
    }

    /// Page by page.
    async fn pages(&self) -> Result<String, Error> {
        let mut pages = Pages::new(&self.client, &self.query);
        let (mut begun, mut version) = (false, String::new());
        while let Some(body) = pages.next().await? {
            let page = pages.read(&body)?;
            if !std::mem::replace(&mut begun, true) {
                self.tell(|| Event::Restarted);
            }
            for object in page.items {
                self.apply(Change::Added, object.get().as_bytes());
            }
            version = page.metadata.resource_version;
        }
        Ok(version)
    }

    /// Watches from `version` on, and moves it on.
    async fn follow(&self, version: &mut String) -> End {
        let failed =
            |error: Error| if error.is_expired() { End::Expired } else { End::Failed(error) };
        let opened = tokio::select! {
            opened = self.client.watch(&self.query, version, false) => opened,
            () = self.newcomer.notified() => return End::Newcomer,
        };
        let mut stream = match opened {
            Ok(stream) => stream,
            Err(error) => return failed(error),
        };
        self.works();
        loop {
            let next = tokio::select! {
                next = stream.next() => next,
                () = self.newcomer.notified() => return End::Newcomer,
            };
            match next {
                Ok(None) => return End::Ended,
                Ok(Some((change, object))) => {
                    if let Ok(it) = stream::read::<Versioned>(object) {
                        *version = it.into_version();
                    }
                    if change != Change::Bookmark {
                        self.apply(change, object);
                    }
                }
                Err(error) => return failed(error),
            }
        }
    }

    fn apply(&self, change: Change, object: &[u8]) {
        match stream::read::<T>(object) {
            Ok(object) if change == Change::Deleted => {
                self.each(|sink| sink.event(Event::Deleted(&object)));
            }
            Ok(object) => self.each(|sink| sink.event(Event::Applied(&object))),
            Err(error) => self.odd(&error.to_string()),
        }
    }

    /// One object that cannot be read does not stop the others.
    fn odd(&self, why: &str) {
        let resource = self.query.resource.to_string();
        tracing::warn!(resource, error = why, "an object cannot be read, and is not known");
    }
}

#[cfg(test)]
mod tests;
