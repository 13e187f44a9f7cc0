//! `scrapers: memory:`: /proc/meminfo.

use component::Problems;
use scraping::{BlockingScraper, Builder, Errors, MetricsSection, ResourceSection, Scraped};
use serde::{Deserialize, Serialize};

use crate::machine::{Failure, Files, Machine, page_size};
use crate::precision::ratio;
use crate::text::{fields, lines, number, pair};

/// How many metrics are missed when the file cannot be read. Upstream's number.
const METRICS: u64 = 2;

scraping::catalog! {
    /// Metrics of the scraper `memory`.
    pub enum Table: crate::scope!("memory"), crate::SCHEMA_URL;
    metrics {
        Available = Metric::up_down(
            "system.linux.memory.available",
            "By",
            "An estimate of how much memory is available for starting new applications, without \
             swapping. This is a more accurate alternative than system.memory.usage with \
             state=free. (Linux only)",
            Int,
        ).off();
        Dirty = Metric::up_down(
            "system.linux.memory.dirty",
            "By",
            "The amount of dirty memory according to `/proc/meminfo`.",
            Int,
        ).off();
        Limit = Metric::up_down(
            "system.memory.limit",
            "By",
            "Total bytes of memory available.",
            Int,
        ).off();
        HugePagesLimit = Metric::up_down(
            "system.memory.linux.hugepages.limit",
            "{page}",
            "Total number of hugepages available.",
            Int,
        ).off();
        HugePagesPageSize = Metric::up_down(
            "system.memory.linux.hugepages.page_size",
            "By",
            "System hugepage size in bytes.",
            Int,
        ).off();
        HugePagesReserved = Metric::up_down(
            "system.memory.linux.hugepages.reserved",
            "{page}",
            "Number of reserved hugepages (hugepages for which a commitment to allocate has been \
             made, but no allocation has yet been made). This is reported as a separate metric \
             rather than a usage state because reserved pages are already counted in free pages - \
             they represent a subset of free pages that cannot be used for non-reserved \
             allocations.",
            Int,
        ).off();
        HugePagesSurplus = Metric::up_down(
            "system.memory.linux.hugepages.surplus",
            "{page}",
            "Number of surplus hugepages (overcommitted hugepages beyond the persistent pool). \
             This is reported as a separate metric rather than a usage state because surplus \
             pages can be in either used or free state, and including them would break the \
             semantic convention that usage states must sum to the limit.",
            Int,
        ).off();
        HugePagesUsage = Metric::up_down(
            "system.memory.linux.hugepages.usage",
            "{page}",
            "Number of hugepages in use by state.",
            Int,
        ).by(&["system.memory.linux.hugepages.state"]).off();
        HugePagesUtilization = Metric::gauge(
            "system.memory.linux.hugepages.utilization",
            "1",
            "Percentage of hugepages in use by state.",
            Double,
        ).by(&["system.memory.linux.hugepages.state"]).off();
        Shared = Metric::up_down(
            "system.memory.linux.shared",
            "By",
            "Shared memory usage, including tmpfs filesystems and System V/POSIX shared memory. \
             Only supported on Linux.",
            Int,
        ).off();
        PageSize = Metric::gauge(
            "system.memory.page_size",
            "By",
            "A constant value for the system's configured page size.",
            Int,
        ).off();
        Usage = Metric::up_down(
            "system.memory.usage",
            "By",
            "Bytes of memory in use.",
            Int,
        ).by(&["state"]);
        Utilization = Metric::gauge(
            "system.memory.utilization",
            "1",
            "Percentage of memory bytes in use.",
            Double,
        ).by(&["state"]).off();
    }
}

/// `scrapers: memory:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "memoryscraper.Config")]
pub struct Config {
    /// Which metrics are sent, and by which attributes.
    pub metrics: MetricsSection<Table>,
}

impl Config {
    pub(crate) fn validate(&self, problems: &mut Problems) {
        self.metrics.validate("scrapers::memory::metrics", problems);
    }
}

/// /proc/meminfo in bytes; huge pages in pages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) total: u64,
    free: u64,
    available: Option<u64>,
    buffers: u64,
    cached: u64,
    dirty: u64,
    shared: u64,
    slab_reclaimable: u64,
    slab_unreclaimable: u64,
    files_active: u64,
    files_inactive: u64,
    huge: HugePages,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct HugePages {
    size: u64,
    total: u64,
    free: u64,
    reserved: u64,
    surplus: u64,
}

/// Reads /proc/meminfo. Lines that are not known are passed over.
///
/// # Errors
/// A number that is none.
pub(crate) fn memory(meminfo: &[u8]) -> Result<Memory, String> {
    let mut it = Memory::default();
    for line in lines(meminfo) {
        let Some((key, value)) = pair(line, b':') else { continue };
        let slot = match key {
            b"MemTotal" => &mut it.total,
            b"MemFree" => &mut it.free,
            b"MemAvailable" => it.available.insert(0),
            b"Buffers" => &mut it.buffers,
            b"Cached" => &mut it.cached,
            b"Dirty" => &mut it.dirty,
            b"Shmem" => &mut it.shared,
            b"SReclaimable" => &mut it.slab_reclaimable,
            b"SUnreclaim" => &mut it.slab_unreclaimable,
            b"Active(file)" => &mut it.files_active,
            b"Inactive(file)" => &mut it.files_inactive,
            b"Hugepagesize" => &mut it.huge.size,
            b"HugePages_Total" => &mut it.huge.total,
            b"HugePages_Free" => &mut it.huge.free,
            b"HugePages_Rsvd" => &mut it.huge.reserved,
            b"HugePages_Surp" => &mut it.huge.surplus,
            _ => continue,
        };
        *slot = match value.strip_suffix(b" kB") {
            Some(kibibytes) => number(kibibytes.trim_ascii())?.saturating_mul(1024),
            None => number(value)?,
        };
    }
    // Slabs that can be given back are a part of the cache, as in free(1).
    it.cached = it.cached.saturating_add(it.slab_reclaimable);
    Ok(it)
}

impl Memory {
    /// What can be used without swapping. Kernels before 3.14 do not say it: then it is worked out as they would.
    fn available(&self, low: u64) -> u64 {
        if let Some(available) = self.available {
            return available;
        }
        let pages = self.files_active.saturating_add(self.files_inactive);
        if pages == 0 {
            return self.cached.saturating_add(self.free);
        }
        let usable = |bytes: u64| bytes - (bytes / 2).min(low);
        let sum = self.free.saturating_sub(low).saturating_add(usable(pages));
        sum.saturating_add(usable(self.slab_reclaimable))
    }
}

/// The pages that the kernel keeps free: the sum of the lines `low` of /proc/zoneinfo.
fn low_pages(zoneinfo: &[u8]) -> u64 {
    let low = |line: &[u8]| {
        let mut words = fields(line);
        (words.next()? == b"low").then(|| words.next().and_then(|it| number(it).ok()))?
    };
    lines(zoneinfo).filter_map(low).fold(0, u64::saturating_add)
}

/// The scraper.
pub(crate) struct Usage {
    files: Files,
    builder: Builder<Table>,
    page_size: u64,
}

impl Usage {
    pub(crate) fn new(machine: &Machine, config: &Config) -> Self {
        let mut builder =
            Builder::new(&config.metrics, &ResourceSection::default(), machine.version);
        builder.start(machine.boot);
        Self { files: Files::new(&machine.root), builder, page_size: page_size() }
    }

    /// What there is, and what of it is available.
    fn read(&mut self) -> Result<(Memory, u64), String> {
        let read = self.files.proc(format_args!("meminfo")).map_err(Failure::not_read);
        let memory = memory(read?)?;
        let mut low = 0;
        if memory.available.is_none() {
            let zones = self.files.proc(format_args!("zoneinfo"));
            low = zones.map_or(0, |it| low_pages(it).saturating_mul(self.page_size));
        }
        let available = memory.available(low);
        Ok((memory, available))
    }

    fn record(&mut self, it: &Memory, available: u64) {
        let Self { builder, page_size, .. } = self;
        let states = [
            ("used", it.total.saturating_sub(available)),
            ("free", it.free),
            ("buffered", it.buffers),
            ("cached", it.cached),
            ("slab_reclaimable", it.slab_reclaimable),
            ("slab_unreclaimable", it.slab_unreclaimable),
        ];
        for (state, bytes) in states {
            builder.uint(Table::Usage, bytes, &[state.into()]);
            builder.double(Table::Utilization, ratio(bytes, it.total), &[state.into()]);
        }
        builder.uint(Table::Limit, it.total, &[]);
        builder.uint(Table::Available, available, &[]);
        builder.uint(Table::Dirty, it.dirty, &[]);
        builder.uint(Table::Shared, it.shared, &[]);
        builder.uint(Table::PageSize, *page_size, &[]);
        let HugePages { size, total, free, reserved, surplus } = it.huge;
        builder.uint(Table::HugePagesPageSize, size, &[]);
        builder.uint(Table::HugePagesLimit, total, &[]);
        builder.uint(Table::HugePagesReserved, reserved, &[]);
        builder.uint(Table::HugePagesSurplus, surplus, &[]);
        for (state, pages) in [("free", free), ("used", total.saturating_sub(free))] {
            builder.uint(Table::HugePagesUsage, pages, &[state.into()]);
            if total != 0 {
                let part = ratio(pages, total);
                builder.double(Table::HugePagesUtilization, part, &[state.into()]);
            }
        }
    }
}

impl BlockingScraper for Usage {
    fn scrape(&mut self, errors: &mut Errors) -> Scraped {
        self.builder.time(component::clock::unix_nanos());
        match self.read() {
            Ok((memory, _)) if memory.total == 0 => {
                errors.partial(METRICS, "invalid total memory: 0");
            }
            Ok((memory, available)) => self.record(&memory, available),
            Err(error) => errors.partial(METRICS, error),
        }
        self.builder.emit();
        self.builder.finish()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// For the test that nothing panics on any bytes.
    pub(crate) fn any(bytes: &[u8]) {
        drop(memory(bytes));
        low_pages(bytes);
    }

    const MIB: u64 = 1024 * 1024;

    #[test]
    fn kilobytes_are_bytes_and_huge_pages_are_pages() {
        let text = "MemTotal:  4096 kB\nMemFree: 1024 kB\nMemAvailable:   2048 kB\nCached: 1024 kB\n\
                    SReclaimable: 1024 kB\nHugePages_Total:      10\nHugepagesize:       2048 kB\nNew: x\n";
        let read = memory(text.as_bytes()).unwrap();
        assert_eq!((read.total, read.cached, read.available(0)), (4 * MIB, 2 * MIB, 2 * MIB));
        assert_eq!((read.huge.total, read.huge.size), (10, 2 * MIB));
        assert!(memory(b"MemTotal: many kB\n").is_err());
    }

    #[test]
    fn old_kernels_do_not_say_what_is_available() {
        // 2.6.32.
        let text = "MemTotal: 8192 kB\nMemFree: 2048 kB\nCached: 3072 kB\nActive(file): 1024 kB\n\
                    Inactive(file): 1024 kB\nSReclaimable: 1024 kB\n";
        let read = memory(text.as_bytes()).unwrap();
        let zones = "Node 0, zone DMA\n        min 10\n        low 64\n        high 80\nlow 64\n";
        let low = low_pages(zones.as_bytes()) * 4096;
        assert_eq!(low, MIB / 2);
        // Free above the watermark, page cache and slabs without as much or half of it.
        assert_eq!(read.available(low), 3 * MIB / 2 + 3 * MIB / 2 + MIB / 2);
        let older = memory(b"MemTotal: 8192 kB\nMemFree: 2048 kB\nCached: 3072 kB\n").unwrap();
        assert_eq!(older.available(low), 5 * MIB);
    }
}
