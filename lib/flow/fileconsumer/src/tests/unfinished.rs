//! Records at the end of a file that have no end of their own: one record each, and within the budget.

use componenttest::Answer;
use regex::bytes::Regex;

use super::*;
use crate::engine::BLOCK_BYTES;
use crate::parse_encoding;

/// Longer than a block, shorter than the longest record.
const LONG_BYTES: usize = (3 * BLOCK_BYTES / 17 + 1) * 17;

/// What the end of a file becomes.
async fn check(rig: Rig, file: &[u8], want: &str) {
    std::fs::write(rig.path("a.log"), file).unwrap();
    let reader = rig.start();
    let lengths = |all: &[String]| all.iter().map(String::len).collect::<Vec<_>>();
    let got = rig.wait(1).await;
    rig.settle().await;
    assert!(rig.bodies() == [want], "{:?} of {}", lengths(&got), want.len());
    reader.stop().await;
}

fn long() -> String {
    "abcdefghijklmnopq".repeat(LONG_BYTES / 17)
}

fn multiline(mode: fn(Regex) -> Mode) -> Rig {
    let mut rig = Rig::new();
    rig.settings.splitter.mode = mode(Regex::new("(?m)^BEGIN|END$").unwrap());
    rig
}

#[tokio::test]
async fn a_long_line_without_an_end_is_one_record() {
    check(Rig::new(), long().as_bytes(), &long()).await;
}

#[tokio::test]
async fn a_long_line_of_a_compressed_file_without_an_end_is_one_record() {
    let mut rig = Rig::new();
    rig.settings.compression = Compression::Gzip;
    check(rig, &gzip(long().as_bytes()), &long()).await;
}

#[tokio::test]
async fn a_long_line_in_utf_16_without_an_end_is_one_record() {
    let mut rig = Rig::new();
    rig.settings.splitter.encoding = parse_encoding("utf-16le").unwrap();
    // Half as long: each character has two bytes.
    let text = &long()[..LONG_BYTES / 2];
    let file: Vec<u8> = text.bytes().flat_map(|it| [it, 0]).collect();
    check(rig, &file, text).await;
}

#[tokio::test]
async fn a_long_record_of_several_lines_without_an_end_is_one_record() {
    let text = format!("BEGIN{}\n{}", long(), "tail");
    check(multiline(|pattern| Mode::Start { pattern, omit: false }), text.as_bytes(), &text).await;
    let text = format!("{}\n{}", long(), "tail");
    check(multiline(|pattern| Mode::End { pattern, omit: false }), text.as_bytes(), &text).await;
}

#[tokio::test]
async fn a_long_record_of_several_lines_in_another_encoding_is_one_record() {
    let mut rig = multiline(|pattern| Mode::Start { pattern, omit: false });
    rig.settings.splitter.encoding = parse_encoding("utf-16le").unwrap();
    let text = format!("BEGIN{}\n{}", &long()[..LONG_BYTES / 2], "tail");
    let file: Vec<u8> = text.bytes().flat_map(|it| [it, 0]).collect();
    check(rig, &file, &text).await;
}

#[tokio::test]
async fn a_long_line_of_a_file_that_is_removed_is_one_record_although_nothing_is_ever_flushed() {
    let mut rig = Rig::new();
    rig.settings.flush_after = None;
    rig.append("a.log", "one\n");
    let reader = rig.start();
    rig.wait(1).await;
    rig.append("a.log", &long());
    rig.settle().await;
    rig.remove("a.log");
    assert!(rig.wait(2).await == ["one".to_owned(), long()]);
    reader.stop().await;
}

#[tokio::test]
async fn a_line_longer_than_the_limit_is_cut_there_and_nowhere_else() {
    let mut rig = Rig::new();
    rig.settings.splitter.max = LONG_BYTES - 100;
    rig.append("a.log", &long());
    let reader = rig.start();
    let lengths: Vec<usize> = rig.wait(2).await.iter().map(String::len).collect();
    assert_eq!(lengths, [LONG_BYTES - 100, 100]);
    reader.stop().await;
}

#[tokio::test]
async fn a_line_that_grows_while_it_waits_for_room_is_not_cut() {
    let mut rig = Rig::new();
    rig.settings.in_flight_bytes_max = 1;
    rig.append("a.log", "first\n");
    rig.sink.script([Answer::Hang]);
    let reader = rig.start();
    rig.sink.wait_for_calls(1).await;
    rig.append("b.log", "half of");
    // Its time is over long before there is room.
    tokio::time::sleep(2 * rig.settings.flush_after.unwrap()).await;
    rig.append("b.log", " a line\n");
    rig.sink.release(Answer::Ok);
    assert_eq!(rig.wait(2).await, ["first", "half of a line"]);
    reader.stop().await;
}

#[tokio::test]
async fn unfinished_records_of_many_files_stay_within_the_budget() {
    let mut rig = Rig::new();
    rig.settings.in_flight_bytes_max = 4 << 20;
    for n in 0..20 {
        rig.append(&format!("{n}.log"), &long());
    }
    rig.sink.answer(Answer::Hang);
    let reader = rig.start();
    let bytes = || rig.sink.attempts().iter().map(|(_, data)| data.bytes()).sum::<usize>();
    rig.sink.wait_for("a full budget", |_| bytes() >= 4 << 20).await;
    rig.settle().await;
    assert!(bytes() < (4 << 20) + 2 * LONG_BYTES, "{} bytes in flight", bytes());
    rig.sink.answer(Answer::Ok);
    rig.sink.release(Answer::Ok);
    assert!(rig.wait(20).await.iter().all(|it| *it == long()));
    reader.stop().await;
}
