//! Builtins that the engine lacks, or answers otherwise than OPA. A builtin gets values and gives a value; whether a
//! failure is an error or undefined is decided by who calls it.

pub mod args;
mod aws;
pub mod base64;
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
pub mod operators;
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
const TABLES: [Table; 17] = [
    aws::TABLE,
    bounds::TABLE,
    crypto::TABLE,
    deprecated::TABLE,
    globs::TABLE,
    graphs::TABLE,
    jwt::TABLE,
    net::TABLE,
    objects::TABLE,
    operators::TABLE,
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

/// How many arguments a builtin of ours takes. Operators and what the translation calls are `internal.` for the engine.
pub fn arity(name: &str) -> u8 {
    let named = signatures::of(name);
    let signature = named.or_else(|| signatures::of(name.strip_prefix("internal.")?));
    signature.map_or(1, |it| u8::try_from(it.args.len()).unwrap_or(u8::MAX))
}

/// The builtin is ours and not the engine's.
pub fn is_ours(name: &str) -> bool {
    all().any(|(it, _)| it == name)
}

/// Modules of v1 have it no more.
pub fn is_deprecated(name: &str) -> bool {
    name == "net.cidr_overlap" || deprecated::TABLE.iter().any(|(it, _)| *it == name)
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
    // Operators are called by other names than OPA's.
    let name = name.strip_prefix("internal.").unwrap_or(name);
    anyhow::anyhow!("{MARK}{code}{MARK}{name}: {text}")
}

/// Code and message of a failure that `call` marked.
pub fn unmarked(text: &str) -> Option<(&str, &str)> {
    text.split_once(MARK).and_then(|(_, rest)| rest.split_once(MARK))
}
