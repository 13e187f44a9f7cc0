//! What applications have: the SDKs of Python, Node and Go send to us, encrypted and with a token, over both transports.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use componenttest::Authority;
use serde_json::Value;

use crate::support::{Process, SLUICE, eventually, own_address, part, repository};

/// Tells this test's addresses from those of others.
const ADDRESS: u8 = 220;
const SPANS: usize = 200;
const TOKEN: &str = "hunter2canary";

/// A program that sends spans as the standard variables say: `PROGRAM [SCRIPT] grpc|http NUMBER`.
struct Sender {
    program: PathBuf,
    script: Option<PathBuf>,
}

impl Sender {
    fn new(part_name: &str, script: Option<&str>) -> Option<Self> {
        let script = script.map(|it| repository().join("tests/e2e/sdk").join(it));
        Some(Self { program: part(part_name)?, script })
    }

    /// Sends; what it says, if that failed.
    fn send(&self, protocol: &str, to: &str, ca: &str, token: &str) -> Result<(), String> {
        let mut command = Command::new(&self.program);
        // Libraries of Python would trust these authorities instead of the one that is named.
        for name in ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"] {
            command.env_remove(name);
        }
        let sent = command
            .args(&self.script)
            .args([protocol, &SPANS.to_string()])
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", to)
            .env("OTEL_EXPORTER_OTLP_CERTIFICATE", ca)
            .env("OTEL_EXPORTER_OTLP_HEADERS", format!("authorization=Bearer%20{token}"))
            .output()
            .map_err(|error| error.to_string())?;
        let said = [sent.stdout, sent.stderr].concat();
        sent.status.success().then_some(()).ok_or_else(|| String::from_utf8_lossy(&said).into())
    }
}

fn config(authority: &Authority, host: &str, out: &Path) -> String {
    let (cert, key) = (authority.path("server.pem"), authority.path("server.key"));
    let guarded = format!(
        "tls: {{cert_file: {cert}, key_file: {key}}}, auth: {{authenticator: bearer_token_auth}}"
    );
    format!(
        "extensions:
  bearer_token_auth: {{token: {TOKEN}}}
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: '{host}:4317', {guarded}}}
      http: {{endpoint: '{host}:4318', {guarded}}}
exporters:
  file: {{path: {}}}
service:
  extensions: [bearer_token_auth]
  telemetry: {{metrics: {{level: none}}}}
  pipelines: {{traces: {{receivers: [otlp], exporters: [file]}}}}
",
        out.display()
    )
}

/// How often each span is in a file of OTLP/JSON.
fn spans(out: &Path) -> BTreeMap<String, usize> {
    let mut all = BTreeMap::new();
    let text = std::fs::read_to_string(out).unwrap_or_default();
    for line in text.split_inclusive('\n').filter(|it| it.ends_with('\n')) {
        let request: Value = serde_json::from_str(line).unwrap();
        let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
        let scopes = list(&request, "resourceSpans").into_iter();
        let scopes = scopes.flat_map(|it| list(&it, "scopeSpans"));
        for span in scopes.flat_map(|it| list(&it, "spans")) {
            *all.entry(span["name"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    all
}

/// Spans arrive once each with the right token, and not at all with a wrong one.
async fn check(sender: Option<Sender>) {
    let Some(sender) = sender else { return };
    let (authority, host) = (Authority::new(), own_address(ADDRESS));
    authority.issue("server", &host);
    let ca = authority.path("ca.pem");
    for (protocol, port) in [("grpc", 4317), ("http", 4318)] {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out.json");
        let yaml = config(&authority, &host, &out);
        let mut process = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
        process.ready().await;
        let to = format!("https://{host}:{port}");
        let refused = sender.send(protocol, &to, &ca, "wrong");
        assert!(refused.is_err(), "{protocol}: a wrong token is no success");
        sender.send(protocol, &to, &ca, TOKEN).unwrap_or_else(|why| {
            panic!("{protocol}: {why}\n{}", process.output());
        });
        eventually(|| spans(&out).len() == SPANS).await;
        process.terminate().await;
        let (all, said) = (spans(&out), process.output());
        let once = all.values().all(|it| *it == 1);
        assert!(all.len() == SPANS && once, "{protocol}: {} spans\n{said}", all.len());
        assert!(said.contains("a client was refused"), "{said}");
        assert!(!said.contains(TOKEN), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_sdk_sends_spans_encrypted_and_with_a_token() {
    check(Sender::new("sdk-python", Some("send.py"))).await;
    check(Sender::new("sdk-node", Some("send.js"))).await;
    check(Sender::new("sdk-go", None)).await;
}
