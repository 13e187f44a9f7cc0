//! `service: telemetry: logs:` as the program obeys it.

use std::path::Path;

use serde_json::Value;

use super::start::sluice;
use crate::support::{Process, SLUICE, eventually, part};

/// A configuration with these keys below `logs:`.
fn yaml(logs: &str) -> String {
    format!(
        "receivers: {{nop: {{}}}}\nprocessors: {{memory_limiter: {{check_interval: 1s, limit_mib: 900}}}}
exporters: {{nop: {{}}}}
service:
  telemetry: {{metrics: {{level: none}}, logs: {{{logs}}}}}
  pipelines: {{logs: {{receivers: [nop], processors: [memory_limiter], exporters: [nop]}}}}
"
    )
}

/// Runs until it is up, and returns all that it printed.
async fn lines(folder: &Path, logs: &str) -> String {
    let mut sluice = Process::collector(Path::new(SLUICE), folder, &yaml(logs));
    sluice.ready().await;
    assert_eq!(sluice.terminate().await.code(), Some(0), "{}", sluice.output());
    sluice.output()
}

#[tokio::test]
async fn console_lines_have_zaps_columns() {
    let folder = tempfile::tempdir().unwrap();
    let out = lines(folder.path(), "").await;
    for line in out.lines() {
        let columns: Vec<&str> = line.split('\t').collect();
        let [time, level, caller, _, fields] = columns[..] else { panic!("{line}") };
        assert_eq!((time.len(), &time[10..11], &time[19..20]), (24, "T", "."), "{line}");
        assert!(["info", "warn"].contains(&level), "{line}");
        assert!(caller.contains(".rs:") && caller.matches('/').count() >= 1, "{line}");
        assert!(fields.starts_with("{\"resource\": {\"service.instance.id\": \""), "{line}");
        let fields: Value = serde_json::from_str(fields).unwrap();
        assert_eq!(fields["resource"]["service.name"], "sluice");
    }
    let configured = out.lines().find(|it| it.contains("\tMemory limiter configured\t")).unwrap();
    let want =
        "\"otelcol.component.id\": \"memory_limiter\", \"otelcol.component.kind\": \"processor\", ";
    assert!(configured.contains(want), "{configured}");
    assert!(
        configured.contains("\"limit_mib\": 900, ")
            && configured.ends_with("\"check_interval\": 1}")
    );
}

#[tokio::test]
async fn json_lines_have_zaps_keys_in_its_order() {
    let folder = tempfile::tempdir().unwrap();
    let out = lines(folder.path(), "encoding: json").await;
    for line in out.lines() {
        let members: serde_json::Map<String, Value> = serde_json::from_str(line).unwrap();
        let keys: Vec<&str> = members.keys().take(5).map(String::as_str).collect();
        assert_eq!(keys, ["level", "ts", "caller", "msg", "resource"], "{line}");
        assert!(line.starts_with("{\"level\":\"info\",\"ts\":\"20"), "{line}");
    }
}

#[tokio::test]
async fn lines_go_where_the_paths_say_with_what_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one.log"), folder.path().join("two.log"));
    let logs = format!(
        "level: INFO, output_paths: [stdout, '{}', 'file://{}'], disable_caller: true, \
         disable_zap_resource: true, initial_fields: {{site: here, rack: 7}}",
        one.display(),
        two.display()
    );
    let out = lines(folder.path(), &logs).await;
    let started = out.lines().find(|it| it.contains("Starting shutdown...")).unwrap();
    let columns: Vec<&str> = started.split('\t').collect();
    let want = ["info", "Starting shutdown...", "{\"rack\": 7, \"site\": \"here\"}"];
    assert_eq!(columns[1..], want, "{started}");
    // Lines that two threads write at the same time stand in each place in the order in which they got there.
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    assert_eq!(sorted(&std::fs::read_to_string(one).unwrap()), sorted(&out));
    assert_eq!(sorted(&std::fs::read_to_string(two).unwrap()), sorted(&out));
}

/// Fields that try each rule of the encoder.
const FIELDS: &str = "initial_fields: {site: \"a\\tb\\\"\", ctl: \"\\b\\f\\x01\\x7f\", n: 1.0, big: 1e30, small: 1e-9, \
    nul: null, yes: true, deep: {x: [1, 2], b: \"<&>\"}, list: [a, {z: 1, b: -2.5}]}";

#[tokio::test]
async fn the_go_collector_writes_the_same_line() {
    let Some(go) = part("otelcol") else { return };
    for encoding in ["console", "json"] {
        let folder = tempfile::tempdir().unwrap();
        let logs = format!("encoding: {encoding}, disable_caller: true, {FIELDS}");
        let mut shown = Vec::new();
        for program in [go.as_path(), Path::new(SLUICE)] {
            let mut process = Process::collector(program, folder.path(), &yaml(&logs));
            process.ready().await;
            process.terminate().await;
            let out = process.output();
            let line = out.lines().find(|it| it.contains("Everything is ready.")).unwrap();
            // What differs between any two programs.
            let (from, to) =
                (line.find("\"service.instance.id").unwrap(), line.rfind("}}").unwrap());
            let time = line.find("20").unwrap();
            shown.push(format!("{}<time>{}{}", &line[..time], &line[time + 24..from], &line[to..]));
        }
        assert_eq!(shown[0], shown[1], "{encoding}");
    }
}

#[test]
fn an_encoding_that_does_not_exist_ends_the_start_but_is_valid() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    std::fs::write(&file, yaml("encoding: jsno")).unwrap();
    let config = format!("--config={}", file.display());
    assert_eq!(sluice(&["validate", &config]), (0, String::new(), String::new()));
    let (code, out, err) = sluice(&[&config]);
    assert_eq!((code, out.as_str()), (1, ""));
    let first = "Error: failed to create logger: no encoder registered for name \"jsno\"\n";
    assert!(err.starts_with(first), "{err}");
    assert!(err.contains("did you mean `json`?"), "{err}");
}

#[tokio::test]
async fn unset_and_empty_variables_are_said_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let yaml = yaml("initial_fields: {a: '${env:SLUICE_UNSET}', b: '${env:SLUICE_EMPTY}'}");
    let file = folder.path().join("config.yaml");
    std::fs::write(&file, yaml).unwrap();
    let config = format!("--config={}", file.display());
    let environment = [("SLUICE_EMPTY", "")];
    let mut sluice =
        Process::start_with(Path::new(SLUICE), folder.path(), &[&config], &environment);
    sluice.ready().await;
    let out = sluice.output();
    let line = |text: &str| out.lines().find(|it| it.contains(text)).unwrap().to_owned();
    let unset = line("\tConfiguration references unset environment variable\t");
    assert!(
        unset.contains("\twarn\t") && unset.ends_with("\"name\": \"SLUICE_UNSET\"}"),
        "{unset}"
    );
    let empty = line("\tConfiguration references empty environment variable\t");
    assert!(
        empty.contains("\tinfo\t") && empty.ends_with("\"name\": \"SLUICE_EMPTY\"}"),
        "{empty}"
    );
}

#[tokio::test]
async fn a_reload_opens_the_files_again_and_changes_the_encoding() {
    let folder = tempfile::tempdir().unwrap();
    let (file, rotated) = (folder.path().join("own.log"), folder.path().join("own.log.1"));
    let logs =
        |encoding| format!("encoding: {encoding}, output_paths: [stdout, '{}']", file.display());
    let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml(&logs("console")));
    sluice.ready().await;
    std::fs::rename(&file, &rotated).unwrap();
    std::fs::write(folder.path().join("sluice.yaml"), yaml(&logs("logfmt"))).unwrap();
    sluice.hang_up();
    sluice.says("no encoder registered for name \"logfmt\"").await;
    sluice.says("The new configuration cannot be used; the running configuration stays.").await;
    assert!(!file.exists());
    std::fs::write(folder.path().join("sluice.yaml"), yaml(&logs("json"))).unwrap();
    sluice.hang_up();
    sluice.says("\tConfiguration reloaded.").await;
    assert!(eventually(|| file.exists()).await);
    assert_eq!(sluice.terminate().await.code(), Some(0), "{}", sluice.output());
    let read = |path| std::fs::read_to_string(path).unwrap();
    let before = read(&rotated);
    assert!(before.contains("\tEverything is ready."), "{before}");
    let mistake = before.lines().find(|it| it.contains("cannot be used")).unwrap();
    for part in [
        "no encoder registered for name \\\"logfmt\\\"",
        "\"code\": \"SL",
        "sluice.yaml:",
        "\"help\": ",
    ] {
        assert!(mistake.contains(part), "no {part} in {mistake}");
    }
    let last = read(&file);
    assert!(last.lines().all(|it| it.starts_with("{\"level\":\"info\"")), "{last}");
    assert!(last.contains("\"msg\":\"Shutdown complete.\""), "{last}");
}
