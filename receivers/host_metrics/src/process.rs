//! `scrapers: process:`: each process as a resource of its own.

mod measure;

use std::collections::HashMap;
use std::path::PathBuf;

use component::Problems;
use component::config::Duration;
use scraping::{BlockingScraper, Builder, Errors, MetricsSection, ResourceSection, Scraped};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::filter::{Filter, ProcessNames};
use crate::machine::{Failure, Files, Machine, page_size};
use crate::memory::memory;
use crate::proc_stat::{Stat, Status, pids};
use crate::text::text;
use crate::users::Users;

/// The kernel cuts names off here, in bytes: `TASK_COMM_LEN` less its end.
const NAME_BYTES: usize = 15;
/// A clock tick, in milliseconds.
const TICK_MS: u64 = 10;

scraping::catalog! {
    /// Metrics of the scraper `process`.
    pub enum Table: crate::scope!("process"), crate::SCHEMA_URL;
    resource {
        "process.cgroup": "Its control groups, a line for each hierarchy.", false;
        "process.command": "The first word of its command line.", true;
        "process.command_line": "Its command line, with blanks between the words.", true;
        "process.executable.name": "Its name.", true;
        "process.executable.path": "The file that it runs.", true;
        "process.linux.cgroup": "The same as process.cgroup.", false;
        "process.owner": "The name of the user that it runs as.", true;
        "process.parent_pid": "The number of the process that started it.", true;
        "process.pid": "Its number.", true;
    }
    metrics {
        ContextSwitches = Metric::counter(
            "process.context_switches",
            "{count}",
            "Number of times the process has been context switched.",
            Int,
        ).by(&["type"]).off();
        CpuTime = Metric::counter(
            "process.cpu.time",
            "s",
            "Total CPU seconds broken down by different states.",
            Double,
        ).by(&["state"]);
        CpuUtilization = Metric::gauge(
            "process.cpu.utilization",
            "1",
            "Percentage of total CPU time used by the process since last scrape, expressed as a \
             value between 0 and 1. On the first scrape, no data point is emitted for this metric.",
            Double,
        ).by(&["state"]).off();
        DiskIo = Metric::counter(
            "process.disk.io",
            "By",
            "Disk bytes transferred.",
            Int,
        ).by(&["direction"]);
        DiskOperations = Metric::counter(
            "process.disk.operations",
            "{operations}",
            "Number of disk operations performed by the process.",
            Int,
        ).by(&["direction"]).off();
        Handles = Metric::up_down(
            "process.handles",
            "{count}",
            "Number of open handles held by the process.",
            Int,
        ).off();
        MemoryUsage = Metric::up_down(
            "process.memory.usage",
            "By",
            "The amount of physical memory in use.",
            Int,
        );
        MemoryUtilization = Metric::gauge(
            "process.memory.utilization",
            "1",
            "Percentage of total physical memory that is used by the process.",
            Double,
        ).off();
        MemoryVirtual = Metric::up_down(
            "process.memory.virtual",
            "By",
            "The amount of committed virtual memory.",
            Int,
        );
        OpenFileDescriptors = Metric::up_down(
            "process.open_file_descriptors",
            "{count}",
            "Number of file descriptors in use by the process.",
            Int,
        ).off();
        PagingFaults = Metric::counter(
            "process.paging.faults",
            "{faults}",
            "Number of page faults the process has made.",
            Int,
        ).by(&["type"]).off();
        SignalsPending = Metric::up_down(
            "process.signals_pending",
            "{signals}",
            "Number of pending signals for the process.",
            Int,
        ).off();
        Threads = Metric::up_down(
            "process.threads",
            "{threads}",
            "Process threads count.",
            Int,
        ).off();
        Uptime = Metric::gauge(
            "process.uptime",
            "s",
            "The time the process has been running.",
            Double,
        ).off();
    }
}

/// `scrapers: process:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "upstream has a switch for each kind of error")]
#[config(go = "processscraper.Config")]
pub struct Config {
    /// Which metrics are sent, and by which attributes.
    pub metrics: MetricsSection<Table>,
    /// What is said of a process, and of which processes metrics are sent.
    pub resource_attributes: ResourceSection<Table>,
    /// Only processes with these names.
    pub include: ProcessNames,
    /// No processes with these names.
    pub exclude: ProcessNames,
    /// Says nothing of what cannot be read. Default false, as for each of the keys below.
    #[config(omit_empty)]
    pub mute_process_all_errors: bool,
    /// Says nothing of names that cannot be read.
    #[config(omit_empty)]
    pub mute_process_name_error: bool,
    /// Says nothing of processes whose input and output the collector may not see.
    #[config(omit_empty)]
    pub mute_process_io_error: bool,
    /// Says nothing of control groups that cannot be read.
    #[config(omit_empty)]
    pub mute_process_cgroup_error: bool,
    /// Says nothing of processes of which the collector may not see what they run.
    #[config(omit_empty)]
    pub mute_process_exe_error: bool,
    /// Says nothing of users without a name.
    #[config(omit_empty)]
    pub mute_process_user_error: bool,
    /// Processes that are younger are left out. Default 0s.
    pub scrape_process_delay: Duration,
}

impl Config {
    pub(crate) fn validate(&self, problems: &mut Problems) {
        self.metrics.validate("scrapers::process::metrics", problems);
        self.resource_attributes.validate("scrapers::process::resource_attributes", problems);
        let (include, exclude) = (self.include.names(), self.exclude.names());
        include.validate("scrapers::process::include", "process include filters", problems);
        exclude.validate("scrapers::process::exclude", "process exclude filters", problems);
    }
}

/// A process between two scrapes. A number may be given again, but not with the same start.
type Key = (u32, u64);

/// What a process had used at a scrape.
#[derive(Debug, Clone, Copy)]
struct Used {
    /// User, system, waited: in clock ticks.
    ticks: [u64; 3],
    at: u64,
}

/// What is said of one process.
#[derive(Debug, Default)]
struct Identity {
    name: String,
    executable: String,
    cgroup: String,
    /// The words of its command line, with a blank between them.
    command_line: String,
    /// How many bytes of that are its first word.
    command: usize,
    owner: String,
}

/// The scraper.
pub(crate) struct Processes {
    config: Config,
    filter: Filter,
    files: Files,
    builder: Builder<Table>,
    users: Users,
    identity: Identity,
    used: HashMap<Key, Used>,
    used_before: HashMap<Key, Used>,
    page_size: u64,
    boot: u64,
    cpus: f64,
    memory_total: u64,
}

impl Processes {
    pub(crate) fn new(machine: &Machine, config: &Config) -> Self {
        let builder = Builder::new(&config.metrics, &config.resource_attributes, machine.version);
        if builder.wants(Table::Handles) {
            warn!(
                "process.handles is only supported on Windows; disabling metric on this platform"
            );
        }
        Self {
            filter: Filter::new(config.include.names(), config.exclude.names()),
            config: config.clone(),
            files: Files::new(&machine.root),
            builder,
            users: Users::new(&machine.root),
            identity: Identity::default(),
            used: HashMap::new(),
            used_before: HashMap::new(),
            page_size: page_size(),
            boot: machine.boot,
            cpus: 1.0,
            memory_total: 0,
        }
    }

    /// What is compared with the numbers of each process.
    fn look_around(&mut self, errors: &mut Errors) {
        if self.builder.wants_resource("process.owner") {
            self.users.refresh();
        }
        if self.builder.wants(Table::CpuUtilization) {
            let mut times = Vec::new();
            if let Ok(stat) = self.files.proc(format_args!("stat")) {
                crate::cpu::times(stat, &mut times);
            }
            self.cpus = times.len().max(1) as f64;
        }
        if self.builder.wants(Table::MemoryUtilization) {
            let read = self.files.proc(format_args!("meminfo")).map_err(String::from);
            match read.and_then(memory) {
                Ok(memory) => self.memory_total = memory.total,
                Err(error) => {
                    errors.partial(1, format!("error reading memory of the machine: {error}"))
                }
            }
        }
    }

    /// One process. `None` if it has ended, or is not meant.
    fn record(&mut self, pid: u32, errors: &mut Errors) -> Option<()> {
        let stat = match self.files.proc(format_args!("{pid}/stat")) {
            Ok(stat) => Stat::new(stat)?,
            Err(failure) if failure.is_gone() => return None,
            Err(failure) => {
                errors.partial(1, format!("error reading process for pid {pid}: {failure}"));
                return None;
            }
        };
        self.read_executable(pid, errors);
        if let Err(failure) = self.read_name(pid) {
            if !failure.is_gone() && !self.config.mute_process_name_error {
                errors.partial(1, format!("error reading process name for pid {pid}: {failure}"));
            }
            return None;
        }
        if !self.filter.keeps(&self.identity.name) {
            return None;
        }
        let now = component::clock::unix_nanos();
        let start_ms = (self.boot / 1_000_000).saturating_add(stat.start.saturating_mul(TICK_MS));
        let age_ms = (now / 1_000_000).saturating_sub(start_ms);
        if self.config.scrape_process_delay.std().as_millis() > u128::from(age_ms) {
            return None;
        }
        self.read_identity(pid, errors);
        let start = start_ms.saturating_mul(1_000_000);
        self.builder.start(start).time(now);
        self.measure(pid, &stat, (start, now), errors);
        self.resource(pid, stat.parent);
        self.builder.emit();
        Some(())
    }

    fn read_executable(&mut self, pid: u32, errors: &mut Errors) {
        self.identity.executable.clear();
        if !self.builder.wants_resource("process.executable.path") {
            return;
        }
        let path: PathBuf = self.files.root.proc(format_args!("{pid}/exe"));
        match std::fs::read_link(&path) {
            Ok(target) => self.identity.executable.push_str(&target.to_string_lossy()),
            Err(error) if !self.config.mute_process_exe_error => {
                let failure = Failure::new("readlink", path.display(), &error);
                errors.partial(
                    1,
                    format!("error reading process executable for pid {pid}: {failure}"),
                );
            }
            Err(_) => {}
        }
    }

    /// The name, of which the kernel keeps 15 bytes; the rest may be in the command line.
    fn read_name(&mut self, pid: u32) -> Result<(), Failure> {
        let comm = self.files.proc(format_args!("{pid}/comm"))?;
        let comm = comm.strip_suffix(b"\n").unwrap_or(comm);
        let name = &mut self.identity.name;
        name.clear();
        name.push_str(&text(comm));
        if comm.len() < NAME_BYTES {
            return Ok(());
        }
        let command = self.files.proc(format_args!("{pid}/cmdline"))?;
        let first = command.split(|it| *it == 0).next().unwrap_or_default();
        let base = first.rsplit(|it| *it == b'/').next().unwrap_or_default();
        let base = text(base);
        if base.starts_with(&**name) {
            name.clear();
            name.push_str(&base);
        }
        Ok(())
    }

    /// What else is said of the process.
    fn read_identity(&mut self, pid: u32, errors: &mut Errors) {
        let Self { config, files, builder, users, identity, .. } = self;
        let name = &identity.name;
        identity.cgroup.clear();
        if builder.wants_resource("process.cgroup")
            || builder.wants_resource("process.linux.cgroup")
        {
            match files.proc(format_args!("{pid}/cgroup")) {
                Ok(groups) => {
                    let groups = groups.strip_suffix(b"\n").unwrap_or(groups);
                    identity.cgroup.push_str(&text(groups));
                }
                Err(failure) if failure.is_gone() || config.mute_process_cgroup_error => {}
                Err(failure) => {
                    errors.partial(
                        0,
                        format!("error reading process cgroup for pid {pid}: {failure}"),
                    );
                }
            }
        }
        identity.command_line.clear();
        identity.command = 0;
        if builder.wants_resource("process.command")
            || builder.wants_resource("process.command_line")
        {
            match files.proc(format_args!("{pid}/cmdline")) {
                Ok(command) => {
                    let words = command.iter().rposition(|it| *it != 0).map_or(0, |last| last + 1);
                    for (at, word) in command[..words].split(|it| *it == 0).enumerate() {
                        if at > 0 {
                            identity.command_line.push(' ');
                        }
                        identity.command_line.push_str(&text(word));
                        if at == 0 {
                            identity.command = identity.command_line.len();
                        }
                    }
                }
                Err(failure) if failure.is_gone() => {}
                Err(failure) => errors.partial(
                    0,
                    format!("error reading command for process {name:?} (pid {pid}): {failure}"),
                ),
            }
        }
        identity.owner.clear();
        if builder.wants_resource("process.owner") {
            let user =
                files.proc(format_args!("{pid}/status")).ok().and_then(|it| Status::new(it).user);
            match user.map(|it| users.name(it)) {
                Some(Ok(owner)) => identity.owner.push_str(owner),
                Some(Err(error)) if !config.mute_process_user_error => errors.partial(
                    0,
                    format!("error reading username for process {name:?} (pid {pid}): {error}"),
                ),
                _ => {}
            }
        }
    }

    fn resource(&mut self, pid: u32, parent: u64) {
        let Self { builder, identity, .. } = self;
        let Identity { name, executable, cgroup, command_line, command, owner } = identity;
        builder.resource("process.pid", i64::from(pid));
        builder.resource("process.parent_pid", parent.cast_signed());
        builder.resource("process.executable.name", &*name);
        builder.resource("process.executable.path", &*executable);
        builder.resource("process.cgroup", &*cgroup);
        builder.resource("process.linux.cgroup", &*cgroup);
        builder.resource("process.command", command_line.get(..*command).unwrap_or_default());
        builder.resource("process.command_line", &*command_line);
        if !owner.is_empty() {
            builder.resource("process.owner", &*owner);
        }
    }
}

impl BlockingScraper for Processes {
    fn scrape(&mut self, errors: &mut Errors) -> Scraped {
        let mut found = Errors::default();
        self.look_around(&mut found);
        match pids(&self.files.root) {
            Ok(pids) => {
                for pid in pids {
                    self.record(pid, &mut found);
                    self.builder.drop_recorded();
                }
            }
            Err(failure) => found.total(failure.text),
        }
        // Who has ended is forgotten with the scrape before.
        std::mem::swap(&mut self.used, &mut self.used_before);
        self.used.clear();
        if !self.config.mute_process_all_errors {
            *errors = found;
        }
        self.builder.finish()
    }
}
