//! Tokens to a tree: statements, and in them expressions by precedence: `or`, `and`, `not`, comparisons, sums, products, signs.

mod lambda;

use std::ops::Range;

use crate::Error;
use crate::grammar::{self, Name, Unexpected};
use crate::lex::{Kind, Token, lex, unquote};
use crate::tree::{Argument, Call, Comparison, Expr, Field, Local, Math, Node, Path, Statement};

/// Deepest nesting of brackets, lists, maps, calls and keys.
const DEPTH_MAX: usize = 64;
/// Most arithmetic in one text: each operation is one level of the tree.
const OPERATIONS_MAX: usize = 256;

/// What Go's parser says when it wants a value.
const A_VALUE: &str = "Field (\".\" Field)*";

/// How tightly operators bind.
const OR: u8 = 1;
const AND: u8 = 2;
const COMPARE: u8 = 3;
const SUM: u8 = 4;
const PRODUCT: u8 = 5;

/// Parses a condition.
pub(crate) fn condition(text: &str) -> Result<Expr, Error> {
    let mut parser = Parser::new("condition", text)?;
    let condition = parser.condition().and_then(|it| parser.end_of_text().map(|()| it));
    condition.map_err(|error| parser.in_the_words_of_go(Name::BooleanExpression, error))
}

/// Parses a statement: an editor, and when it runs.
pub(crate) fn statement(text: &str) -> Result<Statement, Error> {
    let mut parser = Parser::new("statement", text)?;
    let statement = parser.statement().and_then(|it| parser.end_of_text().map(|()| it));
    statement.map_err(|error| parser.in_the_words_of_go(Name::ParsedStatement, error))
}

struct Parser<'t> {
    /// `condition` or `statement`
    what: &'static str,
    text: &'t str,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    operations: usize,
    /// The names of what the lambdas around it take, from the outside.
    parameters: Vec<Vec<String>>,
}

impl<'t> Parser<'t> {
    fn new(what: &'static str, text: &'t str) -> Result<Self, Error> {
        let tokens = lex(text, what)?;
        Ok(Self { what, text, tokens, at: 0, depth: 0, operations: 0, parameters: Vec::new() })
    }

    fn condition(&mut self) -> Result<Expr, Error> {
        let expr = self.climb(OR)?;
        self.a_condition(expr)
    }

    fn statement(&mut self) -> Result<Statement, Error> {
        let editor = self.editor()?;
        let is_where = self.token().kind == Kind::Lower && self.shown(self.token()) == "where";
        let condition = if is_where {
            self.step();
            Some(self.condition()?)
        } else {
            None
        };
        Ok(Statement { editor, condition })
    }

    /// The message is Go's, the place is where the text is wrong.
    fn in_the_words_of_go(&self, root: Name, error: Error) -> Error {
        let Some(Unexpected { span, message }) = grammar::unexpected(root, self.text, &self.tokens)
        else {
            return error;
        };
        Error { span: error.span, ..Error::syntax(self.what, self.text, span, message) }
    }

    fn end_of_text(&self) -> Result<(), Error> {
        if self.token().kind == Kind::End { Ok(()) } else { Err(self.unexpected("")) }
    }

    fn token(&self) -> &Token {
        // The last token is the end, and nothing moves past it.
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn shown(&self, token: &Token) -> &'t str {
        self.text.get(token.span.clone()).unwrap_or_default()
    }

    fn step(&mut self) -> Token {
        let token = self.token().clone();
        self.at += usize::from(token.kind != Kind::End);
        token
    }

    fn is(&self, mark: &str) -> bool {
        let token = self.token();
        token.kind == Kind::Mark && self.shown(token) == mark
    }

    fn accept(&mut self, mark: &str) -> bool {
        let found = self.is(mark);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, mark: &str) -> Result<(), Error> {
        if self.accept(mark) { Ok(()) } else { Err(self.unexpected(&format!("{mark:?}"))) }
    }

    /// Where the last token ended.
    fn end(&self) -> usize {
        let before = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        before.map_or(0, |token| token.span.end)
    }

    fn wrong<T>(&self, span: Range<usize>, message: impl Into<String>) -> Result<T, Error> {
        Err(Error::syntax(self.what, self.text, span, message))
    }

    fn unexpected(&self, expected: &str) -> Error {
        self.unexpected_at(self.token(), expected)
    }

    fn unexpected_at(&self, token: &Token, expected: &str) -> Error {
        let shown = if token.kind == Kind::End { "<EOF>" } else { self.shown(token) };
        let expected =
            if expected.is_empty() { String::new() } else { format!(" (expected {expected})") };
        let shown = if token.kind == Kind::Text { shown.trim_matches('"') } else { shown };
        let message = format!("unexpected token {shown:?}{expected}");
        Error::syntax(self.what, self.text, token.span.clone(), message)
    }

    fn deeper<T>(
        &mut self,
        inside: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if self.depth == DEPTH_MAX {
            let message = format!("nested more than {DEPTH_MAX} deep");
            return self.wrong(self.token().span.clone(), message);
        }
        self.depth += 1;
        let result = inside(self);
        self.depth -= 1;
        result
    }

    /// A value where a condition has to be lacks a comparison behind it.
    fn a_condition(&self, expr: Expr) -> Result<Expr, Error> {
        if expr.is_condition() {
            return Ok(expr);
        }
        let after = self.tokens.iter().find(|it| it.span.start >= expr.span.end);
        Err(self.unexpected_at(after.unwrap_or(self.token()), "<opcomparison> Value"))
    }

    fn a_value(&self, expr: Expr) -> Result<Expr, Error> {
        if expr.is_value() {
            return Ok(expr);
        }
        self.wrong(expr.span, "unexpected condition (expected a value)")
    }

    fn a_number(&self, expr: Expr) -> Result<Expr, Error> {
        if expr.is_number() {
            return Ok(expr);
        }
        self.wrong(expr.span, "unexpected operand (expected a number, a path or a converter)")
    }

    /// How tightly the operator here binds, if there is one.
    fn binding(&self) -> Option<u8> {
        Some(match self.token().kind {
            Kind::Or => OR,
            Kind::And => AND,
            Kind::Comparison => COMPARE,
            Kind::Sign => SUM,
            Kind::Factor => PRODUCT,
            _ => return None,
        })
    }

    fn climb(&mut self, least: u8) -> Result<Expr, Error> {
        let start = self.token().span.start;
        let mut left = self.operand()?;
        let mut compared = false;
        while let Some(binding) = self.binding().filter(|it| *it >= least) {
            if binding == COMPARE && compared {
                return Err(self.unexpected(""));
            }
            compared |= binding == COMPARE;
            let operator = self.step();
            self.operations += usize::from(binding >= SUM);
            if self.operations > OPERATIONS_MAX {
                let message = format!("more than {OPERATIONS_MAX} arithmetic operations");
                return self.wrong(operator.span, message);
            }
            let right = self.climb(binding + 1)?;
            left = self.binary(&operator, left, right)?;
            left.span = start..self.end();
        }
        Ok(left)
    }

    fn binary(&self, operator: &Token, left: Expr, right: Expr) -> Result<Expr, Error> {
        let span = left.span.start..right.span.end;
        let shown = self.shown(operator);
        let node = match operator.kind {
            Kind::Or | Kind::And => {
                let (left, right) = (self.a_condition(left)?, self.a_condition(right)?);
                joined(operator.kind == Kind::And, left, right)
            }
            Kind::Comparison => {
                let how = match shown {
                    "==" => Comparison::Equal,
                    "!=" => Comparison::NotEqual,
                    "<" => Comparison::Less,
                    "<=" => Comparison::LessOrEqual,
                    ">" => Comparison::Greater,
                    _ => Comparison::GreaterOrEqual,
                };
                let (left, right) = (self.a_value(left)?, self.a_value(right)?);
                Node::Compare(how, Box::new(left), Box::new(right))
            }
            _ => {
                let how = match shown {
                    "+" => Math::Add,
                    "-" => Math::Subtract,
                    "*" => Math::Multiply,
                    _ => Math::Divide,
                };
                let (left, right) = (self.a_number(left)?, self.a_number(right)?);
                Node::Math(how, Box::new(left), Box::new(right))
            }
        };
        Ok(Expr { node, span })
    }

    fn operand(&mut self) -> Result<Expr, Error> {
        let start = self.token().span.start;
        let node = match self.token().kind {
            Kind::Not => {
                self.step();
                let inside = self.deeper(|it| it.climb(COMPARE))?;
                Node::Not(Box::new(self.a_condition(inside)?))
            }
            Kind::Sign => {
                let minus = self.step();
                let inside = self.primary()?;
                let inside = self.a_number(inside)?;
                match (self.shown(&minus), inside.node) {
                    ("-", Node::Int(it)) => Node::Int(it.wrapping_neg()),
                    ("-", Node::Float(it)) => Node::Float(-it),
                    ("-", node) => Node::Negative(Box::new(Expr { node, span: inside.span })),
                    (_, node) => node,
                }
            }
            _ => return self.primary(),
        };
        Ok(Expr { node, span: start..self.end() })
    }

    fn primary(&mut self) -> Result<Expr, Error> {
        let token = self.token().clone();
        let (start, shown) = (token.span.start, self.shown(&token));
        let node = match (token.kind, shown) {
            (Kind::Mark, "(") if self.is_lambda() => self.deeper(Self::lambda)?,
            (Kind::Mark, "(") => {
                self.step();
                let inside = self.deeper(|it| it.climb(OR))?;
                self.expect(")")?;
                inside.node
            }
            (Kind::Mark, "[") => self.deeper(Self::list)?,
            (Kind::Mark, "{") => self.deeper(Self::map)?,
            (Kind::Lower, _) => self.deeper(Self::path)?,
            (Kind::Upper, _) => self.deeper(Self::name)?,
            _ => self.literal()?,
        };
        Ok(Expr { node, span: start..self.end() })
    }

    fn literal(&mut self) -> Result<Node, Error> {
        let token = self.token().clone();
        let shown = self.shown(&token);
        let node = match token.kind {
            Kind::Nil => Some(Node::Nil),
            Kind::Bool => Some(Node::Bool(shown == "true")),
            Kind::Int => shown.parse().ok().map(Node::Int),
            Kind::Float => shown.parse().ok().map(Node::Float),
            Kind::Bytes => hex(shown.get(2..).unwrap_or_default()).map(Node::Bytes),
            Kind::Text => unquote(shown).map(Node::Text),
            _ => return Err(self.unexpected(A_VALUE)),
        };
        let Some(node) = node else {
            let message = match token.kind {
                Kind::Text => format!("invalid quoted string {shown:?}: invalid syntax"),
                Kind::Bytes => "failed to capture: encoding/hex: odd length hex string".to_owned(),
                _ => format!(
                    "failed to conform: strconv.ParseInt: parsing {shown:?}: value out of range"
                ),
            };
            return self.wrong(token.span, message);
        };
        self.step();
        Ok(node)
    }

    fn list(&mut self) -> Result<Node, Error> {
        self.expect("[")?;
        let mut list = Vec::new();
        while !self.accept("]") {
            self.accept(",");
            list.push(self.value()?);
        }
        Ok(Node::List(list))
    }

    fn map(&mut self) -> Result<Node, Error> {
        self.expect("{")?;
        let mut entries: Vec<(String, Expr)> = Vec::new();
        while !self.accept("}") {
            let Node::Text(key) = self.literal()? else {
                self.at -= 1;
                return Err(self.unexpected("a key in quotes"));
            };
            self.expect(":")?;
            let value = self.value()?;
            match entries.iter_mut().find(|it| it.0 == key) {
                Some(entry) => entry.1 = value,
                None => entries.push((key, value)),
            }
            self.accept(",");
        }
        Ok(Node::Map(entries))
    }

    /// A value: what stands in lists, maps and calls.
    fn value(&mut self) -> Result<Expr, Error> {
        let value = self.climb(SUM)?;
        self.a_value(value)
    }

    /// Whether a call begins here.
    fn calls(&self) -> bool {
        let next = self.tokens.get(self.at + 1);
        next.is_some_and(|it| it.kind == Kind::Mark && self.shown(it) == "(")
    }

    fn path(&mut self) -> Result<Node, Error> {
        let first = self.token().clone();
        let mut fields = Vec::new();
        loop {
            let token = self.token().clone();
            let name = self.shown(&token);
            let is_name = name.contains(|c: char| c.is_ascii_uppercase());
            // With a bracket behind it, it is said below what is wrong with it.
            if token.kind != Kind::Lower || is_name && !self.calls() {
                return Err(self.unexpected("a part of a path"));
            }
            self.step();
            let keys = self.keys()?;
            let span = token.span.start..self.end();
            fields.push(Field { name: name.to_owned(), keys, span });
            if !self.accept(".") {
                break;
            }
        }
        if self.is("(") {
            let name = self.text.get(first.span.start..self.end()).unwrap_or_default();
            let message =
                format!("converter names must start with an uppercase letter but got '{name}'");
            return Err(Error::said(first.span.start..self.end(), message));
        }
        Ok(match self.parameter(self.shown(&first)) {
            Some((up, at)) => Node::Local(Local { path: Path { fields }, up, at }),
            None => Node::Path(Path { fields }),
        })
    }

    fn keys(&mut self) -> Result<Vec<Expr>, Error> {
        let mut keys = Vec::new();
        while self.accept("[") {
            let key = self.deeper(Self::value)?;
            if !key.is_number() && !matches!(key.node, Node::Text(_)) {
                return self.wrong(key.span, "unexpected key (expected a text or a number)");
            }
            keys.push(key);
            self.expect("]")?;
        }
        Ok(keys)
    }

    /// A call, an enum, or the name of a converter.
    fn name(&mut self) -> Result<Node, Error> {
        let token = self.step();
        let name = self.shown(&token).to_owned();
        if !self.accept("(") {
            let is_enum = !name.contains(|c: char| c.is_ascii_lowercase());
            return Ok(if is_enum { Node::Enum(name) } else { Node::Function(name) });
        }
        let arguments = self.arguments()?;
        let keys = self.keys()?;
        Ok(Node::Call(Call { name, name_span: token.span, arguments, keys }))
    }

    /// What a statement does: `set(log.body, "x")`.
    fn editor(&mut self) -> Result<Call, Error> {
        let token = self.token().clone();
        if !matches!(token.kind, Kind::Lower | Kind::Upper) {
            return Err(self.unexpected("an editor"));
        }
        self.step();
        let name = self.shown(&token).to_owned();
        if !self.accept("(") {
            return Err(self.unexpected("\"(\" (Argument (\",\" Argument)*)? \")\" Key*"));
        }
        if token.kind == Kind::Upper {
            let message =
                format!("editor names must start with a lowercase letter but got '{name}'");
            return Err(Error::said(token.span, message));
        }
        let arguments = self.arguments()?;
        let from = self.token().span.start;
        if !self.keys()?.is_empty() {
            let span = from..self.end();
            let keys = self.text.get(span.clone()).unwrap_or_default().replace('"', "");
            let message = format!(
                "only paths and converters may be indexed, not editors, but got {name}{keys}"
            );
            return Err(Error::said(span, message));
        }
        Ok(Call { name, name_span: token.span, arguments, keys: Vec::new() })
    }

    /// The arguments of a call, up to and with its closing bracket.
    fn arguments(&mut self) -> Result<Vec<Argument>, Error> {
        let mut arguments = Vec::new();
        while !self.is(")") {
            arguments.push(self.argument()?);
            if !self.accept(",") {
                break;
            }
            if self.is(")") {
                return Err(self.unexpected(A_VALUE));
            }
        }
        if self.accept(")") { Ok(arguments) } else { Err(self.unexpected("\")\" Key*")) }
    }

    fn argument(&mut self) -> Result<Argument, Error> {
        let named = self.token().kind == Kind::Lower
            && self.tokens.get(self.at + 1).is_some_and(|it| it.kind == Kind::Equal);
        let name = named.then(|| {
            let token = self.step();
            self.step();
            self.shown(&token).to_owned()
        });
        Ok(Argument { name, value: self.value()? })
    }
}

/// `a and b`, flat.
fn joined(and: bool, left: Expr, right: Expr) -> Node {
    let mut list = match left.node {
        Node::And(list) if and => list,
        Node::Or(list) if !and => list,
        node => vec![Expr { node, span: left.span }],
    };
    list.push(right);
    if and { Node::And(list) } else { Node::Or(list) }
}

/// The bytes of hexadecimal digits, if their number is even.
pub(crate) fn hex(digits: &str) -> Option<Vec<u8>> {
    pdata::text::from_hex(digits.as_bytes())
}
