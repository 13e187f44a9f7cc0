//! The directory of a queue: names of its files, and what is done with files as a whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, chown, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use tracing::{error, warn};

use super::record::MAGIC;

/// Telemetry, and the metadata of those who sent it, are nobody else's business.
const MODE: u32 = 0o600;
/// Most damaged segments that are kept for people to look at.
const QUARANTINE_FILES_MAX: usize = 16;
/// Directory of the damaged segments.
pub(super) const QUARANTINE: &str = "quarantine";

pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    pub(super) fn path(&self, first: u64, extension: &str) -> PathBuf {
        self.0.join(format!("{first:020}.{extension}"))
    }

    /// The files with this extension, by their numbers.
    pub(super) fn numbers(&self, extension: &str) -> io::Result<Vec<u64>> {
        let mut all = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let path = entry?.path();
            if path.extension().is_some_and(|it| it == extension) {
                let stem = path.file_stem().and_then(|it| it.to_str());
                all.extend(stem.and_then(|it| it.parse::<u64>().ok()));
            }
        }
        all.sort_unstable();
        Ok(all)
    }

    /// Opens a segment for reading.
    pub(super) fn segment(&self, first: u64) -> io::Result<File> {
        let flags = (OFlags::NOFOLLOW | OFlags::CLOEXEC).bits().cast_signed();
        OpenOptions::new().read(true).custom_flags(flags).open(self.path(first, "seg"))
    }

    /// Makes a segment, and the directory if somebody has removed it.
    pub(super) fn new_segment(&self, first: u64) -> io::Result<File> {
        if !self.0.is_dir() {
            fs::create_dir_all(&self.0)?;
        }
        let (path, mut options) = (self.path(first, "seg"), OpenOptions::new());
        let flags = (OFlags::NOFOLLOW | OFlags::CLOEXEC).bits().cast_signed();
        options.create_new(true).append(true).mode(MODE).custom_flags(flags);
        let mut file = options.open(&path)?;
        if let Err(error) = file.write_all(MAGIC) {
            remove(&path);
            return Err(error);
        }
        Ok(file)
    }

    /// Puts a segment with these bytes in the place of another, when the disk has all of it.
    pub(super) fn replace_segment(&self, first: u64, bytes: &[u8]) -> io::Result<()> {
        let (path, mut options) = (self.path(first, "new"), OpenOptions::new());
        let flags = (OFlags::NOFOLLOW | OFlags::CLOEXEC).bits().cast_signed();
        options.create(true).write(true).truncate(true).mode(MODE).custom_flags(flags);
        let mut file = options.open(&path)?;
        file.write_all(bytes)?;
        file.sync_data()?;
        fs::rename(&path, self.path(first, "seg"))
    }

    /// Removes one that was to be put in the place of another.
    pub(super) fn remove_unfinished(&self, first: u64) {
        remove(&self.path(first, "new"));
    }

    /// Waits until the disk has the names.
    pub(super) fn sync(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }

    /// What is done in a segment; of one that cannot be read, nothing.
    pub(super) fn marks(&self, first: u64) -> Vec<u8> {
        fs::read(self.path(first, "done")).unwrap_or_default()
    }

    /// Opens the file of what is done in a segment, to add to it.
    pub(super) fn marks_file(&self, first: u64) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.create(true).append(true).mode(MODE).open(self.path(first, "done"))
    }

    pub(super) fn remove(&self, first: u64) {
        // In this order: a `.done` without its segment is removed at the next start.
        remove(&self.path(first, "seg"));
        self.remove_marks(first);
    }

    pub(super) fn remove_marks(&self, first: u64) {
        remove(&self.path(first, "done"));
    }

    /// Opens a segment to cut it.
    pub(super) fn writable(&self, first: u64) -> io::Result<File> {
        let flags = (OFlags::NOFOLLOW | OFlags::CLOEXEC).bits().cast_signed();
        OpenOptions::new().write(true).custom_flags(flags).open(self.path(first, "seg"))
    }

    /// Makes a file, or makes it anew, that belongs to whom `like` does: the collector may run as another user than
    /// whoever repairs its queue.
    pub(super) fn create_like(&self, like: &File, first: u64, extension: &str) -> io::Result<File> {
        let flags = (OFlags::NOFOLLOW | OFlags::CLOEXEC).bits().cast_signed();
        let (path, mut options) = (self.path(first, extension), OpenOptions::new());
        options.create(true).write(true).truncate(true).mode(MODE).custom_flags(flags);
        let (file, owner) = (options.open(path)?, like.metadata()?);
        fchown(&file, Some(owner.uid()), Some(owner.gid()))?;
        Ok(file)
    }

    /// Keeps a damaged segment for people, and says so.
    pub(super) fn quarantine(&self, first: u64, why: &str) {
        let is_kept = self.set_aside(first).is_ok();
        error!(
            segment = %self.path(first, "seg").display(), why, is_kept, aside = %self.aside(first).display(),
            "a queue on disk is damaged; what can be read of it is sent, the rest is counted in sluice_lost_total. \
             Check the disk"
        );
    }

    fn aside(&self, first: u64) -> PathBuf {
        self.0.join(QUARANTINE).join(format!("{first:020}.seg"))
    }

    /// Sees to it that the segment is in the quarantine as it is.
    ///
    /// # Errors
    /// There is no room for it.
    pub(super) fn set_aside(&self, first: u64) -> io::Result<()> {
        let (from, aside, folder) =
            (self.path(first, "seg"), self.aside(first), self.0.join(QUARANTINE));
        if aside.exists() {
            let number = |path: &Path| fs::metadata(path).map(|it| (it.dev(), it.ino()));
            if number(&from)? == number(&aside)? || fs::read(&from)? == fs::read(&aside)? {
                return Ok(());
            }
            let what = format!("another file is in its place: move {} away", aside.display());
            return Err(io::Error::other(what));
        }
        if !folder.exists() {
            fs::create_dir_all(&folder)?;
            let owner = fs::metadata(&self.0)?;
            chown(&folder, Some(owner.uid()), Some(owner.gid()))?;
        }
        if fs::read_dir(&folder)?.count() >= QUARANTINE_FILES_MAX {
            let (folder, max) = (folder.display(), QUARANTINE_FILES_MAX);
            let what = format!("there are {max} damaged segments in {folder}: move them away");
            return Err(io::Error::other(what));
        }
        fs::hard_link(&from, &aside).or_else(|_| fs::copy(&from, &aside).map(drop))
    }
}

/// What stays is read again at the next start, and sent again.
fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        warn!(path = %path.display(), %error, "a file of a queue cannot be removed; what is in it may be sent again");
    }
}

/// One `write` for all, as a rule.
pub(super) fn write_all<'a>(
    file: &mut File,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = pieces.map(IoSlice::new).collect();
    let mut left = slices.as_mut_slice();
    while !left.is_empty() {
        match file.write_vectored(left) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut left, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
