//! The election, as `tools/leaderelection` of client-go does it.
//!
//! Nobody trusts the clock of another machine: a lease counts as renewed from when this collector has seen that it has
//! changed, and is over `lease_duration` after that.
//!
//! ```text
//!   candidate --(the lease is free, over, or was ours)--> leader --(not renewed for renew_deadline, or taken)--> candidate
//! ```

use std::time::Duration;

use component::Lead;
use kube::{Client, Error};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::JITTER;
use crate::lease::{Lease, Place, Spec, now};

/// A failure is said again after this time.
const SAY_AGAIN: Duration = Duration::from_secs(300);

/// The section's times.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) lease: Duration,
    pub(crate) renew: Duration,
    pub(crate) retry: Duration,
}

/// One of those who want to lead.
pub(crate) struct Candidate {
    place: Place,
    identity: String,
    times: Times,
    /// The lease as it was seen last, and when it was first seen so.
    seen: Option<(Lease, Instant)>,
    /// How often the lease had changed hands when this one led last.
    led: Option<u64>,
    said: Option<(String, Instant)>,
}

impl Candidate {
    pub(crate) fn new(client: Client, lease: (&str, &str), identity: String, times: Times) -> Self {
        let place = Place::new(client, lease);
        Self { place, identity, times, seen: None, led: None, said: None }
    }

    /// Tries to lead, and leads, until it is dropped.
    pub(crate) async fn run(&mut self, lead: &watch::Sender<Lead>) {
        loop {
            let (transitions, since) = self.acquire().await;
            let is_same = self.led.replace(transitions) == Some(transitions);
            tracing::info!(identity = self.identity, "this collector is the leader");
            lead.send_replace(if is_same { Lead::Again } else { Lead::Anew });
            self.keep(since).await;
            lead.send_replace(Lead::No);
            tracing::info!("Leader lease lost. Returning to standby mode...");
        }
    }

    /// Returns when it leads: how often the lease has changed hands, and since when it may be ours.
    async fn acquire(&mut self) -> (u64, Instant) {
        loop {
            let begun = Instant::now();
            let tried = tokio::time::timeout(self.times.renew, self.attempt()).await;
            match tried {
                Ok(Ok(Some(transitions))) => return (transitions, begun),
                Ok(Ok(None)) => self.said = None,
                Ok(Err(error)) => self.complain(&error),
                Err(_) => self.complain(&Error::Connection("no answer in time".into())),
            }
            // Spread, so that not all candidates come at once.
            let pause = self.times.retry.mul_f64(1.0 + JITTER * fastrand::f64());
            tokio::time::sleep(pause).await;
        }
    }

    /// Returns when the lease is lost.
    async fn keep(&mut self, since: Instant) {
        let mut deadline = since + self.times.renew;
        loop {
            tokio::time::sleep_until(deadline.min(Instant::now() + self.times.retry)).await;
            let begun = Instant::now();
            match tokio::time::timeout_at(deadline, self.attempt()).await {
                Ok(Ok(Some(_))) => {
                    self.said = None;
                    // Others may have seen it as early as that.
                    deadline = begun + self.times.renew;
                }
                Ok(Ok(None)) => return,
                Ok(Err(error)) => self.complain(&error),
                Err(_) => {
                    self.complain(&Error::Connection("no answer in time".into()));
                    return;
                }
            }
            if deadline <= Instant::now() {
                return;
            }
        }
    }

    /// Looks at the lease, and takes or renews it if it may: how often it has changed hands, or `None` if somebody else
    /// holds it.
    async fn attempt(&mut self) -> Result<Option<u64>, Error> {
        let Some(lease) = self.place.read().await? else {
            let lease = self.place.create(self.claim(None)).await?;
            return Ok(Some(self.see(lease)));
        };
        self.see(lease.clone());
        if !self.may_take(&lease) {
            return Ok(None);
        }
        let renewed = self.place.update(&lease, self.claim(Some(&lease.spec))).await?;
        Ok(Some(self.see(renewed)))
    }

    /// Notes what was seen.
    fn see(&mut self, lease: Lease) -> u64 {
        let transitions = lease.spec.lease_transitions;
        if self.seen.as_ref().is_none_or(|it| it.0.spec != lease.spec) {
            self.seen = Some((lease, Instant::now()));
        }
        transitions
    }

    /// It is free, ours, or over.
    fn may_take(&self, lease: &Lease) -> bool {
        let Spec { holder_identity: holder, lease_duration_seconds: seconds, .. } = &lease.spec;
        if holder.is_empty() || *holder == self.identity {
            return true;
        }
        let since = self.seen.as_ref().map_or_else(Instant::now, |it| it.1);
        since + Duration::from_secs(*seconds) <= Instant::now()
    }

    /// What the lease says when it is ours from now on.
    fn claim(&self, before: Option<&Spec>) -> Spec {
        let now = now();
        let (acquire_time, lease_transitions) = match before {
            Some(it) if it.holder_identity == self.identity => {
                (it.acquire_time.clone(), it.lease_transitions)
            }
            Some(it) => (Some(now.clone()), it.lease_transitions.saturating_add(1)),
            None => (Some(now.clone()), 0),
        };
        Spec {
            holder_identity: self.identity.clone(),
            lease_duration_seconds: self.times.lease.as_secs().max(1),
            acquire_time,
            renew_time: Some(now),
            lease_transitions,
        }
    }

    /// Gives the lease back, if it is ours.
    pub(crate) async fn release(&self) {
        let Some((lease, _)) = &self.seen else { return };
        if lease.spec.holder_identity != self.identity {
            return;
        }
        let spec = Spec {
            holder_identity: String::new(),
            lease_duration_seconds: 1,
            renew_time: Some(now()),
            ..lease.spec.clone()
        };
        if let Err(error) = self.place.update(lease, spec).await {
            let error = error.to_string();
            tracing::info!(
                error,
                "the lease was not given back: another collector takes it when it is over"
            );
        }
    }

    fn complain(&mut self, error: &Error) {
        let text = error.to_string();
        // Two candidates at the same moment: one of them has it.
        if error.code() == 409
            || self.said.as_ref().is_some_and(|it| it.0 == text && it.1.elapsed() < SAY_AGAIN)
        {
            return;
        }
        let rule = self.place.resource().rule(&["get", "create", "update"]);
        let remedy = error.remedy(&rule).unwrap_or_default();
        tracing::warn!(error = text, remedy, "the lease of the leader cannot be had: trying again");
        self.said = Some((text, Instant::now()));
    }
}
