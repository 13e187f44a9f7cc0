//! What a repair leaves of files that are cut at every length, and of which a bit of every byte is flipped.

use std::time::Duration;

use super::super::repair::{Mended, repair};
use super::*;

fn mend(bench: &Bench, is_dry: bool) -> Vec<Mended> {
    let mut all = Vec::new();
    repair(bench.folder.path(), is_dry, &mut |it| all.push(it.clone())).unwrap();
    all
}

#[test]
fn a_torn_end_of_the_newest_segment_is_cut_and_all_whole_records_stay() {
    let bench = Bench::new();
    let mut log = bench.open();
    for word in ["one", "two", "three"] {
        append(&mut log, word);
    }
    log.done(&[2]).unwrap();
    drop(log);
    let files = bench.files();
    for length in MAGIC.len()..files[1].1.len() {
        let mut cut = files.clone();
        cut[1].1.truncate(length);
        let bench = Bench::of(&cut);
        let want = rest(&mut Bench::of(&cut).open());
        let dry = mend(&bench, true);
        assert_eq!(bench.files(), cut, "a dry run changes nothing");
        let done = mend(&bench, false);
        assert_eq!(dry, done);
        let torn: u64 = done.iter().map(|it| it.torn).sum();
        assert_eq!(bench.files()[1].1.len() as u64, length as u64 - torn);
        assert_eq!(mend(&bench, false), [], "nothing is left to do");
        assert_eq!(rest(&mut bench.open()), want, "{length}");
        assert_eq!(bench.lost.value(), 0);
    }
}

#[test]
fn a_flipped_bit_costs_the_record_it_is_in_which_is_in_quarantine_and_not_found_again() {
    let bench = Bench::new();
    scenario(8, &bench);
    let files = bench.files();
    for (at, (name, bytes)) in files.iter().enumerate() {
        let is_segment = Path::new(name).extension().unwrap() == "seg";
        // One of each byte: a repair waits for the disk.
        for bit in (0..if is_segment { bytes.len() * 8 } else { 0 }).step_by(9) {
            let mut flipped = files.clone();
            flipped[at].1[bit / 8] ^= 1 << (bit % 8);
            let want = rest(&mut Bench::of(&flipped).open());
            let bench = Bench::of(&flipped);
            let dry = mend(&bench, true);
            assert_eq!(bench.files(), flipped, "a dry run changes nothing");
            let done = mend(&bench, false);
            assert_eq!(dry, done);
            if done.iter().any(|it| it.aside > 0) {
                let aside = fs::read(bench.folder.path().join("quarantine").join(name)).unwrap();
                assert_eq!(aside, flipped[at].1, "{name} {bit}: as it was found");
            }
            assert_eq!(mend(&bench, false), [], "{name} {bit}: nothing is left to do");
            assert_eq!(rest(&mut bench.open()), want, "{name} {bit}");
            assert_eq!(bench.lost.value(), 0, "{name} {bit}: not found again");
        }
    }
}

#[test]
fn records_on_both_sides_of_damage_stay_in_order_and_what_is_done_stays_done() {
    let bench = Bench::new();
    let mut log = bench.open();
    for word in ["one", "two", "six", "four", "five", "ten"] {
        append(&mut log, word);
    }
    log.done(&[1, 5]).unwrap();
    drop(log);
    let mut files = bench.files();
    // The header of the third.
    files[1].1[MAGIC.len() + 2 * (HEADER_BYTES + "who".len() + "one".len())] ^= 1;
    let bench = Bench::of(&files);
    let done = mend(&bench, false);
    let segment = "00000000000000000001.seg".to_owned();
    assert_eq!(done, [Mended { segment, torn: 0, aside: 1, aside_items: 0, kept: 3 }]);
    let names = ["1.done", "1.seg", "4.done", "4.seg"];
    assert_eq!(bench.names(), names.map(|it| format!("0000000000000000000{it}")));
    assert_eq!(rest(&mut bench.open()), ["two", "four", "ten"]);
}

#[test]
fn a_queue_that_somebody_has_open_is_left_alone() {
    let bench = Bench::new();
    append(&mut bench.open(), "one");
    let lock = crate::open_locked(&bench.folder.path().join("lock"), Duration::ZERO);
    let _lock = lock.unwrap();
    for is_dry in [false, true] {
        let error = repair(bench.folder.path(), is_dry, &mut |_| {}).unwrap_err().to_string();
        assert!(error.contains("in use: stop the collector"), "{error}");
    }
}

#[test]
fn what_is_not_a_queue_or_has_no_room_for_what_is_damaged_is_left_alone() {
    let bench = Bench::new();
    append(&mut bench.open(), "one");
    let segment = bench.folder.path().join("00000000000000000001.seg");
    let error = repair(&segment, false, &mut |_| {}).unwrap_err().to_string();
    assert!(error.starts_with("only a whole queue is repaired"), "{error}");
    let mut bytes = fs::read(&segment).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&segment, &bytes).unwrap();
    let quarantine = bench.folder.path().join("quarantine");
    fs::create_dir(&quarantine).unwrap();
    fs::write(quarantine.join("00000000000000000001.seg"), "of another time").unwrap();
    let error = repair(bench.folder.path(), false, &mut |_| {}).unwrap_err().to_string();
    assert!(error.starts_with("another file is in its place: move "), "{error}");
    assert_eq!(fs::read(&segment).unwrap(), bytes);
}
