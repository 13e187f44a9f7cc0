//! Counters that make a surprise visible: they are debug telemetry, nothing depends on them.

use std::sync::atomic::{AtomicU64, Ordering};

/// Fields a view met that it could not read, although the payload was validated.
static UNREADABLE: AtomicU64 = AtomicU64::new(0);
/// Strings a view met that are not UTF-8.
static NOT_UTF8: AtomicU64 = AtomicU64::new(0);

#[cold]
pub(crate) fn count_unreadable() {
    UNREADABLE.fetch_add(1, Ordering::Relaxed);
}

#[cold]
pub(crate) fn count_not_utf8() {
    NOT_UTF8.fetch_add(1, Ordering::Relaxed);
}

/// Fields that views skipped because they could not read them. Anything but 0 is a bug in `pdata`.
pub fn unreadable_total() -> u64 {
    UNREADABLE.load(Ordering::Relaxed)
}

/// How often a view yielded only the valid beginning of a string that is not UTF-8.
pub fn not_utf8_total() -> u64 {
    NOT_UTF8.load(Ordering::Relaxed)
}
