//! What goes in, and what goes out: requests of callers, and batches of them.

use std::time::Duration;

use component::meter::Counter;
use component::{ConsumeError, Context, Data, Signal, Wants};
use pdata::{Logs, Metrics, Traces};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use crate::{Age, Claim, Values};

/// How often a batch is asked, at a shutdown, whether somebody still waits for it.
const WANTED_CHECK: Duration = Duration::from_millis(100);

/// What one caller handed over.
#[derive(Debug)]
pub struct Request {
    /// Who sent it.
    pub ctx: Context,
    /// What is to be sent; of a request that was cut, all of it.
    pub data: Data,
    /// The caller's, if it waits until the data is delivered.
    pub claim: Option<Claim>,
    /// What the request takes of the queue's size, given back when it has been answered.
    pub room: Option<OwnedSemaphorePermit>,
    /// Since when it has been in the queue, if somebody wants to know.
    pub age: Option<Age>,
    /// Which requests it may ride with.
    pub partition: Values,
}

/// Why a batch left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// There was enough in it.
    Size,
    /// It had waited long enough, or has to leave now.
    Timeout,
}

/// Requests, or parts of them, that leave together. One that is dropped without [`Batch::answer`] counts
/// what it had taken responsibility for as lost, and fails its claims.
#[derive(Debug)]
pub struct Batch {
    ctx: Context,
    parts: Vec<Data>,
    claims: Vec<Claim>,
    room: Option<OwnedSemaphorePermit>,
    age: Option<Age>,
    items: usize,
    items_accepted: usize,
    flush: bool,
    trigger: Trigger,
    lost: Counter,
}

impl Batch {
    /// An empty one. `lost` counts the accepted items of a batch that is dropped.
    pub fn new(ctx: Context, lost: &Counter) -> Self {
        Self {
            flush: ctx.flush,
            ctx,
            parts: Vec::new(),
            claims: Vec::new(),
            room: None,
            age: None,
            items: 0,
            items_accepted: 0,
            trigger: Trigger::Size,
            lost: lost.clone(),
        }
    }

    /// What one more caller handed over, with its claim if it waits until the data is delivered.
    pub fn join(&mut self, data: Data, claim: Option<Claim>) {
        self.add(data, claim, None, None);
    }

    /// The same for `items` that the component keeps in a form of its own.
    pub fn join_items(&mut self, items: usize, claim: Option<Claim>) {
        self.items += items;
        match claim {
            Some(claim) => self.claims.push(claim),
            None => self.items_accepted += items,
        }
    }

    pub(crate) fn add(
        &mut self,
        data: Data,
        claim: Option<Claim>,
        room: Option<OwnedSemaphorePermit>,
        age: Option<Age>,
    ) {
        self.join_items(data.items(), claim);
        match (&mut self.room, room) {
            (Some(own), Some(more)) => own.merge(more),
            (own @ None, room) => *own = room,
            (Some(_), None) => {}
        }
        self.age = match (self.age.take(), age) {
            (Some(own), Some(more)) => Some(own.older(more)),
            (own, more) => own.or(more),
        };
        self.parts.push(data);
    }

    /// A caller sends nothing more before it is answered: nobody gathers further.
    pub(crate) fn set_flush(&mut self) {
        self.flush = true;
    }

    pub(crate) fn set_trigger(&mut self, trigger: Trigger) {
        self.trigger = trigger;
    }

    /// Spans, data points or log records in it.
    pub fn items(&self) -> usize {
        self.items
    }

    /// Those whose callers were told that they may forget them.
    pub fn items_accepted(&self) -> usize {
        self.items_accepted
    }

    /// True when nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// True when a caller waits for it.
    pub fn is_claimed(&self) -> bool {
        !self.claims.is_empty()
    }

    /// False once everybody who had a part in it has left.
    pub fn is_wanted(&self) -> bool {
        self.items_accepted > 0 || self.claims.iter().any(|it| !it.is_withdrawn())
    }

    /// Ends when everybody who had a part in it has left, once the component stops: what a source keeps needs no
    /// waiting for a backend that does not answer.
    pub async fn unwanted(&self, stopping: &CancellationToken) {
        stopping.cancelled().await;
        while self.is_wanted() {
            tokio::time::sleep(WANTED_CHECK).await;
        }
    }

    /// Why it left.
    pub fn trigger(&self) -> Trigger {
        self.trigger
    }

    /// With which context it goes on: somebody waits for delivery if any of its callers does, and it is
    /// says `flush` if any of them does.
    pub fn context(&self) -> Context {
        let wants = if self.is_claimed() { Wants::Delivered } else { Wants::Accepted };
        let flush = self.flush;
        Context { wants, flush, ..self.ctx.clone() }
    }

    /// Its telemetry, joined.
    pub fn data(&mut self, signal: Signal) -> Data {
        Data::concat(self.parts.drain(..)).unwrap_or_else(|| match signal {
            Signal::Traces => Traces::default().into(),
            Signal::Metrics => Metrics::default().into(),
            Signal::Logs => Logs::default().into(),
        })
    }

    /// What became of it.
    pub fn answer(mut self, result: &Result<(), ConsumeError>) {
        self.items_accepted = 0;
        for claim in self.claims.drain(..) {
            claim.answer(result);
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        if self.items_accepted > 0 {
            self.lost.add(self.items_accepted as u64);
        }
    }
}
