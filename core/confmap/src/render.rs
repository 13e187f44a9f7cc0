//! Mistakes as text for people; `machine.rs` has the formats for programs.

use std::fmt::Write as _;

use crate::diagnostic::{Diagnostic, Diagnostics, Label, Severity};
use crate::redact::{self, REDACTED};
use crate::source::{Origin, SourceKind};

/// Most mistakes shown.
const SHOWN_MAX: usize = 20;
/// Longest excerpt, in characters.
const EXCERPT_MAX: usize = 160;
/// What remains before the culprit in a line that is too long.
const BEFORE_MAX: usize = 60;

/// With or without colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    /// Text and nothing else.
    #[default]
    Plain,
    /// With ANSI escape codes.
    Colour,
}

/// What a part of the text is.
#[derive(Clone, Copy)]
enum Part {
    Severity(Severity),
    Message,
    Frame,
    Help,
}

impl Style {
    fn paint(self, part: Part, text: &str) -> String {
        let code = match (self, part) {
            (Style::Plain, _) => return text.to_owned(),
            (_, Part::Severity(Severity::Error)) => "1;31",
            (_, Part::Severity(Severity::Warning)) => "1;33",
            (_, Part::Severity(Severity::Info)) => "1;36",
            (_, Part::Message) => "1",
            (_, Part::Frame) => "34",
            (_, Part::Help) => "32",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// The Collector's text, then each mistake with its place, an excerpt and a caret.
pub(crate) fn text(diagnostics: &Diagnostics, style: Style) -> String {
    let mut out = printable(&diagnostics.headline);
    for problem in diagnostics.list.iter().take(SHOWN_MAX) {
        if !out.is_empty() {
            out += "\n\n";
        }
        out += &one(problem, style);
    }
    let hidden = diagnostics.list.len().saturating_sub(SHOWN_MAX);
    if hidden > 0 {
        let _ = write!(out, "\n\n... and {hidden} more");
    }
    out
}

/// One mistake.
fn one(problem: &Diagnostic, style: Style) -> String {
    let severity = Part::Severity(problem.severity);
    let head = format!("{}[{}]", problem.severity.name(), problem.code);
    let mut out = style.paint(severity, &head);
    out += &style.paint(Part::Message, &format!(": {}", printable(&problem.message)));
    let labels: Vec<(&Label, &str)> = problem
        .primary
        .iter()
        .map(|it| (it, "-->"))
        .chain(problem.related.iter().map(|it| (it, ":::")))
        .collect();
    let gutter = labels.iter().map(|it| it.0.origin.visible().line).max().unwrap_or(1);
    let gutter = gutter.to_string().len().max(2);
    let mut notes = problem.notes.clone();
    for (label, arrow) in labels {
        let caret = if arrow == "-->" { severity } else { Part::Frame };
        place(&mut out, label, arrow, gutter, (style, caret));
        notes.extend(came_from(&label.origin));
    }
    notes.dedup();
    let mut line = |part: Part, name: &str, text: &str| {
        let sign = style.paint(Part::Frame, "=");
        let name = style.paint(part, name);
        let _ = write!(out, "\n{:gutter$} {sign} {name} {}", "", printable(text));
    };
    notes.iter().for_each(|it| line(Part::Message, "note:", it));
    problem.help.iter().for_each(|it| line(Part::Help, "help:", it));
    out
}

fn place(
    out: &mut String,
    label: &Label,
    arrow: &str,
    gutter: usize,
    (style, caret): (Style, Part),
) {
    let origin = label.origin.visible();
    let frame = |text: &str| style.paint(Part::Frame, text);
    let _ = write!(out, "\n{:gutter$}{} {origin}", "", frame(arrow));
    let excerpt = Excerpt::of(origin);
    let Some(excerpt) = excerpt else {
        if !label.text.is_empty() {
            let _ = write!(out, ": {}", printable(&label.text));
        }
        return;
    };
    let text =
        if label.text.is_empty() { String::new() } else { format!(" {}", printable(&label.text)) };
    let (bar, number) = (frame("|"), frame(&format!("{:gutter$}", origin.line)));
    let marked = style.paint(caret, &format!("{}{text}", excerpt.caret));
    let _ = write!(out, "\n{:gutter$} {bar}", "");
    let _ = write!(out, "\n{number} {bar} {}", excerpt.line);
    let _ = write!(out, "\n{:gutter$} {bar} {}{marked}", "", excerpt.margin);
}

/// How a value came to where it is, for values that were written elsewhere.
pub(crate) fn came_from(origin: &Origin) -> Option<String> {
    let reference = origin.reference.as_ref()?;
    match origin.source.kind {
        SourceKind::Environment => {
            Some(format!("the value comes from environment variable {}", origin.source.name))
        }
        _ if origin.source == reference.source => Some(format!("used at {}", reference.visible())),
        _ => Some(format!("included at {}", reference.visible())),
    }
}

struct Excerpt {
    line: String,
    /// Spaces and tabs up to the caret.
    margin: String,
    caret: String,
}

impl Excerpt {
    /// `None` where there is no such line or it must not be shown.
    fn of(origin: &Origin) -> Option<Self> {
        if origin.source.kind == SourceKind::Environment {
            return None;
        }
        let line = origin.source.line(origin.line)?;
        let secrets = redact::spans(&origin.source, origin.line);
        let (start, end) = (origin.column - 1, origin.column - 1 + origin.length);
        let (mut shown, mut from, mut to) = (String::new(), None, None);
        // One walk over the characters and the secrets, which stand in order: lines of half a megabyte exist.
        let mut coming = secrets.iter().peekable();
        let (mut hidden_until, mut shown_width) = (0, 0);
        let length = line.trim_end().chars().count();
        for (at, c) in line.chars().enumerate() {
            if at == start {
                from = Some(shown_width);
            }
            if at == end {
                to = Some(shown_width);
            }
            if at < hidden_until {
                continue;
            }
            while coming.next_if(|it| it.1 <= at).is_some() {}
            if let Some(secret) = coming.peek().filter(|it| it.0 <= at) {
                hidden_until = secret.1;
                // A caret inside what is hidden moves to its beginning; one behind it stays there.
                if (at..secret.1.min(length)).contains(&start) {
                    from = Some(shown_width);
                }
                shown += REDACTED;
                shown_width += REDACTED.len();
                continue;
            }
            shown.push(if c.is_control() && c != '\t' { '\u{fffd}' } else { c });
            shown_width += 1;
        }
        let from = from.unwrap_or(shown_width).min(shown_width);
        let to = to.unwrap_or(shown_width).clamp(from + 1, shown_width.max(from + 1));
        Some(Self::window(&shown, from, to))
    }

    /// The part around the culprit, if the line is too long.
    fn window(line: &str, from: usize, to: usize) -> Self {
        let width = line.chars().count();
        let skip = if width > EXCERPT_MAX { from.saturating_sub(BEFORE_MAX) } else { 0 };
        let cut = |n: usize| if n > 0 { "..." } else { "" };
        let (before, after) = (cut(skip), cut(width.saturating_sub(skip + EXCERPT_MAX)));
        let kept: String = line.chars().skip(skip).take(EXCERPT_MAX).collect();
        let margin: String = before
            .chars()
            .chain(kept.chars())
            .take(before.len() + from - skip)
            .map(|it| if it == '\t' { '\t' } else { ' ' })
            .collect();
        let carets = (to - from).min(EXCERPT_MAX.saturating_sub(from - skip)).max(1);
        Self { line: format!("{before}{kept}{after}"), margin, caret: "^".repeat(carets) }
    }
}

/// Without control characters, which could take over a terminal.
pub(crate) fn printable(text: &str) -> String {
    text.replace(|it: char| it.is_control() && it != '\n' && it != '\t', "\u{fffd}")
}
