//! Lines: how far they are indented, what stands between their words, and which are empty.

use super::{Brace, Found, Marks, Word, spaces};
use crate::syntax::token::Kind;
use crate::syntax::{Module, Span};

/// Words that go on with the line before.
const GOES_ON: &[&str] = &[
    ":=", "=", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "|", "&", "in", "if",
    "and", "or",
];

/// A bracket that is open.
struct Open {
    /// How far its line is indented.
    indent: usize,
    is_body: bool,
}

/// Looks at all lines.
pub fn check(words: &[Word], module: &Module, marks: &Marks, found: &mut Found<'_>) {
    let text = found.text;
    let rows = rows(text);
    let mut open: Vec<Open> = Vec::new();
    let mut next = 0;
    let mut last: Option<&Word> = None;
    let mut code: Option<&Word> = None;
    let mut empty = 0;
    for line in &rows {
        // The rest of a text between backquotes.
        let inside = last.is_some_and(|it| it.span.end > line.start);
        let from = next;
        while words.get(next).is_some_and(|it| it.span.start <= line.end) {
            next += 1;
        }
        let own = words.get(from..next).unwrap_or_default();
        if own.is_empty() && !inside {
            empty += 1;
            blank(line, empty, last, found);
            continue;
        }
        let indent = indent(text, own, code, &open, inside);
        let mut starts = std::iter::once(line.start).chain(own.iter().map(|it| it.span.start));
        let is_loose = starts.any(|it| marks.is_loose(it));
        let own_indent = indent.filter(|_| !is_loose).unwrap_or_else(|| tabs(text, line));
        let start = if inside {
            last.map_or(line.start, |it| it.span.end.min(line.end))
        } else {
            line.start
        };
        if !is_loose {
            let inside = last.filter(|_| inside);
            laid(line, start, indent.filter(|_| inside.is_none()), own, inside, marks, found);
        }
        for word in own {
            match (word.kind, text.get(word.span.clone())) {
                (Some(Kind::Sign), Some("{" | "[" | "(")) => {
                    let is_body = marks.brace(word.span.start) != Brace::Term;
                    open.push(Open { indent: own_indent, is_body });
                }
                (Some(Kind::Sign), Some("}" | "]" | ")")) => drop(open.pop()),
                _ => {}
            }
        }
        empty = 0;
        last = own.last().or(last);
        code = own.iter().rfind(|it| it.kind.is_some()).or(code);
    }
    if !text.is_empty() && (!text.ends_with('\n') || empty > 1) {
        found.add(text.trim_end().len(), "a file ends with one line end", None);
    }
    gaps(module, found);
}

/// Without their ends.
fn rows(text: &str) -> Vec<Span> {
    let mut all = Vec::new();
    let mut start = 0;
    for line in text.split('\n') {
        all.push(start..start + line.len());
        start += line.len() + 1;
    }
    all
}

fn tabs(text: &str, line: &Span) -> usize {
    let line = text.get(line.clone()).unwrap_or_default();
    line.bytes().take_while(|it| *it == b'\t').count()
}

/// An empty line.
fn blank(line: &Span, count: usize, last: Option<&Word>, found: &mut Found<'_>) {
    let is_end = line.end == found.text.len();
    let text = found.text.get(line.clone()).unwrap_or_default();
    if !text.is_empty() {
        found.add(line.start, "an empty line has no spaces", Some(String::new()));
    } else if is_end {
        // What is behind the last line end is no line.
    } else if last.is_none() {
        found.add(line.start, "a file does not begin with an empty line", None);
    } else if count == 2 {
        found.add(line.start, "empty lines stand alone", None);
    } else if count == 1 {
        let before = last.and_then(|it| found.text.get(it.span.clone())).unwrap_or_default();
        if matches!(before, "{" | "[" | "(") {
            found.add(line.start, "there is no empty line behind a bracket that opens", None);
        }
    }
}

/// How far a line is indented; `None` if it goes on with the one before.
fn indent(
    text: &str,
    own: &[Word],
    last: Option<&Word>,
    open: &[Open],
    inside: bool,
) -> Option<usize> {
    let of = |it: &Word| text.get(it.span.clone()).unwrap_or_default();
    let first = own.first()?;
    let is_code = |it: &Word| matches!(it.kind, Some(Kind::Sign | Kind::Word));
    let goes_on = (is_code(first) && GOES_ON.contains(&of(first)))
        || last.is_some_and(|it| is_code(it) && GOES_ON.contains(&of(it)) && of(it) != "|")
        // Several names behind some.
        || (last.is_some_and(|it| of(it) == ",") && open.last().is_none_or(|it| it.is_body));
    if inside || goes_on || of(first) == "with" || of(first) == "as" {
        return None;
    }
    let closers = own
        .iter()
        .take_while(|it| it.kind == Some(Kind::Sign) && matches!(of(it), "}" | "]" | ")"));
    match closers.count() {
        0 => Some(open.last().map_or(0, |it| it.indent + 1)),
        _ => open.last().map(|it| it.indent),
    }
}

/// The line as it should be.
fn laid(
    line: &Span,
    start: usize,
    indent: Option<usize>,
    own: &[Word],
    inside: Option<&Word>,
    marks: &Marks,
    found: &mut Found<'_>,
) {
    let text = found.text;
    let whole = text.get(line.clone()).unwrap_or_default();
    let lead =
        text.get(line.start..own.first().map_or(line.end, |it| it.span.start)).unwrap_or_default();
    let mut wanted = match indent {
        Some(tabs) => "\t".repeat(tabs),
        None if inside.is_some() => text.get(line.start..start).unwrap_or_default().to_owned(),
        None => lead.to_owned(),
    };
    let mut what = if wanted == lead || inside.is_some() {
        None
    } else {
        Some((line.start, "a line is indented by tabs, one for each bracket that is open"))
    };
    let mut before = None;
    let mut left = inside;
    for right in own {
        if let Some(left) = left {
            let gap = text.get(left.span.end..right.span.start).unwrap_or_default();
            let space = match spaces::between(text, before, left, right, marks) {
                Some(true) => " ",
                Some(false) => "",
                None => gap,
            };
            if gap != space {
                let told = if space.is_empty() {
                    "there is no space here"
                } else {
                    "there is one space here"
                };
                what = what.or(Some((left.span.end, told)));
            }
            wanted.push_str(space);
        }
        let end = right.span.end.min(line.end);
        wanted.push_str(text.get(right.span.start..end).unwrap_or_default());
        before = left;
        left = Some(right);
    }
    if wanted.len() < whole.len() && whole.trim_end().len() < whole.len() {
        what =
            what.or(Some((line.start + whole.trim_end().len(), "a line does not end with spaces")));
    }
    if let Some((at, told)) = what {
        found.add(at, told, Some(wanted));
    }
}

/// Empty lines between package, imports and rules.
fn gaps(module: &Module, found: &mut Found<'_>) {
    let mut parts = vec![(module.package_span.clone(), Part::Package)];
    parts.extend(module.imports.iter().map(|it| (it.span.clone(), Part::Import)));
    parts.extend(module.rules.iter().map(|it| (it.span.clone(), Part::Rule(groupable(it)))));
    parts.sort_by_key(|it| it.0.start);
    for pair in parts.windows(2) {
        let [(before, above), (next, below)] = pair else { continue };
        let gap = found.text.get(before.end..next.start).unwrap_or_default();
        let may_touch = matches!(
            (above, below),
            (Part::Import, Part::Import) | (Part::Rule(true), Part::Rule(true))
        );
        if !may_touch && !gap.contains("\n\n") && !gap.contains('#') {
            found.add(next.start, "there is an empty line before this", None);
        }
    }
}

/// A part of a module; of a rule, whether it may stand below another without an empty line.
enum Part {
    Package,
    Import,
    Rule(bool),
}

/// A rule that may stand below another without an empty line between them.
fn groupable(rule: &crate::syntax::Rule) -> bool {
    !rule.is_default
        && rule.otherwise.is_empty()
        && rule.bodies.iter().map(|it| it.literals.len()).sum::<usize>() <= 1
}
