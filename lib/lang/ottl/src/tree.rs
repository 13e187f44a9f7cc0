//! What a text says, before it is known what the names in it stand for.

use std::ops::Range;

/// `set(log.body, "x") where log.severity_number > 9`
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Statement {
    pub(crate) editor: Call,
    pub(crate) condition: Option<Expr>,
}

/// An expression and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Expr {
    pub(crate) node: Node,
    pub(crate) span: Range<usize>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    /// `SEVERITY_NUMBER_INFO`
    Enum(String),
    /// The bare name of a converter, as an argument.
    Function(String),
    Path(Path),
    Local(Local),
    Call(Call),
    List(Vec<Expr>),
    Map(Vec<(String, Expr)>),
    Math(Math, Box<Expr>, Box<Expr>),
    Negative(Box<Expr>),
    Compare(Comparison, Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Lambda(Lambda),
    And(Vec<Expr>),
    Or(Vec<Expr>),
}

/// `resource.attributes["a"][0]`
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Path {
    pub(crate) fields: Vec<Field>,
}

impl Path {
    /// It is about the request and not about the telemetry: `otelcol.client.addr`.
    pub(crate) fn is_of_request(&self) -> bool {
        matches!(self.fields.as_slice(), [first, _, ..] if first.name == "otelcol")
    }
}

/// One part of a path.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) keys: Vec<Expr>,
    pub(crate) span: Range<usize>,
}

/// `(key, _) => IsString(key)`. Only an argument can be one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lambda {
    /// The names of its parameters; `_` for those that its body does not use.
    pub(crate) parameters: Vec<String>,
    pub(crate) body: Box<Expr>,
}

/// The parameter of a lambda around it, in the form of a path: `value["name"]`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Local {
    pub(crate) path: Path,
    /// How many lambdas lie between.
    pub(crate) up: usize,
    /// Which of its parameters it is.
    pub(crate) at: usize,
}

/// `Split(body, ",")[0]`
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) name_span: Range<usize>,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) keys: Vec<Expr>,
}

/// `name = value`, or the value alone.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Argument {
    pub(crate) name: Option<String>,
    pub(crate) value: Expr,
}

/// Arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Math {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Statement {
    /// Shows each expression in it.
    pub(crate) fn visit<'e>(&'e self, see: &mut impl FnMut(&'e Expr)) {
        self.editor.arguments.iter().for_each(|it| it.value.visit(see));
        self.condition.iter().for_each(|it| it.visit(see));
    }
}

impl Expr {
    /// True or false by its form.
    pub(crate) fn is_condition(&self) -> bool {
        matches!(
            self.node,
            Node::Bool(_)
                | Node::Call(_)
                | Node::Compare(..)
                | Node::Not(_)
                | Node::And(_)
                | Node::Or(_)
        )
    }

    /// Something to compare, pass on or calculate with.
    pub(crate) fn is_value(&self) -> bool {
        matches!(self.node, Node::Bool(_) | Node::Call(_)) || !self.is_condition()
    }

    /// A number by its form, or what may turn out to be one.
    pub(crate) fn is_number(&self) -> bool {
        matches!(
            self.node,
            Node::Int(_)
                | Node::Float(_)
                | Node::Path(_)
                | Node::Local(_)
                | Node::Call(_)
                | Node::Math(..)
                | Node::Negative(_)
        )
    }

    /// Shows each expression in it, itself first.
    pub(crate) fn visit<'e>(&'e self, see: &mut impl FnMut(&'e Expr)) {
        see(self);
        match &self.node {
            Node::Path(path) | Node::Local(Local { path, .. }) => {
                path.fields.iter().flat_map(|it| &it.keys).for_each(|it| it.visit(see));
            }
            Node::Call(call) => {
                call.arguments.iter().for_each(|it| it.value.visit(see));
                call.keys.iter().for_each(|it| it.visit(see));
            }
            Node::List(list) | Node::And(list) | Node::Or(list) => {
                list.iter().for_each(|it| it.visit(see));
            }
            Node::Map(entries) => entries.iter().for_each(|it| it.1.visit(see)),
            Node::Math(_, left, right) | Node::Compare(_, left, right) => {
                left.visit(see);
                right.visit(see);
            }
            Node::Negative(it) | Node::Not(it) => it.visit(see),
            Node::Lambda(it) => it.body.visit(see),
            _ => {}
        }
    }
}
