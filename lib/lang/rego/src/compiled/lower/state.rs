//! What is known while a query is lowered.

use std::collections::{BTreeMap, BTreeSet};

use regorus::Value;

use super::super::program::Program;
use crate::policy::Policy;
use crate::syntax::{Expr, Module};

/// How deep rules and expressions nest.
const DEPTH_MAX: usize = 64;
/// Most rules of a program.
const RULES_MAX: usize = 10_000;

pub struct Lower<'p> {
    pub modules: Vec<&'p Module>,
    pub data: &'p Value,
    /// Paths of the host's documents.
    pub lookups: Vec<&'p [String]>,
    pub is_readable: &'p dyn Fn(&[&str]) -> bool,
    pub program: Program,
    /// Rules and functions that are lowered, by path.
    pub rules: BTreeMap<Vec<String>, usize>,
    pub functions: BTreeMap<Vec<String>, usize>,
    pub depth: usize,
    /// The module in which names are looked up.
    pub module: Option<&'p Module>,
    pub frame: Frame,
    /// Parts of the negated condition that is being lowered, and the local variables that have their values already.
    pub bound: Vec<(&'p Expr, usize)>,
}

/// Of the rule that is being lowered.
#[derive(Debug, Default)]
pub struct Frame {
    /// The innermost last.
    pub scopes: Vec<Scope>,
    /// Local variables so far.
    pub slots: usize,
    /// Something in it may stop the program.
    pub may_stop: bool,
    /// Names that an inner scope bound without declaring them: further out they would mean the same variable.
    pub implicit: BTreeSet<String>,
}

/// A body.
#[derive(Debug, Default)]
pub struct Scope {
    /// Variables, and where they are once they have a value.
    pub names: Vec<(String, Option<usize>)>,
    /// Names that this body declares somewhere.
    pub declared: BTreeSet<String>,
}

impl<'p> Lower<'p> {
    pub fn new(policy: &'p Policy, is_readable: &'p dyn Fn(&[&str]) -> bool) -> Self {
        Self {
            modules: policy.modules().map(|it| it.2).collect(),
            data: &policy.0.data,
            lookups: policy.0.options.lookups.iter().map(|it| it.path.as_slice()).collect(),
            is_readable,
            program: Program::default(),
            rules: BTreeMap::new(),
            functions: BTreeMap::new(),
            depth: 0,
            module: None,
            frame: Frame::default(),
            bound: Vec::new(),
        }
    }

    /// Goes one level down.
    pub fn deeper<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, String>,
    ) -> Result<T, String> {
        if self.depth >= DEPTH_MAX || self.program.rules.len() > RULES_MAX {
            return Err("it nests too deep".into());
        }
        self.depth += 1;
        let done = work(self);
        self.depth -= 1;
        done
    }

    /// The place of a field.
    pub fn field(&mut self, path: &[&str]) -> Result<usize, String> {
        if !(self.is_readable)(path) {
            return Err(format!("it reads all of input.{}", path.join(".")));
        }
        let known = self.program.fields.iter().position(|it| it == path);
        Ok(known.unwrap_or_else(|| {
            self.program.fields.push(path.iter().map(|it| (*it).to_owned()).collect());
            self.program.fields.len() - 1
        }))
    }
}

impl Frame {
    /// A place for a value.
    pub fn slot(&mut self) -> usize {
        self.slots += 1;
        self.slots - 1
    }

    /// Gives a name a value in the innermost scope, or in the one that declared it.
    pub fn bind(&mut self, name: &str) -> Result<usize, String> {
        if self.implicit.contains(name) {
            return Err(format!("{name} is bound after a comprehension that uses it"));
        }
        let slot = self.slot();
        for scope in self.scopes.iter_mut().rev() {
            if let Some(it) = scope.names.iter_mut().rev().find(|it| it.0 == name) {
                if it.1.is_some() {
                    return Err(format!("{name} is bound twice"));
                }
                it.1 = Some(slot);
                return Ok(slot);
            }
        }
        let is_inner = self.scopes.len() > 1;
        let Some(scope) = self.scopes.last_mut() else { return Err("no body".into()) };
        scope.names.push((name.to_owned(), Some(slot)));
        if is_inner && !scope.declared.contains(name) {
            self.implicit.insert(name.to_owned());
        }
        Ok(slot)
    }

    /// Declares a name anew in the innermost scope.
    pub fn declare(&mut self, name: &str, slot: Option<usize>) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.names.push((name.to_owned(), slot));
        }
    }

    /// What a name stands for.
    pub fn find(&self, name: &str) -> Found {
        for scope in self.scopes.iter().rev() {
            if let Some(it) = scope.names.iter().rev().find(|it| it.0 == name) {
                return it.1.map_or(Found::Unbound, Found::Bound);
            }
            if scope.declared.contains(name) {
                return Found::Unbound;
            }
        }
        Found::Unknown
    }
}

/// What a name is in a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    Bound(usize),
    /// A variable without a value yet.
    Unbound,
    /// No variable that is declared.
    Unknown,
}
