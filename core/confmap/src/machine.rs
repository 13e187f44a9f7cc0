//! Mistakes for programs: JSON, SARIF, and the commands of a GitHub workflow.
//!
//! They say what the text says and never quote the configuration, but for a fix, which never holds
//! a secret.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::diagnostic::{Diagnostic, Diagnostics, Fix, Label, Severity};
use crate::explain;
use crate::render::{came_from, printable};
use crate::source::{Origin, SourceKind};

/// Of our own JSON. It changes when something is removed or means something else.
const SCHEMA_VERSION: u32 = 1;

/// One object: counts, the Collector's text, and each mistake.
pub(crate) fn json(diagnostics: &Diagnostics) -> String {
    let list: Vec<Value> = diagnostics.list.iter().map(one).collect();
    let all = json!({
        "version": SCHEMA_VERSION,
        "valid": diagnostics.count(Severity::Error) == 0,
        "errors": diagnostics.count(Severity::Error),
        "warnings": diagnostics.count(Severity::Warning),
        "text": diagnostics.headline,
        "diagnostics": list,
    });
    format!("{all:#}\n")
}

fn one(problem: &Diagnostic) -> Value {
    let related: Vec<Value> = problem.related.iter().map(|it| with_text(&it.origin, it)).collect();
    let mut out = json!({
        "code": problem.code,
        "severity": problem.severity.name(),
        "title": explain::title(problem.code),
        "message": problem.message,
        "path": problem.path,
    });
    if let Some(label) = &problem.primary {
        merge(&mut out, with_text(&label.origin, label));
    }
    let more = json!({
        "related": related,
        "notes": notes(problem),
        "help": problem.help,
        "fix": problem.fix.iter().map(edit).collect::<Vec<_>>(),
    });
    merge(&mut out, more);
    out
}

fn edit(fix: &Fix) -> Value {
    let mut out = place(&fix.place);
    merge(&mut out, json!({"replacement": fix.replacement}));
    out
}

fn with_text(origin: &Origin, label: &Label) -> Value {
    let mut out = place(origin);
    merge(&mut out, json!({"label": label.text}));
    out
}

fn place(origin: &Origin) -> Value {
    let origin = origin.visible();
    let length = origin.length;
    json!({
        "file": file(origin), "line": origin.line, "column": origin.column, "length": length
    })
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}

/// What the text adds by itself: how a value came to its place.
fn notes(problem: &Diagnostic) -> Vec<String> {
    let mut notes = problem.notes.clone();
    let labels = problem.primary.iter().chain(&problem.related);
    notes.extend(labels.filter_map(|it| came_from(&it.origin)));
    notes.dedup();
    notes
}

fn file(origin: &Origin) -> String {
    match origin.source.kind {
        SourceKind::File => origin.source.name.clone(),
        _ => origin.source.to_string(),
    }
}

/// <https://docs.oasis-open.org/sarif/sarif/v2.1.0/>
pub(crate) fn sarif(diagnostics: &Diagnostics) -> String {
    let codes: BTreeSet<&str> = diagnostics.list.iter().map(|it| it.code).collect();
    let rules: Vec<Value> =
        explain::ALL.iter().filter(|it| codes.contains(it.code)).map(rule).collect();
    let results: Vec<Value> = diagnostics.list.iter().map(result).collect();
    let all = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "sluice", "version": env!("CARGO_PKG_VERSION"), "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    format!("{all:#}\n")
}

fn rule(it: &explain::Explanation) -> Value {
    json!({
        "id": it.code,
        "shortDescription": {"text": it.title},
        "fullDescription": {"text": it.meaning},
        "help": {"text": it.remedy},
    })
}

fn result(problem: &Diagnostic) -> Value {
    let level = match problem.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    };
    let location = |label: &Label| {
        let origin = label.origin.visible();
        json!({"message": {"text": label.text}, "physicalLocation": {
            "artifactLocation": {"uri": file(origin)}, "region": region(origin),
        }})
    };
    let locations: Vec<Value> = problem.primary.iter().map(location).collect();
    let related: Vec<Value> = problem.related.iter().map(location).collect();
    let mut out = json!({
        "ruleId": problem.code,
        "level": level,
        "message": {"text": whole_message(problem)},
        "locations": locations,
        "relatedLocations": related,
    });
    if !problem.fix.is_empty() {
        let help = problem.help.as_deref().unwrap_or_default();
        let changes = problem.fix.iter().map(|Fix { place, replacement }| {
            json!({"artifactLocation": {"uri": file(place)}, "replacements": [{
                "deletedRegion": region(place), "insertedContent": {"text": replacement},
            }]})
        });
        let changes: Vec<Value> = changes.collect();
        let fix = json!({"description": {"text": help}, "artifactChanges": changes});
        merge(&mut out, json!({"fixes": [fix]}));
    }
    out
}

/// The same place with its end; a length may reach over the ends of lines.
fn region(origin: &Origin) -> Value {
    let (mut line, mut column, mut left) = (origin.line, origin.column, origin.length);
    while left > 0 {
        let Some(text) = origin.source.line(line) else { break };
        let rest = (text.chars().count() + 1).saturating_sub(column);
        if left <= rest {
            column += left;
            break;
        }
        left -= rest + 1;
        (line, column) = (line + 1, 1);
    }
    json!({
        "startLine": origin.line, "startColumn": origin.column, "endLine": line, "endColumn": column
    })
}

/// Message, notes and help in one text, for places that show one.
fn whole_message(problem: &Diagnostic) -> String {
    let mut out = printable(&problem.message);
    for note in notes(problem) {
        let _ = write!(out, "\nnote: {}", printable(&note));
    }
    if let Some(help) = &problem.help {
        let _ = write!(out, "\nhelp: {}", printable(help));
    }
    out
}

/// One `::error file=...::text` a mistake.
pub(crate) fn github(diagnostics: &Diagnostics) -> String {
    let mut out = String::new();
    for problem in &diagnostics.list {
        let command = match problem.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "notice",
        };
        let title = format!("{} {}", problem.code, explain::title(problem.code));
        let mut properties = vec![format!("title={}", property(&title))];
        if let Some(label) = &problem.primary {
            let origin = label.origin.visible();
            let (line, from) = (origin.line, origin.column);
            properties.insert(0, format!("file={}", property(&file(origin))));
            let to = from + origin.length;
            properties.insert(1, format!("line={line},col={from},endColumn={to}"));
        }
        let _ = writeln!(
            out,
            "::{command} {}::{}",
            properties.join(","),
            data(&whole_message(problem))
        );
    }
    out
}

/// `toolkit/packages/core/src/command.ts`, `escapeData`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// `escapeProperty`.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
