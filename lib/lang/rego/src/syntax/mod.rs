//! Rego's syntax as a tree in which everything knows its place. It reads all that OPA reads, so that checks, formatting
//! and the translation for the engine do not depend on what the engine's own parser knows.

mod body;
mod eager;
mod parser;
mod place;
mod rules;
mod term;
pub mod token;
pub mod visit;

use std::ops::Range;

pub use eager::eager;
pub use place::Lines;

use crate::error::Error;
use parser::Parser;

/// Of which version a module is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Version {
    /// v1 if it parses as such, else v0.
    #[default]
    Auto,
    /// As before OPA 1.0: `if` and `contains` need an import.
    V0,
    /// As OPA 1.0 and later.
    V1,
}

/// Parses a file.
///
/// # Errors
/// `rego_parse_error` with its place.
pub fn module(file: &str, text: &str, version: Version) -> Result<Module, Error> {
    let as_v1 = || Parser::new(file, text, true).and_then(Parser::module);
    let as_v0 = || Parser::new(file, text, false).and_then(Parser::module);
    match version {
        Version::V1 => as_v1(),
        Version::V0 => as_v0(),
        Version::Auto => as_v1().or_else(|error| as_v0().map_err(|_| error)),
    }
}

/// Parses a query: literals without a module around them.
///
/// # Errors
/// `rego_parse_error` with its place.
pub fn query(text: &str, is_v1: bool) -> Result<Body, Error> {
    let mut parser = Parser::new("", text, is_v1)?;
    // OPA's queries know these two at once; old texts do not use them as names.
    parser.future.in_ = true;
    parser.future.every = true;
    let body = parser.literals(None)?;
    if body.literals.is_empty() {
        return Err(parser.error_at(0, "empty query".into()));
    }
    Ok(body)
}

/// Bytes of the source.
pub type Span = Range<usize>;

/// A file.
#[derive(Debug, Clone, PartialEq)]
pub struct Module {
    /// `package a.b`: `["a", "b"]`.
    pub package: Vec<String>,
    /// Of the whole package clause.
    pub package_span: Span,
    /// In the order of the file.
    pub imports: Vec<Import>,
    /// In the order of the file.
    pub rules: Vec<Rule>,
    /// Of all comments.
    pub comments: Vec<Span>,
    /// Rego v1, by option or by `import rego.v1`.
    pub is_v1: bool,
}

impl Module {
    /// It knows `not { ... }`, where all of a negated condition is evaluated within the `not`.
    pub fn negates_bodies(&self) -> bool {
        self.imports.iter().any(|it| {
            let path: Vec<&str> = it.path.iter().map(String::as_str).collect();
            matches!(
                path.as_slice(),
                ["future", "keywords"] | ["future", "keywords", "not"] | ["rego", "v2"]
            )
        })
    }
}

/// `import data.a.b as c`.
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    /// Of the whole clause.
    pub span: Span,
    /// `["data", "a", "b"]`.
    pub path: Vec<String>,
    /// `as` this name.
    pub alias: Option<String>,
}

impl Import {
    /// The name that the import defines, unless it switches keywords on.
    pub fn name(&self) -> Option<&str> {
        match self.path.first().map(String::as_str) {
            Some("rego" | "future") => None,
            _ => self.alias.as_deref().or(self.path.last().map(String::as_str)),
        }
    }
}

/// A rule with all its bodies.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// From the head to the last brace.
    pub span: Span,
    /// `default allow := false`.
    pub is_default: bool,
    /// Name, arguments, key and value.
    pub head: Head,
    /// The body, and the bodies of v0 that follow it.
    pub bodies: Vec<Body>,
    /// Each `else`.
    pub otherwise: Vec<Else>,
}

/// `f(x) := y`, `p contains x`, `p.q[x] := y`.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// Of the whole head.
    pub span: Span,
    /// Name: a variable or a reference.
    pub reference: Expr,
    /// Of a function.
    pub args: Option<Vec<Expr>>,
    /// Of a partial set.
    pub key: Option<Expr>,
    /// Of the rule; `true` if there is none.
    pub value: Option<Expr>,
    /// `:=` and not `=`.
    pub assigns: bool,
}

impl Head {
    /// The parts of the name up to the first that is no constant.
    pub fn path(&self) -> Vec<&str> {
        self.reference.constant_path()
    }
}

/// `else := value { body }`.
#[derive(Debug, Clone, PartialEq)]
pub struct Else {
    /// From `else`.
    pub span: Span,
    /// Its value; `true` if there is none.
    pub value: Option<Expr>,
    /// Its body, empty if there is none.
    pub body: Body,
}

/// Literals that all must hold.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Body {
    /// With its braces, if it has them.
    pub span: Span,
    /// In the order of the text.
    pub literals: Vec<Literal>,
}

/// One line of a body.
#[derive(Debug, Clone, PartialEq)]
pub struct Literal {
    /// Of the whole, with its `with`.
    pub span: Span,
    /// What must hold.
    pub kind: LiteralKind,
    /// `with target as value`.
    pub with: Vec<With>,
}

/// What a literal says.
#[derive(Debug, Clone, PartialEq)]
pub enum LiteralKind {
    /// An expression that is not false.
    Expr(Expr),
    /// `not expression`.
    Not(Expr),
    /// `not { body }`.
    NotBody(Body),
    /// `some x, y`.
    Some(Vec<(String, Span)>),
    /// `some k, v in xs`.
    SomeIn {
        /// The first of two.
        key: Option<Expr>,
        /// The last.
        value: Expr,
        /// In what.
        domain: Expr,
    },
    /// `every k, v in xs { body }`.
    Every {
        /// The first of two.
        key: Option<(String, Span)>,
        /// The last.
        value: (String, Span),
        /// In what.
        domain: Expr,
        /// What holds of each.
        body: Body,
    },
    /// `a and b`, `a or b`; operands may be bodies in braces.
    Logic {
        /// `and`, not `or`.
        is_and: bool,
        /// Two or more.
        operands: Vec<Operand>,
    },
}

/// An operand of `and` and `or`.
#[derive(Debug, Clone, PartialEq)]
pub struct Operand {
    /// Of the whole, with its braces.
    pub span: Span,
    /// What must hold.
    pub body: Body,
    /// It stands in braces of its own.
    pub in_braces: bool,
}

/// `with target as value`.
#[derive(Debug, Clone, PartialEq)]
pub struct With {
    /// Of the whole.
    pub span: Span,
    /// A reference below `input` or `data`, or a function.
    pub target: Expr,
    /// What stands there instead.
    pub value: Expr,
}

/// A term or an operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// Of the whole.
    pub span: Span,
    /// What it is.
    pub kind: ExprKind,
}

/// Kinds of expressions.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// `null`.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// As it is written.
    Number(String),
    /// Without quotes and escapes.
    String(String),
    /// `$"text {expression}"`.
    Template(Vec<Part>),
    /// A name, also `_`.
    Var(String),
    /// `head.a["b"][c]`.
    Ref(Box<Expr>, Vec<Expr>),
    /// `f(x)`.
    Call(Box<Expr>, Vec<Expr>),
    /// `[a, b]`.
    Array(Vec<Expr>),
    /// `{a, b}`.
    Set(Vec<Expr>),
    /// `{a: b}`.
    Object(Vec<(Expr, Expr)>),
    /// `[x | body]`.
    ArrayComprehension(Box<Expr>, Body),
    /// `{x | body}`.
    SetComprehension(Box<Expr>, Body),
    /// `{k: v | body}`.
    ObjectComprehension(Box<Expr>, Box<Expr>, Body),
    /// `a + b`, also `=` and `:=`; the operator as it is written.
    Infix(&'static str, Box<Expr>, Box<Expr>),
    /// `x in xs`, `k, v in xs`.
    In(Option<Box<Expr>>, Box<Expr>, Box<Expr>),
}

/// A part of a template string.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// As it prints.
    Text(String, Span),
    /// Between braces, perhaps with `with`; the span has the braces.
    Value(Box<Literal>, Span),
}

impl Expr {
    /// `a.b.c` as its parts, up to the first that is no constant text.
    pub fn constant_path(&self) -> Vec<&str> {
        let (head, rest): (&Self, &[Self]) = match &self.kind {
            ExprKind::Ref(head, rest) => (head, rest),
            _ => (self, &[]),
        };
        let ExprKind::Var(name) = &head.kind else { return Vec::new() };
        let constants = rest.iter().map_while(|it| match &it.kind {
            ExprKind::String(text) => Some(text.as_str()),
            _ => None,
        });
        std::iter::once(name.as_str()).chain(constants).collect()
    }

    /// `a.b.c`, if all of it is constant.
    pub fn dotted(&self) -> Option<String> {
        let path = self.constant_path();
        let parts = match &self.kind {
            ExprKind::Ref(_, rest) => rest.len() + 1,
            _ => 1,
        };
        (path.len() == parts && !path.is_empty()).then(|| path.join("."))
    }
}
