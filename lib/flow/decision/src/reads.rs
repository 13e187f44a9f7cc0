//! Which parts of `input` a policy can read: a tree of names. A static pass over the syntax finds it; where it cannot tell,
//! the answer is all.

use std::collections::BTreeMap;

use rego::syntax::visit::{self, Visitor};
use rego::syntax::{Expr, ExprKind, Module, Rule};

/// What is read at a path and below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reads {
    /// Everything.
    All,
    /// These names only; with none of them, nothing.
    Names(BTreeMap<String, Reads>),
}

impl Default for Reads {
    fn default() -> Self {
        Self::Names(BTreeMap::new())
    }
}

impl Reads {
    /// Adds a path: all that is below it is read.
    pub(crate) fn add(&mut self, path: &[&str]) {
        let Self::Names(names) = self else { return };
        match path.split_first() {
            None => *self = Self::All,
            Some((first, rest)) => names.entry((*first).to_owned()).or_default().add(rest),
        }
    }

    /// What is read below a name; `None` if nothing is.
    pub(crate) fn below(&self, name: &str) -> Option<&Reads> {
        match self {
            Self::All => Some(&Self::All),
            Self::Names(names) => names.get(name),
        }
    }

    /// What modules read.
    pub(crate) fn of<'m>(modules: impl Iterator<Item = &'m Module>) -> Self {
        Self::of_rules(modules.flat_map(|it| it.rules.iter().map(move |rule| (it, rule))))
    }

    /// What rules of modules read.
    pub(crate) fn of_rules<'m>(rules: impl Iterator<Item = (&'m Module, &'m Rule)>) -> Self {
        let mut found = Self::default();
        for (module, rule) in rules {
            let aliases = module
                .imports
                .iter()
                .filter(|it| is_input(&it.path))
                .filter_map(|it| Some((it.name()?.to_owned(), it.path.get(1..)?.to_vec())));
            let mut pass = Pass { found: &mut found, aliases: aliases.collect() };
            pass.aliases.insert("input".to_owned(), Vec::new());
            visit::rule(rule, &mut pass);
        }
        found
    }
}

fn is_input(path: &[String]) -> bool {
    path.first().is_some_and(|it| it == "input")
}

struct Pass<'f> {
    found: &'f mut Reads,
    /// Names that stand for `input` or a part of it. A local variable of the same name reads too much, never too little.
    aliases: BTreeMap<String, Vec<String>>,
}

impl Visitor for Pass<'_> {
    fn expr(&mut self, expr: &Expr) -> bool {
        let path = expr.constant_path();
        if !matches!(expr.kind, ExprKind::Var(_) | ExprKind::Ref(..)) {
            return true;
        }
        let Some((first, rest)) = path.split_first() else { return true };
        let Some(base) = self.aliases.get(*first) else { return true };
        let base = base.iter().map(String::as_str);
        self.found.add(&base.chain(rest.iter().copied()).collect::<Vec<_>>());
        // Keys that are computed may read something, too.
        if let ExprKind::Ref(_, keys) = &expr.kind {
            keys.iter().for_each(|it| visit::expr(it, self));
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rules: &str, want: &[&str]) {
        let text = format!("package p\n{rules}");
        let module = rego::syntax::module("p.rego", &text, rego::syntax::Version::V1).unwrap();
        let mut paths = Vec::new();
        list(&Reads::of(std::iter::once(&module)), "", &mut paths);
        assert_eq!(paths, want);
    }

    fn list(reads: &Reads, at: &str, out: &mut Vec<String>) {
        match reads {
            Reads::All => out.push(format!("{at}*")),
            Reads::Names(names) => {
                names.iter().for_each(|(name, below)| list(below, &format!("{at}{name}."), out));
            }
        }
    }

    #[test]
    fn constant_paths_are_read_to_their_end() {
        check(
            "a if { input.log.level == \"ERROR\"; input.log.attributes[\"x.y\"] > 1 }",
            &["log.attributes.x.y.*", "log.level.*"],
        );
    }

    #[test]
    fn a_computed_key_reads_all_beside_it_and_what_computes_it() {
        check(
            "a if input.log.attributes[input.log.event_name] == 1",
            &["log.attributes.*", "log.event_name.*"],
        );
        check("a contains k if some k, v in input.log.attributes", &["log.attributes.*"]);
    }

    #[test]
    fn input_as_a_whole_is_all() {
        check("a if { x := input; x.log.body == 1 }", &["*"]);
        check("a if { walk(input, [p, v]) }", &["*"]);
    }

    #[test]
    fn imports_rename_parts() {
        check(
            "import input.log as l\na if { l.body == 1; not l.flags }",
            &["log.body.*", "log.flags.*"],
        );
        check("import input.resource\na := resource.attributes.x", &["resource.attributes.x.*"]);
    }

    #[test]
    fn heads_comprehensions_and_else_count_as_well() {
        check(
            "a := input.log.body if { x := [y | y := input.span.name] } else := input.metric.name",
            &["log.body.*", "metric.name.*", "span.name.*"],
        );
        check("default a := 1\nb[input.client.address] := 1", &["client.address.*"]);
    }
}
