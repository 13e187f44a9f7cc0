//! What is wrong with the section, where, and what was probably meant.

use component::Problems;
use component::config::{Caution, Remedy, Value};
use stanza::Error;

use crate::config::Config;

/// What an operator may do with a record that it cannot handle.
const ON_ERROR: [&str; 4] = ["send", "drop", "send_quiet", "drop_quiet"];

/// Mistakes of the operators that can be read; what upstream says when it creates the receiver comes
/// later.
fn operators(config: &Config, problems: &mut Problems) {
    let Err(error) = config.pipeline() else { return };
    let (finding, message, at) = match error {
        // Said when the section was read.
        Error::Decode { .. } => return,
        Error::Validate { operator, message } => {
            let key = format!("operators::{operator}::builder");
            (problems.at(key, message.clone()), message, Some(operator))
        }
        Error::Build { operator, message } => {
            let key = operator.map_or("operators".into(), |it| format!("operators::{it}"));
            (problems.late(key, message.clone()), message, operator)
        }
    };
    let written = at.and_then(|it| config.operators.get(it)).map_or(&Value::Null, |it| &it.0);
    let (key, remedy) = operator(&message, written);
    finding.about(&key).remedy = remedy;
}

/// The key of an operator that a message is about, and what to do with it.
pub(crate) fn operator(message: &str, operator: &Value) -> (String, Option<Remedy>) {
    let text = |key: &str| operator.get(key).and_then(Value::as_str).unwrap_or_default();
    let one_of =
        |values: &[&str]| Some(Remedy::OneOf(values.iter().map(|it| (*it).to_owned()).collect()));
    let (key, remedy) = if message.contains("unsupported type") {
        ("type", one_of(&stanza::operator_types()))
    } else if message.contains("missing required field 'type'") {
        ("type", Some(Remedy::Set("noop".into())))
    } else if message.contains("`on_error`") {
        ("on_error", one_of(&ON_ERROR))
    } else if message.contains("error parsing regexp") {
        let missing = [("missing closing )", ')'), ("missing closing ]", ']')];
        let sign = missing.iter().find(|it| message.contains(it.0)).map(|it| it.1);
        let closed = |sign| Remedy::Set(single_quoted(&format!("{}{sign}", text("regex"))));
        ("regex", sign.map(closed))
    } else if message.starts_with("failed to compile expression") {
        ("if", None)
    } else {
        let key = quoted(message).filter(|it| operator.get(it).is_some()).unwrap_or_default();
        let rootless = message.contains("unrecognized prefix") && !key.is_empty();
        (key, rootless.then(|| Remedy::Set(format!("attributes.{}", text(key)))))
    };
    (key.to_owned(), remedy)
}

/// Mistakes in what is said about files; upstream says them when it creates the receiver.
fn files(config: &Config, problems: &mut Problems) {
    let Err(error) = crate::files(config) else {
        return nothing_to_read(config, problems);
    };
    let text = error.to_string();
    let key = quoted(&text).unwrap_or_default().to_owned();
    let finding = problems.late("", text.clone());
    match key.as_str() {
        "include" if config.include.is_empty() => finding.set("include", "[/var/log/*.log]"),
        "fingerprint_size" => finding.set("fingerprint_size", "1kb"),
        "max_log_size" => finding.set("max_log_size", "1MiB"),
        "max_concurrent_files" => finding.set("max_concurrent_files", "1024"),
        "max_batches" => finding.set("max_batches", "0"),
        "delete_after_read" | "header" => finding.set("start_at", "beginning"),
        "max_log_size_behavior" => finding.one_of(&key, &["split", "truncate"]),
        "on_truncate" => finding.one_of(&key, &["ignore", "read_whole_file", "read_new"]),
        _ if text.starts_with("invalid start_at") => {
            finding.one_of("start_at", &["beginning", "end"])
        }
        _ if text.contains("encoding") => {
            finding.one_of("encoding", &["utf-8", "utf-16le", "utf-16be", "ascii", "nop"])
        }
        _ if text.starts_with("include:") => finding.about("include"),
        _ if text.starts_with("exclude:") => finding.about("exclude"),
        _ if text.contains("line pattern") => finding.about("multiline"),
        _ => finding.about(&key),
    };
}

/// Warns of patterns that match no file now.
fn nothing_to_read(config: &Config, problems: &mut Problems) {
    let excluded = || config.exclude.clone();
    for (at, pattern) in config.include.iter().enumerate() {
        let one = Config { include: vec![pattern.clone()], exclude: excluded(), ..config.clone() };
        if crate::files(&one).is_ok_and(|it| it.finder.is_empty()) {
            let text = format!("{pattern} matches no file now");
            problems.warn(Caution::NoFiles, "", text).about(&format!("include::{at}"));
        }
    }
}

/// The first word in single quotes.
fn quoted(text: &str) -> Option<&str> {
    text.split('\'').nth(1).filter(|it| !it.is_empty())
}

fn single_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        operators(self, problems);
        files(self, problems);
    }
}
