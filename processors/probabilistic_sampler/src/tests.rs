use component::Signal;
use componenttest::{plan, through};
use serde_json::{Value as Json, json};

use crate::ProbabilisticSampler;

componenttest::conformance!(processor ProbabilisticSampler, "{sampling_percentage: 100}");

const ID: &str = "3c6ef372fe94f82a8daa51968c976818";

/// What becomes of a span: its trace state, or that it is dropped.
async fn span(section: &str, id: &str, state: &str, attributes: Json) -> Option<String> {
    let span = json!({"traceId": id, "traceState": state, "attributes": attributes});
    let request = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]});
    let text = through::<ProbabilisticSampler>(section, Signal::Traces, &request).await.to_string();
    if text == "null" {
        return None;
    }
    let state = text.split_once("\"traceState\":\"").map(|it| it.1);
    Some(state.and_then(|it| it.split('"').next()).unwrap_or_default().to_owned())
}

/// What becomes of a log record: its threshold and randomness, or that it is dropped.
async fn log(section: &str, id: &str, attributes: Json) -> Option<[String; 2]> {
    let record = json!({"traceId": id, "attributes": attributes});
    let request = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]});
    let text = through::<ProbabilisticSampler>(section, Signal::Logs, &request).await.to_string();
    if text == "null" {
        return None;
    }
    Some(["sampling.threshold", "sampling.randomness"].map(|key| {
        let rest = text.split_once(&format!("\"{key}\"")).map(|it| it.1).unwrap_or_default();
        let value = rest.split_once("\"stringValue\":\"").map(|it| it.1).unwrap_or_default();
        value.split('"').next().unwrap_or_default().to_owned()
    }))
}

fn text(key: &str, value: &str) -> Json {
    json!({"key": key, "value": {"stringValue": value}})
}

fn number(key: &str, value: i64) -> Json {
    json!({"key": key, "value": {"intValue": value.to_string()}})
}

#[tokio::test]
async fn consistent_modes_go_by_the_trace_id_and_write_the_threshold() {
    let proportional = "{sampling_percentage: 40, mode: proportional}";
    let equalizing = "{sampling_percentage: 25, mode: equalizing}";
    // The last seven bytes are aa51968c976818.
    for (section, state, want) in [
        (proportional, "", Some("ot=th:999a")),
        (proportional, "x=1", Some("ot=th:999a,x=1")),
        // Half of it came in, and a fifth is more than this randomness allows.
        (proportional, "ot=th:8", None),
        (proportional, "ot=rv:ffffffffffffff;th:8", Some("ot=rv:ffffffffffffff;th:cccd")),
        (equalizing, "", None),
        (equalizing, "ot=rv:c0000000000000", Some("ot=rv:c0000000000000;th:c")),
        (equalizing, "ot=rv:d0000000000000;th:cc;p:1", Some("ot=rv:d0000000000000;th:cc;p:1")),
        // The span contradicts its threshold.
        (proportional, "ot=th:f", None),
        (
            "{sampling_percentage: 40, mode: proportional, fail_closed: false}",
            "ot=th:f",
            Some("ot=th:0"),
        ),
        (
            "{sampling_percentage: 40, mode: proportional, fail_closed: false}",
            "broken",
            Some("broken"),
        ),
    ] {
        let got = span(section, ID, state, json!([])).await;
        assert_eq!(got.as_deref(), want, "{section} {state}");
    }
}

#[tokio::test]
async fn hashes_are_those_of_upstream() {
    let section =
        "{sampling_percentage: 30, attribute_source: record, from_attribute: id, hash_seed: 3}";
    let kept = |it: [&str; 2]| Some(it.map(str::to_owned));
    let got = log(section, "", json!([text("id", "user-0")])).await;
    assert_eq!(got, kept(["b334", "d2ec31c4720b44"]));
    let got = log(section, ID, json!([text("id", "user-1")])).await;
    assert_eq!(got, kept(["b334", "cca03204820cd7"]));
    // Nothing decides, or a number that is given.
    assert_eq!(log(section, ID, json!([])).await, None);
    let given = json!([text("id", "user-0"), text("sampling.randomness", "ffffffffffffff")]);
    assert_eq!(log(section, "", given).await, None);
    let open = "{sampling_percentage: 10, fail_closed: false}";
    assert_eq!(log(open, "", json!([])).await, kept(["0", ""]));
}

#[tokio::test]
async fn nothing_and_everything_are_percentages() {
    assert_eq!(span("{}", ID, "", json!([])).await, None);
    let all = span("{sampling_percentage: 100}", ID, "", json!([])).await.unwrap();
    assert!(all.starts_with("ot=rv:") && all.ends_with(";th:0"), "{all}");
}

#[tokio::test]
async fn an_attribute_has_the_last_word() {
    let never = "{sampling_percentage: 0}";
    let all = "{sampling_percentage: 100, mode: proportional}";
    let priority = |it: i64| json!([number("sampling.priority", it)]);
    assert_eq!(span(never, ID, "", priority(1)).await.as_deref(), Some("ot=th:0"));
    assert_eq!(span(all, ID, "", priority(0)).await, None);
    assert_eq!(span(all, ID, "", priority(-1)).await.as_deref(), Some("ot=th:0"));
    let words = json!([text("sampling.priority", "2.5")]);
    assert_eq!(span(never, ID, "", words).await.as_deref(), Some("ot=th:0"));

    let section = "{sampling_percentage: 0, sampling_priority: prio}";
    let got = log(section, ID, json!([number("prio", 100)])).await;
    assert_eq!(got.map(|it| it[0].clone()).as_deref(), Some("0"));
    assert_eq!(log(section, ID, json!([number("prio", 0)])).await, None);
}

#[test]
fn sections_that_make_no_sense_are_refused() {
    for (section, want) in [
        ("{sampling_percentage: -1}", "sampling rate is negative: -1.000000%"),
        ("{sampling_precision: 0}", "invalid sampling precision: 0"),
        ("{sampling_precision: 15}", "sampling precision is too great, should be <= 14: 15"),
        ("{mode: dice}", "'mode' unsupported sampler mode \"dice\""),
        ("{attribute_source: x}", "invalid attribute source: x. Expected: traceID or record"),
    ] {
        let found = plan::<ProbabilisticSampler>(section, Signal::Logs).err().unwrap_or_default();
        assert!(found.iter().any(|it| it.contains(want)), "{section}: {found:?}");
    }
}
