//! Bodies and their literals.

use std::collections::BTreeSet;

use super::super::program::{Comparison, Each, Ex, Lit, Target};
use super::state::{Found, Lower, Scope};
use crate::syntax::{Body, Expr, ExprKind, Literal, LiteralKind, Module, eager};

impl<'p> Lower<'p> {
    /// Begins the scope of a body.
    pub fn enter(&mut self, body: Option<&Body>) {
        let declared = body.map(declared).unwrap_or_default();
        self.frame.scopes.push(Scope { names: Vec::new(), declared });
    }

    /// Ends it.
    pub fn leave(&mut self) {
        self.frame.scopes.pop();
    }

    /// The literals of a body whose scope has begun.
    pub fn literals(&mut self, body: &'p Body) -> Result<Vec<Lit>, String> {
        let mut out = Vec::new();
        for literal in &body.literals {
            self.deeper(|lower| lower.literal(literal, &mut out))?;
        }
        Ok(out)
    }

    fn literal(&mut self, literal: &'p Literal, out: &mut Vec<Lit>) -> Result<(), String> {
        if !literal.with.is_empty() {
            return Err("it uses with".into());
        }
        match &literal.kind {
            LiteralKind::Expr(expr) => return self.statement(expr, out),
            LiteralKind::Not(expr) => {
                let negates_bodies = self.module.is_some_and(Module::negates_bodies);
                let outer = self.bound.len();
                for before in eager(expr).into_iter().filter(|_| !negates_bodies) {
                    let it = self.ground(before)?;
                    let slot = self.frame.slot();
                    out.push(Lit::Bind(slot, it));
                    self.bound.push((before, slot));
                }
                let it = self.ground(expr)?;
                self.bound.truncate(outer);
                out.push(Lit::Not(it));
            }
            LiteralKind::NotBody(body) => {
                self.enter(Some(body));
                let lits = self.literals(body)?;
                self.leave();
                out.push(Lit::NotBody(lits));
            }
            LiteralKind::Some(names) => {
                names.iter().for_each(|(name, _)| self.frame.declare(name, None));
            }
            LiteralKind::SomeIn { key, value, domain } => {
                let domain = self.expr(domain, out)?;
                let key = key.as_ref().map(|it| self.target(it)).transpose()?.flatten();
                let value = self.target(value)?;
                out.push(Lit::Each(Each { domain, key, value }));
            }
            LiteralKind::Every { key, value, domain, body } => {
                let domain = self.expr(domain, out)?;
                self.enter(None);
                let key = key.as_ref().map(|(name, _)| self.local(name));
                let value = Some(self.local(&value.0));
                self.enter(Some(body));
                let lits = self.literals(body)?;
                self.leave();
                self.leave();
                out.push(Lit::Every(Each { domain, key, value }, lits));
            }
            LiteralKind::Logic { .. } => return Err("it uses and, or".into()),
        }
        Ok(())
    }

    /// A variable that is declared here and has a value from now on.
    fn local(&mut self, name: &str) -> Target {
        let slot = self.frame.slot();
        if name != "_" {
            self.frame.declare(name, Some(slot));
        }
        Target::Local(slot)
    }

    /// What `some` does with a key or value.
    fn target(&mut self, expr: &'p Expr) -> Result<Option<Target>, String> {
        Ok(match &expr.kind {
            ExprKind::Var(name) if name == "_" => None,
            ExprKind::Var(name) => Some(self.local(name)),
            ExprKind::Null | ExprKind::Bool(_) | ExprKind::Number(_) | ExprKind::String(_) => {
                Some(Target::Equal(self.ground(expr)?))
            }
            _ => return Err("it takes items apart by a pattern".into()),
        })
    }

    /// An expression as a condition.
    fn statement(&mut self, expr: &'p Expr, out: &mut Vec<Lit>) -> Result<(), String> {
        match &expr.kind {
            ExprKind::Infix(":=", left, right) => {
                let ExprKind::Var(name) = &left.kind else {
                    return Err("it takes a value apart by a pattern".into());
                };
                if name == "_" || matches!(self.frame.find(name), Found::Bound(_)) {
                    return Err(format!("{name} is assigned twice"));
                }
                let value = self.expr(right, out)?;
                let slot = self.frame.bind(name)?;
                out.push(Lit::Bind(slot, value));
            }
            ExprKind::Infix("=", left, right) => {
                let (name, other) = match (self.unbound(left), self.unbound(right)) {
                    (Some(name), None) => (Some(name), right),
                    (None, Some(name)) => (Some(name), left),
                    (Some(_), Some(_)) => {
                        return Err("two variables without values are equal".into());
                    }
                    (None, None) => (None, left),
                };
                if let Some(name) = name {
                    let value = self.expr(other, out)?;
                    let slot = self.frame.bind(name)?;
                    out.push(Lit::Bind(slot, value));
                } else {
                    let left = Box::new(self.expr(left, out)?);
                    let right = Box::new(self.expr(right, out)?);
                    out.push(Lit::Holds(Ex::Compare(Comparison::Equal, left, right)));
                }
            }
            _ => {
                let it = self.expr(expr, out)?;
                out.push(Lit::Holds(it));
            }
        }
        Ok(())
    }

    /// The name of a variable that has no value yet.
    pub fn unbound<'e>(&self, expr: &'e Expr) -> Option<&'e str> {
        let ExprKind::Var(name) = &expr.kind else { return None };
        let is_free = match self.frame.find(name) {
            Found::Bound(_) => false,
            Found::Unbound => true,
            Found::Unknown => {
                !matches!(name.as_str(), "_" | "input" | "data") && self.global(name).is_none()
            }
        };
        is_free.then_some(name)
    }
}

/// Names that the literals of a body declare, those of bodies in it apart.
fn declared(body: &Body) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for literal in &body.literals {
        match &literal.kind {
            LiteralKind::Some(all) => names.extend(all.iter().map(|it| it.0.clone())),
            LiteralKind::SomeIn { key, value, .. } => {
                for it in key.iter().chain([value]) {
                    if let ExprKind::Var(name) = &it.kind {
                        names.insert(name.clone());
                    }
                }
            }
            LiteralKind::Expr(Expr { kind: ExprKind::Infix(":=", left, _), .. }) => {
                if let ExprKind::Var(name) = &left.kind {
                    names.insert(name.clone());
                }
            }
            _ => {}
        }
    }
    names.remove("_");
    names
}
