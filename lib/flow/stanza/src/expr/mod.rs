//! The expression language of `if`, `filter`, `router`, `recombine` and `EXPR(...)`.
//!
//! The subset of expr-lang (github.com/expr-lang/expr 1.17) that makes sense on a log record: parsed once
//! into a tree, evaluated on a record without allocation as long as the expression makes no new value.

use bumpalo::Bump;

use crate::entry::Entry;
use crate::ops::Failure;
use crate::value::Value;

mod builtin;
mod eval;
mod lex;
mod parse;
mod tree;

use eval::{Env, Val};
use tree::Node;

/// A compiled expression.
#[derive(Debug)]
pub(crate) struct Program {
    root: Node,
}

impl Program {
    /// Compiles.
    ///
    /// # Errors
    /// The text of expr-lang, with position and excerpt.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        Ok(Self { root: parse::parse(text)? })
    }

    /// Compiles what must be true or false; what certainly is neither is refused.
    pub(crate) fn condition(text: &str) -> Result<Self, String> {
        let program = Self::new(text)?;
        match program.root.constant_type() {
            None | Some("bool") => Ok(program),
            Some(other) => Err(format!("expected bool, but got {other}")),
        }
    }

    /// The value for a record.
    pub(crate) fn value<'a>(
        &'a self,
        entry: &Entry<'a>,
        arena: &'a Bump,
    ) -> Result<Value<'a>, Failure> {
        let mut env = Env::new(entry, arena);
        Ok(env.eval(&self.root).map_err(eval::Stop::failure)?.into_value(arena))
    }

    /// True or false for a record.
    pub(crate) fn holds<'a>(&'a self, entry: &Entry<'a>, arena: &'a Bump) -> Result<bool, Failure> {
        let mut env = Env::new(entry, arena);
        match env.eval(&self.root).map_err(eval::Stop::failure)? {
            Val::Data(Value::Bool(it)) => Ok(it),
            other => {
                let text = format!("expected bool, but got {}", other.type_name());
                Err(Failure::Text(text))
            }
        }
    }
}

/// Text with `EXPR(...)` in it.
#[derive(Debug)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Text(String),
    Expression(Program),
}

impl Template {
    /// Compiles.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find("EXPR(") {
            let inside = &rest[at + "EXPR(".len()..];
            let Some(end) = closing(inside) else { break };
            if at > 0 {
                parts.push(Part::Text(rest[..at].to_owned()));
            }
            parts.push(Part::Expression(Program::new(&inside[..end]).map_err(|problem| {
                format!("failed to compile expression '{}': {problem}", &inside[..end])
            })?));
            rest = &inside[end + 1..];
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { parts })
    }

    /// The text, if it is the same for every record.
    pub(crate) fn fixed(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The text for a record.
    pub(crate) fn render<'a>(
        &'a self,
        entry: &Entry<'a>,
        arena: &'a Bump,
    ) -> Result<&'a str, Failure> {
        if let Some(text) = self.fixed() {
            return Ok(text);
        }
        let mut all = bumpalo::collections::String::new_in(arena);
        for part in &self.parts {
            match part {
                Part::Text(text) => all.push_str(text),
                Part::Expression(program) => match program.value(entry, arena)? {
                    Value::Str(text) => all.push_str(text),
                    other => {
                        let got = crate::value::type_name(&other);
                        return Err(Failure::Text(format!("expected string, but got {got}")));
                    }
                },
            }
        }
        Ok(all.into_bump_str())
    }
}

/// Where the bracket that is open before `text` closes. Brackets within quotes do not count.
fn closing(text: &str) -> Option<usize> {
    let mut open = 0;
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some(q), '\\') if q != '`' => escaped = true,
            (Some(q), c) if q == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '(') => open += 1,
            (None, ')') if open == 0 => return Some(at),
            (None, ')') => open -= 1,
            (None, _) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests;
