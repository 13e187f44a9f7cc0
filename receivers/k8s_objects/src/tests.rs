use component::Data;
use componenttest::{Answer, Sink, TestHost, problems, settings};
use kube::{Change, Happened, Resource, Served};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::record::Shape;

const FOLDER: &str = env!("CARGO_MANIFEST_DIR");
type Subject = componenttest::conformance::receiver<K8sObjects>;
const SECTION: &str = "objects: [{name: pods}]";

// The start needs a cluster: `tests/e2e/kube_objects.rs`.
#[test]
fn it_is_as_all_components() {
    componenttest::conformance::check_type::<Subject>(FOLDER);
    componenttest::conformance::check_readme::<Subject>(FOLDER);
    componenttest::conformance::check_defaults::<Subject>(SECTION);
    componenttest::conformance::check_unknown_key::<Subject>(SECTION);
    componenttest::conformance::check_create::<Subject>(SECTION);
}

/// All that is wrong with a section.
fn wrong(section: &str) -> String {
    match component::config::check::<Config>(&componenttest::section(section)) {
        Err(faults) => format!("{faults:?}"),
        Ok((_, found)) => {
            let texts: Vec<&str> = found.faults().iter().map(|it| it.text.as_str()).collect();
            texts.join("; ")
        }
    }
}

#[test]
fn mistakes_are_told_in_the_collectors_words() {
    let check = |section: &str, want: &str| {
        let found = wrong(section);
        assert!(found.contains(want), "{section}: {found}");
    };
    check("objects: [{name: pods, mode: invalid_mode}]", "invalid mode: invalid_mode");
    check(
        "objects: [{name: pods, mode: pull, exclude_watch_type: [ADDED]}]",
        "the Exclude config can only be used with watch mode",
    );
    check(
        "{error_mode: invalid, objects: [{name: pods}]}",
        "invalid error_mode \"invalid\": must be one of 'propagate', 'ignore', or 'silent'",
    );
    check("objects: [{name: pods, exclude_namespaces: [{}]}]", "specify either");
    check("objects: [{name: pods, exclude_namespaces: [{regexp: '('}]}]", "missing closing )");
    check("auth_type: password", "invalid authType for kubernetes: password");
}

#[test]
fn sections_of_the_field_are_accepted() {
    for section in [
        "{auth_type: serviceAccount, objects: [{name: pods, mode: pull, label_selector: 'environment in (production),tier in (frontend)', \
         field_selector: status.phase=Running, interval: 15m}, {name: events, mode: watch, group: events.k8s.io, namespaces: [default]}]}",
        "objects: [{name: events, mode: watch, group: events.k8s.io, exclude_watch_type: [DELETED]}]",
        "{include_initial_state: true, error_mode: ignore, objects: [{name: nodes, mode: watch, resource_version: '1'}]}",
        "{storage: file_storage, k8s_leader_elector: k8s_leader_elector, objects: [{name: pods, mode: watch, persist_resource_version: true, \
         exclude_namespaces: [{strict: kube-system}, {regexp: '^test-'}]}]}",
    ] {
        assert_eq!(problems::<Config>(section), [""; 0], "{section}");
    }
}

fn happened(change: Change, json: &Json) -> Happened {
    Happened { change, object: json.to_string().into_bytes().into(), of: None }
}

/// Records as JSON, without the time.
fn shown(data: Option<Data>) -> Json {
    let Some(Data::Logs(logs)) = data else { return Json::Null };
    let mut out = Vec::new();
    logs.to_json(&mut out);
    let mut json: Json = serde_json::from_slice(&out).unwrap();
    for resource in json["resourceLogs"].as_array_mut().unwrap() {
        for record in resource["scopeLogs"][0]["logRecords"].as_array_mut().unwrap() {
            assert!(record.as_object_mut().unwrap().remove("observedTimeUnixNano").is_some());
        }
    }
    json
}

fn text(key: &str, value: &str) -> Json {
    json!({"key": key, "value": {"stringValue": value}})
}

#[test]
fn a_change_is_a_record_with_its_type_and_the_object() {
    let object = json!({"kind": "Event", "apiVersion": "v1", "metadata": {"name": "e1", "namespace": "shop"},
        "count": 3, "ratio": 0.5, "list": [true, null]});
    let shape = Shape { plural: "events", watched: true, version: "1.2" };
    let got = shown(shape.records(&[happened(Change::Modified, &object)], |_, _| true));
    let body = json!({"kvlistValue": {"values": [
        text("type", "MODIFIED"),
        {"key": "object", "value": {"kvlistValue": {"values": [
            text("kind", "Event"), text("apiVersion", "v1"),
            {"key": "metadata", "value": {"kvlistValue": {"values": [text("name", "e1"), text("namespace", "shop")]}}},
            {"key": "count", "value": {"intValue": "3"}},
            {"key": "ratio", "value": {"doubleValue": 0.5}},
            {"key": "list", "value": {"arrayValue": {"values": [{"boolValue": true}, {}]}}},
        ]}}},
    ]}});
    let want = json!({"resourceLogs": [{
        "resource": {"attributes": [text("k8s.namespace.name", "shop")]},
        "scopeLogs": [{
            "scope": {"name": "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/k8sobjectsreceiver", "version": "1.2"},
            "logRecords": [{
                "body": body,
                "attributes": [text("k8s.resource.name", "events"), text("event.domain", "k8s"), text("event.name", "e1")],
            }],
        }],
    }]});
    assert_eq!(got, want);
}

#[test]
fn objects_of_a_list_stand_by_their_namespaces_and_say_their_kind() {
    let of = std::sync::Arc::new(("Pod".to_owned(), "v1".to_owned()));
    let pod = |name: &str, namespace: &str| {
        let json = json!({"metadata": {"name": name, "namespace": namespace}});
        Happened { of: Some(std::sync::Arc::clone(&of)), ..happened(Change::Added, &json) }
    };
    let shape = Shape { plural: "pods", watched: false, version: "" };
    let pods = [pod("a", "x"), pod("b", "y"), pod("c", "x")];
    let got = shown(shape.records(&pods, |_, _| true));
    let groups = got["resourceLogs"].as_array().unwrap();
    let counts: Vec<usize> = groups
        .iter()
        .map(|it| it["scopeLogs"][0]["logRecords"].as_array().unwrap().len())
        .collect();
    assert_eq!(counts, [2, 1]);
    let record = &groups[1]["scopeLogs"][0]["logRecords"][0];
    assert_eq!(record["attributes"], json!([text("k8s.resource.name", "pods")]));
    assert_eq!(record["body"]["kvlistValue"]["values"][0], text("kind", "Pod"));
    assert_eq!(record["body"]["kvlistValue"]["values"][1], text("apiVersion", "v1"));
    assert_eq!(shown(shape.records(&pods, |_, namespace| namespace == "z")), Json::Null);
}

#[test]
fn the_group_chooses_between_kinds_of_one_name() {
    let served = |group: &'static str, plural: &'static str| Served {
        resource: Resource::of(group, plural, true),
        verbs: Vec::new(),
    };
    let kinds = [served("", "events"), served("", "pods"), served("events.k8s.io", "events")];
    let config = |section: &str| componenttest::config::<Config>(section);
    let chosen = |section: &str| source::choose(&config(section), &kinds).map(|it| it.len());
    assert_eq!(
        chosen("objects: [{name: events, group: events.k8s.io, namespaces: [a, b]}, {name: pods}]")
            .unwrap(),
        3
    );
    let error = chosen("objects: [{name: podz}]").unwrap_err().to_string();
    assert_eq!(
        error,
        "resource not found: podz. Available resources in cluster: [events pods events]"
    );
    assert_eq!(chosen("{error_mode: silent, objects: [{name: podz}, {name: pods}]}").unwrap(), 1);
    let error = chosen("{error_mode: ignore, objects: [{name: podz}]}").unwrap_err().to_string();
    assert_eq!(error, "no valid Kubernetes objects found to watch");
}

/// A server that has pods, one list of them, and then one change.
async fn server() -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    componenttest::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(socket.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            let path = head.split(' ').nth(1).unwrap().to_owned();
            if path.contains("watch=1") {
                let since = path.rsplit('=').next().unwrap().parse::<u64>().unwrap();
                let line = json!({"type": "ADDED", "object": {"metadata": {"name": "new", "resourceVersion": "8"}}});
                let line = if since < 8 { format!("{line}\n") } else { String::new() };
                let head =
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
                socket.write_all(head.as_bytes()).await.unwrap();
                if !line.is_empty() {
                    let chunk = format!("{:x}\r\n{line}\r\n", line.len());
                    socket.write_all(chunk.as_bytes()).await.unwrap();
                }
                componenttest::spawn(async move {
                    let _ = socket.read_u8().await;
                });
                continue;
            }
            let body = match path.as_str() {
                "/api/v1" => json!({"resources": [{"name": "pods", "namespaced": true}]}),
                "/apis" => json!({"groups": []}),
                _ => {
                    json!({"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "7"},
                    "items": [{"metadata": {"name": "old", "resourceVersion": "5"}}]})
                }
            };
            let body = body.to_string();
            let text = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            socket.write_all(text.as_bytes()).await.unwrap();
        }
    });
    Client::plain(&format!("http://{address}")).unwrap()
}

/// Runs the receiver's work until `items` have arrived; where watches have come to then.
async fn run(client: &Client, section: &str, sink: &Sink, items: usize, before: &Positions) {
    let receiver = K8sObjects::create(
        settings("k8s_objects"),
        componenttest::config(section),
        sink.outputs(&["logs"]),
    );
    let host = TestHost::new();
    let receiver = Arc::new(receiver.unwrap());
    let work = Work { receiver, client: client.clone(), stopping: host.stopping().clone() };
    let arrived = async {
        while sink.items() < items {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        host.stopping().cancel();
    };
    let all = async { tokio::join!(work.run(None, before, None), arrived) };
    let ended = tokio::time::timeout(Duration::from_secs(30), all).await;
    ended.expect("it arrives and ends in time").0.unwrap();
}

#[tokio::test]
async fn a_successor_goes_on_where_the_one_before_was() {
    let client = server().await;
    let (sink, positions) = (Sink::new(), Positions::default());
    let section = "{include_initial_state: true, objects: [{name: pods, mode: watch}]}";
    run(&client, section, &sink, 2, &positions).await;
    assert_eq!(positions.get("latestResourceVersion/pods").as_deref(), Some("8"));
    let later = Sink::new();
    run(&client, section, &later, 0, &positions).await;
    assert_eq!((sink.items(), later.items()), (2, 0));
}

#[tokio::test]
async fn what_the_pipelines_do_not_take_is_told_again_and_not_passed_over() {
    let client = server().await;
    let (sink, positions) = (Sink::new(), Positions::default());
    sink.script([Answer::retryable("busy")]);
    run(&client, "objects: [{name: pods, mode: watch}]", &sink, 1, &positions).await;
    assert_eq!(sink.items(), 1);
    assert_eq!(positions.get("latestResourceVersion/pods").as_deref(), Some("8"));
}
