//! Real users' configurations. They are other people's and stay outside the repository; where they
//! are absent the test says so.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::support::{SLUICE, repository};

/// Variables that the configurations expect from their surroundings.
const ENVIRONMENT: [(&str, &str); 4] = [
    ("MY_POD_IP", "127.0.0.1"),
    ("OTEL_K8S_NODE_NAME", "node-1"),
    ("OTEL_K8S_NAMESPACE", "default"),
    ("OTEL_K8S_POD_NAME", "agent-1"),
];

fn folder() -> PathBuf {
    std::env::var_os("SLUICE_CONFIGS")
        .map_or_else(|| repository().join("../shared/configs"), PathBuf::from)
}

#[test]
fn real_configurations_are_accepted_or_only_components_that_do_not_exist_yet_are_named() {
    let mut files: Vec<PathBuf> = ["helm", "real-world"]
        .iter()
        .filter_map(|it| fs::read_dir(folder().join(it)).ok())
        .flatten()
        .map(|it| it.unwrap().path())
        .collect();
    files.sort();
    if files.is_empty() {
        println!("skipped: no configurations at {} (set SLUICE_CONFIGS)", folder().display());
        return;
    }
    let mut problems = Vec::new();
    let mut accepted = 0;
    for file in &files {
        let output = Command::new(SLUICE)
            .args(["validate", "--config"])
            .arg(file)
            .envs(ENVIRONMENT)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if output.status.success() {
            accepted += 1;
            println!("{name}: accepted");
            continue;
        }
        let unknown: BTreeSet<&str> = text.lines().filter_map(unknown_type).collect();
        println!("{name}: needs {}", unknown.iter().copied().collect::<Vec<_>>().join(", "));
        let others = headline(&text).into_iter().filter(|line| unknown_type(line).is_none());
        problems.extend(others.map(|line| format!("{name}: {line}")));
        if unknown.is_empty() {
            problems.push(format!("{name}: refused without a missing component:\n{text}"));
        }
    }
    println!("{accepted} of {} accepted", files.len());
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// `'receivers' unknown type: "x" for id: ...` and the operators' `unsupported type 'x'`.
fn unknown_type(line: &str) -> Option<&str> {
    let (section, rest) = line.split_once(" unknown type: \"")?;
    section.starts_with('\'').then(|| rest.split('"').next().unwrap_or_default())
}

/// The Collector's part of the message: what stands before the first excerpt, without its envelope.
fn headline(text: &str) -> Vec<&str> {
    let end = text.find("\n\n  --> ").or_else(|| text.find("\n  --> ")).unwrap_or(text.len());
    text[..end]
        .lines()
        .filter(|line| !line.is_empty() && !line.contains("decoding failed due to the following"))
        .collect()
}
