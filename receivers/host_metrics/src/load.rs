//! `scrapers: load:`: /proc/loadavg.

use component::Problems;
use scraping::{BlockingScraper, Builder, Errors, MetricsSection, ResourceSection, Scraped};
use serde::{Deserialize, Serialize};

use crate::machine::{Files, Machine, own_cpus};
use crate::text::{first, float};

/// How many metrics are missed when the file cannot be read.
const METRICS: u64 = 3;

scraping::catalog! {
    /// Metrics of the scraper `load`.
    pub enum Table: crate::scope!("load"), crate::SCHEMA_URL;
    metrics {
        Fifteen = Metric::gauge(
            "system.cpu.load_average.15m",
            "{thread}",
            "Average CPU Load over 15 minutes.",
            Double,
        );
        One = Metric::gauge(
            "system.cpu.load_average.1m",
            "{thread}",
            "Average CPU Load over 1 minute.",
            Double,
        );
        Five = Metric::gauge(
            "system.cpu.load_average.5m",
            "{thread}",
            "Average CPU Load over 5 minutes.",
            Double,
        );
    }
}

/// `scrapers: load:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "loadscraper.Config")]
pub struct Config {
    /// The averages are divided by the number of CPUs that the collector may use. Default false.
    pub cpu_average: bool,
    /// Which metrics are sent.
    pub metrics: MetricsSection<Table>,
}

impl Config {
    pub(crate) fn validate(&self, problems: &mut Problems) {
        self.metrics.validate("scrapers::load::metrics", problems);
    }
}

/// The averages over one, five and fifteen minutes.
pub(crate) fn averages(loadavg: &[u8]) -> Result<[f64; 3], String> {
    let ([one, five, fifteen], _) = first::<3>(loadavg);
    Ok([float(one)?, float(five)?, float(fifteen)?])
}

/// The scraper.
pub(crate) struct Load {
    files: Files,
    builder: Builder<Table>,
    divisor: f64,
}

impl Load {
    pub(crate) fn new(machine: &Machine, config: &Config) -> Self {
        let mut builder =
            Builder::new(&config.metrics, &ResourceSection::default(), machine.version);
        builder.start(machine.boot);
        let divisor = if config.cpu_average { own_cpus() as f64 } else { 1.0 };
        Self { files: Files::new(&machine.root), builder, divisor }
    }

    fn read(&mut self) -> Result<[f64; 3], String> {
        averages(self.files.proc(format_args!("loadavg"))?)
    }
}

impl BlockingScraper for Load {
    fn scrape(&mut self, errors: &mut Errors) -> Scraped {
        self.builder.time(component::clock::unix_nanos());
        match self.read() {
            Ok(averages) => {
                let metrics = [Table::One, Table::Five, Table::Fifteen];
                for (metric, average) in metrics.into_iter().zip(averages) {
                    self.builder.double(metric, average / self.divisor, &[]);
                }
            }
            Err(error) => errors.partial(METRICS, error),
        }
        self.builder.emit();
        self.builder.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::averages;

    #[test]
    fn three_numbers_come_first() {
        assert_eq!(averages(b"0.75 1.25 10.00 2/1234 56789\n"), Ok([0.75, 1.25, 10.0]));
        assert!(averages(b"0.75 1.25\n").is_err());
    }
}
