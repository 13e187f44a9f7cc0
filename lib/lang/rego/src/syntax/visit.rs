//! Walks over the tree, outer nodes first.

use std::collections::BTreeSet;

use super::{Body, Expr, ExprKind, Literal, LiteralKind, Part, Rule};

/// What a walk comes by.
pub trait Visitor {
    /// A literal; `false` does not go into it.
    fn literal(&mut self, _literal: &Literal) -> bool {
        true
    }

    /// An expression; `false` does not go into it.
    fn expr(&mut self, _expr: &Expr) -> bool {
        true
    }
}

impl<F: FnMut(&Expr)> Visitor for F {
    fn expr(&mut self, expr: &Expr) -> bool {
        self(expr);
        true
    }
}

/// All of a rule: head, bodies and `else`.
pub fn rule(rule: &Rule, visitor: &mut dyn Visitor) {
    let head = &rule.head;
    expr(&head.reference, visitor);
    for it in head.args.iter().flatten().chain(&head.key).chain(&head.value) {
        expr(it, visitor);
    }
    for it in &rule.bodies {
        body(it, visitor);
    }
    for otherwise in &rule.otherwise {
        if let Some(value) = &otherwise.value {
            expr(value, visitor);
        }
        body(&otherwise.body, visitor);
    }
}

/// All of a body.
pub fn body(body: &Body, visitor: &mut dyn Visitor) {
    for it in &body.literals {
        literal(it, visitor);
    }
}

/// All of a literal.
pub fn literal(literal: &Literal, visitor: &mut dyn Visitor) {
    if !visitor.literal(literal) {
        return;
    }
    match &literal.kind {
        LiteralKind::Expr(it) | LiteralKind::Not(it) => expr(it, visitor),
        LiteralKind::NotBody(it) => body(it, visitor),
        LiteralKind::Some(_) => {}
        LiteralKind::SomeIn { key, value, domain } => {
            for it in key.iter().chain([value, domain]) {
                expr(it, visitor);
            }
        }
        LiteralKind::Every { domain, body: inner, .. } => {
            expr(domain, visitor);
            body(inner, visitor);
        }
        LiteralKind::Logic { operands, .. } => {
            for it in operands {
                body(&it.body, visitor);
            }
        }
    }
    for with in &literal.with {
        expr(&with.target, visitor);
        expr(&with.value, visitor);
    }
}

/// An expression and all below it.
pub fn expr(it: &Expr, visitor: &mut dyn Visitor) {
    if !visitor.expr(it) {
        return;
    }
    match &it.kind {
        ExprKind::ArrayComprehension(head, inner) | ExprKind::SetComprehension(head, inner) => {
            expr(head, visitor);
            body(inner, visitor);
        }
        ExprKind::ObjectComprehension(key, value, inner) => {
            expr(key, visitor);
            expr(value, visitor);
            body(inner, visitor);
        }
        ExprKind::Template(parts) => {
            for part in parts {
                if let Part::Value(value, _) = part {
                    literal(value, visitor);
                }
            }
        }
        _ => children(it).into_iter().for_each(|child| expr(child, visitor)),
    }
}

/// Expressions directly below one, comprehensions and templates apart.
pub fn children(it: &Expr) -> Vec<&Expr> {
    match &it.kind {
        ExprKind::Ref(head, rest) | ExprKind::Call(head, rest) => {
            std::iter::once(&**head).chain(rest).collect()
        }
        ExprKind::Array(items) | ExprKind::Set(items) => items.iter().collect(),
        ExprKind::Object(entries) => entries.iter().flat_map(|(key, value)| [key, value]).collect(),
        ExprKind::Infix(_, left, right) => vec![left, right],
        ExprKind::In(key, value, domain) => {
            key.iter().map(|it| &**it).chain([&**value, &**domain]).collect()
        }
        _ => Vec::new(),
    }
}

/// Names that a rule binds: its arguments and what its bodies declare.
pub fn locals(rule: &Rule) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for it in rule.head.args.iter().flatten() {
        expr(it, &mut |it: &Expr| {
            if let ExprKind::Var(name) = &it.kind {
                found.insert(name.clone());
            }
        });
    }
    let mut declared = Declared(found);
    self::rule(rule, &mut declared);
    declared.0
}

struct Declared(BTreeSet<String>);

impl Declared {
    fn pattern(&mut self, pattern: &Expr) {
        expr(pattern, &mut |it: &Expr| {
            if let ExprKind::Var(name) = &it.kind {
                self.0.insert(name.clone());
            }
        });
    }
}

impl Visitor for Declared {
    fn literal(&mut self, literal: &Literal) -> bool {
        match &literal.kind {
            LiteralKind::Some(names) => self.0.extend(names.iter().map(|(name, _)| name.clone())),
            LiteralKind::SomeIn { key, value, .. } => {
                key.iter().chain([value]).for_each(|it| self.pattern(it));
            }
            LiteralKind::Every { key, value, .. } => {
                self.0.extend(key.iter().chain([value]).map(|(name, _)| name.clone()));
            }
            LiteralKind::Expr(Expr { kind: ExprKind::Infix(":=", left, _), .. }) => {
                self.pattern(left)
            }
            _ => {}
        }
        true
    }
}
