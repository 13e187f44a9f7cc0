//! What a text holds that is legal YAML and probably not what was meant.

use std::sync::Arc;

use crate::code;
use crate::diagnostic::{Diagnostic, Fix};
use crate::edit::text_at;
use crate::redact;
use crate::source::{Origin, Source};
use crate::tree::{Data, Entry, Node};

/// Processors that protect a pipeline: an overlay that drops one of them seldom means it.
const PROTECTING: [&str; 2] = ["memory_limiter", "batch"];
/// Keys beside which a number is a text: `key: service.version`.
const NAMES_OF_TEXTS: [&str; 4] = ["version", "commit", "revision", "sha"];

/// What stands behind the first document of a text: nobody reads it.
pub(crate) fn further_document(source: &Arc<Source>) -> Option<Diagnostic> {
    let marks = |line: &str, mark: &str| {
        line.strip_prefix(mark).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
    };
    let (mut begun, mut ended) = (false, false);
    for (at, line) in source.text.lines().enumerate() {
        let content = line.trim();
        let begins = marks(line, "---");
        if begun && (begins || (ended && !content.is_empty() && !content.starts_with('#'))) {
            let place = Origin::new(source.clone(), at + 1, 1, content.chars().count());
            let text =
                "everything from here on is ignored: only the first document of a file is read";
            return Some(
                Diagnostic::new(code::IGNORED_DOCUMENT, text)
                    .warning()
                    .at(place, "")
                    .help("put both documents into one, or pass the second as a file of its own"),
            );
        }
        ended |= begun && marks(line, "...");
        begun |= begins || !(content.is_empty() || content.starts_with(['#', '%']));
    }
    None
}

/// A place for a value that nothing fills: `$(NAME)`, `$NAME`, `%NAME%`, `{{ ... }}`, `${NAME` without its end.
pub(crate) fn placeholder(text: &str, origin: &Origin, sensitive: bool) -> Option<Diagnostic> {
    let found = find_placeholder(text)?;
    // A password may look like anything.
    if sensitive && found.written.len() < text.len() {
        return None;
    }
    let line = origin.source.line(origin.line).unwrap_or_default();
    let at = line.find(found.written).map(|at| line[..at].chars().count() + 1);
    let place = at.map_or(origin.clone(), |column| Origin {
        column,
        length: found.written.chars().count(),
        ..origin.clone()
    });
    let text = format!("nothing replaces `{}`: the text stays as it is", found.written);
    let problem = Diagnostic::new(code::PLACEHOLDER, text).warning().at(place.clone(), "");
    Some(match found.name {
        Some(name) => {
            let right = format!("${{env:{name}}}");
            let fix = at.and_then(|_| Fix::replace(&place, right.clone()));
            problem.help(format!("write `{right}` for the environment variable")).fix(fix)
        }
        None => problem.help("render the template before it is used as a configuration"),
    })
}

struct Placeholder<'a> {
    written: &'a str,
    /// The variable that is meant.
    name: Option<&'a str>,
}

fn find_placeholder(text: &str) -> Option<Placeholder<'_>> {
    let is_name = |it: &str| {
        it.len() > 1
            && it.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
            && it.bytes().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == b'_')
    };
    if let Some(start) = text.find("{{")
        && let Some(length) = text[start..].find("}}")
    {
        return Some(Placeholder { written: &text[start..start + length + 2], name: None });
    }
    for (start, sign) in text.match_indices(['$', '%']) {
        // `$$` is a dollar sign.
        if text[..start].ends_with('$') {
            continue;
        }
        let rest = &text[start + 1..];
        let end = |inner: &str| start + 1 + inner.len();
        let word = |it: &str| it.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let found = match (sign, rest.chars().next()) {
            ("%", _) => rest.split_once('%').map(|(name, _)| (name, end(name) + 1)),
            (_, Some('(')) => rest[1..].split_once(')').map(|(name, _)| (name, end(name) + 2)),
            (_, Some('{')) if !rest.contains('}') => Some((&rest[1..], text.len())),
            (_, Some('{')) => None,
            _ => Some(&rest[..word(rest).unwrap_or(rest.len())]).map(|name| (name, end(name))),
        };
        let Some((inner, end)) = found else { continue };
        let name = inner.strip_prefix("env:").unwrap_or(inner);
        if is_name(name) {
            return Some(Placeholder { written: &text[start..end], name: Some(name) });
        }
    }
    None
}

/// Processors that a pipeline loses because a later list replaces an earlier one.
pub(crate) fn dropped_processors(base: &Node, over: &Node) -> Vec<Diagnostic> {
    let pipelines = |root: &'static str, it: &Node| -> Vec<(String, Node)> {
        let found = it.get("service").and_then(|it| it.get("pipelines"));
        let entries = found.map_or(&[][..], Node::entries).iter();
        entries.filter_map(|it| Some((it.key.clone(), it.value.get(root)?.clone()))).collect()
    };
    let before = pipelines("processors", base);
    let after = pipelines("processors", over).into_iter();
    after
        .filter_map(|(id, list)| dropped(&id, &before.iter().find(|it| it.0 == id)?.1, &list))
        .collect()
}

fn dropped(pipeline: &str, before: &Node, after: &Node) -> Option<Diagnostic> {
    let names = |list: &Node| -> Vec<String> {
        list.items().iter().filter_map(|it| it.text().map(str::to_owned)).collect()
    };
    let (old, new) = (names(before), names(after));
    let protects = |id: &&String| {
        let type_name = id.split('/').next().unwrap_or_default();
        PROTECTING.contains(&type_name) && !new.contains(id)
    };
    let lost: Vec<&str> = old.iter().filter(protects).map(String::as_str).collect();
    if lost.is_empty() || !matches!(after.data, Data::List(_)) {
        return None;
    }
    let first = |id: &&&str| id.starts_with(PROTECTING[0]);
    let ahead = lost.iter().filter(first).copied();
    let behind = lost.iter().filter(|it| !first(it)).copied();
    let all: Vec<&str> = ahead.chain(new.iter().map(String::as_str)).chain(behind).collect();
    let all = format!("[{}]", all.join(", "));
    let quoted = lost.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(" and ");
    let text =
        format!("this list replaces an earlier one, so the pipeline `{pipeline}` loses {quoted}");
    let fix = after.is_flow().then(|| Fix::replace(&after.origin, all.clone())).flatten();
    Some(
        Diagnostic::new(code::DROPPED_PROCESSORS, text)
            .warning()
            .at(after.origin.clone(), "")
            .related(before.origin.clone(), "the list that is replaced")
            .help(format!("lists are not joined; write all that should stay: `{all}`"))
            .fix(fix),
    )
}

/// Values that are cut off by a comment, and numbers that are probably texts.
pub(crate) fn values(root: &Node) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    walk(root, Inside::default(), &mut found);
    found
}

/// What is around a value.
#[derive(Clone, Copy, Default)]
struct Inside {
    depth: usize,
    /// In a map that is an item of a list: an action, an operator.
    item: bool,
    /// Below a key such as `headers`.
    sensitive: bool,
}

fn walk(node: &Node, inside: Inside, found: &mut Vec<Diagnostic>) {
    for item in node.items() {
        walk(item, Inside { depth: inside.depth + 1, item: true, ..inside }, found);
    }
    for entry in node.entries() {
        let sensitive = inside.sensitive || redact::is_sensitive(&entry.key);
        let here = Inside { sensitive, ..inside };
        found.extend(cut_off(entry, here));
        found.extend(typographic(&entry.value, sensitive));
        found.extend(numeric(node, entry).filter(|_| inside.item));
        walk(&entry.value, Inside { depth: inside.depth + 1, item: false, ..here }, found);
    }
}

/// Quotes of word processors around a value: YAML takes them as part of it.
fn typographic(value: &Node, sensitive: bool) -> Option<Diagnostic> {
    let text = value.text().filter(|_| value.origin.reference.is_none() && !value.is_quoted())?;
    let quotes = ['\u{201c}', '\u{201d}', '\u{201e}', '\u{2018}', '\u{2019}'];
    let inner = text.strip_prefix(quotes)?.strip_suffix(quotes)?;
    let fix = Fix::replace(&value.origin, format!("\"{inner}\"")).filter(|_| !sensitive);
    let text = "the quotes here are typographic: they become part of the value";
    Some(
        Diagnostic::new(code::ODD_QUOTES, text)
            .warning()
            .at(value.origin.clone(), "")
            .help("write straight quotes: `\"`")
            .fix(fix),
    )
}

/// `password: #4711`, `token: abc #4711`.
fn cut_off(entry: &Entry, inside: Inside) -> Option<Diagnostic> {
    let (key, value) = (&entry.key_origin, &entry.value);
    if value.origin.reference.is_some() || inside.depth < 2 {
        return None;
    }
    let line = key.source.line(key.line)?;
    let chars = |from: usize| line.chars().skip(from).collect::<String>();
    let end_of_key = key.column - 1 + key.length;
    let is_empty = value.data == Data::Null;
    let from = if is_empty { end_of_key } else { value.origin.column - 1 + value.origin.length };
    let rest = chars(from);
    let behind = if is_empty { rest.trim_start().strip_prefix(':')? } else { rest.as_str() };
    let word =
        behind.trim_start().strip_prefix('#').filter(|_| behind.starts_with(' '))?.trim_end();
    if word.is_empty() || word.contains(char::is_whitespace) || word.starts_with('#') {
        return None;
    }
    let is_value = inside.item && entry.key == "value";
    let looks_meant = match &value.data {
        // Sections are empty, too: `grpc: #default`.
        Data::Null => is_value || word.contains(|c: char| c.is_ascii_digit() || ":/".contains(c)),
        Data::String(_) if value.origin.line == key.line && !value.is_quoted() => is_value,
        _ => return None,
    };
    if !(looks_meant || inside.sensitive) {
        return None;
    }
    let start = if is_empty {
        from + rest.len() - behind.trim_start().len()
    } else {
        value.origin.column - 1
    };
    let end = line.trim_end().chars().count();
    let quotes = [start, end]
        .map(|at| Fix::insert(&Origin { column: at + 1, length: 0, ..key.clone() }, "'"));
    let place = Origin {
        column: end - word.chars().count(),
        length: word.chars().count() + 1,
        ..key.clone()
    };
    let fix: Vec<Fix> = quotes.into_iter().flatten().collect();
    let quotable = fix.len() == 2 && !chars(start).contains('\'');
    let text = format!("`#` begins a comment, so it is not part of `{}`", entry.key);
    Some(
        Diagnostic::new(code::CUT_OFF, text)
            .warning()
            .at(place, "")
            .help("put the value in quotes if the `#` belongs to it")
            .fix(if quotable { fix } else { Vec::new() }),
    )
}

/// `value: 1.10`, `value: 0123`: a number that reads differently than it was written.
fn numeric(map: &Node, entry: &Entry) -> Option<Diagnostic> {
    let value = &entry.value;
    let number = match &value.data {
        Data::Int(it) => it.to_string(),
        Data::Float(it) if it.is_infinite() => "infinity".to_owned(),
        Data::Float(it) => it.to_string(),
        _ => return None,
    };
    if entry.key != "value" {
        return None;
    }
    let variable = value.origin.reference.is_some();
    let written = match &value.original {
        Some(text) if variable => text.trim().to_owned(),
        _ => text_at(&value.origin)?,
    };
    let named = map.get("key").and_then(Node::text).unwrap_or_default();
    let is_name = NAMES_OF_TEXTS.iter().any(|it| named.contains(it));
    if !is_name && !changes(&written) {
        return None;
    }
    let text = format!("`{written}` is read as the number {number}, not as a text");
    let problem =
        Diagnostic::new(code::NUMBER_FOR_TEXT, text).warning().at(value.origin.clone(), "");
    Some(if variable {
        problem.help("if a text is meant, put quotes into the value of the variable")
    } else {
        let quoted = format!("\"{written}\"");
        problem
            .help(format!("write `{quoted}` if a text is meant"))
            .fix(Fix::replace(&value.origin, quoted))
    })
}

/// True for a number that is not written as it is printed: `0123`, `1_000`, `0x10`, `81e5`, `1.10`, `+49`.
fn changes(written: &str) -> bool {
    let digits = written.trim_start_matches(['-', '+']);
    let octal = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    let fraction =
        written.contains('.') && (written.ends_with(['0', '.']) || digits.starts_with('.'));
    octal || fraction || written.starts_with('+') || written.contains(['_', 'e', 'E'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceKind;

    fn check(text: &str, want: Option<&str>) {
        assert_eq!(find_placeholder(text).map(|it| it.written), want, "{text}");
    }

    #[test]
    fn places_for_values_that_nobody_fills_are_found() {
        check("http://$(NODE_IP):4318", Some("$(NODE_IP)"));
        check("$(env:BACKEND)", Some("$(env:BACKEND)"));
        check("a $HOST_NAME b", Some("$HOST_NAME"));
        check("%COMPUTERNAME%", Some("%COMPUTERNAME%"));
        check("x {{ .Values.endpoint }} y", Some("{{ .Values.endpoint }}"));
        check("${env:BACKEND", Some("${env:BACKEND"));
        for text in [
            "$$(NODE_IP)",
            "$1",
            "${env:A}",
            "%Y-%m-%dT%H:%M:%S",
            "%H%M%S",
            "^(?P<a>.*)$",
            "100%",
            "$(date)",
            "{\"a\": {\"b\": 1}}",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn only_what_follows_the_first_document_is_ignored() {
        let line = |text: &str| {
            let source = Source::new(SourceKind::File, "c.yaml", text);
            Some(further_document(&source)?.primary?.origin.line)
        };
        assert_eq!(line("a: 1\n---\nb: 2\n"), Some(2));
        assert_eq!(line("# c\n---\na: 1\n---\nb: 2\n"), Some(4));
        assert_eq!(line("---\n---\na: 1\n"), Some(2));
        assert_eq!(line("a: 1\n...\n# nothing\nb: 2\n"), Some(4));
        for text in ["", "---\na: 1\n", "%YAML 1.1\n---\na: 1\n...\n", "a: |\n  ---\n  b\n"] {
            assert_eq!(line(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_that_change_when_they_are_read_are_told_from_the_others() {
        for text in ["81e5", "0123", "1_000", "0x10", "1.10", "123e456", "+49", "1.0", "0o17"] {
            assert!(changes(text), "{text}");
        }
        for text in ["0", "10", "-5", "1.5", "0.25", "100"] {
            assert!(!changes(text), "{text}");
        }
    }
}
