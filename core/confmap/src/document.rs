//! The tree of a source, or the explanation of why there is none. Layout that other parsers accept and ours does
//! not is put right first.

use std::borrow::Cow;
use std::sync::Arc;

use crate::code;
use crate::diagnostic::{Diagnostic, Diagnostics, Fix};
use crate::repair;
use crate::source::{Origin, Source};
use crate::syntax;
use crate::tree::Node;
use crate::yaml::{self, Bounds, Failure, TEXT_BYTES_MAX, YamlError};

/// Most places of one text that are made acceptable to our parser.
const REPAIRS_MAX: usize = 50;

/// Reads the first document of a source; a source without one is null.
///
/// # Errors
/// The text is not YAML, has duplicate keys, or is beyond a limit.
pub(crate) fn parse(source: &Arc<Source>) -> Result<Node, YamlError> {
    if source.text.len() > TEXT_BYTES_MAX {
        let text = format!("text of {} bytes is longer than {TEXT_BYTES_MAX}", source.text.len());
        return Err(YamlError {
            list: vec![Diagnostic::new(code::LIMIT, text.clone())],
            text: format!("yaml: {text}"),
        });
    }
    let error = match read(source) {
        Ok(node) => return Ok(node),
        Err(error) => error,
    };
    // What the parser stumbles over may be no mistake of YAML at all.
    match foreign(source) {
        Some(problem) => Err(YamlError { list: vec![problem], ..error }),
        None => Err(error),
    }
}

/// Reads all documents of a text that is no configuration: nothing in it is expanded or merged.
///
/// # Errors
/// As [`parse`].
pub fn documents(source: &Arc<Source>, bounds: Bounds) -> Result<Vec<Node>, Diagnostics> {
    let refused = |it: YamlError| Diagnostics::new(it.text, it.list);
    if source.text.len() > bounds.text_bytes {
        let text =
            format!("text of {} bytes is longer than {}", source.text.len(), bounds.text_bytes);
        return Err(Diagnostics::new("", vec![Diagnostic::new(code::LIMIT, text)]));
    }
    yaml::read_all(source, bounds).map_err(|failure| {
        let error = match failure {
            Failure::Content(error) => error,
            Failure::Syntax(error, open) => syntax::explain(&error, source, &open),
        };
        refused(match foreign(source) {
            Some(problem) => YamlError { list: vec![problem], ..error },
            None => error,
        })
    })
}

/// Something that is not YAML and was never meant to be.
fn foreign(source: &Arc<Source>) -> Option<Diagnostic> {
    let found = |line: usize, column: usize, length: usize, text: &str, help: &str| {
        let place = Origin::new(source.clone(), line, column, length);
        Some(Diagnostic::new(code::SYNTAX, text).at(place, "").help(help))
    };
    for (at, line) in source.text.lines().enumerate() {
        let column = |byte: usize| line[..byte].chars().count() + 1;
        if let Some((byte, c)) = line.char_indices().find(|it| it.1.is_control() && it.1 != '\t') {
            let text =
                format!("the control character {:#06x} cannot be in a configuration", u32::from(c));
            return found(at + 1, column(byte), 1, &text, "remove it");
        }
        if let Some(byte) = line.find("{{").filter(|_| !line.trim_start().starts_with('#')) {
            let length = line[byte..].find("}}").map_or(2, |it| it + 2);
            let text = "a template stands here that was not rendered";
            let help = "render the template before it is used as a configuration";
            return found(
                at + 1,
                column(byte),
                line[byte..byte + length].chars().count(),
                text,
                help,
            );
        }
        if let Some(byte) = line.find('\u{feff}') {
            let mut problem = found(
                at + 1,
                column(byte),
                1,
                "a byte order mark stands in the middle of the text",
                "remove it",
            )?;
            problem
                .fix
                .extend(problem.primary.as_ref().and_then(|it| Fix::replace(&it.origin, "")));
            return Some(problem);
        }
        if let Some((text, help)) = other_signs(line) {
            let from = line.len() - line.trim_start().len();
            let mut problem = found(at + 1, column(from), line.trim().chars().count(), text, help)?;
            if line.trim().starts_with(FENCE) {
                problem.fix.extend(without_fences(source));
            }
            return Some(problem);
        }
        let section = line.trim_end();
        if FLUENT_BIT.contains(&section) {
            let text = "this is the classic format of Fluent Bit, not YAML";
            let help =
                "write a configuration of the Collector: receivers, processors, exporters, service";
            return found(at + 1, 1, section.len(), text, help);
        }
    }
    None
}

/// Begins and ends a block of code in Markdown.
const FENCE: &str = "```";

/// Takes out all fences, since one seldom comes alone.
fn without_fences(source: &Arc<Source>) -> Vec<Fix> {
    let fences = source.text.lines().enumerate().filter(|(_, line)| line.trim().starts_with(FENCE));
    let fix = |(at, line): (usize, &str)| {
        let from = line.chars().take_while(|it| it.is_whitespace()).count();
        let place = Origin::new(source.clone(), at + 1, from + 1, line.trim().chars().count());
        Fix::replace(&place, "")
    };
    fences.filter_map(fix).collect()
}

/// Lines that belong to other languages: their cause, and what to do.
fn other_signs(line: &str) -> Option<(&'static str, &'static str)> {
    let line = line.trim();
    if line.starts_with("//") || line.starts_with("/*") {
        return Some(("YAML has no comments of this kind", "begin a comment with `#`"));
    }
    if ["<<<<<<< ", ">>>>>>> "].iter().any(|it| line.starts_with(it)) || line == "=======" {
        return Some((
            "a merge conflict is not resolved here",
            "keep one of the two sides, and remove the marks",
        ));
    }
    line.starts_with(FENCE).then_some(("this line belongs to Markdown, not to YAML", "remove it"))
}

/// Sections of Fluent Bit's classic format.
const FLUENT_BIT: [&str; 6] =
    ["[SERVICE]", "[INPUT]", "[FILTER]", "[OUTPUT]", "[PARSER]", "[MULTILINE_PARSER]"];

fn read(source: &Arc<Source>) -> Result<Node, YamlError> {
    let mut text = Cow::Borrowed(source.text.as_str());
    for _ in 0..REPAIRS_MAX {
        let repaired = match yaml::read(source, &text) {
            Ok(node) => return Ok(node),
            Err(Failure::Content(error)) => return Err(error),
            Err(Failure::Syntax(error, open)) => match repair::tolerate(&text, &error) {
                Some(repaired) => repaired,
                None => return Err(syntax::explain(&error, source, &open)),
            },
        };
        text = repaired.into();
    }
    let text = "too many oddities of layout".to_owned();
    Err(YamlError {
        list: vec![Diagnostic::new(code::SYNTAX, text.clone())],
        text: format!("yaml: {text}"),
    })
}
