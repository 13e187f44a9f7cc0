//! What a value was probably meant to be: time spans, numbers, booleans, ids, lists and maps.

use component::config::Type;
use confmap::{Conf, Data, Fix, code};

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

type Advice = (String, Vec<Fix>);

/// Blanks that only look like some, from web pages.
const NO_BREAK: char = '\u{a0}';

/// A key with real blanks.
pub(crate) fn blanks(key: &str) -> Option<String> {
    key.contains(NO_BREAK).then(|| key.replace(NO_BREAK, " "))
}

/// An id with the signs that it may have.
pub(crate) fn id(issue: &Issue, written: &str) -> Option<String> {
    if issue.code != code::BAD_ID {
        return None;
    }
    if let Some(item) = written.strip_prefix('-') {
        return Some(format!("- {item}"));
    }
    let (kind, name) = written.split_once(['/', ':', '.']).unwrap_or((written, ""));
    let kind: String = kind.trim().chars().map(|it| if it == '-' { '_' } else { it }).collect();
    let plain = |it: char| if it.is_alphanumeric() || "_-.".contains(it) { it } else { '_' };
    let name: String = name.trim().trim_matches('/').chars().map(plain).collect();
    let right = kind.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_') && !kind.is_empty();
    let fixed = if name.is_empty() { kind } else { format!("{kind}/{name}") };
    (right && fixed != written).then_some(fixed)
}

/// Another value for the one at `path`.
pub(crate) fn value(conf: &Conf, issue: &Issue, path: &[String]) -> Option<Advice> {
    let text = match &conf.node(path)?.data {
        Data::String(text) => Some(text.as_str()),
        _ => None,
    };
    let write =
        |value: String| (format!("write `{value}`"), conf.set(path, &value).into_iter().collect());
    if issue.code == code::DURATION {
        return duration(text?).map(write);
    }
    match (issue.wanted?, text) {
        (Type::Bool, Some(text)) => boolean(text).map(|it| write(it.to_owned())),
        (Type::Number, Some(text)) => number(text).map(write),
        (Type::Duration, Some(text)) => duration(text).map(write),
        (Type::Text, None) => quoted(conf, path),
        (Type::List, _) => {
            Some(("write a list of ids: `[a, b]`".into(), conf.dash(path).into_iter().collect()))
        }
        (Type::Map, Some(text)) => as_map(conf, path, text),
        (Type::Map, None) if matches!(conf.node(path)?.data, Data::List(_)) => Some((
            "these are keys, not items of a list: remove the dashes".into(),
            conf.undash(path).into_iter().collect(),
        )),
        _ => None,
    }
}

/// Text for a number, boolean or the like.
fn quoted(conf: &Conf, path: &[String]) -> Option<Advice> {
    let node = conf.node(path)?;
    if !matches!(node.data, Data::Int(_) | Data::Float(_) | Data::Bool(_)) {
        return None;
    }
    let line = node.origin.source.line(node.origin.line)?;
    let written: String =
        line.chars().skip(node.origin.column - 1).take(node.origin.length).collect();
    let value = format!("\"{written}\"");
    Some((format!("write a text: `{value}`"), conf.set(path, &value).into_iter().collect()))
}

/// A text where keys are wanted: a colon without a blank, or keys without values.
fn as_map(conf: &Conf, path: &[String], text: &str) -> Option<Advice> {
    let node = conf.node(path)?;
    let is_key = |it: &str| {
        !it.is_empty() && it.bytes().all(|it| it.is_ascii_alphanumeric() || b"_/".contains(&it))
    };
    if let Some((key, _)) = text.split_once(':').filter(|it| is_key(it.0)) {
        let colon = confmap::Origin {
            column: node.origin.column + key.chars().count() + 1,
            ..node.origin.clone()
        };
        let help = format!("write a blank after the colon: `{key}: ...`");
        return Some((help, Fix::insert(&colon, " ").into_iter().collect()));
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
        assert_eq!(number("many"), None);
        assert_eq!(
            (boolean("yes"), boolean("Off"), boolean("maybe")),
            (Some("true"), Some("false"), None)
        );
    }
}
