//! `print-config`: what it prints is the configuration.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::configs::{self, ENVIRONMENT};
use crate::support::{SLUICE, repository};

fn print(file: &Path, flags: &[&str], with_variables: bool) -> Output {
    let mut command = Command::new(SLUICE);
    command.arg("print-config").args(flags).arg("--config").arg(file);
    if with_variables {
        command.envs(ENVIRONMENT);
    } else {
        // `node_from_env_var` names it, and is no reference.
        command.env("K8S_NODE_NAME", "node-1");
    }
    command.output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Ours, and other people's where they are there.
fn all_configs() -> Vec<PathBuf> {
    configs::own().into_iter().chain(configs::files()).collect()
}

#[test]
fn what_is_printed_prints_the_same_when_it_is_read() {
    let folder = TempDir::new().unwrap();
    let again = folder.path().join("again.yaml");
    // JSON is as in Go, which leaves out zero values that are not the default.
    let ways: [&[&str]; 4] = [
        &["--mode=unredacted", "--validate=false"],
        &["--validate=false"],
        &["--validate=false", "--defaults=false"],
        &["--mode=unredacted", "--defaults"],
    ];
    for flags in ways {
        let mut printed = 0;
        for file in all_configs() {
            let first = print(&file, flags, true);
            // Not read because it has components that are not there yet; `configs.rs` sees to those.
            if !first.status.success() {
                continue;
            }
            printed += 1;
            fs::write(&again, &first.stdout).unwrap();
            // Every reference is replaced, so no variable is needed.
            let second = print(&again, flags, false);
            let complaint = String::from_utf8_lossy(&second.stderr).into_owned();
            assert_eq!(stdout(&second), stdout(&first), "{}: {complaint}", file.display());
        }
        assert!(printed >= 3, "{flags:?}: only {printed} configurations could be printed");
    }
}

#[test]
fn each_value_says_where_it_comes_from() {
    let folder = TempDir::new().unwrap();
    let (file, part) = (folder.path().join("a.yaml"), folder.path().join("part.yaml"));
    fs::write(&part, "timeout: 6s\n").unwrap();
    let text = format!(
        "receivers: {{nop: }}\nexporters: {{nop: , file: {{path: '${{env:DIR_}}/out'}}}}\n\
         processors: {{batch: '${{file:{}}}', batch/b: {{send_batch_size: '${{SIZE_}}'}}}}\n\
         service: {{pipelines: {{logs: {{receivers: [nop], exporters: [nop]}}}}}}\n",
        part.display()
    );
    fs::write(&file, &text).unwrap();
    let output = Command::new(SLUICE)
        .args(["print-config", "--origin", "--set=processors.batch/b.timeout=1s", "--config"])
        .arg(&file)
        .envs([("DIR_", "/tmp"), ("SIZE_", "7")])
        .output()
        .unwrap();
    let at = |reference: &str| {
        let mut lines = text.lines().enumerate();
        let (line, column) =
            lines.find_map(|(n, it)| Some((n + 1, it.find(reference)? + 1))).unwrap();
        format!("{}:{line}:{column}", file.display())
    };
    let printed = stdout(&output);
    for want in [
        format!("timeout: 6s # {}:1:10", part.display()),
        format!("send_batch_size: 7 # env:SIZE_ ({})", at("${SIZE_}")),
        "timeout: 1s # --set:1:28".to_owned(),
        format!("path: /tmp/out # {} with env:DIR_", at("'${env:DIR_}")),
        "send_batch_max_size: 0 # default".to_owned(),
        "level: Normal # default".to_owned(),
    ] {
        assert!(printed.lines().any(|it| it.trim_start() == want), "{want}\n{printed}");
    }
}

#[test]
fn flags_have_the_collectors_texts() {
    let file = repository().join("configs/console.yaml");
    for (flag, want) in [
        ("--format=xml", "Error: unrecognized print format: xml\n"),
        ("--mode=open", "Error: invalid mode \"open\": modes are: redacted, unredacted\n"),
    ] {
        let output = print(&file, &[flag], true);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(String::from_utf8(output.stderr).unwrap(), want);
    }
    let old = Command::new(SLUICE).args(["print-initial-config", "--config"]).arg(&file).output();
    assert_eq!(old.unwrap().stdout, print(&file, &["-o", "yaml"], true).stdout);
}

/// Two exporters with headers and without an authority, as JSON of a mode.
fn headers(flags: &[&str]) -> serde_json::Value {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("a.yaml");
    let text = "receivers: {nop: }\nexporters:\n\
        \x20 otlp_http: {endpoint: 'http://localhost', headers: {z: secret, a: '${env:DATE_}'}}\n\
        \x20 otlp_grpc: {endpoint: 'localhost:1', timeout: 0, headers: [{name: z, value: x}, {name: a, value: y}]}\n\
        service: {pipelines: {logs: {receivers: [nop], exporters: [otlp_http, otlp_grpc]}}}\n";
    fs::write(&file, text).unwrap();
    let output = Command::new(SLUICE)
        .args(["print-config", "--format=json"])
        .args(flags)
        .arg("--config")
        .arg(&file)
        .env("DATE_", "2024-01-15")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()["exporters"].take()
}

#[test]
fn headers_are_pairs_and_what_is_unset_and_silent_upstream_is_not_there() {
    let pairs = |pairs: [(&str, &str); 2]| {
        serde_json::json!(
            pairs.map(|(name, value)| serde_json::json!({"name": name, "value": value}))
        )
    };
    let hidden = headers(&[]);
    assert_eq!(hidden["otlp_http"]["headers"], pairs([("a", "[REDACTED]"), ("z", "[REDACTED]")]));
    assert_eq!(hidden["otlp_grpc"]["headers"], pairs([("z", "[REDACTED]"), ("a", "[REDACTED]")]));
    for key in ["authority", "user_agent", "auth", "middlewares", "wait_for_ready", "tls"] {
        assert_eq!(hidden["otlp_grpc"].get(key), None, "{key}");
    }
    // Not silent upstream, though it says nothing.
    assert_eq!(hidden["otlp_grpc"]["timeout"], 0);
    let shown = headers(&["--mode=unredacted", "--defaults"]);
    assert_eq!(shown["otlp_http"]["headers"], pairs([("a", "2024-01-15"), ("z", "secret")]));
}

#[test]
fn without_defaults_no_kind_is_printed_that_nobody_wrote() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("config.yaml");
    let text = "receivers: {nop: }\nexporters: {nop: }\nprocessors: {}\n\
                service: {pipelines: {logs: {receivers: [nop], exporters: [nop]}}}\n";
    fs::write(&file, text).unwrap();
    let shown = stdout(&print(&file, &["--defaults=false", "--origin"], true));
    assert!(!shown.contains("connectors") && !shown.contains("extensions"), "{shown}");
    assert!(shown.contains("processors: {}"), "{shown}");
}
