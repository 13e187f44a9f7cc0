//! A fixed scenario, and all that can be left of it: every step at which the process may die, every length of the
//! newest files, every flipped bit.

mod repair;

use std::fs;
use std::path::Path;

use bytes::Bytes;
use component::meter::Counter;
use component::{Fsync, NewRecord, QueueLog as _, Unstored};
use tempfile::TempDir;

use super::record::{HEADER_BYTES, MAGIC};
use super::survey::{self, Found};
use super::{DiskLimits, Options, SEGMENT_BYTES_MIN, Segments};
use crate::journal::open_file;

struct Bench {
    folder: TempDir,
    lost: Counter,
    limits: DiskLimits,
}

impl Bench {
    fn new() -> Self {
        let (folder, limits) = (tempfile::tempdir().unwrap(), DiskLimits::default());
        Self { folder, lost: Counter::default(), limits }
    }

    fn of(files: &[(String, Vec<u8>)]) -> Self {
        let bench = Self::new();
        for (name, bytes) in files {
            fs::write(bench.folder.path().join(name), bytes).unwrap();
        }
        bench
    }

    fn open(&self) -> Segments {
        self.open_with(Fsync::Never)
    }

    fn open_with(&self, fsync: Fsync) -> Segments {
        let lock = open_file(&self.folder.path().join("lock")).unwrap();
        let limits = DiskLimits { min_free: Some(0), ..self.limits };
        let options = Options { fsync, limits, lost: self.lost.clone() };
        Segments::open(self.folder.path(), lock, options).unwrap()
    }

    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut all = Vec::new();
        for entry in fs::read_dir(self.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_file() && name != "lock" {
                all.push((name, fs::read(path).unwrap()));
            }
        }
        all.sort();
        all
    }

    fn names(&self) -> Vec<String> {
        self.files().into_iter().map(|it| it.0).collect()
    }
}

fn append(log: &mut Segments, text: &str) -> u64 {
    let (head, tail) = text.split_at(text.len() / 2);
    let body = [head, tail].map(|it| Bytes::copy_from_slice(it.as_bytes()));
    let record = NewRecord { kind: 3, items: 2, head: b"who", body: &body };
    log.append(&record, false).unwrap().seq
}

fn text(record: &component::StoredRecord) -> String {
    assert_eq!((record.kind, record.items, &*record.head), (3, 2, b"who".as_slice()));
    String::from_utf8(record.body.to_vec()).unwrap()
}

/// The rest of it, and that it knew how much that is.
fn rest(log: &mut Segments) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(record) = log.next().unwrap() {
        all.push(text(&record));
    }
    assert_eq!(log.unread(), 0);
    all
}

fn part(name: &str, size: u64) -> String {
    name.repeat(usize::try_from(size).unwrap() / name.len())
}

#[test]
fn what_is_not_done_comes_again_in_order_after_each_restart() {
    let bench = Bench::new();
    let mut log = bench.open();
    let seqs: Vec<u64> = ["a", "b", "c", "d"].iter().map(|it| append(&mut log, it)).collect();
    assert_eq!((seqs, log.unread()), (vec![1, 2, 3, 4], 4));
    assert_eq!(log.next().unwrap().map(|it| text(&it)).as_deref(), Some("a"));
    assert_eq!(log.next().unwrap().map(|it| text(&it)).as_deref(), Some("b"));
    log.done(&[2]).unwrap();
    drop(log);
    let mut log = bench.open();
    assert_eq!((log.backlog().records, log.backlog().items, log.backlog().bytes), (3, 6, 3));
    assert_eq!(log.unread(), 3);
    append(&mut log, "e");
    assert_eq!(rest(&mut log), ["a", "c", "d", "e"]);
    log.done(&[1, 3, 4]).unwrap();
    assert_eq!(bench.names(), ["00000000000000000005.seg"], "what is done gives its space back");
    log.done(&[5]).unwrap();
    drop(log);
    assert_eq!(rest(&mut bench.open()), [""; 0]);
    assert_eq!(bench.names(), [""; 0]);
    assert_eq!(bench.lost.value(), 0);
}

#[test]
fn what_is_kept_at_hand_is_not_read_unless_something_is_before_it() {
    let bench = Bench::new();
    let mut log = bench.open();
    let body = [Bytes::from_static(b"x")];
    let record = NewRecord { kind: 3, items: 2, head: b"who", body: &body };
    assert!(log.append(&record, true).unwrap().is_at_hand);
    assert_eq!(rest(&mut log), [""; 0]);
    append(&mut log, "y");
    assert!(!log.append(&record, true).unwrap().is_at_hand);
    assert_eq!(rest(&mut log), ["y", "x"]);
    drop(log);
    assert_eq!(rest(&mut bench.open()), ["x", "y", "x"]);
}

#[test]
fn one_that_is_never_done_keeps_its_segment_and_no_other() {
    let bench = Bench::new();
    let mut log = bench.open();
    log.segment_bytes_max = SEGMENT_BYTES_MIN;
    append(&mut log, "stuck");
    for _ in 0..40 {
        let seq = append(&mut log, &part("0123456789", SEGMENT_BYTES_MIN / 2));
        log.done(&[seq]).unwrap();
    }
    assert!(bench.names().len() <= 4, "{:?}", bench.names());
    drop(log);
    assert_eq!(rest(&mut bench.open()), ["stuck"]);
}

#[test]
fn the_segment_that_is_written_to_goes_too_when_it_is_long_and_done() {
    let bench = Bench::new();
    let mut log = bench.open();
    for _ in 0..50 {
        let seq = append(&mut log, &part("0123456789", 100_000));
        log.done(&[seq]).unwrap();
        let bytes: usize = bench.files().iter().map(|it| it.1.len()).sum();
        assert!(bytes < 1_300_000, "{bytes}");
    }
}

/// Five records, of which the second is done, in two lives.
fn scenario(steps: usize, bench: &Bench) -> (Vec<&'static str>, Vec<&'static str>) {
    let mut log = bench.open();
    let (mut stored, mut done) = (Vec::new(), Vec::new());
    for (step, word) in
        ["one", "two", "-two", "three", "|", "four", "-one", "five"].into_iter().enumerate()
    {
        if step == steps {
            break;
        }
        match word {
            "-one" => log.done(&[1]).map(|()| done.push("one")).unwrap(),
            "-two" => log.done(&[2]).map(|()| done.push("two")).unwrap(),
            "|" => {
                drop(log);
                log = bench.open();
            }
            word => {
                append(&mut log, word);
                stored.push(word);
            }
        }
    }
    (stored, done)
}

#[test]
fn whenever_the_process_dies_what_was_stored_and_is_not_done_is_there() {
    for steps in 0..=8 {
        let bench = Bench::new();
        let (stored, done) = scenario(steps, &bench);
        let want: Vec<_> = stored.into_iter().filter(|it| !done.contains(it)).collect();
        assert_eq!(rest(&mut bench.open()), want, "after step {steps}");
        assert_eq!(rest(&mut bench.open()), want, "opened twice after step {steps}");
    }
}

#[test]
fn a_file_that_is_cut_short_anywhere_loses_what_was_cut_and_nothing_else() {
    let bench = Bench::new();
    scenario(8, &bench);
    let files = bench.files();
    assert_eq!(files.len(), 3, "{:?}", bench.names());
    for (at, (name, bytes)) in files.iter().enumerate() {
        for length in 0..bytes.len() {
            let mut cut = files.clone();
            cut[at].1.truncate(length);
            let bench = Bench::of(&cut);
            let mut log = bench.open();
            append(&mut log, "new");
            let got = rest(&mut log);
            let whole = ["three", "four", "five", "new"];
            if Path::new(name).extension().unwrap() == "done" {
                let kept: Vec<_> =
                    got.iter().filter(|it| !["one", "two"].contains(&it.as_str())).collect();
                assert_eq!(kept, whole, "{name} of {length} bytes");
            } else {
                let kept: Vec<_> =
                    whole.iter().filter(|it| got.iter().any(|got| got == *it)).collect();
                assert_eq!(
                    got.iter().collect::<Vec<_>>(),
                    kept,
                    "in order: {name} of {length} bytes"
                );
                let other: &[&str] = if name.contains("4.seg") {
                    &["three", "new"]
                } else {
                    &["four", "five", "new"]
                };
                assert!(
                    other.iter().all(|it| got.iter().any(|got| got == it)),
                    "{name} of {length}: {got:?}"
                );
            }
            assert_eq!(bench.lost.value(), 0, "half a record at the end was promised to nobody");
        }
    }
}

#[test]
fn a_flipped_bit_loses_one_record_which_is_counted_and_kept_aside() {
    let bench = Bench::new();
    scenario(8, &bench);
    let files = bench.files();
    for (at, (name, bytes)) in files.iter().enumerate() {
        let is_marks = Path::new(name).extension().unwrap() == "done";
        for bit in 0..bytes.len() * 8 {
            let mut flipped = files.clone();
            flipped[at].1[bit / 8] ^= 1 << (bit % 8);
            let bench = Bench::of(&flipped);
            let got = rest(&mut bench.open());
            let whole = ["three", "four", "five"];
            let missing: Vec<_> =
                whole.iter().filter(|it| !got.iter().any(|got| got == *it)).collect();
            if is_marks {
                assert!(missing.is_empty(), "{name} {bit}");
                continue;
            }
            assert!(missing.len() <= 1, "{name} {bit}: {got:?}");
            let quarantined = fs::read_dir(bench.folder.path().join("quarantine"))
                .is_ok_and(|it| it.count() == 1);
            if !missing.is_empty() {
                assert!(bench.lost.value() >= 1 && quarantined, "{name} {bit}");
            }
            assert!(bench.lost.value() <= 2, "{name} {bit}");
        }
    }
}

#[test]
fn a_torn_tail_of_zeros_is_what_a_dying_machine_leaves() {
    let bench = Bench::new();
    append(&mut bench.open(), "one");
    let mut files = bench.files();
    files[0].1.extend([0; 5000]);
    let bench = Bench::of(&files);
    assert_eq!(rest(&mut bench.open()), ["one"]);
    assert_eq!(bench.lost.value(), 0);
}

#[test]
fn what_makes_no_sense_is_kept_aside_and_does_not_come_again() {
    let bench = Bench::new();
    let mut log = bench.open();
    append(&mut log, "one");
    append(&mut log, "two");
    let record = log.next().unwrap().unwrap();
    log.refuse(&record, "no OTLP");
    assert_eq!(bench.lost.value(), 2);
    drop(log);
    assert_eq!(rest(&mut bench.open()), ["two"]);
    assert_eq!(fs::read_dir(bench.folder.path().join("quarantine")).unwrap().count(), 1);
}

#[test]
fn a_look_into_the_files_shows_what_is_left_done_and_damaged_and_changes_nothing() {
    let bench = Bench::new();
    scenario(8, &bench);
    let look = |bench: &Bench| {
        let mut seen = Vec::new();
        let each = &mut |found| {
            seen.push(match found {
                Found::Record(it, is_done) => format!("{} {is_done}", text(&it)),
                Found::Damaged(seq, items) => format!("{seq} damaged, {items} items"),
                Found::Hole(at, records) => format!("{records} missing at {at}"),
            });
        };
        let before = bench.files();
        survey::read(bench.folder.path(), each).unwrap();
        assert_eq!(bench.files(), before);
        seen
    };
    let whole = ["one true", "two true", "three false", "four false", "five false"];
    assert_eq!(look(&bench), whole);
    let _open = bench.open();
    assert_eq!(look(&bench), whole, "also while somebody has it");
    let mut files = bench.files();
    let (last, first) = (files.len() - 1, 1);
    files[last].1[8 + 32] ^= 1;
    files[first].1[8] ^= 1;
    let seen = look(&Bench::of(&files));
    assert_eq!(
        seen,
        ["two true", "three false", "1 missing at 8", "4 damaged, 2 items", "five false"]
    );
}

#[test]
fn a_directory_that_is_removed_while_it_is_used_loses_what_was_in_it_counted_and_nothing_that_comes()
 {
    let bench = Bench::new();
    let mut log = bench.open();
    append(&mut log, "one");
    append(&mut log, "two");
    fs::remove_dir_all(bench.folder.path()).unwrap();
    append(&mut log, "three");
    assert_eq!(rest(&mut log), ["three"]);
    assert_eq!(bench.lost.value(), 2);
    log.done(&[1, 2]).unwrap();
    drop(log);
    assert_eq!(rest(&mut bench.open()), ["three"]);
}

#[test]
fn a_sync_covers_what_was_stored_before_it_and_a_failed_one_ends_the_segment() {
    let bench = Bench::new();
    let mut log = bench.open_with(Fsync::Always);
    append(&mut log, "one");
    let sync = log.sync();
    append(&mut log, "two");
    sync().unwrap();
    log.sync()().unwrap();
    log.sync_failed().unwrap();
    append(&mut log, "three");
    assert_eq!(bench.names(), ["00000000000000000001.seg", "00000000000000000003.seg"]);
    assert_eq!(rest(&mut log), ["one", "two", "three"]);
}

#[test]
fn a_queue_that_has_its_size_takes_no_more_until_some_of_it_is_done() {
    let mut bench = Bench::new();
    bench.limits.max_size = 2 << 20;
    let mut log = bench.open();
    let (text, mut seqs) = (part("0123456789", 100_000), Vec::new());
    let body = [Bytes::copy_from_slice(text.as_bytes())];
    let record = NewRecord { kind: 3, items: 2, head: b"who", body: &body };
    let full = loop {
        match log.append(&record, false) {
            Ok(appended) => seqs.push(appended.seq),
            Err(why) => break why,
        }
    };
    assert!(matches!(&full, Unstored::Full(_)), "{full}");
    assert!(full.to_string().contains("max_size of 2097152 bytes"), "{full}");
    assert_eq!(seqs.len(), 20);
    let in_segments = || {
        let all = bench.files().into_iter().filter(|it| it.0.contains("seg"));
        all.map(|it| it.1.len() as u64).sum::<u64>()
    };
    assert_eq!(log.bytes(), in_segments());
    // Space comes back by segments, of which there are several.
    log.done(&seqs[..3]).unwrap();
    assert!(log.append(&record, false).is_ok());
    let large = [Bytes::from(vec![0; 2 << 20])];
    let never = log.append(&NewRecord { body: &large, ..record }, false).unwrap_err();
    assert!(matches!(&never, Unstored::Failed(_)), "{never}");
    drop(log);
    assert_eq!(bench.open().bytes(), in_segments());
}

#[test]
fn a_disk_that_is_full_cuts_off_what_it_did_not_take_and_says_so() {
    let bench = Bench::new();
    let mut log = bench.open();
    append(&mut log, "one");
    // A device that is always full.
    let full = fs::OpenOptions::new().append(true).open("/dev/full").unwrap();
    let active = log.active.as_mut().unwrap();
    let whole = std::mem::replace(&mut active.file, full);
    let body = [Bytes::from_static(b"x")];
    let record = NewRecord { kind: 3, items: 2, head: b"who", body: &body };
    let why = log.append(&record, false).unwrap_err();
    assert!(matches!(&why, Unstored::Full(_)), "{why}");
    assert!(why.to_string().ends_with("; make room on the disk"), "{why}");
    drop(whole);
    // It cannot be cut either, so nothing more goes into this segment.
    append(&mut log, "two");
    assert_eq!(bench.names().len(), 2);
    drop(log);
    assert_eq!(rest(&mut bench.open()), ["one", "two"]);
}

#[test]
fn a_sync_that_fails_is_told_and_what_comes_goes_into_a_new_segment() {
    let bench = Bench::new();
    let mut log = bench.open_with(Fsync::Always);
    append(&mut log, "one");
    // A device that cannot be synced.
    log.unsynced.push(fs::File::open("/dev/null").unwrap());
    let error = log.sync()().unwrap_err().to_string();
    assert!(error.contains(&bench.folder.path().display().to_string()), "{error}");
    log.sync_failed().unwrap();
    append(&mut log, "two");
    assert!(log.sync()().is_ok());
    assert_eq!(bench.names().len(), 2);
    assert_eq!(rest(&mut log), ["one", "two"]);
}

/// A log in which "one" is on the disk, and "two" and "three" may be; what the kernel believes to be there is wrong.
fn half_lost(bench: &Bench) -> Segments {
    let mut log = bench.open_with(Fsync::Every(std::time::Duration::from_secs(1)));
    append(&mut log, "one");
    log.sync()().unwrap();
    log.synced();
    let path = bench.folder.path().join("00000000000000000001.seg");
    let safe = fs::metadata(&path).unwrap().len();
    append(&mut log, "two");
    append(&mut log, "three");
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    let all = file.metadata().unwrap().len();
    file.set_len(safe).unwrap();
    file.set_len(all).unwrap();
    // A device that cannot be synced.
    log.unsynced.push(fs::File::open("/dev/null").unwrap());
    log
}

#[test]
fn what_the_disk_did_not_take_is_written_anew_from_memory() {
    let bench = Bench::new();
    let mut log = half_lost(&bench);
    assert!(log.sync()().is_err());
    log.sync_failed().unwrap();
    append(&mut log, "four");
    assert!(log.sync()().is_ok());
    log.synced();
    assert_eq!(bench.names(), ["00000000000000000001.seg", "00000000000000000004.seg"]);
    assert_eq!(rest(&mut log), ["one", "two", "three", "four"]);
    drop(log);
    assert_eq!(rest(&mut bench.open()), ["one", "two", "three", "four"]);
    assert_eq!(bench.lost.value(), 0);
}

#[test]
fn what_cannot_be_written_anew_fails_each_sync_until_it_can() {
    let bench = Bench::new();
    let mut log = half_lost(&bench);
    let in_the_way = bench.folder.path().join("00000000000000000001.new");
    fs::create_dir(&in_the_way).unwrap();
    assert!(log.sync()().is_err());
    for _ in 0..2 {
        let error = log.sync_failed().unwrap_err().to_string();
        assert!(error.contains("Is a directory"), "{error}");
        let error = log.sync()().unwrap_err().to_string();
        assert!(error.ends_with("what the disk did not take could not be written anew"), "{error}");
    }
    fs::remove_dir(in_the_way).unwrap();
    log.sync_failed().unwrap();
    assert!(log.sync()().is_ok());
    assert_eq!(rest(&mut log), ["one", "two", "three"]);
}

#[test]
fn only_what_the_disk_may_not_have_and_nobody_has_taken_is_held() {
    let bench = Bench::new();
    let mut log = half_lost(&bench);
    log.done(&[2]).unwrap();
    log.sync_failed().unwrap();
    assert_eq!(bench.names(), ["00000000000000000001.done", "00000000000000000001.seg"]);
    log.done(&[1, 3]).unwrap();
    log.unsynced.clear();
    assert!(log.sync()().is_ok());
    // Nothing is left that could be written anew.
    log.sync_failed().unwrap();
    assert_eq!(bench.names(), Vec::<String>::new());
}

#[test]
fn a_segment_that_was_to_replace_another_is_removed_at_the_next_start() {
    let bench = Bench::new();
    append(&mut bench.open(), "one");
    fs::write(bench.folder.path().join("00000000000000000001.new"), "SLQ").unwrap();
    assert_eq!(rest(&mut bench.open()), ["one"]);
    assert!(!bench.folder.path().join("00000000000000000001.new").exists());
}
