//! A value that is replaced while others use it.

use std::ops::Deref;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Readers get the value of now and keep it as long as they need it; who replaces it can wait until the
/// last reader of the old one is done.
pub struct Switch<T> {
    now: ArcSwap<Held<T>>,
}

/// A value of a [`Switch`].
pub struct Held<T> {
    value: T,
    unused: CancellationToken,
    _guard: DropGuard,
}

impl<T> Held<T> {
    fn new(value: T) -> Arc<Self> {
        let unused = CancellationToken::new();
        Arc::new(Self { value, _guard: unused.clone().drop_guard(), unused })
    }
}

impl<T> Deref for Held<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> Switch<T> {
    /// Begins with `value`.
    pub fn new(value: T) -> Self {
        Self { now: ArcSwap::new(Held::new(value)) }
    }

    /// The value of now.
    pub fn get(&self) -> Arc<Held<T>> {
        self.now.load_full()
    }

    /// Replaces the value. What is returned is cancelled when nobody uses the old one any more.
    pub fn set(&self, value: T) -> CancellationToken {
        self.now.swap(Held::new(value)).unused.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_value_is_unused_when_its_last_reader_is_done() {
        let switch = Switch::new(1);
        let reader = switch.get();
        let unused = switch.set(2);
        assert_eq!((**reader, **switch.get()), (1, 2));
        assert!(!unused.is_cancelled());
        drop(reader);
        assert!(unused.is_cancelled());
        assert!(switch.set(3).is_cancelled(), "nobody read the second");
    }
}
