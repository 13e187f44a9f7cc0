//! Tokens to a tree, by precedence climbing as expr-lang does it.

use std::ops::Range;

use super::Mistake;
use super::builtin::Builtin;
use super::lex::{Kind, Token, Wrong, lex};
use super::tree::{Node, Operator};
use golang::regexp;

/// Deepest nesting of an expression.
const DEPTH_MAX: usize = 100;

/// How tightly `not` and signs bind.
const NOT: u32 = 50;
const SIGN: u32 = 90;

/// What names mean in an expression.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum World {
    #[default]
    /// A log record: `body`, `attributes`, `resource`, `timestamp`. Other names are nil.
    Record,
    /// An endpoint: every name is one of what is known of it.
    Endpoint,
    /// A data point: `MetricName`, `MetricType`, `HasLabel(key)`, `Label(key)`. Other names are refused.
    /// `internal/filter/filterexpr/matcher.go` of contrib.
    Point,
}

/// Parses a whole expression. The names in it that mean nothing come with it, with their places.
pub(super) fn parse(text: &str, world: World) -> Result<(Node, Vec<Range<usize>>), Mistake> {
    let source: Vec<char> = text.chars().collect();
    let bytes = |chars: &[char]| chars.iter().map(|it| it.len_utf8()).sum::<usize>();
    // The word at a position, or the character.
    let place = |at: usize| {
        let before = bytes(&source[..at.min(source.len())]);
        let rest = source.get(at..).unwrap_or_default();
        let in_word = |it: &&char| it.is_alphanumeric() || **it == '_';
        let length = rest.iter().take_while(in_word).count().max(1).min(rest.len());
        before..before + bytes(&rest[..length])
    };
    let parsed = lex(&source).and_then(|tokens| {
        let mut parser = Parser { tokens, world, ..Parser::default() };
        let node = parser.sequence()?;
        if !matches!(parser.token().kind, Kind::End) {
            return Err(parser.unexpected());
        }
        match parser.wrong.take() {
            None => Ok((node, parser.unknown)),
            Some(wrong) => Err(wrong),
        }
    });
    match parsed {
        Ok((node, unknown)) => Ok((node, unknown.into_iter().map(place).collect())),
        Err(wrong) => {
            let at = Some(place(wrong.at)).filter(|it| !it.is_empty());
            Err(Mistake { text: show(&source, &wrong), at })
        }
    }
}

/// Message, position and excerpt as expr-lang prints them.
fn show(source: &[char], wrong: &Wrong) -> String {
    if source.is_empty() {
        return wrong.message.clone();
    }
    let before = &source[..wrong.at.min(source.len())];
    let line = before.iter().filter(|c| **c == '\n').count();
    let column = before.iter().rev().take_while(|c| **c != '\n').count();
    let text: String = source.iter().collect();
    let excerpt = text.lines().nth(line).unwrap_or_default();
    let dots = ".".repeat(column);
    format!("{} ({}:{})\n | {excerpt}\n | {dots}^", wrong.message, line + 1, column + 1)
}

#[derive(Default)]
struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    closures: usize,
    variables: Vec<String>,
    world: World,
    /// The first mistake that is none of syntax: it is told when the whole has been read, as expr-lang does it.
    wrong: Option<Wrong>,
    /// Where names are that mean nothing.
    unknown: Vec<usize>,
}

impl Parser {
    fn token(&self) -> &Token {
        // The last token is the end, and nothing moves past it.
        &self.tokens[self.at]
    }

    fn is(&self, text: &str) -> bool {
        let token = self.token();
        matches!(token.kind, Kind::Operator | Kind::Bracket) && token.text == text
    }

    fn step(&mut self) -> Token {
        let token = self.token().clone();
        if self.at + 1 < self.tokens.len() {
            self.at += 1;
        }
        token
    }

    fn accept(&mut self, text: &str) -> bool {
        let found = self.is(text);
        if found {
            self.step();
        }
        found
    }

    fn expect(&mut self, text: &str) -> Result<(), Wrong> {
        if self.accept(text) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn unexpected(&self) -> Wrong {
        let token = self.token();
        Wrong::new(format!("unexpected token {}", token.show()), token.at)
    }

    /// `let a = 1; rest`, or an expression.
    fn sequence(&mut self) -> Result<Node, Wrong> {
        if !self.accept("let") {
            return self.expression(0);
        }
        self.deeper(|parser| {
            let name = parser.step();
            if name.kind != Kind::Name {
                return Err(Wrong::new(format!("unexpected token {}", name.show()), name.at));
            }
            parser.expect("=")?;
            let value = parser.expression(0)?;
            parser.expect(";")?;
            parser.variables.push(name.text);
            let rest = parser.sequence();
            parser.variables.pop();
            Ok(Node::Let(Box::new(value), Box::new(rest?)))
        })
    }

    fn deeper<T>(
        &mut self,
        inside: impl FnOnce(&mut Self) -> Result<T, Wrong>,
    ) -> Result<T, Wrong> {
        if self.depth == DEPTH_MAX {
            return Err(Wrong::new("expression is nested too deeply", self.token().at));
        }
        self.depth += 1;
        let result = inside(self);
        self.depth -= 1;
        result
    }

    fn expression(&mut self, tightness: u32) -> Result<Node, Wrong> {
        self.deeper(|parser| parser.climb(tightness))
    }

    fn climb(&mut self, tightness: u32) -> Result<Node, Wrong> {
        let mut left = self.primary()?;
        loop {
            if tightness == 0 && self.accept("|") {
                left = self.pipe(left)?;
                continue;
            }
            let negated = self.is("not") && self.negatable();
            let at = self.at + usize::from(negated);
            let token = &self.tokens[at];
            let found = match token.kind {
                Kind::Operator => Operator::find(&token.text),
                _ => None,
            };
            let Some((operator, binds)) = found.filter(|(_, binds)| *binds >= tightness) else {
                break;
            };
            self.at = at;
            let token = self.step();
            let right = match operator {
                Operator::Power => self.expression(binds)?,
                _ => self.expression(binds + 1)?,
            };
            left = binary(operator, left, right, token.at)?;
            if negated {
                left = Node::Not(Box::new(left));
            }
        }
        if tightness == 0 && self.accept("?") {
            let yes = self.expression(0)?;
            self.expect(":")?;
            let no = self.expression(0)?;
            left = Node::Condition(Box::new(left), Box::new(yes), Box::new(no));
        }
        Ok(left)
    }

    fn negatable(&self) -> bool {
        const WORDS: [&str; 5] = ["in", "matches", "contains", "startsWith", "endsWith"];
        self.tokens.get(self.at + 1).is_some_and(|it| WORDS.contains(&it.text.as_str()))
    }

    fn pipe(&mut self, left: Node) -> Result<Node, Wrong> {
        let name = self.step();
        if name.kind != Kind::Name {
            return Err(Wrong::new(format!("unexpected token {}", name.show()), name.at));
        }
        let call = self.call(&name, Some(left))?;
        self.postfix(call)
    }

    fn primary(&mut self) -> Result<Node, Wrong> {
        if self.accept("not") || self.accept("!") {
            return Ok(Node::Not(Box::new(self.expression(NOT)?)));
        }
        if self.accept("-") {
            let of = self.expression(SIGN)?;
            return Ok(match of {
                Node::Int(it) => Node::Int(it.wrapping_neg()),
                Node::Float(it) => Node::Float(-it),
                of => Node::Minus(Box::new(of)),
            });
        }
        if self.accept("+") {
            return self.expression(SIGN);
        }
        if self.accept("(") {
            let inside = self.sequence()?;
            self.expect(")")?;
            return self.postfix(inside);
        }
        if self.closures > 0 && (self.is("#") || self.is(".")) {
            return self.pointer();
        }
        let token = self.token().clone();
        let node = match token.kind {
            Kind::Int(it) => self.constant(Node::Int(it)),
            Kind::Float(it) => self.constant(Node::Float(it)),
            Kind::Text(it) => {
                self.step();
                Node::Text(it)
            }
            Kind::Name => {
                self.step();
                self.name(&token)?
            }
            Kind::Bracket if token.text == "[" => self.list()?,
            Kind::Bracket if token.text == "{" => self.map()?,
            _ => return Err(self.unexpected()),
        };
        self.postfix(node)
    }

    fn constant(&mut self, node: Node) -> Node {
        self.step();
        node
    }

    fn pointer(&mut self) -> Result<Node, Wrong> {
        if !self.accept("#") {
            return self.postfix(Node::Element);
        }
        let token = self.token().clone();
        let node = match (&token.kind, token.text.as_str()) {
            (Kind::Name, "acc") => self.constant(Node::Accumulator),
            (Kind::Name, "index") => self.constant(Node::Index),
            _ => Node::Element,
        };
        self.postfix(node)
    }

    fn name(&mut self, token: &Token) -> Result<Node, Wrong> {
        if self.is("(") {
            return self.call(token, None);
        }
        if let Some(at) = self.variables.iter().rposition(|it| *it == token.text) {
            return Ok(Node::Variable(at));
        }
        Ok(match token.text.as_str() {
            "true" => Node::Bool(true),
            "false" => Node::Bool(false),
            "nil" => Node::Nil,
            _ if self.world == World::Endpoint => Node::Attribute(token.text.clone()),
            "MetricName" if self.world == World::Point => Node::Body,
            "MetricType" if self.world == World::Point => {
                Node::ResourceAttribute(token.text.clone())
            }
            _ if self.world == World::Point => {
                self.later(format!("unknown name {}", token.text), token.at);
                Node::Unknown
            }
            "body" | "$" => Node::Body,
            "attributes" => Node::Attributes,
            "resource" => Node::Resource,
            "timestamp" => Node::Timestamp,
            _ => {
                self.unknown.push(token.at);
                Node::Unknown
            }
        })
    }

    fn call(&mut self, name: &Token, first: Option<Node>) -> Result<Node, Wrong> {
        // Their `type` is a name, so the function has another one.
        let renamed = self.world == World::Endpoint && name.text == "typeOf";
        let Some(builtin) = Builtin::find(if renamed { "type" } else { &name.text }) else {
            if self.world == World::Point && matches!(name.text.as_str(), "HasLabel" | "Label") {
                return self.label(name);
            }
            self.later(format!("unknown name {}", name.text), name.at);
            self.arguments()?;
            return Ok(Node::Unknown);
        };
        self.expect("(")?;
        let mut args: Vec<Node> = first.into_iter().collect();
        while !self.is(")") {
            let predicate = builtin.predicate_at() == Some(args.len());
            args.push(if predicate { self.predicate()? } else { self.expression(0)? });
            if !self.accept(",") {
                break;
            }
        }
        self.expect(")")?;
        let (least, most) = builtin.arity();
        if args.len() < least {
            self.later(format!("not enough arguments to call {}", name.text), name.at);
        }
        if args.len() > most {
            self.later(format!("too many arguments to call {}", name.text), name.at);
        }
        Ok(Node::Call(builtin, args))
    }

    /// What stands in brackets behind the name of a function.
    fn arguments(&mut self) -> Result<Vec<Node>, Wrong> {
        self.expect("(")?;
        let mut all = Vec::new();
        while !self.is(")") {
            all.push(self.expression(0)?);
            if !self.accept(",") {
                break;
            }
        }
        self.expect(")")?;
        Ok(all)
    }

    /// Notes a mistake that is none of syntax.
    fn later(&mut self, message: String, at: usize) {
        self.wrong.get_or_insert_with(|| Wrong::new(message, at));
    }

    /// `HasLabel("key")` is `"key" in attributes`, and `Label("key")` is `attributes["key"] ?? ""`.
    fn label(&mut self, name: &Token) -> Result<Node, Wrong> {
        self.expect("(")?;
        if self.is(")") {
            let message = format!("not enough arguments to call {}", name.text);
            return Err(Wrong::new(message, name.at));
        }
        let key = self.expression(0)?;
        if self.is(",") {
            let message = format!("too many arguments to call {}", name.text);
            return Err(Wrong::new(message, name.at));
        }
        self.expect(")")?;
        Ok(if name.text == "HasLabel" {
            Node::Binary(Operator::In, Box::new(key), Box::new(Node::Attributes))
        } else {
            let value = Box::new(member(Node::Attributes, key, false));
            Node::Binary(Operator::Coalesce, value, Box::new(Node::Text(String::new())))
        })
    }

    fn predicate(&mut self) -> Result<Node, Wrong> {
        let braces = self.accept("{");
        self.closures += 1;
        let node = self.sequence();
        self.closures -= 1;
        let node = node?;
        if braces {
            self.expect("}")?;
        }
        Ok(node)
    }

    fn list(&mut self) -> Result<Node, Wrong> {
        self.expect("[")?;
        let mut all = Vec::new();
        while !self.is("]") {
            all.push(self.expression(0)?);
            if !self.accept(",") {
                break;
            }
        }
        self.expect("]")?;
        Ok(Node::List(all))
    }

    fn map(&mut self) -> Result<Node, Wrong> {
        self.expect("{")?;
        let mut all = Vec::new();
        while !self.is("}") {
            let token = self.token().clone();
            let key = match token.kind {
                Kind::Name => self.constant(Node::Text(token.text)),
                Kind::Text(text) => self.constant(Node::Text(text)),
                Kind::Int(_) | Kind::Float(_) => self.constant(Node::Text(token.text)),
                Kind::Bracket if token.text == "(" => self.expression(0)?,
                _ => {
                    let message = "a map key must be a quoted string, a number, a identifier, or \
                                   an expression enclosed in parentheses";
                    return Err(Wrong::new(
                        format!("{message} (unexpected token {})", token.show()),
                        token.at,
                    ));
                }
            };
            self.expect(":")?;
            all.push((key, self.expression(0)?));
            if !self.accept(",") {
                break;
            }
        }
        self.expect("}")?;
        Ok(Node::Map(all))
    }

    fn postfix(&mut self, mut node: Node) -> Result<Node, Wrong> {
        let mut chained = false;
        loop {
            let optional = self.accept("?.");
            chained |= optional;
            if optional && !self.is("[") || !optional && self.accept(".") {
                let name = self.step();
                if !matches!(name.kind, Kind::Name)
                    && !name.text.starts_with(|c: char| c.is_ascii_alphabetic())
                {
                    let message = format!("unexpected token {}", name.show());
                    return Err(Wrong::new(message, name.at));
                }
                node = if self.is("(") {
                    let args = self.arguments()?;
                    Node::Method { of: Box::new(node), name: name.text, args, optional }
                } else {
                    member(node, Node::Text(name.text), optional)
                };
            } else if self.accept("[") {
                node = self.index(node, optional)?;
            } else {
                return Ok(if chained { Node::Chain(Box::new(node)) } else { node });
            }
        }
    }

    fn index(&mut self, base: Node, optional: bool) -> Result<Node, Wrong> {
        let from = if self.is(":") { None } else { Some(self.expression(0)?) };
        if !self.accept(":") {
            self.expect("]")?;
            let Some(key) = from else { return Err(self.unexpected()) };
            return Ok(member(base, key, optional));
        }
        let to = if self.is("]") { None } else { Some(self.expression(0)?) };
        self.expect("]")?;
        let (from, to) = (from.map(Box::new), to.map(Box::new));
        Ok(Node::Slice { base: Box::new(base), from, to })
    }
}

fn member(base: Node, key: Node, optional: bool) -> Node {
    match (base, key) {
        (Node::Attributes, Node::Text(key)) => Node::Attribute(key),
        (Node::Resource, Node::Text(key)) => Node::ResourceAttribute(key),
        (base, key) => Node::Member { base: Box::new(base), key: Box::new(key), optional },
    }
}

fn binary(operator: Operator, left: Node, right: Node, at: usize) -> Result<Node, Wrong> {
    if let (Operator::Matches, Node::Text(pattern)) = (operator, &right) {
        let regex = regexp::compile(pattern).map_err(|problem| Wrong::new(problem, at))?;
        return Ok(Node::Matches(Box::new(left), Box::new(regex)));
    }
    Ok(Node::Binary(operator, Box::new(left), Box::new(right)))
}
