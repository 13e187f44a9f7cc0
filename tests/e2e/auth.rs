//! Two tenants with passwords of their own, through batches and queues to a backend that keeps them apart by a header.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::support::{Process, SLUICE, eventually, own_address};

/// Tells this test's addresses from those of others.
const ADDRESS: u8 = 117;
const REQUESTS: usize = 60;
/// Passwords, as the header carries them: `ann:pa` and `bob:pb`.
const TENANTS: [(&str, &str, &str); 2] =
    [("blue", "ann", "YW5uOnBh"), ("green", "bob", "Ym9iOnBi")];

/// The status of a push of one record.
fn push(address: &str, headers: &str, body: &str) -> u16 {
    let record = json!({"body": {"stringValue": body}});
    let request = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}).to_string();
    let mut stream = TcpStream::connect(address).unwrap();
    let head = "POST /v1/logs HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nConnection: close\r\n";
    write!(stream, "{head}{headers}Content-Length: {}\r\n\r\n{request}", request.len()).unwrap();
    let mut answer = String::new();
    // Who is refused may be cut off while still sending.
    let _ = stream.read_to_string(&mut answer);
    answer.split(' ').nth(1).and_then(|it| it.parse().ok()).unwrap_or(0)
}

/// Bodies and attributes of all records in a file of OTLP/JSON.
fn records(text: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let mut records = Vec::new();
    for line in text.split_inclusive('\n').filter(|it| it.ends_with('\n')) {
        let request: Value = serde_json::from_str(line).unwrap();
        let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
        let resources = list(&request, "resourceLogs").into_iter();
        let scopes = resources.flat_map(|it| list(&it, "scopeLogs"));
        for record in scopes.flat_map(|it| list(&it, "logRecords")) {
            let text = |it: &Value| it["stringValue"].as_str().unwrap_or_default().to_owned();
            let pair = |it: &Value| (it["key"].as_str().unwrap().to_owned(), text(&it["value"]));
            let attributes = list(&record, "attributes").iter().map(pair).collect();
            records.push((text(&record["body"]), attributes));
        }
    }
    records
}

/// Writes what it gets into a file, with the headers that came with it.
fn backend(host: &str, out: &str) -> String {
    format!(
        "
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: '{host}:4317', include_metadata: true}}
      http: {{endpoint: '{host}:4318', include_metadata: true}}
processors:
  attributes:
    actions:
      - {{key: tenant, from_context: metadata.X-Scope-OrgID, action: insert}}
      - {{key: transport, from_context: metadata.X-Transport, action: insert}}
exporters:
  file: {{path: {out}, flush_interval: 50ms}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines: {{logs: {{receivers: [otlp], processors: [attributes], exporters: [file]}}}}
"
    )
}

/// Lets in those of an htpasswd file, and sends on by both transports.
fn edge(host: &str, htpasswd: &str) -> String {
    let queue =
        "{batch: {flush_timeout: 100ms, min_size: 7, partition: {metadata_keys: [X-Tenant]}}}";
    format!(
        "
receivers:
  otlp:
    protocols:
      http: {{endpoint: '{host}:5318', include_metadata: true, auth: {{authenticator: basic_auth}}}}
processors:
  attributes: {{actions: [{{key: user, from_context: auth.username, action: insert}}]}}
  batch: {{metadata_keys: [X-Tenant], timeout: 100ms, send_batch_size: 10}}
exporters:
  otlp_grpc:
    endpoint: {host}:4317
    tls: {{insecure: true}}
    headers: {{x-transport: grpc}}
    auth: {{authenticator: headers_setter}}
    sending_queue: {queue}
  otlp_http:
    endpoint: http://{host}:4318
    headers: {{x-transport: http}}
    auth: {{authenticator: headers_setter}}
    sending_queue: {queue}
extensions:
  basic_auth: {{htpasswd: {{file: {htpasswd}}}}}
  headers_setter: {{headers: [{{action: upsert, key: X-Scope-OrgID, from_context: x-tenant}}]}}
service:
  telemetry: {{metrics: {{level: none}}}}
  extensions: [basic_auth, headers_setter]
  pipelines:
    logs: {{receivers: [otlp], processors: [attributes, batch], exporters: [otlp_grpc, otlp_http]}}
"
    )
}

#[tokio::test]
async fn no_tenant_gets_the_header_of_another_through_batches_and_queues() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let host = own_address(ADDRESS);
    fs::write(file("htpasswd"), "ann:pa\nbob:pb\n").unwrap();
    let backend = backend(&host, &file("out.json"));
    let edge = edge(&host, &file("htpasswd"));
    let homes = ["edge", "backend"].map(|it| folder.path().join(it));
    homes.iter().for_each(|it| fs::create_dir(it).unwrap());
    let program = std::path::Path::new(SLUICE);
    let mut backend = Process::collector(program, &homes[1], &backend);
    let mut edge = Process::collector(program, &homes[0], &edge);
    let address = format!("{host}:5318");
    backend.ready().await;
    edge.ready().await;

    for (tenant, _, login) in TENANTS {
        let wrong = format!("X-Tenant: {tenant}\r\nAuthorization: Basic {login}eA==\r\n");
        assert_eq!(push(&address, &wrong, "never"), 401);
    }
    for number in 0..REQUESTS {
        let (tenant, _, login) = TENANTS[number % 2];
        let headers = format!("X-Tenant: {tenant}\r\nAuthorization: Basic {login}\r\n");
        assert_eq!(push(&address, &headers, &format!("{tenant} {number}")), 200);
    }

    let out = || records(&fs::read_to_string(file("out.json")).unwrap_or_default());
    let all_there = || out().len() >= 2 * REQUESTS;
    assert!(eventually(all_there).await, "{} of {}\n{}", out().len(), 2 * REQUESTS, edge.output());
    let mut seen = BTreeMap::new();
    for (body, attributes) in out() {
        let (tenant, user, _) = TENANTS.into_iter().find(|it| body.starts_with(it.0)).unwrap();
        let at = |key: &str| attributes.get(key).map(String::as_str);
        assert_eq!((at("tenant"), at("user")), (Some(tenant), Some(user)), "{body}");
        *seen.entry((tenant, at("transport").unwrap().to_owned())).or_insert(0) += 1;
    }
    let want =
        ["blue", "green"].map(|it| ["grpc", "http"].map(|by| ((it, by.to_owned()), REQUESTS / 2)));
    assert_eq!(seen, want.into_iter().flatten().collect());
    edge.kill();
    backend.kill();
}
