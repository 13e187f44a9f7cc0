//! `scrapers: disk:`: /proc/diskstats.

use component::Problems;
use scraping::{BlockingScraper, Builder, Errors, MetricsSection, ResourceSection, Scraped};
use serde::{Deserialize, Serialize};

use crate::filter::{Devices, Filter};
use crate::machine::{Files, Machine};
use crate::precision::seconds;
use crate::text::{fields, lines, number, text};

/// How many metrics are missed when the file cannot be read.
const METRICS: u64 = 7;
/// A sector of /proc/diskstats, whatever those of the disk are, in bytes.
const SECTOR_BYTES: u64 = 512;

scraping::catalog! {
    /// Metrics of the scraper `disk`.
    pub enum Table: crate::scope!("disk"), crate::SCHEMA_URL;
    metrics {
        Io = Metric::counter(
            "system.disk.io",
            "By",
            "Disk bytes transferred.",
            Int,
        ).by(&["device", "direction"]);
        IoTime = Metric::counter(
            "system.disk.io_time",
            "s",
            "Time disk spent activated. On Windows, this is calculated as the inverse of disk \
             idle time.",
            Double,
        ).by(&["device"]);
        Merged = Metric::counter(
            "system.disk.merged",
            "{operations}",
            "The number of disk reads/writes merged into single physical disk access operations.",
            Int,
        ).by(&["device", "direction"]);
        OperationTime = Metric::counter(
            "system.disk.operation_time",
            "s",
            "Time spent in disk operations.",
            Double,
        ).by(&["device", "direction"]);
        Operations = Metric::counter(
            "system.disk.operations",
            "{operations}",
            "Disk operations count.",
            Int,
        ).by(&["device", "direction"]);
        PendingOperations = Metric::up_down(
            "system.disk.pending_operations",
            "{operations}",
            "The queue size of pending I/O operations.",
            Int,
        ).by(&["device"]);
        WeightedIoTime = Metric::counter(
            "system.disk.weighted_io_time",
            "s",
            "Time disk spent activated multiplied by the queue length.",
            Double,
        ).by(&["device"]);
    }
}

/// `scrapers: disk:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "diskscraper.Config")]
pub struct Config {
    /// Which metrics are sent, and by which attributes.
    pub metrics: MetricsSection<Table>,
    /// Only these devices.
    pub include: Devices,
    /// Not these devices.
    pub exclude: Devices,
}

impl Config {
    pub(crate) fn validate(&self, problems: &mut Problems) {
        self.metrics.validate("scrapers::disk::metrics", problems);
        let (include, exclude) = (self.include.names(), self.exclude.names());
        include.validate("scrapers::disk::include", "device include filters", problems);
        exclude.validate("scrapers::disk::exclude", "device exclude filters", problems);
    }
}

/// A line of /proc/diskstats.
#[derive(Debug, Default, PartialEq, Eq)]
struct Disk {
    reads: u64,
    reads_merged: u64,
    sectors_read: u64,
    read_ms: u64,
    writes: u64,
    writes_merged: u64,
    sectors_written: u64,
    write_ms: u64,
    pending: u64,
    busy_ms: u64,
    weighted_ms: u64,
}

/// The name of a disk and what it has done. `None` of a line that is too short.
///
/// # Errors
/// A number that is none.
fn disk(line: &[u8]) -> Result<Option<(&[u8], Disk)>, String> {
    let mut words = fields(line).skip(2);
    let (Some(name), counters) = (words.next(), words.clone()) else { return Ok(None) };
    if counters.count() < 11 {
        return Ok(None);
    }
    let mut next = || words.next().map_or(Ok(0), number);
    let disk = Disk {
        reads: next()?,
        reads_merged: next()?,
        sectors_read: next()?,
        read_ms: next()?,
        writes: next()?,
        writes_merged: next()?,
        sectors_written: next()?,
        write_ms: next()?,
        pending: next()?,
        busy_ms: next()?,
        weighted_ms: next()?,
    };
    Ok(Some((name, disk)))
}

/// The scraper.
pub(crate) struct Disks {
    files: Files,
    builder: Builder<Table>,
    filter: Filter,
}

impl Disks {
    pub(crate) fn new(machine: &Machine, config: &Config) -> Self {
        let mut builder =
            Builder::new(&config.metrics, &ResourceSection::default(), machine.version);
        builder.start(machine.boot);
        let filter = Filter::new(config.include.names(), config.exclude.names());
        Self { files: Files::new(&machine.root), builder, filter }
    }

    fn record_all(&mut self) -> Result<(), String> {
        let text_of_all = self.files.proc(format_args!("diskstats"))?;
        for line in lines(text_of_all) {
            let Some((name, it)) = disk(line)? else { continue };
            let name = text(name);
            // A device that has never done anything is no disk: /dev/loop0 to 7.
            if it != Disk::default() && self.filter.keeps(&name) {
                record(&mut self.builder, &name, &it);
            }
        }
        Ok(())
    }
}

fn record(builder: &mut Builder<Table>, name: &str, it: &Disk) {
    let bytes = |sectors: u64| sectors.saturating_mul(SECTOR_BYTES);
    let sides = [
        ("read", bytes(it.sectors_read), it.reads, it.read_ms, it.reads_merged),
        ("write", bytes(it.sectors_written), it.writes, it.write_ms, it.writes_merged),
    ];
    for (direction, bytes, operations, milliseconds, merged) in sides {
        let attributes = [name.into(), direction.into()];
        builder.uint(Table::Io, bytes, &attributes);
        builder.uint(Table::Operations, operations, &attributes);
        builder.double(Table::OperationTime, seconds(milliseconds), &attributes);
        builder.uint(Table::Merged, merged, &attributes);
    }
    builder.double(Table::IoTime, seconds(it.busy_ms), &[name.into()]);
    builder.double(Table::WeightedIoTime, seconds(it.weighted_ms), &[name.into()]);
    builder.uint(Table::PendingOperations, it.pending, &[name.into()]);
}

impl BlockingScraper for Disks {
    fn scrape(&mut self, errors: &mut Errors) -> Scraped {
        self.builder.time(component::clock::unix_nanos());
        if let Err(error) = self.record_all() {
            errors.partial(METRICS, error);
            self.builder.drop_recorded();
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
        lines(bytes).for_each(|it| drop(disk(it)));
    }

    #[test]
    fn kernels_from_2_6_to_6_have_the_same_first_columns() {
        let want = Disk {
            reads: 1,
            reads_merged: 2,
            sectors_read: 3,
            read_ms: 4,
            writes: 5,
            writes_merged: 6,
            sectors_written: 7,
            write_ms: 8,
            pending: 9,
            busy_ms: 10,
            weighted_ms: 11,
        };
        // 2.6, 4.18 (with discards), 5.5 (with flushes).
        for more in ["", " 12 13 14 15", " 12 13 14 15 16 17"] {
            let line = format!("   8       0 sda 1 2 3 4 5 6 7 8 9 10 11{more}");
            assert_eq!(disk(line.as_bytes()), Ok(Some((&b"sda"[..], Disk { ..copy(&want) }))));
        }
        // Partitions had four numbers before 2.6.25.
        assert_eq!(disk(b"   8       1 sda1 1 2 3 4"), Ok(None));
        assert!(disk(b"8 0 sda 1 2 3 4 5 6 7 8 9 10 x").is_err());
    }

    fn copy(it: &Disk) -> Disk {
        Disk { ..*it }
    }
}
