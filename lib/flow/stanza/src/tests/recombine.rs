//! `recombine`, after upstream's own cases.

use super::*;
use crate::ops::recombine::HELD_BYTES_MAX;

/// One file per path; `flush` releases what is held at the end.
fn check(operator: Value, input: &[(&str, &str)], want: &[&str], flushed: &[&str]) {
    let mut operator = operator;
    operator["type"] = "recombine".into();
    if operator.get("combine_field").is_none() {
        operator["combine_field"] = "body".into();
    }
    let mut worker = compile(json!([operator])).unwrap().worker();
    let mut files: Vec<(&str, Arc<FileMeta>)> = Vec::new();
    for (path, line) in input {
        if !files.iter().any(|(known, _)| known == path) {
            files.push((path, file(files.len() as u64, Some(path))));
        }
        let (_, meta) = files.iter().find(|(known, _)| known == path).unwrap();
        worker.line(meta, line.as_bytes(), 0..1, None);
    }
    let texts = |worker: &mut Worker| -> Vec<String> {
        let all = records(&worker.take().logs);
        all.iter().map(|it| it["body"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(texts(&mut worker), want);
    worker.flush_all();
    assert_eq!(texts(&mut worker), flushed);
}

fn one(lines: &[&'static str]) -> Vec<(&'static str, &'static str)> {
    lines.iter().map(|it| ("f1", *it)).collect()
}

#[test]
fn a_first_record_waits_and_a_last_one_does_not() {
    check(json!({ "is_first_entry": "true" }), &one(&["test"]), &[], &["test"]);
    check(json!({ "is_last_entry": "true" }), &one(&["test"]), &["test"], &[]);
}

#[test]
fn records_up_to_the_last_are_joined() {
    let last = json!({ "is_last_entry": "body == 'test2'" });
    check(last, &one(&["test1", "test2"]), &["test1\ntest2"], &[]);
    let last = json!({ "is_last_entry": "body == 'test2'", "combine_with": "" });
    check(last, &one(&["test1", "test2"]), &["test1test2"], &[]);
}

#[test]
fn a_first_record_releases_what_was_before() {
    let first = json!({ "is_first_entry": "body == 'test1'", "overwrite_with": "newest" });
    check(first, &one(&["test1", "test2", "test1"]), &["test1\ntest2"], &["test1"]);
    let never = json!({ "is_first_entry": "false" });
    check(never, &one(&["test2", "test3", "test4"]), &[], &["test2\ntest3\ntest4"]);
}

#[test]
fn files_are_kept_apart() {
    let first = json!({ "is_first_entry": "body == 'start'", "overwrite_with": "newest" });
    let input = [
        ("f1", "start"),
        ("f1", "more1a"),
        ("f1", "start"),
        ("f2", "more2a"),
        ("f1", "more1b"),
        ("f2", "more2b"),
        ("f1", "start"),
    ];
    let want = ["start\nmore1a", "start\nmore1b"];
    // Released by age: f2 began to wait before the last start of f1.
    check(first, &input, &want, &["more2a\nmore2b", "start"]);
}

#[test]
fn a_stack_trace_is_one_record() {
    let first = json!({ "is_first_entry": "body matches \"^[^\\\\s]\"" });
    let input = one(&["Log message 1", "Error: boom", "  at a", "  at b", "Another"]);
    check(first, &input, &["Log message 1", "Error: boom\n  at a\n  at b"], &["Another"]);
}

#[test]
fn one_source_too_many_releases_all() {
    let last = json!({ "is_last_entry": "body matches '^end'", "max_sources": 1 });
    let input =
        [("f1", "start1"), ("f1", "middle1"), ("f2", "start2"), ("f2", "middle2"), ("f2", "end2")];
    check(last, &input, &["start1\nmiddle1", "start2\nmiddle2\nend2"], &[]);
}

#[test]
fn limits_cut_a_batch() {
    let last = json!({ "is_last_entry": "body == 'end'", "max_batch_size": 2 });
    let input = [("f1", "f1e1"), ("f2", "f2e1"), ("f1", "end"), ("f2", "f2e2"), ("f2", "end")];
    check(last, &input, &["f1e1\nend", "f2e1\nf2e2", "end"], &[]);
    let last = json!({ "is_last_entry": "body == 'end'", "max_log_size": 5 });
    check(last, &one(&["file1", "file1", "file2", "end"]), &["file1\nfile1", "file2\nend"], &[]);
    let first = json!({ "is_first_entry": "body == 'start'", "max_log_size": 12 });
    let input = one(&[
        "start", "content1", "content2", "content3", "content4", "content5", "start", "start",
    ]);
    let want = ["start\ncontent1", "content2\ncontent3", "content4\ncontent5", "start"];
    check(first, &input, &want, &["start"]);
    let first = json!({ "is_first_entry": "body == 'start'", "max_batch_size": 5 });
    let input = one(&["start", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    check(first, &input, &["start\n1\n2\n3\n4", "5\n6\n7\n8\n9"], &[]);
    let first = json!({ "is_first_entry": "body == 'start'", "max_unmatched_batch_size": 2 });
    check(first, &one(&["1", "2", "3"]), &["1\n2"], &["3"]);
}

#[test]
fn the_first_or_the_newest_record_gives_the_other_fields() {
    let operators = |with: &str| {
        json!([
            { "type": "json_parser" },
            {
                "type": "recombine",
                "combine_field": "attributes.message",
                "is_last_entry": "attributes.logtag == 'F'",
                "overwrite_with": with,
                "combine_with": "",
            },
            { "type": "retain", "fields": ["attributes.message", "attributes.logtag"] },
        ])
    };
    let lines = [
        r#"{"message":"whole","logtag":"F"}"#,
        r#"{"message":"a","logtag":"P","time":1}"#,
        r#"{"message":"b","logtag":"P"}"#,
        r#"{"message":"c","logtag":"F"}"#,
    ];
    for (with, tag) in [("newest", "F"), ("oldest", "P")] {
        let got = run(operators(with), &lines);
        assert_eq!(got[0]["attributes"], json!({ "message": "whole", "logtag": "F" }));
        assert_eq!(got[1]["attributes"], json!({ "message": "abc", "logtag": tag }));
        assert_eq!(got.len(), 2);
    }
}

#[test]
fn a_record_without_the_field_goes_on_instead_of_being_swallowed() {
    let operators = json!([
        { "type": "json_parser" },
        { "type": "recombine", "combine_field": "attributes.m", "is_first_entry": "attributes.s == true" },
    ]);
    let got = run(operators, &[r#"{"m":"one","s":true}"#, r#"{"x":1}"#, r#"{"m":"two"}"#]);
    assert_eq!(got[0]["attributes"]["x"], 1.0);
    assert_eq!(got[1]["attributes"]["m"], "one\ntwo");
}

#[test]
fn without_a_source_files_do_not_mix() {
    let operator =
        json!([{ "type": "recombine", "combine_field": "body", "is_last_entry": "body == 'end'" }]);
    let mut worker = compile(operator).unwrap().worker();
    for (key, line) in [(1, "a"), (2, "b"), (1, "end"), (2, "end")] {
        worker.line(&file(key, None), line.as_bytes(), 0..1, None);
    }
    let got = records(&worker.take().logs);
    assert_eq!((&got[0]["body"], &got[1]["body"]), (&json!("a\nend"), &json!("b\nend")));
}

#[test]
fn what_waits_too_long_is_released_and_the_next_deadline_told() {
    let operator = json!([{
        "type": "recombine",
        "combine_field": "body",
        "is_last_entry": "false",
        "force_flush_period": "400ms",
    }]);
    let mut worker = compile(operator).unwrap().worker();
    let now = || tokio::time::Instant::now().into_std();
    let before = now();
    assert_eq!(worker.flush_idle(before), None);
    worker.line(&file(1, None), b"a", 0..2, None);
    let due = worker.flush_idle(before).unwrap();
    let period = std::time::Duration::from_millis(400);
    assert!(due >= before + period && due <= now() + period);
    assert_eq!(worker.items(), 0);
    assert_eq!(worker.flush_idle(due), None);
    assert_eq!(worker.items(), 1);
}

/// A worker that was given the beginnings of `records` long records, each of another file.
fn with_beginnings(records: usize, parts: usize, part: &str) -> Worker {
    let operator =
        json!([{ "type": "recombine", "combine_field": "body", "is_last_entry": "body == 'end'" }]);
    let mut worker = compile(operator).unwrap().worker();
    for key in 0..records {
        let meta = file(key as u64, Some(&format!("/{key}")));
        for n in 0..parts {
            worker.line(&meta, part.as_bytes(), n as u64..n as u64 + 1, None);
            assert!(worker.holds(meta.key));
        }
    }
    worker
}

#[test]
fn what_is_held_back_is_bounded_and_the_oldest_goes_first_and_whole() {
    let part = "x".repeat(1 << 16);
    let record = 16 * (part.len() + 1) - 1;
    let mut worker = with_beginnings(40, 16, &part);
    let released: Vec<usize> = bodies(&mut worker);
    assert!(released.len() * record >= 40 * record - HELD_BYTES_MAX, "{}", released.len());
    assert!(released.len() < 40 && released.iter().all(|it| *it == record), "{released:?}");
    worker.flush_all();
    let rest = bodies(&mut worker);
    assert_eq!((rest.len(), released.len() + rest.len()), (rest.len(), 40));
    assert!(rest.iter().all(|it| *it == record) && rest.len() * record <= HELD_BYTES_MAX);
}

#[test]
fn what_is_due_at_the_same_time_is_released_little_by_little() {
    let mut worker = with_beginnings(10, 8, &"x".repeat(1 << 16));
    let later = tokio::time::Instant::now().into_std() + std::time::Duration::from_mins(1);
    let (mut calls, mut records) = (0, 0);
    loop {
        let next = worker.flush_idle(later);
        calls += 1;
        assert!(worker.bytes() < 3 << 20, "{} bytes at once", worker.bytes());
        records += bodies(&mut worker).len();
        match next {
            Some(next) => assert!(next <= later, "the rest has waited for long enough, too"),
            None => break,
        }
    }
    assert!(records == 10 && calls > 2, "{records} in {calls} calls");
}

/// How long the bodies of the records are that can be sent.
fn bodies(worker: &mut Worker) -> Vec<usize> {
    let all = records(&worker.take().logs);
    all.iter().map(|it| it["body"].as_str().unwrap().len()).collect()
}
