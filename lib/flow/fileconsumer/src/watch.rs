//! What the kernel tells: names that appear or vanish in directories, and files that were written.
//!
//! Directories are watched for names only. A file is watched from when it was first read to its end. Where
//! much is written, the first write ends the watch until the file has been read to its end again: so a
//! busy file costs no event per line, and a slow one no new watch per line.
//! Watches are set through the descriptor and survive a rename or removal of the file.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use tokio::io::unix::AsyncFd;
use tokio::time::Instant;

use crate::FileKey;

/// Bytes taken from the kernel at once: some 500 events.
const BUFFER_BYTES: usize = 16 * 1024;
/// Where the reactor takes no more descriptors, events are looked for this often.
const BLIND_PAUSE: Duration = Duration::from_millis(100);

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// The file was written, truncated or renamed.
    Touched { key: FileKey, still_watched: bool },
    /// A file appeared under this path, or vanished from it.
    File(PathBuf),
    /// A directory appeared under this path.
    Directory(PathBuf),
    /// Directories changed, or events were lost: only a walk can tell.
    Unclear,
}

/// A file's watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Watch {
    number: i32,
    /// The first write ends it.
    pub once: bool,
}

/// One inotify instance.
pub(crate) struct Watcher {
    instance: Arc<OwnedFd>,
    /// Only while nothing comes: each event would wake the reactor, which has no use for the second.
    alarm: Option<AsyncFd<Arc<OwnedFd>>>,
    /// Something came when it was last looked at, so soon there is more.
    lively: bool,
    directories: HashMap<i32, Vec<PathBuf>>,
    watched: HashMap<PathBuf, i32>,
    files: HashMap<i32, FileKey>,
    buffer: Box<[MaybeUninit<u8>]>,
}

impl Watcher {
    pub(crate) fn new() -> io::Result<Self> {
        let instance = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        Ok(Self {
            instance: Arc::new(instance),
            alarm: None,
            lively: false,
            directories: HashMap::new(),
            watched: HashMap::new(),
            files: HashMap::new(),
            buffer: vec![MaybeUninit::uninit(); BUFFER_BYTES].into_boxed_slice(),
        })
    }

    /// Returns when there may be something to [`drain`](Self::drain), but not before `earliest`.
    pub(crate) async fn readable(&mut self, earliest: Instant) {
        if !self.lively {
            if self.alarm.is_none() {
                self.alarm = register(Arc::clone(&self.instance)).ok();
            }
            match &self.alarm {
                Some(alarm) => drop(alarm.readable().await),
                None => tokio::time::sleep(BLIND_PAUSE).await,
            }
            (self.alarm, self.lively) = (None, true);
        }
        tokio::time::sleep_until(earliest).await;
    }

    /// Watches a file, with `once` until it is written. One that is watched already is watched anew.
    pub(crate) fn watch_file(
        &mut self,
        key: FileKey,
        file: &File,
        once: bool,
    ) -> io::Result<Watch> {
        let mut flags = WatchFlags::MODIFY | WatchFlags::MOVE_SELF;
        flags.set(WatchFlags::ONESHOT, once);
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let number = inotify::add_watch(&self.instance, path, flags)?;
        self.files.insert(number, key);
        Ok(Watch { number, once })
    }

    /// Ends a file's watch.
    pub(crate) fn forget_file(&mut self, watch: Watch) {
        if self.files.remove(&watch.number).is_some() {
            // Fails when a write has ended it meanwhile.
            let _ = inotify::remove_watch(&self.instance, watch.number);
        }
    }

    /// Watches exactly these directories; the answer is whether one was not watched before, and what
    /// could not be watched.
    pub(crate) fn set_directories(
        &mut self,
        wanted: &BTreeSet<PathBuf>,
    ) -> (bool, Vec<(PathBuf, io::Error)>) {
        let old: Vec<PathBuf> =
            self.watched.keys().filter(|it| !wanted.contains(*it)).cloned().collect();
        for path in old {
            self.forget_directory(&path);
        }
        let (mut more, mut failed) = (false, Vec::new());
        for path in wanted {
            match self.watch_directory(path) {
                Ok(new) => more |= new,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => failed.push((path.clone(), error)),
            }
        }
        (more, failed)
    }

    /// Watches one more directory; false when it is watched already.
    pub(crate) fn watch_directory(&mut self, path: &Path) -> io::Result<bool> {
        if self.watched.contains_key(path) {
            return Ok(false);
        }
        let names = WatchFlags::CREATE | WatchFlags::MOVE | WatchFlags::DELETE;
        let own = WatchFlags::DELETE_SELF | WatchFlags::MOVE_SELF | WatchFlags::ONLYDIR;
        let watch = inotify::add_watch(&self.instance, path, names | own)?;
        self.directories.entry(watch).or_default().push(path.to_owned());
        self.watched.insert(path.to_owned(), watch);
        Ok(true)
    }

    fn forget_directory(&mut self, path: &Path) {
        let Some(watch) = self.watched.remove(path) else { return };
        let Some(paths) = self.directories.get_mut(&watch) else { return };
        paths.retain(|it| it != path);
        if paths.is_empty() {
            self.directories.remove(&watch);
            // Fails when the directory is gone, and then there is nothing to remove.
            let _ = inotify::remove_watch(&self.instance, watch);
        }
    }

    /// Takes everything that is there; a file that was written often comes once.
    pub(crate) fn drain(&mut self, events: &mut Vec<Event>) {
        let mut touched: HashMap<FileKey, usize> = HashMap::new();
        let mut reader = Reader::new(&self.instance, &mut self.buffer);
        self.lively = false;
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(rustix::io::Errno::INTR) => continue,
                Err(_) => return,
            };
            self.lively = true;
            let flags = event.events();
            if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
                events.push(Event::Unclear);
            } else if let Some(&key) = self.files.get(&event.wd()) {
                let ended = flags.contains(ReadFlags::IGNORED);
                if ended {
                    self.files.remove(&event.wd());
                }
                let at = *touched.entry(key).or_insert(events.len());
                match events.get_mut(at) {
                    Some(Event::Touched { still_watched, .. }) => *still_watched &= !ended,
                    _ => events.push(Event::Touched { key, still_watched: !ended }),
                }
            } else if let Some(paths) = self.directories.get(&event.wd()) {
                if flags.contains(ReadFlags::IGNORED) {
                    for path in paths {
                        self.watched.remove(path);
                    }
                    self.directories.remove(&event.wd());
                    continue;
                }
                let appeared = flags.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO);
                let what: Option<fn(PathBuf) -> Event> = if flags.contains(ReadFlags::ISDIR) {
                    appeared.then_some(Event::Directory)
                } else {
                    Some(Event::File)
                };
                match (event.file_name(), what) {
                    (Some(name), Some(what)) => {
                        let name = OsStr::from_bytes(name.to_bytes());
                        events.extend(paths.iter().map(|it| what(it.join(name))));
                    }
                    _ => events.push(Event::Unclear),
                }
            }
        }
    }
}

#[expect(
    deprecated,
    reason = "unsound only for types whose descriptor changes; the successor is unsafe"
)]
fn register(instance: Arc<OwnedFd>) -> io::Result<AsyncFd<Arc<OwnedFd>>> {
    AsyncFd::new(instance)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    async fn events(watcher: &mut Watcher) -> Vec<Event> {
        let mut events = Vec::new();
        tokio::time::timeout(Duration::from_secs(5), watcher.readable(Instant::now()))
            .await
            .unwrap();
        watcher.drain(&mut events);
        events.dedup();
        events
    }

    #[tokio::test]
    async fn a_busy_file_is_reported_once_by_descriptor_even_when_it_was_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let mut writer = File::create(&path).unwrap();
        let file = File::open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let mut watcher = Watcher::new().unwrap();
        watcher.watch_file(FileKey(7), &file, true).unwrap();
        writer.write_all(b"x").unwrap();
        writer.write_all(b"y").unwrap();
        assert_eq!(
            events(&mut watcher).await,
            [Event::Touched { key: FileKey(7), still_watched: false }]
        );
        assert!(watcher.files.is_empty());
        watcher.watch_file(FileKey(7), &file, true).unwrap();
        writer.write_all(b"z").unwrap();
        assert_eq!(
            events(&mut watcher).await,
            [Event::Touched { key: FileKey(7), still_watched: false }]
        );
    }

    #[tokio::test]
    async fn a_slow_file_is_reported_until_it_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = File::create(dir.path().join("a")).unwrap();
        let file = File::open(dir.path().join("a")).unwrap();
        let mut watcher = Watcher::new().unwrap();
        let watch = watcher.watch_file(FileKey(7), &file, false).unwrap();
        for _ in 0..3 {
            writer.write_all(b"x").unwrap();
            writer.write_all(b"y").unwrap();
            let touched = Event::Touched { key: FileKey(7), still_watched: true };
            assert_eq!(events(&mut watcher).await, [touched]);
        }
        watcher.forget_file(watch);
        writer.write_all(b"z").unwrap();
        let mut none = Vec::new();
        watcher.drain(&mut none);
        assert!(none.is_empty() && watcher.files.is_empty());
    }

    #[tokio::test]
    async fn a_watch_may_be_changed_to_end_with_the_next_write() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = File::create(dir.path().join("a")).unwrap();
        let file = File::open(dir.path().join("a")).unwrap();
        let mut watcher = Watcher::new().unwrap();
        watcher.watch_file(FileKey(7), &file, false).unwrap();
        watcher.watch_file(FileKey(7), &file, true).unwrap();
        writer.write_all(b"x").unwrap();
        let ended = Event::Touched { key: FileKey(7), still_watched: false };
        assert_eq!(events(&mut watcher).await, [ended]);
    }

    #[tokio::test]
    async fn names_are_reported_with_their_path() {
        let dir = tempfile::tempdir().unwrap();
        let mut watcher = Watcher::new().unwrap();
        let wanted = [dir.path().to_owned()].into();
        assert!(watcher.set_directories(&wanted).0);
        let (more, failed) = watcher.set_directories(&wanted);
        assert!(!more && failed.is_empty());
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        std::fs::write(&a, "x").unwrap();
        assert_eq!(events(&mut watcher).await, [Event::File(a.clone())]);
        std::fs::rename(&a, &b).unwrap();
        assert_eq!(events(&mut watcher).await, [Event::File(a), Event::File(b)]);
        let sub = dir.path().join("sub");
        std::fs::create_dir(&sub).unwrap();
        assert_eq!(events(&mut watcher).await, [Event::Directory(sub.clone())]);
        std::fs::remove_dir(&sub).unwrap();
        assert_eq!(events(&mut watcher).await, [Event::Unclear]);
        watcher.set_directories(&BTreeSet::new());
        assert!(watcher.watched.is_empty() && watcher.directories.is_empty());
    }
}
