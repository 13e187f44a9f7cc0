//! The section and its defaults. `extension/storage/filestorage/config.go`, v0.156.

use std::path::{Path, PathBuf};

use component::config::Duration;
use component::{Fsync, Problems};
use journal::QUEUE_FSYNC_INTERVAL;
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
    /// Accepted; journals are compacted when more than three quarters of them are out of date.
    #[config(omit_empty)]
    pub compaction: Compaction,
    /// Waits for the disk on every write, and before a sending queue answers. Default false: once a second, and of
    /// queues after `queue_fsync_interval`.
    #[config(omit_empty)]
    pub fsync: bool,
    /// How often sending queues wait for the disk, without `fsync`. Default 100ms; 0 leaves it to the system.
    pub queue_fsync_interval: Duration,
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

/// `compaction:`; only the type of its values is looked at.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
pub struct Compaction {
    /// Without effect.
    #[config(omit_empty)]
    pub on_start: bool,
    /// Without effect.
    #[config(omit_empty)]
    pub on_rebound: bool,
    /// Without effect: a journal is compacted beside itself.
    #[config(omit_empty)]
    pub directory: String,
    /// Without effect.
    pub rebound_needed_threshold_mib: i64,
    /// Without effect.
    pub rebound_trigger_threshold_mib: i64,
    /// Without effect.
    #[config(omit_empty)]
    pub max_transaction_size: i64,
    /// Without effect.
    #[config(omit_empty)]
    pub check_interval: Duration,
    /// Without effect: leftovers of a compaction are always removed.
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

    /// The mode of a new directory.
    pub fn mode(&self) -> Option<u32> {
        u32::from_str_radix(&self.directory_permissions, 8).ok().filter(|it| *it <= 0o777)
    }
}

impl component::Config for Config {
    /// As upstream it stops at the first mistake.
    fn validate(&self, problems: &mut Problems) {
        let compaction = &self.compaction;
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
        if self.queue_fsync_interval.is_negative() {
            let rule = "queue_fsync_interval must not be negative";
            problems.at("", rule).set("queue_fsync_interval", "100ms");
        } else if compaction.max_transaction_size < 0 {
            let rule = "max transaction size for compaction cannot be less than 0";
            problems.at("", rule).set("compaction::max_transaction_size", "65536");
        } else if compaction.on_rebound && compaction.check_interval <= Duration::ZERO {
            let rule = "compaction check interval must be positive when rebound compaction is set";
            problems.at("", rule).set("compaction::check_interval", "5s");
        } else if self.create_directory && self.mode().is_none() {
            let is_octal = i32::from_str_radix(&self.directory_permissions, 8).is_ok();
            let rule = if is_octal {
                "directory_permissions contain invalid bits for file access"
            } else {
                "directory_permissions value must be a valid octal representation"
            };
            problems.at("", rule).set("directory_permissions", "\"0750\"");
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
