//! Large buffers whose memory is used again. Fresh memory costs a page fault per 4 KiB, which is
//! more than all else that is done to the bytes in it.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

/// Smaller buffers are the allocator's business, in bytes.
const POOLED_BYTES_MIN: usize = 64 * 1024;
/// Memory that waits to be used again, in bytes.
const WAITING_BYTES_MAX: usize = 16 * 1024 * 1024;
/// A buffer is used again for what leaves at most this part of what it asks for unused: a quarter.
const SURPLUS_PART_MAX: usize = 4;

/// Most room that is made for what was announced and has not come, in bytes: that of a batch of the usual size.
const TRUSTED_BYTES_MAX: usize = 1024 * 1024;

static POOL: Mutex<Pool> = Mutex::new(Pool::new());

struct Pool {
    /// Those that came back last are at the end.
    waiting: Vec<Vec<u8>>,
    bytes: usize,
    /// The fewest that waited since the last [`trim`]: so many were not needed.
    fewest: usize,
}

impl Pool {
    const fn new() -> Self {
        Self { waiting: Vec::new(), bytes: 0, fewest: 0 }
    }

    /// The smallest buffer that is large enough, and of several the one that was used last: it may
    /// still be in the processor's cache. One that is much too large would be held with what is in it.
    fn take(&mut self, capacity: usize) -> Option<Vec<u8>> {
        let most = capacity.saturating_add(capacity / SURPLUS_PART_MAX);
        let fits = |it: &&Vec<u8>| (capacity..=most).contains(&it.capacity());
        let best = self.waiting.iter().filter(fits).map(Vec::capacity).min()?;
        let at = self.waiting.iter().rposition(|it| it.capacity() == best)?;
        self.bytes -= best;
        let buffer = self.waiting.remove(at);
        self.fewest = self.fewest.min(self.waiting.len());
        Some(buffer)
    }

    /// Those that were not needed, oldest first.
    fn surplus(&mut self) -> Vec<Vec<u8>> {
        let surplus: Vec<_> = self.waiting.drain(..self.fewest).collect();
        self.bytes -= surplus.iter().map(Vec::capacity).sum::<usize>();
        self.fewest = self.waiting.len();
        surplus
    }

    /// Keeps a buffer. One that is too much is the caller's to drop.
    fn keep(&mut self, mut buffer: Vec<u8>) -> Option<Vec<u8>> {
        let capacity = buffer.capacity();
        if capacity < POOLED_BYTES_MIN || self.bytes + capacity > WAITING_BYTES_MAX {
            return Some(buffer);
        }
        buffer.clear();
        self.bytes += capacity;
        self.waiting.push(buffer);
        None
    }
}

/// An empty buffer with room for `capacity` bytes, to be given to [`freeze`].
pub fn take(capacity: usize) -> Vec<u8> {
    if capacity < POOLED_BYTES_MIN {
        return Vec::with_capacity(capacity);
    }
    let waiting = POOL.lock().unwrap_or_else(PoisonError::into_inner).take(capacity);
    waiting.unwrap_or_else(|| Vec::with_capacity(capacity))
}

/// Adds a piece of what will have `announced` bytes in the end, as its sender says. Announcing is free for a sender:
/// room for more than [`TRUSTED_BYTES_MAX`] is made only as it comes, by doubling.
pub fn gather(buffer: &mut Vec<u8>, piece: &[u8], announced: Option<usize>) {
    let missing = announced.and_then(|it| it.checked_sub(buffer.len()));
    let missing = missing.filter(|it| *it >= piece.len());
    if buffer.capacity() == 0 {
        let room = missing.map_or(2 * piece.len(), |it| it.min(TRUSTED_BYTES_MAX));
        *buffer = take(room.max(piece.len()));
    } else if buffer.capacity() - buffer.len() < piece.len() {
        let double = buffer.len().max(piece.len());
        buffer.reserve_exact(missing.map_or(double, |it| it.min(double)));
    }
    buffer.extend_from_slice(piece);
}

/// The buffer as immutable bytes. Its memory is used again when the last handle is dropped.
pub fn freeze(buffer: Vec<u8>) -> Bytes {
    if buffer.capacity() < POOLED_BYTES_MIN {
        return buffer.into();
    }
    Bytes::from_owner(Pooled(buffer))
}

/// Gives back the memory that was not needed since the last call. To be called every few seconds.
pub fn trim() {
    let surplus = POOL.lock().unwrap_or_else(PoisonError::into_inner).surplus();
    drop(surplus);
}

struct Pooled(Vec<u8>);

impl AsRef<[u8]> for Pooled {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.0);
        let rest = POOL.lock().unwrap_or_else(PoisonError::into_inner).keep(buffer);
        // Memory is given back to the allocator outside of the lock.
        drop(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_for_what_it_fits_and_not_for_much_less() {
        let mut pool = Pool::new();
        for kib in [512, 100, 256] {
            assert!(pool.keep(Vec::with_capacity(kib * 1024)).is_none());
        }
        assert_eq!(pool.take(90 * 1024).map(|it| it.capacity()), Some(100 * 1024));
        assert_eq!(pool.take(90 * 1024).map(|it| it.capacity()), None);
        assert_eq!(pool.take(220 * 1024).map(|it| it.capacity()), Some(256 * 1024));
        assert_eq!(pool.bytes, 512 * 1024);
    }

    #[test]
    fn no_more_waits_than_the_limit() {
        let mut pool = Pool::new();
        let mebibyte = || Vec::with_capacity(1 << 20);
        for _ in 0..16 {
            assert!(pool.keep(mebibyte()).is_none());
        }
        assert!(pool.keep(mebibyte()).is_some());
        assert!(pool.keep(Vec::with_capacity(100)).is_some());
        assert_eq!((pool.waiting.len(), pool.bytes), (16, WAITING_BYTES_MAX));
    }

    #[test]
    fn what_was_not_needed_between_two_looks_is_given_back() {
        let mut pool = Pool::new();
        for kib in [100, 200, 400] {
            assert!(pool.keep(Vec::with_capacity(kib * 1024)).is_none());
        }
        assert_eq!(pool.surplus().len(), 0);
        let used = pool.take(400 * 1024).unwrap();
        assert!(pool.keep(used).is_none());
        let sizes =
            |all: Vec<Vec<u8>>| all.iter().map(|it| it.capacity() >> 10).collect::<Vec<_>>();
        assert_eq!(sizes(pool.surplus()), [100, 200]);
        assert_eq!(sizes(pool.surplus()), [400]);
        assert_eq!(pool.bytes, 0);
    }

    #[test]
    fn room_is_made_for_what_was_announced_as_it_comes() {
        let check = |announced: Option<usize>, pieces: &[usize], want: usize| {
            let mut buffer = Vec::new();
            for bytes in pieces {
                gather(&mut buffer, &vec![7; *bytes], announced);
            }
            assert_eq!(buffer, vec![7; pieces.iter().sum()]);
            assert_eq!(buffer.capacity(), want, "{announced:?} {pieces:?}");
        };
        check(Some(5000), &[1], 5000);
        check(Some(5000), &[1, 4999], 5000);
        check(Some(4 << 20), &[1], 1 << 20);
        check(Some(4 << 20), &[1 << 20, 1], 2 << 20);
        check(Some(3 << 20), &[1 << 20, 1 << 20, 1], 3 << 20);
        check(Some(4 << 20), &[2 << 20], 2 << 20);
        // More than was announced is the caller's business.
        check(Some(1), &[1, 10], 11);
        check(None, &[10], 20);
        check(None, &[10, 11], 21);
    }

    #[test]
    fn frozen_bytes_are_those_that_were_written_and_their_memory_comes_back() {
        let mut buffer = take(3_000_000);
        buffer.extend_from_slice(b"abc");
        let memory = buffer.as_ptr();
        let bytes = freeze(buffer);
        let other = bytes.clone();
        drop(bytes);
        assert_eq!(&other[..], b"abc");
        drop(other);
        let again = take(2_900_000);
        assert_eq!((again.as_ptr(), again.len()), (memory, 0));
    }
}
