//! How many files may be open.
//!
//! There are two limits. `max_concurrent_files` is the reader's own. That of the process has to do for sockets and for
//! walks over directories, too, so the last part of it is left to them. Nobody counts what others have open: the
//! kernel hands out the lowest number that is free, so the number of a descriptor says how many are in use at least.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};
use tokio::time::Instant;

use crate::FileKey;

/// This part of the process's descriptors is not for files that are followed.
const RESERVE_SHARE: u64 = 4;
/// But not more than so many.
const RESERVE_MAX: u64 = 1024;

/// The open files of one reader.
pub(crate) struct Descriptors {
    /// Files that are open.
    pub open: usize,
    /// How many may be.
    max: usize,
    /// How many could be when the reserve was reached, and until when that counts.
    pub cap: Option<(usize, Instant)>,
    /// Files that have something and may not be open, the next one first.
    pub parked: VecDeque<FileKey>,
    /// Until then none of them is tried again.
    pub retry_at: Option<Instant>,
    /// For want of a descriptor the walk under way has not seen everything.
    pub is_short: bool,
    pub said_parked: bool,
    pub said_short: bool,
}

impl Descriptors {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            open: 0,
            max,
            cap: None,
            parked: VecDeque::new(),
            retry_at: None,
            is_short: false,
            said_parked: false,
            said_short: false,
        }
    }

    /// How many more files may be open.
    pub(crate) fn free(&self, now: Instant) -> usize {
        let cap = self.cap.filter(|it| now < it.1).map_or(self.max, |it| it.0);
        cap.min(self.max).max(1).saturating_sub(self.open)
    }

    /// The next time that something has to be done for those that are parked.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.retry_at.filter(|_| !self.parked.is_empty())
    }

    /// Files that have something and wait for a descriptor.
    pub(crate) fn waiting(&self) -> usize {
        self.parked.len()
    }
}

/// True when neither the process nor the machine has a descriptor left.
pub(crate) fn is_want(error: &io::Error) -> bool {
    let number = error.raw_os_error();
    number == Some(Errno::MFILE.raw_os_error()) || number == Some(Errno::NFILE.raw_os_error())
}

/// How many descriptors of the process are left to sockets and walks, and the number of the first one.
fn reserve() -> (u64, u64) {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let reserve = (limit / RESERVE_SHARE).min(RESERVE_MAX);
    (reserve, limit - reserve)
}

/// How many files may be open for a moment, beside those that are followed.
pub(crate) fn moment_max() -> usize {
    usize::try_from(reserve().0 / 4).unwrap_or(usize::MAX).max(1)
}

/// True for one of the last descriptors.
pub(crate) fn is_of_reserve(file: &File) -> bool {
    u64::try_from(file.as_raw_fd()).is_ok_and(|it| it >= reserve().1)
}
