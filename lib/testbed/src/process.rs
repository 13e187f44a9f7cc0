//! What a process costs, from `/proc/PID`.

use std::fs;
use std::time::Duration;

/// Cost of a process so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// User and system time of all its threads, in steps of 10 ms.
    pub cpu: Duration,
    /// Resident memory now.
    pub resident_bytes: u64,
    /// Most resident memory so far.
    pub resident_peak_bytes: u64,
}

impl Usage {
    /// Of a running process; `None` when there is none with this number.
    pub fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // Fields 14 and 15 (utime, stime), counted behind the name, which may hold blanks. proc(5).
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
        let ticks: u64 =
            fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let kib = |name: &str| -> Option<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim_start_matches(':').trim().strip_suffix(" kB")?.parse().ok()
        };
        Some(Self {
            cpu: Duration::from_millis(ticks * 10),
            resident_bytes: kib("VmRSS").unwrap_or(0) * 1024,
            resident_peak_bytes: kib("VmHWM").unwrap_or(0) * 1024,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_an_absent_one_has_nothing() {
        let usage = Usage::of(std::process::id()).unwrap();
        assert!(usage.resident_bytes > 0 && usage.resident_peak_bytes >= usage.resident_bytes);
        assert_eq!(Usage::of(u32::MAX), None);
    }
}
