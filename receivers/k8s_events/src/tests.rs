use component::Data;
use componenttest::{problems, settings};
use kube::{Change, Happened, Taker as _};
use serde_json::{Value as Json, json};

use super::*;

const FOLDER: &str = env!("CARGO_MANIFEST_DIR");
type Subject = componenttest::conformance::receiver<K8sEvents>;

// The start needs a cluster: `tests/e2e/kube_objects.rs`.
#[test]
fn it_is_as_all_components() {
    componenttest::conformance::check_type::<Subject>(FOLDER);
    componenttest::conformance::check_readme::<Subject>(FOLDER);
    componenttest::conformance::check_defaults::<Subject>("");
    componenttest::conformance::check_unknown_key::<Subject>("");
    componenttest::conformance::check_create::<Subject>("");
}

#[test]
fn sections_of_the_field_are_accepted() {
    for section in [
        "{auth_type: serviceAccount, namespaces: [default, my_namespace]}",
        "{auth_type: kubeConfig, k8s_leader_elector: k8s_leader_elector/events, storage: file_storage}",
        "dedup_interval: 5m",
        "dedup_interval: -1s",
    ] {
        assert_eq!(problems::<Config>(section), [""; 0], "{section}");
    }
    let section = componenttest::section("auth_type: password");
    let (_, found) = component::config::check::<Config>(&section).unwrap();
    assert_eq!(found.faults()[0].text, "invalid authType for kubernetes: password");
}

fn event() -> Json {
    json!({
        "kind": "Event", "apiVersion": "v1",
        "metadata": {"name": "web.17", "namespace": "shop", "uid": "u1", "creationTimestamp": "2023-01-01T00:00:00Z"},
        "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "web", "uid": "p1", "apiVersion": "v1",
            "resourceVersion": "4", "fieldPath": "spec.containers{web}"},
        "reason": "Started", "message": "Started container web", "source": {"component": "kubelet", "host": "node-1"},
        "firstTimestamp": "2023-01-01T00:00:01Z", "lastTimestamp": "2023-01-01T00:00:02Z", "count": 2, "type": "Normal",
        "eventTime": null, "action": "Start", "reportingComponent": "kubelet", "reportingInstance": "node-1",
    })
}

/// The event with other values at the top.
fn event_with(changes: Json) -> Json {
    let mut event = event();
    let Json::Object(changes) = changes else { panic!("an object") };
    event.as_object_mut().unwrap().extend(changes);
    event
}

fn happened(change: Change, json: &Json) -> Happened {
    Happened { change, object: json.to_string().into_bytes().into(), of: None }
}

/// What comes of changes: records as JSON.
async fn told(since: &str, interval: &str, changes: Vec<Happened>) -> Vec<Json> {
    let sink = componenttest::Sink::new();
    let settings = settings("k8s_events");
    let delivery = Delivery::of_logs(&settings, sink.outputs(&["logs"]));
    let config: Config = componenttest::config(&format!("dedup_interval: {interval}"));
    let taker = Records {
        key: String::new(),
        since: u64::try_from(golang::time::rfc3339(since).unwrap()).unwrap(),
        throttle: Throttle::new(config.dedup_interval),
        positions: &Positions::default(),
        delivery: &delivery,
        version: "1.2",
        stopping: &CancellationToken::new(),
    };
    for it in changes {
        assert!(taker.take(vec![it]).await);
    }
    let all = sink.received().into_iter().map(|data| {
        let Data::Logs(logs) = data else { panic!("log records") };
        let mut out = Vec::new();
        logs.to_json(&mut out);
        let json: Json = serde_json::from_slice(&out).unwrap();
        json["resourceLogs"][0].clone()
    });
    all.collect()
}

const LONG_AGO: &str = "2000-01-01T00:00:00Z";

fn text(key: &str, value: &str) -> Json {
    json!({"key": key, "value": {"stringValue": value}})
}

#[tokio::test]
async fn an_event_is_a_record_with_its_object_as_the_resource() {
    let got = told(LONG_AGO, "0s", vec![happened(Change::Added, &event())]).await;
    let want = json!({
        "resource": {"attributes": [
            text("k8s.node.name", "node-1"), text("k8s.object.kind", "Pod"), text("k8s.object.name", "web"),
            text("k8s.object.uid", "p1"), text("k8s.object.fieldpath", "spec.containers{web}"),
            text("k8s.object.api_version", "v1"), text("k8s.object.resource_version", "4"),
        ]},
        "scopeLogs": [{
            "scope": {"name": "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/k8seventsreceiver", "version": "1.2"},
            "logRecords": [{
                "timeUnixNano": "1672531202000000000",
                "severityNumber": 9, "severityText": "Normal", "body": {"stringValue": "Started container web"},
                "attributes": [
                    text("k8s.event.reason", "Started"), text("k8s.event.action", "Start"),
                    text("k8s.event.start_time", "2023-01-01 00:00:00 +0000 UTC"),
                    text("k8s.event.name", "web.17"), text("k8s.event.uid", "u1"), text("k8s.namespace.name", "shop"),
                    text("k8s.event.reporting_controller", "kubelet"), text("k8s.event.reporting_instance", "node-1"),
                    {"key": "k8s.event.count", "value": {"intValue": "2"}},
                ],
            }],
        }],
    });
    assert_eq!(got, [want]);
}

#[tokio::test]
async fn the_severity_is_that_of_the_type_and_the_time_the_first_that_is_set() {
    let record = |json: &Json| json["scopeLogs"][0]["logRecords"][0].clone();
    for (kind, number) in [("Warning", 13), ("Error", 17), ("Critical", 21)] {
        let event =
            event_with(json!({"type": kind, "eventTime": "2023-01-01T00:00:03.5Z", "count": 0}));
        let got = record(&told(LONG_AGO, "0s", vec![happened(Change::Added, &event)]).await[0]);
        assert_eq!((&got["severityNumber"], &got["severityText"]), (&json!(number), &json!(kind)));
        assert_eq!(got["timeUnixNano"], "1672531203500000000");
        assert_eq!(got["attributes"].as_array().unwrap().len(), 8, "no count");
    }
    let event = event_with(json!({"type": "Strange", "lastTimestamp": null, "source": null}));
    let got = record(&told(LONG_AGO, "0s", vec![happened(Change::Added, &event)]).await[0]);
    assert_eq!(
        (&got["severityNumber"], &got["timeUnixNano"]),
        (&Json::Null, &json!("1672531201000000000"))
    );
}

#[tokio::test]
async fn old_events_and_deletions_and_what_is_no_event_are_not_told() {
    let told = told(
        "2023-01-01T00:00:02Z",
        "0s",
        vec![
            happened(Change::Added, &event_with(json!({"lastTimestamp": "2023-01-01T00:00:01Z"}))),
            happened(Change::Deleted, &event()),
            happened(Change::Added, &json!({"count": "many"})),
            happened(Change::Added, &event()),
            happened(
                Change::Modified,
                &event_with(json!({"lastTimestamp": null,
            "series": {"lastObservedTime": "2023-01-01T00:00:04Z"}})),
            ),
        ],
    );
    assert_eq!(told.await.len(), 2);
}

#[tokio::test]
async fn repetitions_are_held_back_as_asked() {
    let other = event_with(json!({"metadata": {"uid": "u2"}}));
    let changes = || {
        vec![
            happened(Change::Added, &event()),
            happened(Change::Modified, &event()),
            happened(Change::Modified, &event()),
            happened(Change::Modified, &other),
        ]
    };
    assert_eq!(told(LONG_AGO, "0s", changes()).await.len(), 4);
    assert_eq!(told(LONG_AGO, "1h", changes()).await.len(), 2);
    assert_eq!(told(LONG_AGO, "-1s", changes()).await.len(), 1);
    assert_eq!(told(LONG_AGO, "1ns", changes()).await.len(), 4);
}
