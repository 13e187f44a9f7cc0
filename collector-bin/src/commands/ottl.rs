//! `sluice ottl`: runs statements and conditions of OTTL on telemetry from a file, and shows what they did.

pub mod diff;
pub mod input;

use std::fmt::Write as _;
use std::process::ExitCode;

use ottl::{
    Condition, Context, Editors, Error, Prefixes, Request, Scratch, Statement, infer,
    infer_statements,
};
use pdata::{Data, Keep, Place, Signal};

use crate::cli::{Command, Flag, Matches, Takes, Word};
use crate::console::{complain, say};
use crate::{EXIT_CONFIG, EXIT_FAILED};

const RECORD: Flag = Flag {
    name: "record",
    short: Some('r'),
    takes: Takes::Text("file"),
    default: "-",
    about: "A file with OTLP/JSON requests, or a single log record; - means standard input",
};

const CONTEXT: Flag = Flag {
    name: "context",
    short: Some('c'),
    takes: Takes::Text("context"),
    default: "",
    about: "log, span, spanevent, metric, datapoint, exemplar, scope, resource; without it paths decide",
};

/// `sluice ottl`.
pub const COMMAND: Command = Command {
    name: "ottl",
    aliases: &[],
    about: "Run OTTL statements on a record and show what they change",
    text: "\
Run OTTL statements, in order, on the telemetry in a file, and show the changes as a diff. For a condition, show
where it is true. A mistake in a statement is marked below the wrong word.

  sluice ottl eval 'set(log.severity_number, 9)' 'delete_key(log.attributes, \"a\")' --record record.json
  sluice ottl eval --context log 'IsMatch(body, \"^GET\")' --record record.json",
    words: &[
        Word { name: "action", takes: Takes::OneOf(&["eval"]), required: true },
        Word { name: "statement...", takes: Takes::Text("statement"), required: true },
    ],
    flags: &[&RECORD, &CONTEXT],
    run,
};

fn run(matches: &Matches) -> Result<ExitCode, String> {
    let texts: Vec<String> = matches.words_from(1).to_vec();
    let context = match matches.value(&CONTEXT) {
        "" => None,
        name => Some(Context::named(name).ok_or_else(|| CONTEXT.invalid(name, "no such context"))?),
    };
    let requests = input::read(matches.value(&RECORD))?;
    let mut out = String::new();
    let mut failed = false;
    for (number, data) in requests.iter().enumerate() {
        let work = match Work::new(&texts, context, data.signal()) {
            Ok(work) => work,
            Err((text, error)) => {
                complain(format_args!("Error: {}", show(&text, &error)));
                return Ok(ExitCode::from(EXIT_CONFIG));
            }
        };
        if requests.len() > 1 {
            let _ = writeln!(out, "request {}", number + 1);
        }
        failed |= work.run(data, &mut out);
    }
    let code = say(&out)?;
    Ok(if failed { ExitCode::from(EXIT_FAILED) } else { code })
}

/// A mistake: the text, a caret under the place, the reason, and what was probably meant.
fn show(text: &str, error: &Error) -> String {
    let line_at =
        text.get(..error.span.start).map_or(0, |it| it.rfind('\n').map_or(0, |at| at + 1));
    let line = text.get(line_at..).and_then(|it| it.lines().next()).unwrap_or_default();
    let before = text.get(line_at..error.span.start).unwrap_or_default().chars().count();
    let marked = text.get(error.span.clone()).unwrap_or_default();
    let width = marked.lines().next().unwrap_or_default().chars().count().max(1);
    let mut all =
        format!("{}\n  {line}\n  {}{}", error.message, " ".repeat(before), "^".repeat(width));
    let wrong = marked.trim();
    if let Some(meant) = confmap::closest(wrong, error.candidates.iter().map(String::as_str)) {
        let _ = write!(all, " did you mean {meant}?");
    }
    all
}

/// What is to be done.
enum Work {
    Statements(Context, Vec<(String, Statement)>),
    Condition(Context, Condition),
}

/// The true cause where statements, or a condition, are right but for their paths: these do not name their context.
fn without_context(texts: &[String], text: &str, known: &[Context]) -> Option<Error> {
    let fits = |it: &&Context| {
        let is_condition = |text: &String| Condition::new(text, **it, Prefixes::Optional).is_ok();
        let is_statement = |text: &String| {
            Statement::new(text, **it, Prefixes::Optional, Editors::Transform).is_ok()
        };
        matches!(texts, [only] if is_condition(only)) || texts.iter().all(is_statement)
    };
    let context = known.iter().find(fits)?;
    let message = format!(
        "the paths do not say which context they belong to: write `{context}.` before each, as in `{context}.{}`, or \
         give `--context {context}`",
        if *context == Context::Log { "body" } else { "attributes" }
    );
    Some(Error { message, span: 0..text.len(), candidates: Vec::new() })
}

/// The contexts of a signal, innermost first.
fn contexts(signal: Signal) -> &'static [Context] {
    match signal {
        Signal::Logs => &[Context::Log, Context::Scope, Context::Resource],
        Signal::Traces => &[Context::SpanEvent, Context::Span, Context::Scope, Context::Resource],
        Signal::Metrics => &[
            Context::Exemplar,
            Context::DataPoint,
            Context::Metric,
            Context::Scope,
            Context::Resource,
        ],
    }
}

impl Work {
    fn new(
        texts: &[String],
        context: Option<Context>,
        signal: Signal,
    ) -> Result<Self, (String, Error)> {
        let known = contexts(signal);
        let prefixes = if context.is_some() { Prefixes::Optional } else { Prefixes::Required };
        let whole = || texts.join(" ");
        if let [only] = texts
            && let Ok(context) = context.map_or_else(|| infer(texts, known).map_err(|it| it.1), Ok)
            && let Ok(condition) = Condition::new(only, context, prefixes)
        {
            return Ok(Work::Condition(context, condition));
        }
        let context = match context {
            Some(it) => it,
            None => infer_statements(texts, &[], Editors::Transform, known).map_err(|it| {
                let at = match it.0 {
                    ottl::Part::Statement(at) | ottl::Part::Condition(at) => at,
                };
                let text = texts.get(at).cloned().unwrap_or_else(whole);
                let error = without_context(texts, &text, known).unwrap_or(it.1);
                (text, error)
            })?,
        };
        let compile = |text: &String| {
            let statement = Statement::new(text, context, prefixes, Editors::Transform);
            statement.map(|it| (text.clone(), it)).map_err(|it| (text.clone(), it))
        };
        let statements = texts.iter().map(compile).collect::<Result<_, _>>()?;
        Ok(Work::Statements(context, statements))
    }

    /// Does it, and writes what came of it. True if a statement failed.
    fn run(&self, data: &Data, out: &mut String) -> bool {
        match self {
            Work::Statements(context, statements) => changed(*context, statements, data, out),
            Work::Condition(context, condition) => holds(*context, condition, data, out),
        }
    }
}

fn changed(
    context: Context,
    statements: &[(String, Statement)],
    data: &Data,
    out: &mut String,
) -> bool {
    let (depth, mut scratch) = (context.depth(), Scratch::default());
    let (mut number, mut errors) = (0, Vec::new());
    let new = data.edit_with(depth, pdata::Empty::Keep, |place: &mut Place<'_>| {
        if place.depth() == depth {
            number += 1;
            for (text, statement) in statements {
                if let Err(error) = statement.run(place, &Request::default(), &mut scratch) {
                    errors.push(format!("{context} {number}: {text}: {error}"));
                }
            }
        }
        Keep::Enter
    });
    out.push_str(&diff::lines(&pretty(data), &pretty(&new)));
    for error in &errors {
        complain(format_args!("{error}"));
    }
    !errors.is_empty()
}

/// OTLP/JSON over many lines.
fn pretty(data: &Data) -> String {
    let mut text = Vec::new();
    data.to_json(&mut text);
    let value = serde_json::from_slice::<serde_json::Value>(&text);
    value.and_then(|it| serde_json::to_string_pretty(&it)).unwrap_or_default()
}

fn holds(context: Context, condition: &Condition, data: &Data, out: &mut String) -> bool {
    let depth = context.depth();
    let (mut number, mut failed) = (0, false);
    let _ = data.edit(depth, |place: &mut Place<'_>| {
        if place.depth() == depth {
            number += 1;
            let answer = condition.holds(place, &Request::default()).map_or_else(
                |error| {
                    failed = true;
                    format!("error: {error}")
                },
                |it| it.to_string(),
            );
            let _ = writeln!(out, "{context} {number}: {answer}");
        }
        Keep::Enter
    });
    failed
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = r#"{"body": {"stringValue": "GET /a"}, "attributes": [{"key": "secret", "value": {"stringValue": "x"}}]}"#;

    #[track_caller]
    fn check(texts: &[&str], context: Option<Context>, want: &str) {
        let texts: Vec<String> = texts.iter().map(|it| (*it).to_owned()).collect();
        let data = input::parse(RECORD).unwrap().remove(0);
        let mut out = String::new();
        match Work::new(&texts, context, data.signal()) {
            Ok(work) => {
                work.run(&data, &mut out);
            }
            Err((text, error)) => out = show(&text, &error),
        }
        assert_eq!(out, want);
    }

    #[test]
    fn a_change_is_shown_as_a_diff() {
        let mut out = String::new();
        let texts = vec!["delete_key(log.attributes, \"secret\")".to_owned()];
        let data = input::parse(RECORD).unwrap().remove(0);
        let work = Work::new(&texts, None, Signal::Logs);
        assert!(!work.ok().unwrap().run(&data, &mut out));
        let went = out.lines().any(|it| it.starts_with('-') && it.contains("secret"));
        assert!(
            went && !out.lines().any(|it| it.starts_with('+') && it.contains("secret")),
            "{out}"
        );
        check(&["set(log.body, log.body)"], None, "no change\n");
    }

    #[test]
    fn a_condition_says_where_it_holds() {
        check(&["IsMatch(body, \"^GET\")"], Some(Context::Log), "log 1: true\n");
        check(&["log.severity_number >= 9"], None, "log 1: false\n");
    }

    #[test]
    fn paths_without_their_context_are_named_as_the_cause() {
        let cause = "the paths do not say which context they belong to: write `log.` before each, as in `log.body`, or \
                     give `--context log`";
        for text in ["IsMatch(body, \"^GET\")", "set(body, \"x\")", "body == \"x\""] {
            check(&[text], None, &format!("{cause}\n  {text}\n  {}", "^".repeat(text.len())));
        }
    }

    #[test]
    fn a_mistake_is_shown_under_the_word_that_is_wrong() {
        let mut out = String::new();
        let text = "set(log.atributes[\"a\"], 1)".to_owned();
        if let Err((text, error)) = Work::new(&[text], None, Signal::Logs) {
            out = show(&text, &error);
        }
        let lines: Vec<&str> = out.lines().collect();
        let shown =
            ["  set(log.atributes[\"a\"], 1)", "          ^^^^^^^^^ did you mean attributes?"];
        assert_eq!(lines[lines.len() - 2..], shown, "{out}");
    }
}
