//! The section and its defaults. `extension/storage/filestorage/config.go`, v0.156.

use std::path::{Path, PathBuf};

use component::Problems;
use component::config::Duration;
use serde::{Deserialize, Serialize};

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
    /// Waits for the disk on every write. Default false: once a second.
    #[config(omit_empty)]
    pub fsync: bool,
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
            directory: String::new(),
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
            directory: PathBuf::from("/var/lib/otelcol/file_storage"),
            timeout: Duration::from_secs(1),
            compaction: Compaction::default(),
            fsync: false,
            create_directory: false,
            directory_permissions: "0750".into(),
            recreate: false,
        }
    }
}

impl Config {
    /// The mode of a new directory.
    pub fn mode(&self) -> Option<u32> {
        u32::from_str_radix(&self.directory_permissions, 8).ok().filter(|it| *it <= 0o777)
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        if let Err(rule) = usable(&self.directory, self.create_directory) {
            problems.at("", rule).set("create_directory", "true");
        }
        if self.create_directory && self.mode().is_none() {
            problems.at("", "directory_permissions value must be a valid octal representation of file permissions").set("directory_permissions", "\"0750\"");
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
