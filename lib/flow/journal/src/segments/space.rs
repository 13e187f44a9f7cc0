//! How much of the disk a queue may take.

use std::path::Path;

/// Looks at the disk again after so many bytes: others write to it, too.
const LOOK_BYTES: u64 = 1 << 20;
/// Part of the file system that is left free unless it is said otherwise, and the most that this is. On a large disk a
/// twentieth would be far more than anybody needs; journald's `SystemKeepFree` has the same bound.
const FREE_PART: u64 = 20;
const FREE_BYTES_MAX: u64 = 4 << 30;

/// What the files of one queue may take.
#[derive(Debug, Clone, Copy, Default)]
pub struct DiskLimits {
    /// Bytes of all its segments; 0 is no limit.
    pub max_size: u64,
    /// Bytes that are left free on the file system; `None` is a twentieth of it, at most 4 GiB.
    pub min_free: Option<u64>,
}

/// The same, and when the disk has to be looked at.
#[derive(Debug, Default)]
pub(super) struct Space {
    pub(super) limits: DiskLimits,
    /// So much may be written before the disk is looked at again.
    looked: u64,
}

impl Space {
    pub(super) fn new(limits: DiskLimits) -> Self {
        Self { limits, looked: 0 }
    }

    /// True when a record of so many bytes can never be stored.
    pub(super) fn is_too_large(&self, bytes: u64) -> bool {
        self.limits.max_size > 0 && bytes > self.limits.max_size
    }

    /// Room for `bytes` more beside the `used` ones, or why there is none.
    pub(super) fn take(&mut self, folder: &Path, used: u64, bytes: u64) -> Result<(), String> {
        let max_size = self.limits.max_size;
        if max_size > 0 && used + bytes > max_size {
            return Err(format!("the queue has reached the max_size of {max_size} bytes"));
        }
        if bytes <= self.looked {
            self.looked -= bytes;
            return Ok(());
        }
        // A disk that does not say how full it is has no limit.
        let Ok(disk) = rustix::fs::statvfs(folder) else { return Ok(()) };
        let min_free = self.limits.min_free.unwrap_or_else(|| {
            (disk.f_blocks.saturating_mul(disk.f_frsize) / FREE_PART).min(FREE_BYTES_MAX)
        });
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if min_free > 0 && free < min_free.saturating_add(bytes) {
            let mib = |bytes: u64| bytes >> 20;
            return Err(format!(
                "the disk has {} MiB free, and {} are left to others; make room on the disk, or set min_free_mib",
                mib(free),
                mib(min_free)
            ));
        }
        self.looked = free.saturating_sub(min_free).saturating_sub(bytes).min(LOOK_BYTES);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_has_room_up_to_its_size_and_a_disk_up_to_what_is_left_to_others() {
        let folder = tempfile::tempdir().unwrap();
        let take = |limits: DiskLimits, used, bytes| {
            Space::new(limits)
                .take(folder.path(), used, bytes)
                .map_err(|it| it.contains("max_size"))
        };
        let max_size = DiskLimits { max_size: 100, min_free: Some(0) };
        assert_eq!((take(max_size, 60, 40), take(max_size, 60, 41)), (Ok(()), Err(true)));
        assert!(Space::new(max_size).is_too_large(101) && !Space::new(max_size).is_too_large(100));
        let all = DiskLimits { max_size: 0, min_free: Some(u64::MAX) };
        assert_eq!(take(all, 0, 1), Err(false));
        // Without a limit the disk says itself when it is full.
        let none = DiskLimits { max_size: 0, min_free: Some(0) };
        assert_eq!((take(none, 0, 1), take(none, 0, u64::MAX)), (Ok(()), Ok(())));
    }
}
