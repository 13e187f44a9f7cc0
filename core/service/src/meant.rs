//! What a value was probably meant to be: time spans, numbers, booleans, ids, lists and maps.

use component::config::Type;
use confmap::{Conf, Data, Fix, code};

use crate::headline;
use crate::issue::Issue;

/// Words that people write for units of time.
const UNITS: [(&str, &str); 8] = [
    ("milli", "ms"),
    ("micro", "us"),
    ("nano", "ns"),
    ("sec", "s"),
    ("min", "m"),
    ("hour", "h"),
    ("hr", "h"),
    ("msec", "ms"),
];

/// What people type for the dash before an item.
const DASHES: [char; 3] = ['-', '\u{2013}', '\u{2014}'];

/// What to do, in words and as edits.
pub(crate) type Advice = (String, Vec<Fix>);

/// Characters that only look like those of YAML, from web pages and word processors.
const ODD: [(char, &str); 9] = [
    ('\u{a0}', " "),
    ('\u{202f}', " "),
    ('\u{200b}', ""),
    ('\u{feff}', ""),
    ('\u{201c}', ""),
    ('\u{201d}', ""),
    ('\u{2018}', ""),
    ('\u{2019}', ""),
    ('\u{2013}', "-"),
];

/// A key or value without odd characters.
pub(crate) fn odd_characters(conf: &Conf, path: &[String], at_key: bool) -> Option<Advice> {
    let clean = |text: &str| {
        let odd = |c: char| ODD.iter().find(|it| it.0 == c).map(|it| it.1);
        let is_odd = text.contains(|c| odd(c).is_some());
        let plain = |c: char| odd(c).map_or(c.to_string(), str::to_owned);
        is_odd.then(|| text.chars().map(plain).collect::<String>())
    };
    let help = "some characters here only look like spaces, quotes or dashes, as in texts from web pages: \
                type them again";
    if at_key {
        let key = clean(path.last()?)?;
        return Some((help.to_owned(), conf.rename(path, &key).into_iter().collect()));
    }
    let text = clean(conf.node(path)?.text()?)?;
    Some((help.to_owned(), conf.set(path, text.trim()).into_iter().collect()))
}

/// An id with the signs that it may have.
pub(crate) fn id(issue: &Issue, path: &[String], written: &str) -> Option<String> {
    if issue.code != code::BAD_ID {
        return None;
    }
    if let Some(item) = written.strip_prefix(['-', '\u{2013}', '\u{2014}']) {
        return Some(format!("- {}", item.trim_start()));
    }
    // `a b`, `a; b`, `(a)`, `"[a, b]"`: a list of ids, written as a text.
    let bare = written.trim_matches(['(', ')', '[', ']']);
    let words: Vec<&str> = bare.split([' ', ',', ';', '\t']).filter(|it| !it.is_empty()).collect();
    let ids = words.iter().all(|it| it.parse::<component::Id>().is_ok());
    let names = words.iter().skip(1).all(|it| !it.contains('/')) && bare.contains('/');
    if ids && !issue.at_key && (words.len() > 1 && !names || bare.len() < written.len()) {
        let in_list = path.last().is_some_and(|it| it.parse::<usize>().is_ok());
        let all = words.join(", ");
        return Some(if in_list { all } else { format!("[{all}]") });
    }
    // `logs-app`, `logs_app`: a pipeline with a name.
    let signals = issue.candidates.iter().filter(|_| issue.at_key && issue.candidates.len() == 3);
    for signal in signals {
        let rest = written.strip_prefix(signal.as_str()).and_then(|it| it.strip_prefix(['-', '_']));
        if let Some(name) = rest.filter(|it| !it.is_empty()) {
            return Some(format!("{signal}/{name}"));
        }
    }
    let (kind, name) =
        written.split_once(['/', ':', '.', '@', '#', '|', '\\']).unwrap_or((written, ""));
    let kind: String = kind.trim().chars().map(|it| if it == '-' { '_' } else { it }).collect();
    let plain = |it: char| if it.is_alphanumeric() || "_-.".contains(it) { it } else { '_' };
    let name: String = name.trim().trim_matches('/').chars().map(plain).collect();
    let right = kind.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_') && !kind.is_empty();
    let fixed = if name.is_empty() { kind } else { format!("{kind}/{name}") };
    (right && fixed != written).then_some(fixed)
}

/// Another value for the one at `path`.
pub(crate) fn value(conf: &Conf, issue: &Issue, path: &[String]) -> Option<Advice> {
    let node = conf.node(path)?;
    let secret = headline::is_secret(node, path);
    let is_scalar = issue.wanted.is_some_and(|it| !matches!(it, Type::List | Type::Map));
    if is_scalar && matches!(node.data, Data::List(_)) {
        return if secret { None } else { only_item(conf, path) };
    }
    if issue.wanted == Some(Type::Text) {
        return quoted(conf, path, secret);
    }
    if secret {
        return listed_headers(conf, issue, path);
    }
    let text = node.text();
    // A component is a map, whatever is known of it.
    if issue.code == code::WRONG_TYPE && issue.wanted.is_none() && path.len() == 2 {
        let is_word = text?.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_');
        return if is_word { None } else { as_map(conf, path, text?) };
    }
    if let Some(reference) = text.filter(|it| it.starts_with("${") && it.ends_with('}')) {
        let help = format!("`$$` is a literal dollar sign: write `{reference}`");
        return Some((help, conf.set(path, reference).into_iter().collect()));
    }
    let write =
        |value: String| (format!("write `{value}`"), conf.set(path, &value).into_iter().collect());
    if issue.code == code::DURATION {
        return duration(text?).map(write);
    }
    match (issue.wanted?, text) {
        (Type::Bool, None) => match node.data {
            Data::Int(1) => Some(write("true".to_owned())),
            Data::Int(0) => Some(write("false".to_owned())),
            _ => None,
        },
        (Type::Bool, Some(text)) => boolean(text).map(|it| write(it.to_owned())),
        (Type::Number, Some(text)) => {
            let in_mib = path.last().is_some_and(|it| it.ends_with("_mib"));
            let gib = number(text).filter(|_| in_mib && text.to_ascii_lowercase().contains('g'));
            let scaled = gib.and_then(|it| Some((it.parse::<u64>().ok()? * 1024).to_string()));
            scaled.or_else(|| number(text)).map(write)
        }
        (Type::Duration, Some(text)) => duration(text).map(write),
        (Type::List, Some(text)) => Some(write(listed(text))),
        (Type::List, _) => Some(as_list(conf, path)),
        (Type::Map, Some(text)) => as_map(conf, path, text),
        (Type::Map, None) => match conf.node(path)?.data {
            Data::List(_) => Some((
                "these are keys, not items of a list: remove the dashes".into(),
                conf.undash(path).into_iter().collect(),
            )),
            Data::Bool(on) => switch(path, on).map(|it| write(it.to_owned())),
            _ => None,
        },
        _ => None,
    }
}

/// A text as a list: an item whose dash is glued to it, or ids without brackets.
fn listed(text: &str) -> String {
    if let Some(item) = text.strip_prefix(DASHES) {
        return format!("- {}", item.trim());
    }
    let ids = text.split([',', ';', ' ', '(', ')', '[', ']']).filter(|it| !it.is_empty());
    format!("[{}]", ids.collect::<Vec<_>>().join(", "))
}

/// A list where a map stands: its keys, its one value, or the map as an item.
fn as_list(conf: &Conf, path: &[String]) -> Advice {
    let dashed: Vec<Fix> = conf.dash(path).into_iter().collect();
    let bare = |it: &confmap::Entry| it.value.data == Data::Null;
    let entries = conf.node(path).map_or(&[][..], confmap::Node::entries);
    if !dashed.is_empty() || entries.iter().all(bare) {
        return ("write a list: `[a, b]`".into(), dashed);
    }
    let files = path.last().is_some_and(|it| ["include", "exclude"].contains(&it.as_str()));
    let fix = if files { conf.values_as_items(path) } else { conf.itemise(path) };
    ("write a list: begin its items with a dash".into(), fix)
}

/// `headers: [a: b]`: each item is a header of its own, and the dashes are too many.
fn listed_headers(conf: &Conf, issue: &Issue, path: &[String]) -> Option<Advice> {
    let (at, list) = path.split_last()?;
    let in_list = at.parse::<usize>().is_ok() && issue.wanted == Some(Type::Map);
    let help = "write `name: value` without a dash and without quotes".to_owned();
    (in_list && conf.node(list).is_some()).then_some((help, Vec::new()))
}

/// What turns a section on or off that is written as a boolean.
fn switch(path: &[String], on: bool) -> Option<&'static str> {
    match (path.last()?.as_str(), on) {
        ("tls", true) => Some("{insecure: false}"),
        ("tls", false) => Some("{insecure: true}"),
        ("sending_queue" | "retry_on_failure", true) => Some("{enabled: true}"),
        ("sending_queue" | "retry_on_failure", false) => Some("{enabled: false}"),
        _ => None,
    }
}

/// The only item of a list where something else than a list is wanted.
fn only_item(conf: &Conf, path: &[String]) -> Option<Advice> {
    let node = conf.node(path).filter(|it| it.origin.reference.is_none())?;
    let [item] = node.items() else { return None };
    let written = item.text()?;
    let fix = if node.is_flow() {
        conf.set(path, written).into_iter().collect()
    } else {
        conf.undash_lines(path)
    };
    Some((format!("write it without the list: `{written}`"), fix))
}

/// Text for a number, boolean or the like.
fn quoted(conf: &Conf, path: &[String], secret: bool) -> Option<Advice> {
    let node = conf.node(path)?;
    if !matches!(node.data, Data::Int(_) | Data::Float(_) | Data::Bool(_)) {
        return None;
    }
    if secret {
        let end = confmap::Origin {
            column: node.origin.column + node.origin.length,
            ..node.origin.clone()
        };
        let quotes = [&node.origin, &end].map(|it| Fix::insert(it, "\""));
        return Some(("put it in quotes".into(), quotes.into_iter().flatten().collect()));
    }
    let line = node.origin.source.line(node.origin.line)?;
    let written: String =
        line.chars().skip(node.origin.column - 1).take(node.origin.length).collect();
    let is_port =
        path.last().is_some_and(|it| it == "endpoint") && matches!(node.data, Data::Int(_));
    let value = if is_port { format!("localhost:{written}") } else { format!("\"{written}\"") };
    Some((format!("write a text: `{value}`"), conf.set(path, &value).into_iter().collect()))
}

/// A text where keys are wanted: a colon without a space, or keys without values.
fn as_map(conf: &Conf, path: &[String], text: &str) -> Option<Advice> {
    let node = conf.node(path)?;
    let is_key = |it: &str| {
        !it.is_empty() && it.bytes().all(|it| it.is_ascii_alphanumeric() || b"_/".contains(&it))
    };
    // `key:value`, `key = value`, `key => value`: the sign between key and value, with the spaces around it.
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "_/".contains(c)));
    if let Some((key, rest)) = end.map(|it| text.split_at(it)).filter(|it| is_key(it.0)) {
        let value = rest.trim_start_matches([' ', ':', '=', '>', '\u{ff1a}']);
        let sign = rest.strip_suffix(value).filter(|it| !it.trim().is_empty())?;
        let place = confmap::Origin {
            column: node.origin.column + key.chars().count(),
            length: sign.chars().count(),
            ..node.origin.clone()
        };
        let help = format!("write a colon and a space: `{key}: ...`");
        return Some((help, Fix::replace(&place, ": ").into_iter().collect()));
    }
    if is_key(text) {
        let below = node.origin.line > conf.origin(path, confmap::At::Key)?.line;
        let value = if below { format!("{text}:") } else { format!("{{{text}: }}") };
        let help = format!("write a colon: `{text}:`");
        return Some((help, conf.set(path, &value).into_iter().collect()));
    }
    None
}

fn boolean(text: &str) -> Option<&'static str> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" | "1" | "enable" | "enabled" | "ture" => Some("true"),
        "false" | "no" | "off" | "n" | "0" | "disable" | "disabled" | "flase" => Some("false"),
        _ => None,
    }
}

/// `"100"`, `1,000`, `10k`, `512MiB`, `80%` as a number; the unit of `limit_mib` and the like is in
/// its key.
fn number(text: &str) -> Option<String> {
    let text = text.trim();
    let end = text.find(|it: char| !(it.is_ascii_digit() || "._,-".contains(it)));
    let (digits, unit) = text.split_at(end.unwrap_or(text.len()));
    if !unit.chars().all(|it| it.is_alphabetic() || "% ".contains(it)) {
        return None;
    }
    let digits = digits.replace([',', '_'], "");
    let number: f64 = digits.parse().ok()?;
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "k" => 1e3,
        "m" => 1e6,
        _ => 1.0,
    };
    let scaled = number * factor;
    Some(if scaled.fract() == 0.0 { format!("{scaled:.0}") } else { format!("{scaled}") })
}

/// `5 sec`, `2 minutes`, `1d`, `30`, `1,5s`, `PT5S` in Go's syntax.
pub(crate) fn duration(text: &str) -> Option<String> {
    let lower = text.trim().trim_start_matches("PT").to_ascii_lowercase().replace(',', ".");
    let mut rest: String = lower.chars().filter(|it| !it.is_whitespace()).collect();
    let mut out = String::new();
    while !rest.is_empty() {
        let end = rest.find(|it: char| !(it.is_ascii_digit() || it == '.')).unwrap_or(rest.len());
        let (digits, after) = rest.split_at(end);
        let unit_end = after.find(|it: char| it.is_ascii_digit()).unwrap_or(after.len());
        let (word, next) = after.split_at(unit_end);
        let number: f64 = digits.parse().ok()?;
        let days = |hours: f64| format!("{}h", number * hours);
        let part = match word {
            "" => format!("{digits}s"),
            "ns" | "us" | "ms" | "s" | "m" | "h" => format!("{digits}{word}"),
            "d" | "day" | "days" => days(24.0),
            "w" | "week" | "weeks" => days(168.0),
            word => {
                let unit = UNITS.iter().find(|it| word.starts_with(it.0))?;
                format!("{digits}{}", unit.1)
            }
        };
        out += &part;
        rest = next.to_owned();
    }
    (!out.is_empty() && out != text).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_spans_as_people_write_them_are_understood() {
        for (text, want) in [
            ("5 sec", Some("5s")),
            ("2 minutes", Some("2m")),
            ("5min", Some("5m")),
            ("500 milliseconds", Some("500ms")),
            ("1d", Some("24h")),
            ("30", Some("30s")),
            ("1m30", Some("1m30s")),
            ("1,5s", Some("1.5s")),
            ("PT5S", Some("5s")),
            ("10S", Some("10s")),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(duration(text).as_deref(), want, "{text}");
        }
    }

    #[test]
    fn numbers_and_booleans_as_people_write_them_are_understood() {
        for (text, want) in [
            ("8192", "8192"),
            ("1,000", "1000"),
            ("10k", "10000"),
            ("512MiB", "512"),
            ("80%", "80"),
        ] {
            assert_eq!(number(text).as_deref(), Some(want), "{text}");
        }
        assert_eq!((number("many"), number("88a8")), (None, None));
        assert_eq!(
            (boolean("yes"), boolean("Off"), boolean("maybe")),
            (Some("true"), Some("false"), None)
        );
    }
}
