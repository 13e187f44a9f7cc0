//! The parsed expression.

use regex::Regex;

use super::builtin::Builtin;

/// A part of an expression.
#[derive(Debug)]
pub(super) enum Node {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
    /// `body`, `$`.
    Body,
    /// `attributes`.
    Attributes,
    /// `resource`.
    Resource,
    /// `timestamp`.
    Timestamp,
    /// A name that nothing is known about: nil.
    Unknown,
    /// `attributes.x`.
    Attribute(String),
    /// `resource.x`.
    ResourceAttribute(String),
    /// `base.key`, `base[key]`; optional: nil of nil.
    Member {
        base: Box<Node>,
        key: Box<Node>,
        optional: bool,
    },
    /// `base[from:to]`.
    Slice {
        base: Box<Node>,
        from: Option<Box<Node>>,
        to: Option<Box<Node>>,
    },
    /// What an optional member ends early.
    Chain(Box<Node>),
    Not(Box<Node>),
    Minus(Box<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
    /// `matches` with a fixed pattern.
    Matches(Box<Node>, Box<Regex>),
    Condition(Box<Node>, Box<Node>, Box<Node>),
    Call(Builtin, Vec<Node>),
    /// `of.name(args)`; optional: nil of nil.
    Method {
        of: Box<Node>,
        name: String,
        args: Vec<Node>,
        optional: bool,
    },
    /// The element that a predicate is asked about.
    Element,
    /// Its position.
    Index,
    /// The result so far, in `reduce`.
    Accumulator,
    /// `let name = value; rest`.
    Let(Box<Node>, Box<Node>),
    /// A name that was let, counted from the outermost.
    Variable(usize),
}

/// What stands between two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
    Matches,
    Contains,
    StartsWith,
    EndsWith,
    Range,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
    Coalesce,
}

impl Operator {
    /// By text, with how tightly it binds (expr-lang, parser/operator/operator.go).
    pub(super) fn find(text: &str) -> Option<(Self, u32)> {
        Some(match text {
            "or" | "||" => (Operator::Or, 10),
            "and" | "&&" => (Operator::And, 15),
            "==" => (Operator::Equal, 20),
            "!=" => (Operator::NotEqual, 20),
            "<" => (Operator::Less, 20),
            ">" => (Operator::Greater, 20),
            ">=" => (Operator::GreaterEqual, 20),
            "<=" => (Operator::LessEqual, 20),
            "in" => (Operator::In, 20),
            "matches" => (Operator::Matches, 20),
            "contains" => (Operator::Contains, 20),
            "startsWith" => (Operator::StartsWith, 20),
            "endsWith" => (Operator::EndsWith, 20),
            ".." => (Operator::Range, 25),
            "+" => (Operator::Add, 30),
            "-" => (Operator::Subtract, 30),
            "*" => (Operator::Multiply, 60),
            "/" => (Operator::Divide, 60),
            "%" => (Operator::Modulo, 60),
            "**" | "^" => (Operator::Power, 100),
            "??" => (Operator::Coalesce, 500),
            _ => return None,
        })
    }

    /// As written.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Operator::Or => "or",
            Operator::And => "and",
            Operator::Equal => "==",
            Operator::NotEqual => "!=",
            Operator::Less => "<",
            Operator::LessEqual => "<=",
            Operator::Greater => ">",
            Operator::GreaterEqual => ">=",
            Operator::In => "in",
            Operator::Matches => "matches",
            Operator::Contains => "contains",
            Operator::StartsWith => "startsWith",
            Operator::EndsWith => "endsWith",
            Operator::Range => "..",
            Operator::Add => "+",
            Operator::Subtract => "-",
            Operator::Multiply => "*",
            Operator::Divide => "/",
            Operator::Modulo => "%",
            Operator::Power => "**",
            Operator::Coalesce => "??",
        }
    }
}

impl Node {
    /// The type, where it is certain before any record was seen.
    pub(super) fn constant_type(&self) -> Option<&'static str> {
        match self {
            Node::Int(_) => Some("int"),
            Node::Float(_) => Some("float64"),
            Node::Text(_) => Some("string"),
            Node::List(_) => Some("[]interface {}"),
            Node::Map(_) => Some("map[string]interface {}"),
            Node::Minus(of) => of.constant_type(),
            Node::Binary(Operator::Range, ..) => Some("[]int"),
            Node::Binary(Operator::Power | Operator::Divide, ..) => Some("float64"),
            _ => None,
        }
    }
}
