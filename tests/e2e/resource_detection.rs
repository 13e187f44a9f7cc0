//! Where the program runs, as servers of this file tell it.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use serde_json::{Value as Json, json};

use crate::support::{PATIENCE, Process, SLUICE, eventually, own_address};

/// A metadata server of the Google cloud and one of ECS, on one address.
fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || answer(stream.unwrap()));
        }
    });
    address
}

fn answer(mut stream: TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap();
    let text = match path.trim_start_matches("/computeMetadata/v1/") {
        "project/project-id" => "shop-prod",
        "instance/id" => "4711",
        "instance/name" => "web-1",
        "instance/hostname" => "web-1.internal",
        "instance/zone" => "projects/1/zones/europe-west3-a",
        "instance/machine-type" => "projects/1/machineTypes/n1-standard-1",
        "" | "/" => "ok",
        _ => "",
    };
    let status = if text.is_empty() { "404 Not Found" } else { "200 OK" };
    let text = format!(
        "HTTP/1.1 {status}\r\nMetadata-Flavor: Google\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{text}",
        text.len()
    );
    let _ = stream.write_all(text.as_bytes());
}

fn send(address: &str) {
    let resource = json!({"attributes": [{"key": "host.name", "value": {"stringValue": "sent"}}]});
    let body =
        json!({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [{}]}]}]});
    let body = body.to_string();
    let mut stream = TcpStream::connect((address, 4318)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(
        stream,
        "POST /v1/logs HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_detected_is_on_everything_and_what_was_sent_stays() {
    let (folder, address) = (tempfile::tempdir().unwrap(), own_address(22));
    let out = folder.path().join("out.json");
    let yaml = format!(
        "receivers: {{otlp: {{protocols: {{http: {{endpoint: '{address}:4318'}}}}}}}}
processors:
  resourcedetection: {{detectors: [env, gcp, ecs, system], timeout: 5s, override: false, system: {{hostname_sources: [os]}}}}
  resource_detection/over: {{detectors: [gcp], override: true, gcp: {{resource_attributes: {{cloud.account.id: {{enabled: false}}}}}}}}
exporters: {{file: {{path: '{}'}}}}
service:
  pipelines:
    logs: {{receivers: [otlp], processors: [resourcedetection], exporters: [file]}}
    logs/over: {{receivers: [otlp], processors: [resource_detection/over], exporters: [file]}}
",
        out.display()
    );
    let config = folder.path().join("config.yaml");
    std::fs::write(&config, yaml).unwrap();
    let server = server();
    let environment = [
        ("GCE_METADATA_HOST", server.as_str()),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=prod,os.type=mine"),
    ];
    let arguments = ["--config", config.to_str().unwrap()];
    let mut it = Process::start_with(Path::new(SLUICE), folder.path(), &arguments, &environment);
    it.ready().await;
    send(&address);
    let written = || std::fs::read_to_string(&out).unwrap_or_default();
    assert!(eventually(|| written().lines().count() == 2).await, "{}", it.output());
    let mut resources: Vec<Vec<String>> = written()
        .lines()
        .map(|line| {
            let request: Json = serde_json::from_str(line).unwrap();
            let attributes = request["resourceLogs"][0]["resource"]["attributes"].as_array();
            let pair = |it: &Json| {
                let (key, value) = (&it["key"], &it["value"]["stringValue"]);
                format!("{}={}", key.as_str().unwrap(), value.as_str().unwrap())
            };
            let mut pairs: Vec<String> = attributes.unwrap().iter().map(pair).collect();
            pairs.sort();
            pairs
        })
        .collect();
    resources.sort_by_key(|it| it.contains(&"host.name=sent".to_owned()));
    let common = ["cloud.availability_zone=europe-west3-a", "cloud.platform=gcp_compute_engine"];
    let common = common.into_iter().chain(["cloud.provider=gcp", "cloud.region=europe-west3"]);
    let gcp = ["host.id=4711", "host.type=projects/1/machineTypes/n1-standard-1"];
    let mut over: Vec<&str> = common.clone().chain(gcp).chain(["host.name=web-1"]).collect();
    over.sort_unstable();
    assert_eq!(resources[0], over);
    let own = ["cloud.account.id=shop-prod", "deployment.environment=prod", "os.type=mine"];
    let mut kept: Vec<&str> = common.chain(gcp).chain(own).chain(["host.name=sent"]).collect();
    kept.sort_unstable();
    assert_eq!(resources[1], kept);
    assert!(it.terminate().await.success(), "{}", it.output());
}
