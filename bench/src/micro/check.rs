//! The regression check: instructions per record under callgrind, which a shared machine does not
//! disturb, beside the kept ones.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

use super::{measured, rows};
use crate::table::folder;

/// More than this much above the kept figure fails.
const GROWTH_MAX: f64 = 0.10;

/// Does the work of one row once, warm. This is what runs under callgrind.
pub fn once(id: &str) -> anyhow::Result<()> {
    let row = rows().into_iter().find(|it| it.id == id);
    let mut row = row.with_context(|| format!("there is no row {id:?}"))?;
    // Not by way of `measured`: only the second call is counted.
    (row.ours)();
    measured(&mut row.ours);
    Ok(())
}

/// Counts all rows; writes the baseline, or compares with it.
pub fn check(bless: bool) -> anyhow::Result<String> {
    let path = folder().join("baseline.txt");
    let kept = parse(&std::fs::read_to_string(&path).unwrap_or_default())?;
    ensure!(bless || !kept.is_empty(), "no baseline: run `bench check --bless` on main first");
    let mut now = BTreeMap::new();
    for row in rows() {
        now.insert(row.id.to_owned(), count(row.id)? / row.records as f64);
    }
    if bless {
        let lines = now.iter().map(|(id, count)| format!("{id} {count:.1}\n"));
        let head = String::from("# Instructions per record, by `bench check --bless`.\n");
        let text: String = std::iter::once(head).chain(lines).collect();
        std::fs::write(&path, &text)?;
        return Ok(text);
    }
    let (text, grown) = compare(&kept, &now);
    if grown.is_empty() {
        return Ok(text);
    }
    bail!("{text}\nmore than {:.0} % above baseline.txt: {}", GROWTH_MAX * 100.0, grown.join(", "))
}

/// Instructions of one call.
fn count(id: &str) -> anyhow::Result<f64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg("--toggle-collect=*micro*measured*")
        .arg(std::env::current_exe()?)
        .args(["once", id])
        .output()
        .context("valgrind is needed: apt-get install valgrind")?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "valgrind failed on {id}:\n{text}");
    let line = text.lines().find_map(|line| line.split_once("Collected : "));
    let number = line.and_then(|it| it.1.split_whitespace().next()?.parse::<f64>().ok());
    number.filter(|it| *it > 0.0).with_context(|| format!("no count for {id} in:\n{text}"))
}

fn parse(text: &str) -> anyhow::Result<BTreeMap<String, f64>> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let pair = |line: &str| {
        let (id, count) = line.split_once(' ')?;
        Some((id.to_owned(), count.parse().ok()?))
    };
    lines.map(|line| pair(line).with_context(|| format!("baseline.txt: {line:?}"))).collect()
}

/// A line per row, and the rows that have grown.
fn compare(kept: &BTreeMap<String, f64>, now: &BTreeMap<String, f64>) -> (String, Vec<String>) {
    let (mut text, mut grown) = (String::new(), Vec::new());
    for (id, count) in now {
        let Some(before) = kept.get(id) else {
            let _ = writeln!(text, "{id:10} {count:10.1}  new");
            continue;
        };
        let change = count / before - 1.0;
        let _ = writeln!(text, "{id:10} {count:10.1}  {:+.1} %", change * 100.0);
        if change > GROWTH_MAX {
            grown.push(id.clone());
        }
    }
    (text, grown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_grew_by_more_than_a_tenth_fails() {
        let kept = parse("# x\na 100.0\nb 100.0\nc 100.0\n").unwrap();
        let now = parse("a 109.0\nb 111.0\nc 50.0\nd 7.0\n").unwrap();
        let (text, grown) = compare(&kept, &now);
        assert_eq!(grown, ["b"]);
        assert!(text.contains("+11.0 %") && text.contains("new"), "{text}");
        assert!(parse("a b\n").is_err());
    }
}
