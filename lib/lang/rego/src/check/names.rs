//! Names that hide others: imports of one name, `input` and `data` as names of something else. And builtins that v1 has no more
//! (v1/ast/rego_v1.go, OPA 1.22).

use std::collections::BTreeMap;

use super::World;
use crate::builtins::is_deprecated;
use crate::error::code;
use crate::syntax::visit::{self, Visitor};
use crate::syntax::{Expr, ExprKind, Import, Literal, LiteralKind, Module};

pub fn check(world: &World<'_>, module: &Module, say: &mut dyn FnMut(usize, &'static str, String)) {
    let mut known: BTreeMap<&str, &Import> = BTreeMap::new();
    for import in &module.imports {
        let Some(name) = import.name() else { continue };
        match known.get(name) {
            Some(other) => {
                let message = format!("import must not shadow {}", shown(other));
                say(import.span.start, code::COMPILE, message);
            }
            None => drop(known.insert(name, import)),
        }
    }
    for rule in &module.rules {
        if let Some(name) = rule.head.path().first().and_then(|it| document(it)) {
            say(rule.span.start, code::COMPILE, hidden("rules", name, "rule name"));
        }
        for arg in rule.head.args.iter().flatten() {
            if let Some(name) = variable(arg) {
                say(arg.span.start, code::COMPILE, hidden("args", name, "variable name"));
            }
        }
        let mut names = Names { world, module, found: Vec::new() };
        visit::rule(rule, &mut names);
        for (at, code, message) in names.found {
            say(at, code, message);
        }
    }
}

/// Imports that nothing needs.
pub fn unused_imports(module: &Module, say: &mut dyn FnMut(usize, &'static str, String)) {
    let mut used = Vec::new();
    for rule in &module.rules {
        visit::rule(rule, &mut |it: &Expr| {
            if let ExprKind::Var(name) = &it.kind {
                used.push(name.clone());
            }
        });
    }
    for import in &module.imports {
        if import.name().is_some_and(|name| !used.iter().any(|it| it == name)) {
            say(import.span.start, code::COMPILE, format!("{} unused", shown(import)));
        }
    }
}

fn shown(import: &Import) -> String {
    let alias = import.alias.as_ref().map_or_else(String::new, |it| format!(" as {it}"));
    format!("import {}{alias}", import.path.join("."))
}

/// `input` or `data`.
fn document(name: &str) -> Option<&'static str> {
    ["input", "data"].into_iter().find(|it| *it == name)
}

fn variable(expr: &Expr) -> Option<&'static str> {
    match &expr.kind {
        ExprKind::Var(name) => document(name),
        _ => None,
    }
}

fn hidden(what: &str, name: &str, other: &str) -> String {
    format!("{what} must not shadow {name} (use a different {other})")
}

struct Names<'w, 'a> {
    world: &'w World<'a>,
    module: &'w Module,
    found: Vec<(usize, &'static str, String)>,
}

impl Visitor for Names<'_, '_> {
    fn literal(&mut self, literal: &Literal) -> bool {
        if let LiteralKind::Expr(Expr { kind: ExprKind::Infix(":=", left, _), .. }) = &literal.kind
            && let Some(name) = variable(left)
        {
            let message = hidden("variables", name, "variable name");
            self.found.push((literal.span.start, code::COMPILE, message));
        }
        true
    }

    fn expr(&mut self, expr: &Expr) -> bool {
        if let ExprKind::Call(name, _) = &expr.kind
            && let Some(dotted) = name.dotted().filter(|it| is_deprecated(it))
            && self.world.resolve(self.module, &name.constant_path()).is_none()
        {
            let message = format!("deprecated built-in function calls in expression: {dotted}");
            self.found.push((expr.span.start, code::TYPE, message));
        }
        true
    }
}
