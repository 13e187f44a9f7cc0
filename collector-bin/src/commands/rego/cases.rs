//! Tests of many cases: `test_sum[name] if { some name, it in cases; ... }`. What they decide is the object that the rule makes; which cases
//! there are, those that fail included, is noted by a `print` that is added behind the condition that binds the names.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use rego::syntax::{self, Body, Expr, ExprKind, Literal, LiteralKind, Rule, Version, visit};
use rego::{Source, Value};
use serde_json::{Map, Value as Json};

/// Before what is noted, so that it is told from what a test prints itself.
const MARK: &str = "\u{1}";
/// Most cases of one test.
const CASES_MAX: usize = 10_000;

/// The cases of a test by their names, and whether each passed.
#[derive(Debug, Default)]
pub struct Cases {
    below: BTreeMap<String, Cases>,
    fails: bool,
}

/// The sources with a note of each case; what cannot be read stays as it is.
pub fn noted(sources: Vec<Source>, version: Version) -> Vec<Source> {
    let note = |source: Source| match with_notes(&source, version) {
        Some(text) => Source::new(source.name, text),
        None => source,
    };
    sources.into_iter().map(note).collect()
}

fn with_notes(source: &Source, version: Version) -> Option<String> {
    let module = syntax::module(&source.name, &source.text, version).ok()?;
    let mut text = source.text.clone();
    // From the end, so that places before stay what they are.
    for rule in module.rules.iter().rev() {
        for body in rule.bodies.iter().rev() {
            if let Some((at, note)) = note(rule, body, &source.text) {
                text.insert_str(at, &note);
            }
        }
    }
    (text != source.text).then_some(text)
}

/// Where the names of a case are known, and what is added there.
fn note(rule: &Rule, body: &Body, text: &str) -> Option<(usize, String)> {
    let ExprKind::Ref(name, parts) = &rule.head.reference.kind else { return None };
    let is_test = matches!(&name.kind, ExprKind::Var(name) if name.starts_with("test_"));
    let has_braces = body.literals.first().is_some_and(|it| it.span.start > body.span.start);
    if !is_test || !has_braces || rule.head.args.is_some() {
        return None;
    }
    let mut wanted = BTreeSet::new();
    let mut names = Vec::new();
    for part in parts {
        names.push(match &part.kind {
            ExprKind::String(text) => Json::from(text.as_str()).to_string(),
            _ => text.get(part.span.clone())?.to_owned(),
        });
        variables(part, &mut wanted);
    }
    let mut known = BTreeSet::new();
    let mut literals = body.literals.iter();
    let last = literals.find(|it| {
        of_literal(it, &mut known);
        wanted.is_subset(&known)
    })?;
    Some((last.span.end, format!("; print({}, [{}])", Json::from(MARK), names.join(", "))))
}

fn variables(expr: &Expr, into: &mut BTreeSet<String>) {
    visit::expr(expr, &mut |it: &Expr| {
        if let ExprKind::Var(name) = &it.kind {
            into.insert(name.clone());
        }
    });
}

/// Names that a condition binds, or uses.
fn of_literal(literal: &Literal, into: &mut BTreeSet<String>) {
    // `some x` alone gives it no value.
    if !matches!(literal.kind, LiteralKind::Some(_)) {
        visit::literal(literal, &mut |it: &Expr| {
            if let ExprKind::Var(name) = &it.kind {
                into.insert(name.clone());
            }
        });
    }
}

impl Cases {
    /// Takes the notes out of what a test printed; `value` is that of its rule.
    pub fn of(prints: &mut Vec<String>, value: Option<&Value>) -> Self {
        let mut cases = Self::default();
        let mut count = 0;
        prints.retain(|line| {
            let Some((_, names)) = line.split_once(&format!("{MARK} ")) else { return true };
            let names: Vec<Json> = serde_json::from_str(names).unwrap_or_default();
            if count < CASES_MAX {
                cases.add(&names, value);
                count += 1;
            }
            false
        });
        cases
    }

    fn add(&mut self, names: &[Json], value: Option<&Value>) -> bool {
        let Some((name, rest)) = names.split_first() else {
            self.fails = !matches!(value, Some(Value::Bool(true)));
            return self.fails;
        };
        let key = Value::from_json_str(&name.to_string()).unwrap_or(Value::Null);
        let below = value.and_then(|it| it.as_object().ok()).and_then(|it| it.get(&key));
        let shown = name.as_str().map_or_else(|| name.to_string(), str::to_owned);
        let fails = self.below.entry(shown).or_default().add(rest, below);
        self.fails |= fails;
        fails
    }

    pub fn is_empty(&self) -> bool {
        self.below.is_empty()
    }

    pub fn fails(&self) -> bool {
        self.fails
    }

    /// How many pass and fail.
    pub fn count(&self) -> (usize, usize) {
        if self.below.is_empty() {
            return if self.fails { (0, 1) } else { (1, 0) };
        }
        let all = self.below.values().map(Self::count);
        all.fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1))
    }

    /// A line for each, or for each that fails.
    pub fn lines(&self, with_passes: bool, depth: usize, out: &mut String) {
        for (name, cases) in &self.below {
            if cases.fails || with_passes {
                let verdict = if cases.fails { "FAIL" } else { "PASS" };
                let _ = writeln!(out, "{}{name}: {verdict}", "  ".repeat(depth));
            }
            cases.lines(with_passes, depth + 1, out);
        }
    }

    /// `sub_results` of OPA's report.
    pub fn document(&self) -> Json {
        let one = |(name, cases): (&String, &Self)| {
            let mut it = Map::from_iter([("name".to_owned(), Json::from(name.as_str()))]);
            if cases.fails {
                it.insert("fail".into(), true.into());
            }
            if !cases.below.is_empty() {
                it.insert("sub_results".into(), cases.document());
            }
            (name.clone(), Json::Object(it))
        };
        Json::Object(self.below.iter().map(one).collect())
    }
}
