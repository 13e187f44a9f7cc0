//! What a process costs, from `/proc/PID`.

use std::fs;
use std::time::Duration;

/// Cost of a process so far, all its threads together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// User and system time, in steps of 10 ms.
    pub cpu: Duration,
    /// The system time in it.
    pub system: Duration,
    /// Resident memory now.
    pub resident_bytes: u64,
    /// Most resident memory so far.
    pub resident_peak_bytes: u64,
    /// Threads now.
    pub threads: u64,
    /// Times that a thread of now has gone to sleep, which is how often it was woken.
    pub switches_voluntary: u64,
    /// Times that a thread of now was pushed aside by another.
    pub switches_forced: u64,
    /// Bytes fetched from disks.
    pub disk_read_bytes: u64,
    /// Bytes handed to disks.
    pub disk_written_bytes: u64,
}

/// One tick of `/proc/PID/stat`. `USER_HZ` is 100 on Linux.
const TICK: Duration = Duration::from_millis(10);

impl Usage {
    /// Of a running process; `None` when there is none with this number.
    pub fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // Fields 14 and 15 (utime, stime), counted behind the name, which may hold blanks. proc(5).
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
        let mut ticks = || Some(TICK * fields.next()?.parse::<u32>().ok()?);
        let (user, system) = (ticks()?, ticks()?);
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        // Of a process that is not ours, or with accounting off: nothing.
        let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
        let (switches_voluntary, switches_forced) = switches(pid);
        Some(Self {
            cpu: user + system,
            system,
            resident_bytes: number(&status, "VmRSS") * 1024,
            resident_peak_bytes: number(&status, "VmHWM") * 1024,
            threads: number(&status, "Threads"),
            switches_voluntary,
            switches_forced,
            disk_read_bytes: number(&io, "read_bytes"),
            disk_written_bytes: number(&io, "write_bytes"),
        })
    }
}

/// The number behind `name:`; 0 when there is none.
fn number(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let word = line.and_then(|it| it.split_whitespace().next());
    word.and_then(|it| it.parse().ok()).unwrap_or(0)
}

/// Summed over the threads of a process.
fn switches(pid: u32) -> (u64, u64) {
    let mut sum = (0, 0);
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    for thread in threads {
        let status = fs::read_to_string(thread.path().join("status")).unwrap_or_default();
        sum.0 += number(&status, "voluntary_ctxt_switches");
        sum.1 += number(&status, "nonvoluntary_ctxt_switches");
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_an_absent_one_has_nothing() {
        let usage = Usage::of(std::process::id()).unwrap();
        assert!(usage.resident_bytes > 0 && usage.resident_peak_bytes >= usage.resident_bytes);
        assert!(usage.threads > 0 && usage.switches_voluntary + usage.switches_forced > 0);
        assert_eq!(Usage::of(u32::MAX), None);
    }
}
