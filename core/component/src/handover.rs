//! What outlives an instance of a component when the configuration is reloaded: its listening sockets,
//! what it leaves for the instance that follows it, and the count of what is under way.

use std::collections::{BTreeMap, HashMap};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use crate::InFlight;

/// What an instance leaves for its successor: keys and values of its own making.
pub type HandedOver = BTreeMap<Vec<u8>, Vec<u8>>;

/// What goes from an instance to the next one. The service has one and gives it to every host.
#[derive(Clone, Default)]
pub struct Handover {
    in_flight: InFlight,
    sockets: Arc<Mutex<Vec<Socket>>>,
    slots: Arc<Mutex<HashMap<String, Slot>>>,
}

/// Where the instances of one component follow one another.
#[derive(Clone, Default)]
struct Slot {
    left: Arc<AsyncMutex<Option<HandedOver>>>,
    waiting: Arc<AtomicUsize>,
}

/// An instance that waits to own what there is once.
struct Waiting(Arc<AtomicUsize>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

struct Socket {
    address: String,
    fd: Weak<OwnedFd>,
    owner: Arc<AtomicBool>,
}

/// Held by the one instance of a component that may use what only one can use at a time (a set of files, a
/// store). It ends when it is dropped.
pub struct Ownership {
    left: OwnedMutexGuard<Option<HandedOver>>,
    waiting: Arc<AtomicUsize>,
}

impl Ownership {
    /// What the instance before has left; `None` for the first one.
    pub fn received(&mut self) -> Option<HandedOver> {
        self.left.take()
    }

    /// Ends the ownership and leaves something for the next instance.
    pub fn hand_over(mut self, state: HandedOver) {
        *self.left = Some(state);
    }

    /// True when another instance waits for the end of this one.
    pub fn is_awaited(&self) -> bool {
        self.waiting.load(Relaxed) > 0
    }
}

impl Handover {
    /// Forgets what the instances of a component have left, unless there is one again.
    pub fn forget(&self, instance: &str) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.get(instance).is_some_and(|it| Arc::strong_count(&it.left) == 1) {
            slots.remove(instance);
        }
    }

    fn slot(&self, instance: &str) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry(instance.to_owned()).or_default().clone()
    }
}

impl Handover {
    pub(crate) fn in_flight(&self) -> &InFlight {
        &self.in_flight
    }

    pub(crate) fn take_socket(&self, address: &str) -> Option<Arc<OwnedFd>> {
        let sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        let left = sockets.iter().filter(|it| it.address == address && it.owner.load(Relaxed));
        left.filter_map(|it| it.fd.upgrade()).next_back()
    }

    pub(crate) fn leaving_sockets(&self) -> Vec<Arc<OwnedFd>> {
        let sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        let left = sockets.iter().filter(|it| it.owner.load(Relaxed));
        left.filter_map(|it| it.fd.upgrade()).collect()
    }

    pub(crate) fn offer_socket(&self, address: String, fd: &Arc<OwnedFd>, owner: &Arc<AtomicBool>) {
        let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        sockets.retain(|it| it.fd.strong_count() > 0);
        let (fd, owner) = (Arc::downgrade(fd), Arc::clone(owner));
        sockets.push(Socket { address, fd, owner });
    }

    pub(crate) fn ownership(
        &self,
        instance: &str,
    ) -> impl Future<Output = Ownership> + Send + use<> {
        let Slot { left, waiting } = self.slot(instance);
        waiting.fetch_add(1, Relaxed);
        let place = Waiting(Arc::clone(&waiting));
        async move {
            let left = left.lock_owned().await;
            drop(place);
            Ownership { left, waiting }
        }
    }

    pub(crate) fn try_ownership(&self, instance: &str) -> Option<Ownership> {
        let Slot { left, waiting } = self.slot(instance);
        Some(Ownership { left: left.try_lock_owned().ok()?, waiting })
    }
}
