//! A secret is planted everywhere, and nothing that is printed may show it.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use crate::support::SLUICE;

const SECRET: &str = "hunter2canary";

/// Right as it is; `{}` is a line with a mistake, or nothing.
const CONFIG: &str = "
receivers:
  otlp:
    protocols:
      http:
        endpoint: localhost:0
        response_headers: {x-token: hunter2canary}
extensions:
  basic_auth: {htpasswd: {inline: 'ann:hunter2canary'}}
  basic_auth/client: {client_auth: {username: ann, password: hunter2canary}}
  bearer_token_auth: {token: hunter2canary}
  bearer_token_auth/list: {tokens: [hunter2canary, other]}
  oauth2client: {client_id: me, client_secret: hunter2canary, token_url: http://localhost:1/token}
  headers_setter:
    headers: [{key: a, value: hunter2canary}, {key: b, from_context: c, default_value: hunter2canary}]
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
        ("client_secret: hunter2canary", "client_secret: [hunter2canary]"),
        (
            "client_secret: hunter2canary",
            "client_secret: hunter2canary, client_sekret: hunter2canary",
        ),
        ("insecure: true", "insecure: ${PLANTED}"),
        ("inline: 'ann:hunter2canary'", "inline: [hunter2canary]"),
        ("inline: 'ann:hunter2canary'", "inlin: 'ann:hunter2canary'"),
        ("inline: 'ann:hunter2canary'}", "inline: 'ann:hunter2canary', file: {}}"),
        ("password: hunter2canary", "passwort: hunter2canary"),
        ("password: hunter2canary", "password: hunter2canary, password_file: []"),
        ("{token: hunter2canary}", "{token: hunter2canary, scheme: []}"),
        ("{key: a, value: hunter2canary}", "{key: a, value: hunter2canary, valu_file: x}"),
        ("{key: a, value: hunter2canary}", "{key: a, value: hunter2canary, value_file: x}"),
        ("c, default_value: hunter2canary", "[], default_value: hunter2canary"),
        ("tokens: [hunter2canary, other]", "tokens: [hunter2canary, other], scheme: []"),
        ("tokens: [hunter2canary, other]", "tokens: [hunter2canary, [hunter2canary]]"),
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
fn no_warning_shows_a_secret_around_it() {
    let config = r#"
receivers: {nop: }
exporters: {nop: }
extensions:
  basic_auth: {htpasswd: {inline: "ann:hunter2canary\nbob:$$y$$hunter2canary"}}
  bearertokenauth: {token: hunter2canary}
service:
  extensions: [basic_auth, bearertokenauth]
  pipelines: {logs: {receivers: [nop], exporters: [nop]}}
"#;
    for format in ["text", "json", "sarif", "github"] {
        let text = run(&["validate", "-o", format], config);
        assert!(text.contains("line 2 is not used"), "{format}: {text}");
        assert!(text.contains("SL0306") && !text.contains(SECRET), "{format}: {text}");
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
    ] {
        let text = run(arguments, CONFIG);
        assert!(text.starts_with("Error: "), "{arguments:?}: {text}");
        assert!(!text.contains(SECRET), "{arguments:?}: {text}");
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
