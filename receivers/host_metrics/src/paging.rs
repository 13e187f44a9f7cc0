//! `scrapers: paging:`: /proc/swaps and /proc/vmstat.

use component::Problems;
use scraping::{BlockingScraper, Builder, Errors, MetricsSection, ResourceSection, Scraped};
use serde::{Deserialize, Serialize};

use crate::machine::{Failure, Files, Machine};
use crate::text::{first, lines, number, text};

/// How many metrics are missed when one of the files cannot be read.
const METRICS: u64 = 2;
/// gopsutil takes each counter of /proc/vmstat for pages of this size, in bytes; also those that count kibibytes
/// (`pgpgin`, `pgpgout`) and faults. Dashboards are made for these values.
const PAGE_BYTES: u64 = 4096;

scraping::catalog! {
    /// Metrics of the scraper `paging`.
    pub enum Table: crate::scope!("paging"), crate::SCHEMA_URL;
    metrics {
        Faults = Metric::counter(
            "system.paging.faults",
            "{faults}",
            "The number of page faults.",
            Int,
        ).by(&["type"]);
        Operations = Metric::counter(
            "system.paging.operations",
            "{operations}",
            "The number of paging operations.",
            Int,
        ).by(&["direction", "type"]);
        Usage = Metric::up_down(
            "system.paging.usage",
            "By",
            "Swap (unix) or pagefile (windows) usage.",
            Int,
        ).by(&["device", "state"]);
        Utilization = Metric::gauge(
            "system.paging.utilization",
            "1",
            "Swap (unix) or pagefile (windows) utilization.",
            Double,
        ).by(&["device", "state"]).off();
    }
}

/// `scrapers: paging:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "pagingscraper.Config")]
pub struct Config {
    /// Which metrics are sent, and by which attributes.
    pub metrics: MetricsSection<Table>,
}

impl Config {
    pub(crate) fn validate(&self, problems: &mut Problems) {
        self.metrics.validate("scrapers::paging::metrics", problems);
    }
}

/// A device for pages, in bytes.
#[derive(Debug, PartialEq, Eq)]
struct Swap<'a> {
    device: &'a [u8],
    total: u64,
    used: u64,
}

/// The devices of /proc/swaps.
///
/// # Errors
/// It does not look like that file, in upstream's words.
fn swaps(table: &[u8]) -> Result<Vec<Swap<'_>>, String> {
    const FILE: &str = "\"/proc/swaps\"";
    let mut rows = lines(table);
    let header = rows.next().ok_or_else(|| format!("unexpected end-of-file in {FILE}"))?;
    let ([name, _, size, used], columns) = first::<4>(header);
    if columns < 4 {
        let header = text(header);
        return Err(format!(
            "couldn't parse {FILE}: expected >=4 fields in header but got {header}"
        ));
    }
    for (word, want) in [(name, "Filename"), (size, "Size"), (used, "Used")] {
        if word != want.as_bytes() {
            let word = text(word);
            return Err(format!("couldn't parse {FILE}: expected {word:?} to be {want:?}"));
        }
    }
    let row = |line| {
        let ([device, _, size, used], columns) = first::<4>(line);
        if columns < 4 {
            let row = text(line);
            return Err(format!("couldn't parse {FILE}: expected >=4 fields in row but got {row}"));
        }
        let bytes = |word, column: &str| {
            let kibibytes = number(word);
            let kibibytes = kibibytes
                .map_err(|why| format!("couldn't parse '{column}' column in {FILE}: {why}"))?;
            Ok::<_, String>(kibibytes.saturating_mul(1024))
        };
        Ok(Swap { device, total: bytes(size, "Size")?, used: bytes(used, "Used")? })
    };
    rows.map(row).collect()
}

/// Pages in and out, and faults: bytes as gopsutil has them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Paged {
    swapped_in: u64,
    swapped_out: u64,
    paged_in: u64,
    paged_out: u64,
    faults: u64,
    major_faults: u64,
}

fn paged(vmstat: &[u8]) -> Paged {
    let mut it = Paged::default();
    for line in lines(vmstat) {
        let ([name, value], _) = first::<2>(line);
        let slot = match name {
            b"pswpin" => &mut it.swapped_in,
            b"pswpout" => &mut it.swapped_out,
            b"pgpgin" => &mut it.paged_in,
            b"pgpgout" => &mut it.paged_out,
            b"pgfault" => &mut it.faults,
            b"pgmajfault" => &mut it.major_faults,
            _ => continue,
        };
        if let Ok(count) = number(value) {
            *slot = count.saturating_mul(PAGE_BYTES);
        }
    }
    it
}

/// The scraper.
pub(crate) struct Paging {
    files: Files,
    builder: Builder<Table>,
}

impl Paging {
    pub(crate) fn new(machine: &Machine, config: &Config) -> Self {
        let mut builder =
            Builder::new(&config.metrics, &ResourceSection::default(), machine.version);
        builder.start(machine.boot);
        Self { files: Files::new(&machine.root), builder }
    }

    fn record_usage(&mut self) -> Result<(), String> {
        let table = self.files.proc(format_args!("swaps"))?;
        for Swap { device, total, used } in swaps(table)? {
            let device = text(device);
            for (state, bytes) in [("used", used), ("free", total.saturating_sub(used))] {
                let attributes = [(&*device).into(), state.into()];
                self.builder.uint(Table::Usage, bytes, &attributes);
                let part = bytes as f64 / total as f64;
                self.builder.double(Table::Utilization, part, &attributes);
            }
        }
        Ok(())
    }

    fn record_operations(&mut self) -> Result<(), String> {
        let read = self.files.proc(format_args!("vmstat")).map_err(Failure::not_read);
        let it = paged(read?);
        for (bytes, direction, kind) in [
            (it.swapped_in, "page_in", "major"),
            (it.swapped_out, "page_out", "major"),
            (it.paged_in, "page_in", "minor"),
            (it.paged_out, "page_out", "minor"),
        ] {
            self.builder.uint(Table::Operations, bytes, &[direction.into(), kind.into()]);
        }
        let minor = it.faults.saturating_sub(it.major_faults);
        self.builder.uint(Table::Faults, it.major_faults, &["major".into()]);
        self.builder.uint(Table::Faults, minor, &["minor".into()]);
        Ok(())
    }
}

impl BlockingScraper for Paging {
    fn scrape(&mut self, errors: &mut Errors) -> Scraped {
        self.builder.time(component::clock::unix_nanos());
        if let Err(error) = self.record_usage() {
            errors.partial(METRICS, format!("failed to read page file stats: {error}"));
        }
        if let Err(error) = self.record_operations() {
            errors.partial(METRICS, format!("failed to read swap info: {error}"));
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
        drop(swaps(bytes));
        paged(bytes);
    }

    #[test]
    fn devices_for_pages_are_read_from_their_table() {
        let header = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
        let table =
            format!("{header}/dev/dm-2                               partition\t67022\t10\t-2\n");
        let read = swaps(table.as_bytes()).unwrap();
        let want = Swap { device: b"/dev/dm-2", total: 67022 * 1024, used: 10 * 1024 };
        assert_eq!(read, [want]);
        assert_eq!(swaps(header.as_bytes()), Ok(Vec::new()), "no device");
        let wrong = |table: &str, want: &str| {
            assert_eq!(swaps(table.as_bytes()), Err(want.to_owned()));
        };
        wrong("", "unexpected end-of-file in \"/proc/swaps\"");
        let parse = "couldn't parse \"/proc/swaps\"";
        let header_text = "expected >=4 fields in header but got Filename Type Size";
        wrong("Filename Type Size\n", &format!("{parse}: {header_text}"));
        let other = "expected \"Kilobytes\" to be \"Size\"";
        wrong("Filename Type Kilobytes Used\n", &format!("{parse}: {other}"));
        wrong(
            &format!("{header}/swap file x 1\n"),
            "couldn't parse 'Size' column in \"/proc/swaps\": strconv.ParseUint: parsing \"x\": \
             invalid syntax",
        );
    }

    #[test]
    fn counters_of_vmstat_are_pages_as_in_gopsutil() {
        let read = paged(
            b"nr_free_pages 5\npgpgin 2\npgpgout 3\npswpin 4\npswpout 5\npgfault 6\npgmajfault x\n",
        );
        let pages = [read.paged_in, read.paged_out, read.swapped_in, read.swapped_out, read.faults];
        assert_eq!(pages, [2, 3, 4, 5, 6].map(|it| it * 4096));
        assert_eq!(read.major_faults, 0);
    }
}
