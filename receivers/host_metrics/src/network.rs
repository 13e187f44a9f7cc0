//! `scrapers: network:`: /proc/net/dev, the sockets, and what the firewall remembers.

use component::Problems;
use scraping::{BlockingScraper, Builder, Errors, MetricsSection, ResourceSection, Scraped};
use serde::{Deserialize, Serialize};

use crate::filter::{Filter, Interfaces};
use crate::machine::{Files, Machine};
use crate::sockets::{STATES, Sockets};
use crate::text::{fields, lines, number, text};

/// How many metrics are missed when /proc/net/dev cannot be read.
const COUNTERS: u64 = 4;
/// How many metrics are missed when the tables of the firewall cannot be read.
const CONNTRACK: u64 = 2;

scraping::catalog! {
    /// Metrics of the scraper `network`.
    pub enum Table: crate::scope!("network"), crate::SCHEMA_URL;
    metrics {
        Connections = Metric::up_down(
            "system.network.connections",
            "{connections}",
            "The number of connections.",
            Int,
        ).by(&["protocol", "state"]);
        ConntrackCount = Metric::up_down(
            "system.network.conntrack.count",
            "{entries}",
            "The count of entries in conntrack table.",
            Int,
        ).off();
        ConntrackMax = Metric::up_down(
            "system.network.conntrack.max",
            "{entries}",
            "The limit for entries in the conntrack table.",
            Int,
        ).off();
        Dropped = Metric::counter(
            "system.network.dropped",
            "{packets}",
            "The number of packets dropped.",
            Int,
        ).by(&["device", "direction"]);
        Errors = Metric::counter(
            "system.network.errors",
            "{errors}",
            "The number of errors encountered.",
            Int,
        ).by(&["device", "direction"]);
        Io = Metric::counter(
            "system.network.io",
            "By",
            "The number of bytes transmitted and received.",
            Int,
        ).by(&["device", "direction"]);
        Packets = Metric::counter(
            "system.network.packets",
            "{packets}",
            "The number of packets transferred.",
            Int,
        ).by(&["device", "direction"]);
    }
}

/// `scrapers: network:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "networkscraper.Config")]
pub struct Config {
    /// Which metrics are sent, and by which attributes.
    pub metrics: MetricsSection<Table>,
    /// Only these interfaces.
    pub include: Interfaces,
    /// Not these interfaces.
    pub exclude: Interfaces,
}

impl Config {
    pub(crate) fn validate(&self, problems: &mut Problems) {
        self.metrics.validate("scrapers::network::metrics", problems);
        let (include, exclude) = (self.include.names(), self.exclude.names());
        let what = "network interface include filters";
        include.validate("scrapers::network::include", what, problems);
        let what = "network interface exclude filters";
        exclude.validate("scrapers::network::exclude", what, problems);
    }
}

/// What has come or gone through an interface.
#[derive(Debug, Default, PartialEq, Eq)]
struct Flow {
    bytes: u64,
    packets: u64,
    errors: u64,
    dropped: u64,
}

/// The name of an interface, what it has received and sent. `None` of a line that is none.
///
/// # Errors
/// A number that is none.
fn interface(line: &[u8]) -> Result<Option<(&[u8], Flow, Flow)>, String> {
    // The name of an alias has a colon in it.
    let Some(at) = line.iter().rposition(|it| *it == b':') else { return Ok(None) };
    let (name, columns) = (line[..at].trim_ascii(), &line[at + 1..]);
    if name.is_empty() || fields(columns).count() < 13 {
        return Ok(None);
    }
    let flow = |first: usize| {
        let mut words = fields(columns).skip(first);
        let mut next = || words.next().map_or(Ok(0), number);
        Ok::<_, String>(Flow {
            bytes: next()?,
            packets: next()?,
            errors: next()?,
            dropped: next()?,
        })
    };
    Ok(Some((name, flow(0)?, flow(8)?)))
}

/// The scraper.
pub(crate) struct Network {
    files: Files,
    builder: Builder<Table>,
    filter: Filter,
    sockets: Sockets,
}

impl Network {
    pub(crate) fn new(machine: &Machine, config: &Config) -> Self {
        let mut builder =
            Builder::new(&config.metrics, &ResourceSection::default(), machine.version);
        builder.start(machine.boot);
        let filter = Filter::new(config.include.names(), config.exclude.names());
        let files = Files::new(&machine.root);
        Self { files, builder, filter, sockets: Sockets::default() }
    }

    fn record_counters(&mut self) -> Result<(), String> {
        let table = self.files.proc(format_args!("net/dev"))?;
        for line in lines(table).skip(2) {
            let Some((name, received, sent)) = interface(line)? else { continue };
            let name = text(name);
            if !self.filter.keeps(&name) {
                continue;
            }
            for (direction, flow) in [("transmit", sent), ("receive", received)] {
                let attributes = [(&*name).into(), direction.into()];
                self.builder.uint(Table::Packets, flow.packets, &attributes);
                self.builder.uint(Table::Dropped, flow.dropped, &attributes);
                self.builder.uint(Table::Errors, flow.errors, &attributes);
                self.builder.uint(Table::Io, flow.bytes, &attributes);
            }
        }
        Ok(())
    }

    fn record_connections(&mut self) -> Result<(), String> {
        if !self.builder.wants(Table::Connections) {
            return Ok(());
        }
        self.sockets.clear();
        self.sockets.add(self.files.proc(format_args!("net/tcp"))?);
        // A machine without IPv6 has no such table.
        match self.files.proc(format_args!("net/tcp6")) {
            Ok(table) => self.sockets.add(table),
            Err(failure) if failure.is_gone() => {}
            Err(failure) => return Err(failure.text),
        }
        for ((state, _), count) in STATES.iter().zip(self.sockets.count()) {
            self.builder.int(Table::Connections, count, &["tcp".into(), (*state).into()]);
        }
        Ok(())
    }

    fn record_conntrack(&mut self) -> Result<(), String> {
        if !self.builder.wants_any(&[Table::ConntrackCount, Table::ConntrackMax]) {
            return Ok(());
        }
        for (metric, file) in [(Table::ConntrackCount, "count"), (Table::ConntrackMax, "max")] {
            let value = self.files.proc(format_args!("sys/net/netfilter/nf_conntrack_{file}"))?;
            let value = number(value.trim_ascii())?;
            self.builder.uint(metric, value, &[]);
        }
        Ok(())
    }
}

impl BlockingScraper for Network {
    fn scrape(&mut self, errors: &mut Errors) -> Scraped {
        self.builder.time(component::clock::unix_nanos());
        if let Err(error) = self.record_counters() {
            errors.partial(COUNTERS, format!("failed to read network IO stats: {error}"));
            self.builder.drop_recorded();
        }
        if let Err(error) = self.record_connections() {
            errors.partial(1, format!("failed to read TCP connections: {error}"));
        }
        if let Err(error) = self.record_conntrack() {
            errors.partial(CONNTRACK, format!("failed to read conntrack info: {error}"));
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
        lines(bytes).for_each(|it| drop(interface(it)));
    }

    #[test]
    fn columns_may_stand_close_behind_the_name() {
        let flow = |bytes, packets, errors, dropped| Flow { bytes, packets, errors, dropped };
        let check = |line: &str, name: &str| {
            let (read, received, sent) = interface(line.as_bytes()).unwrap().unwrap();
            assert_eq!((text(read), received), (name.into(), flow(10, 11, 12, 13)));
            assert_eq!(sent, flow(20, 21, 22, 23));
        };
        check("  eth0:10 11 12 13 0 0 0 0 20 21 22 23 0 0 0 0", "eth0");
        check("eth0:1: 10 11 12 13 0 0 0 0 20 21 22 23 0", "eth0:1");
        assert_eq!(interface(b" face |bytes    packets errs drop fifo"), Ok(None));
        assert_eq!(interface(b"lo: 1 2 3"), Ok(None));
        assert!(interface(b"lo: x 11 12 13 0 0 0 0 20 21 22 23 0").is_err());
    }
}
