//! What the Go Collector answered, replayed against this program.
//!
//! Every recorded case must pass but for three lists beside this file, each line `family/case: reason`:
//! `later.txt` (a component or operator that does not exist yet), `newer.txt` (a later release
//! behaves as ours does), `better.txt` (the recorded program has an evident bug). A listed case
//! that passes is a failure too: the lists cannot rot.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::{SLUICE, repository};

/// Cases replayed at the same time: they mostly wait.
const JOBS: &str = "6";

#[test]
fn every_recorded_case_passes_or_is_listed_with_its_reason() {
    if Command::new("python3").arg("--version").output().is_err() {
        crate::support::skipped(format_args!(
            "python3 is not installed, and the replayer needs it"
        ));
        return;
    }
    let folder = repository().join("tests/golden");
    check(&folder, |cases| {
        let mut replayer = Command::new("python3");
        replayer.arg(folder.join("replay.py")).args(["-j", JOBS, SLUICE]).args(cases);
        replayer.output().unwrap()
    });
}

/// Replays the cases below `folder`. `replay` gets the folders of cases and answers what the replayer said of them.
pub fn check(folder: &Path, replay: impl FnOnce(Vec<PathBuf>) -> Output) {
    let lists = ["later", "newer", "better"].map(|name| (name, list(folder, name)));
    let mut families: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for case in cases(folder) {
        let (family, _) = case.split_once('/').unwrap();
        families.entry(family.to_owned()).or_default().insert(case);
    }
    let listed = |case: &str| lists.iter().find(|(_, list)| list.contains_key(case)).map(|it| it.0);
    // A flow of `later` is not replayed, which would wait for ports: it is enough that it is refused.
    let waits = |case: &str| listed(case) == Some("later") && is_flow(&folder.join(case));
    let replayed: Vec<&String> = families.values().flatten().filter(|case| !waits(case)).collect();
    let output = replay(replayed.iter().map(|case| folder.join(case)).collect());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let failed: BTreeSet<&str> = replayed
        .iter()
        .map(|case| case.as_str())
        .filter(|case| text.lines().any(|line| line.starts_with("FAIL") && names(line, case)))
        .collect();
    let mut problems = Vec::new();
    for (family, cases) in &families {
        let count = |name: &str| cases.iter().filter(|it| listed(it) == Some(name)).count();
        let passed =
            cases.iter().filter(|it| listed(it) != Some("later") && !failed.contains(it.as_str()));
        println!(
            "{family}: {} of {} pass, later {}, newer {}, better {}",
            passed.count(),
            cases.len(),
            count("later"),
            count("newer"),
            count("better"),
        );
        for case in cases {
            match (listed(case), failed.contains(case.as_str())) {
                (None, true) => problems.push(format!("{case}: fails")),
                (Some("later"), false) if waits(case) => {
                    let starts = starts(&folder.join(case));
                    let text = || format!("{case}: is not refused any more, but is listed");
                    problems.extend(starts.then(text));
                }
                (Some(_), false) => problems.push(format!("{case}: passes, but is listed")),
                _ => {}
            }
        }
    }
    let known: BTreeSet<String> = families.into_values().flatten().collect();
    for (name, list) in &lists {
        let strays = list.keys().filter(|case| !known.contains(*case));
        problems.extend(strays.map(|case| format!("{name}.txt: {case}: no such case")));
    }
    assert!(
        !text.is_empty(),
        "the replayer said nothing: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(problems.is_empty(), "{}\n\n{text}", problems.join("\n"));
}

/// True when the case runs the program with data, and does not only look at what it prints.
fn is_flow(case: &Path) -> bool {
    let text = fs::read_to_string(case.join("case.yaml")).unwrap();
    text.lines().any(|line| {
        matches!(line, r#"kind: "flow""# | r#"kind: "http-answers""# | r#"kind: "kube""#)
    })
}

/// True when the program would start with the configuration of this case.
fn starts(case: &Path) -> bool {
    const PORTS: [&str; 14] = [
        "IN_HTTP",
        "IN_GRPC",
        "IN_ZIPKIN",
        "IN_JAEGER",
        "IN_FLUENT",
        "OUT_HTTP",
        "OUT2_HTTP",
        "OUT3_HTTP",
        "OUT_PRW",
        "PROM",
        "TELEMETRY",
        "HEALTH",
        "ZPAGES",
        "PPROF",
    ];
    let ports = PORTS.iter().zip(1..).map(|(name, at)| (name, (20_000 + at).to_string()));
    let validate = Command::new(SLUICE)
        .args(["validate", "--config"])
        .arg(case.join("config.yaml"))
        .env("DIR", std::env::temp_dir())
        .envs(ports)
        .output()
        .unwrap();
    validate.status.success()
}

/// True when a line of the replayer is about this case.
fn names(line: &str, case: &str) -> bool {
    line.split_whitespace().nth(1).is_some_and(|it| it.trim_end_matches(':').ends_with(case))
}

/// All cases as `family/case`.
fn cases(folder: &Path) -> Vec<String> {
    let mut cases = Vec::new();
    for family in fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()) {
        for case in fs::read_dir(&family).into_iter().flatten().map(|it| it.unwrap().path()) {
            if case.join("case.yaml").exists() {
                cases.push(case.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    cases.sort();
    cases
}

/// A list of cases with reasons.
fn list(folder: &Path, name: &str) -> BTreeMap<String, String> {
    let text = fs::read_to_string(folder.join(format!("{name}.txt"))).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (case, reason) = line.split_once(": ").expect("`family/case: reason`");
            (case.to_owned(), reason.to_owned())
        })
        .collect()
}
