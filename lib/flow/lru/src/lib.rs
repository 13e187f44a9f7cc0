//! A map with a limit: the entry that was not touched for the longest time makes room for a new one.

use std::collections::HashMap;

/// No slot.
const NONE: u32 = u32::MAX;

/// Entries by a hash of 128 bits, in the order in which they were touched.
#[derive(Debug)]
pub struct Lru<V> {
    index: HashMap<u128, u32>,
    slots: Vec<Slot<V>>,
    newest: u32,
    oldest: u32,
    entries_max: usize,
}

#[derive(Debug)]
struct Slot<V> {
    key: u128,
    value: V,
    newer: u32,
    older: u32,
}

impl<V> Lru<V> {
    /// With room for so many, and for one at least.
    pub fn new(entries_max: usize) -> Self {
        let entries_max = entries_max.clamp(1, NONE as usize - 1);
        Self { index: HashMap::new(), slots: Vec::new(), newest: NONE, oldest: NONE, entries_max }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// The entry, without touching it.
    pub fn get(&self, key: u128) -> Option<&V> {
        let at = *self.index.get(&key)?;
        self.slot(at).map(|it| &it.value)
    }

    /// True when nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// All entries, in no order.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.slots.iter().map(|it| &it.value)
    }

    /// The entry, if there is one, touched.
    pub fn renew(&mut self, key: u128) -> Option<&mut V> {
        let at = *self.index.get(&key)?;
        self.unlink(at);
        self.link(at);
        self.slot_mut(at).map(|it| &mut it.value)
    }

    /// Touches the entry, or makes one; also whether another one had to go for it.
    pub fn touch(&mut self, key: u128, make: impl FnOnce() -> V) -> Option<(&mut V, bool)> {
        let mut evicted = false;
        let at = match self.index.get(&key) {
            Some(at) => {
                let at = *at;
                self.unlink(at);
                at
            }
            None if self.slots.len() < self.entries_max => {
                let slot = Slot { key, value: make(), newer: NONE, older: NONE };
                self.slots.push(slot);
                let at = u32::try_from(self.slots.len() - 1).ok()?;
                self.index.insert(key, at);
                at
            }
            None => {
                let at = self.oldest;
                self.unlink(at);
                let slot = self.slot_mut(at)?;
                let gone = std::mem::replace(&mut slot.key, key);
                slot.value = make();
                self.index.remove(&gone);
                self.index.insert(key, at);
                evicted = true;
                at
            }
        };
        self.link(at);
        self.slot_mut(at).map(|it| (&mut it.value, evicted))
    }

    fn slot(&self, at: u32) -> Option<&Slot<V>> {
        self.slots.get(at as usize)
    }

    fn slot_mut(&mut self, at: u32) -> Option<&mut Slot<V>> {
        self.slots.get_mut(at as usize)
    }

    /// Takes a slot out of the order.
    fn unlink(&mut self, at: u32) {
        let Some((newer, older)) = self.slot(at).map(|it| (it.newer, it.older)) else { return };
        match self.slot_mut(newer) {
            Some(it) => it.older = older,
            None => self.newest = older,
        }
        match self.slot_mut(older) {
            Some(it) => it.newer = newer,
            None => self.oldest = newer,
        }
    }

    /// Makes a slot the newest.
    fn link(&mut self, at: u32) {
        let before = std::mem::replace(&mut self.newest, at);
        match self.slot_mut(before) {
            Some(it) => it.newer = at,
            None => self.oldest = at,
        }
        if let Some(it) = self.slot_mut(at) {
            (it.newer, it.older) = (NONE, before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_that_was_not_touched_for_longest_goes() {
        let mut lru = Lru::new(3);
        for key in [1, 2, 3] {
            let (value, evicted) = lru.touch(key, || key * 10).unwrap();
            assert_eq!((*value, evicted), (key * 10, false));
        }
        assert_eq!(lru.touch(1, || 0), Some((&mut 10, false)));
        assert_eq!(lru.touch(4, || 40), Some((&mut 40, true)));
        assert_eq!((lru.get(2), lru.get(1), lru.len()), (None, Some(&10), 3));
        assert_eq!(lru.touch(5, || 50).map(|it| it.1), Some(true));
        assert_eq!(lru.get(3), None);
        assert_eq!(lru.values().copied().max(), Some(50));
    }

    #[test]
    fn an_entry_that_is_renewed_stays_longer() {
        let mut lru = Lru::new(2);
        for key in [1, 2] {
            lru.touch(key, || key);
        }
        assert_eq!(lru.renew(1), Some(&mut 1));
        assert_eq!(lru.renew(3), None);
        lru.touch(3, || 3);
        assert_eq!((lru.get(1), lru.get(2), lru.len()), (Some(&1), None, 2));
    }

    #[test]
    fn one_entry_is_enough_to_work() {
        let mut lru = Lru::new(0);
        for key in [1, 2, 2, 1] {
            lru.touch(key, || key);
        }
        assert_eq!((lru.get(1), lru.get(2), lru.len()), (Some(&1), None, 1));
    }
}
