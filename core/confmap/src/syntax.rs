//! Mistakes of syntax in the words of `yaml.v3`, with the place where they really are.

use std::sync::Arc;

use saphyr_parser::{Marker, ScanError};

use crate::code;
use crate::diagnostic::Diagnostic;
use crate::mend;
use crate::source::{Origin, Source};
use crate::yaml::{Open, YamlError};

/// Who notices in Go; it decides the line that Go prints.
enum Noticed {
    /// The scanner: counts lines from 1.
    Scanner,
    /// The parser, below an open list or map: the line where that begins, counted from 0.
    Inside,
    /// The parser, else: counts lines from 0.
    Parser,
    /// Nobody prints a line.
    Nowhere,
}

/// What Go says to what our parser says, by a part of it; the first that matches.
const WORDS: [(&str, Noticed, &str, &str); 20] = [
    (
        "illegal placement",
        Noticed::Inside,
        "did not find expected ',' or ']'",
        "close the list with `]`",
    ),
    ("comment intercepting", Noticed::Inside, "did not find expected key", "check the indentation"),
    (
        "plain scalar, found a tab",
        Noticed::Scanner,
        "found a tab character that violates indentation",
        "use spaces, not tabs",
    ),
    (
        "flow sequence",
        Noticed::Inside,
        "did not find expected ',' or ']'",
        "close the list with `]`",
    ),
    ("flow mapping", Noticed::Inside, "did not find expected ',' or '}'", "close the map with `}`"),
    ("block mapping", Noticed::Inside, "did not find expected key", "check the indentation"),
    (
        "block collection",
        Noticed::Inside,
        "did not find expected '-' indicator",
        "check the indentation",
    ),
    ("node content", Noticed::Parser, "did not find expected node content", ""),
    (
        "document start",
        Noticed::Parser,
        "did not find expected <document start>",
        "check the indentation",
    ),
    ("unknown anchor", Noticed::Nowhere, "unknown anchor", "define it above with `&`"),
    (
        "tab",
        Noticed::Scanner,
        "found character that cannot start any token",
        "use spaces, not tabs",
    ),
    (
        "mapping values are not allowed",
        Noticed::Scanner,
        "mapping values are not allowed in this context",
        "check the indentation, or quote a text that contains `: `",
    ),
    (
        "simple key",
        Noticed::Scanner,
        "could not find expected ':'",
        "write `key: value`, with a space after the colon",
    ),
    (
        "unexpected character",
        Noticed::Scanner,
        "found character that cannot start any token",
        "quote a text that begins like this",
    ),
    (
        "found unexpected end of stream",
        Noticed::Scanner,
        "found unexpected end of stream",
        "close the quotes",
    ),
    (
        "unknown escape",
        Noticed::Scanner,
        "found unknown escape character",
        "use single quotes, or double the backslash",
    ),
    (
        "unprintable",
        Noticed::Nowhere,
        "control characters are not allowed",
        "remove the character, or write it as an escape in double quotes",
    ),
    (
        "misplaced bracket",
        Noticed::Parser,
        "did not find expected node content",
        "remove the bracket",
    ),
    ("trailing content", Noticed::Inside, "did not find expected key", "quote the whole text"),
    ("invalid indentation", Noticed::Inside, "did not find expected key", "check the indentation"),
];

/// The parser's error in Go's words; `open` are the lists and maps around it.
pub(crate) fn explain(error: &ScanError, source: &Arc<Source>, open: &[Open]) -> YamlError {
    let mark = tab(source, error);
    let found = WORDS.iter().find(|(part, ..)| error.info().contains(part));
    let (words, noticed, help) = if let Some((_, noticed, words, help)) = found {
        (*words, noticed, *help)
    } else {
        let info = error.info();
        let words = info.strip_prefix("while ").and_then(|it| it.split_once(", "));
        (words.map_or(info, |it| it.1), &Noticed::Scanner, "")
    };
    let words = if words == "unknown anchor" {
        format!("unknown anchor '{}' referenced", anchor(source, mark))
    } else {
        words.to_owned()
    };
    let (words, help) = match (noticed, open.last().and_then(|it| it.bracket)) {
        (Noticed::Inside, Some('[')) => {
            ("did not find expected ',' or ']'".to_owned(), "close the list with `]`")
        }
        (Noticed::Inside, Some(_)) => {
            ("did not find expected ',' or '}'".to_owned(), "close the map with `}`")
        }
        _ => (words, help),
    };
    let line = match noticed {
        Noticed::Scanner if mark.line() > 1 => mark.line(),
        Noticed::Inside => {
            let start = open.last().map_or(0, |it| it.start.line() - 1);
            if start > 0 { start } else { mark.line() - 1 }
        }
        Noticed::Parser => mark.line() - 1,
        Noticed::Scanner | Noticed::Nowhere => 0,
    };
    let place = if line > 0 { format!("line {line}: ") } else { String::new() };
    let mut problem = Diagnostic::new(code::SYNTAX, words.clone()).at(origin(source, mark), "");
    if let (Noticed::Inside, Some(open)) = (noticed, open.last().filter(|it| it.bracket.is_some()))
    {
        problem = problem.related(origin(source, open.start), "opened here");
    }
    if !help.is_empty() {
        problem = problem.help(help);
    }
    if let Some(mend) = mend::find(source, &suspects(source, mark, open), mark.line()) {
        let place = Origin { length: mend.fix.place.length.max(1), ..mend.fix.place.clone() };
        problem = problem.at(on_one_line(place), "").help(mend.help).fix(Some(mend.fix));
        mend.cause.clone_into(&mut problem.message);
        problem.related.clear();
    }
    YamlError { text: format!("yaml: {place}{words}"), list: vec![problem] }
}

/// Lines to look at, the most likely first: where reading failed, before it, and where the
/// innermost list or map begins.
fn suspects(source: &Source, mark: Marker, open: &[Open]) -> Vec<usize> {
    let full = |it: &usize| source.line(*it).is_some_and(|it| !it.trim().is_empty());
    let above = (1..mark.line()).rev().filter(full).take(2);
    let mut lines: Vec<usize> = [mark.line()].into_iter().chain(above).collect();
    lines.extend(open.iter().rev().take(3).map(|it| it.start.line()));
    let mut seen = std::collections::BTreeSet::new();
    lines.retain(|it| seen.insert(*it));
    lines
}

/// What of a place is on its first line.
fn on_one_line(place: Origin) -> Origin {
    let width = place.source.line(place.line).map_or(0, |it| it.chars().count());
    let length = place.length.min((width + 1).saturating_sub(place.column)).max(1);
    Origin { length, ..place }
}

/// Where the mistake is; for a tab that our parser notices late, the tab.
fn tab(source: &Source, error: &ScanError) -> Marker {
    let mark = *error.marker();
    if !error.info().contains("tab") {
        return mark;
    }
    let is_indented =
        |line: &str| line.chars().take_while(|it| it.is_whitespace()).position(|it| it == '\t');
    let mut lines = source.text.lines().enumerate().skip(mark.line() - 1);
    let found = lines.find_map(|(at, line)| Some((at + 1, is_indented(line)?)));
    found.map_or(mark, |(line, column)| Marker::new(mark.index(), line, column))
}

/// The place of a mark; at the end of the text, the last character.
fn origin(source: &Arc<Source>, mark: Marker) -> Origin {
    let (line, column) = (mark.line().max(1), mark.col() + 1);
    if source.line(line).is_some_and(|it| mark.col() <= it.chars().count()) {
        return Origin::new(source.clone(), line, column, 1);
    }
    let last = source.text.lines().count().max(1);
    let width = source.line(last).map_or(0, |it| it.trim_end().chars().count());
    Origin::new(source.clone(), last, width.max(1), 1)
}

fn anchor(source: &Source, mark: Marker) -> String {
    let line = source.line(mark.line()).unwrap_or_default();
    let rest = line.chars().skip(mark.col()).skip_while(|it| *it == '*');
    rest.take_while(|it| it.is_alphanumeric() || "_-".contains(*it)).collect()
}
