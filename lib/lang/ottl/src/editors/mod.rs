//! The editors: the functions that a statement begins with. Each changes the place that is visited.

mod flatten;
mod given;
mod lists;
mod maps;
mod metrics;
mod span_name;
mod target;
#[cfg(test)]
mod tests;
mod texts;
mod trace_state;

use std::borrow::Cow;
use std::fmt;

use golang::go_regex;
use regex::Regex;

use crate::context::{Context, Site};
use crate::functions::{Getter, Kind, Parameter, Slot, Target, may_take, takes};
use crate::value::Value;

use given::Given;
pub use given::Scratch;

/// Which editors a component has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Editors {
    /// All that change telemetry.
    #[default]
    Transform,
    /// `route`, which does nothing, and the few that the routing connector has besides.
    Route,
}

/// An editor.
pub(crate) struct Editor {
    pub(crate) name: &'static str,
    pub(crate) parameters: &'static [Parameter],
    run: fn(&mut Work<'_, '_>) -> Result<(), String>,
    /// What can be worked out from constant arguments, or is wrong with them.
    pub(crate) prepare: Option<fn(&[Slot]) -> Result<State, String>>,
    /// Where it is known, if not everywhere.
    pub(crate) only: &'static [Context],
    /// What it does, for the reference: one or two sentences.
    pub(crate) about: &'static str,
    /// A statement that uses it, so that the reference cannot lie.
    pub(crate) example: &'static str,
}

/// What a statement does.
#[derive(Debug)]
pub(crate) struct Edit {
    pub(crate) editor: &'static Editor,
    /// One per parameter.
    pub(crate) arguments: Vec<Slot>,
    pub(crate) state: State,
}

/// What was prepared.
#[derive(Debug, Default)]
pub(crate) enum State {
    #[default]
    None,
    Regex(Regex),
    /// An attribute that is set to a constant.
    Attribute(pdata::AttributeBuf),
}

/// What an editor works with.
pub(crate) struct Work<'w, 'p> {
    site: Site<'w, 'p>,
    arguments: &'w [Slot],
    state: &'w State,
    scratch: &'w mut Scratch,
}

impl fmt::Debug for Editor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

const fn editor(
    name: &'static str,
    parameters: &'static [Parameter],
    run: fn(&mut Work<'_, '_>) -> Result<(), String>,
) -> Editor {
    let (about, example) = ("", "");
    Editor { name, parameters, run, prepare: None, only: &[], about, example }
}

impl Editor {
    const fn prepared(mut self, prepare: fn(&[Slot]) -> Result<State, String>) -> Self {
        self.prepare = Some(prepare);
        self
    }

    const fn only(mut self, contexts: &'static [Context]) -> Self {
        self.only = contexts;
        self
    }

    const fn says(mut self, about: &'static str, example: &'static str) -> Self {
        self.about = about;
        self.example = example;
        self
    }

    /// Changes a place.
    #[inline]
    pub(crate) fn run(
        &self,
        site: Site<'_, '_>,
        arguments: &[Slot],
        state: &State,
        scratch: &mut Scratch,
    ) -> Result<(), String> {
        (self.run)(&mut Work { site, arguments, state, scratch })
    }
}

const TARGET: Parameter = takes("target", Kind::Target);
const MAP: Parameter = takes("target", Kind::MapTarget);
const PATTERN: Parameter = takes("pattern", Kind::Text);
const REPLACEMENT: Parameter = takes("replacement", Kind::Text);
const FUNCTION: Parameter = may_take("function", Kind::Function);
const FORMAT: Parameter = may_take("replacement_format", Kind::Text);

/// What the routing connector has besides two of the others.
const ROUTE: &[Editor] = &[editor("route", &[], |_| Ok(()))
    .says("Sends on what the condition holds for.", "route() where log.severity_number > 9")];

/// All editors, by subject.
pub(crate) const ALL: [(&str, &[Editor]); 7] = [
    ("Values and lists", lists::ALL),
    ("Maps", maps::ALL),
    ("Nested maps", flatten::ALL),
    ("Texts", texts::ALL),
    ("Spans", span_name::ALL),
    ("Metrics", metrics::ALL),
    ("Routing", ROUTE),
];

/// The editors of a component that are known in a context.
fn known(of: Editors, context: Context) -> impl Iterator<Item = &'static Editor> {
    let is_there = move |it: &&Editor| match of {
        Editors::Transform => it.name != "route",
        Editors::Route => matches!(it.name, "route" | "delete_key" | "delete_matching_keys"),
    };
    let all = ALL.into_iter().flat_map(|it| it.1);
    all.filter(is_there).filter(move |it| it.only.is_empty() || it.only.contains(&context))
}

/// The editor of a name.
pub(crate) fn find(of: Editors, context: Context, name: &str) -> Option<&'static Editor> {
    known(of, context).find(|it| it.name == name)
}

/// The names that are known in a context.
pub(crate) fn names(of: Editors, context: Context) -> impl Iterator<Item = &'static str> {
    known(of, context).map(|it| it.name)
}

impl<'w> Work<'w, '_> {
    /// The path that is the first argument.
    fn target(&self) -> Result<&'w Target, String> {
        match self.arguments.first() {
            Some(Slot::Target(it)) => Ok(it),
            _ => Err("must be a path".to_owned()),
        }
    }

    /// The pattern that is an argument: prepared, or compiled now if it is not the same for all items.
    fn pattern(
        &self,
        at: usize,
        compile: impl FnOnce(&str) -> Result<Regex, String>,
    ) -> Result<Cow<'w, Regex>, String> {
        match self.state {
            State::Regex(it) => Ok(Cow::Borrowed(it)),
            State::None | State::Attribute(_) => compile(&self.text(at)?).map(Cow::Owned),
        }
    }

    fn getter(&self, at: usize) -> Option<&'w Getter> {
        match self.arguments.get(at) {
            Some(Slot::One(it)) => Some(it),
            _ => None,
        }
    }

    /// A text argument; empty if it was left out.
    fn text(&self, at: usize) -> Result<Cow<'w, str>, String> {
        let Some(getter) = self.getter(at) else { return Ok(Cow::Borrowed("")) };
        if let Some(Value::Text(it)) = getter.constant() {
            return Ok(Cow::Borrowed(it));
        }
        match Kind::Text.coerce(read(getter, &self.site)?)? {
            Value::Text(it) => Ok(Cow::Owned(it.into_owned())),
            _ => Ok(Cow::Borrowed("")),
        }
    }

    /// A text argument, unless it was left out.
    fn given_text(&self, at: usize) -> Result<Option<Cow<'w, str>>, String> {
        if self.getter(at).is_some() { self.text(at).map(Some) } else { Ok(None) }
    }

    /// A whole number, unless it was left out.
    fn int(&self, at: usize) -> Result<Option<i64>, String> {
        let Some(getter) = self.getter(at) else { return Ok(None) };
        match Kind::Int.coerce(read(getter, &self.site)?)? {
            Value::Int(it) => Ok(Some(it)),
            _ => Ok(None),
        }
    }
}

/// What a getter yields at a place.
#[inline]
fn read<'a>(getter: &'a Getter, site: &'a Site<'_, '_>) -> Result<Value<'a>, String> {
    getter.get(site.scene())
}

/// A constant argument.
fn constant(slots: &[Slot], at: usize) -> Option<&Value<'static>> {
    match slots.get(at)? {
        Slot::One(getter) => getter.constant(),
        _ => None,
    }
}

fn constant_text(slots: &[Slot], at: usize) -> Option<&str> {
    match constant(slots, at)? {
        Value::Text(it) => Some(it),
        _ => None,
    }
}

fn constant_int(slots: &[Slot], at: usize) -> Option<i64> {
    match constant(slots, at)? {
        Value::Int(it) => Some(*it),
        _ => None,
    }
}

fn constant_double(slots: &[Slot], at: usize) -> Option<f64> {
    match constant(slots, at)? {
        Value::Double(it) => Some(*it),
        _ => None,
    }
}

fn constant_bool(slots: &[Slot], at: usize) -> Option<bool> {
    match constant(slots, at)? {
        Value::Bool(it) => Some(*it),
        _ => None,
    }
}

/// The items of a list of constants.
fn constant_list(slots: &[Slot], at: usize) -> impl Iterator<Item = &Value<'static>> {
    let list = match slots.get(at) {
        Some(Slot::Each(list)) => list.as_slice(),
        _ => &[],
    };
    list.iter().filter_map(Getter::constant)
}

/// The regular expression of a constant argument.
fn pattern_at(slots: &[Slot], at: usize, function: &str) -> Result<State, String> {
    let Some(pattern) = constant_text(slots, at) else { return Ok(State::None) };
    let compiled = go_regex(pattern, Regex::new).map(State::Regex);
    compiled.map_err(|it| no_pattern(function, pattern, &it))
}

/// The glob of a constant argument.
fn glob_at(slots: &[Slot], at: usize, function: &str) -> Result<State, String> {
    let Some(pattern) = constant_text(slots, at) else { return Ok(State::None) };
    dynamic_glob(pattern, function).map(State::Regex)
}

fn no_pattern(function: &str, pattern: &str, problem: &dyn fmt::Display) -> String {
    format!(
        "the regex pattern supplied to {function} '{pattern:?}' is not a valid pattern: {problem}"
    )
}

/// A regular expression that is not the same for all items.
fn dynamic_regex(pattern: &str) -> Result<Regex, String> {
    go_regex(pattern, Regex::new)
}

/// A glob as a regular expression: `*` and `**` stand for anything, also for slashes, `?` for one character,
/// `[a-z]` and `[!a-z]` for one of some, `{a,b}` for one of several globs.
fn dynamic_glob(pattern: &str, function: &str) -> Result<Regex, String> {
    let wrong = |problem: &str| no_pattern(function, pattern, &problem);
    let mut out = String::from("(?s)^");
    let mut signs = pattern.chars();
    let mut open = 0_usize;
    while let Some(sign) = signs.next() {
        match sign {
            '*' => out.push_str(".*"),
            '?' => out.push('.'),
            '{' => {
                open += 1;
                out.push_str("(?:");
            }
            '}' if open > 0 => {
                open -= 1;
                out.push(')');
            }
            ',' if open > 0 => out.push('|'),
            '[' => {
                let inside: String = signs.by_ref().take_while(|it| *it != ']').collect();
                let (not, inside) = match inside.strip_prefix(['!', '^']) {
                    Some(it) => ("^", it),
                    None => ("", inside.as_str()),
                };
                let inside = inside.replace(['\\', '[', '&', '~'], "");
                if inside.is_empty() {
                    return Err(wrong("unexpected end of input"));
                }
                out.extend(["[", not, &inside, "]"]);
            }
            '\\' => {
                let escaped = signs.next().ok_or_else(|| wrong("unexpected end of input"))?;
                out.push_str(&regex::escape(escaped.encode_utf8(&mut [0; 4])));
            }
            other => out.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
        }
    }
    if open > 0 {
        return Err(wrong("unexpected end of input"));
    }
    out.push('$');
    Regex::new(&out).map_err(|it| wrong(&it.to_string()))
}
