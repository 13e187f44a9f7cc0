//! Arguments whose type can be seen: `upper(1)` and `1 + "a"` are refused before a rule runs. What depends on the input, on data, on
//! variables or on rules has any type.

use super::World;
use crate::builtins::operators;
use crate::builtins::signatures::{self, Signature};
use crate::error::code;
use crate::syntax::visit::{self, Visitor};
use crate::syntax::{Expr, ExprKind, Literal, Module};

pub fn check(world: &World<'_>, module: &Module, say: &mut dyn FnMut(usize, &'static str, String)) {
    let mut types = Types { world, module, found: Vec::new() };
    for rule in &module.rules {
        visit::rule(rule, &mut types);
    }
    for (at, message) in types.found {
        say(at, code::TYPE, message);
    }
}

struct Types<'w, 'a> {
    world: &'w World<'a>,
    module: &'w Module,
    found: Vec<(usize, String)>,
}

impl Visitor for Types<'_, '_> {
    fn literal(&mut self, literal: &Literal) -> bool {
        // What replaces a function is no call of it.
        literal.with.is_empty()
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
        let types: Vec<Option<&str>> = given.iter().map(|it| self.of(it)).collect();
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

    /// The type, or the types with `|` between them, that an expression has whatever is evaluated.
    fn of(&self, expr: &Expr) -> Option<&'static str> {
        let plain = |it: &'static str| (it != "any" && it != "void").then_some(it);
        match &expr.kind {
            ExprKind::Null => Some("null"),
            ExprKind::Bool(_) => Some("boolean"),
            ExprKind::Number(_) => Some("number"),
            ExprKind::String(_) | ExprKind::Template(_) => Some("string"),
            ExprKind::Array(_) | ExprKind::ArrayComprehension(..) => Some("array"),
            ExprKind::Set(_) | ExprKind::SetComprehension(..) => Some("set"),
            ExprKind::Object(_) | ExprKind::ObjectComprehension(..) => Some("object"),
            ExprKind::Call(name, _) => self.builtin(name).and_then(|it| plain(it.result)),
            ExprKind::Infix(sign, ..) => match operators::of(sign) {
                Some(("internal.minus", _)) => Some("number|set"),
                Some(("internal.or" | "internal.and", _)) => Some("set"),
                Some(_) => Some("number"),
                None => Some("boolean"),
            },
            ExprKind::In(..) => Some("boolean"),
            ExprKind::Var(_) | ExprKind::Ref(..) => None,
        }
    }
}

/// One of the given types is the wanted one.
fn fit(wanted: &str, given: &str) -> bool {
    given.split('|').any(|it| it == wanted)
}
