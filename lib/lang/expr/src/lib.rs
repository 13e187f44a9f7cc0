//! The expression language of `if`, `filter`, `router`, `recombine` and `EXPR(...)`.
//!
//! The subset of expr-lang (github.com/expr-lang/expr 1.17) that makes sense on a log record: parsed once
//! into a tree, evaluated on a record without allocation as long as the expression makes no new value.

use std::ops::Range;

use bumpalo::Bump;
use golang::value::{Pair, Value, display};

mod builtin;
mod eval;
mod lex;
mod parse;
mod tree;

pub use golang::Mistake;

use eval::{Env, Val};
use parse::World;
use tree::Node;

/// What an expression can see. Values live in the arena of the record.
pub trait Record<'a> {
    /// `body`.
    fn body(&self) -> Value<'a>;

    /// `attributes`.
    fn attributes(&self) -> &[Pair<'a>];

    /// `resource`, as a map.
    fn resource(&self, arena: &'a Bump) -> &'a [Pair<'a>];

    /// `resource[key]`, without making the map.
    fn resource_attribute(&self, key: &str) -> Option<Value<'a>>;

    /// `timestamp`, in nanoseconds since 1970.
    fn timestamp(&self) -> Option<i64>;
}

/// A compiled expression.
#[derive(Debug)]
pub struct Program {
    root: Node,
    unknown: Vec<Range<usize>>,
}

impl Program {
    /// Compiles.
    ///
    /// # Errors
    /// What expr-lang says.
    pub fn new(text: &str) -> Result<Self, Mistake> {
        let (root, unknown) = parse::parse(text, World::Record)?;
        Ok(Self { root, unknown })
    }

    /// Compiles what must be true or false; what certainly is neither is refused.
    ///
    /// # Errors
    /// The same, or the type that it has.
    pub fn condition(text: &str) -> Result<Self, Mistake> {
        Self::new(text)?.bool()
    }

    /// Compiles a condition on a data point. Its record has the name of the metric as `body`, its type as the
    /// resource attribute `MetricType`, and the attributes of the point, those that are no texts as empty ones.
    ///
    /// # Errors
    /// As for a condition, and for names that a point does not have.
    pub fn point_condition(text: &str) -> Result<Self, Mistake> {
        let (root, unknown) = parse::parse(text, World::Point)?;
        Self { root, unknown }.bool()
    }

    /// Compiles an expression on an endpoint: its names are the attributes of its record.
    ///
    /// # Errors
    /// What expr-lang says.
    pub fn of_endpoint(text: &str) -> Result<Self, Mistake> {
        let (root, unknown) = parse::parse(text, World::Endpoint)?;
        Ok(Self { root, unknown })
    }

    /// The bytes of its text that are names which mean nothing: they are nil for every record.
    pub fn unknown_names(&self) -> &[Range<usize>] {
        &self.unknown
    }

    /// Itself, unless it certainly is no condition.
    fn bool(self) -> Result<Self, Mistake> {
        match self.root.constant_type() {
            None | Some("bool") => Ok(self),
            Some(other) => {
                Err(Mistake { text: format!("expected bool, but got {other}"), at: None })
            }
        }
    }

    /// The value for a record.
    ///
    /// # Errors
    /// What does not fit together, in expr-lang's words.
    pub fn value<'a>(
        &'a self,
        record: &dyn Record<'a>,
        arena: &'a Bump,
    ) -> Result<Value<'a>, String> {
        let mut env = Env::new(record, arena);
        Ok(env.eval(&self.root).map_err(eval::Stop::text)?.into_value(arena))
    }

    /// True or false for a record.
    ///
    /// # Errors
    /// The same, also when it is something else.
    pub fn holds<'a>(&'a self, record: &dyn Record<'a>, arena: &'a Bump) -> Result<bool, String> {
        let mut env = Env::new(record, arena);
        match env.eval(&self.root).map_err(eval::Stop::text)? {
            Val::Data(Value::Bool(it)) => Ok(it),
            other => Err(format!("expected bool, but got {}", other.type_name())),
        }
    }
}

/// Text with `EXPR(...)` in it.
#[derive(Debug)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Text(String),
    Expression(Program),
}

impl Template {
    /// Compiles.
    ///
    /// # Errors
    /// The expression that does not compile, and why.
    pub fn new(text: &str) -> Result<Self, Mistake> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find("EXPR(") {
            let inside = &rest[at + "EXPR(".len()..];
            let before = text.len() - inside.len();
            let Some(end) = closing(inside).or_else(|| last_closing(inside)) else { break };
            if at > 0 {
                parts.push(Part::Text(rest[..at].to_owned()));
            }
            parts.push(Part::Expression(Program::new(&inside[..end]).map_err(|it| Mistake {
                text: format!("compile embedded expression: {it}"),
                at: it.at.map(|it| before + it.start..before + it.end),
            })?));
            rest = &inside[end + 1..];
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { parts })
    }

    /// The text, if it is the same for every record.
    pub fn fixed(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The text for a record.
    ///
    /// # Errors
    /// An expression that fails, or has no text as its value.
    pub fn render<'a>(
        &'a self,
        record: &dyn Record<'a>,
        arena: &'a Bump,
    ) -> Result<&'a str, String> {
        if let Some(text) = self.fixed() {
            return Ok(text);
        }
        let mut all = bumpalo::collections::String::new_in(arena);
        for part in &self.parts {
            match part {
                Part::Text(text) => all.push_str(text),
                Part::Expression(program) => {
                    let value = program.value(record, arena);
                    match value.map_err(|it| format!("render embedded expression: {it}"))? {
                        Value::Str(text) => all.push_str(text),
                        other => {
                            let got = display(&other);
                            return Err(format!("embedded expression returned non-string {got}"));
                        }
                    }
                }
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

/// The last bracket before the next expression: where upstream looks for it in any case. Here it is looked for where
/// brackets do not match, so that what is no expression is not taken for text in silence.
fn last_closing(text: &str) -> Option<usize> {
    let end = text.find("EXPR(").unwrap_or(text.len());
    text[..end].rfind(')')
}

#[cfg(test)]
mod tests;
