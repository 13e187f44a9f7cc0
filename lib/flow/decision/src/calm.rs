//! Which conditions cannot be an error when they are evaluated, whatever the record: only beyond these may a guard look, since
//! a body that is an error is not the same as one that does not hold.

use rego::signatures;
use rego::syntax::{Body, Expr, ExprKind, Literal, LiteralKind, Module, Part, Rule};

/// How deep rules that ask for other rules are followed.
const DEPTH_MAX: usize = 8;

/// The modules, to look names up.
#[derive(Debug)]
pub(crate) struct Calm<'m> {
    modules: &'m [&'m Module],
}

impl<'m> Calm<'m> {
    pub(crate) fn new(modules: &'m [&'m Module]) -> Self {
        Self { modules }
    }

    /// The condition holds or does not.
    pub(crate) fn literal(&self, module: &Module, literal: &Literal) -> bool {
        At { calm: self, module, depth: 0 }.literal(literal)
    }
}

/// In a module.
#[derive(Clone, Copy)]
struct At<'c> {
    calm: &'c Calm<'c>,
    module: &'c Module,
    depth: usize,
}

impl<'c> At<'c> {
    fn body(self, body: &Body) -> bool {
        body.literals.iter().all(|it| self.literal(it))
    }

    fn literal(self, literal: &Literal) -> bool {
        literal.with.is_empty()
            && match &literal.kind {
                LiteralKind::Expr(it) | LiteralKind::Not(it) => self.expr(it),
                LiteralKind::NotBody(it) => self.body(it),
                LiteralKind::Some(_) => true,
                LiteralKind::SomeIn { domain, .. } => self.expr(domain),
                LiteralKind::Every { domain, body, .. } => self.expr(domain) && self.body(body),
                LiteralKind::Logic { .. } => false,
            }
    }

    fn expr(self, expr: &Expr) -> bool {
        let all = |items: &[Expr]| items.iter().all(|it| self.expr(it));
        match &expr.kind {
            ExprKind::Null | ExprKind::Bool(_) | ExprKind::Number(_) | ExprKind::String(_) => true,
            ExprKind::Var(name) => self.name(name),
            ExprKind::Ref(head, keys) => match &head.kind {
                ExprKind::Var(name) => self.name(name) && all(keys),
                _ => self.expr(head) && all(keys),
            },
            ExprKind::Call(name, arguments) => self.call(name) && all(arguments),
            ExprKind::Array(items) | ExprKind::Set(items) => all(items),
            ExprKind::Object(entries) => {
                entries.iter().all(|(key, value)| self.expr(key) && self.expr(value))
            }
            ExprKind::ArrayComprehension(value, body) | ExprKind::SetComprehension(value, body) => {
                self.expr(value) && self.body(body)
            }
            ExprKind::Infix(_, left, right) => self.expr(left) && self.expr(right),
            ExprKind::In(key, value, domain) => {
                key.is_none() && self.expr(value) && self.expr(domain)
            }
            ExprKind::Template(parts) => parts.iter().all(|it| match it {
                Part::Text(..) => true,
                Part::Value(literal, _) => self.literal(literal),
            }),
            ExprKind::ObjectComprehension(..) => false,
        }
    }

    /// A builtin; a function of a policy may have two values.
    fn call(self, name: &Expr) -> bool {
        let path = name.constant_path();
        let is_known = name.dotted().is_some_and(|it| signatures::of(&it).is_some());
        is_known && path.first().is_some_and(|it| *it != "data" && self.rules_of(it).is_empty())
    }

    /// `input`, a variable, or a rule that has one value at most.
    fn name(self, name: &str) -> bool {
        if let Some(import) = self.module.imports.iter().find(|it| it.name() == Some(name)) {
            return import.path.first().is_some_and(|it| it == "input");
        }
        if name == "data" || self.depth == DEPTH_MAX {
            return false;
        }
        let rules = self.rules_of(name);
        let value = |rule: &Rule| rule.head.value.as_ref().map(|it| it.kind.clone());
        let one_value = |rule: &&(&Module, &Rule)| {
            let plain = rule.1.head.key.is_none()
                && rule.1.head.args.is_none()
                && matches!(rule.1.head.reference.kind, ExprKind::Var(_));
            let constant = matches!(value(rule.1), None | Some(ExprKind::Bool(true)));
            plain && (rule.1.is_default || (constant && rule.1.otherwise.is_empty()))
        };
        rules.iter().all(|it| {
            let inside = At { module: it.0, depth: self.depth + 1, ..self };
            one_value(&it) && it.1.bodies.iter().all(|it| inside.body(it))
        })
    }

    fn rules_of(self, name: &str) -> Vec<(&'c Module, &'c Rule)> {
        let modules = self.calm.modules.iter().filter(|it| it.package == self.module.package);
        let all = modules.flat_map(|it| it.rules.iter().map(move |rule| (*it, rule)));
        all.filter(|(_, rule)| rule.head.path().first() == Some(&name)).collect()
    }
}
