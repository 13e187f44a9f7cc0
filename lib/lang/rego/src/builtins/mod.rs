//! Builtins that the engine lacks, or answers otherwise than OPA. A builtin gets values and gives a value; whether a
//! failure is an error or undefined is decided by who calls it.

pub mod args;
mod aws;
mod base64;
mod bounds;
mod crypto;
mod deprecated;
pub mod engine;
mod globs;
pub mod gotemplate;
mod graphs;
pub mod jwt;
mod net;
mod objects;
mod outside;
mod pem;
mod print;
mod ranges;
mod regexes;
mod searches;
pub mod signatures;
mod strings;
mod templates;
mod uri;

use args::{Failure, Function, Table};
use regorus::Value;

/// All tables.
const TABLES: [Table; 16] = [
    aws::TABLE,
    bounds::TABLE,
    crypto::TABLE,
    deprecated::TABLE,
    globs::TABLE,
    graphs::TABLE,
    jwt::TABLE,
    net::TABLE,
    objects::TABLE,
    outside::TABLE,
    ranges::TABLE,
    regexes::TABLE,
    searches::TABLE,
    strings::TABLE,
    templates::TABLE,
    uri::TABLE,
];

/// What failed, in a form that `engine_error` reads back: the engine carries nothing but text.
const MARK: char = '\u{1}';

/// Our builtins.
pub fn all() -> impl Iterator<Item = (&'static str, Function)> {
    TABLES.into_iter().flatten().copied()
}

/// The builtin is ours and not the engine's.
pub fn is_ours(name: &str) -> bool {
    all().any(|(it, _)| it == name)
}

/// Calls a builtin for the engine.
///
/// # Errors
/// If it fails and `strict` holds: the code and the message, marked.
pub fn call(name: &str, function: Function, args: &[Value], strict: bool) -> anyhow::Result<Value> {
    match function(args) {
        Ok(value) => Ok(value),
        Err(_) if !strict => Ok(Value::Undefined),
        Err(Failure::Type(text)) => Err(marked(crate::error::code::EVAL_TYPE, name, &text)),
        Err(Failure::Failed(text)) => Err(marked(crate::error::code::BUILTIN, name, &text)),
    }
}

fn marked(code: &str, name: &str, text: &str) -> anyhow::Error {
    anyhow::anyhow!("{MARK}{code}{MARK}{name}: {text}")
}

/// Code and message of a failure that `call` marked.
pub fn unmarked(text: &str) -> Option<(&str, &str)> {
    text.split_once(MARK).and_then(|(_, rest)| rest.split_once(MARK))
}
