//! `scrapers: system:`: /proc/uptime.

use component::Problems;
use scraping::{BlockingScraper, Builder, Errors, MetricsSection, ResourceSection, Scraped};
use serde::{Deserialize, Serialize};

use crate::machine::{Files, Machine, uptime};

scraping::catalog! {
    /// Metrics of the scraper `system`.
    pub enum Table: crate::scope!("system"), crate::SCHEMA_URL;
    metrics {
        Uptime = Metric::gauge(
            "system.uptime",
            "s",
            "The time the system has been running",
            Double,
        );
    }
}

/// `scrapers: system:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "systemscraper.Config")]
pub struct Config {
    /// Which metrics are sent.
    pub metrics: MetricsSection<Table>,
}

impl Config {
    pub(crate) fn validate(&self, problems: &mut Problems) {
        self.metrics.validate("scrapers::system::metrics", problems);
    }
}

/// The scraper.
pub(crate) struct System {
    files: Files,
    builder: Builder<Table>,
}

impl System {
    pub(crate) fn new(machine: &Machine, config: &Config) -> Self {
        let mut builder =
            Builder::new(&config.metrics, &ResourceSection::default(), machine.version);
        builder.start(machine.boot);
        Self { files: Files::new(&machine.root), builder }
    }
}

impl BlockingScraper for System {
    fn scrape(&mut self, errors: &mut Errors) -> Scraped {
        self.builder.time(component::clock::unix_nanos());
        match uptime(&mut self.files) {
            Ok(seconds) => self.builder.double(Table::Uptime, seconds, &[]),
            Err(error) => errors.total(error),
        }
        self.builder.emit();
        self.builder.finish()
    }
}
