//! Arguments whose type can be seen: `upper(1)`, `1 + "a"` and `1 == "a"` are refused before a rule runs, also where a variable or a rule
//! stands for the value. What depends on the input or on data has any type.

use std::collections::BTreeMap;

use super::World;
use super::refs::Rules;
use crate::builtins::operators;
use crate::builtins::signatures::{self, Signature};
use crate::error::code;
use crate::syntax::visit::{self, Visitor};
use crate::syntax::{Expr, ExprKind, Literal, LiteralKind, Module, Rule};

/// Longest chain of variables that stand for each other.
const CHAIN_MAX: usize = 8;

pub fn check(
    world: &World<'_>,
    rules: &Rules<'_>,
    module: &Module,
    say: &mut dyn FnMut(usize, &'static str, String),
) {
    for rule in &module.rules {
        let mut assigned = Assigned::default();
        rule.head.args.iter().flatten().for_each(|it| assigned.others(it));
        visit::rule(rule, &mut assigned);
        let variables = assigned.0;
        let mut types = Types { world, rules, module, variables, found: Vec::new() };
        visit::rule(rule, &mut types);
        for (at, message) in types.found {
            say(at, code::TYPE, message);
        }
    }
}

/// What each variable of a rule is assigned; nothing if there is more than one of its name, or if it gets its values otherwise.
#[derive(Default)]
struct Assigned(BTreeMap<String, Option<Expr>>);

impl Assigned {
    fn one(&mut self, name: &str, value: Option<&Expr>) {
        let value = value.cloned().filter(|_| !self.0.contains_key(name));
        self.0.insert(name.to_owned(), value);
    }

    /// All variables of a pattern.
    fn others(&mut self, pattern: &Expr) {
        visit::expr(pattern, &mut |it: &Expr| {
            if let ExprKind::Var(name) = &it.kind {
                self.one(name, None);
            }
        });
    }
}

impl Visitor for Assigned {
    fn literal(&mut self, literal: &Literal) -> bool {
        match &literal.kind {
            LiteralKind::Expr(Expr { kind: ExprKind::Infix(":=", left, right), .. }) => {
                match &left.kind {
                    // Where something is replaced, types are not seen.
                    ExprKind::Var(name) if literal.with.is_empty() => self.one(name, Some(right)),
                    _ => self.others(left),
                }
            }
            LiteralKind::Some(names) => names.iter().for_each(|it| self.one(&it.0, None)),
            LiteralKind::SomeIn { key, value, .. } => {
                key.iter().chain([value]).for_each(|it| self.others(it));
            }
            LiteralKind::Every { key, value, .. } => {
                key.iter().chain([value]).for_each(|it| self.one(&it.0, None));
            }
            _ => {}
        }
        true
    }
}

struct Types<'w, 'a> {
    world: &'w World<'a>,
    rules: &'w Rules<'a>,
    module: &'w Module,
    variables: BTreeMap<String, Option<Expr>>,
    found: Vec<(usize, String)>,
}

impl Visitor for Types<'_, '_> {
    fn literal(&mut self, literal: &Literal) -> bool {
        // What replaces a function is no call of it.
        if !literal.with.is_empty() {
            return false;
        }
        // Within an expression a comparison is false, as every other that does not hold.
        if let LiteralKind::Expr(expr) | LiteralKind::Not(expr) = &literal.kind
            && let ExprKind::Infix("=" | "==", left, right) = &expr.kind
            && let (Some(left), Some(right)) = (self.of(left, 0), self.of(right, 0))
            && !left.split('|').any(|it| fit(it, right))
        {
            let message = format!("match error\n\tleft : {left}\n\tright: {right}");
            self.found.push((expr.span.start, message));
        }
        true
    }

    fn expr(&mut self, expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::Call(name, arguments) => {
                if let Some(signature) = self.builtin(name) {
                    self.arguments(
                        expr.span.start,
                        signature,
                        &arguments.iter().collect::<Vec<_>>(),
                    );
                }
            }
            ExprKind::Infix(sign, left, right) => {
                let name = operators::of(sign).and_then(|it| it.0.strip_prefix("internal."));
                if let Some(signature) = name.and_then(signatures::of) {
                    self.arguments(expr.span.start, signature, &[left, right]);
                }
            }
            _ => {}
        }
        true
    }
}

impl Types<'_, '_> {
    /// The builtin of this name, unless a rule has it.
    fn builtin(&self, name: &Expr) -> Option<&'static Signature> {
        let is_rule = self.world.resolve(self.module, &name.constant_path()).is_some();
        signatures::of(&name.dotted()?).filter(|_| !is_rule)
    }

    fn arguments(&mut self, at: usize, signature: &Signature, given: &[&Expr]) {
        let types: Vec<Option<&str>> = given.iter().map(|it| self.of(it, 0)).collect();
        let fits = |(wanted, given): (&&str, Option<&str>)| {
            given.is_none_or(|given| wanted.split('|').any(|it| it == "any" || fit(it, given)))
        };
        let mut pairs = signature.args.iter().zip(types.iter().copied());
        if signature.is_variadic || pairs.all(fits) {
            return;
        }
        let have: Vec<&str> = types.iter().map(|it| it.unwrap_or("any")).collect();
        let message = format!(
            "{}: invalid argument(s)\n\thave: ({}, ???)\n\twant: ({}, {})",
            signature.name,
            have.join(", "),
            signature.args.join(", "),
            signature.result
        );
        self.found.push((at, message));
    }

    /// The type, or the types with `|` between them, that an expression has whatever is evaluated. It stands for a variable at the end of a
    /// chain of so many.
    fn of(&self, expr: &Expr, chain: usize) -> Option<&'static str> {
        let plain = |it: &'static str| (it != "any" && it != "void").then_some(it);
        match &expr.kind {
            ExprKind::Call(name, _) => self.builtin(name).and_then(|it| plain(it.result)),
            ExprKind::Infix(sign, ..) => match operators::of(sign) {
                Some(("internal.minus", _)) => Some("number|set"),
                Some(("internal.or" | "internal.and", _)) => Some("set"),
                Some(_) => Some("number"),
                None => Some("boolean"),
            },
            ExprKind::In(..) => Some("boolean"),
            ExprKind::Var(name) if self.variables.contains_key(name) => {
                let value = self.variables.get(name)?.as_ref()?;
                if chain < CHAIN_MAX { self.of(value, chain + 1) } else { None }
            }
            ExprKind::Var(_) | ExprKind::Ref(..) => self.of_rule(expr),
            _ => of_literal(expr),
        }
    }

    /// The type of all values of a rule, if that is one.
    fn of_rule(&self, expr: &Expr) -> Option<&'static str> {
        let (path, _) = (expr.constant_path(), expr.dotted()?);
        if path.first().is_none_or(|it| self.variables.contains_key(*it)) {
            return None;
        }
        let rules = self.rules.get(&self.world.resolve(self.module, &path)?)?;
        let mut types = rules.iter().map(|it| of_values(it));
        let first = types.next()??;
        types.all(|it| it == Some(first)).then_some(first)
    }
}

/// The type of all values of a rule that are literals.
fn of_values(rule: &Rule) -> Option<&'static str> {
    let head = &rule.head;
    if head.reference.dotted().is_none() || head.args.is_some() {
        return None;
    }
    if head.key.is_some() {
        return Some("set");
    }
    let of = |it: Option<&Expr>| it.map_or(Some("boolean"), of_literal);
    let first = of(head.value.as_ref())?;
    let mut others = rule.otherwise.iter().map(|it| of(it.value.as_ref()));
    others.all(|it| it == Some(first)).then_some(first)
}

fn of_literal(expr: &Expr) -> Option<&'static str> {
    Some(match &expr.kind {
        ExprKind::Null => "null",
        ExprKind::Bool(_) => "boolean",
        ExprKind::Number(_) => "number",
        ExprKind::String(_) | ExprKind::Template(_) => "string",
        ExprKind::Array(_) | ExprKind::ArrayComprehension(..) => "array",
        ExprKind::Set(_) | ExprKind::SetComprehension(..) => "set",
        ExprKind::Object(_) | ExprKind::ObjectComprehension(..) => "object",
        _ => return None,
    })
}

/// One of the given types is the wanted one.
fn fit(wanted: &str, given: &str) -> bool {
    given.split('|').any(|it| it == wanted)
}
