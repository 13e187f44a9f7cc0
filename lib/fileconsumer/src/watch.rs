//! What the kernel tells: names that appear or vanish in directories, and files that were written.
//!
//! Directories are watched for names only. A file is watched once at a time, after it has been read to
//! its end: the first write ends the watch, so a busy file costs nothing and an idle one neither.
//! Watches are set through the descriptor and survive a rename or removal of the file.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use tokio::io::unix::AsyncFd;

use crate::FileKey;

/// Bytes taken from the kernel at once: some 500 events.
const BUFFER_BYTES: usize = 16 * 1024;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// The file was written, truncated or renamed; it is no longer watched.
    Touched(FileKey),
    /// A file appeared under this path, or vanished from it.
    File(PathBuf),
    /// Directories changed, or events were lost: only a walk can tell.
    Unclear,
}

/// One inotify instance.
pub(crate) struct Watcher {
    instance: AsyncFd<OwnedFd>,
    directories: HashMap<i32, Vec<PathBuf>>,
    watched: HashMap<PathBuf, i32>,
    files: HashMap<i32, FileKey>,
    buffer: Box<[MaybeUninit<u8>]>,
}

impl Watcher {
    pub(crate) fn new() -> io::Result<Self> {
        let instance = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        Ok(Self {
            instance: register(instance)?,
            directories: HashMap::new(),
            watched: HashMap::new(),
            files: HashMap::new(),
            buffer: vec![MaybeUninit::uninit(); BUFFER_BYTES].into_boxed_slice(),
        })
    }

    /// Returns when there is something to [`drain`](Self::drain).
    pub(crate) async fn readable(&self) {
        if let Ok(mut guard) = self.instance.readable().await {
            guard.clear_ready();
        }
    }

    /// Watches a file until it is written.
    pub(crate) fn watch_file(&mut self, key: FileKey, file: &File) -> io::Result<()> {
        let flags = WatchFlags::MODIFY | WatchFlags::MOVE_SELF | WatchFlags::ONESHOT;
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let watch = inotify::add_watch(self.instance.get_ref(), path, flags)?;
        self.files.insert(watch, key);
        Ok(())
    }

    /// Watches exactly these directories; the answer is what could not be watched.
    pub(crate) fn set_directories(
        &mut self,
        wanted: &BTreeSet<PathBuf>,
    ) -> Vec<(PathBuf, io::Error)> {
        let old: Vec<PathBuf> =
            self.watched.keys().filter(|it| !wanted.contains(*it)).cloned().collect();
        for path in old {
            self.forget_directory(&path);
        }
        let mut failed = Vec::new();
        for path in wanted {
            if !self.watched.contains_key(path)
                && let Err(error) = self.watch_directory(path)
                && error.kind() != io::ErrorKind::NotFound
            {
                failed.push((path.clone(), error));
            }
        }
        failed
    }

    /// Watches one more directory.
    pub(crate) fn watch_directory(&mut self, path: &Path) -> io::Result<()> {
        if self.watched.contains_key(path) {
            return Ok(());
        }
        let names = WatchFlags::CREATE | WatchFlags::MOVE | WatchFlags::DELETE;
        let own = WatchFlags::DELETE_SELF | WatchFlags::MOVE_SELF | WatchFlags::ONLYDIR;
        let watch = inotify::add_watch(self.instance.get_ref(), path, names | own)?;
        self.directories.entry(watch).or_default().push(path.to_owned());
        self.watched.insert(path.to_owned(), watch);
        Ok(())
    }

    fn forget_directory(&mut self, path: &Path) {
        let Some(watch) = self.watched.remove(path) else { return };
        let Some(paths) = self.directories.get_mut(&watch) else { return };
        paths.retain(|it| it != path);
        if paths.is_empty() {
            self.directories.remove(&watch);
            // Fails when the directory is gone, and then there is nothing to remove.
            let _ = inotify::remove_watch(self.instance.get_ref(), watch);
        }
    }

    /// Takes everything that is there.
    pub(crate) fn drain(&mut self, events: &mut Vec<Event>) {
        let mut reader = Reader::new(self.instance.get_ref(), &mut self.buffer);
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(rustix::io::Errno::INTR) => continue,
                Err(_) => return,
            };
            let flags = event.events();
            if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
                events.push(Event::Unclear);
            } else if let Some(key) = self.files.get(&event.wd()) {
                if flags.contains(ReadFlags::IGNORED) {
                    self.files.remove(&event.wd());
                } else {
                    events.push(Event::Touched(*key));
                }
            } else if let Some(paths) = self.directories.get(&event.wd()) {
                if flags.contains(ReadFlags::IGNORED) {
                    for path in paths {
                        self.watched.remove(path);
                    }
                    self.directories.remove(&event.wd());
                    continue;
                }
                match event.file_name().filter(|_| !flags.contains(ReadFlags::ISDIR)) {
                    Some(name) => {
                        let name = name.to_string_lossy();
                        events.extend(paths.iter().map(|it| Event::File(it.join(&*name))));
                    }
                    None => events.push(Event::Unclear),
                }
            }
        }
    }
}

#[expect(
    deprecated,
    reason = "unsound only for types whose descriptor changes; the successor is unsafe"
)]
fn register(instance: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(instance)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Duration;

    use super::*;

    async fn events(watcher: &mut Watcher) -> Vec<Event> {
        let mut events = Vec::new();
        tokio::time::timeout(Duration::from_secs(5), watcher.readable()).await.unwrap();
        watcher.drain(&mut events);
        events.dedup();
        events
    }

    #[tokio::test]
    async fn a_file_is_reported_once_by_descriptor_even_when_it_was_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let mut writer = File::create(&path).unwrap();
        let file = File::open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let mut watcher = Watcher::new().unwrap();
        watcher.watch_file(FileKey(7), &file).unwrap();
        writer.write_all(b"x").unwrap();
        writer.write_all(b"y").unwrap();
        assert_eq!(events(&mut watcher).await, [Event::Touched(FileKey(7))]);
        assert!(watcher.files.is_empty());
        watcher.watch_file(FileKey(7), &file).unwrap();
        writer.write_all(b"z").unwrap();
        assert_eq!(events(&mut watcher).await, [Event::Touched(FileKey(7))]);
    }

    #[tokio::test]
    async fn names_are_reported_with_their_path() {
        let dir = tempfile::tempdir().unwrap();
        let mut watcher = Watcher::new().unwrap();
        let failed = watcher.set_directories(&[dir.path().to_owned()].into());
        assert!(failed.is_empty());
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        std::fs::write(&a, "x").unwrap();
        assert_eq!(events(&mut watcher).await, [Event::File(a.clone())]);
        std::fs::rename(&a, &b).unwrap();
        assert_eq!(events(&mut watcher).await, [Event::File(a), Event::File(b)]);
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        assert_eq!(events(&mut watcher).await, [Event::Unclear]);
        watcher.set_directories(&BTreeSet::new());
        assert!(watcher.watched.is_empty() && watcher.directories.is_empty());
    }
}
