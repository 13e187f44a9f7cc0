//! What Go's YAML says of mistakes in `config:`. The Collector writes the section as YAML again, with sorted keys, and Prometheus
//! reads that: the lines in the texts are those of what was written.

use component::config::{Fault, Saying, Step, Value, Wanted, go_name};

use super::Config;
use super::http::UNREADABLE;

/// Longest scalar that is quoted as it is, in bytes, and how much of a longer one (`yaml.v2`, `decode.go`).
const QUOTED_BYTES_MAX: usize = 10;
const QUOTED_BYTES: usize = 7;

/// The same faults in the words of Prometheus, those below `config:` first.
pub(super) fn reword(section: &Value, faults: Vec<Fault>) -> Vec<Fault> {
    let (inside, others): (Vec<Fault>, Vec<Fault>) = faults
        .into_iter()
        .partition(|it| it.place.len() > 1 && it.place[0] == Step::from("config"));
    let document = section.get("config").unwrap_or(&Value::Null);
    let mut inside: Vec<(usize, Fault)> =
        inside.into_iter().map(|it| (line(document, &it.place[1..], it.is_at_key()), it)).collect();
    inside.sort_by_key(|it| it.0);
    let said = inside.into_iter().enumerate().map(|(at, (line, fault))| {
        let text = format!("  line {line}: {}", text(section, &fault));
        if at > 0 {
            return fault.reworded(1, Saying::Continued, text);
        }
        let text = format!("{UNREADABLE}: yaml: unmarshal errors:\n{text}");
        fault.reworded(1, Saying::Usual, text)
    });
    said.chain(others).collect()
}

/// What is wrong, behind the line.
fn text(section: &Value, fault: &Fault) -> String {
    let place = fault.place.as_slice();
    if let (true, Some((key, above))) = (fault.is_at_key(), place.split_last()) {
        let name = go_name::<Config>(section, above).unwrap_or_default();
        return format!("field {key} not found in type {name}");
    }
    let name = go_name::<Config>(section, place).unwrap_or_else(|| match &fault.wanted {
        Some(Wanted::Named(_, it)) if it == "uint64" => "uint".to_owned(),
        Some(Wanted::Named(_, it)) => it.clone(),
        _ => "[]string".to_owned(),
    });
    format!("cannot unmarshal {} into {name}", shown(at(section, place)))
}

/// A value as it is named: its tag, and a scalar itself.
fn shown(value: &Value) -> String {
    let tag = match value.plain() {
        Value::List(_) => return "!!seq".to_owned(),
        Value::Map(_) => return "!!map".to_owned(),
        Value::Int(_) => "!!int",
        Value::Float(_) => "!!float",
        Value::Bool(_) => "!!bool",
        _ => "!!str",
    };
    let text = value.go_text();
    match text.get(..QUOTED_BYTES) {
        Some(start) if text.len() > QUOTED_BYTES_MAX => format!("{tag} `{start}...`"),
        _ => format!("{tag} `{text}`"),
    }
}

fn at<'a>(value: &'a Value, place: &[Step]) -> &'a Value {
    place.iter().fold(value, |value, step| {
        let found = match (value.plain(), step) {
            (Value::List(items), Step::At(at)) => items.get(*at),
            (_, Step::Key(key)) => value.get(key),
            _ => None,
        };
        found.unwrap_or(&Value::Null)
    })
}

/// In which line of a value as YAML something stands. A map or list has the line of what is first in it.
fn line(value: &Value, place: &[Step], is_key: bool) -> usize {
    let Some((step, rest)) = place.split_first() else { return 1 };
    let (mut before, mut inner) = (0, None);
    match (value.plain(), step) {
        (Value::Map(entries), Step::Key(key)) => {
            let mut sorted: Vec<_> = entries.iter().collect();
            sorted.sort_by(|a, b| a.0.cmp(&b.0));
            for (name, value) in sorted {
                if name == key {
                    inner = Some(value);
                    break;
                }
                before += usize::from(is_block(value)) + height(value);
            }
            // What is in it begins in the next line.
            let is_last = rest.is_empty() && is_key;
            before += usize::from(!is_last && inner.is_some_and(is_block));
        }
        (Value::List(items), Step::At(at)) => {
            before += items.iter().take(*at).map(height).sum::<usize>();
            inner = items.get(*at);
        }
        _ => {}
    }
    before + inner.map_or(1, |it| line(it, rest, is_key))
}

/// True for what stands in lines of its own below its key.
fn is_block(value: &Value) -> bool {
    match value.plain() {
        Value::Map(entries) => !entries.is_empty(),
        Value::List(items) => !items.is_empty(),
        _ => false,
    }
}

/// How many lines a value takes, without that of its key.
fn height(value: &Value) -> usize {
    match value.plain() {
        Value::Map(entries) if !entries.is_empty() => {
            entries.iter().map(|(_, it)| usize::from(is_block(it)) + height(it)).sum()
        }
        Value::List(items) if !items.is_empty() => items.iter().map(height).sum(),
        // A text of several lines has a line for `|-`.
        Value::String(text) if text.contains('\n') => 1 + text.lines().count(),
        _ => 1,
    }
}
