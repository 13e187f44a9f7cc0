//! The section of the exporter.

use std::path::Path;

use component::config::{Duration, Problems, Section};
use compression::Params;
use serde::{Deserialize, Serialize};

/// `exporters: file:`. `exporter/fileexporter/config.go` of contrib, v0.159.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "fileexporter.Config")]
pub struct Config {
    /// The file. Required.
    pub path: String,
    /// json: one request per line; proto: requests with a length before each. Default json.
    pub format: String,
    /// Keep what the file holds at start. Default false.
    pub append: bool,
    /// Moves the file away when it is full. Off unless mentioned.
    pub rotation: Section<Rotation>,
    /// zstd, each request by itself with a length before it, or empty. Default none.
    pub compression: String,
    /// Level of the compression; 0 is the default of the encoding.
    pub compression_params: Params,
    /// Accepted, without effect: nothing is held back. Default 1s.
    pub flush_interval: Duration,
    /// An encoding extension. Not supported yet.
    pub encoding: Option<String>,
    /// One file per value of a resource attribute. Not supported yet.
    pub group_by: GroupBy,
    /// Make the folder of `path`. Default false.
    pub create_directory: bool,
    /// Of folders that are made, octal. Default 0755.
    pub directory_permissions: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: String::new(),
            format: "json".into(),
            append: false,
            rotation: Section::off(Rotation::default()),
            compression: String::new(),
            compression_params: Params::default(),
            flush_interval: Duration::from_secs(1),
            encoding: None,
            group_by: GroupBy::default(),
            create_directory: false,
            directory_permissions: "0755".into(),
        }
    }
}

/// `rotation:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
pub struct Rotation {
    /// Largest file in MiB. Default 100.
    pub max_megabytes: i64,
    /// Files moved away are deleted after so many days; 0 is never. Default 0.
    pub max_days: i64,
    /// Most files that were moved away and are kept; 0 is all. Default 100.
    pub max_backups: i64,
    /// Local time in the names of files moved away. Accepted; they are in UTC. Default false.
    pub localtime: bool,
}

impl Default for Rotation {
    fn default() -> Self {
        Self { max_megabytes: 100, max_days: 0, max_backups: 100, localtime: false }
    }
}

/// `group_by:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
pub struct GroupBy {
    /// Default false.
    pub enabled: bool,
    /// Its value replaces the `*` in `path`. Default fileexporter.path_segment.
    pub resource_attribute: String,
    /// Most files open at once. Default 100.
    pub max_open_files: i64,
}

impl Default for GroupBy {
    fn default() -> Self {
        Self {
            enabled: false,
            resource_attribute: "fileexporter.path_segment".into(),
            max_open_files: 100,
        }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        let wrong = [
            (self.path.is_empty(), "path must be non-empty", ("path", "./telemetry.json")),
            (
                self.append && !self.compression.is_empty(),
                "append and compression enabled at the same time is not supported",
                ("append", "false"),
            ),
            (
                self.append && self.rotation.get().is_some(),
                "append and rotation enabled at the same time is not supported",
                ("append", "false"),
            ),
            (
                !matches!(self.compression.as_str(), "" | "zstd"),
                "compression is not supported",
                ("compression", "zstd"),
            ),
            (
                self.flush_interval.is_negative(),
                "flush_interval must be larger than zero",
                ("flush_interval", "1s"),
            ),
            (
                self.create_directory && self.permissions().is_none(),
                "directory_permissions must be an octal number between 0 and 0777",
                ("directory_permissions", "\"0755\""),
            ),
        ];
        for (_, rule, (key, value)) in wrong.into_iter().filter(|it| it.0) {
            problems.at("", rule).set(key, value);
        }
        if !matches!(self.format.as_str(), "json" | "proto") {
            problems.at("", "format type is not supported").one_of("format", &["json", "proto"]);
        }
        if self.group_by.enabled {
            self.validate_group_by(problems);
        }
        self.check_start(problems);
    }
}

impl Config {
    /// What cannot be done yet: the key, whether it is asked for, and why.
    pub(crate) fn unsupported(&self) -> [(&'static str, bool, &'static str); 2] {
        [
            (
                "group_by",
                self.group_by.enabled,
                "group_by is not supported yet: set enabled: false",
            ),
            ("encoding", self.encoding.is_some(), "encoding is not supported yet: use format"),
        ]
    }

    fn check_start(&self, problems: &mut Problems) {
        for (key, _, why) in self.unsupported().into_iter().filter(|it| it.1) {
            problems.at_start("", why).remove(key);
        }
        let (path, folder) = (Path::new(&self.path), Path::new(&self.path).parent());
        let absent = |it: &&Path| !it.as_os_str().is_empty() && !it.exists();
        let why = if path.is_dir() {
            "is a directory"
        } else if folder.as_ref().is_some_and(absent)
            && !self.create_directory
            && !self.group_by.enabled
        {
            "no such file or directory"
        } else {
            return;
        };
        problems.at_start("", format!("open {}: {why}", self.path)).about("path");
    }

    /// `directory_permissions` as a number.
    pub(crate) fn permissions(&self) -> Option<u32> {
        u32::from_str_radix(&self.directory_permissions, 8).ok().filter(|it| *it <= 0o777)
    }

    fn validate_group_by(&self, problems: &mut Problems) {
        if self.path.matches('*').count() != 1 {
            problems
                .at("", "path must contain exactly one * when group_by is enabled")
                .about("path");
        }
        if self.path.starts_with('*') {
            problems.at("", "path must not start with * when group_by is enabled").about("path");
        }
        if self.group_by.resource_attribute.is_empty() {
            problems
                .at("", "resource_attribute must not be empty when group_by is enabled")
                .about("group_by");
        }
    }
}
