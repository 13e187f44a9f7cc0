//! The section and its defaults.

use component::Problems;
use component::config::{Caution, Duration, Section};
use scraping::Schedule;
use serde::{Deserialize, Serialize};

use crate::{
    cpu, disk, filesystem, load, memory, network, nfs, paging, process, processes, system,
};

/// `receivers: host_metrics:`
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(unmarshals)]
pub struct Config {
    /// When metrics are asked for.
    #[serde(flatten)]
    pub schedule: Schedule,
    /// Where the file system of the machine is mounted, if not at its root: `/hostfs` in a container. Default empty.
    pub root_path: String,
    /// Time between two records of the host's entity in pipelines of logs. Default 5m; 0 sends it once.
    pub metadata_collection_interval: Duration,
    /// What is measured. At least one has to be named; `cpu:` with nothing after it has the defaults.
    pub scrapers: Scrapers,
}

/// `scrapers:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(parts = "scraper")]
pub struct Scrapers {
    /// Time that each CPU has spent.
    pub cpu: Section<cpu::Config>,
    /// Reads and writes of disks.
    pub disk: Section<disk::Config>,
    /// Space and inodes of file systems.
    pub filesystem: Section<filesystem::Config>,
    /// Load averages.
    pub load: Section<load::Config>,
    /// Memory.
    pub memory: Section<memory::Config>,
    /// Interfaces and connections.
    pub network: Section<network::Config>,
    /// Calls of the kernel's client and server of NFS.
    pub nfs: Section<nfs::Config>,
    /// Swap space and page faults.
    pub paging: Section<paging::Config>,
    /// Each process.
    pub process: Section<process::Config>,
    /// Processes, counted.
    pub processes: Section<processes::Config>,
    /// Time since the start of the machine.
    pub system: Section<system::Config>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            schedule: Schedule::default(),
            root_path: String::new(),
            metadata_collection_interval: Duration::from_secs(300),
            scrapers: Scrapers::default(),
        }
    }
}

impl Scrapers {
    /// Whether there is one.
    fn validate(&self, problems: &mut Problems) -> bool {
        macro_rules! each {
            ($($name:ident)*) => {
                [$(self.$name.get().map(|it| it.validate(problems)).is_some()),*]
            };
        }
        let on = each! {
            cpu disk filesystem load memory network nfs paging process processes system
        };
        on.contains(&true)
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        self.schedule.validate(problems);
        if !self.scrapers.validate(problems) {
            let text = "must specify at least one scraper when using hostmetrics receiver";
            problems.at("", text).require("scrapers", "{cpu: {}, memory: {}}");
        }
        if self.metadata_collection_interval.nanos() < 0 {
            let text = "metadata_collection_interval must not be negative";
            problems.at("", text).set("metadata_collection_interval", "5m");
        }
        // Upstream refuses it. A configuration is often checked on another machine than the one that it is for.
        if let Err(error) = root(&self.root_path) {
            problems.warn(Caution::AbsentFile, "", error).about("root_path");
        }
    }
}

/// Whether `root_path` is there.
///
/// # Errors
/// In upstream's words.
pub(crate) fn root(path: &str) -> Result<(), String> {
    if path.is_empty() || path == "/" {
        return Ok(());
    }
    let found = std::fs::metadata(path);
    let failure = |it| crate::machine::Failure::new("stat", path, &it);
    found.map(drop).map_err(|it| format!("invalid root_path: {}", failure(it)))
}
