//! Configurations with one human mistake each: it is found where it is, and the edit that we offer
//! puts it right.
//!
//! Each file begins with what is wrong, the code and the place (`# want: SL0102 7:5`), and the
//! variables it needs. `without a fix` marks those that only a person can put right.

#![expect(
    clippy::cast_possible_truncation,
    reason = "the numbers of tests are small, or drawn by chance"
)]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{SLUICE, repository};

/// Fewest configurations.
const MISTAKES_MIN: usize = 270;
/// Of 100 mistakes, at least so many are put right by our edit.
const FIXED_PERCENT_MIN: usize = 95;

/// What the head of a file says.
struct Want {
    code: String,
    place: Option<(u64, u64)>,
    fixable: bool,
    environment: Vec<(String, String)>,
}

impl Want {
    fn of(text: &str) -> Self {
        let line = |key: &'static str| {
            text.lines()
                .filter_map(move |it| it.strip_prefix("# ")?.strip_prefix(key)?.strip_prefix(": "))
        };
        let want = line("want").next().expect("`# want: CODE LINE:COLUMN`");
        let mut words = want.split(' ');
        let (code, place) = (words.next().unwrap(), words.next().unwrap());
        let place = place.split_once(':');
        let pairs = line("env").map(|it| it.split_once('=').expect("`# env: NAME=value`"));
        Self {
            code: code.to_owned(),
            place: place.map(|(line, column)| (line.parse().unwrap(), column.parse().unwrap())),
            fixable: !want.ends_with("without a fix"),
            environment: pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
        }
    }
}

fn validate(file: &Path, want: &Want) -> Value {
    let output = Command::new(SLUICE)
        .args(["validate", "-o", "json", "--config"])
        .arg(file)
        .env_clear()
        .envs(want.environment.iter().map(|(k, v)| (k, v)))
        .output()
        .unwrap();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let valid = found["valid"].as_bool().unwrap();
    assert_eq!(output.status.code(), Some(i32::from(!valid)), "{}", file.display());
    found
}

/// The text with every edit done, from the last to the first.
fn edited(text: &str, fix: &[Value]) -> String {
    let mut out: Vec<char> = text.chars().collect();
    let number = |edit: &Value, key: &str| edit[key].as_u64().unwrap() as usize;
    let mut edits: Vec<&Value> = fix.iter().collect();
    edits.sort_by_key(|it| (number(it, "line"), number(it, "column")));
    for edit in edits.into_iter().rev() {
        let above = text.split_inclusive('\n').take(number(edit, "line") - 1);
        let start = above.map(|it| it.chars().count()).sum::<usize>() + number(edit, "column") - 1;
        let end = (start + number(edit, "length")).min(out.len());
        out.splice(start.min(end)..end, edit["replacement"].as_str().unwrap().chars());
    }
    out.into_iter().collect()
}

/// What is not as wanted; `Ok(true)` when our edit puts it right.
fn check(file: &Path, folder: &Path) -> Result<bool, String> {
    let text = fs::read_to_string(file).unwrap();
    let want = Want::of(&text);
    let found = validate(file, &want);
    let all = found["diagnostics"].as_array().unwrap();
    let at = |it: &Value| it["line"].as_u64().zip(it["column"].as_u64());
    let first = all.iter().find(|it| it["code"] == want.code.as_str());
    let Some(first) = first.filter(|it| at(it) == want.place) else {
        let got: Vec<String> =
            all.iter().map(|it| format!("{} {:?} {}", it["code"], at(it), it["message"])).collect();
        return Err(format!(
            "wanted {} {:?}, got\n    {}",
            want.code,
            want.place,
            got.join("\n    ")
        ));
    };
    if all.iter().any(|it| it["severity"] == "error" && it["code"] != want.code.as_str()) {
        return Err(format!("more than one mistake: {found:#}"));
    }
    let fix = first["fix"].as_array().unwrap();
    if !want.fixable {
        let quiet = fix.is_empty();
        return if quiet { Ok(false) } else { Err("has an edit after all".to_owned()) };
    }
    if fix.is_empty() {
        return Err(format!("no edit; help: {}", first["help"]));
    }
    let better = folder.join(file.file_name().unwrap());
    let text = edited(&text, fix);
    fs::write(&better, &text).unwrap();
    let after = validate(&better, &want);
    let gone =
        after["diagnostics"].as_array().unwrap().iter().all(|it| it["code"] != want.code.as_str());
    if after["valid"] == true && gone {
        return Ok(true);
    }
    Err(format!("the edit does not help:\n{text}\n{}", after["text"].as_str().unwrap()))
}

#[test]
fn each_mistake_is_found_where_it_is_and_put_right_by_our_edit() {
    let folder = tempfile::tempdir().unwrap();
    let mut files: Vec<_> = fs::read_dir(repository().join("tests/mistakes"))
        .unwrap()
        .map(|it| it.unwrap().path())
        .collect();
    files.sort();
    let (mut problems, mut fixed) = (Vec::new(), 0);
    for file in &files {
        match check(file, folder.path()) {
            Ok(is_fixed) => fixed += usize::from(is_fixed),
            Err(problem) => problems.push(format!("{}: {problem}", file.display())),
        }
    }
    println!("{} mistakes, {fixed} put right by our edit", files.len());
    assert!(problems.is_empty(), "{} of {}:\n{}", problems.len(), files.len(), problems.join("\n"));
    assert!(files.len() >= MISTAKES_MIN, "only {} mistakes", files.len());
    assert!(fixed * 100 >= files.len() * FIXED_PERCENT_MIN, "only {fixed} of {}", files.len());
}

/// `SL0102 7:5` of all diagnostics of some configurations that are merged.
fn found(configs: &[&[u8]]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(SLUICE);
    command.args(["validate", "-o", "json"]).env_clear();
    for (at, config) in configs.iter().enumerate() {
        let file = folder.path().join(format!("{at}.yaml"));
        fs::write(&file, config).unwrap();
        command.arg("--config").arg(file);
    }
    let found: Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
    let all = found["diagnostics"].as_array().unwrap().iter();
    let shown =
        |it: &Value| format!("{} {}:{}", it["code"].as_str().unwrap(), it["line"], it["column"]);
    all.map(shown).filter(|it| !it.starts_with("SL0308")).collect()
}

const OTLP: &str = "receivers:\n  otlp: {protocols: {grpc: }}\n";
const DEBUG: &str = "exporters:\n  debug:\n";
const LOGS: &str = "service: {pipelines: {logs: {receivers: [otlp], exporters: [debug]}}}\n";

#[test]
fn one_mistake_does_not_hide_the_next_one() {
    let files = "receivers:\n  file_log:\n    include: [/a, [b], 3, {c: d}]\n";
    let metrics =
        "service:\n  pipelines:\n    metrics: {receivers: [file_log], exporters: [debug]}\n";
    let config = [files, DEBUG, metrics].concat();
    assert_eq!(found(&[config.as_bytes()]), ["SL0103 3:19", "SL0103 3:24", "SL0103 3:27"]);

    let right = files.replace(", [b], 3, {c: d}", "");
    let traces = "    traces: {receivers: [file_log], exporters: [debug]}\n";
    let config = [&right, DEBUG, metrics, traces].concat();
    assert_eq!(found(&[config.as_bytes()]), ["SL0108 8:27", "SL0108 9:26"]);

    let operators = "receivers:\n  file_log:\n    include: [/a]\n    strat_at: end\n    operators:\n      \
                     - {type: json_parser, parse_from: foo}\n      - {type: nope}\n      \
                     - {type: container, format: podman}\n      - {type: time_parser, parse_from: body, layout: '%Q'}\n      \
                     - {type: noop, output: nowhere}\n";
    let logs = "service: {pipelines: {logs: {receivers: [file_log], exporters: [debug]}}}\n";
    let all = found(&[[operators, DEBUG, logs].concat().as_bytes()]);
    for place in ["SL0102 4:5", "SL0106 6:41", "SL0110 7:16", "SL0110 8:35", "SL0106 9:55"] {
        assert!(all.iter().any(|it| it == place), "{place}: {all:?}");
    }

    let actions = "processors:\n  attributes:\n    actions:\n      - {key: a, action: insrt}\n      \
                   - {key: b, action: delte}\n      - {key: c, actoin: delete}\n";
    let config = [OTLP, actions, DEBUG, LOGS].concat();
    let all = found(&[config.as_bytes()]);
    for place in ["SL0110 6:26", "SL0110 7:26", "SL0102 8:18"] {
        assert!(all.iter().any(|it| it == place), "{all:?}");
    }

    let config = "receivers:\n  otpl:\n  snowflake:\nexporters:\n  debgu:\n  loki:\n";
    let config = [config, LOGS].concat();
    let all = found(&[config.as_bytes()]);
    assert_eq!(all, ["SL0101 2:3", "SL0101 3:3", "SL0101 5:3", "SL0116 6:3"]);
}

#[test]
fn what_has_no_key_has_a_place() {
    assert_eq!(found(&[b""]), ["SL0107 1:1"]);
    assert_eq!(found(&[b"# nothing\n"]), ["SL0107 1:1"]);
    assert_eq!(found(&[[OTLP, DEBUG].concat().as_bytes()]), ["SL0107 1:1"]);
    let latin1 =
        [OTLP.as_bytes(), b"exporters:\n  debug: # Gr\xfc\xdfe\n", LOGS.as_bytes()].concat();
    assert_eq!(found(&[&latin1]), ["SL0004 4:14"]);
    let two = [OTLP, DEBUG, LOGS, "---\nreceivers:\n"].concat();
    assert_eq!(found(&[two.as_bytes()]), ["SL0321 6:1"]);
    let control = [OTLP, DEBUG, LOGS, "\0"].concat();
    assert_eq!(found(&[control.as_bytes()]), ["SL0005 6:1"]);
}

#[test]
fn an_overlay_that_drops_what_protects_a_pipeline_is_shown() {
    let processors = "processors:\n  memory_limiter: {check_interval: 1s, limit_mib: 100}\n  batch:\n  \
                      batch/2:\n";
    let logs = "service: {pipelines: {logs: {receivers: [otlp], processors: [memory_limiter, batch], \
                exporters: [debug]}}}\n";
    let base = [OTLP, processors, DEBUG, logs].concat();
    let over = b"service:\n  pipelines:\n    logs:\n      processors: [batch/2]\n";
    let all = found(&[base.as_bytes(), over]);
    assert!(all.iter().any(|it| it == "SL0325 4:19"), "{all:?}");
    let kept =
        b"service:\n  pipelines:\n    logs:\n      processors: [memory_limiter, batch/2, batch]\n";
    assert!(found(&[base.as_bytes(), kept]).is_empty());
}
