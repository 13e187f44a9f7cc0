//! `scrapers: processes:`: how many processes there are in each state.

use component::Problems;
use scraping::{BlockingScraper, Builder, Errors, MetricsSection, ResourceSection, Scraped};
use serde::{Deserialize, Serialize};

use crate::machine::{Files, Machine};
use crate::proc_stat::{Stat, pids};
use crate::text::{first, lines, number};

/// How many metrics are missed when /proc cannot be read.
const METRICS: u64 = 2;

scraping::catalog! {
    /// Metrics of the scraper `processes`.
    pub enum Table: crate::scope!("processes"), crate::SCHEMA_URL;
    metrics {
        Count = Metric::up_down(
            "system.processes.count",
            "{processes}",
            "Total number of processes in each state.",
            Int,
        ).by(&["status"]);
        Created = Metric::counter(
            "system.processes.created",
            "{processes}",
            "Total number of created processes. Supported on Linux and OpenBSD.",
            Int,
        );
    }
}

/// `scrapers: processes:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "processesscraper.Config")]
pub struct Config {
    /// Which metrics are sent, and by which attributes.
    pub metrics: MetricsSection<Table>,
}

impl Config {
    pub(crate) fn validate(&self, problems: &mut Problems) {
        self.metrics.validate("scrapers::processes::metrics", problems);
    }
}

/// The states that Linux has, by name, and their letters in /proc/<pid>/stat. `blocked` and `running` are counted by the
/// kernel itself, in one moment.
const STATES: [(&str, &[u8]); 9] = [
    ("blocked", b""),
    ("idle", b"I"),
    ("locked", b"L"),
    ("paging", b"W"),
    ("running", b""),
    ("sleeping", b"S"),
    ("stopped", b"Tt"),
    ("unknown", b""),
    ("zombies", b"Z"),
];
const BLOCKED: usize = 0;
const RUNNING: usize = 4;
const UNKNOWN: usize = 7;

/// What the kernel counts itself: processes that were ever created, that run and that wait for a disk.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    created: u64,
    running: u64,
    blocked: u64,
}

fn counts(stat: &[u8]) -> Counts {
    let mut it = Counts::default();
    for line in lines(stat) {
        let ([name, value], 2) = first::<2>(line) else { continue };
        let slot = match name {
            b"processes" => &mut it.created,
            b"procs_running" => &mut it.running,
            b"procs_blocked" => &mut it.blocked,
            _ => continue,
        };
        *slot = number(value).unwrap_or_default();
    }
    it
}

/// How many there are in each of [`STATES`]. `letters` are the states of `total` processes, of which some may have ended
/// meanwhile.
fn by_state(letters: &[u8], total: usize, counts: &Counts) -> [i64; STATES.len()] {
    let mut all = [0; STATES.len()];
    for letter in letters {
        let at = match letter {
            b'D' | b'U' | b'R' => continue,
            letter => STATES.iter().position(|it| it.1.contains(letter)).unwrap_or(UNKNOWN),
        };
        all[at] += 1;
    }
    all[BLOCKED] = counts.blocked.cast_signed();
    all[RUNNING] = counts.running.cast_signed();
    let known: i64 = all.iter().sum();
    all[UNKNOWN] += i64::try_from(total).map_or(0, |it| it.saturating_sub(known)).max(0);
    all
}

/// The scraper.
pub(crate) struct Processes {
    files: Files,
    builder: Builder<Table>,
    letters: Vec<u8>,
}

impl Processes {
    pub(crate) fn new(machine: &Machine, config: &Config) -> Self {
        let mut builder =
            Builder::new(&config.metrics, &ResourceSection::default(), machine.version);
        builder.start(machine.boot);
        Self { files: Files::new(&machine.root), builder, letters: Vec::new() }
    }

    fn record(&mut self) -> Result<(), String> {
        let pids = pids(&self.files.root)?;
        self.letters.clear();
        if self.builder.wants(Table::Count) {
            for pid in &pids {
                // Who has ended meanwhile is not counted.
                let stat = self.files.proc(format_args!("{pid}/stat")).ok().and_then(Stat::new);
                self.letters.extend(stat.map(|it| it.state));
            }
        }
        let counts = counts(self.files.proc(format_args!("stat"))?);
        self.builder.uint(Table::Created, counts.created, &[]);
        if self.builder.wants(Table::Count) {
            let all = by_state(&self.letters, pids.len(), &counts);
            for (at, ((state, letters), count)) in STATES.iter().zip(all).enumerate() {
                // Upstream sends the states that it has met, and those that the kernel counts.
                if count != 0 || (letters.is_empty() && at != UNKNOWN) {
                    self.builder.int(Table::Count, count, &[(*state).into()]);
                }
            }
        }
        Ok(())
    }
}

impl BlockingScraper for Processes {
    fn scrape(&mut self, errors: &mut Errors) -> Scraped {
        self.builder.time(component::clock::unix_nanos());
        if let Err(error) = self.record() {
            errors.partial(METRICS, error);
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
        by_state(bytes, bytes.len(), &counts(bytes));
    }

    #[test]
    fn the_kernel_s_own_counts_go_before_what_was_seen_one_after_another() {
        let kernel = counts(b"cpu 1 2\nctxt 5\nprocesses 900\nprocs_running 2\nprocs_blocked 1\n");
        assert_eq!(kernel, Counts { created: 900, running: 2, blocked: 1 });
        let all = by_state(b"SSSRDZItTX", 12, &kernel);
        let of = |name: &str| all[STATES.iter().position(|it| it.0 == name).unwrap()];
        assert_eq!(
            ["blocked", "running", "sleeping", "zombies", "idle", "stopped"].map(of),
            [1, 2, 3, 1, 1, 2]
        );
        // One has a state of its own, and one has ended before it was looked at.
        assert_eq!(of("unknown"), 1 + 1);
    }
}
