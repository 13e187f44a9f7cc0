//! Layout that Go accepts and our parser refuses, made acceptable without changing what it means.

use saphyr_parser::{Marker, ScanError};

/// The text with the oddity at `error` removed; `None` if it is a real mistake.
pub(crate) fn tolerate(text: &str, error: &ScanError) -> Option<String> {
    let info = error.info();
    if info.contains("':' must be followed by a valid YAML whitespace") {
        let changed = spaces_after_colons(text);
        return (changed != text).then_some(changed);
    }
    if info.contains("invalid indentation in quoted scalar") {
        return indent_quoted(text, *error.marker());
    }
    None
}

/// The same text with the tabs behind `key:` replaced, in the same columns.
fn spaces_after_colons(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (key, value) = line.split_once(":\t").unwrap_or((line, ""));
        if value.is_empty() || key.contains(['"', '\'', '#']) {
            out += line;
            continue;
        }
        let tabs = value.len() - value.trim_start_matches('\t').len();
        out.extend([key, ":", &" ".repeat(tabs + 1), &value[tabs..]]);
    }
    out
}

/// The same text with the further lines of a quoted text indented below its first: spaces there
/// mean nothing.
fn indent_quoted(text: &str, start: Marker) -> Option<String> {
    let line_start: usize = text.split_inclusive('\n').take(start.line() - 1).map(str::len).sum();
    let first = text.get(line_start..)?.char_indices().nth(start.col())?.0 + line_start;
    let quote = text[first..].chars().next().filter(|it| matches!(it, '"' | '\''))?;
    let spaces = " ".repeat(start.col() + 1);
    let (mut out, mut escaped, mut changed) = (text[..=first].to_owned(), false, false);
    for (at, c) in text[first + 1..].char_indices() {
        out.push(c);
        if c == '\n' {
            out += &spaces;
            changed = true;
        }
        if c == quote && !escaped {
            out += &text[first + 1 + at + c.len_utf8()..];
            return changed.then_some(out);
        }
        escaped = quote == '"' && c == '\\' && !escaped;
    }
    changed.then_some(out)
}
