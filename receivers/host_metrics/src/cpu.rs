//! `scrapers: cpu:`: /proc/stat, and what /proc/cpuinfo and /sys say of the CPUs.

use std::collections::HashSet;

use component::Problems;
use scraping::{BlockingScraper, Builder, Errors, MetricsSection, ResourceSection, Scraped};
use serde::{Deserialize, Serialize};

use crate::machine::{Files, Machine, TICKS};
use crate::text::{fields, float, lines, number, pair, text};

/// How many metrics are missed when a file cannot be read. Upstream's number.
const METRICS: u64 = 2;

scraping::catalog! {
    /// Metrics of the scraper `cpu`.
    pub enum Table: crate::scope!("cpu"), crate::SCHEMA_URL;
    metrics {
        Frequency = Metric::gauge(
            "system.cpu.frequency",
            "Hz",
            "Current frequency of the CPU core in Hz.",
            Double,
        ).by(&["cpu"]).off();
        LogicalCount = Metric::up_down(
            "system.cpu.logical.count",
            "{cpu}",
            "Number of available logical CPUs.",
            Int,
        );
        PhysicalCount = Metric::up_down(
            "system.cpu.physical.count",
            "{cpu}",
            "Number of available physical CPUs.",
            Int,
        ).off();
        Time = Metric::counter(
            "system.cpu.time",
            "s",
            "Total seconds each logical CPU spent on each mode.",
            Double,
        ).by(&["cpu", "state"]).opt_in(&["cpu"]);
        Utilization = Metric::gauge(
            "system.cpu.utilization",
            "1",
            "Difference in system.cpu.time since the last measurement per logical CPU, divided by \
             the elapsed time (value in interval [0,1]).",
            Double,
        ).by(&["cpu", "state"]).opt_in(&["cpu"]).off();
    }
}

/// `scrapers: cpu:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "cpuscraper.Config")]
pub struct Config {
    /// Which metrics are sent, and by which attributes.
    pub metrics: MetricsSection<Table>,
}

impl Config {
    pub(crate) fn validate(&self, problems: &mut Problems) {
        self.metrics.validate("scrapers::cpu::metrics", problems);
    }
}

/// The states, in the order in which they are sent, and their columns in /proc/stat.
const STATES: [(&str, usize); 8] = [
    ("user", 0),
    ("system", 2),
    ("idle", 3),
    ("interrupt", 5),
    ("nice", 1),
    ("softirq", 6),
    ("steal", 7),
    ("wait", 4),
];

/// Seconds that a CPU has spent, by column of /proc/stat.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Times {
    name: String,
    seconds: [f64; 8],
}

/// The CPUs of /proc/stat. The first line, for all of them, is none; a line that cannot be read is left out.
pub(crate) fn times(stat: &[u8], out: &mut Vec<Times>) {
    let mut cpus = 0;
    for line in lines(stat).skip(1).take_while(|it| it.starts_with(b"cpu")) {
        let mut words = fields(line);
        let name = words.next().unwrap_or_default();
        let mut seconds = [0.0; 8];
        let mut read = 0;
        let is_right = words.zip(&mut seconds).all(|(word, slot)| {
            let Ok(ticks) = number(word) else { return false };
            *slot = ticks as f64 / TICKS;
            read += 1;
            true
        });
        // Kernels before 2.6.11 have no column for stolen time.
        if !is_right || read < 7 {
            continue;
        }
        if out.len() == cpus {
            out.push(Times::default());
        }
        if let Some(slot) = out.get_mut(cpus) {
            slot.name.clear();
            slot.name.push_str(&text(name));
            slot.seconds = seconds;
        }
        cpus += 1;
    }
    out.truncate(cpus);
}

/// The scraper.
pub(crate) struct Cpu {
    files: Files,
    builder: Builder<Table>,
    now: Vec<Times>,
    before: Vec<Times>,
}

impl Cpu {
    pub(crate) fn new(machine: &Machine, config: &Config) -> Self {
        let mut builder =
            Builder::new(&config.metrics, &ResourceSection::default(), machine.version);
        builder.start(machine.boot);
        let files = Files::new(&machine.root);
        Self { files, builder, now: Vec::new(), before: Vec::new() }
    }

    fn record_times(&mut self) {
        for cpu in &self.now {
            for (state, column) in STATES {
                let value = cpu.seconds[column];
                self.builder.double(Table::Time, value, &[(&cpu.name).into(), state.into()]);
            }
        }
    }

    /// What each CPU has done since the scrape before. One that has gone since then has done nothing that could be known.
    fn record_utilization(&mut self) {
        for before in &self.before {
            let Some(now) = self.now.iter().find(|it| it.name == before.name) else { continue };
            let elapsed: f64 = now.seconds.iter().sum::<f64>() - before.seconds.iter().sum::<f64>();
            for (state, column) in STATES {
                let spent = now.seconds[column] - before.seconds[column];
                let value = if elapsed > 0.0 { spent / elapsed } else { 0.0 };
                let attributes = [(&before.name).into(), state.into()];
                self.builder.double(Table::Utilization, value, &attributes);
            }
        }
        std::mem::swap(&mut self.now, &mut self.before);
    }

    fn record_counts(&mut self) -> Result<(), String> {
        self.builder.uint(Table::LogicalCount, self.now.len() as u64, &[]);
        if self.builder.wants(Table::PhysicalCount) {
            let count = physical(&mut self.files, self.now.iter().map(|it| &*it.name))?;
            self.builder.uint(Table::PhysicalCount, count, &[]);
        }
        Ok(())
    }

    fn record_frequency(&mut self) -> Result<(), String> {
        if !self.builder.wants(Table::Frequency) {
            return Ok(());
        }
        let cpuinfo = self.files.proc(format_args!("cpuinfo"))?;
        for (cpu, hertz) in frequencies(cpuinfo) {
            self.builder.double(Table::Frequency, hertz, &[(&format!("cpu{cpu}")).into()]);
        }
        Ok(())
    }

    fn read(&mut self) -> Result<(), String> {
        let stat = self.files.proc(format_args!("stat"))?;
        times(stat, &mut self.now);
        Ok(())
    }
}

impl BlockingScraper for Cpu {
    fn scrape(&mut self, errors: &mut Errors) -> Scraped {
        self.builder.time(component::clock::unix_nanos());
        if let Err(error) = self.read() {
            errors.partial(METRICS, error);
            return self.builder.finish();
        }
        self.record_times();
        let counted = self.record_counts();
        self.record_utilization();
        for error in [counted, self.record_frequency()].into_iter().filter_map(Result::err) {
            errors.partial(METRICS, error);
        }
        self.builder.emit();
        self.builder.finish()
    }
}

/// The cores of these CPUs: those that share one have the same list of siblings.
fn physical<'a>(files: &mut Files, cpus: impl Iterator<Item = &'a str>) -> Result<u64, String> {
    let mut siblings = HashSet::new();
    for cpu in cpus {
        // Both say the same; the second is the older name.
        for name in ["core_cpus_list", "thread_siblings_list"] {
            let list = files.sys(format_args!("devices/system/cpu/{cpu}/topology/{name}"));
            if let Ok(list) = list {
                siblings.insert(list.trim_ascii().to_vec());
                break;
            }
        }
    }
    if !siblings.is_empty() {
        return Ok(siblings.len() as u64);
    }
    Ok(cores(files.proc(format_args!("cpuinfo"))?))
}

/// The cores as /proc/cpuinfo has them: for each socket, once.
fn cores(cpuinfo: &[u8]) -> u64 {
    let (mut sockets, mut socket, mut sum) = (HashSet::new(), 0, 0_u64);
    for line in lines(cpuinfo) {
        let Some((key, value)) = pair(line, b':') else { continue };
        let value = number(value).unwrap_or_default();
        match key {
            b"physical id" => socket = value,
            b"cpu cores" if sockets.insert(socket) => sum = sum.saturating_add(value),
            _ => {}
        }
    }
    sum
}

/// The CPUs of which /proc/cpuinfo knows the frequency, in hertz. On some processors it does not know it.
fn frequencies(cpuinfo: &[u8]) -> impl Iterator<Item = (u64, f64)> {
    let mut cpu = None;
    lines(cpuinfo).filter_map(move |line| {
        let (key, value) = pair(line, b':')?;
        match key {
            b"processor" | b"cpu number" => cpu = number(value).ok(),
            b"cpu MHz" | b"clock" | b"cpu MHz dynamic" => {
                let value = value.strip_suffix(b"MHz").unwrap_or(value);
                return Some((cpu?, float(value).ok()? * 1e6));
            }
            _ => {}
        }
        None
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// For the test that nothing panics on any bytes.
    pub(crate) fn any(bytes: &[u8]) {
        times(bytes, &mut Vec::new());
        cores(bytes);
        frequencies(bytes).for_each(drop);
    }

    #[test]
    fn old_kernels_have_fewer_columns_and_new_ones_more() {
        let check = |stat: &str, want: &[(&str, [f64; 8])]| {
            let mut read = vec![Times::default(); 5];
            times(stat.as_bytes(), &mut read);
            let read: Vec<_> = read.iter().map(|it| (&*it.name, it.seconds)).collect();
            assert_eq!(read, want);
        };
        // 2.6.9, 3.10, and one with a line that is cut off.
        check(
            "cpu  100 200 300 400 500 600 700\ncpu0 100 200 300 400 500 600 700\nintr 1\n",
            &[("cpu0", [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 0.0])],
        );
        check(
            "cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 2 3 4 5 6 7 800 9 10\ncpu3 0 0 0 0 0 0 0 0 0 0\ncpu4 1 2",
            &[("cpu0", [0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 8.0]), ("cpu3", [0.0; 8])],
        );
        check("", &[]);
    }

    #[test]
    fn cores_are_counted_once_for_each_socket() {
        let cpu = |processor, socket| {
            format!(
                "processor\t: {processor}\nphysical id\t: {socket}\ncpu cores\t: 4\ncpu MHz\t\t: 2200.5\n\n"
            )
        };
        let text: String = (0..16).map(|it| cpu(it, it % 2)).collect();
        assert_eq!(cores(text.as_bytes()), 8);
        let all: Vec<_> = frequencies(text.as_bytes()).collect();
        assert_eq!((all.len(), all[15]), (16, (15, 2_200_500_000.0)));
        assert_eq!(frequencies(b"processor : 0\nBogoMIPS : 243.75\n").count(), 0, "ARM");
    }
}
