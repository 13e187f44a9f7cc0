//! A tree as text: YAML for people and for us to read again, JSON for programs.

use std::fmt::Write as _;

use crate::scalar;
use crate::source::{Origin, SourceKind};
use crate::tree::{Data, Entry, Node};

/// Blanks before each deeper level of YAML, as Go's printer has them.
const YAML_INDENT: usize = 4;
/// A dash and its space.
const DASH: usize = 2;
/// Blanks before each deeper level of JSON.
const JSON_INDENT: usize = 2;

/// Words that are text for Go and not for every reader of YAML.
const WORDS: [&str; 6] = ["y", "n", "yes", "no", "on", "off"];

/// YAML with sorted keys; `origins` adds to each value where it comes from. Read again it is the
/// same tree: what looks like a reference is escaped.
pub fn yaml(root: &Node, origins: bool) -> String {
    let mut out = String::new();
    yaml_value(&mut out, root, 0, origins);
    // What would separate it from a key.
    out.split_off(1)
}

/// What follows `key:` or `-`; below it, `indent` spaces.
fn yaml_value(out: &mut String, node: &Node, indent: usize, origins: bool) {
    let text = match &node.data {
        Data::Map(entries) if !entries.is_empty() => {
            out.push('\n');
            return yaml_map(out, entries, indent, indent, origins);
        }
        Data::List(items) if !items.is_empty() => {
            out.push('\n');
            return yaml_list(out, items, indent, origins);
        }
        Data::Map(_) => "{}".to_owned(),
        Data::List(_) => "[]".to_owned(),
        Data::Null => "null".to_owned(),
        Data::Bool(it) => it.to_string(),
        Data::Int(it) => it.to_string(),
        Data::Float(it) => yaml_float(*it),
        Data::String(it) => yaml_text(&escaped(it)),
    };
    let origin = if origins { format!(" # {}", came_from(node)) } else { String::new() };
    out.extend([" ", &text, &origin, "\n"]);
}

/// The first key stands behind `first` spaces: those before an element's dash are written already.
fn yaml_map(out: &mut String, entries: &[Entry], first: usize, indent: usize, origins: bool) {
    for (n, entry) in sorted(entries).into_iter().enumerate() {
        out.extend(std::iter::repeat_n(' ', if n == 0 { first } else { indent }));
        let _ = write!(out, "{}:", yaml_text(&entry.key));
        yaml_value(out, &entry.value, indent + YAML_INDENT, origins);
    }
}

fn yaml_list(out: &mut String, items: &[Node], indent: usize, origins: bool) {
    for item in items {
        out.extend(std::iter::repeat_n(' ', indent));
        out.push('-');
        match &item.data {
            Data::Map(entries) if !entries.is_empty() => {
                yaml_map(out, entries, 1, indent + DASH, origins);
            }
            _ => yaml_value(out, item, indent + DASH, origins),
        }
    }
}

fn sorted(entries: &[Entry]) -> Vec<&Entry> {
    let mut sorted: Vec<&Entry> = entries.iter().collect();
    sorted.sort_by(|a, b| a.key.cmp(&b.key));
    sorted
}

/// The text that resolution makes `text` of.
fn escaped(text: &str) -> String {
    if text.contains("$$") || text.contains("${") { text.replace('$', "$$") } else { text.into() }
}

fn yaml_float(number: f64) -> String {
    if number.is_nan() {
        return ".nan".into();
    }
    if number.is_infinite() {
        return if number > 0.0 { ".inf".into() } else { "-.inf".into() };
    }
    format!("{number:?}")
}

/// Plain where that is what YAML reads, else in double quotes.
fn yaml_text(text: &str) -> String {
    let first = text.chars().next().is_some_and(|c| c.is_alphanumeric() || "/._$(^".contains(c));
    let simple = |c: char| c == ' ' || c.is_alphanumeric() || c.is_ascii_graphic();
    let plain = first
        && text.chars().all(simple)
        && !text.ends_with([' ', ':'])
        && ![": ", " #"].iter().any(|it| text.contains(it))
        && !WORDS.contains(&text.to_ascii_lowercase().as_str())
        && scalar::resolve(text, None)
            .is_ok_and(|it| it.original.is_none() && it.data == Data::String(text.to_owned()));
    if plain { text.to_owned() } else { quoted(text) }
}

/// In double quotes, for YAML and JSON alike.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out += "\\\"",
            '\\' => out += "\\\\",
            '\n' => out += "\\n",
            '\t' => out += "\\t",
            '\r' => out += "\\r",
            c if c.is_control() || "\u{2028}\u{2029}\u{feff}\u{fffe}\u{ffff}".contains(c) => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Where a value comes from, in one line.
fn came_from(node: &Node) -> String {
    let mut text = one_line(&node.origin);
    for part in &node.parts {
        let _ = write!(text, " with {part}");
    }
    text
}

fn one_line(origin: &Origin) -> String {
    match &origin.reference {
        Some(reference) if origin.source.kind == SourceKind::Environment => {
            format!("{origin} ({})", reference.visible())
        }
        _ => origin.to_string(),
    }
}

/// JSON with sorted keys, as Go's `encoding/json` writes it.
pub fn json(root: &Node) -> String {
    let mut out = String::new();
    json_value(&mut out, root, 0);
    out.push('\n');
    out
}

fn json_value(out: &mut String, node: &Node, level: usize) {
    let inner = |out: &mut String, last: bool| {
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', (level + usize::from(!last)) * JSON_INDENT));
    };
    match &node.data {
        Data::Null => *out += "null",
        Data::Bool(it) => *out += &it.to_string(),
        Data::Int(it) => *out += &it.to_string(),
        Data::Float(it) => *out += &json_float(*it),
        Data::String(it) => *out += &quoted(it),
        Data::List(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                *out += if n > 0 { "," } else { "" };
                inner(out, false);
                json_value(out, item, level + 1);
            }
            if !items.is_empty() {
                inner(out, true);
            }
            out.push(']');
        }
        Data::Map(entries) => {
            out.push('{');
            for (n, entry) in sorted(entries).into_iter().enumerate() {
                *out += if n > 0 { "," } else { "" };
                inner(out, false);
                let _ = write!(out, "{}: ", quoted(&entry.key));
                json_value(out, &entry.value, level + 1);
            }
            if !entries.is_empty() {
                inner(out, true);
            }
            out.push('}');
        }
    }
}

/// Go's `encoding/json`: no exponent between 1e-6 and 1e21, no point without need.
fn json_float(number: f64) -> String {
    let size = number.abs();
    if !number.is_finite() {
        return "null".into();
    }
    if size == 0.0 || (1e-6..1e21).contains(&size) {
        number.to_string()
    } else {
        format!("{number:e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Environment, Locations, resolve};
    use proptest::prelude::*;

    fn node(data: Data) -> Node {
        Node::new(data, Origin::default_value())
    }

    fn map(entries: Vec<(&str, Node)>) -> Node {
        let entry = |(key, value): (&str, Node)| Entry {
            key: key.to_owned(),
            key_origin: Origin::default_value(),
            value,
        };
        node(Data::Map(entries.into_iter().map(entry).collect()))
    }

    fn text(text: &str) -> Node {
        node(Data::String(text.to_owned()))
    }

    #[test]
    fn yaml_has_gos_indentation_and_quotes_what_would_be_something_else() {
        let items = vec![
            map(vec![("b", node(Data::Int(1))), ("a", map(vec![("x", node(Data::Null))]))]),
            node(Data::List(vec![node(Data::Bool(true)), node(Data::List(Vec::new()))])),
            text("0x1f"),
        ];
        let root = map(vec![("list", node(Data::List(items))), ("empty", map(Vec::new()))]);
        let want = "empty: {}\nlist:\n    - a:\n          x: null\n      b: 1\n    -\n      - true\n      \
                    - []\n    - \"0x1f\"\n";
        assert_eq!(yaml(&root, false), want);
        for (plain, want) in [
            ("a b:c", "a b:c"),
            ("a: b", "\"a: b\""),
            ("yes", "\"yes\""),
            ("", "\"\""),
            ("- a", "\"- a\""),
            ("1.5", "\"1.5\""),
            ("2024-01-02", "\"2024-01-02\""),
            ("a #b", "\"a #b\""),
            ("x\ny\u{7}", "\"x\\ny\\u0007\""),
            ("$1", "$1"),
            ("${A} $1", "$${A} $$1"),
            ("http://h:1/x?y=z", "http://h:1/x?y=z"),
        ] {
            assert_eq!(yaml(&text(plain), false), format!("{want}\n"));
        }
    }

    #[test]
    fn json_is_what_gos_encoder_writes() {
        let root = map(vec![
            ("b", node(Data::List(vec![node(Data::Float(1000.0)), node(Data::Float(1e21))]))),
            ("a", map(Vec::new())),
            ("c", text("a\"\\\n${A}")),
        ]);
        let want = "{\n  \"a\": {},\n  \"b\": [\n    1000,\n    1e21\n  ],\n  \"c\": \
                    \"a\\\"\\\\\\n${A}\"\n}\n";
        assert_eq!(json(&root), want);
    }

    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[ -~]{0,12}",
            "[a-c:#\\-{}\\[\\]$&*!|>'\"%@` \n\t.0-9~]{0,12}",
            "\\PC{0,8}",
            any::<char>().prop_map(String::from),
        ]
    }

    fn any_node() -> impl Strategy<Value = Node> {
        let leaf = prop_oneof![
            Just(Data::Null),
            any::<bool>().prop_map(Data::Bool),
            any::<i64>().prop_map(|it| Data::Int(it.into())),
            (-1e12..1e12).prop_map(Data::Float),
            Just(Data::Float(f64::INFINITY)),
            any_text().prop_map(Data::String),
        ];
        leaf.prop_map(node).prop_recursive(4, 24, 4, |inner| {
            let entries = prop::collection::btree_map(any_text(), inner.clone(), 0..4);
            prop_oneof![
                prop::collection::vec(inner, 0..4).prop_map(|it| node(Data::List(it))),
                entries.prop_map(|it| {
                    map(it.iter().map(|(key, value)| (key.as_str(), value.clone())).collect())
                }),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn what_is_written_reads_back_as_the_same(value in any_node()) {
            // Below a list, where keys with `::` stay as they are.
            let root = map(vec![("k", node(Data::List(vec![value])))]);
            for origins in [false, true] {
                let text = yaml(&root, origins);
                let config = vec![format!("yaml:{text}")];
                let locations = Locations { config, ..Locations::default() };
                let conf = resolve(&locations, &Environment::of([]));
                let again = conf.map_err(|it| format!("{it}\n{text}")).unwrap();
                prop_assert_eq!(yaml(&again.root, false), yaml(&root, false), "{}", text);
            }
        }
    }
}
