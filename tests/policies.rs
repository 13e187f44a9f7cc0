//! Telemetry policies: the conformance suite that all implementations share, through the command and through the running
//! processor; and policies that change while records flow. The suite is other people's and stays outside the
//! repository; where it is absent the test says so.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers of tests are small, or drawn by chance"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value as Json};

use crate::support::{Process, SLUICE, eventually, get, own_address, post, repository, skipped};

/// A payload of a case, and what has to come of it.
struct Batch {
    case: PathBuf,
    signal: &'static str,
    input: PathBuf,
    expected: Json,
}

impl Batch {
    fn policies(&self) -> PathBuf {
        self.case.join("policies.json")
    }
}

fn json(path: &Path) -> Json {
    let text =
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The cases of the suite, each with its batches; none where the suite is absent.
fn cases() -> Vec<(PathBuf, Vec<Batch>)> {
    let folder = std::env::var_os("SLUICE_CONFORMANCE")
        .map_or_else(|| repository().join("../shared/conformance"), PathBuf::from);
    let Ok(entries) = fs::read_dir(folder.join("telemetry-policy/testcases")) else {
        skipped(format_args!("the conformance suite is missing: {}", folder.display()));
        return Vec::new();
    };
    let mut folders: Vec<PathBuf> = entries.map(|it| it.unwrap().path()).collect();
    folders.sort();
    folders.into_iter().map(|case| (case.clone(), batches(&case))).collect()
}

fn batches(case: &Path) -> Vec<Batch> {
    let single = [("input.json".to_owned(), "expected.json".to_owned())];
    let several = (1..).map(|it| (format!("input_{it}.json"), format!("expected_{it}.json")));
    let files: Vec<(String, String)> = if case.join("input.json").exists() {
        single.into()
    } else {
        several.take_while(|it| case.join(&it.0).exists()).collect()
    };
    let batch = |(input, expected): (String, String)| {
        let input = case.join(input);
        let request = json(&input);
        let name = case.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is = |key, prefix| request.get(key).is_some() || name.starts_with(prefix);
        let signal = match () {
            () if is("resourceMetrics", "metrics_") => "metric",
            () if is("resourceSpans", "traces_") => "trace",
            () => "log",
        };
        Batch { case: case.to_owned(), signal, input, expected: normal(json(&case.join(expected))) }
    };
    files.into_iter().map(batch).collect()
}

const SEVERITIES: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

/// The number of a member of an enum; 0 for those that say nothing.
fn member(name: &str) -> Option<i64> {
    if let Some(severity) = name.strip_prefix("SEVERITY_NUMBER_") {
        let level = severity.trim_end_matches(|it: char| it.is_ascii_digit());
        let step = severity[level.len()..].parse().unwrap_or(1);
        let at = SEVERITIES.iter().position(|it| *it == level);
        return Some(at.map_or(0, |at| i64::try_from(at).unwrap() * 4 + step));
    }
    Some(match name {
        "SPAN_KIND_UNSPECIFIED" | "STATUS_CODE_UNSET" | "AGGREGATION_TEMPORALITY_UNSPECIFIED" => 0,
        "SPAN_KIND_INTERNAL" | "STATUS_CODE_OK" | "AGGREGATION_TEMPORALITY_DELTA" => 1,
        "SPAN_KIND_SERVER" | "STATUS_CODE_ERROR" | "AGGREGATION_TEMPORALITY_CUMULATIVE" => 2,
        "SPAN_KIND_CLIENT" => 3,
        "SPAN_KIND_PRODUCER" => 4,
        "SPAN_KIND_CONSUMER" => 5,
        _ => return None,
    })
}

/// As the suite compares: without what is empty or 0, numbers as numbers, members of enums as numbers.
fn normal(value: Json) -> Json {
    match value {
        Json::Object(entries) => {
            let entries = entries.into_iter().map(|(key, it)| (key, normal(it)));
            let is_something = |it: &Json| match it {
                Json::Null | Json::Bool(false) => false,
                Json::Array(it) => !it.is_empty(),
                Json::Object(it) => !it.is_empty(),
                Json::String(it) => !it.is_empty(),
                Json::Number(it) => it.as_f64() != Some(0.0),
                Json::Bool(true) => true,
            };
            let mut kept: Vec<(String, Json)> = entries.filter(|it| is_something(&it.1)).collect();
            kept.sort_by(|a, b| a.0.cmp(&b.0));
            Json::Object(Map::from_iter(kept))
        }
        Json::Array(items) => Json::Array(items.into_iter().map(normal).collect()),
        Json::String(text) if text.bytes().all(|it| it.is_ascii_digit()) && !text.is_empty() => {
            text.parse::<f64>().map_or(Json::String(text), Json::from)
        }
        Json::String(text) => member(&text).map_or(Json::String(text), |it| Json::from(it as f64)),
        Json::Number(it) => it.as_f64().map_or(Json::Null, Json::from),
        other => other,
    }
}

/// Hits, misses and mistakes by policy; without those that did nothing.
type Stats = BTreeMap<String, (u64, u64, Vec<String>)>;

fn add(stats: &mut Stats, from: &Json) {
    for policy in from["policies"].as_array().into_iter().flatten() {
        let id = policy["policy_id"].as_str().unwrap_or_default();
        let number = |key: &str| policy[key].as_u64().unwrap_or(0);
        let it = stats.entry(id.to_owned()).or_default();
        (it.0, it.1) = (it.0 + number("hits"), it.1 + number("misses"));
        for error in policy["errors"].as_array().into_iter().flatten().filter_map(Json::as_str) {
            if !it.2.iter().any(|known| known == error) {
                it.2.push(error.to_owned());
            }
        }
    }
    stats.retain(|_, it| *it != (0, 0, Vec::new()));
}

fn expected(case: &Path) -> Stats {
    let mut stats = Stats::new();
    add(&mut stats, &json(&case.join("expected_stats.json")));
    stats
}

#[test]
fn the_conformance_suite_passes_through_the_command() {
    let cases = cases();
    let folder = tempfile::tempdir().unwrap();
    let (output, statistics) = (folder.path().join("out.json"), folder.path().join("stats.json"));
    let mut failed = Vec::new();
    for (case, batches) in &cases {
        let mut stats = Stats::new();
        for batch in batches {
            let run = Command::new(SLUICE)
                .args(["policy", "test", "--signal", batch.signal])
                .args([Path::new("--policies"), &batch.policies()])
                .args([Path::new("--input"), &batch.input])
                .args([Path::new("--output"), &output, Path::new("--stats"), &statistics])
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&run.stderr).into_owned();
            assert!(run.status.success(), "{}: {said}", case.display());
            let left = normal(json(&output));
            if left != batch.expected {
                failed.push(format!("{}: {left}\n  not {}", batch.input.display(), batch.expected));
            }
            add(&mut stats, &json(&statistics));
        }
        if stats != expected(case) {
            failed.push(format!("{}: {stats:?}\n  not {:?}", case.display(), expected(case)));
        }
    }
    println!("telemetry policies: {} of {} cases passed", cases.len() - failed.len(), cases.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// The first port; one for each batch follows.
const PORTS: u16 = 20_000;

/// A collector with a pipeline for each batch.
fn every_batch(batches: &[&Batch], address: &str, folder: &Path) -> String {
    let [mut receivers, mut extensions, mut processors, mut exporters, mut pipelines] =
        [const { String::new() }; 5];
    for (number, batch) in batches.iter().enumerate() {
        let port = PORTS + u16::try_from(number).unwrap();
        let _ = writeln!(
            receivers,
            "  otlp/{number}: {{protocols: {{http: {{endpoint: '{address}:{port}'}}}}}}"
        );
        let policies = batch.policies();
        let _ = writeln!(
            extensions,
            "  file_telemetry_policy/{number}: {{path: '{}'}}",
            policies.display()
        );
        let _ = writeln!(
            processors,
            "  telemetry_policy/{number}: {{providers: [file_telemetry_policy/{number}]}}"
        );
        let out = folder.join(format!("{number}.json"));
        let _ = writeln!(exporters, "  file/{number}: {{path: '{}'}}", out.display());
        let signal = format!("{}s", batch.signal);
        let _ = writeln!(
            pipelines,
            "    {signal}/{number}: {{receivers: [otlp/{number}], processors: [telemetry_policy/{number}], \
             exporters: [file/{number}]}}"
        );
    }
    let listed = (0..batches.len()).map(|it| format!("file_telemetry_policy/{it}"));
    let listed = listed.collect::<Vec<_>>().join(", ");
    format!(
        "receivers:\n{receivers}extensions:\n{extensions}processors:\n{processors}exporters:\n{exporters}service:
  extensions: [{listed}]
  telemetry:
    metrics:
      readers: [{{pull: {{exporter: {{prometheus: {{host: '{address}', port: 8888}}}}}}}}]
  pipelines:\n{pipelines}"
    )
}

/// The value of the label `name` in a line of the exposition format.
fn label<'l>(line: &'l str, name: &str) -> Option<&'l str> {
    let (_, rest) = line.split_once(&format!("{name}=\""))?;
    rest.split_once('"').map(|it| it.0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_conformance_suite_passes_through_the_running_processor() {
    let cases = cases();
    if cases.is_empty() {
        return;
    }
    let batches: Vec<&Batch> = cases.iter().flat_map(|it| &it.1).collect();
    let folder = tempfile::tempdir().unwrap();
    let address = own_address(245);
    let yaml = every_batch(&batches, &address, folder.path());
    let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
    sluice.ready().await;
    for (number, batch) in batches.iter().enumerate() {
        let port = PORTS + u16::try_from(number).unwrap();
        let answer = post(&address, port, batch.signal, &fs::read(&batch.input).unwrap());
        assert_eq!(answer, "HTTP/1.1 200 OK", "{}", batch.input.display());
    }
    let metrics = get(&address, 8888, "/metrics").unwrap();
    assert!(sluice.terminate().await.success(), "{}", sluice.output());
    let mut failed = Vec::new();
    for (number, batch) in batches.iter().enumerate() {
        let written = fs::read_to_string(folder.path().join(format!("{number}.json")));
        let written = written.unwrap_or_default();
        let left = written
            .lines()
            .next()
            .map_or(Json::Null, |it| normal(serde_json::from_str(it).unwrap()));
        let nothing = batch.expected == Json::Object(Map::new());
        if left != batch.expected && !(left == Json::Null && nothing) {
            failed.push(format!("{}: {left}\n  not {}", batch.input.display(), batch.expected));
        }
    }
    let mut number = 0;
    for (case, batches) in &cases {
        let instances = number..number + batches.len();
        number += batches.len();
        let mut stats = Stats::new();
        for line in metrics.lines() {
            let hits = line.starts_with("sluice_telemetry_policy_hits");
            let misses = line.starts_with("sluice_telemetry_policy_misses");
            let (Some(policy), Some(processor)) = (label(line, "policy"), label(line, "processor"))
            else {
                continue;
            };
            let instance =
                processor.strip_prefix("telemetry_policy/").and_then(|it| it.parse().ok());
            if !(hits || misses) || !instance.is_some_and(|it| instances.contains(&it)) {
                continue;
            }
            let value =
                line.rsplit(' ').next().and_then(|it| it.parse::<f64>().ok()).unwrap_or(0.0);
            let it = stats.entry(policy.to_owned()).or_default();
            if hits { it.0 += value as u64 } else { it.1 += value as u64 }
        }
        let mut want = expected(case);
        for (policy, it) in &mut want {
            if !it.2.is_empty() {
                let said = sluice.output();
                assert!(said.contains(policy.as_str()), "{policy} is not named:\n{said}");
                it.2.clear();
            }
        }
        want.retain(|_, it| *it != (0, 0, Vec::new()));
        if stats != want {
            failed.push(format!("{}: {stats:?}\n  not {want:?}", case.display()));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// A collector with a pipeline for each batch, whose processor is `rego` with a module.
fn every_module(batches: &[(&Batch, PathBuf)], address: &str, folder: &Path) -> String {
    let [mut receivers, mut processors, mut exporters, mut pipelines] =
        [const { String::new() }; 4];
    for (number, (batch, module)) in batches.iter().enumerate() {
        let port = PORTS + u16::try_from(number).unwrap();
        let (module, out) = (module.display(), folder.join(format!("{number}.json")));
        let signal = format!("{}s", batch.signal);
        let _ = writeln!(
            receivers,
            "  otlp/{number}: {{protocols: {{http: {{endpoint: '{address}:{port}'}}}}}}"
        );
        let _ = writeln!(
            processors,
            "  rego/{number}: {{files: ['{module}'], decision: data.sluice.decision, on_error: propagate}}"
        );
        let _ = writeln!(exporters, "  file/{number}: {{path: '{}'}}", out.display());
        let _ = writeln!(
            pipelines,
            "    {signal}/{number}: {{receivers: [otlp/{number}], processors: [rego/{number}], \
             exporters: [file/{number}]}}"
        );
    }
    format!(
        "receivers:\n{receivers}processors:\n{processors}exporters:\n{exporters}service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines:\n{pipelines}"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_becomes_rego_does_the_same_in_the_rego_processor() {
    let cases = cases();
    let (folder, address) = (tempfile::tempdir().unwrap(), own_address(39));
    let mut converted: Vec<(&Batch, PathBuf)> = Vec::new();
    for batch in cases.iter().flat_map(|it| &it.1) {
        let run = Command::new(SLUICE)
            .args(["policy", "convert", "--signal", batch.signal])
            .args([Path::new("--policies"), &batch.policies()])
            .output()
            .unwrap();
        if run.status.success() {
            let module = folder.path().join(format!("{}.rego", converted.len()));
            fs::write(&module, run.stdout).unwrap();
            converted.push((batch, module));
        }
    }
    if cases.is_empty() {
        return;
    }
    let yaml = every_module(&converted, &address, folder.path());
    let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
    sluice.ready().await;
    for (number, (batch, _)) in converted.iter().enumerate() {
        let port = PORTS + u16::try_from(number).unwrap();
        let answer = post(&address, port, batch.signal, &fs::read(&batch.input).unwrap());
        assert_eq!(answer, "HTTP/1.1 200 OK", "{}\n{}", batch.input.display(), sluice.output());
    }
    assert!(sluice.terminate().await.success(), "{}", sluice.output());
    let mut failed = Vec::new();
    for (number, (batch, module)) in converted.iter().enumerate() {
        let written = fs::read_to_string(folder.path().join(format!("{number}.json")));
        let written = written.unwrap_or_default();
        let left = written.lines().next();
        let left = left.map_or(Json::Null, |it| normal(serde_json::from_str(it).unwrap()));
        let nothing = batch.expected == Json::Object(Map::new());
        if left != batch.expected && !(left == Json::Null && nothing) {
            let module = fs::read_to_string(module).unwrap();
            let input = batch.input.display();
            failed.push(format!("{input}: {left}\n  not {}\n{module}", batch.expected));
        }
    }
    println!(
        "{} of {} converted policies do the same",
        converted.len() - failed.len(),
        converted.len()
    );
    assert!(converted.len() >= 50, "only {} can be converted", converted.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// A policy that drops records with this body.
fn drops(body: &str) -> String {
    format!(
        "id: drop-{body}\nname: d\nlog: {{match: [{{log_field: body, equals: {body}}}], keep: none}}\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policies_change_while_records_flow_and_mistakes_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let address = own_address(246);
    let directory = folder.path().join("policies");
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("a.yaml"), drops("one")).unwrap();
    let out = folder.path().join("out.json");
    let yaml = format!(
        "receivers: {{otlp: {{protocols: {{http: {{endpoint: '{address}:4318'}}}}}}}}
extensions: {{file_telemetry_policy: {{path: '{}'}}}}
processors: {{telemetry_policy: {{providers: [file_telemetry_policy]}}}}
exporters: {{file: {{path: '{}'}}}}
service:
  extensions: [file_telemetry_policy]
  telemetry: {{metrics: {{level: none}}}}
  pipelines: {{logs: {{receivers: [otlp], processors: [telemetry_policy], exporters: [file]}}}}
",
        directory.display(),
        out.display()
    );
    let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
    sluice.ready().await;
    let send = || {
        let record = |it: &str| format!("{{\"body\":{{\"stringValue\":\"{it}\"}}}}");
        let records = format!("{},{},{}", record("one"), record("two"), record("three"));
        let body =
            format!("{{\"resourceLogs\":[{{\"scopeLogs\":[{{\"logRecords\":[{records}]}}]}}]}}");
        assert_eq!(post(&address, 4318, "log", body.as_bytes()), "HTTP/1.1 200 OK");
        let written = fs::read_to_string(&out).unwrap_or_default();
        let last = written.lines().last().unwrap_or_default().to_owned();
        ["one", "two", "three"].map(|it| last.contains(&format!("\"{it}\"")))
    };
    assert!(eventually(|| send() == [false, true, true]).await, "{}", sluice.output());
    fs::write(directory.join("b.json"), "{\"policies\": [").unwrap();
    sluice.says("those read before stay in use").await;
    assert_eq!(send(), [false, true, true], "a mistake changes nothing");
    fs::write(directory.join("b.json"), "[]").unwrap();
    fs::write(directory.join("a.yaml"), drops("two")).unwrap();
    assert!(eventually(|| send() == [true, false, true]).await, "{}", sluice.output());
    assert!(sluice.terminate().await.success(), "{}", sluice.output());
}

#[test]
fn mistakes_are_shown_and_policies_become_rego() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.yaml");
    let run = |action: &str| {
        let run = Command::new(SLUICE).args(["policy", action, "--policies"]).arg(&path).output();
        let run = run.unwrap();
        let text = |it: &[u8]| String::from_utf8_lossy(it).into_owned();
        (run.status.code(), text(&run.stdout), text(&run.stderr))
    };
    fs::write(&path, drops("one").replace("log_field: body", "log_feild: body")).unwrap();
    let (code, said, complained) = run("check");
    assert_eq!((code, said.as_str()), (Some(1), "0 policies, 0 disabled, 1 mistakes\n"));
    let place = format!("{}:3:16", path.display());
    assert!(
        complained.contains(&place) && complained.contains("did you mean log_field?"),
        "{complained}"
    );
    fs::write(&path, drops("one")).unwrap();
    let (code, module, complained) = run("convert");
    assert_eq!((code, complained.as_str()), (Some(0), ""));
    assert!(
        module.contains("drops contains \"drop-one\" if {\n\tinput.log.body == \"one\"\n}"),
        "{module}"
    );
    fs::write(&path, drops("one").replace("none", "10/s")).unwrap();
    let (code, _, complained) = run("convert");
    assert_eq!(code, Some(1));
    let want = "policy \"drop-one\" cannot be Rego: Rego keeps no count between records";
    assert!(complained.contains(want), "{complained}");
}
