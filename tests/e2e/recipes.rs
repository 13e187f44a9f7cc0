//! `docs/recipes.md`: each configuration runs as it stands there, but for its paths and its backend, and makes of the lines what
//! stands there. With `UPDATE_GOLDEN` what it makes is written there.

use std::fmt::Write as _;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Process, SLUICE, eventually, repository};

/// How long a recipe may take to make another record than those that are there; longer than its operators wait.
const QUIET: Duration = Duration::from_secs(3);

/// One recipe: its configuration, a file, its lines and the records, by their places in the page.
struct Recipe {
    title: String,
    yaml: Range<usize>,
    path: Range<usize>,
    lines: Range<usize>,
    records: Range<usize>,
}

fn recipes(page: &str) -> Vec<Recipe> {
    let between = |from: usize, before: &str, after: &str| {
        let start = from + page[from..].find(before).expect(before) + before.len();
        start..start + page[start..].find(after).expect(after)
    };
    let recipe = |at: usize| {
        let title = between(at, "\n## ", "\n");
        let yaml = between(title.end, "```yaml\n", "```");
        let path = between(yaml.end, "Lines in `", "`");
        let lines = between(path.end, "```text\n", "```");
        let records = between(lines.end + 3, "```text\n", "```");
        Recipe { title: page[title].to_owned(), yaml, path, lines, records }
    };
    page.match_indices("\n## ").map(|it| recipe(it.0)).collect()
}

/// A value of OTLP/JSON as plain JSON.
fn plain(value: &Value) -> Value {
    let Some((kind, it)) = value.as_object().and_then(|it| it.iter().next()) else {
        return Value::Null;
    };
    match kind.as_str() {
        "intValue" => {
            it.as_str().and_then(|it| it.parse::<i64>().ok()).map_or(it.clone(), Value::from)
        }
        "arrayValue" => it["values"].as_array().into_iter().flatten().map(plain).collect(),
        "kvlistValue" => {
            let pairs = it["values"].as_array().into_iter().flatten();
            pairs.map(|it| (it["key"].as_str().unwrap().to_owned(), plain(&it["value"]))).collect()
        }
        _ => it.clone(),
    }
}

fn attributes(text: &mut String, root: &str, of: &Value) {
    for it in of["attributes"].as_array().into_iter().flatten() {
        let key = it["key"].as_str().unwrap();
        let field = if key.contains('.') { format!("[\"{key}\"]") } else { format!(".{key}") };
        let _ = writeln!(text, "{root}{field}: {}", plain(&it["value"]));
    }
}

/// The records of a file of the file exporter, one line for each field.
fn shown(file: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for request in fs::read_to_string(file).unwrap_or_default().lines() {
        let Ok(request) = serde_json::from_str::<Value>(request) else { continue };
        for group in request["resourceLogs"].as_array().into_iter().flatten() {
            for record in group["scopeLogs"].as_array().into_iter().flatten() {
                for record in record["logRecords"].as_array().into_iter().flatten() {
                    all.push(record_text(record, &group["resource"]));
                }
            }
        }
    }
    all
}

fn record_text(record: &Value, resource: &Value) -> String {
    let mut text = String::new();
    if let Some(nanos) = record["timeUnixNano"].as_str().filter(|it| *it != "0") {
        let time = jiff::Timestamp::from_nanosecond(nanos.parse().unwrap()).unwrap();
        let _ = writeln!(text, "time: {time}");
    }
    if let Some(number) = record["severityNumber"].as_i64().filter(|it| *it > 0) {
        let _ = writeln!(text, "severity: {number} ({})", record["severityText"].as_str().unwrap());
    }
    let _ = writeln!(text, "body: {}", plain(&record["body"]));
    attributes(&mut text, "attributes", record);
    attributes(&mut text, "resource", resource);
    text
}

/// What the program makes of the lines of a recipe.
async fn run(recipe: &Recipe, page: &str, update: bool) -> String {
    let folder = tempfile::tempdir().unwrap();
    let under = |path: &str| format!("{}{path}", folder.path().display());
    let log = under(&page[recipe.path.clone()]);
    fs::create_dir_all(Path::new(&log).parent().unwrap()).unwrap();
    fs::create_dir_all(under("/var/lib/sluice")).unwrap();
    fs::write(&log, &page[recipe.lines.clone()]).unwrap();
    let yaml = page[recipe.yaml.clone()].replace("/var/", &under("/var/"));
    fs::write(folder.path().join("recipe.yaml"), yaml).unwrap();
    let out = folder.path().join("records.json");
    let backend = format!(
        "exporters: {{file: {{path: '{}'}}}}\nservice: {{telemetry: {{metrics: {{level: none}}}}, \
         pipelines: {{logs: {{exporters: [file]}}}}}}\n",
        out.display()
    );
    fs::write(folder.path().join("backend.yaml"), backend).unwrap();
    let arguments = ["--config", "recipe.yaml", "--config", "backend.yaml"];
    let mut process = Process::start(Path::new(SLUICE), folder.path(), &arguments);
    let wanted = if update { 1 } else { page[recipe.records.clone()].split("\n\n").count() };
    let came = eventually(|| shown(&out).len() >= wanted).await;
    assert!(came, "{}: {:?}\n{}", recipe.title, shown(&out), process.output());
    if update {
        tokio::time::sleep(QUIET).await;
    }
    process.kill();
    shown(&out).join("\n").replace(&under("/var"), "/var")
}

#[tokio::test]
async fn each_recipe_makes_of_the_lines_what_it_says() {
    let path = repository().join("docs/recipes.md");
    let page = fs::read_to_string(&path).unwrap();
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let recipes = recipes(&page);
    assert!(recipes.len() >= 6, "only {} recipes", recipes.len());
    let mut fresh = page.clone();
    for recipe in recipes.iter().rev() {
        let records = run(recipe, &page, update).await;
        if !update {
            assert_eq!(records, page[recipe.records.clone()], "{}", recipe.title);
        }
        fresh.replace_range(recipe.records.clone(), &records);
    }
    if update {
        fs::write(path, fresh).unwrap();
    }
}
