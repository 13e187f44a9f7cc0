use component::{Consumer as _, Context, Data, Signal};
use componenttest::{Sink, plan, problems, processor, processor_settings};
use pdata::Limits;
use serde_json::{Value as Json, json};

use crate::{Config, Resource};

componenttest::conformance!(
    processor Resource,
    "{attributes: [{key: zone, value: z1, action: upsert}]}"
);

/// What comes out of `section` for `request`, an OTLP/JSON request of `signal`.
async fn through(section: &str, signal: Signal, request: &Json) -> Json {
    let sink = Sink::new();
    let settings = processor_settings("resource", signal);
    let it = processor::<Resource>(settings, section, sink.next());
    let text = request.to_string();
    let data = Data::from_json(signal, text.as_bytes(), &Limits::default()).unwrap();
    it.consume(&Context::default(), data).await.unwrap();
    let mut text = Vec::new();
    for data in sink.received() {
        data.to_json(&mut text);
    }
    serde_json::from_slice(&text).unwrap()
}

fn requests(attributes: &Json, dropped: bool) -> [(Signal, Json); 3] {
    let resource = |scopes: &str, scope: Json| {
        let mut it = json!({"resource": {"attributes": attributes}, "schemaUrl": "u"});
        it[scopes] = json!([scope]);
        if dropped {
            it["resource"]["droppedAttributesCount"] = json!(2);
        }
        it
    };
    [
        (
            Signal::Logs,
            json!({"resourceLogs": [resource("scopeLogs", json!({"scope": {}, "logRecords": [{"body": {}}]}))]}),
        ),
        (
            Signal::Traces,
            json!({"resourceSpans": [resource("scopeSpans", json!({"scope": {}, "spans": [{"status": {}}]}))]}),
        ),
        (
            Signal::Metrics,
            json!({"resourceMetrics": [resource("scopeMetrics", json!({"scope": {}, "metrics": [{"gauge": {"dataPoints": [{"flags": 1}]}}]}))]}),
        ),
    ]
}

#[tokio::test]
async fn resources_of_all_signals_are_changed_and_nothing_else() {
    let section =
        "{attributes: [{key: env, value: prod, action: insert}, {key: old, action: delete}]}";
    let before = json!([{"key": "old", "value": {"intValue": "1"}}, {"key": "a", "value": {}}]);
    let after =
        json!([{"key": "a", "value": {}}, {"key": "env", "value": {"stringValue": "prod"}}]);
    for ((signal, request), (_, want)) in
        requests(&before, true).into_iter().zip(requests(&after, true))
    {
        assert_eq!(through(section, signal, &request).await, want);
    }
}

#[tokio::test]
async fn a_missing_resource_gets_the_attributes() {
    let request = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [{}]}]}]});
    let section = "{attributes: [{key: env, value: prod, action: upsert}]}";
    let got = through(section, Signal::Logs, &request).await;
    let want = json!([{"key": "env", "value": {"stringValue": "prod"}}]);
    assert_eq!(got["resourceLogs"][0]["resource"]["attributes"], want);
}

#[test]
fn actions_are_required_and_checked() {
    assert_eq!(problems::<Config>("{}"), ["missing required field \"attributes\""]);
    let wrong = plan::<Resource>("{attributes: [{key: a, action: frob}]}", Signal::Logs).err();
    assert!(wrong.unwrap()[0].ends_with("due to unsupported action \"frob\""));
}
