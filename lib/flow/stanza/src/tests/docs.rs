//! The part of `docs/operators.md` that is made of the operators themselves: their keys from their configurations, and
//! what their examples do from running them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use config::{Inside, Item, Key, Tag, Tags as _};

use super::*;
use crate::Body;

/// `== operator`, its configuration, `--` with the path of the file or the word `bytes`, and lines.
const EXAMPLES: &str = include_str!("examples.txt");

/// The keys that every operator and every parser has; they are described once.
const SHARED: [(&str, &str); 2] =
    [("noop", "Keys of every operator"), ("uri_parser", "Keys of every parser")];

/// A key with what its doc comment says.
type Described = (String, &'static str);

/// The keys of an operator itself and those that it shares with others, each with the keys of its blocks behind it.
fn keys(tag: &Tag<OperatorConfig>) -> (Vec<Described>, Vec<Vec<Described>>) {
    let Inside::Keys(parts, _) = (tag.item)().inside else { panic!("{} has no keys", tag.name) };
    let mut shared = Vec::new();
    let mut own = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        assert!(part.is_flat);
        let Inside::Keys(keys, _) = (part.inside)() else { panic!("{}", tag.name) };
        if at == 0 {
            own = listed("", &keys);
        } else {
            collect(keys, &mut shared);
        }
    }
    (own, shared)
}

/// The keys of a struct, then those of the structs that are embedded in it.
fn collect(keys: Vec<Key>, all: &mut Vec<Vec<Described>>) {
    let (flat, own): (Vec<Key>, Vec<Key>) = keys.into_iter().partition(|it| it.is_flat);
    if !own.is_empty() {
        all.push(listed("", &own));
    }
    for key in flat {
        let Inside::Keys(keys, _) = (key.inside)() else { continue };
        collect(keys, all);
    }
}

fn listed(above: &str, keys: &[Key]) -> Vec<Described> {
    let mut all = Vec::new();
    for key in keys {
        let name = format!("{above}{}", key.name);
        let says_default =
            ["Default", "Required", "Reads ", "Accepted"].iter().any(|it| key.text.contains(it));
        assert!(says_default || !above.is_empty(), "{name}: {} does not say the default", key.text);
        all.push((name.clone(), key.text));
        match (key.inside)() {
            Inside::Items(item) => all.extend(inside(&format!("{name}[]."), &item)),
            // The blocks of parsers are described as operators of their own.
            Inside::Maybe(_) => {}
            Inside::Keys(keys, _) => all.extend(listed(&format!("{name}."), &keys)),
            _ => {}
        }
    }
    all
}

fn inside(above: &str, item: &Item) -> Vec<Described> {
    match &item.inside {
        Inside::Keys(keys, _) => listed(above, keys),
        _ => Vec::new(),
    }
}

fn table(keys: &[Described]) -> String {
    let mut text = "| Key | What it says |\n|---|---|\n".to_owned();
    for (name, says) in keys {
        let _ = writeln!(text, "| `{name}` | {} |", says.replace('|', "\\|"));
    }
    text
}

/// The operators of an example, its lines and what becomes of them.
fn example(name: &str) -> String {
    let sections = EXAMPLES.split("== ").skip(1);
    let mut found = sections.filter_map(|it| it.split_once('\n')).filter(|it| it.0 == name);
    let (_, text) = found.next().unwrap_or_else(|| panic!("{name} has no example"));
    let (operators, rest) = text.split_once("\n--").unwrap();
    let (how, lines) = rest.split_once('\n').unwrap();
    let how = how.trim();
    let lines: Vec<&str> = lines.lines().collect();
    let records = records_of(operators, how, &lines);
    let mut text = "```yaml\noperators:\n".to_owned();
    for line in operators.lines() {
        let _ = writeln!(text, "  {line}");
    }
    let what = if lines.len() == 1 { "This line" } else { "These lines" };
    let _ = write!(text, "```\n\n{what}\n\n```text\n{}\n```\n\n", lines.join("\n"));
    let what = match (records.len(), lines.len()) {
        (1, _) => "becomes the record".to_owned(),
        (records, lines) if records == lines => "become the records".to_owned(),
        (records, _) => format!("become {records} records"),
    };
    let what = if lines.len() > 1 { what.replace("becomes", "become") } else { what };
    let _ = write!(text, "{what}\n\n```text\n{}```\n", records.join("\n"));
    text
}

fn records_of(operators: &str, how: &str, lines: &[&str]) -> Vec<String> {
    let list = componenttest::section(&format!("operators:\n{operators}"));
    let Some(Setting::List(list)) = list.get("operators") else { panic!("{operators}") };
    let list: Vec<Tagged<OperatorConfig>> = list.iter().cloned().map(Into::into).collect();
    let body = if how == "bytes" { Body::Bytes } else { Body::Text };
    let mut found = Problems::default();
    let options = Options::new(&BTreeMap::new(), &BTreeMap::new(), body, &mut found).unwrap();
    let pipeline = Pipeline::plan(&list, options, &mut found);
    assert!(found.warnings().is_empty(), "{found:?}");
    let mut worker = pipeline.unwrap_or_else(|| panic!("{found:?}")).worker();
    let file = file(1, how.starts_with('/').then_some(how));
    for (at, line) in lines.iter().enumerate() {
        let line = if how == "bytes" { unescaped(line) } else { line.as_bytes().to_vec() };
        let start = at as u64 * 1000;
        worker.line(&file, &line, start..start + line.len() as u64, None);
    }
    worker.flush_all();
    records(&worker.take().logs).iter().map(shown).collect()
}

/// `\xe9` is one byte.
fn unescaped(line: &str) -> Vec<u8> {
    let mut parts = line.split("\\x");
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    bytes
}

/// One line for each field of a record.
fn shown(record: &Value) -> String {
    let mut text = String::new();
    for key in ["time", "severity", "severity_text", "scope", "trace_id", "span_id"] {
        match (key, &record[key]) {
            (_, Value::Null) => {}
            ("time", nanos) => {
                let time =
                    jiff::Timestamp::from_nanosecond(nanos.as_i64().unwrap().into()).unwrap();
                let _ = writeln!(text, "time: {time}");
            }
            (_, value) => {
                let _ = writeln!(text, "{key}: {value}");
            }
        }
    }
    let _ = writeln!(text, "body: {}", record["body"]);
    for root in ["attributes", "resource"] {
        let Some(map) = record[root].as_object() else { continue };
        for (key, value) in map.iter().filter(|it| it.0 != "log.file.name") {
            let field = if key.contains('.') { format!("[\"{key}\"]") } else { format!(".{key}") };
            let _ = writeln!(text, "{root}{field}: {value}");
        }
    }
    text
}

fn reference() -> String {
    let mut text = String::new();
    let of = |name: &str| OperatorConfig::TAGS.iter().find(|it| it.name == name).unwrap();
    for (name, title) in SHARED {
        let (_, mut shared) = keys(of(name));
        let all = if name == "noop" { shared.concat() } else { shared.swap_remove(0) };
        let _ = write!(text, "### {title}\n\n{}\n", table(&all));
    }
    for tag in OperatorConfig::TAGS {
        let (own, shared) = keys(tag);
        let _ = write!(text, "### {}\n\n{}\n\n", tag.name, tag.text);
        if !own.is_empty() {
            let _ = writeln!(text, "{}", table(&own));
        }
        let _ = match shared.concat().len() {
            2 => write!(
                text,
                "It has `type` and `id`, and none of the other keys of every operator.\n\n"
            ),
            it if it > 5 => {
                write!(text, "It has the keys of every operator and of every parser.\n\n")
            }
            _ => write!(text, "It has the keys of every operator.\n\n"),
        };
        let _ = writeln!(text, "{}", example(tag.name));
    }
    text
}

#[test]
fn the_reference_describes_the_operators_there_are() {
    const BEGIN: &str = "<!-- operators: made of the code, see the test of this name -->\n\n";
    const END: &str = "<!-- end of operators -->";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/operators.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (written, after) = rest.split_once(END).unwrap();
    let fresh = reference();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, format!("{before}{BEGIN}{fresh}{END}{after}")).unwrap();
    } else {
        assert!(written == fresh, "docs/operators.md is stale: run this test with UPDATE_GOLDEN=1");
    }
}
