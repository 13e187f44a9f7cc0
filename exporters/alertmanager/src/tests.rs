use std::sync::Arc;

use component::{Component as _, Consumer as _, Context, Exporter as _, Signal};
use componenttest::{
    HttpServer, Reply, TestHost, alert_logs, config, exporter_settings, logs, problems,
};
use serde_json::json;

use super::*;

componenttest::conformance!(exporter Alertmanager, "endpoint: 'http://127.0.0.1:1'");

#[test]
fn the_example_of_all_keys_is_valid() {
    let _: Config = config(include_str!("../testdata/config.yaml"));
}

async fn running(keys: &str) -> (Arc<Alertmanager>, HttpServer, TestHost) {
    let (server, host) = (HttpServer::start(), TestHost::new());
    let section = format!("endpoint: '{}'\n{keys}", server.url("/"));
    let settings = exporter_settings("alertmanager", Signal::Logs);
    let exporter = Arc::new(Alertmanager::create(settings, config(&section)).unwrap());
    Arc::clone(&exporter).start(&host).await.unwrap();
    (exporter, server, host)
}

#[tokio::test]
async fn alerts_of_a_payload_are_one_request_in_alertmanagers_form() {
    let (exporter, server, _host) = running("generator_url: 'http://sluice:4318'").await;
    exporter.consume(&Context::default(), alert_logs(&["alice", "bob"])).await.unwrap();
    exporter.consume(&Context::default(), logs(2)).await.unwrap();
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].line, "POST /api/v2/alerts HTTP/1.1");
    let body = requests[0].json();
    assert_eq!(body.as_array().unwrap().len(), 2);
    let want = json!({
        "labels": {"alertname": "brute force", "severity": "critical", "key": "alice", "service": "identity-service", "team": "security"},
        "annotations": {
            "summary": "Somebody guesses", "TraceID": "5b8aa5a2d2c872e8321cf37308d69df2", "SpanID": "5fb397be34d26b51",
            "window_brute_force": "6", "evidence_client_address": "203.0.113.9", "pipeline": "logs",
        },
        "generatorURL": "http://sluice:4318",
        "startsAt": "2024-06-10T06:13:20Z",
        "endsAt": "2024-06-10T06:28:20Z",
    });
    assert_eq!(body[0], want);
}

#[tokio::test]
async fn what_alertmanager_does_not_want_is_told_and_what_may_pass_is_tried_again() {
    let (exporter, server, _host) = running("").await;
    server.script([
        Reply::new("500 Internal Server Error", ""),
        Reply::new("400 Bad Request", "bad"),
    ]);
    let payload = alert_logs(&["alice"]);
    let error = exporter.consume(&Context::default(), payload.clone()).await.unwrap_err();
    assert!(!error.is_permanent());
    let error = exporter.consume(&Context::default(), payload.clone()).await.unwrap_err();
    assert!(error.is_permanent());
    exporter.consume(&Context::default(), payload).await.unwrap();
    assert_eq!(server.requests().len(), 2, "what was refused is not sent again");
}

#[test]
fn mistakes_are_told_at_their_key() {
    assert_eq!(problems::<Config>("")[0], "endpoint must be non-empty");
    let old = problems::<Config>("{endpoint: 'http://localhost:9093', api_version: v1}");
    assert!(old[0].contains("only v2"), "{old:?}");
}
