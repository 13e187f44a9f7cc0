//! Where the requests of one user wait for their check, and what the last right one has proved.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use credentials::same;
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;

/// How long a right password is known without being checked.
const REMEMBERED_FOR: Duration = Duration::from_secs(300);
/// Most requests that wait for the same user's check: more are told to come again.
pub(crate) const WAITING_MAX: usize = 100;

/// Of one user.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    line: Arc<tokio::sync::Mutex<()>>,
    waiting: AtomicUsize,
    known: Mutex<Option<([u8; 32], Instant)>>,
}

impl Turn {
    /// A place in the line; `None` if it is too long.
    pub(crate) fn wait(&self) -> Option<Waiting<'_>> {
        let place = Waiting(&self.waiting);
        (self.waiting.fetch_add(1, Relaxed) < WAITING_MAX).then_some(place)
    }

    /// Comes back when those before are done.
    pub(crate) async fn come(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.line).lock_owned().await
    }

    /// Whether this has been proved lately.
    pub(crate) fn knows(&self, proof: &[u8; 32]) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.is_some_and(|(right, since)| same(&right, proof) && since.elapsed() < REMEMBERED_FOR)
    }

    /// The password behind `proof` is right.
    pub(crate) fn remember(&self, proof: [u8; 32]) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((proof, Instant::now()));
    }
}

/// Counts a request for as long as it waits.
pub(crate) struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
