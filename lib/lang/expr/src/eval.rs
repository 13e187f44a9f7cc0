//! Evaluates a tree on one record.

use std::cmp::Ordering;

use bumpalo::Bump;
use golang::number;
use golang::value::{self, Value};

use crate::Record;
use crate::tree::{Node, Operator};

mod call;
mod times;

/// Elements of a range at most; expr-lang's memory budget is the same.
const RANGE_MAX: i64 = 1_000_000;

/// A value while evaluating: times exist here and nowhere in a record.
#[derive(Debug, Clone, Copy)]
pub(super) enum Val<'a> {
    Data(Value<'a>),
    /// Nanoseconds since 1970; the least is a time that is not known.
    Time(i64),
    /// Nanoseconds.
    Span(i64),
}

pub(super) const NIL: Val<'static> = Val::Data(Value::Empty);

/// Why evaluation ends early.
#[derive(Debug)]
pub(super) enum Stop {
    /// `?.` met nil: the chain is nil.
    Chain,
    /// An error.
    Wrong(String),
}

impl Stop {
    pub(super) fn text(self) -> String {
        match self {
            Stop::Chain => "nil".to_owned(),
            Stop::Wrong(text) => text,
        }
    }
}

impl From<String> for Stop {
    fn from(text: String) -> Self {
        Stop::Wrong(text)
    }
}

impl<'a> Val<'a> {
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Val::Data(it) => value::type_name(it),
            Val::Time(_) => "time.Time",
            Val::Span(_) => "time.Duration",
        }
    }

    pub(super) fn is_nil(&self) -> bool {
        matches!(self, Val::Data(Value::Empty))
    }

    /// For a record: times become text, as Go's `%v` would print them.
    pub(super) fn into_value(self, arena: &'a Bump) -> Value<'a> {
        match self {
            Val::Data(it) => it,
            other => Value::Str(arena.alloc_str(&other.display())),
        }
    }

    pub(super) fn display(&self) -> String {
        match self {
            Val::Data(it) => value::display(it),
            Val::Time(it) => times::instant(*it).to_string(),
            Val::Span(it) => config::Duration::from_nanos(*it).to_string(),
        }
    }

    fn number(&self) -> Option<Number> {
        match self {
            Val::Data(Value::Int(it)) => Some(Number::Int(*it)),
            Val::Data(Value::Double(it)) => Some(Number::Float(*it)),
            _ => None,
        }
    }
}

#[derive(Clone, Copy)]
enum Number {
    Int(i64),
    Float(f64),
}

impl Number {
    fn float(self) -> f64 {
        match self {
            Number::Int(it) => it as f64,
            Number::Float(it) => it,
        }
    }
}

/// What names mean.
pub(super) struct Env<'a, 'e> {
    pub(super) record: &'e dyn Record<'a>,
    pub(super) arena: &'a Bump,
    pub(super) elements: Vec<(Val<'a>, usize)>,
    pub(super) accumulators: Vec<Val<'a>>,
    variables: Vec<Val<'a>>,
}

impl<'a, 'e> Env<'a, 'e> {
    pub(super) fn new(record: &'e dyn Record<'a>, arena: &'a Bump) -> Self {
        let (elements, accumulators, variables) = (Vec::new(), Vec::new(), Vec::new());
        Self { record, arena, elements, accumulators, variables }
    }

    pub(super) fn eval(&mut self, node: &'a Node) -> Result<Val<'a>, Stop> {
        Ok(Val::Data(match node {
            Node::Nil | Node::Unknown => Value::Empty,
            Node::Bool(it) => Value::Bool(*it),
            Node::Int(it) => Value::Int(*it),
            Node::Float(it) => Value::Double(*it),
            Node::Text(it) => Value::Str(it),
            Node::List(nodes) => {
                let values = self.values(nodes)?;
                Value::Array(self.arena.alloc_slice_copy(&values))
            }
            Node::Map(pairs) => self.map(pairs)?,
            Node::Body => self.record.body(),
            Node::Attributes => Value::Map(self.arena.alloc_slice_copy(self.record.attributes())),
            Node::Resource => Value::Map(self.record.resource(self.arena)),
            Node::Timestamp => return Ok(Val::Time(self.record.timestamp().unwrap_or(i64::MIN))),
            Node::Attribute(key) => {
                value::find(self.record.attributes(), key).unwrap_or(Value::Empty)
            }
            Node::ResourceAttribute(key) => {
                self.record.resource_attribute(key).unwrap_or(Value::Empty)
            }
            Node::Member { base, key, optional } => return self.member(base, key, *optional),
            Node::Slice { base, from, to } => {
                return self.slice(base, from.as_deref(), to.as_deref());
            }
            Node::Chain(inside) => match self.eval(inside) {
                Err(Stop::Chain) => Value::Empty,
                other => return other,
            },
            Node::Not(of) => Value::Bool(!self.truth(of)?),
            Node::Minus(of) => return self.minus(of),
            Node::Binary(operator, left, right) => return self.binary(*operator, left, right),
            Node::Matches(left, regex) => match self.eval(left)? {
                Val::Data(Value::Str(text)) => Value::Bool(regex.is_match(text)),
                Val::Data(Value::Empty) => Value::Bool(false),
                other => return Err(not_text("matches", &other)),
            },
            Node::Condition(when, yes, no) => {
                let chosen = if self.truth(when)? { yes } else { no };
                return self.eval(chosen);
            }
            Node::Call(builtin, args) => return call::call(self, *builtin, args),
            Node::Method { of, name, args, optional } => {
                let of = self.eval(of)?;
                if *optional && of.is_nil() {
                    return Err(Stop::Chain);
                }
                return self.method(of, name, args);
            }
            Node::Element => return Ok(self.elements.last().map_or(NIL, |(it, _)| *it)),
            Node::Index => Value::Int(self.elements.last().map_or(0, |(_, at)| number::int(*at))),
            Node::Accumulator => return Ok(self.accumulators.last().copied().unwrap_or(NIL)),
            Node::Let(is, rest) => {
                let is = self.eval(is)?;
                self.variables.push(is);
                let result = self.eval(rest);
                self.variables.pop();
                return result;
            }
            Node::Variable(at) => return Ok(self.variables.get(*at).copied().unwrap_or(NIL)),
        }))
    }

    /// True or false, or an error.
    pub(super) fn truth(&mut self, node: &'a Node) -> Result<bool, Stop> {
        match self.eval(node)? {
            Val::Data(Value::Bool(it)) => Ok(it),
            other => Err(format!("expected bool, but got {}", other.type_name()).into()),
        }
    }

    fn values(&mut self, nodes: &'a [Node]) -> Result<Vec<Value<'a>>, Stop> {
        nodes.iter().map(|it| Ok(self.eval(it)?.into_value(self.arena))).collect()
    }

    fn map(&mut self, pairs: &'a [(Node, Node)]) -> Result<Value<'a>, Stop> {
        let mut all = value::Pairs::with_capacity_in(pairs.len(), self.arena);
        for (key, of) in pairs {
            let key = self.eval(key)?;
            let Val::Data(Value::Str(key)) = key else {
                return Err(format!("expected string, but got {}", key.type_name()).into());
            };
            let of = self.eval(of)?.into_value(self.arena);
            value::put(&mut all, key, of);
        }
        Ok(Value::Map(all.into_bump_slice()))
    }

    fn member(&mut self, base: &'a Node, key: &'a Node, optional: bool) -> Result<Val<'a>, Stop> {
        // A member of a whole map needs no copy of the map.
        let of = match base {
            Node::Attributes | Node::Resource => None,
            _ => Some(self.eval(base)?),
        };
        if optional && of.as_ref().is_some_and(Val::is_nil) {
            return Err(Stop::Chain);
        }
        let key = self.eval(key)?;
        let found = match (of, key, base) {
            (None, Val::Data(Value::Str(key)), Node::Attributes) => {
                value::find(self.record.attributes(), key)
            }
            (None, Val::Data(Value::Str(key)), _) => self.record.resource_attribute(key),
            (Some(Val::Data(Value::Map(pairs))), Val::Data(Value::Str(key)), _) => {
                value::find(pairs, key)
            }
            (Some(Val::Data(Value::Array(list))), Val::Data(Value::Int(at)), _) => {
                let found = position(at, list.len()).and_then(|at| list.get(at));
                let Some(found) = found else {
                    let text = format!("index out of range: {at} (array length is {})", list.len());
                    return Err(text.into());
                };
                Some(*found)
            }
            (of, key, _) => {
                let of = of.map_or("map[string]interface {}", |it| {
                    if it.is_nil() { "<nil>" } else { it.type_name() }
                });
                return Err(format!("cannot fetch {} from {of}", key.display()).into());
            }
        };
        Ok(Val::Data(found.unwrap_or(Value::Empty)))
    }

    fn slice(
        &mut self,
        base: &'a Node,
        from: Option<&'a Node>,
        to: Option<&'a Node>,
    ) -> Result<Val<'a>, Stop> {
        let of = self.eval(base)?;
        let len = match of {
            Val::Data(Value::Array(list)) => list.len(),
            Val::Data(Value::Str(text)) => text.len(),
            other => return Err(format!("cannot slice {}", other.type_name()).into()),
        };
        let mut bound = |node: Option<&'a Node>, default: usize| match node {
            None => Ok(default),
            Some(node) => match self.eval(node)? {
                Val::Data(Value::Int(at)) if at < 0 => {
                    Ok(len.saturating_sub(usize::try_from(at.unsigned_abs()).unwrap_or(len)))
                }
                Val::Data(Value::Int(at)) => Ok(usize::try_from(at).unwrap_or(len).min(len)),
                other => Err(Stop::Wrong(format!("expected int, but got {}", other.type_name()))),
            },
        };
        let from = bound(from, 0)?;
        let to = bound(to, len)?.max(from);
        Ok(Val::Data(match of {
            Val::Data(Value::Array(list)) => Value::Array(list.get(from..to).unwrap_or(&[])),
            Val::Data(Value::Str(text)) => {
                // Go cuts between bytes; a cut character becomes U+FFFD when it is written.
                let bytes = text.as_bytes().get(from..to).unwrap_or(&[]);
                Value::Str(golang::utf8::text(bytes, self.arena))
            }
            _ => Value::Empty,
        }))
    }

    fn minus(&mut self, of: &'a Node) -> Result<Val<'a>, Stop> {
        Ok(match self.eval(of)? {
            Val::Data(Value::Int(it)) => Val::Data(Value::Int(it.wrapping_neg())),
            Val::Data(Value::Double(it)) => Val::Data(Value::Double(-it)),
            Val::Span(it) => Val::Span(it.wrapping_neg()),
            other => return Err(format!("invalid operation: - {}", other.type_name()).into()),
        })
    }

    fn binary(
        &mut self,
        operator: Operator,
        left: &'a Node,
        right: &'a Node,
    ) -> Result<Val<'a>, Stop> {
        let yes = |it: bool| Ok(Val::Data(Value::Bool(it)));
        match operator {
            Operator::Or => return yes(self.truth(left)? || self.truth(right)?),
            Operator::And => return yes(self.truth(left)? && self.truth(right)?),
            Operator::Coalesce => {
                let first = match self.eval(left) {
                    Err(Stop::Chain) => NIL,
                    other => other?,
                };
                return if first.is_nil() { self.eval(right) } else { Ok(first) };
            }
            Operator::In => return yes(self.contains(left, right)?),
            _ => {}
        }
        let (a, b) = (self.eval(left)?, self.eval(right)?);
        match operator {
            Operator::Equal => yes(equal(&a, &b)),
            Operator::NotEqual => yes(!equal(&a, &b)),
            Operator::Less => yes(order(operator, &a, &b)?.is_some_and(Ordering::is_lt)),
            Operator::LessEqual => yes(order(operator, &a, &b)?.is_some_and(Ordering::is_le)),
            Operator::Greater => yes(order(operator, &a, &b)?.is_some_and(Ordering::is_gt)),
            Operator::GreaterEqual => yes(order(operator, &a, &b)?.is_some_and(Ordering::is_ge)),
            Operator::Matches | Operator::Contains | Operator::StartsWith | Operator::EndsWith => {
                yes(texts(operator, &a, &b)?)
            }
            Operator::Range => self.range(&a, &b),
            _ => self.arithmetic(operator, a, b),
        }
    }

    fn contains(&mut self, left: &'a Node, right: &'a Node) -> Result<bool, Stop> {
        let needle = self.eval(left)?;
        let key = match needle {
            Val::Data(Value::Str(key)) => Some(key),
            _ => None,
        };
        match (right, key) {
            (Node::Attributes, Some(key)) => {
                return Ok(value::find(self.record.attributes(), key).is_some());
            }
            (Node::Resource, Some(key)) => {
                return Ok(self.record.resource_attribute(key).is_some());
            }
            // A fixed list needs no copy.
            (Node::List(nodes), _) => {
                for node in nodes {
                    if equal(&needle, &self.eval(node)?) {
                        return Ok(true);
                    }
                }
                return Ok(false);
            }
            _ => {}
        }
        match (self.eval(right)?, key) {
            (Val::Data(Value::Empty), _) => Ok(false),
            (Val::Data(Value::Array(list)), _) => {
                Ok(list.iter().any(|it| equal(&needle, &Val::Data(*it))))
            }
            (Val::Data(Value::Map(_)), None) if needle.is_nil() => Ok(false),
            (Val::Data(Value::Map(pairs)), Some(key)) => Ok(value::find(pairs, key).is_some()),
            (other, _) => {
                let (a, b) = (needle.type_name(), other.type_name());
                Err(format!("invalid operation: in (mismatched types {a} and {b})").into())
            }
        }
    }

    fn range(&self, a: &Val<'a>, b: &Val<'a>) -> Result<Val<'a>, Stop> {
        let (Val::Data(Value::Int(from)), Val::Data(Value::Int(to))) = (a, b) else {
            return Err(mismatched(Operator::Range, a, b));
        };
        let len = to.saturating_sub(*from).saturating_add(1).max(0);
        if len > RANGE_MAX {
            return Err("memory budget exceeded".to_owned().into());
        }
        let len = usize::try_from(len).unwrap_or_default();
        let item = |at: usize| Value::Int(from.saturating_add(number::int(at)));
        Ok(Val::Data(Value::Array(self.arena.alloc_slice_fill_with(len, item))))
    }

    fn arithmetic(&self, operator: Operator, a: Val<'a>, b: Val<'a>) -> Result<Val<'a>, Stop> {
        let (Some(x), Some(y)) = (a.number(), b.number()) else {
            return self.other_arithmetic(operator, a, b);
        };
        let float = |it| Ok(Val::Data(Value::Double(it)));
        let int = |it| Ok(Val::Data(Value::Int(it)));
        match (operator, x, y) {
            (Operator::Add, Number::Int(x), Number::Int(y)) => int(x.wrapping_add(y)),
            (Operator::Subtract, Number::Int(x), Number::Int(y)) => int(x.wrapping_sub(y)),
            (Operator::Multiply, Number::Int(x), Number::Int(y)) => int(x.wrapping_mul(y)),
            (Operator::Modulo, Number::Int(_), Number::Int(0)) => {
                Err("integer divide by zero".to_owned().into())
            }
            (Operator::Modulo, Number::Int(x), Number::Int(y)) => int(x.wrapping_rem(y)),
            (Operator::Add, ..) => float(x.float() + y.float()),
            (Operator::Subtract, ..) => float(x.float() - y.float()),
            (Operator::Multiply, ..) => float(x.float() * y.float()),
            (Operator::Divide, ..) => float(x.float() / y.float()),
            (Operator::Power, ..) => float(x.float().powf(y.float())),
            _ => Err(mismatched(operator, &a, &b)),
        }
    }

    fn other_arithmetic(
        &self,
        operator: Operator,
        a: Val<'a>,
        b: Val<'a>,
    ) -> Result<Val<'a>, Stop> {
        Ok(match (operator, a, b) {
            (Operator::Add, Val::Data(Value::Str(x)), Val::Data(Value::Str(y))) => {
                let mut all = bumpalo::collections::String::from_str_in(x, self.arena);
                all.push_str(y);
                Val::Data(Value::Str(all.into_bump_str()))
            }
            (_, a, b) => return times::arithmetic(operator, a, b),
        })
    }
}

/// Where a list position is, counted from the end if negative.
pub(super) fn position(at: i64, len: usize) -> Option<usize> {
    match usize::try_from(at) {
        Ok(at) => Some(at),
        Err(_) => len.checked_sub(usize::try_from(at.unsigned_abs()).ok()?),
    }
}

/// Equal as `==` sees it: numbers by value, across other types never.
pub(super) fn equal(a: &Val<'_>, b: &Val<'_>) -> bool {
    match (a, b) {
        (Val::Data(a), Val::Data(b)) => same(a, b),
        (Val::Time(a), Val::Time(b)) | (Val::Span(a), Val::Span(b)) => a == b,
        // The zero time is not nil, as in Go.
        _ => false,
    }
}

#[expect(clippy::float_cmp, reason = "the language compares floats exactly")]
fn same(a: &Value<'_>, b: &Value<'_>) -> bool {
    match (a, b) {
        (Value::Empty, Value::Empty) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Double(a), Value::Double(b)) => a == b,
        (Value::Int(a), Value::Double(b)) | (Value::Double(b), Value::Int(a)) => *a as f64 == *b,
        (Value::Str(a), Value::Str(b)) => a == b,
        (Value::Bytes(a), Value::Bytes(b)) => a == b,
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| same(a, b))
        }
        (Value::Map(a), Value::Map(b)) => {
            let in_b = |(k, v): &value::Pair<'_>| value::find(b, k).is_some_and(|it| same(v, &it));
            a.len() == b.len() && a.iter().all(in_b)
        }
        _ => false,
    }
}

/// Which is less; `None` with a NaN.
pub(super) fn order(
    operator: Operator,
    a: &Val<'_>,
    b: &Val<'_>,
) -> Result<Option<Ordering>, Stop> {
    match (a, b) {
        (Val::Data(Value::Int(a)), Val::Data(Value::Int(b))) => return Ok(Some(a.cmp(b))),
        (Val::Data(Value::Str(a)), Val::Data(Value::Str(b))) => return Ok(Some(a.cmp(b))),
        (Val::Time(a), Val::Time(b)) | (Val::Span(a), Val::Span(b)) => return Ok(Some(a.cmp(b))),
        _ => {}
    }
    match (a.number(), b.number()) {
        (Some(a), Some(b)) => Ok(a.float().partial_cmp(&b.float())),
        _ => Err(mismatched(operator, a, b)),
    }
}

fn texts(operator: Operator, a: &Val<'_>, b: &Val<'_>) -> Result<bool, Stop> {
    if a.is_nil() || b.is_nil() {
        return Ok(false);
    }
    let Val::Data(Value::Str(text)) = a else { return Err(not_text(operator.text(), a)) };
    let Val::Data(Value::Str(other)) = b else { return Err(not_text(operator.text(), b)) };
    Ok(match operator {
        Operator::Contains => text.contains(other),
        Operator::StartsWith => text.starts_with(other),
        Operator::EndsWith => text.ends_with(other),
        // A pattern that comes from the record: compiled each time, as upstream.
        _ => golang::regexp::compile(other).map_err(|it| it.text)?.is_match(text),
    })
}

fn not_text(operator: &str, got: &Val<'_>) -> Stop {
    format!("invalid operation: {operator} on {} (string required)", got.type_name()).into()
}

pub(super) fn mismatched(operator: Operator, a: &Val<'_>, b: &Val<'_>) -> Stop {
    let (a, b) = (a.type_name(), b.type_name());
    format!("invalid operation: {} (mismatched types {a} and {b})", operator.text()).into()
}
