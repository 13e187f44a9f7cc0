//! Starting, stopping, and the mistakes a newcomer makes first.

use std::path::Path;
use std::process::{Command, Output};

use ledger::free_port;

use crate::configs::{self, POLICIES};
use crate::support::{Process, SLUICE};

/// Runs the program to its end: code, standard output, standard error.
pub fn sluice(arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } =
        Command::new(SLUICE).args(arguments).env("POLICIES", POLICIES).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

#[test]
fn version_and_help_go_to_standard_output() {
    let (code, out, err) = sluice(&["--version"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.starts_with("sluice version "), "{out}");
    let (code, out, _) = sluice(&["--help"]);
    assert_eq!(code, 0);
    assert!(out.contains("demo") && out.contains("validate") && out.contains("--config"), "{out}");
}

#[test]
fn a_misspelt_key_is_shown_where_it_stands_with_what_was_meant() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    let yaml = "receivers: {nop: {}}\nexporters: {nop: {}}\nprocessors:\n  batch:\n    timeuot: 1s\n\
        service: {pipelines: {logs: {receivers: [nop], exporters: [nop]}}}\n";
    std::fs::write(&file, yaml).unwrap();
    let (code, out, err) = sluice(&["validate", "--config", file.to_str().unwrap()]);
    assert_eq!((code, out.as_str()), (1, ""));
    let first = "Error: failed to get config: cannot unmarshal the configuration: decoding failed due to \
        the following error(s):";
    assert!(err.starts_with(first), "{err}");
    assert!(err.contains("has invalid keys: timeuot"), "{err}");
    assert!(err.contains(&format!("--> {}:5:5", file.display())), "{err}");
    assert!(err.contains("^^^^^^^") && err.contains("timeout"), "{err}");
}

#[test]
fn every_example_is_valid() {
    let files = configs::own();
    for file in &files {
        let (code, _, err) = sluice(&["validate", "--config", file.to_str().unwrap()]);
        assert_eq!(code, 0, "{}: {err}", file.display());
    }
    assert!(files.len() > 5);
}

#[tokio::test]
async fn it_serves_says_so_and_stops_with_code_0() {
    let folder = tempfile::tempdir().unwrap();
    let (http, metrics, health) =
        (free_port().unwrap(), free_port().unwrap(), free_port().unwrap());
    let yaml = format!(
        "receivers: {{otlp: {{protocols: {{http: {{endpoint: '127.0.0.1:{http}'}}}}}}}}
exporters: {{debug: {{}}}}
extensions: {{health_check: {{endpoint: '127.0.0.1:{health}'}}}}
service:
  extensions: [health_check]
  telemetry: {{metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: {metrics}}}}}}}}}]}}}}
  pipelines: {{logs: {{receivers: [otlp], exporters: [debug]}}}}
"
    );
    let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
    sluice.ready().await;
    for port in [http, metrics, health] {
        assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_ok(), "port {port}");
    }
    let status = sluice.terminate().await;
    assert_eq!(status.code(), Some(0), "{}", sluice.output());
    assert!(sluice.output().contains("Shutdown complete."), "{}", sluice.output());
    let states = sluice.output();
    let states: Vec<&str> =
        states.lines().filter(|it| it.contains("Health Check state change")).collect();
    let said_by = |it: &&str| it.contains("\"otelcol.component.id\": \"health_check\"");
    assert!(states.len() == 2 && states.iter().all(said_by), "{states:?}");
}

#[tokio::test]
async fn a_taken_port_ends_the_start_with_code_1_and_names_the_component() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let yaml = format!(
        "receivers: {{otlp: {{protocols: {{http: {{endpoint: '127.0.0.1:{port}'}}}}}}}}
exporters: {{nop: {{}}}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines: {{logs: {{receivers: [otlp], exporters: [nop]}}}}
"
    );
    let file = folder.path().join("config.yaml");
    std::fs::write(&file, yaml).unwrap();
    let (code, _, err) = sluice(&["--config", file.to_str().unwrap()]);
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("cannot start pipelines: failed to start \"otlp\" receiver"), "{err}");
    assert!(err.contains("address already in use"), "{err}");
}

/// A section of an exporter, receiver or own metrics, the value that is shown, and what is said of it.
const NOT_STARTED: [(&str, &str, &str, &str); 12] = [
    (
        "exporters",
        "{otlp_http: {endpoint: 'https://b:1', tls: {ca_file: /etc/hostname}}}",
        "/etc/hostname",
        "failed to load CA CertPool File: failed to parse cert",
    ),
    (
        "exporters",
        "{otlp_http: {endpoint: 'http://localhost:1', logs_endpoint: 'b:1'}}",
        "'b:1'",
        "must begin with http:// or https://",
    ),
    (
        "exporters",
        "{otlp_grpc: {endpoint: 'b:1', tls: {cert_file: /etc/hostname, key_file: /etc/hosts}}}",
        "/etc/hostname",
        "tls: failed to find any PEM data in certificate input",
    ),
    (
        "exporters",
        "{otlp_http: {endpoint: 'http://localhost:1', auth: {authenticator: nobody}}}",
        "nobody",
        "failed to resolve authenticator \"nobody\": authenticator not found",
    ),
    (
        "exporters",
        "{otlp_http: {endpoint: 'http://localhost:1', sending_queue: {storage: file_storage}}}",
        "file_storage",
        "no storage client extension found",
    ),
    ("exporters", "{file: {path: /no/such/out}}", "/no/such/out", "no such file or directory"),
    (
        "receivers",
        "{file_log: {include: [/x], storage: f}}",
        "f",
        "no storage client extension found",
    ),
    (
        "receivers",
        "{otlp: {protocols: {http: {transport: unix, endpoint: /no/such/s}}}}",
        "/no/such/s",
        "listen unix /no/such/s: bind: no such file or directory",
    ),
    (
        "receivers",
        "{otlp: {protocols: {grpc: , http: {endpoint: '127.0.0.1:4317'}}}}",
        "'127.0.0.1:4317'",
        "listen tcp 127.0.0.1:4317: bind: address already in use",
    ),
    (
        "receivers",
        "{otlp: {protocols: {grpc: {auth: {authenticator: nobody}}}}}",
        "nobody",
        "authenticator not found",
    ),
    ("receivers", "{otlp: {protocols: {grpc: {transport: udp}}}}", "", "unknown network"),
    (
        "telemetry",
        "{metrics: {readers: [{pull: {exporter: {prometheus: {host: h}}}}]}}",
        "{host: h}",
        "failed to create meter provider: port must be specified",
    ),
];

#[test]
fn what_would_keep_the_collector_from_starting_is_said_by_validate_at_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    for (section, text, shown, want) in NOT_STARTED {
        let id = text.trim_start_matches('{').split(':').next().unwrap();
        let or = |name: &str, other: &str| {
            if section == name { text.to_owned() } else { other.to_owned() }
        };
        let of = |name: &str| if section == name { id } else { "nop" };
        let yaml = format!(
            "receivers: {}\nexporters: {}\nservice:\n  telemetry: {}\n  pipelines: {{logs: {{receivers: [{}], exporters: [{}]}}}}\n",
            or("receivers", "{nop: }"),
            or("exporters", "{nop: }"),
            or("telemetry", "{}"),
            of("receivers"),
            of("exporters"),
        );
        std::fs::write(&file, &yaml).unwrap();
        let (code, out, _) =
            sluice(&["validate", "-o", "json", "--config", file.to_str().unwrap()]);
        let found: serde_json::Value = serde_json::from_str(&out).unwrap();
        let headline = found["text"].as_str().unwrap();
        assert!(code == 1 && headline.contains(want), "{text}: {headline}");
        let first = &found["diagnostics"][0];
        if !shown.is_empty() {
            let at = |line: &str| line.rfind(shown).map(|it| it as u64 + 1);
            let place = yaml
                .lines()
                .enumerate()
                .find_map(|(n, it)| (it.contains(text)).then(|| (n as u64 + 1, at(it).unwrap())));
            let got = (first["line"].as_u64().unwrap(), first["column"].as_u64().unwrap());
            assert_eq!(Some(got), place, "{text}");
        }
        // The start says the same.
        let (code, _, err) = sluice(&["--config", file.to_str().unwrap()]);
        assert!(code == 1 && err.contains(&format!("Error: {headline}")), "{text}: {err}");
    }
    // What no pipeline lists is not started, as upstream.
    let unused = "receivers: {nop: }\nexporters: {nop: , otlp_http: {endpoint: 'https://b:1'}}\n\
        service: {pipelines: {logs: {receivers: [nop], exporters: [nop]}}}\n";
    std::fs::write(&file, unused).unwrap();
    assert_eq!(sluice(&["validate", "--config", file.to_str().unwrap()]).0, 0);
}

#[test]
fn a_variable_is_mentioned_only_where_it_has_to_do_with_the_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    let notes = |section: &str| {
        let yaml = format!(
            "receivers: {{nop: }}\nexporters: {{otlp_http: {section}}}\n\
             service: {{pipelines: {{logs: {{receivers: [nop], exporters: [otlp_http]}}}}}}\n"
        );
        std::fs::write(&file, yaml).unwrap();
        let (_, out, _) = sluice(&["validate", "-o", "json", "--config", file.to_str().unwrap()]);
        let found: serde_json::Value = serde_json::from_str(&out).unwrap();
        let first = &found["diagnostics"][0];
        format!("{} {}", first["message"].as_str().unwrap(), first["notes"])
    };
    let unset = "the variable NO_SUCH_ is not set";
    let whole = "the variable NO_SUCH_ is not set, so `endpoint` has no value []";
    assert_eq!(notes("{endpoint: '${env:NO_SUCH_}'}"), whole);
    let word = "{endpoint: 'http://a', encoding: '${env:NO_SUCH_}'}";
    assert!(
        notes(word).starts_with("the variable NO_SUCH_ is not set, so `encoding` has no value")
    );
    let empty = "{endpoint: $BACKEND}";
    assert!(notes(empty).starts_with("endpoint \"$BACKEND\" must begin"), "{}", notes(empty));
    let part = "the variable NO_SUCH_ is not set, so `endpoint` is not complete: endpoint must be a valid URL []";
    assert_eq!(notes("{endpoint: '${env:NO_SUCH_}:4318'}"), part);
    let other =
        "{endpoint: 'http://localhost:1', user_agent_: 1, logs_endpoint: '${env:NO_SUCH_}'}";
    assert!(!notes(other).contains(unset), "{}", notes(other));
    let beside =
        "{endpoint: 'http://localhost:1', timeout: 5 sec, headers: {a: '${env:NO_SUCH_}'}}";
    assert!(!notes(beside).contains(unset), "{}", notes(beside));
}

#[test]
fn what_cannot_be_read_or_found_says_what_to_check() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    let help = |location: &str| {
        let (_, out, _) = sluice(&["validate", "-o", "json", "--config", location]);
        let found: serde_json::Value = serde_json::from_str(&out).unwrap();
        let first = &found["diagnostics"][0];
        format!("{} {}", first["code"].as_str().unwrap(), first["help"].as_str().unwrap())
    };
    assert!(help("no/such/config").starts_with("SL0004 check the path, which is seen from"));
    assert!(help("http://127.0.0.1:1/x").starts_with("SL0004 check the address"));
    let yaml = "receivers: {file_log: {include: [/no/such/*.log]}}\nexporters: {debug: }\n\
                service: {pipelines: {logs: {receivers: [file_log], exporters: [debug]}}}\n";
    std::fs::write(&file, yaml).unwrap();
    assert!(help(file.to_str().unwrap()).starts_with("SL0308 check the pattern"));
    let tls = yaml
        .replace("debug: }", "otlp_http: {endpoint: 'https://a', tls: {ca_file: /etc/hostname}}}")
        .replace("[debug]", "[otlp_http]");
    std::fs::write(&file, &tls).unwrap();
    let said = help(file.to_str().unwrap());
    assert!(said.starts_with("SL0400 /etc/hostname has to hold certificates in PEM"), "{said}");
    let absent = tls
        .replace("/etc/hostname", "/no/such.pem")
        .replace("file_log: {include: [/no/such/*.log]}", "nop: ")
        .replace("[file_log]", "[nop]");
    std::fs::write(&file, absent).unwrap();
    let said = help(file.to_str().unwrap());
    assert!(said.starts_with("SL0332 put the file at /no/such.pem"), "{said}");
    for pattern in [
        "multiline: {line_start_pattern: '(?!x)a'}",
        "operators: [{type: filter, expr: 'body matches \"(?<=x)a\"'}]",
    ] {
        let yaml = yaml.replace("[/no/such/*.log]", &format!("[/no/such/*.log], {pattern}"));
        std::fs::write(&file, yaml).unwrap();
        let said = help(file.to_str().unwrap());
        assert!(said.starts_with("SL0106 RE2 has no lookahead and no lookbehind"), "{said}");
    }
    let auth = yaml
        .replace("file_log: {include: [/no/such/*.log]}", "otlp: {protocols: {grpc: {auth: {}}}}");
    std::fs::write(&file, auth.replace("[file_log]", "[otlp]")).unwrap();
    let said = help(file.to_str().unwrap());
    assert!(said.starts_with("SL0400 write the id of an extension"), "{said}");
}
