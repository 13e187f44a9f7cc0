//! Rego as OPA reads it, to Rego as the engine reads it. The text is changed where it has to be and nowhere else, so
//! that lines stay lines and a message about a column finds its way back.
//!
//! | OPA | engine |
//! |---|---|
//! | `$"a {x}"` | `internal.template_string(["a ", {t \| t = x}])` |
//! | `not { b }` | `count([true \| b]) == 0` |
//! | `not f(x)` | `count([true \| [x] != 0; not f(x)]) > 0` |
//! | `a + b`, also `-`, `*`, `/`, `%`, `\|`, `&` | `internal.plus(a, b)` |
//! | `some x in y` | `some x in internal.collection(y)`, which is undefined for what is no collection |
//! | `a and b` | `count([true \| a; b]) > 0` |
//! | `a or b` | `count([true \| count([true \| a]) == 0; count([true \| b]) == 0]) == 0` |
//! | `f(x, y)`, `f` takes one argument | `y = f(x)` |
//! | `... with f as g`, `f` a builtin of ours | `... with data.sluice_mock.of_f as g`, and `data.sluice_mock.of_f(x)` everywhere |
//! | rule `p.a := 1` | `p["a"] := 1` |
//! | rule `not.foo := 1` in package `a` | rule `foo := 1` in package `a.not` |
//! | `data.w[k]`, `w` a lookup of the host | `sluice.lookup_0(k)` |
//! | `rego.metadata.rule()` | its value |

mod edits;
mod rewrite;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

pub use edits::Edited;
use edits::Edits;
use rewrite::Rewrite;

use crate::annotations::Annotated;
use crate::builtins::signatures;
use crate::syntax::visit::{self, Visitor};
use crate::syntax::{Body, Expr, ExprKind, Literal, Module, Rule, Span};

/// The package with a function for each builtin that is mocked.
pub const MOCK_PACKAGE: &str = "sluice_mock";

/// What is known of all modules when one of them is translated.
#[derive(Debug, Default)]
pub struct World {
    /// Builtins that some `with` replaces, or puts in the place of another.
    pub mocks: BTreeSet<String>,
    /// Names of rules, by package.
    rules: BTreeMap<Vec<String>, BTreeSet<String>>,
    /// Paths below `data` that the host answers, each with one key behind it.
    pub lookups: Vec<Vec<String>>,
}

impl World {
    /// Nothing but what the host answers.
    pub fn new(lookups: Vec<Vec<String>>) -> Self {
        Self { lookups, ..Self::default() }
    }

    /// Gathers what one more module has.
    pub fn add(&mut self, module: &Module, is_ours: &dyn Fn(&str) -> bool) {
        let names = self.rules.entry(module.package.clone()).or_default();
        for rule in &module.rules {
            names.extend(rule.head.path().first().map(|it| (*it).to_owned()));
        }
        let mut finder = MockFinder { is_ours, found: &mut self.mocks };
        for rule in &module.rules {
            visit::rule(rule, &mut finder);
        }
    }

    /// Gathers what a query has.
    pub fn add_query(&mut self, query: &Body, is_ours: &dyn Fn(&str) -> bool) {
        visit::body(query, &mut MockFinder { is_ours, found: &mut self.mocks });
    }

    fn names_of(&self, package: &[String]) -> Option<&BTreeSet<String>> {
        self.rules.get(package)
    }

    /// The module with the functions that stand between rules and builtins that are mocked.
    pub fn mock_module(&self) -> Option<String> {
        if self.mocks.is_empty() {
            return None;
        }
        let mut text = format!("package {MOCK_PACKAGE}\n");
        for name in &self.mocks {
            let Some(signature) = signatures::of(name) else { continue };
            let args: Vec<String> = (0..signature.args.len()).map(|it| format!("a{it}")).collect();
            let args = args.join(", ");
            let _ = writeln!(text, "{}({args}) := {name}({args})", mock_name(name));
        }
        Some(text)
    }
}

/// Another name than the builtin's, which it would hide.
fn mock_name(builtin: &str) -> String {
    format!("of_{}", builtin.replace('.', "_"))
}

struct MockFinder<'a> {
    is_ours: &'a dyn Fn(&str) -> bool,
    found: &'a mut BTreeSet<String>,
}

impl Visitor for MockFinder<'_> {
    fn literal(&mut self, literal: &Literal) -> bool {
        for with in &literal.with {
            let builtin = |it: &Expr| it.dotted().filter(|it| signatures::of(it).is_some());
            if let Some(target) = builtin(&with.target).filter(|it| (self.is_ours)(it)) {
                self.found.insert(target);
            }
            // A builtin as the replacement needs a function of its own.
            if with.target.constant_path().first() != Some(&"input") {
                self.found.extend(builtin(&with.value));
            }
        }
        true
    }
}

/// A module, or a part of one, for the engine.
#[derive(Debug)]
pub struct Unit {
    /// Its text.
    pub edited: Edited,
    /// Whether the engine has to read it as v1.
    pub is_v1: bool,
}

/// Translates a module. The second and following units have the rules whose names begin with a keyword.
pub fn module(module: &Module, text: &str, annotated: &Annotated, world: &World) -> Vec<Unit> {
    let prefixes: BTreeSet<&str> = (module.rules.iter())
        .filter_map(|rule| rule.head.path().first().copied())
        .filter(|name| is_keyword(name))
        .collect();
    let mut units = vec![part(module, text, annotated, world, None)];
    units.extend(prefixes.into_iter().map(|it| part(module, text, annotated, world, Some(it))));
    units
}

/// Translates a query.
pub fn query(query: &Body, text: &str, world: &World) -> Edited {
    let mut rewrite = Rewrite::new(text, world);
    rewrite.body(query);
    rewrite.edits.apply(text)
}

/// The rules of a module whose names begin with `prefix`, or all others.
fn part(
    module: &Module,
    text: &str,
    annotated: &Annotated,
    world: &World,
    prefix: Option<&str>,
) -> Unit {
    let mut rewrite = Rewrite::new(text, world);
    let names = world.names_of(&module.package);
    rewrite.set_package(module, names, prefix.is_some());
    for import in &module.imports {
        let path: Vec<&str> = import.path.iter().map(String::as_str).collect();
        // What the engine reads as v1 has its keywords, and it takes none twice.
        let is_superfluous = module.is_v1 && matches!(path.first(), Some(&("rego" | "future")));
        if is_superfluous || matches!(path.as_slice(), ["future", "keywords", "not" | "and" | "or"])
        {
            rewrite.edits.blank(text, import.span.clone());
        }
    }
    if let Some(prefix) = prefix {
        rewrite.edits.insert(module.package_span.end, format!(".{prefix}"));
    }
    for (index, rule) in module.rules.iter().enumerate() {
        let first = rule.head.path().first().copied().filter(|it| is_keyword(it));
        if first == prefix {
            rewrite.metadata = annotated.of_rule(index);
            if let Some(prefix) = prefix {
                strip_prefix(&mut rewrite.edits, rule, prefix);
            }
            rewrite.rule(rule);
        } else {
            rewrite.edits.blank(text, rule.span.clone());
        }
    }
    Unit { edited: rewrite.edits.apply(text), is_v1: module.is_v1 }
}

/// `not.foo` to `foo`.
fn strip_prefix(edits: &mut Edits, rule: &Rule, prefix: &str) {
    let start = rule.head.reference.span.start;
    edits.replace(start..start + prefix.len() + 1, "");
}

/// Words that the engine does not take as the first part of a name.
pub fn is_keyword(name: &str) -> bool {
    const WORDS: [&str; 17] = [
        "as", "default", "else", "false", "import", "not", "null", "package", "some", "true",
        "with", "if", "contains", "in", "every", "and", "or",
    ];
    WORDS.contains(&name)
}

/// The bytes of the last argument of a call, and of the comma before it.
fn last_argument(call: &Expr) -> Option<(&Expr, Span)> {
    let ExprKind::Call(name, args) = &call.kind else { return None };
    let last = args.last()?;
    let before = args
        .len()
        .checked_sub(2)
        .and_then(|it| args.get(it))
        .map_or(name.span.end + 1, |it| it.span.end);
    Some((last, before..last.span.end))
}
