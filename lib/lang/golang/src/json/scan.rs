//! What the JSON parser does with many bytes or many keys at once.

use crate::value::{self, Pair};

/// Keys of one object that are compared with each other; above it they are sorted.
const KEYS_SCAN_MAX: usize = 24;

/// Tells whether keys are certainly all different, without comparing them with each other.
pub(super) struct KeySet {
    seen: u64,
    pub(super) distinct: bool,
}

impl Default for KeySet {
    fn default() -> Self {
        Self { seen: 0, distinct: true }
    }
}

impl KeySet {
    /// Takes note of a key.
    #[inline]
    pub(super) fn add(&mut self, key: &str) {
        let bit = 1 << (value::fingerprint(key) & 63);
        self.distinct &= self.seen & bit == 0;
        self.seen |= bit;
    }
}

/// How many bytes from the start need no attention: no quote, no backslash, no control character.
#[inline]
pub(super) fn plain(bytes: &[u8]) -> usize {
    let mut at = 0;
    // Most strings end here.
    while let Some(chunk) = bytes.get(at..).and_then(|it| it.first_chunk::<8>()).filter(|_| at < 16)
    {
        match special(*chunk) {
            0 => at += 8,
            found => return at + (found.trailing_zeros() / 8) as usize,
        }
    }
    // The compiler turns this into vector instructions.
    while let Some(chunk) = bytes.get(at..).and_then(|it| it.first_chunk::<32>()) {
        let odd = |it: &u8| u8::from(*it < 0x20) | u8::from(*it == b'"') | u8::from(*it == b'\\');
        if chunk.iter().fold(0, |all, it| all | odd(it)) != 0 {
            break;
        }
        at += 32;
    }
    while let Some(chunk) = bytes.get(at..).and_then(|it| it.first_chunk::<8>()) {
        match special(*chunk) {
            0 => at += 8,
            found => return at + (found.trailing_zeros() / 8) as usize,
        }
    }
    let rest = bytes.get(at..).unwrap_or(&[]);
    at + rest.iter().position(|it| matches!(it, b'"' | b'\\' | 0..0x20)).unwrap_or(rest.len())
}

/// The high bit of every byte that needs attention; above the lowest one bits may be set in error.
#[inline]
fn special(chunk: [u8; 8]) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let word = u64::from_le_bytes(chunk);
    let below = |it: u64, limit: u8| it.wrapping_sub(ONES * u64::from(limit)) & !it & HIGH;
    let quote = below(word ^ (ONES * u64::from(b'"')), 1);
    let backslash = below(word ^ (ONES * u64::from(b'\\')), 1);
    quote | backslash | below(word, 0x20)
}

/// Moves one entry per key to the front, each with its last value, and says how many there are.
pub(super) fn distinct(entries: &mut [Pair<'_>]) -> usize {
    if entries.len() > KEYS_SCAN_MAX {
        return distinct_sorted(entries);
    }
    let mut kept = 0;
    for at in 0..entries.len() {
        let (key, value) = entries[at];
        if let Some(pair) = entries[..kept].iter_mut().find(|(k, _)| *k == key) {
            pair.1 = value;
        } else {
            entries[kept] = (key, value);
            kept += 1;
        }
    }
    kept
}

fn distinct_sorted(entries: &mut [Pair<'_>]) -> usize {
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|at| entries[*at].0);
    // Equal keys are neighbours now, in the order written: the first keeps its place, the last its value.
    let mut dropped: Vec<usize> = Vec::new();
    let mut first = 0;
    for at in 1..order.len() {
        if entries[order[at]].0 == entries[order[first]].0 {
            entries[order[first]].1 = entries[order[at]].1;
            dropped.push(order[at]);
        } else {
            first = at;
        }
    }
    if dropped.is_empty() {
        return entries.len();
    }
    dropped.sort_unstable();
    let mut kept = 0;
    let mut next = dropped.into_iter().peekable();
    for at in 0..entries.len() {
        if next.next_if_eq(&at).is_none() {
            entries[kept] = entries[at];
            kept += 1;
        }
    }
    kept
}
