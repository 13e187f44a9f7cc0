//! `--watch`: tells when a file changes that the configuration was read from.
//!
//! The directories are watched, not the files: editors replace files, and a Kubernetes ConfigMap changes by
//! a symbolic link beside them (`..data`) that is swapped. What counts is the content.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hasher};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, sleep, timeout};
use tracing::warn;

/// Changes within this time are one.
const QUIET: Duration = Duration::from_millis(100);
/// Longest wait for that quiet.
const QUIET_MAX: Duration = Duration::from_secs(2);
/// How often the files are looked at besides: not every file system tells.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);
/// Most symbolic links on the way to a file. `MAXSYMLINKS`.
const LINKS_MAX: usize = 40;
/// Bytes of events taken from the kernel at once.
const EVENT_BYTES: usize = 4096;

/// The files of a configuration.
pub struct Watch {
    /// Hashes of the contents; `None` for what cannot be read.
    seen: BTreeMap<PathBuf, Option<u64>>,
    events: Option<AsyncFd<OwnedFd>>,
    /// Why there are no events, until it has been said.
    complaint: Option<io::Error>,
}

impl Watch {
    /// Begins with these files, as they are now.
    pub fn new(files: impl IntoIterator<Item = PathBuf>) -> Self {
        let (events, complaint) = match events() {
            Ok(events) => (Some(events), None),
            Err(error) => (None, Some(error)),
        };
        let mut watch = Self { seen: BTreeMap::new(), events, complaint };
        watch.add(files);
        watch
    }

    /// Watches these too. What a file was when it was added before stays what a change is measured by.
    pub fn add(&mut self, files: impl IntoIterator<Item = PathBuf>) {
        for file in files {
            let now = hash(&file);
            self.seen.entry(file).or_insert(now);
        }
        self.watch_directories();
    }

    /// Returns when a content has changed, and then only for the next change.
    pub async fn changed(&mut self) {
        if let Some(error) = self.complaint.take() {
            let every = LOOK_INTERVAL;
            warn!(%error, ?every, "the kernel cannot tell about changed files (raise \
                fs.inotify.max_user_instances); looking at them regularly");
        }
        loop {
            // Passes: then it is time to look.
            let _ = timeout(LOOK_INTERVAL, self.event()).await;
            let end = Instant::now() + QUIET_MAX;
            while Instant::now() < end && timeout(QUIET, self.event()).await.is_ok() {
                sleep(QUIET / 10).await;
            }
            // What was replaced may lead elsewhere.
            self.watch_directories();
            let now: BTreeMap<_, _> =
                self.seen.keys().map(|file| (file.clone(), hash(file))).collect();
            if now != self.seen {
                self.seen = now;
                return;
            }
        }
    }

    /// Waits for an event and forgets all that are there.
    async fn event(&self) {
        let Some(events) = &self.events else { return std::future::pending().await };
        if let Ok(mut guard) = events.readable().await {
            let mut buffer = [MaybeUninit::uninit(); EVENT_BYTES];
            let mut reader = Reader::new(events.get_ref(), &mut buffer);
            while reader.next().is_ok() {}
            guard.clear_ready();
        }
    }

    fn watch_directories(&self) {
        let Some(events) = &self.events else { return };
        let names = WatchFlags::CREATE | WatchFlags::MOVE | WatchFlags::DELETE;
        let flags = names | WatchFlags::MODIFY | WatchFlags::CLOSE_WRITE | WatchFlags::ONLYDIR;
        let all: BTreeSet<PathBuf> = self.seen.keys().flat_map(|it| directories(it)).collect();
        for directory in all {
            // One that is not there is not watched; the regular look finds what appears in it.
            let _ = inotify::add_watch(events.get_ref(), directory, flags);
        }
    }
}

#[expect(
    deprecated,
    reason = "unsound only for types whose descriptor changes; the successor is unsafe"
)]
fn events() -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?)
}

fn hash(file: &Path) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    hasher.write(&std::fs::read(file).ok()?);
    Some(hasher.finish())
}

/// Where a name has to change for `file` to be another one: its directory, and those of all symbolic
/// links on the way.
fn directories(file: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut left = vec![std::path::absolute(file).unwrap_or_else(|_| file.to_owned())];
    for _ in 0..LINKS_MAX {
        let Some(path) = left.pop() else { break };
        found.extend(path.parent().map(Path::to_owned));
        for part in path.ancestors() {
            let (Ok(target), Some(parent)) = (std::fs::read_link(part), part.parent()) else {
                continue;
            };
            let rest = path.strip_prefix(part).unwrap_or(Path::new(""));
            found.insert(parent.to_owned());
            left.push(if rest == Path::new("") {
                parent.join(target)
            } else {
                parent.join(target).join(rest)
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// Longest any change may take to be seen: far below [`LOOK_INTERVAL`], so the kernel told.
    const PATIENCE: Duration = Duration::from_secs(8);

    async fn sees_a_change(watch: &mut Watch) -> bool {
        timeout(PATIENCE, watch.changed()).await.is_ok()
    }

    #[tokio::test]
    async fn a_file_that_is_written_or_replaced_is_seen_once() {
        let folder = tempfile::tempdir().unwrap();
        let (file, other) = (folder.path().join("a.yaml"), folder.path().join("b.yaml"));
        fs::write(&file, "1").unwrap();
        let mut watch = Watch::new([file.clone()]);
        fs::write(&file, "2").unwrap();
        assert!(sees_a_change(&mut watch).await);
        fs::write(&other, "3").unwrap();
        fs::rename(&other, &file).unwrap();
        assert!(sees_a_change(&mut watch).await);
        fs::remove_file(&file).unwrap();
        assert!(sees_a_change(&mut watch).await);
    }

    #[tokio::test]
    async fn the_same_content_is_no_change_and_a_burst_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.yaml");
        fs::write(&file, "1").unwrap();
        let mut watch = Watch::new([file.clone()]);
        fs::write(folder.path().join("stranger"), "1").unwrap();
        fs::write(&file, "1").unwrap();
        assert!(timeout(QUIET * 5, watch.changed()).await.is_err());
        for n in 0..10 {
            fs::write(&file, format!("burst {n}")).unwrap();
        }
        assert!(sees_a_change(&mut watch).await);
        assert!(timeout(QUIET * 5, watch.changed()).await.is_err());
    }

    #[tokio::test]
    async fn a_config_map_that_is_swapped_is_seen_every_time() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let publish = |version: &str| {
            fs::create_dir(at(version)).unwrap();
            fs::write(at(version).join("config.yaml"), version).unwrap();
            symlink(version, at("..data_tmp")).unwrap();
            fs::rename(at("..data_tmp"), at("..data")).unwrap();
        };
        publish("..1");
        symlink("..data/config.yaml", at("config.yaml")).unwrap();
        let mut watch = Watch::new([at("config.yaml")]);
        for (new, old) in [("..2", "..1"), ("..3", "..2")] {
            publish(new);
            fs::remove_dir_all(at(old)).unwrap();
            assert!(sees_a_change(&mut watch).await, "{new}");
        }
    }

    #[test]
    fn a_file_behind_links_is_watched_where_each_link_stands() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("real/deep")).unwrap();
        fs::create_dir(at("links")).unwrap();
        fs::write(at("real/deep/file"), "").unwrap();
        symlink(at("real/deep"), at("links/deep")).unwrap();
        symlink("../links/deep/file", at("real/name")).unwrap();
        symlink("b", at("a")).unwrap();
        symlink("a", at("b")).unwrap();
        let found = directories(&at("real/name"));
        let found: Vec<PathBuf> = found.iter().filter_map(|it| fs::canonicalize(it).ok()).collect();
        for name in ["real", "links", "real/deep"] {
            assert!(found.contains(&at(name).canonicalize().unwrap()), "{name}: {found:?}");
        }
        assert!(!directories(&at("a")).is_empty(), "a circle ends");
    }
}
