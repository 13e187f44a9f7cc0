//! What authenticators have in common: files that are watched, values that are fetched, and comparison in constant time.

use std::fs;
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use component::Host;
use subtle::ConstantTimeEq as _;
use tracing::{info, warn};

mod fetched;

pub use fetched::{Fetched, Known, Lasting};

/// How often a file is looked at. A change of a Kubernetes secret takes a minute to get here anyway.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Most bytes read of a file with credentials: some 100,000 users.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Whether two secrets are the same. How long it takes says nothing about where they differ.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// Tells whether a file is another one than before: an editor, and Kubernetes, put a new one in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

/// Something that is written in the section, or in a file that may change.
#[derive(Debug)]
pub enum Given<T> {
    /// In the section.
    Fixed(T),
    /// In a file.
    File(Arc<Watched<T>>),
}

impl<T: Clone + Send + Sync + 'static> Given<T> {
    /// What counts now.
    pub fn get(&self) -> T {
        match self {
            Self::Fixed(it) => it.clone(),
            Self::File(it) => T::clone(&it.get()),
        }
    }
}

/// Understands the text of a file.
type Read<T> = Box<dyn Fn(&str) -> Result<T, String> + Send + Sync>;

/// What a file says, read again when the file changes.
pub struct Watched<T> {
    path: PathBuf,
    read: Read<T>,
    value: ArcSwap<T>,
    stamp: Mutex<Option<Stamp>>,
}

impl<T> std::fmt::Debug for Watched<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watched").field("path", &self.path).finish_non_exhaustive()
    }
}

impl<T: Send + Sync + 'static> Watched<T> {
    /// Reads the file, and looks at it until the host stops; `read` understands it. While it cannot be read, or makes no
    /// sense, what it said before counts.
    ///
    /// # Errors
    /// In Go's words (`open /x: no such file or directory`), or what `read` says of the text.
    pub fn open(
        path: &Path,
        host: &Host,
        read: impl Fn(&str) -> Result<T, String> + Send + Sync + 'static,
    ) -> Result<Arc<Self>, String> {
        let watched = Arc::new(Self::read(path, Box::new(read))?);
        watched.watch(host);
        Ok(watched)
    }

    /// The same for a file that may not be there yet: until it is, `nothing` counts.
    pub fn awaited(
        path: &Path,
        host: &Host,
        nothing: T,
        read: impl Fn(&str) -> Result<T, String> + Send + Sync + 'static,
    ) -> Arc<Self> {
        let path = path.to_owned();
        let (value, stamp) = (ArcSwap::from_pointee(nothing), Mutex::new(None));
        let watched = Arc::new(Self { path, read: Box::new(read), value, stamp });
        watched.look();
        watched.watch(host);
        watched
    }

    fn read(path: &Path, read: Read<T>) -> Result<Self, String> {
        let (stamp, value) = load(path, &read)?;
        let path = path.to_owned();
        let (value, stamp) = (ArcSwap::from_pointee(value), Mutex::new(Some(stamp)));
        Ok(Self { path, read, value, stamp })
    }

    /// What it said last.
    pub fn get(&self) -> arc_swap::Guard<Arc<T>> {
        self.value.load()
    }

    fn watch(self: &Arc<Self>, host: &Host) {
        let (its, stopping) = (Arc::clone(self), host.stopping().clone());
        host.spawn(async move {
            while stopping.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
                let file = Arc::clone(&its);
                // A file system that hangs must not stop a thread that serves.
                let _ = tokio::task::spawn_blocking(move || file.look()).await;
            }
            Ok(())
        });
    }

    fn look(&self) {
        let now = fs::metadata(&self.path).ok().map(|it| stamp(&it));
        let mut before = self.stamp.lock().unwrap_or_else(PoisonError::into_inner);
        if *before == now {
            return;
        }
        match load(&self.path, &self.read) {
            Ok((stamp, value)) => {
                info!(file = %self.path.display(), "credentials were read again");
                self.value.store(Arc::new(value));
                *before = Some(stamp);
            }
            Err(error) => {
                warn!(
                    file = %self.path.display(),
                    error,
                    "credentials could not be read again: those read before stay in use"
                );
                *before = now;
            }
        }
    }
}

fn stamp(metadata: &fs::Metadata) -> Stamp {
    Stamp {
        device: metadata.dev(),
        inode: metadata.ino(),
        length: metadata.len(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
    }
}

fn load<T>(path: &Path, read: &Read<T>) -> Result<(Stamp, T), String> {
    let (stamp, text) = open(path).map_err(|error| said(path, &error))?;
    Ok((stamp, read(&text)?))
}

fn open(path: &Path) -> std::io::Result<(Stamp, String)> {
    let file = fs::File::open(path)?;
    let stamp = stamp(&file.metadata()?);
    let mut text = String::new();
    file.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok((stamp, text))
}

/// In Go's words.
fn said(path: &Path, error: &std::io::Error) -> String {
    let why = match error.kind() {
        ErrorKind::NotFound => "no such file or directory".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        ErrorKind::IsADirectory => "is a directory".to_owned(),
        ErrorKind::InvalidData => "is not text".to_owned(),
        _ => error.to_string(),
    };
    format!("open {}: {why}", path.display())
}

/// What a file says now; `None` if it is not there.
///
/// # Errors
/// In Go's words (`open /x: permission denied`).
pub async fn read_once(path: PathBuf) -> Result<Option<String>, String> {
    let read = tokio::task::spawn_blocking(move || match open(&path) {
        Ok((_, text)) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(said(&path, &error)),
    });
    read.await.unwrap_or_else(|error| Err(error.to_string()))
}

#[cfg(test)]
mod tests {
    use componenttest::TestHost;

    use super::*;

    fn number(text: &str) -> Result<u32, String> {
        text.trim().parse().map_err(|_| format!("{text:?} is no number"))
    }

    #[test]
    fn secrets_are_the_same_or_not() {
        assert!(same(b"abc", b"abc") && !same(b"abc", b"abd") && !same(b"abc", b"abcd"));
    }

    #[tokio::test]
    async fn a_changed_file_is_read_again_and_a_broken_one_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("n");
        let missing = Watched::read(&path, Box::new(number)).unwrap_err();
        assert_eq!(missing, format!("open {}: no such file or directory", path.display()));
        fs::write(&path, "1").unwrap();
        let watched = Watched::read(&path, Box::new(number)).unwrap();
        // As Kubernetes does, a new file takes the place of the old one.
        let put = |text: &str| {
            fs::write(folder.path().join("next"), text).unwrap();
            fs::rename(folder.path().join("next"), &path).unwrap();
            watched.look();
            **watched.get()
        };
        assert_eq!([put("2"), put("x"), put("4")], [2, 2, 4]);
        fs::remove_file(&path).unwrap();
        watched.look();
        assert_eq!([**watched.get(), put("5")], [4, 5]);
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_looked_at_until_the_host_stops() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("n");
        fs::write(&path, "1").unwrap();
        let host = TestHost::new();
        let watched = Watched::open(&path, &host, number).unwrap();
        fs::write(&path, "22").unwrap();
        while **watched.get() != 22 {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        host.stop().await;
    }
}
