//! The `container` operator beyond upstream's own tests.

use super::*;

const PATH: &str = "/var/log/pods/shop_cart-7d9f_0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0/web/0.log";

fn lines(lines: &[&str]) -> Vec<Value> {
    let mut worker = compile(json!([{ "type": "container" }])).unwrap().worker();
    feed(&mut worker, &file(1, Some(PATH)), lines);
    worker.flush_all();
    records(&worker.take().logs)
}

fn texts(of: &[&str]) -> Vec<String> {
    lines(of).iter().map(|it| it["body"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn d1_d2_an_empty_message_is_a_record_with_an_empty_body() {
    let got = lines(&["2024-04-13T07:59:37Z stdout F ", "2024-04-13T07:59:37Z stdout F"]);
    assert_eq!(got.len(), 2);
    for it in got {
        assert_eq!((&it["body"], &it["attributes"]["logtag"]), (&json!(""), &json!("F")));
    }
}

#[test]
fn d5_d6_docker_keeps_the_newline_and_other_keys() {
    let got = lines(&[
        r#"{"log":"x\n","stream":"stderr","attrs":{"tag":"t"},"time":"2024-04-13T07:59:37.5Z"}"#,
    ]);
    assert_eq!(got[0]["body"], "x\n");
    assert_eq!(got[0]["attributes"]["attrs"], json!({ "tag": "t" }));
    assert_eq!(got[0]["attributes"]["log.iostream"], "stderr");
    assert_eq!(got[0]["time"], 1_712_995_177_500_000_000_u64);
}

#[test]
fn d7_bytes_that_are_no_utf8_are_replaced() {
    let mut worker = compile(json!([{ "type": "container" }])).unwrap().worker();
    let line = b"2024-04-13T07:59:37Z stdout F a\xff\xfeb";
    worker.line(&file(1, Some(PATH)), line, 0..34, None);
    assert_eq!(records(&worker.take().logs)[0]["body"], "a\u{fffd}\u{fffd}b");
}

#[test]
fn d8_a_numeric_offset_of_zero_is_the_same_instant() {
    let got = lines(&["2024-04-13T07:59:37+00:00 stdout F x", "2024-04-13T07:59:37Z stdout F x"]);
    assert_eq!(got[0]["time"], got[1]["time"]);
}

#[test]
fn parts_of_two_streams_are_not_glued_together() {
    let got = texts(&[
        "2024-05-06T07:08:09.1Z stdout P out-1 ",
        "2024-05-06T07:08:09.2Z stderr F err whole",
        "2024-05-06T07:08:09.3Z stdout F out-2",
        "2024-05-06T07:08:09.4Z stdout F after",
    ]);
    assert_eq!(got, ["err whole", "out-1 out-2", "after"]);
}

#[test]
fn only_the_first_tag_tells_whether_a_line_is_complete() {
    let got = texts(&[
        "2024-05-06T07:08:09.1Z stdout F:extra one",
        "2024-05-06T07:08:09.2Z stdout F two",
        "2024-05-06T07:08:09.3Z stdout P:x three ",
        "2024-05-06T07:08:09.4Z stdout F four",
    ]);
    assert_eq!(got, ["one", "two", "three four"]);
}

#[test]
fn a_line_that_grows_too_long_is_cut_after_the_part_that_crossed() {
    let operator = json!([{ "type": "container", "max_log_size": 20 }]);
    let mut worker = compile(operator).unwrap().worker();
    let parts = [
        "2024-05-06T07:08:09.1Z stdout P 0123456789",
        "2024-05-06T07:08:09.2Z stdout P abcdefghij",
        "2024-05-06T07:08:09.3Z stdout P KLMNOPQRST",
        "2024-05-06T07:08:09.4Z stdout P uvwxyz",
        "2024-05-06T07:08:09.5Z stdout F end",
    ];
    feed(&mut worker, &file(1, Some(PATH)), &parts);
    let got = records(&worker.take().logs);
    assert_eq!(got[0]["body"], "0123456789abcdefghijKLMNOPQRST");
    assert_eq!(got[1]["body"], "uvwxyzend");
}

#[test]
fn what_is_no_container_line_goes_on_as_it_is() {
    let got = lines(&["plain words", "2024-05-06 stdout F no zone", "^Z stdout F x"]);
    assert_eq!(got[0]["body"], "plain words");
    assert_eq!(got[0]["attributes"], json!({ "log.file.path": PATH }));
    // The time stamp comes to nothing after the line was taken apart.
    assert_eq!(got[1]["body"], "2024-05-06 stdout F no zone");
    assert_eq!(got[1]["attributes"]["time"], "2024-05-06");
    assert_eq!(got[1]["attributes"]["stream"], "stdout");
    assert_eq!(got[1].get("time"), None);
    assert_eq!(got[2]["body"], "^Z stdout F x");
}

#[test]
fn time_stamps_of_odd_shapes_are_read_as_go_reads_them() {
    // The hour may have one digit in Go's layouts.
    let got = lines(&["2024-05-06T7:08:09Z stdout F x", "2024-05-06T07:08:09,25Z stdout F x"]);
    assert_eq!(got[0]["time"], 1_714_979_289_000_000_000_u64);
    assert_eq!(got[1]["time"], 1_714_979_289_250_000_000_u64);
    let got = lines(&["2024-02-30T07:08:09Z stdout F x", "2024-02-29T25:08:09Z stdout F x"]);
    assert_eq!((got[0].get("time"), got[1].get("time")), (None, None));
}

#[test]
fn a_path_without_pod_leaves_the_resource_empty_and_the_record_parsed() {
    let mut worker = compile(json!([{ "type": "container" }])).unwrap().worker();
    let line = ["2024-05-06T07:08:09.1Z stdout F x"];
    feed(&mut worker, &file(1, Some("/logs/app.log")), &line);
    let got = records(&worker.take().logs);
    assert_eq!((&got[0]["body"], got[0].get("resource")), (&json!("x"), None));
    let dropping = json!([{ "type": "container", "on_error": "drop_quiet" }]);
    assert!(run(dropping, &line).is_empty(), "without a path at all it is an error, too");
}

#[test]
fn a_changed_resource_keeps_its_changes() {
    let operators = json!([
        { "type": "add", "field": "resource.k", "value": "v" },
        { "type": "container" },
    ]);
    let mut worker = compile(operators).unwrap().worker();
    feed(&mut worker, &file(1, Some(PATH)), &["2024-05-06T07:08:09.1Z stdout F x"]);
    let got = records(&worker.take().logs);
    assert_eq!(got[0]["resource"]["k"], "v");
    assert_eq!(got[0]["resource"]["k8s.pod.name"], "cart-7d9f");
}

#[test]
fn blocks_and_other_places_work_as_in_every_parser() {
    let operators = json!([
        { "type": "move", "from": "body", "to": "attributes.raw" },
        {
            "type": "container",
            "parse_from": "attributes.raw",
            "add_metadata_from_filepath": false,
            "severity": { "parse_from": "attributes.stream", "mapping": { "error": "stderr" } },
        },
    ]);
    let got = run(operators, &["2024-05-06T07:08:09.1Z stderr F moved"]);
    assert_eq!((&got[0]["body"], &got[0]["severity"]), (&json!("moved"), &json!(17)));
    assert_eq!(got[0]["attributes"]["raw"], "2024-05-06T07:08:09.1Z stderr F moved");
}
