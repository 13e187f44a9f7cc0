//! The converters: what functions there are, what they take, and what they make of it.

mod collections;
mod conversions;
mod csv;
mod encodings;
mod format;
mod getter;
mod grok;
mod hashes;
mod ids;
mod json_reader;
mod kind;
mod lambdas;
mod locale;
mod parsers;
mod severity;
mod telemetry;
mod test;
#[cfg(test)]
mod tests;
mod text;
mod times;
mod types;
mod url;
mod user_agent;
mod web_logs;
mod xml;

pub use format::{Operand, sprintf_of};

use std::fmt;
use std::net::IpAddr;

use regex::Regex;

use crate::context::{Context, Scene};
use crate::value::Value;

pub(crate) use getter::{Call, Getter, Given, Key, Lambda, Slot, Target, at_path};
pub(crate) use kind::Kind;
pub(crate) use test::Test;

/// A function.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) parameters: &'static [Parameter],
    /// The values are those of the parameters, coerced; those that are absent are nil.
    pub(crate) run: for<'a> fn(&Env<'_, 'a>, &mut [Value<'a>]) -> Result<Value<'a>, String>,
    /// What can be worked out from constant arguments.
    pub(crate) prepare: Option<fn(&[Slot]) -> Result<State, String>>,
    /// The same arguments always make the same value.
    pub(crate) pure: bool,
    /// Where it is known, if not everywhere.
    pub(crate) only: &'static [Context],
    /// What it makes, for the reference: one sentence.
    pub(crate) about: &'static str,
    /// A condition that uses it and holds, so that the reference cannot lie.
    pub(crate) example: &'static str,
}

/// A parameter.
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) optional: bool,
}

/// What a function may look at besides its arguments.
pub(crate) struct Env<'s, 'a> {
    pub(crate) scene: &'s Scene<'a>,
    /// One per parameter, as they are in the text.
    pub(crate) arguments: &'a [Slot],
    pub(crate) state: &'a State,
}

/// What was prepared.
#[derive(Debug, Default)]
pub(crate) enum State {
    #[default]
    None,
    Regex(Regex),
    Networks(Vec<(IpAddr, u8)>),
    Clock(golang::time::Clock, Option<locale::Locale>),
    Grok(Box<grok::Grok>),
    XPath(Box<xml::XPath>),
    Levels(Result<severity::Levels, String>),
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

type Run = for<'a> fn(&Env<'_, 'a>, &mut [Value<'a>]) -> Result<Value<'a>, String>;

const fn function(name: &'static str, parameters: &'static [Parameter], run: Run) -> Function {
    let (about, example) = ("", "");
    Function { name, parameters, run, prepare: None, pure: true, only: &[], about, example }
}

impl Function {
    /// Says what it makes, and shows it.
    const fn says(mut self, about: &'static str, example: &'static str) -> Self {
        self.about = about;
        self.example = example;
        self
    }

    const fn prepared(mut self, prepare: fn(&[Slot]) -> Result<State, String>) -> Self {
        self.prepare = Some(prepare);
        self
    }

    /// Looks at more than its arguments.
    const fn impure(mut self) -> Self {
        self.pure = false;
        self
    }

    const fn only(mut self, contexts: &'static [Context]) -> Self {
        self.only = contexts;
        self.pure = false;
        self
    }
}

pub(crate) const fn takes(name: &'static str, kind: Kind) -> Parameter {
    Parameter { name, kind, optional: false }
}

pub(crate) const fn may_take(name: &'static str, kind: Kind) -> Parameter {
    Parameter { name, kind, optional: true }
}

/// All functions, by subject.
const ALL: [(&str, &[Function]); 17] = [
    ("Tests", types::ALL),
    ("Conversions", conversions::ALL),
    ("Texts", text::ALL),
    ("Parsers", parsers::ALL),
    ("CSV", csv::ALL),
    ("Grok", grok::ALL),
    ("Logs of web servers and security products", web_logs::ALL),
    ("User agents", user_agent::ALL),
    ("XML", xml::ALL),
    ("Severities", severity::ALL),
    ("Maps and lists", collections::ALL),
    ("Lambdas", lambdas::ALL),
    ("Digests", hashes::ALL),
    ("Encodings", encodings::ALL),
    ("Ids", ids::ALL),
    ("Times", times::ALL),
    ("Of the telemetry", telemetry::ALL),
];

/// Those of a context.
fn known(context: Context) -> impl Iterator<Item = &'static Function> {
    let all = ALL.into_iter().flat_map(|it| it.1);
    all.filter(move |it| it.only.is_empty() || it.only.contains(&context))
}

/// The function of a name.
pub(crate) fn find(context: Context, name: &str) -> Option<&'static Function> {
    known(context).find(|it| it.name == name)
}

/// The names that are known in a context.
pub(crate) fn names(context: Context) -> impl Iterator<Item = &'static str> {
    known(context).map(|it| it.name)
}

/// The text of an argument; nothing if it is nil.
fn text<'v>(values: &'v [Value<'_>], at: usize) -> &'v str {
    match values.get(at) {
        Some(Value::Text(it)) => it,
        _ => "",
    }
}

/// The whole number of an argument; 0 if it is nil.
fn int(values: &[Value<'_>], at: usize) -> i64 {
    match values.get(at) {
        Some(Value::Int(it)) => *it,
        _ => 0,
    }
}

/// An argument, moved out.
fn take<'a>(values: &mut [Value<'a>], at: usize) -> Value<'a> {
    values.get_mut(at).map(std::mem::take).unwrap_or_default()
}

/// A constant text argument.
fn constant_text(slots: &[Slot], at: usize) -> Option<&str> {
    match slots.get(at)? {
        Slot::One(getter) => match getter.constant()? {
            Value::Text(it) => Some(it),
            _ => None,
        },
        _ => None,
    }
}
