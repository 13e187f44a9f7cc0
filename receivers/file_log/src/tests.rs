//! Behaviour on real files.

use std::sync::Arc;
use std::time::Duration;

use component::{Component, Data, Outputs, Receiver};
use componenttest::{Sink, TestHost, planned, settings};
use pdata::ValueRef;

use crate::{FileLog, Plan};

mod keys;

componenttest::conformance!(receiver FileLog, "{include: [/nowhere/*.log]}");

fn create(section: &str, sink: &Sink) -> Result<FileLog, String> {
    let out = Outputs::new(vec![("logs".parse().unwrap(), sink.next())]);
    let (plan, found) = planned::<Plan>(section);
    if let Some(first) = found.faults().first() {
        return Err(first.text.clone());
    }
    let plan = plan.ok_or("nothing is wrong, but there is no plan")?;
    FileLog::create(settings("file_log"), plan, out).map_err(|e| e.to_string())
}

/// All bodies that have arrived.
fn bodies(sink: &Sink) -> Vec<String> {
    let mut all = Vec::new();
    for data in sink.received() {
        let Data::Logs(logs) = data else { continue };
        for record in logs.resources().flat_map(pdata::ResourceLogs::records) {
            if let Some(ValueRef::Str(text)) = record.body() {
                all.push(text.to_owned());
            }
        }
    }
    all
}

#[tokio::test]
async fn lines_of_cri_files_arrive_with_partial_ones_joined() {
    let folder = tempfile::tempdir().unwrap();
    let pod = folder.path().join("shop_cart-0_49cc7c1fd3702c40b2686ea7486091d3/app");
    std::fs::create_dir_all(&pod).unwrap();
    let lines = "2026-11-23T06:18:46.5Z stdout F one\n2026-11-23T06:18:46.6Z stdout P tw\n\
        2026-11-23T06:18:46.7Z stdout F o\n";
    std::fs::write(pod.join("0.log"), lines).unwrap();
    let (sink, host) = (Sink::new(), TestHost::new());
    let section = format!(
        "{{include: ['{}/*/*/*.log'], start_at: beginning, include_file_path: true, operators: [{{type: container}}]}}",
        folder.path().display()
    );
    Arc::new(create(&section, &sink).unwrap()).start(&host).await.unwrap();
    let arrived = async {
        while bodies(&sink).len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), arrived).await.unwrap();
    assert_eq!(bodies(&sink), ["one", "two"]);
    host.stop().await;
}

#[test]
fn a_container_without_the_path_of_its_file_is_warned_of() {
    let warnings = |more: &str| {
        let text = format!("{{include: [/nowhere], {more}}}");
        let (_, found) = planned::<Plan>(&text);
        found.warnings().iter().filter(|it| it.0 == component::config::Caution::NoEffect).count()
    };
    assert_eq!(warnings("operators: [{type: container}]"), 1);
    assert_eq!(warnings("include_file_path: true, operators: [{type: container}]"), 0);
    let without = "operators: [{type: container, add_metadata_from_filepath: false}]";
    assert_eq!(warnings(without), 0);
}

#[test]
fn mistakes_have_the_collectors_texts() {
    let sink = Sink::new();
    let cases = [
        ("{}", "'include' must be specified"),
        ("{include: [x], start_at: middle}", "invalid start_at location 'middle'"),
        ("{include: [x], fingerprint_size: 5}", "'fingerprint_size' must be at least 16 bytes"),
        ("{include: ['/x/[']}", "include: parse glob: syntax error in pattern"),
        (
            "{include: [x], header: {pattern: '^#'}}",
            "'header' cannot be specified with 'start_at: end'",
        ),
        (
            "{include: [x], start_at: beginning, header: {pattern: '^#'}}",
            "invalid config for 'header': at least one operator must be specified for `metadata_operators`",
        ),
        (
            "{include: [x], start_at: beginning, header: {pattern: '^#', metadata_operators: [{type: filter, expr: 'true'}]}}",
            "invalid config for 'header': operator of type filter is not allowed in `metadata_operators`",
        ),
        (
            "{include: [x], ordering_criteria: {sort_by: [{sort_type: numeric, regex_key: n}]}}",
            "'regex' must be specified when 'sort_by' is specified",
        ),
        (
            "{include: [x], ordering_criteria: {regex: x, sort_by: [{sort_type: numeric}]}}",
            "numeric sort: regex key must be specified",
        ),
        (
            "{include: [x], ordering_criteria: {regex: x, sort_by: [{sort_type: timestamp, regex_key: n}]}}",
            "timestamp sort: layout must be specified",
        ),
        (
            "{include: [x], ordering_criteria: {group_by: 'x('}}",
            "compile group_by regex: error parsing regexp: missing closing ): `x(`",
        ),
        (
            "{include: [x], multiline: {line_start_pattern: 'x('}}",
            "compile line start regex: error parsing regexp: missing closing ): `(?m)x(`",
        ),
        (
            "{include: [x], ordering_criteria: {regex: x, sort_by: [{sort_type: timestamp, regex_key: n, layout: '%Y', location: Nowhere}]}}",
            "timestamp sort: load location UTC: failed to load location Nowhere: unknown time zone Nowhere",
        ),
        (
            "{include: [x], attributes: {a: 'EXPR(()'}}",
            "compile embedded expression: unexpected token EOF (1:1)\n | (\n | ^: {\"operator_id\":\"file_input\"}",
        ),
        (
            "{include: [x], output: [nowhere]}",
            "operator 'nowhere' does not exist: {\"operator_id\":\"file_input\"}",
        ),
        (
            "{include: [x], encoding: Nop, multiline: {line_end_pattern: x}}",
            "line_end_pattern should not be set when using nop encoding",
        ),
        (
            "{include: [x], ordering_criteria: {regex: x, sort_by: [{sort_type: size, regex_key: n}]}}",
            "'sort_type' must be specified",
        ),
        (
            "{include: [x], ordering_criteria: {regex: x, top_n: -1, sort_by: [{sort_type: numeric, regex_key: n}]}}",
            "'top_n' must be a positive integer",
        ),
    ];
    for (section, want) in cases {
        assert_eq!(create(section, &sink).err().as_deref(), Some(want), "{section}");
    }
}
