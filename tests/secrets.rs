//! A secret is planted everywhere, and nothing that is printed may show it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::e2e::post;
use crate::support::{PATIENCE, Process, SLUICE, get, own_address};

const SECRET: &str = "hunter2canary";

/// Right as it is; `{}` is a line with a mistake, or nothing.
const CONFIG: &str = "
receivers:
  otlp:
    protocols:
      http:
        endpoint: localhost:0
        response_headers: {x-token: hunter2canary}
exporters:
  otlp_http:
    endpoint: http://me:hunter2canary@localhost:1
    headers: {authorization: \"Bearer hunter2canary\", x-api-key: \"${env:PLANTED}\"}
  otlp_http/list:
    endpoint: http://localhost:1
    headers:
      - {name: authorization, value: hunter2canary}
    tls: {key_pem: hunter2canary, cert_pem: hunter2canary, ca_pem: 'x-${PLANTED}'}
  otlp_grpc:
    endpoint: localhost:1
    headers:
      authorization: |
        hunter2canary
        second-hunter2canary
    tls: {insecure: true}
service:
  telemetry:
    metrics:
      readers:
        - periodic:
            exporter:
              otlp:
                protocol: http/protobuf
                endpoint: http://localhost:1
                headers: [{name: authorization, value: hunter2canary}]
  pipelines:
    logs: {receivers: [otlp], exporters: [otlp_http, otlp_grpc]}
";

fn run(arguments: &[&str], config: &str) -> String {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("config.yaml");
    fs::write(&file, config).unwrap();
    let output = Command::new(SLUICE)
        .args(arguments)
        .arg("--config")
        .arg(&file)
        .env("PLANTED", SECRET)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].map(|it| String::from_utf8(it).unwrap());
    text.concat()
}

#[test]
fn print_config_shows_no_secret_in_any_form() {
    for flags in ["", "--defaults=false", "--origin", "-o=json", "--defaults=false -o=json"] {
        let mut arguments = vec!["print-config", "--validate=false"];
        arguments.extend(flags.split_whitespace());
        let text = run(&arguments, CONFIG);
        assert!(text.contains("[REDACTED]"), "{flags}: {text}");
        let shown: Vec<&str> = text.lines().filter(|it| it.contains(SECRET)).collect();
        assert!(shown.is_empty(), "{flags}: {shown:?}");
    }
    let all = run(&["print-config", "--validate=false", "--mode=unredacted"], CONFIG);
    assert!(all.matches(SECRET).count() > 8, "{all}");
}

#[test]
fn no_mistake_shows_a_secret_around_it() {
    let mistakes = [
        ("x-token: hunter2canary", "x-token: [hunter2canary]"),
        (
            "{authorization: \"Bearer hunter2canary\"",
            "{authorization: {hunter2canary: \"hunter2canary\"}",
        ),
        ("headers: {authorization: \"", "headers: {a: hunter2canary, a: hunter2canary, b: \""),
        ("key_pem: hunter2canary,", "key_pem: hunter2canary, key_pmm: hunter2canary,"),
        ("key_pem: hunter2canary,", "key_pem: [hunter2canary],"),
        ("ca_pem: 'x-${PLANTED}'", "ca_pem: 'x-${PLANTED}', ca_file: x"),
        ("ca_pem: 'x-${PLANTED}'", "ca_pem: '${hunter2canary:PLANTED}'"),
        ("ca_pem: 'x-${PLANTED}'", "ca_pem: '${hunter2canary:-x}'"),
        ("ca_pem: 'x-${PLANTED}'}", "ca_pem: 'hunter2canary"),
        (
            "http://me:hunter2canary@localhost:1",
            "http://me:hunter2canary@localhost:1\n    bad: key",
        ),
        ("value: hunter2canary}\n    tls", "value: hunter2canary, walue: hunter2canary}\n    tls"),
        ("insecure: true", "insecure: ${PLANTED}"),
        ("second-hunter2canary", "second-hunter2canary\n      authorization: hunter2canary"),
        ("protocol: http/protobuf", "headers: hunter2canary"),
    ];
    for (right, wrong) in mistakes {
        assert!(CONFIG.contains(right), "{right}");
        let config = CONFIG.replace(right, wrong);
        for command in ["validate", "print-config"] {
            let text = run(&[command], &config);
            assert!(text.starts_with("Error: "), "{wrong}: {text}");
            assert!(!text.contains(SECRET), "{wrong}: {text}");
        }
        for format in ["json", "sarif", "github"] {
            let text = run(&["validate", "-o", format], &config);
            assert!(text.contains("SL0"), "{wrong}: {text}");
            assert!(!text.contains(SECRET), "{wrong}, {format}: {text}");
        }
    }
}

#[test]
fn no_location_or_flag_shows_a_secret_when_it_is_wrong() {
    for arguments in [
        &["validate", "--config=http://me:hunter2canary@localhost:1/x?token=hunter2canary"][..],
        &["validate", "--set=exporters.otlp_http.headers.authorization=[hunter2canary"],
        &["validate", "--set=exporters.otlp_http.tls.key_pem={hunter2canary: 1}"],
        &["validate", "--config=yaml:exporters::otlp_http::headers::a: [hunter2canary"],
        &["validate", "--config=env:PLANTED"],
        &["validate", "--config=https://me:hunter2canary@localhost:1/x"],
        &["validate", "--config=https://hunter2canary@localhost:1/x"],
        &["validate", "--config=http://localhost:1/x?api_key=hunter2canary"],
        &["validate", "--config=file:/nowhere/http://me:hunter2canary@localhost"],
        &["validate", "--config=ftp://me:hunter2canary@localhost"],
        &[
            "validate",
            "--config=yaml:exporters: {otlp_http: {endpoint: 'http://me:hunter2canary@h', bad: key}}",
        ],
        &[
            "validate",
            "--set=exporters.otlp_http.endpoint=http://me:hunter2canary@h",
            "--set=exporters.otlp_http.bad=key",
        ],
        &["--config=http://me:hunter2canary@localhost:1/x"],
        &["print-config", "--config=http://localhost:1/x?token=hunter2canary"],
    ] {
        let text = run(arguments, CONFIG);
        assert!(text.starts_with("Error: "), "{arguments:?}: {text}");
        assert!(!text.contains(SECRET), "{arguments:?}: {text}");
    }
}

/// Receivers, exporters and readers whose addresses hold secrets and that cannot be used, each with its start.
const REFUSED: [&str; 12] = [
    "exporters: {otlp_http: {endpoint: 'http://localhost:1', proxy_url: 'http://me:hunter2canary/x@localhost:1'}}",
    "receivers: {r: {protocols: {http: {endpoint: 'me:hunter2canary@localhost:0'}}}}",
    "receivers: {r: {protocols: {grpc: {endpoint: 'http://me:hunter2canary@localhost:0'}}}}",
    "exporters: {otlp_http: {endpoint: 'http://me:hunter2canary@localhost:1'}}",
    "exporters: {otlp_http: {endpoint: 'https://hunter2canary@localhost:1'}}",
    "exporters: {otlp_http: {endpoint: 'http://me:hunter2canary/x@localhost:1'}}",
    "exporters: {otlp_http: {endpoint: 'http://localhost:1', proxy_url: 'ftp://me:hunter2canary@localhost:1'}}",
    "exporters: {otlp_http: {endpoint: 'me:hunter2canary@localhost:1'}}",
    "exporters: {otlp_grpc: {endpoint: 'https://me:hunter2canary@localhost:1'}}",
    "exporters: {otlp_grpc: {endpoint: 'me:hunter2canary@localhost', tls: {insecure: true}}}",
    "service: {telemetry: {metrics: {readers: [{periodic: {exporter: {otlp: {protocol: http/protobuf, endpoint: 'http://me:hunter2canary@localhost:1'}}}}]}}}",
    "service: {telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 'me:hunter2canary@localhost', port: 1}}}}]}}}",
];

#[test]
fn no_component_that_cannot_start_shows_the_secret_in_its_address() {
    let folder = TempDir::new().unwrap();
    let (base, wrong) = (folder.path().join("base.yaml"), folder.path().join("wrong.yaml"));
    for text in REFUSED {
        let exporter = if text.contains("otlp_grpc") { "otlp_grpc" } else { "otlp_http" };
        let receiver = if text.contains("receivers:") { "otlp/r" } else { "nop" };
        let used = if text.contains("exporters:") { exporter } else { "nop" };
        fs::write(&base, format!(
            "receivers: {{nop: }}\nexporters: {{nop: }}\nservice: {{telemetry: {{metrics: {{level: detailed}}}}, pipelines: {{logs: {{receivers: [{receiver}], exporters: [{used}]}}}}}}\n"
        )).unwrap();
        fs::write(&wrong, text.replace("{r:", "{otlp/r:")).unwrap();
        let run = |command: &[&str]| {
            let mut process = Command::new(SLUICE);
            process.args(command);
            for file in [&base, &wrong] {
                process.arg("--config").arg(file);
            }
            // Should one of them start after all, it ends at its time.
            let mut child = process
                .env("STATE_DIRECTORY", folder.path())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
            let reading = std::thread::spawn(move || {
                let mut said = String::new();
                err.read_to_string(&mut said).unwrap();
                out.read_to_string(&mut said).unwrap();
                said
            });
            let deadline = Instant::now() + PATIENCE;
            while child.try_wait().unwrap().is_none() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(10));
            }
            let _ = child.kill();
            (child.wait().unwrap().code(), reading.join().unwrap())
        };
        let (code, said) = run(&[]);
        assert_eq!(code, Some(1), "{text}: {said}");
        assert!(!said.contains(SECRET), "{text}: {said}");
        for command in [
            &["validate"][..],
            &["validate", "-o=json"],
            &["validate", "-o=sarif"],
            &["print-config", "--validate=false"],
            &["graph"],
        ] {
            let (_, said) = run(command);
            assert!(!said.contains(SECRET), "{command:?} {text}: {said}");
        }
    }
}

/// Answers each request with a redirect to an address with secrets.
fn redirector() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 4096];
            // What stands in it does not matter.
            let _ = stream.read(&mut request);
            let _ = stream.write_all(
                b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://me:hunter2canary@127.0.0.1:1/x?token=hunter2canary\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            );
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_fails_while_it_runs_shows_the_secret_in_its_address() {
    let address = own_address(151);
    let off = "sending_queue: {enabled: false}, retry_on_failure: {enabled: false}";
    let exporters = [
        format!(
            "otlp_http/query: {{logs_endpoint: 'http://127.0.0.1:1/v1/logs?token=hunter2canary', {off}}}"
        ),
        format!(
            "otlp_http/tls: {{logs_endpoint: 'https://127.0.0.1:1/v1/logs?token=hunter2canary', {off}}}"
        ),
        format!(
            "otlp_http/proxy: {{endpoint: 'http://backend.test:4318', proxy_url: 'http://me:hunter2canary@127.0.0.1:1', {off}}}"
        ),
        format!(
            "otlp_http/variable: {{endpoint: 'http://backend.test:4318/?key=hunter2canary', {off}}}"
        ),
        format!("otlp_http/redirect: {{endpoint: 'http://{}', {off}}}", redirector()),
        format!(
            "otlp_grpc: {{endpoint: '127.0.0.1:1', headers: {{a: hunter2canary}}, tls: {{insecure: true}}, {off}}}"
        ),
    ];
    let names: Vec<&str> = exporters.iter().map(|it| it.split(": ").next().unwrap()).collect();
    let mut sender =
        "{otlp: {protocol: http/protobuf, endpoint: 'http://127.0.0.1:1/x?token=hunter2canary'}}"
            .to_owned();
    sender = format!("{{exporter: {sender}}}");
    for name in &names {
        let yaml = format!(
            "receivers: {{otlp: {{protocols: {{http: {{endpoint: '{address}:4318'}}}}}}}}
exporters: {{{}}}
service:
  telemetry:
    logs: {{level: debug, processors: [{{batch: {sender}}}]}}
    traces: {{processors: [{{batch: {sender}}}]}}
    metrics: {{level: detailed, readers: [{{pull: {{exporter: {{prometheus: {{host: '{address}', port: 8888}}}}}}}}, {{periodic: {}}}]}}
  pipelines: {{logs: {{receivers: [otlp], exporters: [{name}]}}}}
",
            exporters.join(", "),
            sender.replace("{exporter", "{interval: 100, exporter"),
        );
        let folder = TempDir::new().unwrap();
        let yaml_file = folder.path().join("config.yaml");
        fs::write(&yaml_file, yaml).unwrap();
        let arguments = ["--config", yaml_file.to_str().unwrap()];
        let proxy = ("HTTP_PROXY", "http://me:hunter2canary@127.0.0.1:1");
        let mut sluice =
            Process::start_with(Path::new(SLUICE), folder.path(), &arguments, &[proxy]);
        sluice.says_next("Everything is ready.").await;
        let (status, _, answer) = post(&address, b"\x0a\x07\x12\x05\x12\x03\x1a\x01a");
        assert_ne!(status, 200, "{name}: {answer}");
        assert!(!answer.contains(SECRET), "{name}: {answer}");
        let page = get(&address, 8888, "/metrics").unwrap();
        assert!(
            page.contains("otelcol_receiver_refused_log_records") && !page.contains(SECRET),
            "{page}"
        );
        sluice.says_next("\"metrics\", \"error\": \"failed to make an HTTP request").await;
        // A stop waits for what cannot be sent; one is enough.
        if name == &names[0] {
            sluice.terminate().await;
        } else {
            sluice.kill();
        }
        assert!(!sluice.output().contains(SECRET), "{name}: {}", sluice.output());
    }
}

#[test]
fn a_secret_that_became_a_comment_or_comes_from_a_variable_is_not_shown() {
    let config = "receivers: {nop: }\nexporters:\n  otlp_http:\n    endpoint: http://localhost:4318\n    \
                  headers:\n      authorization: #hunter2canary\n      x-token: abc #hunter2canary\n    \
                  timeout: ${PLANTED}\n    tls: {ca_pem: [hunter2canary]}\nservice: {pipelines: {logs: \
                  {receivers: [nop], exporters: [otlp_http]}}}\n";
    for format in ["text", "json", "sarif", "github"] {
        let text = run(&["validate", "-o", format], config);
        for code in ["SL0323", "SL0109", "SL0103"] {
            assert!(text.contains(code), "{format}: {code}: {text}");
        }
        assert!(!text.contains(SECRET), "{format}: {text}");
    }
}
