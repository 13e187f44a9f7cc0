//! The bytes of a file at an offset; of a compressed file, of what it holds.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use crate::gzip::{Gzip, Health};
use crate::identity::read_at;

/// Opens a file for reading. A pipe would block without NONBLOCK. Without NOATIME each read of what was
/// just written changes the inode; only its owner and root may ask for that, `open(2)`.
pub(crate) fn open_file(path: &Path) -> io::Result<File> {
    let open = |flags: OFlags| {
        let flags =
            (flags | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC).bits().cast_signed();
        File::options().read(true).custom_flags(flags).open(path)
    };
    match open(OFlags::NOATIME) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => open(OFlags::empty()),
        done => done,
    }
}

/// An open file.
pub(crate) enum Source {
    Plain(File),
    Gzip(Box<Gzip>),
}

impl Source {
    pub(crate) fn new(file: File, gzip: bool) -> Self {
        if gzip { Self::Gzip(Box::new(Gzip::new(file))) } else { Self::Plain(file) }
    }

    pub(crate) fn file(&self) -> &File {
        match self {
            Self::Plain(file) => file,
            Self::Gzip(it) => it.file(),
        }
    }

    pub(crate) fn is_gzip(&self) -> bool {
        matches!(self, Self::Gzip(_))
    }

    /// Fills the buffer as far as the file goes.
    pub(crate) fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match self {
            Self::Plain(file) => read_at(file, buffer, offset),
            Self::Gzip(it) => it.read_at(buffer, offset),
        }
    }

    /// True when the last read met the end of a compressed file in the middle.
    pub(crate) fn is_unfinished(&self) -> bool {
        matches!(self, Self::Gzip(it) if it.is_unfinished())
    }

    /// True when a compressed file is neither damaged nor still being written, as far as it was read.
    pub(crate) fn is_whole(&self) -> bool {
        !matches!(self, Self::Gzip(it) if it.health() != Health::Whole)
    }

    /// How long what a compressed file holds is, modulo 4 GiB, by its last four bytes.
    pub(crate) fn claimed_length(&self) -> Option<u32> {
        match self {
            Self::Plain(_) => None,
            Self::Gzip(it) => it.claimed_length(),
        }
    }

    /// Bytes at `offset` that were read and will be wanted again: a compressed file cannot go back.
    pub(crate) fn keep(&mut self, bytes: &[u8], offset: u64) {
        if let Self::Gzip(it) = self {
            it.keep(bytes, offset);
        }
    }

    /// The file is read to its end for now.
    pub(crate) fn let_go(&mut self) {
        if let Self::Gzip(it) = self {
            it.let_go();
        }
    }
}
