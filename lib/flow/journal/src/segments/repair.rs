//! Mends the files of a queue that nobody has open: `sluice queue repair`.
//!
//! A start reads past what is torn or damaged, and leaves it where it is. This takes it out of the way, so that it is
//! not found and counted again. A torn tail is cut: nobody was told that it is stored. A damaged segment is kept as it
//! was found in `quarantine/`, and each run of whole records in it becomes a segment of its own, with what is done of
//! it. New segments are there before the damaged one goes, so a repair that is interrupted doubles records and loses
//! none; the next one ends it.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufReader, Read as _, Seek as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use super::folder::Folder;
use super::record::{HEADER_BYTES, Header, Index, MAGIC, done_entries, done_entry, index};
use crate::open_locked;

/// Files that are not yet complete.
const TEMPORARY: &str = "repair";

/// What was done, or would be, with one segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mended {
    /// Name of the file.
    pub segment: String,
    /// Bytes of a torn tail that were cut.
    pub torn: u64,
    /// Records that cannot be read, and are in `quarantine/` only.
    pub aside: u64,
    /// Items in them, as far as that is known.
    pub aside_items: u64,
    /// Records that are not done, and stay in the queue.
    pub kept: u64,
}

/// Whole records that stand one after the other, with numbers that ascend by one.
#[derive(Debug, Default)]
struct Run {
    first: u64,
    next: u64,
    start: u64,
    end: u64,
    left: u64,
}

/// Mends a queue, one segment after the other, and says of each what was done. With `is_dry` nothing is changed.
///
/// # Errors
/// Somebody has the queue open, or it cannot be read or written.
pub fn repair(queue: &Path, is_dry: bool, each: &mut dyn FnMut(&Mended)) -> io::Result<()> {
    if !queue.is_dir() {
        let what =
            "only a whole queue is repaired: name its directory, or that of its file_storage";
        return Err(io::Error::other(what));
    }
    let lock = queue.join("lock");
    let in_use = |error: io::Error| match error.kind() {
        io::ErrorKind::WouldBlock => {
            io::Error::other("the queue is in use: stop the collector that has it first")
        }
        _ => error,
    };
    let may_look = is_dry && !lock.exists();
    let _lock =
        if may_look { None } else { Some(open_locked(&lock, Duration::ZERO).map_err(in_use)?) };
    let folder = Folder(queue.to_owned());
    if !is_dry {
        for left_over in folder.numbers(TEMPORARY)? {
            fs::remove_file(folder.path(left_over, TEMPORARY))?;
        }
    }
    for first in folder.numbers("seg")? {
        if let Some(mended) = mend(&folder, first, is_dry)? {
            each(&mended);
        }
    }
    Ok(())
}

fn mend(folder: &Folder, first: u64, is_dry: bool) -> io::Result<Option<Mended>> {
    let file = folder.segment(first)?;
    let length = file.metadata()?.len();
    let found = index(&mut BufReader::new(&file), length, first)?;
    let done: HashSet<u64> = done_entries(&folder.marks(first)).collect();
    let (runs, mut mended) = runs(&file, &found, &done)?;
    mended.segment = format!("{first:020}.seg");
    mended.aside += found.damage.iter().map(|it| it.records).sum::<u64>();
    if mended.aside == 0 {
        mended.torn = length.saturating_sub(found.end);
        if mended.torn > 0 && !is_dry {
            let file = folder.writable(first)?;
            file.set_len(found.end)?;
            file.sync_all()?;
        }
        return Ok((mended.torn > 0).then_some(mended));
    }
    if !is_dry {
        folder.set_aside(first)?;
        for run in runs.iter().rev().filter(|it| it.left > 0) {
            write_run(folder, &file, run, &done)?;
        }
        if !runs.iter().any(|it| it.first == first && it.left > 0) {
            folder.remove(first);
        }
        File::open(&folder.0)?.sync_all()?;
    }
    Ok(Some(mended))
}

/// What is whole in a segment, and how much is not. What is done needs not check: nobody reads it.
fn runs(file: &File, found: &Index, done: &HashSet<u64>) -> io::Result<(Vec<Run>, Mended)> {
    let mut runs: Vec<Run> = Vec::new();
    let (segment, torn, aside) = (String::new(), 0, 0);
    let mut mended = Mended { segment, torn, aside, aside_items: 0, kept: 0 };
    for (at, header) in &found.records {
        let is_done = done.contains(&header.seq);
        if !is_done && !checks(file, *at, header)? {
            mended.aside += 1;
            mended.aside_items += u64::from(header.items);
            continue;
        }
        let end = at + header.record_bytes();
        let joins = |it: &Run| (it.end, it.next) == (*at, header.seq);
        if !runs.last().is_some_and(joins) {
            runs.push(Run { first: header.seq, start: *at, ..Run::default() });
        }
        let Some(run) = runs.last_mut() else { continue };
        (run.end, run.next) = (end, header.seq + 1);
        run.left += u64::from(!is_done);
        mended.kept += u64::from(!is_done);
    }
    Ok((runs, mended))
}

fn checks(file: &File, at: u64, header: &Header) -> io::Result<bool> {
    let mut payload = vec![0; usize::try_from(header.length).unwrap_or_default()];
    file.read_exact_at(&mut payload, at + HEADER_BYTES as u64)?;
    Ok(crc32c::crc32c(&payload) == header.payload_crc)
}

/// Makes a segment of a run. What is done of it is said beside it first.
fn write_run(folder: &Folder, from: &File, run: &Run, done: &HashSet<u64>) -> io::Result<()> {
    let mut from = from;
    from.seek(io::SeekFrom::Start(run.start))?;
    let mut to = folder.create_like(from, run.first, TEMPORARY)?;
    to.write_all(MAGIC)?;
    io::copy(&mut from.take(run.end - run.start), &mut to)?;
    to.sync_all()?;
    let marks: Vec<u8> =
        (run.first..run.next).filter(|it| done.contains(it)).flat_map(done_entry).collect();
    if !marks.is_empty() {
        let mut file = folder.create_like(from, run.first, "done")?;
        file.write_all(&marks)?;
        file.sync_all()?;
    }
    fs::rename(folder.path(run.first, TEMPORARY), folder.path(run.first, "seg"))
}
