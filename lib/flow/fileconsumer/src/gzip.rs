//! What a gzip file holds: any number of members, of which the last may still grow, and of which one may be damaged.
//!
//! What stands before a damage is given as if the file ended there. A member that only contradicts its own checksum
//! is not the end: where it ends is known, and the next one is read.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::time::{Duration, SystemTime};

use component::clock;
use flate2::bufread::GzDecoder;

/// Compressed bytes read at once.
const COMPRESSED_BLOCK_BYTES: usize = 32 * 1024;
/// Bytes passed over at once on the way to an offset.
const SKIP_BYTES: usize = 64 * 1024;
/// Most decompressed bytes that a file at its end keeps of a record without an end.
const KEPT_BYTES_MAX: usize = 64 * 1024;
/// A member without an end that nobody has written to for so long will not be continued.
const ABANDONED: Duration = Duration::from_secs(5 * 60);
/// How a member begins: RFC 1952, section 2.3.1, with the only method that there is.
const MEMBER_MAGIC: [u8; 3] = [0x1f, 0x8b, 8];

/// What is wrong with a file, and where that was noticed in its compressed bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Damage {
    pub at: u64,
    pub what: String,
    /// What comes behind it cannot be read.
    pub ends: bool,
}

/// What was seen of a file so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Health {
    Whole,
    /// Its last member has no end yet.
    Unfinished,
    Damaged(Damage),
}

/// An open gzip file.
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
    damage: Option<Damage>,
    /// The damage that ends it: how much stands before it, and the file as it was then.
    stuck: Option<(u64, Version)>,
}

/// What changes when a file is written: its length and the time.
type Version = (u64, Option<SystemTime>);

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
    pub(crate) fn new(file: File) -> Self {
        Self {
            file,
            member: None,
            member_at: (0, 0),
            decoded: 0,
            kept: Vec::new(),
            kept_at: 0,
            unfinished: false,
            damage: None,
            stuck: None,
        }
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn is_unfinished(&self) -> bool {
        self.unfinished
    }

    /// How long what it holds is, modulo 4 GiB, by its last four bytes: of one member, and when it is whole.
    /// RFC 1952 section 2.3.1, ISIZE.
    pub(crate) fn claimed_length(&self) -> Option<u32> {
        self.number_before(self.file.metadata().ok()?.len())
    }

    pub(crate) fn keep(&mut self, bytes: &[u8], offset: u64) {
        self.kept.clear();
        self.kept.extend_from_slice(bytes);
        self.kept_at = offset;
    }

    /// What is kept of a long record is decompressed once more instead, when it is wanted: thousands of files would
    /// keep a gigabyte.
    pub(crate) fn let_go(&mut self) {
        if self.kept.len() > KEPT_BYTES_MAX {
            self.kept = Vec::new();
        }
    }

    /// What is wrong, as far as it was read.
    pub(crate) fn health(&self) -> Health {
        if let Some(damage) = &self.damage {
            return Health::Damaged(damage.clone());
        }
        let length = self.file.metadata().map_or(0, |it| it.len());
        if !self.unfinished || length == 0 {
            return Health::Whole;
        }
        let modified = self.file.metadata().and_then(|it| it.modified()).ok();
        let age = modified.and_then(|it| clock::now().duration_since(it).ok());
        if age.is_some_and(|it| it >= ABANDONED) {
            let what = "it ends in the middle".to_owned();
            return Health::Damaged(Damage { at: length, what, ends: true });
        }
        Health::Unfinished
    }

    /// Fills the buffer as far as the file goes.
    pub(crate) fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        self.look_at_damage()?;
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
            if self.stuck.is_some_and(|it| it.0 == self.decoded) {
                return Ok(0);
            }
            let Some(member) = &mut self.member else {
                if !self.begin_member()? {
                    return Ok(0);
                }
                continue;
            };
            match member.read(buffer) {
                Ok(0) => drop(self.end_member()),
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
                Err(e)
                    if matches!(
                        e.kind(),
                        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData
                    ) =>
                {
                    if member.header().is_none() && self.member_at.0 == 0 {
                        // No gzip file at all.
                        self.member = None;
                        return Err(e);
                    }
                    self.member_failed(&e)?;
                }
                Err(e) => return Err(e),
            }
        }
    }

    /// Leaves a member; the answer is where it ended in the file.
    fn end_member(&mut self) -> u64 {
        let reader = self.member.take().map(GzDecoder::into_inner);
        let end = reader.map_or(0, |it| it.get_ref().position - it.buffer().len() as u64);
        self.member_at = (end, self.decoded);
        end
    }

    /// A member is not what it should be. When it ends where it says, or another one begins there, only its checksum
    /// is wrong.
    fn member_failed(&mut self, error: &io::Error) -> io::Result<()> {
        let began = self.member_at;
        let end = self.end_member();
        let length = self.decoded - began.1;
        let mut next = [0; MEMBER_MAGIC.len()];
        let is_next = self.file.read_exact_at(&mut next, end).is_ok() && next == MEMBER_MAGIC;
        let says = self.number_before(end).map(u64::from);
        let is_over = says == Some(length & u64::from(u32::MAX)) || is_next;
        self.damaged(end, error.to_string(), !is_over)?;
        if !is_over {
            self.member_at = began;
        }
        Ok(())
    }

    fn damaged(&mut self, at: u64, what: String, ends: bool) -> io::Result<()> {
        if ends {
            self.stuck = Some((self.decoded, self.version()?));
        }
        self.damage = Some(Damage { at, what, ends });
        Ok(())
    }

    /// A damaged file that was written since may have been mended: the member is decoded again.
    fn look_at_damage(&mut self) -> io::Result<()> {
        if let Some((_, version)) = self.stuck
            && version != self.version()?
        {
            (self.stuck, self.damage, self.member) = (None, None, None);
            self.decoded = self.member_at.1;
        }
        Ok(())
    }

    fn version(&self) -> io::Result<Version> {
        let metadata = self.file.metadata()?;
        Ok((metadata.len(), metadata.modified().ok()))
    }

    fn begin_member(&mut self) -> io::Result<bool> {
        let at = self.member_at.0;
        let source = Compressed { file: self.file.try_clone()?, position: at };
        let mut reader = BufReader::with_capacity(COMPRESSED_BLOCK_BYTES, source);
        let start = reader.fill_buf()?;
        if start.is_empty() {
            // Not even its header is written.
            self.unfinished = at == 0;
            return Ok(false);
        }
        if at > 0 && !start.starts_with(&MEMBER_MAGIC[..1]) {
            // gzip(1) ignores padding after the last member.
            if start.iter().any(|it| *it != 0) {
                self.damaged(at, "what follows there is no gzip".to_owned(), true)?;
            }
            return Ok(false);
        }
        self.member = Some(GzDecoder::new(reader));
        Ok(true)
    }

    /// The four bytes before a place in the file.
    fn number_before(&self, end: u64) -> Option<u32> {
        let mut bytes = [0; 4];
        self.file.read_exact_at(&mut bytes, end.checked_sub(4)?).ok()?;
        Some(u32::from_le_bytes(bytes))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::source::Source;

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

    /// Reads all that these bytes hold, in small blocks; the answer is that, and what is wrong.
    fn all(bytes: &[u8]) -> (Vec<u8>, Health) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        let mut gzip = Gzip::new(file);
        let (mut all, mut block) = (Vec::new(), [0; 100]);
        loop {
            match gzip.read_at(&mut block, all.len() as u64).unwrap() {
                0 => return (all, gzip.health()),
                n => all.extend_from_slice(&block[..n]),
            }
        }
    }

    #[track_caller]
    fn check_damage(bytes: &[u8], text: &[u8], at: usize, ends: bool) {
        let (all, health) = all(bytes);
        assert_eq!(String::from_utf8_lossy(&all), String::from_utf8_lossy(text));
        let Health::Damaged(damage) = health else { panic!("{health:?}") };
        assert_eq!((damage.at, damage.ends), (at as u64, ends), "{}", damage.what);
    }

    #[test]
    fn what_stands_before_a_damage_is_read_and_a_wrong_checksum_is_not_the_end() {
        let (one, two) = (gzip(b"one\n"), gzip(b"two\n"));
        let end = one.len();
        let flip = |bytes: &[u8], at: usize| {
            let mut bytes = bytes.to_vec();
            bytes[at] ^= 0xff;
            bytes
        };
        let both = [one.clone(), two.clone()].concat();
        // CRC32, then ISIZE, of the first and of the last member.
        check_damage(&flip(&both, end - 8), b"one\ntwo\n", end, false);
        check_damage(&flip(&both, end - 1), b"one\ntwo\n", end, false);
        check_damage(&flip(&both, both.len() - 8), b"one\ntwo\n", both.len(), false);
        check_damage(&flip(&both, both.len() - 1), b"one\ntwo\n", both.len(), true);
        // The header of the second: no gzip any more, or a method that does not exist.
        check_damage(&flip(&both, end), b"one\n", end, true);
        let (text, health) = all(&flip(&both, end + 2));
        assert!(text == b"one\n" && matches!(health, Health::Damaged(it) if it.ends));
        // Of deflate, 0b111 is a block of a type that does not exist.
        let mut broken = both.clone();
        broken[end + 10] = 0b111;
        let (text, health) = all(&broken);
        assert!(text == b"one\n" && matches!(health, Health::Damaged(it) if it.ends));
        check_damage(&[one.clone(), b"text".to_vec()].concat(), b"one\n", end, true);
        assert_eq!(all(&[one, vec![0; 600]].concat()), (b"one\n".to_vec(), Health::Whole));
        assert_eq!(all(&both), (b"one\ntwo\n".to_vec(), Health::Whole));
        assert_eq!(all(b""), (Vec::new(), Health::Whole));
    }

    #[test]
    fn a_file_cut_at_any_place_gives_its_beginning_and_is_damaged_only_when_nobody_writes_it() {
        let text: Vec<u8> = (0..300_u32).flat_map(|it| format!("{it:x} ").into_bytes()).collect();
        let bytes = gzip(&text);
        for at in 1..bytes.len() {
            let (all, health) = all(&bytes[..at]);
            assert!(text.starts_with(&all), "cut at {at}");
            assert_eq!(health, Health::Unfinished, "cut at {at}");
        }
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes[..bytes.len() - 1]).unwrap();
        let old = clock::now() - ABANDONED;
        file.set_times(std::fs::FileTimes::new().set_modified(old)).unwrap();
        let mut gzip = Gzip::new(file);
        let mut buffer = vec![0; 10_000];
        assert_eq!(gzip.read_at(&mut buffer, 0).unwrap(), text.len());
        let what = "it ends in the middle".to_owned();
        let damage = Damage { at: bytes.len() as u64 - 1, what, ends: true };
        assert_eq!(gzip.health(), Health::Damaged(damage));
    }

    #[test]
    fn a_damaged_file_that_is_mended_in_place_is_read_on() {
        let bytes = [gzip(b"one\n"), gzip(b"two\n"), gzip(b"three\n")].concat();
        let mut broken = bytes.clone();
        broken[gzip(b"one\n").len() + 10] = 0b111;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.gz");
        std::fs::write(&path, broken).unwrap();
        let mut source = Source::new(File::open(&path).unwrap(), true);
        assert_eq!(read(&mut source, 0), "one\n");
        assert_eq!(read(&mut source, 4), "");
        assert_eq!(read(&mut source, 2), "e\n");
        assert!(!source.is_whole());
        std::fs::write(&path, [&bytes[..], &gzip(b"four\n")].concat()).unwrap();
        assert_eq!(read(&mut source, 4), "two\nthree\nfour\n");
        assert!(source.is_whole());
    }
}
