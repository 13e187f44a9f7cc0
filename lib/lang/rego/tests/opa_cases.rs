//! OPA's own evaluation cases, which `tests/parts/get-opa-cases` fetches. What passes is written down in
//! `opa_cases.txt`, one folder a line, and may not become less.

#![expect(clippy::unwrap_used, reason = "a test: a panic is how it fails")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use rego::{Options, Policy, Source, Value, Version};
use serde_json::Value as Json;

/// Folder, cases that passed, all cases.
type Table = BTreeMap<String, (usize, usize)>;

fn cases() -> Option<PathBuf> {
    let parts = env::var_os("SLUICE_PARTS").map(PathBuf::from);
    let home = || env::var_os("HOME").map(|it| PathBuf::from(it).join(".cache/sluice-parts"));
    parts.or_else(home).map(|it| it.join("opa-cases")).filter(|it| it.is_dir())
}

#[test]
fn as_many_of_opas_cases_pass_as_before() {
    let Some(root) = cases() else {
        eprintln!("skipped 4411: tests/parts/get-opa-cases was not run");
        return;
    };
    let mut files = Vec::new();
    yaml_files(&root, &mut files);
    files.sort();
    let (left, right) = files.split_at(files.len() / 2);
    let (mut table, misses) = std::thread::scope(|scope| {
        let other = scope.spawn(|| run(&root, right));
        let (mut table, mut misses) = run(&root, left);
        let (more, others) = other.join().unwrap();
        for (folder, (passed, all)) in more {
            let entry = table.entry(folder).or_default();
            *entry = (entry.0 + passed, entry.1 + all);
        }
        misses.extend(others);
        (table, misses)
    });
    table.retain(|_, (_, all)| *all > 0);
    if let Some(path) = env::var_os("SLUICE_REGO_MISSES") {
        fs::write(path, misses.join("\n")).unwrap();
    }
    let shown = show(&table);
    eprint!("{shown}");
    let floors = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/opa_cases.txt");
    if env::var_os("SLUICE_REGO_WRITE").is_some() {
        fs::write(&floors, &shown).unwrap();
    }
    let floors = read(&fs::read_to_string(floors).unwrap());
    let less: Vec<String> = (floors.iter())
        .filter_map(|(folder, (floor, _))| {
            let now = table.get(folder).map_or(0, |it| it.0);
            (now < *floor).then(|| format!("{folder}: {now} and not {floor}"))
        })
        .collect();
    assert!(less.is_empty(), "fewer cases pass: {less:#?}");
}

fn show(table: &Table) -> String {
    let mut text = String::new();
    let mut total = (0, 0);
    for (folder, (passed, all)) in table {
        writeln!(text, "{folder} {passed} {all}").unwrap();
        total = (total.0 + passed, total.1 + all);
    }
    writeln!(
        text,
        "# {} of {}: {:.1} %",
        total.0,
        total.1,
        100.0 * total.0 as f64 / total.1 as f64
    )
    .unwrap();
    text
}

fn read(text: &str) -> Table {
    let lines = text.lines().filter(|it| !it.starts_with('#'));
    lines
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            (words[0].to_owned(), (words[1].parse().unwrap(), words[2].parse().unwrap()))
        })
        .collect()
}

fn yaml_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            yaml_files(&path, files);
        } else if path.extension().is_some_and(|it| it == "yaml") {
            files.push(path);
        }
    }
}

fn run(root: &Path, files: &[PathBuf]) -> (Table, Vec<String>) {
    let mut table = Table::new();
    let mut misses = Vec::new();
    for path in files {
        let relative = path.strip_prefix(root).unwrap();
        let folder = relative.parent().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(path).unwrap();
        let Ok(cases) = Value::from_yaml_str(&text) else {
            misses.push(format!("{folder}: {} is not read", path.display()));
            continue;
        };
        for case in cases["cases"].as_array().unwrap() {
            let note = text_of(&case["note"]);
            if needs_network(&folder, &note) {
                continue;
            }
            let entry = table.entry(folder.clone()).or_default();
            entry.1 += 1;
            match check(case, folder.starts_with("v0")) {
                Ok(()) => entry.0 += 1,
                Err(why) => misses.push(format!("{folder}: {note}: {}", why.replace('\n', " "))),
            }
        }
    }
    (table, misses)
}

/// What only the network, or only OPA's own test harness, can answer.
fn needs_network(folder: &str, note: &str) -> bool {
    folder.ends_with("netlookupipaddr")
        || note.starts_with("rego.target")
        || note.contains("httpsend")
}

fn text_of(value: &Value) -> String {
    value.as_string().map(ToString::to_string).unwrap_or_default()
}

fn check(case: &Value, is_v0: bool) -> Result<(), String> {
    let found = evaluate(case, is_v0);
    let code = text_of(&case["want_error_code"]);
    if case["want_error_code"] != Value::Undefined || case["want_error"] != Value::Undefined {
        return match found {
            Err((got, _)) if code.is_empty() || code == got => Ok(()),
            Err((got, text)) => Err(format!("wanted {code}, got {got}: {text}")),
            Ok(found) => Err(format!("wanted an error, got {found:?}")),
        };
    }
    let found = found.map_err(|(code, text)| format!("{code}: {text}"))?;
    if let Value::Bool(wanted) = case["want_defined"] {
        let is_defined = !found.is_empty();
        return if is_defined == wanted { Ok(()) } else { Err(format!("defined: {is_defined}")) };
    }
    let sorted = case["sort_bindings"] == Value::from(true);
    let wanted = case["want_result"].as_array().into_iter().flatten().cloned().collect::<Vec<_>>();
    let mut wanted: Vec<String> = wanted.iter().map(|it| normal(&json(it), sorted)).collect();
    let mut got: Vec<String> = found.iter().map(|it| normal(it, sorted)).collect();
    wanted.sort();
    got.sort();
    if wanted == got { Ok(()) } else { Err(format!("wanted {wanted:?}, got {got:?}")) }
}

fn evaluate(case: &Value, is_v0: bool) -> Result<Vec<Json>, (String, String)> {
    let modules = case["modules"].as_array().into_iter().flatten().cloned().collect::<Vec<_>>();
    let named = |(at, it): (usize, &Value)| Source::new(format!("test-{at}.rego"), text_of(it));
    let sources = modules.iter().enumerate().map(named).collect();
    let data = match &case["data"] {
        Value::Undefined | Value::Null => Value::new_object(),
        data => data.clone(),
    };
    let options = Options {
        version: if is_v0 { Version::V0 } else { Version::V1 },
        strict_builtin_errors: case["strict_error"] == Value::from(true),
        ..Options::default()
    };
    let all = |it: rego::Errors| {
        let first = it.0.first().map_or("", |it| it.code);
        (first.to_owned(), it.to_string())
    };
    let one = |it: rego::Error| (it.code.to_owned(), it.to_string());
    let mut input = case["input"].clone();
    if let Value::String(term) = &case["input_term"] {
        let policy = Policy::compile(Vec::new(), Value::new_object(), &options).map_err(all)?;
        let query = policy.query(&format!("x = {term}")).map_err(all)?;
        let results = query.worker().results(Value::Undefined).map_err(one)?;
        input = results.result.first().map_or(Value::Undefined, |it| it.bindings["x"].clone());
    }
    let policy = Policy::compile(sources, data, &options).map_err(all)?;
    let query = policy.query(&text_of(&case["query"])).map_err(all)?;
    let results = query.worker().results(input).map_err(one)?;
    Ok(results.result.iter().map(|it| json(&it.bindings)).collect())
}

fn json(value: &Value) -> Json {
    serde_json::to_value(value).unwrap_or(Json::Null)
}

/// Numbers by their value, objects by their keys, and arrays sorted if they stand for sets.
fn normal(value: &Json, sorted: bool) -> String {
    match value {
        Json::Array(items) => {
            let mut items: Vec<String> = items.iter().map(|it| normal(it, sorted)).collect();
            if sorted {
                items.sort();
            }
            format!("[{}]", items.join(","))
        }
        Json::Object(entries) => {
            let entry =
                |(key, value): (&String, &Json)| format!("{key:?}:{}", normal(value, sorted));
            let mut entries: Vec<String> = entries.iter().map(entry).collect();
            entries.sort();
            format!("{{{}}}", entries.join(","))
        }
        Json::Number(number) if number.as_i64().is_none() => match number.as_f64() {
            Some(float) if float.fract() == 0.0 && float.abs() < 1e15 => format!("{float:.0}"),
            Some(float) => format!("{float}"),
            None => number.to_string(),
        },
        other => other.to_string(),
    }
}
