//! `sluice rego eval`.

use std::fmt::Write as _;
use std::process::ExitCode;

use rego::{Results, Value};
use serde_json::{Map, Value as Json, json};

use super::show::{self, Failure};
use super::{
    COVERAGE, EXIT_ERRORS, EXIT_UNDEFINED, EXPLAIN, FAIL, FAIL_DEFINED, FORMAT, VAR_VALUES,
    coverage, explain, load, loaded, options,
};
use crate::cli::Matches;
use crate::commands::reading;
use crate::console::{complain, say};

/// Largest input document, in bytes.
const INPUT_BYTES_MAX: u64 = 256 * 1024 * 1024;

pub fn run(matches: &Matches, query: &str) -> Result<ExitCode, String> {
    let format = Some(matches.value(&FORMAT)).filter(|it| !it.is_empty()).unwrap_or("json");
    let (results, report) = match evaluate(matches, query) {
        Ok(results) => results,
        Err(failure) if format == "json" => {
            say(&show::errors(&failure))?;
            return Ok(ExitCode::from(EXIT_ERRORS));
        }
        Err(failure) => {
            complain(format_args!("{failure}"));
            return Ok(ExitCode::from(EXIT_ERRORS));
        }
    };
    say(&written(&results, format, report))?;
    let is_defined = results
        .result
        .iter()
        .any(|it| it.expressions.last().is_some_and(|it| !matches!(it.value, Value::Undefined)));
    let failed =
        (matches.is_on(&FAIL) && !is_defined) || (matches.is_on(&FAIL_DEFINED) && is_defined);
    Ok(if failed { ExitCode::from(EXIT_UNDEFINED) } else { ExitCode::SUCCESS })
}

fn evaluate(matches: &Matches, query: &str) -> Result<(Results, Option<Json>), Failure> {
    let (loaded, options) = (loaded(matches, &[])?, options(matches));
    let policy = loaded.policy(&options)?;
    let input = super::input(matches)?;
    // Why, before what.
    if let how @ ("full" | "fails") = matches.value(&EXPLAIN) {
        let (only_failures, variables) = (how == "fails", matches.is_on(&VAR_VALUES));
        let wanted = explain::Wanted { only_failures, variables };
        let text = explain::of(&loaded, &policy, &options, query, &input, wanted)?;
        let none = "--explain needs the path of a rule with a body, such as data.a.allow\n";
        say(&text.unwrap_or_else(|| none.to_owned())).map_err(Failure::Reading)?;
    }
    let mut worker = policy.query(query).map_err(Failure::Rego)?.worker();
    let results = worker.results(input)?;
    let report = if matches.is_on(&COVERAGE) { Some(coverage::report(&worker)) } else { None };
    Ok((results, report))
}

/// The input document; undefined if there is none.
pub fn input(path: &str) -> Result<Value, String> {
    if path.is_empty() {
        return Ok(Value::Undefined);
    }
    let text = reading::text(path.strip_prefix("file://").unwrap_or(path), INPUT_BYTES_MAX)?;
    let json = load::document(path, &text)?;
    Value::from_json_str(&json.to_string()).map_err(|it| format!("{path}: {it}"))
}

/// Results in one of OPA's formats.
pub fn written(results: &Results, format: &str, report: Option<Json>) -> String {
    match format {
        "json" => show::pretty(&document(results, report)),
        "discard" if results.result.is_empty() => "{}\n".to_owned(),
        "discard" => show::pretty(&json!({"result": "discarded"})),
        "raw" => raw(results),
        // One document for each result, as OPA 1.22 prints them.
        "values" => results.result.iter().map(|it| show::pretty(&values(it))).collect(),
        "bindings" => {
            results.result.iter().map(|it| show::pretty(&show::json_of(&it.bindings))).collect()
        }
        _ => pretty(results),
    }
}

fn document(results: &Results, report: Option<Json>) -> Json {
    let mut document = Map::new();
    let one = |it: &rego::Solution| {
        let expressions: Vec<Json> = (it.expressions.iter())
            .map(|it| {
                let location = json!({"row": it.location.row, "col": it.location.col});
                json!({"value": show::json_of(&it.value), "text": &*it.text, "location": location})
            })
            .collect();
        let mut solution = Map::new();
        solution.insert("expressions".into(), Json::Array(expressions));
        let bindings = show::json_of(&it.bindings);
        if bindings.as_object().is_some_and(|it| !it.is_empty()) {
            solution.insert("bindings".into(), bindings);
        }
        Json::Object(solution)
    };
    if !results.result.is_empty() {
        document.insert("result".into(), Json::Array(results.result.iter().map(one).collect()));
    }
    if let Some(report) = report {
        document.insert("coverage".into(), report);
    }
    Json::Object(document)
}

fn values(solution: &rego::Solution) -> Json {
    Json::Array(solution.expressions.iter().map(|it| show::json_of(&it.value)).collect())
}

/// Texts without quotes, all else as JSON; a line for each result.
fn raw(results: &Results) -> String {
    let mut text = String::new();
    for solution in &results.result {
        let values: Vec<String> = (solution.expressions.iter())
            .map(|it| match &it.value {
                Value::String(text) => text.to_string(),
                other => show::json_of(other).to_string(),
            })
            .collect();
        let _ = writeln!(text, "{}", values.join(" "));
    }
    text
}

/// The value alone, or a table with a column for each expression that has more to say than that it holds, and for each variable.
fn pretty(results: &Results) -> String {
    let Some(first) = results.result.first() else { return "undefined\n".to_owned() };
    let is_bool = |it: &Value| matches!(it, Value::Bool(_));
    let bindings: Vec<String> = match show::json_of(&first.bindings) {
        Json::Object(bindings) => bindings.keys().cloned().collect(),
        _ => Vec::new(),
    };
    let values = &first.expressions;
    if let ([_], [one, rest @ ..], true) =
        (results.result.as_slice(), values.as_slice(), bindings.is_empty())
        && (rest.is_empty() || values.iter().all(|it| is_bool(&it.value)))
    {
        return show::pretty(&show::json_of(&one.value));
    }
    let says =
        |it: &usize| bindings.is_empty() || values.get(*it).is_some_and(|it| !is_bool(&it.value));
    let columns: Vec<usize> = (0..values.len()).filter(says).collect();
    let texts = columns.iter().filter_map(|it| values.get(*it)).map(|it| it.text.to_string());
    let head: Vec<String> = texts.chain(bindings.iter().cloned()).collect();
    let row = |solution: &rego::Solution| {
        let expressions = columns.iter().filter_map(|it| solution.expressions.get(*it));
        let own = show::json_of(&solution.bindings);
        let of_variable = |name: &String| own.get(name).map_or_else(String::new, Json::to_string);
        let mut cells: Vec<String> =
            expressions.map(|it| show::json_of(&it.value).to_string()).collect();
        cells.extend(bindings.iter().map(of_variable));
        cells
    };
    table(&head, &results.result.iter().map(row).collect::<Vec<_>>())
}

/// As OPA draws it; without a head if that is empty.
pub fn table(head: &[String], rows: &[Vec<String>]) -> String {
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|it| it.get(at)).chain(head.get(at));
        cells.map(|it| it.chars().count()).max().unwrap_or_default()
    };
    let columns = rows.first().map_or(head.len(), Vec::len);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let rule = |[left, between, right]: [char; 3]| {
        let cells: Vec<String> = widths.iter().map(|it| "\u{2500}".repeat(it + 2)).collect();
        format!("{left}{}{right}\n", cells.join(&between.to_string()))
    };
    let line = |cells: Vec<String>| format!("\u{2502}{}\u{2502}\n", cells.join("\u{2502}"));
    let mut text = rule(['\u{250c}', '\u{252c}', '\u{2510}']);
    if !head.is_empty() {
        // What is odd goes to the right, as in OPA.
        let titles = head.iter().zip(&widths).map(|(it, width)| format!("{it:^0$}", width + 2));
        text.push_str(&line(titles.collect()));
        text.push_str(&rule(['\u{251c}', '\u{253c}', '\u{2524}']));
    }
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(it, width)| format!(" {it:<width$} "));
        text.push_str(&line(cells.collect()));
    }
    text.push_str(&rule(['\u{2514}', '\u{2534}', '\u{2518}']));
    text
}
