//! Statements in the built program, on what a client sends over a real socket.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

use crate::support::{PATIENCE, Process, SLUICE, eventually, own_address};

/// Sends one record for a tenant and returns the first line of the answer.
fn send(address: &str, tenant: &str) -> String {
    let body = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"hello"},"attributes":[
        {"key":"internal.id","value":{"intValue":"7"}},
        {"key":"sizes","value":{"arrayValue":{"values":[{"intValue":"2"},{"intValue":"40"}]}}}]}]}]}]}"#;
    let mut stream = TcpStream::connect((address, 4318)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(
        stream,
        "POST /v1/logs HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nX-Tenant: {tenant}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_read_the_request_and_apply_lambdas() {
    let folder = tempfile::tempdir().unwrap();
    let address = own_address(151);
    let yaml = format!(
        "receivers: {{otlp: {{protocols: {{http: {{endpoint: '{address}:4318', include_metadata: true}}}}}}}}
processors:
  filter:
    logs: {{log_record: ['otelcol.client.metadata[\"x-tenant\"][0] == \"blocked\"']}}
  transform:
    error_mode: propagate
    log_statements:
      - set(log.attributes, Filter(log.attributes, (key, _) => not HasPrefix(key, \"internal.\")))
      - set(log.attributes[\"total\"], Reduce(log.attributes[\"sizes\"], 0, (sum, _, size) => sum + size))
      - set(log.attributes[\"large\"], true) where Any(log.attributes[\"sizes\"], (_, size) => size > 30)
      - set(resource.attributes[\"tenant\"], otelcol.client.metadata[\"X-Tenant\"][0])
      - set(resource.attributes[\"sender\"], otelcol.client.addr)
exporters: {{file: {{path: '{}'}}}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines: {{logs: {{receivers: [otlp], processors: [filter, transform], exporters: [file]}}}}
",
        folder.path().join("out.json").display()
    );
    let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
    sluice.ready().await;
    for tenant in ["blocked", "blue"] {
        assert_eq!(send(&address, tenant), "HTTP/1.1 200 OK", "{}", sluice.output());
    }
    let written = || std::fs::read_to_string(folder.path().join("out.json")).unwrap_or_default();
    assert!(eventually(|| written().ends_with('\n')).await, "{}", sluice.output());
    assert!(sluice.terminate().await.success(), "{}", sluice.output());
    let written: Vec<serde_json::Value> =
        written().lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    let text =
        |key: &str, value: &str| serde_json::json!({"key": key, "value": {"stringValue": value}});
    let sizes = serde_json::json!({"values": [{"intValue": "2"}, {"intValue": "40"}]});
    let [request] = written.as_slice() else { panic!("{written:?}") };
    let resource = &request["resourceLogs"][0];
    assert_eq!(
        resource["resource"]["attributes"],
        serde_json::json!([text("tenant", "blue"), text("sender", "127.0.0.1")])
    );
    assert_eq!(
        resource["scopeLogs"][0]["logRecords"][0]["attributes"],
        serde_json::json!([
            {"key": "sizes", "value": {"arrayValue": sizes}},
            {"key": "total", "value": {"intValue": "42"}},
            {"key": "large", "value": {"boolValue": true}},
        ])
    );
}
