//! Expressions to values.

mod functions;

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;

use golang::go_regex;
use regex::Regex;

use super::parse::{Expr, Operator, Step};
use super::{Found, axes};
use crate::functions::xml::tree::{DOCUMENT, Tree};

/// Nodes that one selection may look at.
const LOOKED_AT_MAX: usize = 1_000_000;

pub(super) type Result<T> = std::result::Result<T, String>;

/// What an expression yields.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Nodes(Vec<Found>),
    Text(String),
    Number(f64),
    Bool(bool),
}

/// Where an expression is evaluated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Here {
    pub(super) node: Found,
    pub(super) position: usize,
    pub(super) size: usize,
}

pub(super) struct Evaluator<'t> {
    pub(super) tree: &'t Tree,
    looked_at: Cell<usize>,
    /// The last regular expression: mostly all nodes are matched with one.
    regex: RefCell<Option<(String, Regex)>>,
}

impl<'t> Evaluator<'t> {
    pub(super) fn new(tree: &'t Tree) -> Self {
        Self { tree, looked_at: Cell::new(0), regex: RefCell::new(None) }
    }

    pub(super) fn select(&self, expr: &Expr) -> Result<Vec<Found>> {
        let here = Here { node: Found::Node(DOCUMENT), position: 1, size: 1 };
        Ok(match self.value(expr, here)? {
            Value::Nodes(it) => it,
            _ => Vec::new(),
        })
    }

    pub(super) fn value(&self, expr: &Expr, here: Here) -> Result<Value> {
        Ok(match expr {
            Expr::Text(it) => Value::Text(it.clone()),
            Expr::Number(it) => Value::Number(*it),
            Expr::Negative(it) => Value::Number(-self.number(&self.value(it, here)?)),
            Expr::Call(name, arguments) => functions::call(self, name, arguments, here)?,
            Expr::Binary(operator, sides) => self.binary(*operator, sides, here)?,
            Expr::Path { absolute, steps } => {
                let start = if *absolute { Found::Node(DOCUMENT) } else { here.node };
                Value::Nodes(self.walk(vec![start], steps)?)
            }
            Expr::Filter { of, predicates, steps } => match self.value(of, here)? {
                Value::Nodes(nodes) => {
                    let nodes = self.kept(nodes, predicates)?;
                    Value::Nodes(self.walk(nodes, steps)?)
                }
                other => other,
            },
        })
    }

    fn walk(&self, start: Vec<Found>, steps: &[Step]) -> Result<Vec<Found>> {
        let mut nodes = start;
        for step in steps {
            let mut next = Vec::new();
            for node in nodes {
                let found = axes::nodes(self.tree, node, step.axis);
                self.count(found.len())?;
                let fits = |it: &Found| axes::fits(self.tree, *it, step.axis, &step.test);
                let found = found.into_iter().filter(fits).collect();
                next.extend(self.kept(found, &step.predicates)?);
            }
            nodes = in_order(next);
        }
        Ok(nodes)
    }

    fn count(&self, nodes: usize) -> Result<()> {
        let all = self.looked_at.get() + nodes + 1;
        self.looked_at.set(all);
        if all > LOOKED_AT_MAX {
            return Err(format!("the XPath looks at more than {LOOKED_AT_MAX} nodes"));
        }
        Ok(())
    }

    /// Those for which all predicates hold; a number is a position.
    fn kept(&self, nodes: Vec<Found>, predicates: &[Expr]) -> Result<Vec<Found>> {
        let mut nodes = nodes;
        for predicate in predicates {
            let size = nodes.len();
            self.count(size)?;
            let mut kept = Vec::new();
            for (at, node) in nodes.into_iter().enumerate() {
                let here = Here { node, position: at + 1, size };
                let keep = match self.value(predicate, here)? {
                    Value::Number(it) => holds(Operator::Equal, it, here.position as f64),
                    other => truth(&other),
                };
                if keep {
                    kept.push(node);
                }
            }
            nodes = kept;
        }
        Ok(nodes)
    }

    fn binary(&self, operator: Operator, sides: &(Expr, Expr), here: Here) -> Result<Value> {
        let left = self.value(&sides.0, here)?;
        match operator {
            Operator::Or if truth(&left) => return Ok(Value::Bool(true)),
            Operator::And if !truth(&left) => return Ok(Value::Bool(false)),
            _ => {}
        }
        let right = self.value(&sides.1, here)?;
        let numbers = || (self.number(&left), self.number(&right));
        Ok(match operator {
            Operator::Or | Operator::And => Value::Bool(truth(&right)),
            Operator::Union => match (left, right) {
                (Value::Nodes(mut all), Value::Nodes(more)) => {
                    all.extend(more);
                    Value::Nodes(in_order(all))
                }
                _ => return Err("expression must evaluate to a node-set".to_owned()),
            },
            Operator::Add => Value::Number(numbers().0 + numbers().1),
            Operator::Subtract => Value::Number(numbers().0 - numbers().1),
            Operator::Multiply => Value::Number(numbers().0 * numbers().1),
            Operator::Divide => Value::Number(numbers().0 / numbers().1),
            Operator::Modulo => Value::Number(numbers().0 % numbers().1),
            _ => Value::Bool(self.compared(operator, &left, &right)?),
        })
    }

    /// A set of nodes compares if one of them does.
    fn compared(&self, operator: Operator, left: &Value, right: &Value) -> Result<bool> {
        let each = |value: &Value| match value {
            Value::Nodes(nodes) => {
                nodes.iter().map(|it| Value::Text(axes::text(self.tree, *it))).collect()
            }
            other => vec![other.clone()],
        };
        if let (Value::Bool(_), _) | (_, Value::Bool(_)) = (left, right) {
            let (left, right) = (truth(left), truth(right));
            return Ok(holds(operator, f64::from(u8::from(left)), f64::from(u8::from(right))));
        }
        let (left, right) = (each(left), each(right));
        self.count(left.len().saturating_mul(right.len()))?;
        let one = |a: &Value, b: &Value| match (operator, a, b) {
            (Operator::Equal, Value::Text(a), Value::Text(b)) => a == b,
            (Operator::NotEqual, Value::Text(a), Value::Text(b)) => a != b,
            _ => holds(operator, self.number(a), self.number(b)),
        };
        Ok(left.iter().any(|a| right.iter().any(|b| one(a, b))))
    }

    pub(super) fn matches(&self, text: &str, pattern: &str) -> Result<bool> {
        let mut last = self.regex.borrow_mut();
        if let Some((_, regex)) = last.as_ref().filter(|it| it.0 == pattern) {
            return Ok(regex.is_match(text));
        }
        let regex = go_regex(pattern, Regex::new)?;
        let matches = regex.is_match(text);
        *last = Some((pattern.to_owned(), regex));
        Ok(matches)
    }

    pub(super) fn text(&self, value: &Value) -> String {
        match value {
            Value::Nodes(nodes) => {
                nodes.first().map(|it| axes::text(self.tree, *it)).unwrap_or_default()
            }
            Value::Text(it) => it.clone(),
            Value::Number(it) if it.is_infinite() => {
                if *it > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
            }
            Value::Number(it) => it.to_string(),
            Value::Bool(it) => it.to_string(),
        }
    }

    pub(super) fn number(&self, value: &Value) -> f64 {
        match value {
            Value::Number(it) => *it,
            Value::Bool(it) => f64::from(u8::from(*it)),
            other => self.text(other).trim().parse().unwrap_or(f64::NAN),
        }
    }
}

fn holds(operator: Operator, a: f64, b: f64) -> bool {
    let ordering = a.partial_cmp(&b);
    match operator {
        Operator::Equal => ordering == Some(Ordering::Equal),
        Operator::NotEqual => ordering != Some(Ordering::Equal),
        Operator::Less => ordering == Some(Ordering::Less),
        Operator::LessOrEqual => ordering.is_some_and(Ordering::is_le),
        Operator::Greater => ordering == Some(Ordering::Greater),
        Operator::GreaterOrEqual => ordering.is_some_and(Ordering::is_ge),
        _ => false,
    }
}

pub(super) fn truth(value: &Value) -> bool {
    match value {
        Value::Nodes(it) => !it.is_empty(),
        Value::Text(it) => !it.is_empty(),
        Value::Number(it) => *it != 0.0 && !it.is_nan(),
        Value::Bool(it) => *it,
    }
}

fn in_order(nodes: Vec<Found>) -> Vec<Found> {
    let mut nodes = nodes;
    nodes.sort_by_key(|it| it.order());
    nodes.dedup();
    nodes
}
