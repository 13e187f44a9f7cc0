//! Variables that are declared or assigned: each once in its body, before it is used, and for something. This is what OPA's compiler finds
//! where it gives local variables names of their own (`rewriteDeclaredVarsInBody` in v1/ast/compile.go, OPA 1.22).

use std::collections::{BTreeMap, BTreeSet};

use crate::error::code;
use crate::syntax::visit;
use crate::syntax::{Body, Expr, ExprKind, Literal, LiteralKind, Module, Part, Rule};

/// How a name came into a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Argument,
    /// It was used before anything declared it.
    Reference,
    Assigned,
    Declared,
}

/// A name of a scope.
#[derive(Debug, Clone, Copy)]
struct Name {
    origin: Origin,
    is_used: bool,
    /// Of the literal that declares it.
    at: usize,
}

/// The names of a body, or of the arguments.
type Scope = BTreeMap<String, Name>;

pub fn check(module: &Module, is_strict: bool, say: &mut dyn FnMut(usize, &'static str, String)) {
    for rule in &module.rules {
        let mut walk = Walk { is_strict, ..Walk::default() };
        walk.rule(rule);
        let Walk { errors, unused, .. } = walk;
        // As in OPA, who declares wrongly is not told what is unused.
        for (at, message) in if errors.is_empty() { unused } else { errors } {
            say(at, code::COMPILE, message);
        }
    }
}

#[derive(Debug, Default)]
struct Walk {
    is_strict: bool,
    /// The innermost is the last.
    scopes: Vec<Scope>,
    errors: Vec<(usize, String)>,
    unused: Vec<(usize, String)>,
}

/// All variables of an expression.
fn variables<'e>(exprs: impl IntoIterator<Item = &'e Expr>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for it in exprs {
        visit::expr(it, &mut |it: &Expr| {
            if let ExprKind::Var(name) = &it.kind {
                found.insert(name.clone());
            }
        });
    }
    found
}

impl Walk {
    fn rule(&mut self, rule: &Rule) {
        let head = &rule.head;
        let keys = match &head.reference.kind {
            ExprKind::Ref(_, parts) => parts.as_slice(),
            _ => &[],
        };
        let heads = || keys.iter().chain(&head.key).chain(&head.value);
        // Comprehensions of the head do not see the body.
        self.scopes.push(Scope::new());
        heads().for_each(|it| self.closures(it));
        self.scopes.clear();
        let args: Vec<&Expr> = head.args.iter().flatten().collect();
        let mut used_args = BTreeSet::new();
        let (none, bodies) = ([Body::default()], rule.bodies.as_slice());
        for body in if bodies.is_empty() { &none } else { bodies } {
            self.branch(&args, body, variables(heads()), &mut used_args);
        }
        for otherwise in &rule.otherwise {
            self.scopes.push(Scope::new());
            otherwise.value.iter().for_each(|it| self.closures(it));
            self.scopes.clear();
            self.branch(&args, &otherwise.body, variables(&otherwise.value), &mut used_args);
        }
        if self.is_strict {
            let names: BTreeSet<&str> = args.iter().flat_map(|it| names(it)).collect();
            let is_unused = |it: &&str| *it != "_" && !used_args.contains(*it);
            for name in names.into_iter().filter(is_unused) {
                let hint = "(hint: use _ (wildcard variable) instead)";
                self.unused.push((head.span.start, format!("unused argument {name}. {hint}")));
            }
        }
    }

    /// One body of a rule; `used` is what its head needs.
    fn branch(
        &mut self,
        args: &[&Expr],
        body: &Body,
        used: BTreeSet<String>,
        used_args: &mut BTreeSet<String>,
    ) {
        let argument = Name { origin: Origin::Argument, is_used: false, at: body.span.start };
        let mut scope = Scope::new();
        for name in args.iter().flat_map(|it| names(it)) {
            // A name that stands twice is used: both have to be equal.
            let is_used = scope.contains_key(name);
            scope.insert(name.to_owned(), Name { is_used, ..argument });
        }
        self.scopes.push(scope);
        self.body(body, &used);
        let scope = self.scopes.pop().unwrap_or_default();
        let is_used = |it: &(String, Name)| it.1.is_used;
        used_args.extend(scope.into_iter().filter(is_used).map(|it| it.0));
        used_args.extend(used);
    }

    /// The literals of a body, in the scope that is the innermost. `used` is used behind it.
    fn body(&mut self, body: &Body, used: &BTreeSet<String>) {
        body.literals.iter().for_each(|it| self.literal(it));
        let scope = self.scopes.last().into_iter().flatten();
        let unused: Vec<(usize, String)> = scope
            .filter(|(name, it)| !it.is_used && !used.contains(*name))
            .filter_map(|(name, it)| match it.origin {
                Origin::Declared => Some((it.at, format!("declared var {name} unused"))),
                Origin::Assigned if self.is_strict => {
                    Some((it.at, format!("assigned var {name} unused")))
                }
                _ => None,
            })
            .collect();
        self.unused.extend(unused);
    }

    /// A body with a scope of its own.
    fn inner(&mut self, body: &Body) {
        self.scopes.push(Scope::new());
        self.body(body, &BTreeSet::new());
        self.scopes.pop();
    }

    fn literal(&mut self, literal: &Literal) {
        let at = literal.span.start;
        match &literal.kind {
            LiteralKind::Expr(Expr { kind: ExprKind::Infix(":=", left, right), .. }) => {
                self.expr(right);
                literal.with.iter().for_each(|it| self.expr(&it.value));
                self.assigned(left, at);
                return;
            }
            LiteralKind::Expr(it) => self.expr(it),
            LiteralKind::Not(it) => {
                if matches!(it.kind, ExprKind::Infix(":=", ..)) {
                    self.error(at, "cannot assign vars inside negated expression".to_owned());
                }
                self.expr(it);
            }
            LiteralKind::NotBody(it) => self.inner(it),
            LiteralKind::Some(names) => {
                for (name, _) in names {
                    self.declare(name, Origin::Declared, at);
                }
            }
            LiteralKind::SomeIn { key, value, domain } => {
                let mut given = Vec::new();
                key.iter().chain([value]).for_each(|it| bound(it, &mut given));
                let needed = names(domain);
                let twice = given.iter().find(|it| needed.contains(*it));
                if let Some(name) = twice {
                    self.error(at, format!("var {name} assigned before"));
                    return;
                }
                given.sort_unstable();
                given.dedup();
                for name in given {
                    self.declare(name, Origin::Declared, at);
                    self.reference(name);
                }
                key.iter().chain([value, domain]).for_each(|it| self.expr(it));
            }
            LiteralKind::Every { key, value, domain, body } => {
                self.expr(domain);
                self.scopes.push(Scope::new());
                for (name, _) in key.iter().chain([value]) {
                    self.declare(name, Origin::Declared, at);
                }
                self.body(body, &BTreeSet::new());
                self.scopes.pop();
            }
            LiteralKind::Logic { operands, .. } => {
                for operand in operands {
                    if operand.in_braces {
                        self.inner(&operand.body);
                    } else {
                        operand.body.literals.iter().for_each(|it| self.literal(it));
                    }
                }
            }
        }
        for with in &literal.with {
            self.expr(&with.target);
            self.expr(&with.value);
        }
    }

    /// The left side of `:=`: names, in arrays and objects or alone.
    fn assigned(&mut self, pattern: &Expr, at: usize) {
        match &pattern.kind {
            ExprKind::Var(name) => self.declare(name, Origin::Assigned, at),
            ExprKind::Array(items) => items.iter().for_each(|it| self.assigned(it, at)),
            ExprKind::Object(entries) => {
                entries.iter().for_each(|(_, value)| self.assigned(value, at));
            }
            _ => self.error(at, format!("cannot assign to {}", kind(pattern))),
        }
    }

    fn declare(&mut self, name: &str, origin: Origin, at: usize) {
        let Some(scope) = self.scopes.last_mut().filter(|_| name != "_") else { return };
        match scope.get(name).map(|it| it.origin) {
            None => drop(scope.insert(name.to_owned(), Name { origin, is_used: false, at })),
            Some(Origin::Argument) => self.error(at, format!("arg {name} redeclared")),
            Some(Origin::Reference) => self.error(at, format!("var {name} referenced above")),
            Some(Origin::Assigned) => self.error(at, format!("var {name} assigned above")),
            Some(Origin::Declared) => self.error(at, format!("var {name} declared above")),
        }
    }

    fn reference(&mut self, name: &str) {
        if name == "_" {
            return;
        }
        if let Some(known) = self.scopes.iter_mut().rev().find_map(|it| it.get_mut(name)) {
            known.is_used = true;
        } else if let Some(scope) = self.scopes.last_mut() {
            let name_of = Name { origin: Origin::Reference, is_used: true, at: 0 };
            scope.insert(name.to_owned(), name_of);
        }
    }

    fn error(&mut self, at: usize, message: String) {
        self.errors.push((at, message));
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Var(name) => self.reference(name),
            ExprKind::ArrayComprehension(head, body) | ExprKind::SetComprehension(head, body) => {
                self.comprehension(&[head], body);
            }
            ExprKind::ObjectComprehension(key, value, body) => {
                self.comprehension(&[key, value], body);
            }
            ExprKind::Template(parts) => {
                for part in parts {
                    if let Part::Value(literal, _) = part {
                        self.scopes.push(Scope::new());
                        self.literal(literal);
                        self.scopes.pop();
                    }
                }
            }
            ExprKind::Call(name, _) => {
                let head = name.constant_path().first().copied().unwrap_or_default();
                let known = self.scopes.iter().rev().find_map(|it| it.get(head));
                if known.is_some_and(|it| it.origin != Origin::Reference) {
                    let name = name.constant_path().join(".");
                    self.error(expr.span.start, format!("called function {name} shadowed"));
                }
                visit::children(expr).into_iter().for_each(|it| self.expr(it));
            }
            _ => visit::children(expr).into_iter().for_each(|it| self.expr(it)),
        }
    }

    fn comprehension(&mut self, heads: &[&Expr], body: &Body) {
        self.scopes.push(Scope::new());
        self.body(body, &variables(heads.iter().copied()));
        heads.iter().for_each(|it| self.expr(it));
        self.scopes.pop();
    }

    /// The comprehensions of an expression, and nothing else of it.
    fn closures(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::ArrayComprehension(..)
            | ExprKind::SetComprehension(..)
            | ExprKind::ObjectComprehension(..) => self.expr(expr),
            _ => visit::children(expr).into_iter().for_each(|it| self.closures(it)),
        }
    }
}

/// What OPA calls it.
fn kind(expr: &Expr) -> &'static str {
    match &expr.kind {
        ExprKind::Null => "null",
        ExprKind::Bool(_) => "boolean",
        ExprKind::Number(_) => "number",
        ExprKind::String(_) => "string",
        ExprKind::Template(_) => "templatestring",
        ExprKind::Var(_) => "var",
        ExprKind::Ref(..) => "ref",
        ExprKind::Call(..) | ExprKind::Infix(..) | ExprKind::In(..) => "call",
        ExprKind::Array(_) => "array",
        ExprKind::Set(_) => "set",
        ExprKind::Object(_) => "object",
        ExprKind::ArrayComprehension(..) => "arraycomprehension",
        ExprKind::SetComprehension(..) => "setcomprehension",
        ExprKind::ObjectComprehension(..) => "objectcomprehension",
    }
}

/// The names that `some ... in` gives values to: in arrays and values of objects, or alone.
fn bound<'e>(pattern: &'e Expr, into: &mut Vec<&'e str>) {
    match &pattern.kind {
        ExprKind::Var(name) if name != "_" => into.push(name),
        ExprKind::Array(items) => items.iter().for_each(|it| bound(it, into)),
        ExprKind::Object(entries) => entries.iter().for_each(|(_, value)| bound(value, into)),
        _ => {}
    }
}

/// Variables of an expression outside of its comprehensions and template strings.
fn names(expr: &Expr) -> Vec<&str> {
    if let ExprKind::Var(name) = &expr.kind {
        return vec![name];
    }
    visit::children(expr).into_iter().flat_map(names).collect()
}
