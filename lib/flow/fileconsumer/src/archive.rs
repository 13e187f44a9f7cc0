//! The archives beside a file, and whether they hold what was read of another file.
//!
//! A name is only a guess (`siblings`). What decides is content: the first bytes of what was read of a file, the
//! last bytes of it, and how long it was. Of a compressed archive that is what it holds.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::ops::Bound;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use component::clock;
use golang::fnv::fnv1a_64;

use crate::book::{Entry, TAIL_BYTES};
use crate::descriptors::{is_want, moment_max};
use crate::identity::{Facts, Identity, read_at};
use crate::siblings::{Mark, Rank, is_gzip, mark, oldest_first};
use crate::source::{Source, open_file};

/// Most archives looked at beside one file; the newest.
const ARCHIVES_MAX: usize = 1000;
/// Most archives kept open while they are looked at.
const OPEN_MAX: usize = 128;
/// A directory that changes while it is listed is listed again, so many times.
const LISTINGS_MAX: usize = 10;
/// Bytes decompressed at once.
const BLOCK_BYTES: usize = 64 * 1024;
/// An unfinished compressed file that was not written for this long stays as it is.
const UNFINISHED_QUIET: Duration = Duration::from_secs(2);

/// An archive beside the file that it may have been.
pub(crate) struct Sibling {
    pub rank: Rank,
    pub path: PathBuf,
    pub identity: Identity,
    pub size: u64,
    /// Open from the moment it was found, unless it is known: rotation does not wait.
    pub file: Option<File>,
}

/// What is known of a file's content: so much was read of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Content {
    pub fingerprint: crate::identity::Fingerprint,
    pub length: u64,
    /// Hash of the last bytes, at most [`TAIL_BYTES`]; 0 when they are not known.
    pub tail: u64,
}

/// Whether a file holds a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    /// This and nothing more.
    Exactly,
    /// At its beginning.
    More,
    No,
    /// It is still being written, and what is there could become it.
    NotYet,
}

impl Content {
    pub(crate) fn of(entry: &Entry) -> Self {
        Self { fingerprint: entry.fingerprint, length: entry.offset, tail: entry.tail }
    }
}

/// What is read of an archive to tell whose it is.
pub(crate) struct Sample {
    pub source: Source,
    /// First bytes, as many as count for the fingerprint.
    pub head: Vec<u8>,
    size: u64,
    /// A compressed file that is not whole, and was written a moment ago.
    pub is_growing: bool,
}

impl Sample {
    pub(crate) fn of(file: File, gzip: bool, head_bytes: usize) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let mut source = Source::new(file, gzip);
        let mut head = vec![0; head_bytes];
        let length = source.read_at(&mut head, 0)?;
        head.truncate(length);
        let mut sample = Self { source, head, size: metadata.len(), is_growing: false };
        sample.is_growing = sample.source.is_unfinished() && is_fresh(metadata.modified()?);
        Ok(sample)
    }

    /// How long the content is; of a compressed file what its last eight bytes claim, modulo 4 GiB.
    pub(crate) fn length(&self) -> u64 {
        match &self.source {
            Source::Plain(_) => self.size,
            Source::Gzip(_) => self.source.claimed_length().map_or(0, u64::from),
        }
    }

    /// Whether the content is, or begins with, what was read of another file.
    pub(crate) fn holds(&mut self, content: &Content) -> Holds {
        let no = if self.is_growing { Holds::NotYet } else { Holds::No };
        if content.fingerprint.length == 0 {
            return Holds::No;
        }
        if self.head.len() < content.fingerprint.length as usize {
            return no;
        }
        if !content.fingerprint.fits(&self.head) {
            return Holds::No;
        }
        let length = content.length;
        let exact = match &self.source {
            Source::Plain(_) => self.size == length,
            // RFC 1952, ISIZE. The first bytes fit, and so does the length: another file is unlikely enough.
            Source::Gzip(_) => self.length() == length & u64::from(u32::MAX),
        };
        if exact && self.source.is_gzip() {
            return Holds::Exactly;
        }
        match self.ends_at(length, content.tail) {
            Some(true) if exact => Holds::Exactly,
            Some(true) => Holds::More,
            Some(false) => Holds::No,
            None => {
                self.is_growing |= self.source.is_unfinished() && self.is_fresh();
                if self.is_growing { Holds::NotYet } else { Holds::No }
            }
        }
    }

    /// Whether the bytes before an offset have this hash; `None` when it does not go that far.
    fn ends_at(&mut self, offset: u64, tail: u64) -> Option<bool> {
        self.tail_hash(offset).map(|it| tail == 0 || it == tail)
    }

    /// Hash of the last bytes before an offset; `None` when it does not go that far.
    pub(crate) fn tail_hash(&mut self, offset: u64) -> Option<u64> {
        let length = usize::try_from(offset).map_or(TAIL_BYTES, |it| it.min(TAIL_BYTES));
        let mut bytes = vec![0; length];
        let n = self.source.read_at(&mut bytes, offset - length as u64).ok()?;
        (n == length).then(|| fnv1a_64(&[&bytes]))
    }

    /// Whether this is a copy of what an open file holds, or of its beginning when that is long enough to tell.
    pub(crate) fn is_copy_of(&mut self, open: &File, head_bytes: usize) -> Holds {
        let mut head = vec![0; self.head.len()];
        if !read_at(open, &mut head, 0).is_ok_and(|n| n == head.len()) || head != self.head {
            return Holds::No;
        }
        let size = open.metadata().map_or(0, |it| it.len());
        if self.source.is_gzip() && !head.is_empty() && self.length() == size & u64::from(u32::MAX)
        {
            return Holds::Exactly;
        }
        let Ok((length, end)) = self.measure() else { return Holds::No };
        if self.source.is_unfinished() && self.is_fresh() {
            return Holds::NotYet;
        }
        if length == 0 || size < length || length < size && length < head_bytes as u64 {
            return Holds::No;
        }
        let mut tail = vec![0; end.len()];
        let same = read_at(open, &mut tail, length - end.len() as u64).is_ok() && tail == end;
        match same {
            true if length == size => Holds::Exactly,
            true => Holds::More,
            false => Holds::No,
        }
    }

    /// Length and last bytes. A compressed file is decompressed for it, so this comes last.
    fn measure(&mut self) -> io::Result<(u64, Vec<u8>)> {
        let (mut length, mut end) = (0, Vec::new());
        if let Source::Plain(_) = self.source {
            length = self.size.saturating_sub(TAIL_BYTES as u64);
        }
        let mut block = vec![0; BLOCK_BYTES];
        loop {
            let n = self.source.read_at(&mut block, length)?;
            if n == 0 {
                return Ok((length, end));
            }
            length += n as u64;
            end.extend_from_slice(&block[n.saturating_sub(TAIL_BYTES)..n]);
            end.drain(..end.len().saturating_sub(TAIL_BYTES));
        }
    }

    fn is_fresh(&self) -> bool {
        let modified = self.source.file().metadata().and_then(|it| it.modified());
        modified.is_ok_and(is_fresh)
    }
}

fn is_fresh(modified: SystemTime) -> bool {
    clock::now().duration_since(modified).is_ok_and(|it| it < UNFINISHED_QUIET)
}

/// The archives beside a file.
pub(crate) struct Archives {
    /// Oldest first; of a compressed one and its plain form only the latter.
    pub siblings: Vec<Sibling>,
    /// All that have such a name.
    pub present: HashSet<Identity>,
}

/// Lists the archives beside a file. Those that `known` knows are not opened.
///
/// Rotation may go on meanwhile, and a file that changes its name can be missed under both: only two
/// equal listings are believed.
///
/// # Errors
/// When there was no descriptor for the directory: then nobody knows what is there.
pub(crate) fn archives(base: &Path, known: impl Fn(Identity, u64) -> bool) -> io::Result<Archives> {
    let list = || names(base).map(|it| list(base, &it, &known));
    let mut before = list()?;
    for _ in 1..LISTINGS_MAX {
        let now = list()?;
        let same = |a: &Sibling, b: &Sibling| a.path == b.path && a.identity == b.identity;
        let equal = now.len() == before.len() && now.iter().zip(&before).all(|(a, b)| same(a, b));
        before = now;
        if equal {
            break;
        }
    }
    Ok(sort(before))
}

/// The same from names that were listed before, none of them opened.
pub(crate) fn archives_among(base: &Path, names: &BTreeSet<OsString>) -> Archives {
    sort(list(base, names, &|_, _| true))
}

/// The names in the directory of a file; none when it cannot be read.
///
/// # Errors
/// When there was no descriptor for it.
pub(crate) fn names(base: &Path) -> io::Result<BTreeSet<OsString>> {
    match std::fs::read_dir(directory(base)) {
        Ok(entries) => Ok(entries.flatten().map(|it| it.file_name()).collect()),
        Err(error) if is_want(&error) => Err(error),
        Err(_) => Ok(BTreeSet::new()),
    }
}

pub(crate) fn directory(base: &Path) -> &Path {
    match base.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}

fn list(
    base: &Path,
    names: &BTreeSet<OsString>,
    known: &dyn Fn(Identity, u64) -> bool,
) -> Vec<Sibling> {
    let (Some(name), Some(stem)) = (base.file_name(), base.file_stem()) else { return Vec::new() };
    // Every name that `mark` takes begins with this.
    let from = (Bound::Included(stem), Bound::Unbounded);
    let begins = |it: &&OsString| it.as_bytes().starts_with(stem.as_bytes());
    let names = names.range::<OsStr, _>(from).take_while(begins);
    let name = name.to_string_lossy();
    let marked = |it: &OsString| mark(&name, &it.to_string_lossy());
    let found = names.filter_map(|it| Some((marked(it)?, base.with_file_name(it))));
    let mut found: Vec<(SystemTime, Mark, PathBuf)> = found
        .filter_map(|(mark, path)| {
            let metadata =
                std::fs::symlink_metadata(&path).ok().filter(std::fs::Metadata::is_file)?;
            Some((metadata.modified().ok()?, mark, path))
        })
        .collect();
    if found.len() > ARCHIVES_MAX {
        found.sort_by_key(|it| Reverse(it.0));
        found.truncate(ARCHIVES_MAX);
        found.sort_by(|a, b| a.2.cmp(&b.2));
    }
    let mut may_open = OPEN_MAX.min(moment_max());
    found
        .into_iter()
        .filter_map(|(modified, mark, path)| {
            let mut identity = Identity::at(&path)?;
            let mut size = path.metadata().ok()?.len();
            let mut file = None;
            if may_open > 0 && !known(identity, size) {
                match open_file(&path) {
                    Ok(it) => {
                        let facts = Facts::of(&it).ok()?;
                        (identity, size) = (facts.identity, facts.size);
                        file = Some(it);
                        may_open -= 1;
                    }
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
                    Err(_) => {}
                }
            }
            let is_gzip = path.file_name().is_some_and(|it| is_gzip(&it.to_string_lossy()));
            Some(Sibling { rank: Rank { mark, is_gzip, modified }, path, identity, size, file })
        })
        .collect()
}

fn sort(found: Vec<Sibling>) -> Archives {
    let present = found.iter().map(|it| it.identity).collect();
    let plain: HashSet<Mark> =
        found.iter().filter(|it| !it.rank.is_gzip).map(|it| it.rank.mark.clone()).collect();
    let mut identities = HashSet::new();
    let mut found: Vec<Option<Sibling>> = found
        .into_iter()
        .filter(|it| !it.rank.is_gzip || !plain.contains(&it.rank.mark))
        // One that was renamed in between can be found under both names.
        .filter(|it| identities.insert(it.identity))
        .map(Some)
        .collect();
    let ranks: Vec<Rank> = found.iter().flatten().map(|it| it.rank.clone()).collect();
    let siblings = oldest_first(&ranks).into_iter().filter_map(|it| found[it].take()).collect();
    Archives { siblings, present }
}

impl Sibling {
    /// Opens it, if it is not open yet and still is what it was.
    pub(crate) fn open(&mut self) -> io::Result<File> {
        // One that was not kept open is not kept now: there may be a thousand.
        let file = match &self.file {
            Some(file) => file.try_clone()?,
            None => open_file(&self.path)?,
        };
        if Facts::of(&file)?.identity != self.identity {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(file)
    }

    /// What tells whose archive it is.
    pub(crate) fn sample(&mut self, head_bytes: usize) -> io::Result<Sample> {
        let gzip = self.rank.is_gzip;
        Sample::of(self.open()?, gzip, head_bytes)
    }
}
