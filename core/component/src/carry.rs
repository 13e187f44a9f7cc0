//! What outlives an instance of a component when the configuration is reloaded: its listening sockets,
//! what it leaves for the instance that follows it, and the count of what is under way.

use std::collections::{BTreeMap, HashMap};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use crate::{Host, InFlight};

/// What an instance leaves for its successor: keys and values of its own making.
pub type Legacy = BTreeMap<Vec<u8>, Vec<u8>>;

/// The service has one and gives it to every host.
#[derive(Clone, Default)]
pub struct Carry {
    in_flight: InFlight,
    sockets: Arc<Mutex<Vec<Socket>>>,
    turns: Arc<Mutex<HashMap<String, Slot>>>,
}

/// Where the instances of one component take turns.
#[derive(Clone, Default)]
struct Slot {
    left: Arc<AsyncMutex<Option<Legacy>>>,
    waiting: Arc<AtomicUsize>,
}

/// An instance that waits for its turn.
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

/// Held by the one instance of a component that may use what only one can use at a time. It ends when
/// it is dropped.
pub struct Turn {
    left: OwnedMutexGuard<Option<Legacy>>,
    waiting: Arc<AtomicUsize>,
}

impl Turn {
    /// What the instance before has left; `None` for the first one.
    pub fn legacy(&mut self) -> Option<Legacy> {
        self.left.take()
    }

    /// Ends the turn, leaving something for the next instance.
    pub fn leave(mut self, legacy: Legacy) {
        *self.left = Some(legacy);
    }

    /// True when another instance waits for the end of this one.
    pub fn is_awaited(&self) -> bool {
        self.waiting.load(Relaxed) > 0
    }
}

impl Carry {
    /// Forgets what the instances of a component have left, unless there is one again.
    pub fn forget(&self, instance: &str) {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if turns.get(instance).is_some_and(|it| Arc::strong_count(&it.left) == 1) {
            turns.remove(instance);
        }
    }

    fn slot(&self, instance: &str) -> Slot {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.entry(instance.to_owned()).or_default().clone()
    }
}

impl Host {
    /// The bytes of requests under way in all components.
    pub fn in_flight(&self) -> &InFlight {
        &self.carry.in_flight
    }

    /// The listening socket at `address`, from an instance that makes way for a new one. Two components
    /// that just have the same address do not share it.
    pub fn inherit(&self, address: &str) -> Option<Arc<OwnedFd>> {
        let sockets = self.carry.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        let left = sockets.iter().filter(|it| it.address == address && it.owner.load(Relaxed));
        left.filter_map(|it| it.fd.upgrade()).next_back()
    }

    /// Every listening socket of instances that make way.
    pub fn making_way(&self) -> Vec<Arc<OwnedFd>> {
        let sockets = self.carry.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        let left = sockets.iter().filter(|it| it.owner.load(Relaxed));
        left.filter_map(|it| it.fd.upgrade()).collect()
    }

    /// Offers a listening socket to the instance that will follow.
    pub fn bequeath(&self, address: String, fd: &Arc<OwnedFd>) {
        let mut sockets = self.carry.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        sockets.retain(|it| it.fd.strong_count() > 0);
        let (fd, owner) = (Arc::downgrade(fd), Arc::clone(&self.leaving));
        sockets.push(Socket { address, fd, owner });
    }

    /// Waits until the instance before has ended its turn. That one knows from now on that it is awaited.
    pub fn turn(&self) -> impl Future<Output = Turn> + Send + use<> {
        let Slot { left, waiting } = self.carry.slot(&self.instance);
        waiting.fetch_add(1, Relaxed);
        let place = Waiting(Arc::clone(&waiting));
        async move {
            let left = left.lock_owned().await;
            drop(place);
            Turn { left, waiting }
        }
    }

    /// The turn, unless another instance still has it.
    pub fn try_turn(&self) -> Option<Turn> {
        let Slot { left, waiting } = self.carry.slot(&self.instance);
        Some(Turn { left: left.try_lock_owned().ok()?, waiting })
    }
}
