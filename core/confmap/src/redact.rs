//! Which parts of a line must not be shown.

use std::sync::{Arc, PoisonError};

use saphyr_parser::{Event, Parser, Span};

use crate::source::{Columns, Source, SourceKind, Tree};
use crate::suggest::is_nearly;

/// What stands for a secret.
pub const REDACTED: &str = "[REDACTED]";

/// Words that make a key sensitive.
const WORDS: [&str; 15] = [
    "password",
    "htpasswd",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "authorization",
    "credential",
    "credentials",
    "headers",
    "cookie",
    "cookies",
    "pem",
    "dsn",
];
/// Of these, those whose values are maps with harmless keys.
const MAPS: [&str; 5] = ["headers", "credentials", "cookie", "cookies", "htpasswd"];
/// Pairs of words that do.
const PAIRS: [&str; 5] =
    ["api_key", "access_key", "private_key", "connection_string", "account_key"];
/// Keys that are known also with a typing mistake.
const NAMES: [&str; 11] = [
    "password",
    "passphrase",
    "secret",
    "client_secret",
    "token",
    "api_key",
    "authorization",
    "credentials",
    "key_pem",
    "cert_pem",
    "ca_pem",
];
/// Keys that end like this name a place, not a secret.
const PLACES: [&str; 5] = ["_file", "_path", "_url", "_type", "_authenticator"];

/// True for keys whose values are secrets.
pub fn is_sensitive(key: &str) -> bool {
    let key = key.to_ascii_lowercase().replace('-', "_");
    if PLACES.iter().any(|it| key.ends_with(it)) {
        return false;
    }
    let words = || key.split(|it: char| !it.is_ascii_alphanumeric());
    let ends = ["password", "token", "secret"];
    // A list of tokens, and not how many of them there may be.
    words().next_back() == Some("tokens")
        || words().any(|it| {
            WORDS.contains(&it) || (!it.is_empty() && ends.iter().any(|end| it.ends_with(end)))
        })
        || PAIRS.iter().any(|it| key.contains(it))
}

/// As [`is_sensitive`], also with a typing mistake: the key that is not known may be meant as one.
fn looks_sensitive(key: &str) -> bool {
    is_sensitive(key) || NAMES.iter().any(|it| is_nearly(key, it))
}

/// Secret parts of line `number`.
pub(crate) fn spans(source: &Source, number: usize) -> Arc<[Columns]> {
    let mut lines = source.secrets.lines.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(lines.entry(number).or_insert_with(|| look(source, number).into()))
}

fn look(source: &Source, number: usize) -> Vec<Columns> {
    let Some(line) = source.line(number) else { return Vec::new() };
    let width = line.chars().count();
    let mut spans = match source.kind {
        SourceKind::Environment => vec![(0, width)],
        SourceKind::Default => Vec::new(),
        SourceKind::Set => after_sign(line, '=').into_iter().collect(),
        SourceKind::File | SourceKind::Web | SourceKind::Yaml => {
            let tree = source.secrets.tree.get_or_init(|| in_tree(&source.text));
            let on_line = tree.spans.iter().filter_map(|it| on_line(it, number));
            let lost = if tree.whole { None } else { by_indentation(source, number) };
            on_line.chain(lost).collect()
        }
    };
    // A secret may have become a comment: `password: #4711`.
    if let Some(at) = line.find(" #")
        && matches!(source.kind, SourceKind::File | SourceKind::Web | SourceKind::Yaml)
        && by_indentation(source, number).is_some()
    {
        spans.push((line[..at].chars().count() + 1, usize::MAX));
    }
    spans.extend(in_addresses(line));
    spans.retain(|it| !is_reference(line, *it));
    spans.sort_unstable();
    spans
}

/// All of the line behind `sign`, if a key before it is sensitive.
fn after_sign(line: &str, sign: char) -> Option<Columns> {
    let (keys, _) = line.split_once(sign)?;
    keys.split(['.', ':'])
        .any(|it| looks_sensitive(it.trim()))
        .then(|| (keys.chars().count() + 1, line.chars().count()))
}

/// A list, or a map and its key.
#[derive(Default)]
struct Frame {
    is_map: bool,
    key: Option<String>,
    /// Below a sensitive key.
    sensitive: bool,
    /// Its keys are part of a secret as well: only what stands directly in `headers:` has harmless ones.
    hides_keys: bool,
}

impl Frame {
    fn below(parent: Option<&Frame>, is_map: bool) -> Self {
        let Some(parent) = parent else { return Self { is_map, ..Self::default() } };
        let key = parent.key.as_deref().unwrap_or_default();
        let names_secret = key.split("::").any(looks_sensitive);
        let is_of_map = names_map(key);
        let hides_keys = parent.hides_keys
            || if parent.is_map { parent.sensitive || (names_secret && !is_of_map) } else { false };
        Self { is_map, key: None, sensitive: parent.sensitive || names_secret, hides_keys }
    }
}

/// Values below sensitive keys, up to a mistake of syntax.
fn in_tree(text: &str) -> Tree {
    let mut frames: Vec<Frame> = Vec::new();
    let mut spans = Vec::new();
    let mut parser = Parser::new_from_str(text);
    while let Some(next) = parser.next_event() {
        let Ok((event, span)) = next else { return Tree { spans, whole: false } };
        match event {
            Event::DocumentEnd => break,
            Event::Scalar(text, ..) => match frames.last_mut() {
                Some(frame) if frame.is_map && frame.key.is_none() => {
                    if frame.hides_keys {
                        spans.push(span);
                    }
                    frame.key = Some(text.to_ascii_lowercase());
                    continue;
                }
                Some(frame) if Frame::below(Some(frame), false).sensitive => {
                    spans.push(span);
                }
                _ => {}
            },
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                let is_map = matches!(event, Event::MappingStart(..));
                frames.push(Frame::below(frames.last(), is_map));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => drop(frames.pop()),
            _ => {}
        }
        if let Some(frame) = frames.last_mut() {
            frame.key = None;
        }
    }
    Tree { spans, whole: true }
}

fn on_line(span: &Span, number: usize) -> Option<Columns> {
    let (start, end) = (span.start, span.end);
    if !(start.line()..=end.line()).contains(&number) {
        return None;
    }
    let from = if start.line() == number { start.col() } else { 0 };
    // A value of several lines is hidden to the end of each; a block's mark is behind its key.
    let to = if end.line() == number && start.line() == number { end.col() } else { usize::MAX };
    (from < to).then_some((from, to))
}

/// For text that is not YAML: all behind a sensitive key, and all lines indented below one.
fn by_indentation(source: &Source, number: usize) -> Option<Columns> {
    let lines: Vec<&str> = source.text.lines().take(number).collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let line = lines.last()?;
    let mut level = indent(line);
    for above in lines.iter().rev().skip(1).filter(|it| !it.trim().is_empty()) {
        if indent(above) < level || (indent(above) == level && line.trim_start().starts_with('-')) {
            level = indent(above);
            if let Some((_, key)) = sensitive_key(above) {
                let from = if names_map(key) { after_name(line) } else { None };
                return Some((from.unwrap_or(indent(line)), usize::MAX));
            }
        }
    }
    let (at, _) = sensitive_key(line)?;
    Some((line[..at].chars().count(), usize::MAX))
}

/// True for keys such as `headers`, whose entries have names that are no secrets.
fn names_map(key: &str) -> bool {
    let last = key.rsplit(['_', ':', '-']).next();
    last.is_some_and(|it| MAPS.contains(&it.to_ascii_lowercase().as_str()))
}

/// The end of the name that begins a line, with the sign behind it: `x-scope: a`, and `x-scope a` without its colon.
fn after_name(line: &str) -> Option<usize> {
    let content = line.trim_start();
    let length = content.find(|it: char| !(it.is_ascii_alphanumeric() || "-_".contains(it)))?;
    let follows = content[length..].starts_with([':', ' ', '\t']);
    (length > 0 && follows && !content.starts_with('-'))
        .then(|| line.len() - content.len() + length + 1)
}

/// The end of the first sensitive key's colon.
fn sensitive_key(line: &str) -> Option<(usize, &str)> {
    line.match_indices(':').find_map(|(at, _)| {
        let key = line[..at].rsplit(|it: char| " {,\t".contains(it)).next()?;
        let key = key.trim_matches(['"', '\'']);
        looks_sensitive(key).then_some((at + 1, key))
    })
}

/// Passwords in `scheme://user:password@host`, and `?token=...`.
fn in_addresses(line: &str) -> Vec<Columns> {
    let chars = |at: usize| line[..at].chars().count();
    let mut spans = Vec::new();
    for (at, mark) in line.match_indices("://") {
        let start = at + mark.len();
        let end = line[start..].find(|it: char| it.is_whitespace() || "\"'".contains(it));
        let address = &line[start..end.map_or(line.len(), |it| start + it)];
        let host = &address[..address.find('/').unwrap_or(address.len())];
        if let Some((colon, sign)) = host.find(':').zip(host.rfind('@'))
            && colon < sign
        {
            spans.push((chars(start + colon + 1), chars(start + sign)));
        }
        let Some(query) = address.find('?') else { continue };
        for part in address[query + 1..].split('&') {
            if let Some((_, value)) = part.split_once('=').filter(|it| is_sensitive(it.0)) {
                let from = value.as_ptr() as usize - line.as_ptr() as usize;
                spans.push((chars(from), chars(from + value.len())));
            }
        }
    }
    spans
}

/// The text without the secrets that addresses in it hold.
pub fn hide_in_addresses(text: &str) -> String {
    let spans = in_addresses(text);
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.chars().enumerate() {
        match spans.iter().find(|it| (it.0..it.1).contains(&at)) {
            Some(span) if span.0 == at => out += REDACTED,
            Some(_) => {}
            None => out.push(c),
        }
    }
    out
}

/// A reference without a default shows no secret.
fn is_reference(line: &str, (from, to): Columns) -> bool {
    let text: String = line.chars().skip(from).take(to.saturating_sub(from)).collect();
    let text = text.trim().trim_matches(['"', '\'']);
    let inner = text.strip_prefix("${").and_then(|it| it.strip_suffix('}'));
    inner.is_some_and(|it| {
        let name = it.strip_prefix("env:").unwrap_or(it);
        it.starts_with("file:") || name.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_name_secrets_are_known_and_keys_that_name_files_are_not() {
        for key in [
            "password",
            "client_secret",
            "token",
            "authToken",
            "api_key",
            "API-Key",
            "x-api-key",
            "key_pem",
            "headers",
            "Authorization",
            "response_headers",
            "aws_secret_access_key",
            "dsn",
        ] {
            assert!(is_sensitive(key), "{key}");
        }
        for key in [
            "key",
            "key_file",
            "password_file",
            "token_url",
            "bearertokenauth",
            "endpoint",
            "",
            "tokens_per_s",
        ] {
            assert!(!is_sensitive(key), "{key}");
        }
    }

    #[test]
    fn a_text_is_looked_through_once_however_many_mistakes_it_has() {
        let source = Source::new(SourceKind::File, "c.yaml", "a: 1\ntoken: 2\n");
        let first = spans(&source, 2);
        assert_eq!(*first, [(7, 8)]);
        assert!(Arc::ptr_eq(&first, &spans(&source, 2)));
        assert!(spans(&source, 1).is_empty());
    }

    fn check(text: &str, line: usize, want: &str) {
        let source = Source::new(SourceKind::File, "c.yaml", text);
        let spans = spans(&source, line);
        let hide = |(at, c): (usize, char)| {
            if spans.iter().any(|it| (it.0..it.1).contains(&at)) { '#' } else { c }
        };
        let got: String = source.line(line).unwrap().chars().enumerate().map(hide).collect();
        assert_eq!(got, want, "{text}");
    }

    #[test]
    fn only_values_below_sensitive_keys_are_hidden() {
        check("a: {username: u, password: p w}", 1, "a: {username: u, password: ###}");
        check("headers:\n  a: b\n  c: d\ne: f", 2, "  a: #");
        check("headers:\n  a: b\n  c: d\ne: f", 4, "e: f");
        check("headers::x: abc", 1, "headers::x: ###");
        check("headers: [{name: a, value: b}]", 1, "headers: [{name: #, value: #}]");
        check("key_pem: |\n  AAA\n  BBB\nx: y", 3, "#####");
        check("url: http://me:pw@h/x", 1, "url: http://me:##@h/x");
        check("url: http://h/x?a=b&token=pw&c=d", 1, "url: http://h/x?a=b&token=##&c=d");
        check(
            "tls: {key_pmm: x, passwrod: y, key_file: z}",
            1,
            "tls: {key_pmm: #, passwrod: #, key_file: z}",
        );
        check("password: {pw: x}", 1, "password: {##: #}");
        check("headers: {a: {pw: x}}", 1, "headers: {a: {##: #}}");
        check("token: ${env:TOKEN}", 1, "token: ${env:TOKEN}");
        check("token: ${env:TOKEN:-abc}", 1, "token: #################");
    }

    #[test]
    fn text_that_is_not_yaml_is_hidden_by_indentation() {
        check("headers:\n  a: b\nx: [", 2, "  a:##");
        check("headers:\n  - a b\nx: [", 2, "  #####");
        check("password:\n  a b\nx: [", 2, "  ###");
        check("x: [\npassword: p", 2, "password:##");
        check("x: [\nother: p", 2, "other: p");
    }
}
