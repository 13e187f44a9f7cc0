//! The file. Each signal's exporter has it open for itself, in append mode, so a record is one
//! locked `write` and the exporters of one id can share a path.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::PathBuf;

use crate::backups;
use crate::config::{Config, Rotation};

/// Bytes in a "megabyte" of the configuration, as in lumberjack.
const MEGABYTE: u64 = 1024 * 1024;

/// An open file.
pub(crate) struct Output {
    path: PathBuf,
    rotation: Option<Rotation>,
    file: File,
}

impl Output {
    /// The `first` one of this process may begin the file anew; after a reload nothing is thrown away.
    pub(crate) fn open(config: &Config, first: bool) -> io::Result<Self> {
        let path = PathBuf::from(&config.path);
        if config.create_directory
            && let Some(folder) = path.parent()
        {
            let mode = config.permissions().unwrap_or(0o755);
            DirBuilder::new().recursive(true).mode(mode).create(folder)?;
        }
        let rotation = config.rotation.get().cloned();
        let file = append_to(&path)?;
        // A file that rotates goes on where it was, as upstream's.
        if first && !config.append && rotation.is_none() && file.metadata()?.is_file() {
            file.set_len(0)?;
        }
        Ok(Self { path, rotation, file })
    }

    /// Appends a record, all of it or nothing.
    pub(crate) fn write(&mut self, record: &[u8]) -> io::Result<()> {
        // Where locks do not exist only exporters that share a rotating path could get in each
        // other's way.
        let _ = self.file.lock();
        let result = self.write_locked(record);
        // Closing would release it as well; nothing to do about a failure.
        let _ = self.file.unlock();
        result
    }

    fn write_locked(&mut self, record: &[u8]) -> io::Result<()> {
        if let Some(rotation) = self.rotation.clone() {
            self.follow()?;
            let size = self.file.metadata()?.len();
            let limit = u64::try_from(rotation.max_megabytes).unwrap_or(0).max(1) * MEGABYTE;
            // A record beyond the limit gets a file of its own.
            if size > 0 && size + record.len() as u64 > limit {
                self.rotate(&rotation)?;
            }
        }
        let before = self.file.metadata()?.len();
        let written = self.file.write_all(record);
        if written.is_err() {
            // Half a record would spoil the next one. It may be a pipe, which has no length.
            let _ = self.file.set_len(before);
        }
        written
    }

    /// Reopens the path if another exporter has rotated it.
    fn follow(&mut self) -> io::Result<()> {
        loop {
            let ours = self.file.metadata()?;
            match std::fs::metadata(&self.path) {
                Ok(it) if (it.dev(), it.ino()) == (ours.dev(), ours.ino()) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            let file = append_to(&self.path)?;
            let _ = file.lock();
            self.file = file;
        }
    }

    fn rotate(&mut self, rotation: &Rotation) -> io::Result<()> {
        let moved = backups::name(&self.path, component::clock::now());
        std::fs::rename(&self.path, moved)?;
        self.follow()?;
        if let Err(error) = backups::delete_surplus(&self.path, rotation) {
            tracing::warn!(%error, path = %self.path.display(), "cannot delete old files");
        }
        Ok(())
    }
}

fn append_to(path: &std::path::Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}
