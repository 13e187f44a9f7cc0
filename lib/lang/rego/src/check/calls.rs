//! Functions: are they there, and do they take so many arguments?

use super::World;
use crate::builtins::signatures;
use crate::error::code;
use crate::syntax::visit::{self, Visitor};
use crate::syntax::{Expr, ExprKind, Literal, LiteralKind, Module, Rule};

/// What `with` replaces: something below `input` or `data`, or a function.
fn targets(world: &World<'_>, module: &Module, rule: &Rule) -> Vec<(usize, String)> {
    let mut withs = Withs(Vec::new());
    visit::rule(rule, &mut withs);
    let imports = |name: &str| module.imports.iter().any(|it| it.name() == Some(name));
    let is_wrong = |target: &Expr| {
        let path = target.constant_path();
        let Some(first) = path.first() else { return true };
        let is_document = matches!(*first, "input" | "data") || imports(first);
        !is_document
            && world.resolve(module, &path).is_none()
            && target.dotted().is_none_or(|it| signatures::of(&it).is_none())
    };
    let message = "with keyword target must reference existing input, data, or a function";
    let wrong = withs.0.into_iter().filter(is_wrong);
    wrong.map(|it| (it.span.start, message.to_owned())).collect()
}

struct Withs(Vec<Expr>);

impl Visitor for Withs {
    fn literal(&mut self, literal: &Literal) -> bool {
        self.0.extend(literal.with.iter().map(|it| it.target.clone()));
        true
    }
}

pub fn check(world: &World<'_>, module: &Module, say: &mut dyn FnMut(usize, &'static str, String)) {
    for rule in &module.rules {
        for (at, message) in targets(world, module, rule) {
            say(at, code::TYPE, message);
        }
        let mut calls = Calls { found: Vec::new(), statements: Vec::new() };
        visit::rule(rule, &mut calls);
        for (call, at) in &calls.found {
            let may_have_result = calls.statements.contains(at);
            if let ExprKind::Call(name, args) = &call.kind
                && let Some(message) = problem(world, module, name, args.len(), may_have_result)
            {
                say(*at, code::TYPE, message);
            }
        }
    }
}

struct Calls {
    found: Vec<(Expr, usize)>,
    /// Where a call is a whole literal, so that its last argument may be its result.
    statements: Vec<usize>,
}

impl Visitor for Calls {
    fn literal(&mut self, literal: &Literal) -> bool {
        if let LiteralKind::Expr(expr) | LiteralKind::Not(expr) = &literal.kind
            && matches!(expr.kind, ExprKind::Call(..))
        {
            self.statements.push(expr.span.start);
        }
        true
    }

    fn expr(&mut self, expr: &Expr) -> bool {
        if matches!(expr.kind, ExprKind::Call(..)) {
            self.found.push((expr.clone(), expr.span.start));
        }
        true
    }
}

fn problem(
    world: &World<'_>,
    module: &Module,
    name: &Expr,
    given: usize,
    may_have_result: bool,
) -> Option<String> {
    let dotted = name.dotted()?;
    let fits = |arity: usize| given == arity || (may_have_result && given == arity + 1);
    if let Some(path) = world.resolve(module, &name.constant_path()) {
        let full = format!("data.{}", path.join("."));
        let arities: Vec<usize> = (world.units.iter())
            .flat_map(|unit| unit.module.rules.iter().map(move |rule| (unit.module, rule)))
            .filter(|(module, rule)| {
                let package = module.package.iter().map(String::as_str);
                package.chain(rule.head.path()).eq(path.iter().map(String::as_str))
            })
            .filter_map(|(_, rule)| rule.head.args.as_ref().map(Vec::len))
            .collect();
        return match arities.first() {
            None => Some(format!("undefined function {full}")),
            Some(_) if arities.iter().any(|it| fits(*it)) => None,
            Some(arity) => Some(wrong_number(&full, *arity, given)),
        };
    }
    match signatures::of(&dotted) {
        None => Some(format!("undefined function {dotted}")),
        Some(it) if it.is_variadic || fits(it.args.len()) => None,
        Some(it) => Some(wrong_number(&dotted, it.args.len(), given)),
    }
}

fn wrong_number(name: &str, arity: usize, given: usize) -> String {
    let plural = if given == 1 { "" } else { "s" };
    format!("function {name} has arity {arity}, got {given} argument{plural}")
}
