//! Which file a file is: device, inode and birth say it while it exists, its first bytes confirm it.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use golang::fnv::fnv1a_64;

/// First bytes that are compared whenever a file is taken up again.
const HEAD_BYTES: usize = 64;

/// A file on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub(crate) struct Identity {
    pub device: u64,
    pub inode: u64,
    /// When the inode was made, in nanoseconds; 0 where the file system does not say.
    pub born: i64,
}

/// The first bytes of a file: how many, and their hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Fingerprint {
    pub length: u32,
    pub hash: u64,
}

/// The first few bytes themselves, to notice cheaply that a file was written anew.
#[derive(Debug, Clone, Default)]
pub(crate) struct Head(Vec<u8>);

/// An open file's facts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    pub identity: Identity,
    pub size: u64,
    pub links: u64,
    pub is_file: bool,
}

impl Facts {
    pub(crate) fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            identity: Identity::of(&metadata),
            size: metadata.size(),
            links: metadata.nlink(),
            is_file: metadata.is_file(),
        })
    }
}

impl Identity {
    /// Of what is at a path; symbolic links are not followed.
    pub(crate) fn at(path: &Path) -> Option<Self> {
        std::fs::symlink_metadata(path).ok().map(|it| Self::of(&it))
    }

    pub(crate) fn of(metadata: &Metadata) -> Self {
        let born = metadata.created().ok().map_or(0, |it| match it.duration_since(UNIX_EPOCH) {
            Ok(after) => nanos(after),
            Err(before) => -nanos(before.duration()),
        });
        Self { device: metadata.dev(), inode: metadata.ino(), born }
    }

    /// True for the same file; a birth that is not known fits any.
    pub(crate) fn is(self, other: Self) -> bool {
        let born = self.born == other.born || self.born == 0 || other.born == 0;
        (self.device, self.inode) == (other.device, other.inode) && born
    }
}

fn nanos(since: Duration) -> i64 {
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

impl Fingerprint {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self { length: u32::try_from(bytes.len()).unwrap_or(u32::MAX), hash: fnv1a_64(&[bytes]) }
    }

    /// True when `bytes`, read from the start, begin with what was seen.
    pub(crate) fn fits(self, bytes: &[u8]) -> bool {
        bytes.get(..self.length as usize).is_some_and(|it| fnv1a_64(&[it]) == self.hash)
    }
}

impl Head {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(bytes[..bytes.len().min(HEAD_BYTES)].to_vec())
    }

    /// True when `bytes` could be the start of the same text.
    pub(crate) fn begins(&self, bytes: &[u8]) -> bool {
        let n = bytes.len().min(self.0.len());
        bytes[..n] == self.0[..n]
    }

    /// False when the file no longer begins as it did.
    pub(crate) fn still_fits(&self, file: &File) -> bool {
        let mut now = [0; HEAD_BYTES];
        let now = &mut now[..self.0.len()];
        self.0.is_empty()
            || (read_at(file, now, 0).is_ok_and(|n| n == now.len()) && *now == self.0[..])
    }
}

/// Fills the buffer, or less when the file ends: of a regular file nothing else makes a read short.
/// `pread(2)`. A reader that wants to be sure that it is at the end looks at the file's size.
pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        match file.read_at(buffer, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_fits_what_grew_and_not_what_shrank_or_changed() {
        let seen = Fingerprint::of(b"abc");
        assert!(seen.fits(b"abc") && seen.fits(b"abcd"));
        assert!(!seen.fits(b"ab") && !seen.fits(b"abd"));
        assert!(Fingerprint::of(b"").fits(b"anything"));
    }

    #[test]
    fn a_file_keeps_its_identity_when_renamed() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        std::fs::write(&a, "x").unwrap();
        let before = Facts::of(&File::open(&a).unwrap()).unwrap();
        std::fs::rename(&a, &b).unwrap();
        std::fs::write(&a, "x").unwrap();
        let after = Facts::of(&File::open(&b).unwrap()).unwrap();
        let other = Facts::of(&File::open(&a).unwrap()).unwrap();
        assert_eq!(before.identity, after.identity);
        assert_ne!(before.identity, other.identity);
    }

    #[test]
    fn a_rewritten_start_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, "first text").unwrap();
        let file = File::open(&path).unwrap();
        let head = Head::of(b"first text");
        assert!(head.still_fits(&file));
        std::fs::write(&path, "other text, longer").unwrap();
        assert!(!head.still_fits(&file));
    }
}
