//! Which lines were evaluated, in the form of `opa test --coverage`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rego::Worker;
use serde_json::{Value as Json, json};

/// Lines of a file: covered or not.
pub type Lines = BTreeMap<String, BTreeMap<u32, bool>>;

/// Of one evaluation.
pub fn report(worker: &Worker) -> Json {
    let mut lines = Lines::new();
    add(&mut lines, worker);
    of(&lines)
}

/// What one more evaluation has covered; a line is covered once it was.
pub fn add(lines: &mut Lines, worker: &Worker) {
    for (file, covered) in worker.coverage() {
        let known = lines.entry(file).or_default();
        for (line, is_covered) in covered {
            *known.entry(line).or_default() |= is_covered;
        }
    }
}

/// Percentage of the lines that are covered.
pub fn percent(lines: &Lines) -> f64 {
    let all = || lines.values().flat_map(BTreeMap::values);
    share(all().filter(|it| **it).count(), all().count())
}

fn share(covered: usize, all: usize) -> f64 {
    let percent = if all == 0 { 100.0 } else { covered as f64 * 100.0 / all as f64 };
    (percent * 100.0).round() / 100.0
}

/// `file:row` of what is not covered, a line for each range.
pub fn missed(lines: &Lines) -> String {
    let mut text = "\nLines not covered:".to_owned();
    for (file, lines) in lines {
        let missed: Vec<u32> = lines.iter().filter(|it| !it.1).map(|it| *it.0).collect();
        for (start, end) in ranges(&missed) {
            let _ = write!(text, "\n\t{file}:{start}");
            if start != end {
                let _ = write!(text, "-{end}");
            }
        }
    }
    text
}

/// The report.
pub fn of(lines: &Lines) -> Json {
    let mut files = serde_json::Map::new();
    for (file, lines) in lines {
        let of = |wanted: bool| {
            lines.iter().filter(|it| *it.1 == wanted).map(|it| *it.0).collect::<Vec<_>>()
        };
        let (covered, missed) = (of(true), of(false));
        let coverage = share(covered.len(), covered.len() + missed.len());
        files.insert(
            file.clone(),
            json!({
                "covered": shown(&covered),
                "not_covered": shown(&missed),
                "covered_lines": covered.len(),
                "not_covered_lines": missed.len(),
                "coverage": coverage,
            }),
        );
    }
    let all = || lines.values().flat_map(BTreeMap::values);
    let covered = all().filter(|it| **it).count();
    json!({
        "files": files,
        "covered_lines": covered,
        "not_covered_lines": all().count() - covered,
        "coverage": percent(lines),
    })
}

/// Lines beside each other, first and last.
fn ranges(lines: &[u32]) -> Vec<(u32, u32)> {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for line in lines {
        match ranges.last_mut() {
            Some((_, end)) if *end + 1 == *line => *end = *line,
            _ => ranges.push((*line, *line)),
        }
    }
    ranges
}

fn shown(lines: &[u32]) -> Json {
    let range = |(start, end): (u32, u32)| json!({"start": {"row": start}, "end": {"row": end}});
    Json::Array(ranges(lines).into_iter().map(range).collect())
}
