//! The section and its defaults. `extension/storage/filestorage/config.go`, v0.165.

use std::path::{Path, PathBuf};

use component::config::{Caution, Duration};
use component::{Fsync, Problems};
use journal::{DiskLimits, QUEUE_FSYNC_INTERVAL};
use serde::{Deserialize, Serialize};

/// Where the files live unless the section says otherwise.
const DIRECTORY: &str = "/var/lib/otelcol/file_storage";

/// `extensions: file_storage:`
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "filestorage.Config")]
pub struct Config {
    /// Where the files live. Default `/var/lib/otelcol/file_storage`.
    #[config(omit_empty)]
    pub directory: PathBuf,
    /// Longest wait for a file that another process holds. Default 1s.
    #[config(omit_empty)]
    pub timeout: Duration,
    /// Journals are always compacted when more than three quarters of them are out of date, and queues give space back.
    #[config(omit_empty)]
    pub compaction: Compaction,
    /// Waits for the disk on every write, and before a sending queue answers. Default false: once a second, and of
    /// queues after `queue_fsync_interval`.
    #[config(omit_empty)]
    pub fsync: bool,
    /// How often sending queues wait for the disk, without `fsync`. Default 100ms; 0 leaves it to the system.
    #[config(omit_default)]
    pub queue_fsync_interval: Duration,
    /// Most bytes that the files of one sending queue take. Default 0: no limit.
    #[config(omit_empty)]
    pub max_size: i64,
    /// MiB of the file system that sending queues leave free. Default 5 % of it, at most 4096; 0 is none.
    #[config(omit_empty)]
    pub min_free_mib: Option<i64>,
    /// Makes the directory if it is absent. Default false.
    #[config(omit_empty)]
    pub create_directory: bool,
    /// Mode of the directory that is made, in octal digits. Default 0750.
    #[config(omit_empty)]
    pub directory_permissions: String,
    /// Accepted: what cannot be read is always put aside and begun anew. Default false.
    #[config(omit_empty)]
    pub recreate: bool,
}

/// `compaction:`. What tunes the database of upstream has no effect, and `validate` says so.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
pub struct Compaction {
    /// Also compacts each journal when it is opened. Default false.
    #[config(omit_empty)]
    pub on_start: bool,
    /// Accepted: it is always so.
    #[config(omit_empty)]
    pub on_rebound: bool,
    /// Has to be there when one of the two is on, as upstream. A journal is compacted beside itself.
    #[config(omit_empty)]
    pub directory: String,
    /// Without effect.
    #[config(go = "int64")]
    pub rebound_needed_threshold_mib: i64,
    /// Without effect.
    #[config(go = "int64")]
    pub rebound_trigger_threshold_mib: i64,
    /// Without effect.
    #[config(omit_empty, go = "int64")]
    pub max_transaction_size: i64,
    /// Without effect.
    #[config(omit_empty)]
    pub check_interval: Duration,
    /// Accepted: leftovers of a compaction are always removed.
    #[config(omit_empty)]
    pub cleanup_on_start: bool,
}

impl Default for Compaction {
    fn default() -> Self {
        Self {
            on_start: false,
            on_rebound: false,
            directory: DIRECTORY.to_owned(),
            rebound_needed_threshold_mib: 100,
            rebound_trigger_threshold_mib: 10,
            max_transaction_size: 65_536,
            check_interval: Duration::from_secs(5),
            cleanup_on_start: false,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            directory: PathBuf::from(DIRECTORY),
            timeout: Duration::from_secs(1),
            compaction: Compaction::default(),
            fsync: false,
            queue_fsync_interval: Duration::of(QUEUE_FSYNC_INTERVAL),
            max_size: 0,
            min_free_mib: None,
            create_directory: false,
            directory_permissions: "0750".into(),
            recreate: false,
        }
    }
}

impl Config {
    /// When sending queues wait for the disk.
    pub fn queue_fsync(&self) -> Fsync {
        match self.queue_fsync_interval.std() {
            _ if self.fsync => Fsync::Always,
            interval if interval.is_zero() => Fsync::Never,
            interval => Fsync::Every(interval),
        }
    }

    /// How much of the disk a sending queue may take.
    pub fn limits(&self) -> DiskLimits {
        let bytes = |mib: i64| u64::try_from(mib).unwrap_or(0).saturating_mul(1 << 20);
        let max_size = u64::try_from(self.max_size).unwrap_or(0);
        DiskLimits { max_size, min_free: self.min_free_mib.map(bytes) }
    }

    /// The mode of a new directory.
    pub fn mode(&self) -> Option<u32> {
        u32::from_str_radix(&self.directory_permissions, 8).ok().filter(|it| *it <= 0o777)
    }
}

impl component::Config for Config {
    /// As upstream it stops at the first mistake.
    fn validate(&self, problems: &mut Problems) {
        let compaction = &self.compaction;
        compaction.warn(&self.directory, problems);
        let mut folders = vec![self.directory.as_path()];
        if compaction.on_start || compaction.on_rebound {
            folders.push(Path::new(&compaction.directory));
        }
        for folder in folders {
            if let Err(rule) = usable(folder, self.create_directory) {
                problems.at("", rule).set("create_directory", "true");
                return;
            }
        }
        if let Some((_, rule, (key, value))) = self.rules().into_iter().find(|it| it.0) {
            problems.at("", rule).set(key, value);
        }
    }
}

/// A rule that is broken or not, what is said then, and the key with a value that keeps it.
type Rule = (bool, &'static str, (&'static str, String));

impl Config {
    fn rules(&self) -> Vec<Rule> {
        let compaction = &self.compaction;
        let is_beyond = |mib: i64| {
            let is_limited = self.max_size > 0 && compaction.on_rebound;
            is_limited && mib.saturating_mul(1 << 20) > self.max_size
        };
        let has_octal = i32::from_str_radix(&self.directory_permissions, 8).is_ok();
        let rule = |broken, text, key, value: &str| (broken, text, (key, value.to_owned()));
        vec![
            rule(
                compaction.max_transaction_size < 0,
                "max transaction size for compaction cannot be less than 0",
                "compaction::max_transaction_size",
                "65536",
            ),
            rule(self.max_size < 0, "max size cannot be less than 0", "max_size", "0"),
            rule(
                is_beyond(compaction.rebound_needed_threshold_mib),
                "compaction rebound needed threshold cannot be greater than max size",
                "compaction::rebound_needed_threshold_mib",
                &(self.max_size >> 20).to_string(),
            ),
            rule(
                is_beyond(compaction.rebound_trigger_threshold_mib),
                "compaction rebound trigger threshold cannot be greater than max size",
                "compaction::rebound_trigger_threshold_mib",
                &(self.max_size >> 20).to_string(),
            ),
            rule(
                compaction.on_rebound && compaction.check_interval <= Duration::ZERO,
                "compaction check interval must be positive when rebound compaction is set",
                "compaction::check_interval",
                "5s",
            ),
            rule(
                self.create_directory && !has_octal,
                "directory_permissions value must be a valid octal representation",
                "directory_permissions",
                "\"0750\"",
            ),
            rule(
                self.create_directory && self.mode().is_none(),
                "directory_permissions contain invalid bits for file access",
                "directory_permissions",
                "\"0750\"",
            ),
            rule(
                self.queue_fsync_interval.is_negative(),
                "queue_fsync_interval must not be negative",
                "queue_fsync_interval",
                "100ms",
            ),
            rule(
                self.min_free_mib.is_some_and(i64::is_negative),
                "min_free_mib must not be negative",
                "min_free_mib",
                "0",
            ),
        ]
    }
}

impl Compaction {
    /// Keys that somebody has set and that tune a database which is not here.
    fn warn(&self, directory: &Path, problems: &mut Problems) {
        let compacts = self.on_start || self.on_rebound;
        if compacts && self.directory != DIRECTORY && Path::new(&self.directory) != directory {
            let text = "has no effect: files are compacted beside themselves, where there is room for them";
            problems.warn(Caution::NoEffect, "compaction::directory", text);
        }
        let usual = Self::default();
        let tuned = [
            (
                "rebound_needed_threshold_mib",
                self.rebound_needed_threshold_mib != usual.rebound_needed_threshold_mib,
            ),
            (
                "rebound_trigger_threshold_mib",
                self.rebound_trigger_threshold_mib != usual.rebound_trigger_threshold_mib,
            ),
            ("max_transaction_size", self.max_transaction_size != usual.max_transaction_size),
            ("check_interval", self.check_interval != usual.check_interval),
        ];
        for (key, _) in tuned.into_iter().filter(|it| it.1) {
            let text =
                "has no effect: the files compact themselves when most of them is out of date";
            problems.warn(Caution::NoEffect, format!("compaction::{key}"), text);
        }
    }
}

fn usable(directory: &Path, create: bool) -> Result<(), String> {
    let shown = directory.display();
    match std::fs::metadata(directory) {
        Ok(it) if it.is_dir() => Ok(()),
        Ok(_) => Err(format!("{shown} is not a directory")),
        Err(_) if create => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(format!(
            "directory must exist: stat {shown}: no such file or directory. You can enable the \
             create_directory option to automatically create it"
        )),
        Err(error) => Err(format!("problem accessing configured directory: {shown}, err: {error}")),
    }
}
