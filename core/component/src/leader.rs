//! Who of several collectors does what only one may do: what leader electors offer.

use std::future::Future;

use tokio::sync::watch;

/// Whether this collector is the one that does it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Lead {
    /// Another one is, or nobody.
    #[default]
    No,
    /// It is, and somebody else may have been before.
    Anew,
    /// It is again, and nobody else has been in between.
    Again,
}

/// Knows who leads.
pub trait LeaderElection: Send + Sync {
    /// Whether this collector leads, and how that changes.
    fn leads(&self) -> watch::Receiver<Lead>;
}

/// Does `work` while this collector leads: from its beginning each time it comes to lead, and dropped when it does not
/// lead any more. Without an elector it always leads. `None` when the elector is gone.
pub async fn while_leading<W: Future>(
    leads: Option<watch::Receiver<Lead>>,
    mut work: impl FnMut(Lead) -> W,
) -> Option<W::Output> {
    let Some(mut leads) = leads else { return Some(work(Lead::Anew).await) };
    loop {
        let lead = *leads.wait_for(|it| *it != Lead::No).await.ok()?;
        tokio::select! {
            done = work(lead) => return Some(done),
            lost = leads.wait_for(|it| *it == Lead::No) => drop(lost.ok()?),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use super::*;

    struct Running<'a>(&'a AtomicUsize);

    impl Drop for Running<'_> {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Relaxed);
        }
    }

    #[tokio::test]
    async fn work_begins_with_the_lead_ends_with_it_and_begins_again() {
        let (lead, leads) = watch::channel(Lead::No);
        let (begun, running) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let work = |lead: Lead| {
            assert_ne!(lead, Lead::No);
            begun.fetch_add(1, Relaxed);
            running.fetch_add(1, Relaxed);
            let running = Running(&running);
            async move {
                let _running = running;
                std::future::pending::<()>().await;
            }
        };
        let script = async {
            for (leads, begins) in [(Lead::No, 0), (Lead::Anew, 1), (Lead::No, 1), (Lead::Again, 2)]
            {
                lead.send_replace(leads);
                for _ in 0..5 {
                    tokio::task::yield_now().await;
                }
                assert_eq!(begun.load(Relaxed), begins);
                assert_eq!(running.load(Relaxed), usize::from(leads != Lead::No));
            }
        };
        tokio::select! {
            _ = while_leading(Some(leads), work) => panic!("it ended"),
            () = script => {}
        }
        assert_eq!(while_leading(None, |_| async { 7 }).await, Some(7));
    }
}
