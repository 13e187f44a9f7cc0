//! With a real server: `tests/parts/get-opensearch`.

use componenttest::{Part, ask};

use super::*;

/// How long a request may take: the first one makes an index, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(240);

/// What `GET path` answers with.
async fn get(server: &Part, path: &str) -> Value {
    let answer = ask(server.address(), &format!("GET {path}")).await;
    let body = answer.split_once("\r\n\r\n").expect("a body").1;
    serde_json::from_str(body).unwrap_or_else(|why| panic!("{path}: {why}: {answer}"))
}

/// The documents of an index, in the order of a field.
async fn found(server: &Part, index: &str, by: &str) -> Vec<Value> {
    get(server, &format!("/{index}/_refresh")).await;
    let hits = get(server, &format!("/{index}/_search?size=100&sort={by}")).await;
    let hits = hits["hits"]["hits"].as_array().unwrap_or_else(|| panic!("{hits}")).clone();
    hits.into_iter().map(|mut it| it["_source"].take()).collect()
}

/// Sends, and gives how many items were refused for a reason, if any were.
async fn send(server: &Part, more: &str, data: Data, reason: &str) -> Option<f64> {
    let settings = exporter_settings("opensearch", data.signal());
    let meter = settings.meter.clone();
    let section = format!(
        "{{http: {{endpoint: 'http://{}', compression: gzip, timeout: 240s}}, retry_on_failure: {{initial_interval: 10ms}}, {more}}}",
        server.address()
    );
    let (exporter, host) = started(settings, &section).await;
    let ctx = Context::default();
    let sent = exporter.consume(&ctx, data);
    tokio::time::timeout(PATIENCE, sent).await.expect("an answer").unwrap();
    host.shutdown(&*exporter, LIMIT).await;
    let labels = [("exporter", "opensearch"), ("reason", reason)];
    metric(&meter, "sluice_exporter_refused_items", &labels)
}

fn bodies_of(documents: &[Value]) -> Vec<&str> {
    documents.iter().map(|it| it["body"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_real_server_takes_what_each_mode_writes_and_only_what_does_not_fit_is_refused() {
    let Some(server) = Part::start("opensearch") else { return };
    let at = |second: u64| (1_705_314_600_000_000_000 + second * 1_000_000_000).to_string();
    let clash = [attribute("code.function", "f"), attribute("code.function.name", "g")];
    let number = |value: &Value| json!({"key": "n", "value": value});
    let records = json!([
        {"timeUnixNano": at(1), "body": {"stringValue": "clash"}, "attributes": clash},
        {"timeUnixNano": at(2), "body": {"stringValue": "number"}, "attributes": [number(&json!({"intValue": "1"}))]},
        {"timeUnixNano": at(3), "body": {"stringValue": "bad"}, "attributes": [number(&json!({"stringValue": "one"}))]},
        {"timeUnixNano": at(4), "body": {"stringValue": "last"}, "attributes": [number(&json!({"intValue": "2"}))]},
    ]);
    let logs = data(Signal::Logs, &scope(), &records);
    assert_eq!(send(&server, "", logs, "mapper_parsing_exception").await, Some(1.0));
    let documents = found(&server, "ss4o_logs-default-namespace", "@timestamp").await;
    assert_eq!(bodies_of(&documents), ["clash", "number", "last"]);
    assert_eq!(documents[0]["attributes"]["code.function.value"], "f");

    // The name of the index is made of "Shop".
    let section = "logs_index: 'logs-%{service.name}', logs_index_time_format: yyyy";
    let logs = data(Signal::Logs, &scope(), &record());
    for mode in ["ecs", "flatten_attributes"] {
        let section = format!("{section}, mapping: {{mode: {mode}, dedot: true}}");
        assert_eq!(send(&server, &section, logs.clone(), "unknown").await, None, "{mode}");
    }
    let documents = found(&server, "logs-shop-*", "TraceId.keyword").await;
    assert_eq!(documents.len(), 2);
    assert!(documents.iter().all(|it| it["Body"]["value"] == "hello \"you\""), "{documents:?}");

    let body = json!({"kvlistValue": {"values": [attribute("any", "field")]}});
    let logs = data(Signal::Logs, &scope(), &json!([{"body": body}]));
    let section = "logs_index: bodies, mapping: {mode: bodymap}, bulk_action: index";
    assert_eq!(send(&server, section, logs, "unknown").await, None);
    assert_eq!(found(&server, "bodies", "_doc").await, [json!({"any": "field"})]);

    let spans = json!([
        {"name": "a", "startTimeUnixNano": at(1), "endTimeUnixNano": at(2), "events": [{"timeUnixNano": at(1), "name": "e"}]},
        {"name": "b", "startTimeUnixNano": at(2), "endTimeUnixNano": at(3), "kind": 2},
    ]);
    assert_eq!(send(&server, "", data(Signal::Traces, &scope(), &spans), "unknown").await, None);
    let documents = found(&server, "ss4o_traces-default-namespace", "@timestamp").await;
    let names: Vec<&Value> = documents.iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["a", "b"]);
}
