//! Variables that nothing binds. A literal is ready when all that it needs is bound; what it binds is there for the
//! others, in whatever order they stand.

use std::collections::{BTreeMap, BTreeSet};

use super::World;
use crate::builtins::signatures;
use crate::error::code;
use crate::syntax::visit;
use crate::syntax::{Body, Expr, ExprKind, Literal, LiteralKind, Module, Part, Rule};

type Names = BTreeSet<String>;
/// Names and where they stand.
type Missing = BTreeMap<String, usize>;

pub fn check(world: &World<'_>, module: &Module, say: &mut dyn FnMut(usize, &'static str, String)) {
    for rule in &module.rules {
        for (name, at) in of_rule(world, module, rule) {
            say(at, code::UNSAFE, format!("var {name} is unsafe"));
        }
    }
}

struct Safety<'w, 'a> {
    world: &'w World<'a>,
    module: &'w Module,
}

fn of_rule(world: &World<'_>, module: &Module, rule: &Rule) -> Missing {
    let safety = Safety { world, module };
    let mut missing = Missing::new();
    let mut args = Names::new();
    rule.head.args.iter().flatten().for_each(|it| names(it, &mut args));
    let head = &rule.head;
    let mut values: Vec<&Expr> = head.key.iter().chain(&head.value).collect();
    if let ExprKind::Ref(_, parts) = &head.reference.kind {
        values.extend(parts);
    }
    let empty = Body::default();
    let bodies: Vec<&Body> =
        if rule.bodies.is_empty() { vec![&empty] } else { rule.bodies.iter().collect() };
    for body in bodies {
        let bound = safety.body(body, &args, &mut missing);
        values.iter().for_each(|it| safety.needed(it, &bound, &mut missing));
    }
    for otherwise in &rule.otherwise {
        let bound = safety.body(&otherwise.body, &args, &mut missing);
        otherwise.value.iter().for_each(|it| safety.needed(it, &bound, &mut missing));
    }
    missing
}

/// All variables of a pattern.
fn names(pattern: &Expr, into: &mut Names) {
    visit::expr(pattern, &mut |it: &Expr| {
        if let ExprKind::Var(name) = &it.kind {
            into.insert(name.clone());
        }
    });
}

impl Safety<'_, '_> {
    /// The name is no variable: a document, a rule, an import.
    fn is_global(&self, name: &str) -> bool {
        matches!(name, "input" | "data" | "_")
            || self.world.has_rule(self.module, name)
            || self.module.imports.iter().any(|it| it.name() == Some(name))
    }

    /// What is bound behind a body; what is missing in it is noted.
    fn body(&self, body: &Body, bound: &Names, missing: &mut Missing) -> Names {
        let mut bound = bound.clone();
        let mut waiting: Vec<&Literal> = body.literals.iter().collect();
        loop {
            let before = waiting.len();
            waiting.retain(|literal| {
                let mut lacks = Missing::new();
                let binds = self.literal(literal, &bound, &mut lacks);
                let is_ready = lacks.is_empty();
                if is_ready {
                    bound.extend(binds);
                }
                !is_ready
            });
            if waiting.is_empty() {
                return bound;
            }
            if waiting.len() == before {
                break;
            }
        }
        for literal in waiting {
            self.literal(literal, &bound, missing);
        }
        // One mistake is said once: what the others would have bound counts as bound.
        bound.extend(missing.keys().cloned());
        bound
    }

    /// What a literal binds if nothing is missing.
    fn literal(&self, literal: &Literal, bound: &Names, missing: &mut Missing) -> Names {
        let mut binds = Names::new();
        for with in &literal.with {
            // The name of a builtin may stand for another builtin.
            let builtin = with.value.dotted().is_some_and(|it| signatures::of(&it).is_some());
            if !builtin {
                self.needed(&with.value, bound, missing);
            }
        }
        match &literal.kind {
            LiteralKind::Expr(expr) => self.statement(expr, bound, &mut binds, missing),
            LiteralKind::Not(expr) => {
                // A negated literal binds nothing, so its keys have to be bound as well.
                let mut inner = Names::new();
                self.value(expr, bound, &mut inner, missing);
                for name in inner.iter().filter(|it| *it != "_" && !bound.contains(*it)) {
                    missing.entry(name.clone()).or_insert(expr.span.start);
                }
            }
            LiteralKind::NotBody(body) => drop(self.body(body, bound, missing)),
            LiteralKind::Some(_) => {}
            LiteralKind::SomeIn { key, value, domain } => {
                self.value(domain, bound, &mut binds, missing);
                key.iter().chain([value]).for_each(|it| names(it, &mut binds));
            }
            LiteralKind::Every { key, value, domain, body } => {
                let mut inner = bound.clone();
                self.value(domain, bound, &mut inner, missing);
                inner.extend(key.iter().chain([value]).map(|it| it.0.clone()));
                self.body(body, &inner, missing);
            }
            LiteralKind::Logic { operands, .. } => {
                operands.iter().for_each(|it| drop(self.body(&it.body, bound, missing)));
            }
        }
        binds
    }

    fn statement(&self, expr: &Expr, bound: &Names, binds: &mut Names, missing: &mut Missing) {
        match &expr.kind {
            ExprKind::Infix(":=", left, right) => {
                self.value(right, bound, binds, missing);
                names(left, binds);
            }
            ExprKind::Infix("=", left, right) => self.unified(left, right, bound, binds, missing),
            ExprKind::Call(name, args) => {
                let relation = signatures::of(&name.dotted().unwrap_or_default());
                let arity = self.arity(name).or(relation.map(|it| it.args.len()));
                let is_result = |at: usize| arity.is_some_and(|it| at == it);
                for (at, arg) in args.iter().enumerate() {
                    if is_result(at) {
                        names(arg, binds);
                    } else {
                        self.value(arg, bound, binds, missing);
                    }
                }
            }
            _ => self.value(expr, bound, binds, missing),
        }
    }

    fn arity(&self, name: &Expr) -> Option<usize> {
        let path = self.world.resolve(self.module, &name.constant_path())?;
        self.world.units.iter().find_map(|unit| {
            unit.module.rules.iter().find_map(|rule| {
                let package = unit.module.package.iter().map(String::as_str);
                let is_it = package.chain(rule.head.path()).eq(path.iter().map(String::as_str));
                rule.head.args.as_ref().filter(|_| is_it).map(Vec::len)
            })
        })
    }

    /// If one side is known, the variables of the other side's pattern are bound.
    fn unified(
        &self,
        left: &Expr,
        right: &Expr,
        bound: &Names,
        binds: &mut Names,
        missing: &mut Missing,
    ) {
        if let (ExprKind::Array(left), ExprKind::Array(right)) = (&left.kind, &right.kind)
            && left.len() == right.len()
        {
            for (left, right) in left.iter().zip(right) {
                self.unified(left, right, bound, binds, missing);
            }
            return;
        }
        if let (ExprKind::Object(left), ExprKind::Object(right)) = (&left.kind, &right.kind) {
            for (key, left) in left {
                match right.iter().find(|it| it.0.kind == key.kind) {
                    Some((_, right)) => self.unified(left, right, bound, binds, missing),
                    None => self.value(left, bound, binds, missing),
                }
            }
            return;
        }
        let lacks = |it: &Expr| {
            let mut lacks = Missing::new();
            let mut more = Names::new();
            self.value(it, bound, &mut more, &mut lacks);
            (lacks, more)
        };
        let ((left_lacks, left_binds), (right_lacks, right_binds)) = (lacks(left), lacks(right));
        match (left_lacks.is_empty(), right_lacks.is_empty()) {
            (true, true) => {
                binds.extend(left_binds);
                binds.extend(right_binds);
            }
            (true, false) => {
                binds.extend(left_binds);
                self.pattern(right, bound, binds, missing);
            }
            (false, true) => {
                binds.extend(right_binds);
                self.pattern(left, bound, binds, missing);
            }
            (false, false) => missing.extend(left_lacks.into_iter().chain(right_lacks)),
        }
    }

    /// Binds the variables of arrays and objects; all else in it has to be known.
    fn pattern(&self, pattern: &Expr, bound: &Names, binds: &mut Names, missing: &mut Missing) {
        match &pattern.kind {
            ExprKind::Var(name) => drop(binds.insert(name.clone())),
            ExprKind::Array(items) => {
                items.iter().for_each(|it| self.pattern(it, bound, binds, missing))
            }
            ExprKind::Object(entries) => {
                for (key, value) in entries {
                    self.value(key, bound, binds, missing);
                    self.pattern(value, bound, binds, missing);
                }
            }
            _ => self.value(pattern, bound, binds, missing),
        }
    }

    /// An expression whose variables have to be known, keys of references included.
    fn needed(&self, expr: &Expr, bound: &Names, missing: &mut Missing) {
        let mut binds = Names::new();
        self.value(expr, bound, &mut binds, missing);
    }

    /// An expression that has a value: its variables have to be known, but keys of references are bound by it.
    fn value(&self, expr: &Expr, bound: &Names, binds: &mut Names, missing: &mut Missing) {
        match &expr.kind {
            ExprKind::Var(name) => {
                if !self.is_global(name) && !bound.contains(name) && !binds.contains(name) {
                    missing.entry(name.clone()).or_insert(expr.span.start);
                }
            }
            ExprKind::Ref(head, rest) => {
                self.value(head, bound, binds, missing);
                for part in rest {
                    match &part.kind {
                        ExprKind::Var(_) | ExprKind::Array(_) | ExprKind::Object(_) => {
                            self.pattern(part, bound, binds, missing);
                        }
                        _ => self.value(part, bound, binds, missing),
                    }
                }
            }
            ExprKind::Call(_, args) => {
                args.iter().for_each(|it| self.value(it, bound, binds, missing))
            }
            ExprKind::ArrayComprehension(head, body) | ExprKind::SetComprehension(head, body) => {
                self.comprehension(&[head], body, bound, missing);
            }
            ExprKind::ObjectComprehension(key, value, body) => {
                self.comprehension(&[key, value], body, bound, missing);
            }
            ExprKind::Template(parts) => {
                for part in parts {
                    if let Part::Value(literal, _) = part {
                        self.literal(literal, bound, missing);
                    }
                }
            }
            _ => {
                // References first: what their keys bind, the others may use.
                let mut children = visit::children(expr);
                children.sort_by_key(|it| matches!(it.kind, ExprKind::Var(_)));
                for child in children {
                    self.value(child, bound, binds, missing);
                }
            }
        }
    }

    fn comprehension(&self, heads: &[&Expr], body: &Body, bound: &Names, missing: &mut Missing) {
        let inner = self.body(body, bound, missing);
        heads.iter().for_each(|it| self.needed(it, &inner, missing));
    }
}
