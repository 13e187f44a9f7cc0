//! How far a file is safe: nothing may be forgotten that has not been handed over.

use std::collections::BTreeMap;

use super::*;
use crate::Body;

fn last() -> Value {
    json!([{ "type": "recombine", "combine_field": "body", "is_last_entry": "body == 'end'" }])
}

fn feed_at(worker: &mut Worker, meta: &Arc<FileMeta>, lines: &[(&str, u64, u64)]) {
    for (text, start, end) in lines {
        worker.line(meta, text.as_bytes(), *start..*end, None);
    }
}

fn safe(worker: &mut Worker) -> Vec<(u64, u64)> {
    let mut all: Vec<_> = worker.take().safe.iter().map(|(key, at)| (key.0, *at)).collect();
    all.sort_unstable();
    all
}

#[test]
fn lines_handed_over_or_dropped_are_safe() {
    let drops = json!([{ "type": "filter", "expr": "body == 'b'" }]);
    let mut worker = compile(drops).unwrap().worker();
    feed_at(&mut worker, &file(1, None), &[("a", 0, 2), ("b", 2, 4)]);
    assert_eq!(safe(&mut worker), [(1, 4)]);
    assert_eq!(safe(&mut worker), [], "no news");
}

#[test]
fn a_held_line_keeps_the_offset_at_its_start() {
    let mut worker = compile(last()).unwrap().worker();
    let (one, two) = (file(1, Some("/a")), file(2, Some("/b")));
    feed_at(&mut worker, &one, &[("end", 0, 4), ("x", 4, 6), ("y", 6, 8)]);
    feed_at(&mut worker, &two, &[("end", 0, 4)]);
    assert_eq!(safe(&mut worker), [(1, 4), (2, 4)]);
    feed_at(&mut worker, &one, &[("end", 8, 12)]);
    assert_eq!(safe(&mut worker), [(1, 12)]);
}

#[test]
fn records_joined_across_two_files_hold_both() {
    let mut worker = compile(last()).unwrap().worker();
    let (old, new) = (file(1, Some("/a")), file(2, Some("/a")));
    feed_at(&mut worker, &old, &[("x", 0, 2)]);
    feed_at(&mut worker, &new, &[("y", 0, 2)]);
    assert_eq!(safe(&mut worker), [(1, 0), (2, 0)]);
    feed_at(&mut worker, &new, &[("end", 2, 6)]);
    let batch = worker.take();
    assert_eq!(records(&batch.logs)[0]["body"], "x\ny\nend");
    assert_eq!(batch.safe, [(FileKey(1), 2), (FileKey(2), 6)]);
}

#[test]
fn a_second_recombine_holds_what_the_first_released() {
    let operators = json!([
        { "type": "recombine", "combine_field": "body", "is_last_entry": "body == 'end'" },
        { "type": "recombine", "combine_field": "body", "is_last_entry": "body contains 'stop'" },
    ]);
    let mut worker = compile(operators).unwrap().worker();
    let meta = file(1, Some("/a"));
    feed_at(&mut worker, &meta, &[("x", 0, 2), ("end", 2, 6)]);
    let batch = worker.take();
    assert_eq!((batch.logs.items(), &batch.safe[..]), (0, &[(FileKey(1), 0)][..]));
    feed_at(&mut worker, &meta, &[("stop", 6, 11), ("end", 11, 15)]);
    let batch = worker.take();
    assert_eq!(records(&batch.logs)[0]["body"], "x\nend\nstop\nend");
    assert_eq!(batch.safe, [(FileKey(1), 15)]);
}

#[test]
fn forgetting_a_file_releases_what_it_holds() {
    let mut worker = compile(last()).unwrap().worker();
    feed_at(&mut worker, &file(1, None), &[("x", 0, 2)]);
    feed_at(&mut worker, &file(2, None), &[("y", 0, 2)]);
    worker.forget(FileKey(1));
    let batch = worker.take();
    assert_eq!(records(&batch.logs)[0]["body"], "x");
    assert_eq!(batch.safe, [(FileKey(1), 2), (FileKey(2), 0)]);
    // The place is taken by another file.
    feed_at(&mut worker, &file(3, None), &[("z", 10, 12)]);
    assert_eq!(safe(&mut worker), [(3, 10)]);
}

#[test]
fn skipped_bytes_are_safe() {
    let mut worker = compile(json!([])).unwrap().worker();
    let meta = file(1, None);
    worker.skip(&meta, 7);
    assert_eq!(safe(&mut worker), [(1, 7)]);
}

#[test]
fn a_renamed_file_gets_its_new_attributes_and_keeps_its_place() {
    let mut worker = compile(json!([])).unwrap().worker();
    feed_at(&mut worker, &file(1, Some("/a")), &[("x", 0, 2)]);
    feed_at(&mut worker, &file(1, Some("/b")), &[("y", 2, 4)]);
    let batch = worker.take();
    let got = records(&batch.logs);
    assert_eq!(got[0]["attributes"]["log.file.path"], "/a");
    assert_eq!(got[1]["attributes"]["log.file.path"], "/b");
    assert_eq!(batch.safe, [(FileKey(1), 4)]);
}

#[test]
fn numbers_and_offsets_of_records_are_attributes() {
    let mut worker = compile(json!([])).unwrap().worker();
    let meta = FileMeta { key: FileKey(1), attributes: vec![], record_offset: true };
    worker.line(&Arc::new(meta), b"x", 7..9, Some(3));
    let got = records(&worker.take().logs);
    let want = json!({ "log.file.record_number": 3, "log.file.record_offset": 7 });
    assert_eq!(got[0]["attributes"], want);
}

#[test]
fn consecutive_records_of_one_resource_share_a_group() {
    let operators = json!([
        { "type": "json_parser" },
        { "type": "move", "from": "attributes.svc", "to": "resource.svc" },
    ]);
    let mut worker = compile(operators).unwrap().worker();
    let lines = [r#"{"svc":"a"}"#, r#"{"svc":"a"}"#, r#"{"svc":"b"}"#, r#"{"svc":"a"}"#];
    feed(&mut worker, &file(1, None), &lines);
    let logs = worker.take().logs;
    let groups: Vec<usize> = logs.resources().map(|it| it.records().count()).collect();
    assert_eq!(groups, [2, 1, 1]);
}

/// Of a receiver without operators.
fn worker(
    attributes: &BTreeMap<String, String>,
    resource: &BTreeMap<String, String>,
    body: Body,
) -> Worker {
    let mut found = Problems::default();
    let options = Options::new(attributes, resource, body, &mut found).unwrap();
    Pipeline::plan(&[], options, &mut found).unwrap().worker()
}

#[test]
fn the_receivers_own_attributes_come_before_those_of_the_file() {
    let map = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect()
    };
    let attributes = map(&[
        ("team", "blue"),
        ("size", "EXPR(string(len(body)))"),
        ("log.file.name", "mine"),
        ("broken", "EXPR(attributes.none.x)"),
        ("number", "EXPR(len(body))"),
    ]);
    let resource = map(&[
        ("service.name", "shop"),
        ("k", "EXPR(upper(body))-x"),
        ("owner", "EXPR(attributes.team)"),
    ]);
    let mut worker = worker(&attributes, &resource, Body::Text);
    feed(&mut worker, &file(1, None), &["hello"]);
    let got = records(&worker.take().logs);
    let want = json!({ "team": "blue", "size": "5", "log.file.name": "app.log" });
    assert_eq!(got[0]["attributes"], want);
    let want = json!({ "service.name": "shop", "k": "HELLO-x", "owner": "blue" });
    assert_eq!(got[0]["resource"], want);
}

#[test]
fn raw_bodies_are_bytes() {
    let mut worker = worker(&BTreeMap::new(), &BTreeMap::new(), Body::Bytes);
    worker.line(&file(1, None), b"\xff\x00a", 0..4, None);
    assert_eq!(records(&worker.take().logs)[0]["body"], json!([255, 0, 97]));
}

#[test]
fn records_enter_where_the_receivers_output_says() {
    let add = |id: &str| json!({ "type": "add", "id": id, "field": format!("attributes.{id}"), "value": 1 });
    let entered = |ids: &[&str]| {
        let ids: Vec<String> = ids.iter().map(|it| (*it).to_owned()).collect();
        let mut found = Problems::default();
        let pipeline = compile(json!([add("a"), add("b"), add("c")])).unwrap();
        let pipeline = pipeline.entered_at(&ids, &mut found);
        let mut worker = pipeline.ok_or_else(|| texts(&found))?.worker();
        feed(&mut worker, &file(1, None), &["x"]);
        let all = records(&worker.take().logs);
        let keys = |it: &Value| it["attributes"].as_object().unwrap().len() - 1;
        Ok::<Vec<usize>, String>(all.iter().map(keys).collect())
    };
    assert_eq!(entered(&[]), Ok(vec![3]));
    assert_eq!(entered(&["b"]), Ok(vec![2]));
    assert_eq!(entered(&["a", "c"]), Ok(vec![3, 1]));
    let text = "operator 'nope' does not exist: {\"operator_id\":\"file_input\"}";
    assert_eq!(entered(&["nope"]), Err(text.to_owned()));
}

#[test]
fn expressions_of_the_receiver_that_do_not_compile_are_refused() {
    let attributes = [("fine", "EXPR(body)"), ("k.v", "EXPR(()")];
    let attributes = attributes.map(|(key, text)| (key.to_owned(), text.to_owned()));
    let mut found = Problems::default();
    let options = Options::new(&attributes.into(), &BTreeMap::new(), Body::Text, &mut found);
    assert!(options.is_none());
    let fault = &found.faults()[0];
    assert_eq!(fault.place, ["attributes".into(), "k.v".into()]);
    let want = "compile embedded expression: unexpected token EOF (1:1)\n | (\n | ^: {\"operator_id\":\"file_input\"}";
    assert_eq!(fault.text, want);
}
