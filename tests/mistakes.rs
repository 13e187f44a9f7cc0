//! Configurations with one human mistake each: it is found where it is, and the edit that we offer
//! puts it right.
//!
//! Each file begins with what is wrong, the code and the place (`# want: SL0102 7:5`), and the
//! variables it needs. `without a fix` marks those that only a person can put right.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{SLUICE, repository};

/// Fewest configurations.
const MISTAKES_MIN: usize = 80;
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
