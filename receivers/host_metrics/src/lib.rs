//! Metrics of the machine, from /proc and /sys.
//!
//! Each scraper is a table of metrics, a parser for the text of a file (pure, and bounded by the length of the text), and
//! a few lines that record what the parser has found. Files are read in threads, since a file system may not answer.

mod config;
mod cpu;
mod disk;
mod entity;
mod filesystem;
mod filter;
mod load;
mod machine;
mod memory;
mod mounts;
mod network;
mod nfs;
mod nfs_names;
mod paging;
mod precision;
mod proc_stat;
mod process;
mod processes;
mod sockets;
mod system;
#[cfg(test)]
mod tests;
mod text;
mod users;

use std::sync::Arc;

use component::{
    BoxError, Component, Host, Outputs, Received, Receiver, Settings, Signal, Stability,
    async_trait,
};
use scraping::{Blocking, Controller};

pub use config::{Config, Scrapers};

use machine::{Files, Machine, Root};

/// The schema of all resources.
const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.9.0";

/// The name of a scraper's scope.
macro_rules! scope {
    ($name:literal) => {
        concat!(
            "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/hostmetricsreceiver/internal/scraper/",
            $name,
            "scraper"
        )
    };
}

use scope;

/// The receiver.
pub struct HostMetrics {
    settings: Settings,
    config: Config,
    out: Outputs,
}

impl Receiver for HostMetrics {
    type Config = Config;
    const TYPE: &'static str = "host_metrics";
    const ALIASES: &'static [&'static str] = &["hostmetrics"];
    const SIGNALS: &'static [(Signal, Stability)] =
        &[(Signal::Metrics, Stability::Beta), (Signal::Logs, Stability::Development)];

    fn create(settings: Settings, config: Config, out: Outputs) -> Result<Self, BoxError> {
        Ok(Self { settings, config, out })
    }
}

#[async_trait]
impl Component for HostMetrics {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        if self.out.wants(Signal::Metrics) {
            let receiver = Arc::clone(&self);
            let controller = tokio::task::spawn_blocking(move || receiver.controller()).await;
            controller??.start(host);
        }
        if self.out.wants(Signal::Logs) {
            let interval = self.config.metadata_collection_interval.std();
            let Settings { meter, id, .. } = &self.settings;
            let received = Received::new(meter, id.as_str(), "", Signal::Logs);
            let (out, its_host) = (self.out.clone(), host.clone());
            host.spawn(async move {
                entity::run(interval, out, received, its_host).await;
                Ok(())
            });
        }
        Ok(())
    }
}

impl HostMetrics {
    /// The scrapers of the section, in the order of their names.
    fn controller(&self) -> Result<Controller, BoxError> {
        let Self { settings, config, out } = self;
        config::root(&config.root_path)?;
        let root = Root::new(&config.root_path);
        let boot = machine::boot_time(&mut Files::new(&root))?;
        let machine = Machine { root, version: settings.build.version, boot };
        let interval = config.schedule.collection_interval.std();
        let mut controller = Controller::new(settings, config.schedule.clone(), out.clone());
        macro_rules! add {
            ($($name:ident: $scraper:path,)*) => {$(
                if let Some(section) = config.scrapers.$name.get() {
                    use $scraper as Scraper;
                    let scraper = Blocking::patient(Scraper::new(&machine, section), interval);
                    controller.add(stringify!($name), scraper);
                }
            )*};
        }
        add! {
            cpu: cpu::Cpu,
            disk: disk::Disks,
            filesystem: filesystem::FileSystems,
            load: load::Load,
            memory: memory::Usage,
            network: network::Network,
            nfs: nfs::Nfs,
            paging: paging::Paging,
            process: process::Processes,
            processes: processes::Processes,
            system: system::System,
        }
        Ok(controller)
    }
}
