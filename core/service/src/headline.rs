//! What is wrong, in one sentence: the first line of a diagnostic.
//!
//! The Collector's text stands above all diagnostics, to the letter. It names a path and a Go type; here is the cause.

use component::config::Type;
use confmap::{Conf, Data, Node, REDACTED, SourceKind, code, is_sensitive};

use crate::issue::{Issue, name};

/// Longest value of a variable that is quoted, in characters.
const QUOTED_MAX: usize = 40;

/// The sentence for an issue at `path`.
pub(crate) fn of(conf: &Conf, issue: &Issue, path: &[String]) -> String {
    let key = name(path);
    let node = conf.node(path);
    let value = node.map(|it| shown(it, path));
    match (issue.code, issue.wanted, value) {
        _ if issue.cause.is_some() => issue.cause.clone().unwrap_or_default(),
        (code::UNKNOWN_KEY | code::NESTING, ..) => match path.split_last() {
            Some((key, [])) => format!("unknown key `{key}` at the top of the configuration"),
            Some((key, above)) => format!("unknown key `{key}` in `{}`", above.join("::")),
            None => issue.line(),
        },
        (code::WRONG_TYPE, Some(Type::Number), _)
            if node.is_some_and(|it| matches!(it.data, Data::Int(_) | Data::Float(_))) =>
        {
            format!("{key} is beyond the range of its type")
        }
        (code::WRONG_TYPE, Some(wanted), Some(value)) => {
            format!("{key} must be {}, but {value}", article(wanted))
        }
        (code::DURATION, _, Some(value)) => format!("{key} must be a time span, but {value}"),
        (code::BAD_VALUE, _, Some(value)) if !issue.at_key => {
            format!("{key} must be one of a few words, but {value}")
        }
        (code::MISSING, ..) => match &issue.missing {
            Some(key) => format!("the required key `{key}` is missing"),
            None => issue.line(),
        },
        _ => issue.line(),
    }
}

fn article(wanted: Type) -> &'static str {
    match wanted {
        Type::Bool => "`true` or `false`",
        Type::Number => "a number",
        Type::Text => "a text",
        Type::Duration => "a time span",
        Type::List => "a list",
        Type::Map => "a map of keys",
    }
}

/// True for a value that no message may quote.
pub(crate) fn is_secret(node: &Node, path: &[String]) -> bool {
    let variable = node.origin.source.kind == SourceKind::Environment;
    path.iter().any(|it| is_sensitive(it))
        || (variable && is_sensitive(&node.origin.source.name))
        || (variable && node.text().is_some_and(looks_secret))
}

/// What stands there: `it is "abc"`, `the variable SIZE holds "abc"`.
fn shown(node: &Node, path: &[String]) -> String {
    let variable = node.origin.source.kind == SourceKind::Environment;
    let name = node.origin.source.name.as_str();
    let secret = is_secret(node, path);
    let text = match &node.data {
        Data::Null if variable => return format!("the variable {name} is empty"),
        Data::Null => return "nothing is there".to_owned(),
        Data::List(_) => "a list".to_owned(),
        Data::Map(_) => "a map".to_owned(),
        Data::Bool(_) if secret => "a boolean".to_owned(),
        Data::Int(_) | Data::Float(_) if secret => "a number".to_owned(),
        _ if secret || !node.parts.is_empty() => format!("the text {REDACTED}"),
        Data::Bool(it) => format!("`{it}`"),
        Data::Int(it) => format!("the number {it}"),
        Data::Float(it) => format!("the number {it}"),
        Data::String(it) if it.chars().count() > QUOTED_MAX => "a text".to_owned(),
        Data::String(it) if it.is_empty() => "an empty text".to_owned(),
        Data::String(it) => format!("the text {it:?}"),
    };
    if variable { format!("the variable {name} holds {text}") } else { format!("this is {text}") }
}

/// True for a value that may be a password or a key although no name says so: letters and digits that change more
/// than once, as no word, number or time span has them, or an address with credentials.
fn looks_secret(text: &str) -> bool {
    let kinds: Vec<bool> =
        text.chars().filter(|it| it.is_alphanumeric()).map(|it| it.is_ascii_digit()).collect();
    let changes = kinds.windows(2).filter(|it| it[0] != it[1]).count();
    (text.len() >= 8 && changes > 1) || text.len() >= 20 || text.contains('@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_password_is_told_from_words_and_numbers() {
        for text in ["hunter2canary", "a1b2c3d4", "user:pw@host", "eyJhbGciOiJIUzI1NiIsInR5"] {
            assert!(looks_secret(text), "{text}");
        }
        for text in ["big", "yes", "5 sec", "512MiB", "1h30m", "detail", "4317x", "\"100\""] {
            assert!(!looks_secret(text), "{text}");
        }
    }
}
