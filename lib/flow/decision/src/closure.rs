//! What a query needs: its rules, those that they ask for, and whether anything else than the record decides the answer.

use std::collections::BTreeSet;

use rego::syntax::visit::{self, Visitor};
use rego::syntax::{Expr, ExprKind, Literal, Module, Rule};

/// Builtins whose answer is not that of their arguments alone.
const IMPURE: [&str; 9] = [
    "time.now_ns",
    "rand.intn",
    "uuid.rfc4122",
    "opa.runtime",
    "http.send",
    "net.lookup_ip_addr",
    "print",
    "trace",
    "io.jwt.decode_verify",
];

/// The rules of a query.
#[derive(Debug)]
pub(crate) struct Closure<'m> {
    pub(crate) rules: Vec<(&'m Module, &'m Rule)>,
}

impl<'m> Closure<'m> {
    /// Of a query such as `data.a.allow`; `None` if the answer may differ for the same record, or if that cannot be told.
    /// `hosts` are paths below `data` that the host answers.
    pub(crate) fn new(query: &str, modules: &[&'m Module], hosts: &[Vec<String>]) -> Option<Self> {
        let path: Vec<String> =
            query.strip_prefix("data.")?.split('.').map(str::to_owned).collect();
        let all: Vec<(Vec<&str>, &Module, &Rule)> = modules
            .iter()
            .flat_map(|module| {
                module.rules.iter().map(move |rule| (full(module, rule), *module, rule))
            })
            .collect();
        let mut waiting = vec![path];
        let mut taken = BTreeSet::new();
        let mut rules = Vec::new();
        while let Some(path) = waiting.pop() {
            for (at, (full, module, rule)) in all.iter().enumerate() {
                let touches = full.iter().zip(&path).all(|(a, b)| a == b);
                if !touches || !taken.insert(at) {
                    continue;
                }
                rules.push((*module, *rule));
                let mut pass = Pass { module, hosts, paths: Vec::new(), is_pure: true };
                visit::rule(rule, &mut pass);
                if !pass.is_pure {
                    return None;
                }
                waiting.extend(pass.paths);
            }
        }
        Some(Self { rules })
    }
}

fn full<'m>(module: &'m Module, rule: &'m Rule) -> Vec<&'m str> {
    module.package.iter().map(String::as_str).chain(rule.head.path()).collect()
}

struct Pass<'c> {
    module: &'c Module,
    hosts: &'c [Vec<String>],
    /// Paths below `data` that are read, perhaps.
    paths: Vec<Vec<String>>,
    is_pure: bool,
}

impl Pass<'_> {
    fn path(&mut self, path: Vec<String>) {
        let touches = |it: &Vec<String>| it.iter().zip(&path).all(|(a, b)| a == b);
        self.is_pure &= !path.is_empty() && !self.hosts.iter().any(touches);
        self.paths.push(path);
    }
}

impl Visitor for Pass<'_> {
    fn literal(&mut self, literal: &Literal) -> bool {
        // What is replaced is not followed.
        self.is_pure &= literal.with.is_empty();
        true
    }

    fn expr(&mut self, expr: &Expr) -> bool {
        if let ExprKind::Call(name, _) = &expr.kind {
            self.is_pure &= name.dotted().is_none_or(|it| !IMPURE.contains(&it.as_str()));
        }
        if !matches!(expr.kind, ExprKind::Var(_) | ExprKind::Ref(..)) {
            return true;
        }
        let parts = expr.constant_path();
        let Some((first, rest)) = parts.split_first() else { return true };
        let rest = rest.iter().map(|it| (*it).to_owned());
        if *first == "data" {
            self.path(rest.collect());
        } else if let Some(import) = self.module.imports.iter().find(|it| it.name() == Some(first))
        {
            if let Some((root, below)) = import.path.split_first()
                && root == "data"
            {
                self.path(below.iter().cloned().chain(rest).collect());
            }
        } else if *first != "input" {
            // A rule of the package, or a variable: then there is no such rule.
            let package = self.module.package.iter().cloned();
            self.paths.push(package.chain([(*first).to_owned()]).chain(rest).collect());
        }
        true
    }
}
