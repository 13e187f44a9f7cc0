//! A place in an order: how a caller keeps the order of what it sends without waiting for each answer.
//!
//! A call that wants its data to arrive before the next one's carries a place. Whoever stores the data, and passes on
//! in order what it stores, says that the place is *kept*; then the caller may send what comes next. Where nobody
//! stores it, the answer of the call keeps the place.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Shared by the caller and by those it calls.
#[derive(Debug, Clone)]
pub struct Place(Arc<State>);

#[derive(Debug)]
struct State {
    is_kept: AtomicBool,
    changed: Notify,
    /// The caller's own bell: one for all its places.
    bell: Option<Arc<Notify>>,
    /// The call that this one is a branch of.
    trunk: Option<Trunk>,
}

#[derive(Debug)]
struct Trunk {
    place: Place,
    /// Branches whose place is not kept.
    left: Arc<AtomicUsize>,
}

impl Default for Place {
    fn default() -> Self {
        Self::with(None, None)
    }
}

impl Place {
    /// Rings the bell as soon as it is kept.
    pub fn ringing(bell: Arc<Notify>) -> Self {
        Self::with(Some(bell), None)
    }

    fn with(bell: Option<Arc<Notify>>, trunk: Option<Trunk>) -> Self {
        let (is_kept, changed) = (AtomicBool::new(false), Notify::new());
        Self(Arc::new(State { is_kept, changed, bell, trunk }))
    }

    /// Places for so many calls at the same time: this one is kept when all of them are.
    pub fn branches(&self, n: usize) -> impl Iterator<Item = Self> {
        let left = Arc::new(AtomicUsize::new(n));
        let trunk = move |_| Trunk { place: self.clone(), left: Arc::clone(&left) };
        (0..n).map(trunk).map(|it| Self::with(None, Some(it)))
    }

    /// Nothing that comes later can overtake it any more.
    pub fn keep(&self) {
        if self.0.is_kept.swap(true, Ordering::AcqRel) {
            return;
        }
        self.0.changed.notify_waiters();
        if let Some(bell) = &self.0.bell {
            bell.notify_one();
        }
        if let Some(trunk) = &self.0.trunk
            && trunk.left.fetch_sub(1, Ordering::AcqRel) == 1
        {
            trunk.place.keep();
        }
    }

    /// True when the next one may follow.
    pub fn is_kept(&self) -> bool {
        self.0.is_kept.load(Ordering::Acquire)
    }

    /// Waits until the next one may follow.
    pub async fn kept(&self) {
        loop {
            let changed = self.0.changed.notified();
            if self.is_kept() {
                return;
            }
            changed.await;
        }
    }

    /// True for the place of the same call.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_place_is_kept_when_all_branches_are_whoever_says_it_twice() {
        let bell = Arc::new(Notify::new());
        let place = Place::ringing(Arc::clone(&bell));
        let branches: Vec<Place> = place.branches(2).collect();
        branches[0].keep();
        branches[0].keep();
        assert!(branches[0].is_kept() && !place.is_kept());
        branches[1].clone().keep();
        place.kept().await;
        bell.notified().await;
        assert!(place.is(&place.clone()) && !place.is(&branches[0]));
    }
}
