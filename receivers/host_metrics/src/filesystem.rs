//! `scrapers: filesystem:`: what is mounted, and statfs(2) of each.

use std::collections::HashSet;

use component::Problems;
use confignet::go_text;
use rustix::fs::StatFs;
use scraping::{BlockingScraper, Builder, Errors, MetricsSection, ResourceSection, Scraped};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::filter::{Devices, Filter, FsTypes, MountPoints};
use crate::machine::{Failure, Files, Machine};
use crate::mounts::{Mount, mounts, old_mounts, storing};
use crate::precision::ratio;

/// How many metrics are missed when nothing is known of any file system.
const METRICS: u64 = 2;

scraping::catalog! {
    /// Metrics of the scraper `filesystem`.
    pub enum Table: crate::scope!("filesystem"), crate::SCHEMA_URL;
    metrics {
        InodesUsage = Metric::up_down(
            "system.filesystem.inodes.usage",
            "{inodes}",
            "FileSystem inodes used.",
            Int,
        ).by(&["device", "mode", "mountpoint", "type", "state"]);
        Usage = Metric::up_down(
            "system.filesystem.usage",
            "By",
            "Filesystem bytes used.",
            Int,
        ).by(&["device", "mode", "mountpoint", "type", "state"]);
        Utilization = Metric::gauge(
            "system.filesystem.utilization",
            "1",
            "Fraction of filesystem bytes used.",
            Double,
        ).by(&["device", "mode", "mountpoint", "type"]).off();
    }
}

/// `scrapers: filesystem:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "filesystemscraper.Config")]
pub struct Config {
    /// Which metrics are sent, and by which attributes.
    pub metrics: MetricsSection<Table>,
    /// Also file systems without a disk, such as tmpfs. Default false.
    pub include_virtual_filesystems: bool,
    /// Only these devices.
    pub include_devices: Devices,
    /// Not these devices.
    pub exclude_devices: Devices,
    /// Only these types of file systems.
    pub include_fs_types: FsTypes,
    /// Not these types of file systems.
    pub exclude_fs_types: FsTypes,
    /// Only these mount points. With `root_path` they are those of the machine.
    pub include_mount_points: MountPoints,
    /// Not these mount points. With `root_path` they are those of the machine.
    pub exclude_mount_points: MountPoints,
}

impl Config {
    pub(crate) fn validate(&self, problems: &mut Problems) {
        self.metrics.validate("scrapers::filesystem::metrics", problems);
        for (key, names) in [
            ("include_devices", self.include_devices.names()),
            ("exclude_devices", self.exclude_devices.names()),
            ("include_fs_types", self.include_fs_types.names()),
            ("exclude_fs_types", self.exclude_fs_types.names()),
            ("include_mount_points", self.include_mount_points.names()),
            ("exclude_mount_points", self.exclude_mount_points.names()),
        ] {
            let place = format!("scrapers::filesystem::{key}");
            names.validate(&place, &format!("{key} filter"), problems);
        }
    }
}

/// The scraper.
pub(crate) struct FileSystems {
    files: Files,
    builder: Builder<Table>,
    all: bool,
    devices: Filter,
    kinds: Filter,
    points: Filter,
}

impl FileSystems {
    pub(crate) fn new(machine: &Machine, config: &Config) -> Self {
        let mut builder =
            Builder::new(&config.metrics, &ResourceSection::default(), machine.version);
        builder.start(machine.boot);
        if machine.root.is_own() && is_container() {
            warn!(
                "No `root_path` config set when running in docker environment, will report container filesystem \
                 stats. See https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/receiver/\
                 hostmetricsreceiver#collecting-host-metrics-from-inside-a-container-linux-only"
            );
        }
        let filter = Filter::new;
        Self {
            files: Files::new(&machine.root),
            builder,
            all: config.include_virtual_filesystems,
            devices: filter(config.include_devices.names(), config.exclude_devices.names()),
            kinds: filter(config.include_fs_types.names(), config.exclude_fs_types.names()),
            points: filter(
                config.include_mount_points.names(),
                config.exclude_mount_points.names(),
            ),
        }
    }

    /// What is mounted for the first process of the machine, or else for this one.
    fn mounts(&mut self) -> Result<Vec<Mount>, String> {
        let kinds = match self.files.proc(format_args!("filesystems")) {
            _ if self.all => None,
            Ok(filesystems) => Some(storing(filesystems)),
            Err(failure) => return Err(failure.text),
        };
        let places = match self.files.root.mounts() {
            Some(place) => vec![place.to_owned()],
            None => vec![self.files.root.proc("1"), self.files.root.proc("self")],
        };
        let root = self.files.root.clone();
        let mut failure = None;
        for place in places {
            match self.files.any(&place.join("mountinfo")) {
                Ok(mountinfo) => {
                    let path = place.join("mountinfo");
                    return mounts(mountinfo, kinds.as_deref(), &root).map_err(|why| {
                        format!("error parsing mountinfo file {}: {why}", path.display())
                    });
                }
                Err(why) if why.is_gone() => {}
                Err(why) => {
                    failure = Some(why);
                    continue;
                }
            }
            match self.files.any(&place.join("mounts")) {
                Ok(table) => return Ok(old_mounts(table, kinds.as_deref())),
                Err(why) => failure = Some(why),
            }
        }
        Err(failure.map_or_else(String::new, |it: Failure| it.text))
    }

    fn keeps(&self, it: &Mount) -> bool {
        self.devices.keeps(&it.device) && self.kinds.keeps(&it.kind) && self.points.keeps(&it.point)
    }

    fn record_all(&mut self, errors: &mut Errors) {
        let found = match self.mounts() {
            Ok(found) => found,
            Err(error) => return errors.partial(METRICS, error),
        };
        let (mut seen, mut recorded) = (HashSet::new(), 0);
        for mount in &found {
            let is_new = mount.point.is_empty() || seen.insert((&*mount.point, &*mount.device));
            if !is_new || !self.keeps(mount) {
                continue;
            }
            let path = self.files.root.translate(&mount.point);
            match rustix::fs::statfs(path.as_str()) {
                Ok(stat) => {
                    record(&mut self.builder, mount, &stat);
                    recorded += 1;
                }
                Err(error) => {
                    let why = go_text(&error.into());
                    errors.partial(0, format!("failed to read usage at {path}: {why}"));
                }
            }
        }
        if recorded == 0 && !errors.is_empty() {
            errors.partial(METRICS, "no file system could be read");
        }
    }
}

#[expect(
    clippy::unnecessary_cast,
    clippy::cast_sign_loss,
    reason = "the types of the fields depend on the processor"
)]
fn record(builder: &mut Builder<Table>, mount: &Mount, stat: &StatFs) {
    let block = stat.f_bsize as u64;
    let bytes = |blocks: u64| blocks.saturating_mul(block);
    let total = bytes(stat.f_blocks);
    let free = bytes(stat.f_bavail);
    let used = bytes(stat.f_blocks.saturating_sub(stat.f_bfree));
    // What only root may use is neither.
    let reserved = total.saturating_sub(used).saturating_sub(free);
    let inodes_free = stat.f_ffree as u64;
    let inodes_used = (stat.f_files as u64).saturating_sub(inodes_free);
    let Mount { device, point, kind, mode } = mount;
    let attributes = [device.into(), (*mode).into(), point.into(), kind.into()];
    let with = |state: &'static str| {
        let [device, mode, point, kind] = attributes;
        [device, mode, point, kind, state.into()]
    };
    builder.uint(Table::Usage, used, &with("used"));
    builder.uint(Table::Usage, free, &with("free"));
    builder.uint(Table::Usage, reserved, &with("reserved"));
    builder.double(Table::Utilization, ratio(used, used.saturating_add(free)), &attributes);
    builder.uint(Table::InodesUsage, inodes_used, &with("used"));
    builder.uint(Table::InodesUsage, inodes_free, &with("free"));
}

/// Whether this program runs in a container, as upstream finds it out.
fn is_container() -> bool {
    let marks = ["/.dockerenv", "/run/.containerenv"];
    std::process::id() == 1 || marks.iter().any(|it| std::path::Path::new(it).exists())
}

impl BlockingScraper for FileSystems {
    fn scrape(&mut self, errors: &mut Errors) -> Scraped {
        self.builder.time(component::clock::unix_nanos());
        self.record_all(errors);
        self.builder.emit();
        self.builder.finish()
    }
}
