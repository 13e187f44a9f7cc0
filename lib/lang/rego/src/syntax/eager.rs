//! What of a negated condition OPA evaluates before it: arguments of calls and keys of references are bound to variables first, outside
//! of the `not`. So `not startswith(input.a, "x")` does not hold where `input.a` is undefined, and `not input.a` does.

use super::{Expr, ExprKind};

/// Expressions that must be defined for `not` before this one to hold, outer ones only.
pub fn eager(expr: &Expr) -> Vec<&Expr> {
    match &expr.kind {
        ExprKind::Infix("=" | "==", left, right) => {
            [left, right].into_iter().flat_map(|it| operand(it)).collect()
        }
        ExprKind::Infix(_, left, right) => values([&**left, &**right]),
        ExprKind::In(key, value, domain) => {
            values(key.iter().map(|it| &**it).chain([&**value, &**domain]))
        }
        ExprKind::Call(_, arguments) => values(arguments),
        _ => operand(expr),
    }
}

/// Of a side of an equality, and of a condition that is a reference: that itself may be undefined.
fn operand(expr: &Expr) -> Vec<&Expr> {
    match &expr.kind {
        ExprKind::Var(_) => Vec::new(),
        ExprKind::Ref(head, keys) => {
            let head =
                values([&**head]).into_iter().filter(|it| !matches!(it.kind, ExprKind::Var(_)));
            head.chain(values(keys)).collect()
        }
        _ => values([expr]),
    }
}

/// Those that may be undefined.
fn values<'e>(all: impl IntoIterator<Item = &'e Expr>) -> Vec<&'e Expr> {
    all.into_iter().filter(|it| may_be_undefined(it)).collect()
}

fn may_be_undefined(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Null
        | ExprKind::Bool(_)
        | ExprKind::Number(_)
        | ExprKind::String(_)
        | ExprKind::Template(_)
        | ExprKind::ArrayComprehension(..)
        | ExprKind::SetComprehension(..)
        | ExprKind::ObjectComprehension(..) => false,
        ExprKind::Array(items) | ExprKind::Set(items) => items.iter().any(may_be_undefined),
        ExprKind::Object(entries) => {
            entries.iter().any(|(key, value)| may_be_undefined(key) || may_be_undefined(value))
        }
        ExprKind::Var(name) => name != "_" && name != "input",
        _ => true,
    }
}
