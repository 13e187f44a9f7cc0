//! The engine's messages as OPA's errors: a code, OPA's words where OPA has words for it, and the place in the text as
//! it was written, not as it was translated.

use crate::builtins;
use crate::error::{Error, Location, code};
use crate::syntax::Lines;
use crate::translate::Edited;

/// A text that the engine has, and where it came from.
#[derive(Debug)]
pub struct Loaded {
    /// As the engine calls it.
    pub engine_name: String,
    /// As the user calls it; empty for a query.
    pub file: String,
    /// As the user wrote it.
    pub text: String,
    /// As the engine has it.
    pub edited: Edited,
}

/// A message of the engine: `--> file:row:col`, the line, a caret, `error: text`.
struct Message<'a> {
    place: Option<(&'a str, u32, u32)>,
    text: &'a str,
}

impl<'a> Message<'a> {
    fn parse(message: &'a str) -> Self {
        // The innermost place comes first where errors are wrapped.
        let place = message.split("--> ").nth(1).and_then(|rest| {
            let line = rest.lines().next()?;
            let (rest, col) = line.rsplit_once(':')?;
            let (file, row) = rest.rsplit_once(':')?;
            Some((file, row.trim().parse().ok()?, col.trim().parse().ok()?))
        });
        let text = match message.split_once("error: ") {
            Some((_, text)) if place.is_some() => text,
            _ => message,
        };
        Self { place, text: text.trim() }
    }
}

/// An error while the engine reads a module.
pub fn of_loading(error: &anyhow::Error, loaded: &[Loaded]) -> Error {
    let message = format!("{error:#}");
    let parsed = Message::parse(&message);
    located(code::PARSE, parsed.text.to_owned(), &parsed, loaded)
}

/// An error while the engine prepares or evaluates.
pub fn of_evaluation(error: &anyhow::Error, loaded: &[Loaded]) -> Error {
    let message = format!("{error:#}");
    if let Some(limit) = error.downcast_ref::<regorus::LimitError>() {
        return Error::new(code::CANCEL, format!("caller cancelled query execution: {limit}"));
    }
    let parsed = Message::parse(&message);
    let (code, text) = classify(parsed.text);
    located(code, text, &parsed, loaded)
}

fn classify(text: &str) -> (&'static str, String) {
    if let Some((code, text)) = builtins::unmarked(text) {
        let code = if code == code::EVAL_TYPE { code::EVAL_TYPE } else { code::BUILTIN };
        return (code, text.to_owned());
    }
    let first = text.lines().next().unwrap_or_default();
    let has = |words: &[&str]| words.iter().any(|it| text.contains(it));
    if has(&["function produced multiple outputs", "functions must not produce multiple outputs"]) {
        return (
            code::CONFLICT,
            "functions must not produce multiple outputs for same inputs".into(),
        );
    }
    if has(&[
        "complete rules should not produce multiple outputs",
        "rules should not produce multiple outputs",
        "rule conflicts with rule",
    ]) {
        return (code::CONFLICT, "complete rules must not produce multiple outputs".into());
    }
    if has(&["rules must not produce multiple outputs", "value for key", "multiple values"]) {
        return (code::CONFLICT, "object keys must be unique".into());
    }
    if has(&["recursion detected"]) {
        return (code::RECURSION, first.to_owned());
    }
    if has(&["could not find function", "undefined rule"]) {
        return (code::TYPE, first.replace("could not find function", "undefined function"));
    }
    if has(&["execution exceeded time limit", "execution exceeded memory limit"]) {
        return (code::CANCEL, "caller cancelled query execution".into());
    }
    let is_type = [
        " expects ",
        " requires ",
        "must be integer",
        "must be an integer",
        "vertices must be",
        "marshaling option",
    ]
    .iter()
    .any(|it| first.contains(it));
    (if is_type { code::EVAL_TYPE } else { code::BUILTIN }, first.to_owned())
}

fn located(code: &'static str, text: String, parsed: &Message<'_>, loaded: &[Loaded]) -> Error {
    let error = Error::new(code, text);
    let Some((name, row, col)) = parsed.place else { return error };
    match loaded.iter().find(|it| it.engine_name == name) {
        Some(it) => {
            let offset = Lines::new(name, &it.edited.text).offset(row, col);
            error.at(Lines::new(&it.file, &it.text).location(it.edited.origin(offset)))
        }
        None if name.starts_with('<') => error.at(Location { file: String::new(), row, col }),
        None => error.at(Location { file: name.to_owned(), row, col }),
    }
}
