//! What /proc/<pid>/stat and status say of a process.

use crate::machine::{Failure, Root};
use crate::text::{fields, lines, number};

/// The processes that there are now, in the order of their numbers.
///
/// # Errors
/// /proc cannot be read.
pub(crate) fn pids(root: &Root) -> Result<Vec<u32>, Failure> {
    let path = root.proc("");
    let failure =
        |error| Failure::new("open", path.to_string_lossy().trim_end_matches('/'), &error);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&path).map_err(failure)? {
        let name = entry.map_err(failure)?.file_name();
        found.extend(name.to_str().and_then(|it| it.parse::<u32>().ok()));
    }
    found.sort_unstable();
    Ok(found)
}

/// The columns of /proc/<pid>/stat that are of use. proc(5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) state: u8,
    pub(crate) parent: u64,
    pub(crate) minor_faults: u64,
    pub(crate) major_faults: u64,
    /// In clock ticks.
    pub(crate) user: u64,
    pub(crate) system: u64,
    /// When it began, in clock ticks since the machine was started.
    pub(crate) start: u64,
    /// How long it has waited for disks, in clock ticks; 0 where the kernel does not count it.
    pub(crate) waited: u64,
}

impl Stat {
    /// `None` if it is not such a line.
    pub(crate) fn new(stat: &[u8]) -> Option<Self> {
        // The name may have blanks and brackets in it.
        let at = stat.iter().rposition(|it| *it == b')')?;
        let mut columns = fields(stat.get(at + 1..)?);
        let state = *columns.next()?.first()?;
        // From the fourth column on.
        let mut numbers = columns.map(|it| number(it).unwrap_or_default());
        let parent = numbers.next()?;
        let minor_faults = numbers.nth(5)?;
        let major_faults = numbers.nth(1)?;
        let user = numbers.nth(1)?;
        let system = numbers.next()?;
        let start = numbers.nth(6)?;
        let waited = numbers.nth(19).unwrap_or_default();
        Some(Self { state, parent, minor_faults, major_faults, user, system, start, waited })
    }
}

/// The lines of /proc/<pid>/status that are of use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Status<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) user: Option<u32>,
    pub(crate) threads: u64,
    /// The signals that wait for the process, as a mask.
    pub(crate) pending: u64,
    pub(crate) voluntary: u64,
    pub(crate) involuntary: u64,
}

impl<'a> Status<'a> {
    pub(crate) fn new(status: &'a [u8]) -> Self {
        let mut it = Self::default();
        for line in lines(status) {
            let Some(at) = line.iter().position(|it| *it == b':') else { continue };
            let (key, value) = (&line[..at], line[at + 1..].trim_ascii());
            let first = fields(value).next().unwrap_or_default();
            let count = || number(first).unwrap_or_default();
            match key {
                b"Name" => it.name = value,
                b"Uid" => it.user = number(first).ok().and_then(|it| u32::try_from(it).ok()),
                b"Threads" => it.threads = count(),
                b"ShdPnd" => it.pending = mask(first),
                b"voluntary_ctxt_switches" => it.voluntary = count(),
                b"nonvoluntary_ctxt_switches" => it.involuntary = count(),
                _ => {}
            }
        }
        it
    }
}

/// A mask in hexadecimal, of which gopsutil takes the last 64 bits.
fn mask(digits: &[u8]) -> u64 {
    let last = digits.get(digits.len().saturating_sub(16)..).unwrap_or_default();
    let text = std::str::from_utf8(last).unwrap_or_default();
    u64::from_str_radix(text, 16).unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// For the test that nothing panics on any bytes.
    pub(crate) fn any(bytes: &[u8]) {
        Stat::new(bytes);
        Status::new(bytes);
    }

    #[test]
    fn names_of_processes_may_look_like_columns() {
        // Columns 3 to 44 hold their own number, but the state.
        let columns: Vec<String> = (4..=44).map(|it| it.to_string()).collect();
        let line = format!("1234 (a) b (c) S {}\n", columns.join(" "));
        let want = Stat {
            state: b'S',
            parent: 4,
            minor_faults: 10,
            major_faults: 12,
            user: 14,
            system: 15,
            start: 22,
            waited: 42,
        };
        assert_eq!(Stat::new(line.as_bytes()), Some(want));
        let old = format!("1 (init) R {}", columns[..20].join(" "));
        assert_eq!(Stat::new(old.as_bytes()).map(|it| it.waited), Some(0), "2.6.16");
        assert_eq!(Stat::new(b"1 (init) R 1 2 3"), None);
        assert_eq!(Stat::new(b""), None);
    }

    #[test]
    fn status_is_read_by_name() {
        let text = "Name:\tkworker/0:1H\nUmask:\t0000\nState:\tI (idle)\nUid:\t1000\t0\t0\t0\nThreads:\t7\n\
                    ShdPnd:\t00000000000000000000000000004000\nvoluntary_ctxt_switches:\t15\n\
                    nonvoluntary_ctxt_switches:\t3\n";
        let want = Status {
            name: b"kworker/0:1H",
            user: Some(1000),
            threads: 7,
            pending: 0x4000,
            voluntary: 15,
            involuntary: 3,
        };
        assert_eq!(Status::new(text.as_bytes()), want);
    }

    #[test]
    fn this_test_is_a_process() {
        let pids = pids(&Root::new("")).unwrap();
        assert!(pids.contains(&std::process::id()));
        let stat = std::fs::read("/proc/self/stat").unwrap();
        let stat = Stat::new(&stat).unwrap();
        assert_eq!(u32::try_from(stat.parent), Ok(std::os::unix::process::parent_id()));
    }
}
