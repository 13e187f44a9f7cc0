//! Looks into the files of a queue without opening it: takes no lock, changes nothing, and may see a collector at work.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use component::StoredRecord;

use super::folder::Folder;
use super::record::{HEADER_BYTES, Header, done_entries, index};

/// What is found in a segment.
pub enum Found {
    /// A record that checks, and whether it is done.
    Record(StoredRecord, bool),
    /// A record whose payload does not check: its number and items.
    Damaged(u64, u32),
    /// Where no record begins: the offset, and how many records are missing at least.
    Hole(u64, u64),
}

/// The queues below `path`, or itself if it is one: a directory with segments, or a single segment.
///
/// # Errors
/// It cannot be read.
pub fn queues(path: &Path) -> io::Result<Vec<PathBuf>> {
    let is_queue = |it: &Path| it.extension().is_some_and(|it| it == "queue" || it == "seg");
    let is_in = |it: &Path| it.file_name().is_some_and(|it| it == super::folder::QUARANTINE);
    if is_queue(path) || is_in(path) {
        return Ok(vec![path.to_owned()]);
    }
    let mut all = Vec::new();
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        if is_queue(&path) && path.is_dir() {
            all.push(path);
        }
    }
    all.sort();
    Ok(all)
}

/// Reads a queue, one record after the other. A segment that goes meanwhile is left out: all of it is done.
///
/// # Errors
/// It cannot be read.
pub fn read(queue: &Path, each: &mut dyn FnMut(Found)) -> io::Result<()> {
    if queue.is_dir() {
        let folder = Folder(queue.to_owned());
        for first in folder.numbers("seg")? {
            match folder.segment(first) {
                Ok(file) => read_segment(&file, first, &folder.marks(first), each)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        return Ok(());
    }
    let stem = queue.file_stem().and_then(|it| it.to_str()).and_then(|it| it.parse().ok());
    let first = stem.ok_or_else(|| io::Error::other("a segment is named by a number"))?;
    let marks = fs::read(queue.with_extension("done")).unwrap_or_default();
    read_segment(&File::open(queue)?, first, &marks, each)
}

fn read_segment(
    file: &File,
    first: u64,
    marks: &[u8],
    each: &mut dyn FnMut(Found),
) -> io::Result<()> {
    let length = file.metadata()?.len();
    let found = index(&mut BufReader::new(file), length, first)?;
    let done: HashSet<u64> = done_entries(marks).collect();
    for (at, header) in found.records {
        let Header { seq, kind, items, .. } = header;
        let mut payload = vec![0; usize::try_from(header.length).unwrap_or_default()];
        file.read_exact_at(&mut payload, at + HEADER_BYTES as u64)?;
        if crc32c::crc32c(&payload) != header.payload_crc {
            each(Found::Damaged(seq, items));
            continue;
        }
        let mut body = Bytes::from(payload);
        let head = body.split_to(usize::try_from(header.head_length).unwrap_or_default());
        each(Found::Record(StoredRecord { seq, kind, items, head, body }, done.contains(&seq)));
    }
    found.damage.iter().for_each(|it| each(Found::Hole(it.at, it.records)));
    Ok(())
}
