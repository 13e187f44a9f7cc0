//! What the commands print, and with which code they end, as scripts and packages rely on it.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use ledger::free_port;

use super::start::sluice;
use crate::configs;
use crate::support::{Process, SLUICE, part};

/// Runs a program on a text; `None` where it is not installed.
pub fn run(program: &str, arguments: &[&str], input: &str) -> Option<(bool, String)> {
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        crate::support::skipped(format_args!("{program} is not installed"));
        return None;
    };
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8(text).unwrap()))
}

#[test]
fn a_wrong_command_line_ends_with_code_1_and_cobras_text() {
    let cases: &[(&[&str], &str)] = &[
        (&[], "Error: at least one config flag must be provided"),
        (&["validate"], "Error: at least one config flag must be provided"),
        (&["bogus"], "Error: unknown command \"bogus\" for \"sluice\""),
        (&["--foo"], "Error: unknown flag: --foo"),
        (&["-config", "ok.yaml"], "Error: unknown command \"ok.yaml\" for \"sluice\""),
        (
            &["validate", "--config", "a", "--set", "foo"],
            "Error: invalid argument \"foo\" for \"--set\" flag: missing equal sign",
        ),
        (&["featuregate", "nope"], "Error: feature \"nope\" not found"),
        (&["featuregate", "a", "b"], "Error: accepts at most 1 arg(s), received 2"),
    ];
    for (arguments, want) in cases {
        let (code, out, err) = sluice(arguments);
        assert_eq!((code, out.as_str()), (1, ""), "{arguments:?}");
        assert_eq!(err.lines().next(), Some(*want), "{arguments:?}");
    }
}

#[test]
fn every_command_has_help_on_standard_output() {
    let (_, out, _) = sluice(&["--help"]);
    let list = out.split("Available Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let names: Vec<&str> = list.lines().map(|it| it.split_whitespace().next().unwrap()).collect();
    assert!(names.len() > 5, "{out}");
    for name in names {
        let (code, out, err) = sluice(&[name, "--help"]);
        assert_eq!((code, err.as_str()), (0, ""), "{name}");
        assert!(out.contains(&format!("Usage:\n  sluice {name}")), "{out}");
        assert_eq!(sluice(&["help", name]), (0, out, String::new()));
    }
}

#[test]
fn json_forms_are_json() {
    for arguments in [["components", "-o", "json"], ["version", "--output", "json"]] {
        let (code, out, err) = sluice(&arguments);
        assert_eq!((code, err.as_str()), (0, ""));
        let json: serde_json::Value = serde_json::from_str(&out).unwrap();
        let command = json.pointer("/buildinfo/command").or(json.get("command"));
        assert_eq!(command, Some(&"sluice".into()), "{out}");
    }
}

#[test]
fn every_example_can_be_drawn() {
    for file in configs::own() {
        let config = format!("--config={}", file.display());
        for form in ["ascii", "mermaid", "dot"] {
            let (code, out, err) = sluice(&["graph", &config, "-o", form]);
            assert_eq!((code, err.as_str()), (0, ""), "{}", file.display());
            assert!(out.contains("logs"), "{out}");
            if form == "dot" {
                let drawn = run("dot", &["-Tsvg"], &out);
                assert!(drawn.is_none_or(|(well, svg)| well && svg.contains("<svg")), "{out}");
            }
        }
    }
}

#[test]
fn bash_completes_commands_flags_and_values() {
    let (_, script, _) = sluice(&["completion", "bash"]);
    let check = |words: &[&str], want: &str| {
        let words: Vec<String> = words.iter().map(|it| format!("'{it}'")).collect();
        let (list, last) = (words.join(" "), words.len() - 1);
        let ask = format!(
            "{script}\nCOMP_WORDS=({list}); COMP_CWORD={last}; _sluice; echo \"${{COMPREPLY[*]}}\""
        );
        let Some((well, out)) = run("bash", &["--norc", "-s"], &ask) else { return };
        assert!(well, "{out}");
        assert_eq!(out.trim_end(), want, "{list}");
    };
    check(&["sluice", "comple"], "completion");
    check(&["sluice", "validate", "--conf"], "--config");
    check(&["sluice", "--config", ""], "");
    check(&["sluice", "graph", "--config", "a", "-o", "m"], "mermaid");
    check(&["sluice", "graph", "--output", "=", "d"], "dot");
    check(&["sluice", "completion", "f"], "fish");
    check(&["sluice", "help", "ver"], "version");
}

#[test]
fn scripts_for_other_shells_have_no_syntax_errors() {
    for (shell, arguments) in [("zsh", ["-n", "/dev/stdin"]), ("fish", ["-n", "/dev/stdin"])] {
        let (code, script, _) = sluice(&["completion", shell]);
        assert_eq!(code, 0);
        let Some((well, out)) = run(shell, &arguments, &script) else { continue };
        assert!(well && out.is_empty(), "{shell}: {out}");
    }
}

#[test]
fn the_man_page_is_clean_roff() {
    let (_, page, _) = sluice(&["man"]);
    assert!(page.starts_with(".TH SLUICE 1"), "{page}");
    if let Some((well, out)) = run("groff", &["-man", "-ww", "-z"], &page) {
        assert!(well && out.is_empty(), "{out}");
    }
}

#[tokio::test]
async fn what_charts_and_units_pass_starts_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port().unwrap();
    let file = folder.path().join("relay.yaml");
    let yaml = "receivers: {nop: {}}\nexporters: {nop: {}}\n\
        service: {pipelines: {logs: {receivers: [nop], exporters: [nop]}}}\n";
    std::fs::write(&file, yaml).unwrap();
    let config = format!("--config=file:{}", file.display());
    let prometheus = format!("{{host: 127.0.0.1, port: {port}}}");
    let readers = format!(
        "--set=service.telemetry.metrics.readers=[{{pull: {{exporter: {{prometheus: {prometheus}}}}}}}]"
    );
    let arguments = [
        config.as_str(),
        readers.as_str(),
        "--set=service.telemetry.logs.encoding=json",
        "--feature-gates=-component.UseLocalHostAsDefaultHost",
    ];
    // What the Go runtime would read.
    let environment = [("GOMEMLIMIT", "400MiB"), ("GOGC", "80"), ("GOMAXPROCS", "2")];
    let mut sluice =
        Process::start_with(Path::new(SLUICE), folder.path(), &arguments, &environment);
    sluice.ready().await;
    assert_eq!(sluice.terminate().await.code(), Some(0), "{}", sluice.output());
}

#[test]
fn the_go_collector_refuses_the_same_command_lines_with_the_same_text() {
    let Some(go) = part("otelcol") else { return };
    let cases: &[&[&str]] = &[
        &[],
        &["--foo"],
        &["---foo"],
        &["--config"],
        &["--help=maybe"],
        &["-config", "a.yaml"],
        &["-config=a.yaml"],
        &["bogus"],
        &["vali"],
        &["components", "x"],
        &["components", "--foo"],
        &["validate", "x"],
        &["featuregate", "a", "b"],
        &["featuregate", "nope"],
        &["--config", "a.yaml", "--set", "foo"],
        &["validate", "--config", "/nowhere.yaml"],
        &["validate", "--config=foo:bar"],
    ];
    for arguments in cases {
        let output = Command::new(&go).args(*arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap().replace("\"otelcol\"", "\"sluice\"");
        let (code, _, err) = sluice(arguments);
        assert_eq!(Some(code), output.status.code(), "{arguments:?}");
        assert_eq!(err.lines().next(), said.lines().next(), "{arguments:?}");
    }
}
