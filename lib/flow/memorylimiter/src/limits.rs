//! Limits in bytes, and what the process uses.

use std::fs;

use crate::MIB;
use crate::config::Config;

/// Limits in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Never to be exceeded.
    pub(crate) hard: u64,
    /// From here on data is refused.
    pub(crate) soft: u64,
}

impl Limits {
    /// The limits of a section on a machine with `total` bytes for this process.
    pub(crate) fn new(config: &Config, total: u64) -> Self {
        let (hard, spike) = if config.limit_mib > 0 {
            (u64::from(config.limit_mib) * MIB, u64::from(config.spike_limit_mib) * MIB)
        } else {
            let share = |percent: u32| total / 100 * u64::from(percent);
            (share(config.limit_percentage), share(config.spike_limit_percentage))
        };
        let spike = if spike == 0 { hard / 5 } else { spike };
        Self { hard, soft: hard.saturating_sub(spike) }
    }
}

/// Memory that this process may use: the smallest of the control group's limit (v2, v1) and the
/// machine's.
pub(crate) fn total_memory() -> Option<u64> {
    let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|it| kib(&it, "MemTotal:"));
    let group = number("/sys/fs/cgroup/memory.max")
        .or_else(|| number("/sys/fs/cgroup/memory/memory.limit_in_bytes"));
    group.into_iter().chain(machine).min()
}

/// Resident memory of this process in bytes.
pub fn used_memory() -> Option<u64> {
    kib(&fs::read_to_string("/proc/self/status").ok()?, "VmRSS:")
}

/// The bytes in a line `name   123 kB`.
fn kib(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mebibytes_win_over_percentages_and_a_fifth_is_for_spikes() {
        let mut config = Config { limit_mib: 100, limit_percentage: 50, ..Config::default() };
        assert_eq!(Limits::new(&config, 1000 * MIB), Limits { hard: 100 * MIB, soft: 80 * MIB });
        config.limit_mib = 0;
        config.spike_limit_percentage = 20;
        assert_eq!(Limits::new(&config, 1000 * MIB), Limits { hard: 500 * MIB, soft: 300 * MIB });
    }

    #[test]
    fn the_process_uses_some_of_what_there_is() {
        let (used, total) = (used_memory().unwrap(), total_memory().unwrap());
        assert!(0 < used && used < total);
    }
}
