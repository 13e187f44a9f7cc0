//! The metrics of one process, each from its file below /proc/<pid>.

use scraping::Errors;

use super::{Processes, Table, Used};
use crate::machine::{Failure, TICKS};
use crate::proc_stat::{Stat, Status};
use crate::text::{fields, first, lines, number, pair};

/// User, system, and the time for which it waited for disks, as upstream calls them.
const MODES: [&str; 3] = ["user", "system", "wait"];

/// Why a metric could not be measured. Who has ended meanwhile is no reason to say something.
enum Missing {
    Ended,
    Because(String),
}

impl From<Failure> for Missing {
    fn from(failure: Failure) -> Self {
        if failure.is_gone() { Missing::Ended } else { Missing::Because(failure.text) }
    }
}

impl From<String> for Missing {
    fn from(text: String) -> Self {
        Missing::Because(text)
    }
}

impl Processes {
    /// Records all metrics that are wanted. `start` and `now` are in nanoseconds since 1970.
    pub(super) fn measure(
        &mut self,
        pid: u32,
        stat: &Stat,
        (start, now): (u64, u64),
        errors: &mut Errors,
    ) {
        self.cpu(pid, stat, now);
        self.builder.uint(Table::PagingFaults, stat.major_faults, &["major".into()]);
        self.builder.uint(Table::PagingFaults, stat.minor_faults, &["minor".into()]);
        self.builder.double(Table::Uptime, now.saturating_sub(start) as f64 / 1e9, &[]);
        let steps: [(&str, u64, Result<(), Missing>); 5] = [
            ("error reading memory info", 2, self.memory(pid)),
            ("error reading disk usage", 1, self.disk(pid)),
            ("error reading thread info", 1, self.status(pid)),
            ("error reading context switch counts", 1, self.context_switches(pid)),
            ("error reading open file descriptor count", 1, self.descriptors(pid)),
        ];
        for (what, failed, answer) in steps {
            let Err(Missing::Because(why)) = answer else { continue };
            let name = &self.identity.name;
            errors.partial(failed, format!("{what} for process {name:?} (pid {pid}): {why}"));
        }
    }

    fn cpu(&mut self, pid: u32, stat: &Stat, now: u64) {
        let used = Used { ticks: [stat.user, stat.system, stat.waited], at: now };
        for (mode, ticks) in MODES.into_iter().zip(used.ticks) {
            self.builder.double(Table::CpuTime, ticks as f64 / TICKS, &[mode.into()]);
        }
        if !self.builder.wants(Table::CpuUtilization) {
            return;
        }
        let key = (pid, stat.start);
        self.used.insert(key, used);
        let Some(before) = self.used_before.get(&key) else { return };
        let elapsed = now.saturating_sub(before.at) as f64 / 1e9;
        for ((mode, now), before) in MODES.into_iter().zip(used.ticks).zip(before.ticks) {
            let spent = (now as f64 - before as f64) / TICKS;
            let part = if elapsed > 0.0 { spent / elapsed / self.cpus } else { 0.0 };
            self.builder.double(Table::CpuUtilization, part, &[mode.into()]);
        }
    }

    fn memory(&mut self, pid: u32) -> Result<(), Missing> {
        let metrics = [Table::MemoryUsage, Table::MemoryVirtual, Table::MemoryUtilization];
        if !self.builder.wants_any(&metrics) {
            return Ok(());
        }
        let statm = self.files.proc(format_args!("{pid}/statm"))?;
        let ([size, resident], _) = first::<2>(statm);
        let bytes = |pages| number(pages).map(|it| it.saturating_mul(self.page_size));
        let (size, resident) = (bytes(size)?, bytes(resident)?);
        self.builder.uint(Table::MemoryUsage, resident, &[]);
        self.builder.uint(Table::MemoryVirtual, size, &[]);
        if self.memory_total > 0 {
            self.builder.double(
                Table::MemoryUtilization,
                percent(resident, self.memory_total),
                &[],
            );
        }
        Ok(())
    }

    fn disk(&mut self, pid: u32) -> Result<(), Missing> {
        if !self.builder.wants_any(&[Table::DiskIo, Table::DiskOperations]) {
            return Ok(());
        }
        let text = match self.files.proc(format_args!("{pid}/io")) {
            Ok(text) => text,
            Err(_) if self.config.mute_process_io_error => return Ok(()),
            Err(failure) => return Err(failure.into()),
        };
        let [read, written, reads, writes] = io(text)?;
        for (direction, bytes, operations) in [("read", read, reads), ("write", written, writes)] {
            self.builder.uint(Table::DiskIo, bytes, &[direction.into()]);
            self.builder.uint(Table::DiskOperations, operations, &[direction.into()]);
        }
        Ok(())
    }

    fn status(&mut self, pid: u32) -> Result<(), Missing> {
        if !self.builder.wants_any(&[Table::Threads, Table::SignalsPending]) {
            return Ok(());
        }
        let status = Status::new(self.files.proc(format_args!("{pid}/status"))?);
        let (threads, pending) = (status.threads, status.pending);
        self.builder.uint(Table::Threads, threads, &[]);
        self.builder.uint(Table::SignalsPending, pending, &[]);
        Ok(())
    }

    /// The kernel counts them for each thread.
    fn context_switches(&mut self, pid: u32) -> Result<(), Missing> {
        if !self.builder.wants(Table::ContextSwitches) {
            return Ok(());
        }
        let (mut voluntary, mut involuntary) = (0, 0);
        for thread in self.entries(pid, "task")? {
            let Ok(thread) = thread.parse::<u32>() else { continue };
            match self.files.proc(format_args!("{pid}/task/{thread}/status")) {
                Ok(status) => {
                    let status = Status::new(status);
                    voluntary += status.voluntary;
                    involuntary += status.involuntary;
                }
                Err(failure) if failure.is_gone() => {}
                Err(failure) => return Err(failure.into()),
            }
        }
        self.builder.uint(Table::ContextSwitches, involuntary, &["involuntary".into()]);
        self.builder.uint(Table::ContextSwitches, voluntary, &["voluntary".into()]);
        Ok(())
    }

    fn descriptors(&mut self, pid: u32) -> Result<(), Missing> {
        if self.builder.wants(Table::OpenFileDescriptors) {
            let count = self.entries(pid, "fd")?.count() as u64;
            self.builder.uint(Table::OpenFileDescriptors, count, &[]);
        }
        Ok(())
    }

    /// The names in a folder of the process.
    fn entries(
        &self,
        pid: u32,
        folder: &str,
    ) -> Result<impl Iterator<Item = String> + use<>, Missing> {
        let path = self.files.root.proc(format_args!("{pid}/{folder}"));
        let read = std::fs::read_dir(&path);
        let read = read.map_err(|error| Failure::new("open", path.display(), &error))?;
        Ok(read.filter_map(|it| it.ok()?.file_name().into_string().ok()))
    }
}

/// As gopsutil works it out: in single precision, and out of a hundred.
fn percent(part: u64, whole: u64) -> f64 {
    f64::from(100.0 * part as f32 / whole as f32)
}

/// Bytes read and written, and how often: by the calls of the process, not by the disk, as upstream has it.
///
/// # Errors
/// A number that is none.
fn io(text: &[u8]) -> Result<[u64; 4], String> {
    let mut all = [0; 4];
    for line in lines(text) {
        let Some((key, value)) = pair(line, b':') else { continue };
        let at = match key {
            b"rchar" => 0,
            b"wchar" => 1,
            b"syscr" => 2,
            b"syscw" => 3,
            _ => continue,
        };
        all[at] = number(fields(value).next().unwrap_or_default())?;
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_and_not_what_the_disk_did() {
        let text = b"rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 5\nwrite_bytes: 6\ncancelled_write_bytes: 7\n";
        assert_eq!(io(text), Ok([1, 2, 3, 4]));
        assert!(io(b"rchar: x\n").is_err());
        assert!((percent(1, 4) - 25.0).abs() < 1e-9);
    }
}
