//! The bytes of a file at an offset; of a compressed file, of what it holds.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use flate2::bufread::GzDecoder;
use rustix::fs::OFlags;

use crate::identity::read_at;

/// Compressed bytes read at once.
const COMPRESSED_BLOCK_BYTES: usize = 32 * 1024;
/// Bytes passed over at once on the way to an offset.
const SKIP_BYTES: usize = 64 * 1024;
/// Most decompressed bytes that a file at its end keeps of a record without an end.
const KEPT_BYTES_MAX: usize = 64 * 1024;

/// Opens a file for reading. A pipe would block without NONBLOCK. Without NOATIME each read of what was
/// just written changes the inode; only its owner and root may ask for that, `open(2)`.
pub(crate) fn open_file(path: &Path) -> io::Result<File> {
    let open = |flags: OFlags| {
        let flags = (flags | OFlags::NONBLOCK | OFlags::CLOEXEC).bits().cast_signed();
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
            Self::Gzip(it) => &it.file,
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
        matches!(self, Self::Gzip(it) if it.unfinished)
    }

    /// How long what a compressed file holds is, modulo 4 GiB, by its last four bytes: of one member, and
    /// when it is whole. RFC 1952 section 2.3.1, ISIZE.
    pub(crate) fn claimed_length(&self) -> Option<u32> {
        let Self::Gzip(it) = self else { return None };
        let end = it.file.metadata().ok()?.len();
        let mut bytes = [0; 4];
        it.file.read_exact_at(&mut bytes, end.checked_sub(4)?).ok()?;
        Some(u32::from_le_bytes(bytes))
    }

    /// Bytes at `offset` that were read and will be wanted again: a compressed file cannot go back.
    pub(crate) fn keep(&mut self, bytes: &[u8], offset: u64) {
        if let Self::Gzip(it) = self {
            it.kept.clear();
            it.kept.extend_from_slice(bytes);
            it.kept_at = offset;
        }
    }

    /// The file is read to its end for now. What it keeps of a long record is decompressed once more instead, when
    /// it is wanted: thousands of files would keep a gigabyte.
    pub(crate) fn let_go(&mut self) {
        if let Self::Gzip(it) = self
            && it.kept.len() > KEPT_BYTES_MAX
        {
            it.kept = Vec::new();
        }
    }
}

/// A gzip file of any number of members, which may still grow.
pub(crate) struct Gzip {
    file: File,
    member: Option<GzDecoder<BufReader<Compressed>>>,
    /// Where the current member begins, in the file and in what it holds.
    member_at: (u64, u64),
    /// End of what was decompressed.
    decoded: u64,
    kept: Vec<u8>,
    kept_at: u64,
    /// The current member had no end when it was last read.
    unfinished: bool,
}

/// Reads on from a position of its own.
struct Compressed {
    file: File,
    position: u64,
}

impl Read for Compressed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read_at(buffer, self.position)?;
        self.position += n as u64;
        Ok(n)
    }
}

impl Gzip {
    fn new(file: File) -> Self {
        Self {
            file,
            member: None,
            member_at: (0, 0),
            decoded: 0,
            kept: Vec::new(),
            kept_at: 0,
            unfinished: false,
        }
    }

    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        let kept_end = self.kept_at + self.kept.len() as u64;
        if self.kept_at <= offset && offset < kept_end && kept_end == self.decoded {
            let from = usize::try_from(offset - self.kept_at).unwrap_or(usize::MAX);
            let kept = self.kept.get(from..).unwrap_or_default();
            filled = kept.len().min(buffer.len());
            buffer[..filled].copy_from_slice(&kept[..filled]);
            if filled < kept.len() {
                return Ok(filled);
            }
        } else {
            self.go_to(offset)?;
        }
        self.kept.clear();
        while filled < buffer.len() && self.decoded == offset + filled as u64 {
            match self.decode(&mut buffer[filled..])? {
                0 => break,
                n => filled += n,
            }
        }
        Ok(filled)
    }

    fn go_to(&mut self, offset: u64) -> io::Result<()> {
        if offset < self.decoded {
            (self.member, self.member_at, self.decoded) = (None, (0, 0), 0);
        }
        let mut scratch = vec![0; SKIP_BYTES];
        while self.decoded < offset {
            let wanted = usize::try_from(offset - self.decoded)
                .map_or(scratch.len(), |it| it.min(scratch.len()));
            if self.decode(&mut scratch[..wanted])? == 0 {
                break;
            }
        }
        Ok(())
    }

    /// The next bytes; 0 at the end of what is there so far.
    fn decode(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.unfinished = false;
        loop {
            let Some(member) = &mut self.member else {
                if !self.begin_member()? {
                    return Ok(0);
                }
                continue;
            };
            match member.read(buffer) {
                Ok(0) => {
                    let reader = self.member.take().map(GzDecoder::into_inner);
                    let end =
                        reader.map_or(0, |it| it.get_ref().position - it.buffer().len() as u64);
                    self.member_at = (end, self.decoded);
                }
                Ok(n) => {
                    self.decoded += n as u64;
                    return Ok(n);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
                    // Still being written: the member is decoded again when somebody asks for more.
                    self.member = None;
                    self.decoded = self.member_at.1;
                    self.unfinished = true;
                    return Ok(0);
                }
                Err(e) => return Err(e),
            }
        }
    }

    fn begin_member(&mut self) -> io::Result<bool> {
        let source = Compressed { file: self.file.try_clone()?, position: self.member_at.0 };
        let mut reader = BufReader::with_capacity(COMPRESSED_BLOCK_BYTES, source);
        let start = reader.fill_buf()?;
        // gzip(1) ignores padding after the last member.
        let is_padding = self.member_at.0 > 0 && !start.starts_with(&[0x1f]);
        if start.is_empty() || is_padding {
            // Not even its header is written.
            self.unfinished = start.is_empty() && self.member_at.0 == 0;
            return Ok(false);
        }
        self.member = Some(GzDecoder::new(reader));
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn read(source: &mut Source, offset: u64) -> String {
        let mut buffer = vec![0; 1000];
        let n = source.read_at(&mut buffer, offset).unwrap();
        String::from_utf8(buffer[..n].to_vec()).unwrap()
    }

    #[test]
    fn members_are_read_as_one_text_and_more_may_follow() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.gz");
        std::fs::write(&path, [gzip(b"one\n"), gzip(b"two\n")].concat()).unwrap();
        let mut source = Source::new(File::open(&path).unwrap(), true);
        assert_eq!(read(&mut source, 0), "one\ntwo\n");
        assert_eq!(read(&mut source, 8), "");
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(&gzip(b"three\n")).unwrap();
        assert_eq!(read(&mut source, 8), "three\n");
        assert_eq!(read(&mut source, 4), "two\nthree\n");
    }

    #[test]
    fn an_unfinished_member_is_read_on_when_it_has_grown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.gz");
        let text: Vec<u8> = (0..50_000_u32)
            .flat_map(|it| format!("{}\n", it.wrapping_mul(2_654_435_761)).into_bytes())
            .collect();
        let all = gzip(&text);
        std::fs::write(&path, &all[..all.len() / 2]).unwrap();
        let mut source = Source::new(File::open(&path).unwrap(), true);
        let mut buffer = vec![0; text.len() + 1];
        let first = source.read_at(&mut buffer, 0).unwrap();
        assert!(first > 0 && first < text.len());
        assert_eq!(source.read_at(&mut buffer[first..], first as u64).unwrap(), 0);
        std::fs::write(&path, &all).unwrap();
        let rest = source.read_at(&mut buffer[first..], first as u64).unwrap();
        assert_eq!(&buffer[..first + rest], &text[..]);
    }

    #[test]
    fn kept_bytes_are_given_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.gz");
        std::fs::write(&path, gzip(b"one\ntw")).unwrap();
        let mut source = Source::new(File::open(&path).unwrap(), true);
        assert_eq!(read(&mut source, 0), "one\ntw");
        source.keep(b"tw", 4);
        assert_eq!(read(&mut source, 4), "tw");
    }

    #[test]
    fn what_is_not_gzip_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.gz");
        std::fs::write(&path, "plain text that is no gzip header").unwrap();
        let mut source = Source::new(File::open(&path).unwrap(), true);
        assert!(source.read_at(&mut [0; 10], 0).is_err());
    }
}
