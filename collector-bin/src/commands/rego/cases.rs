//! Tests of many cases: `test_sum[name] if { some name, it in cases; ... }`. What they decide is the object that the rule makes; which cases
//! there are, those that fail included, is noted by a `print` that is added behind the condition that binds the names.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use rego::syntax::{self, Body, Expr, ExprKind, Literal, LiteralKind, Rule, Version, visit};
use rego::{Options, Policy, Source, Value};
use serde_json::{Map, Value as Json};

use super::show;

/// Before what is noted, so that it is told from what a test prints itself.
const MARK: &str = "\u{1}";

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

/// The names of a noted case, which are printed as Rego writes them; none if one of them is undefined.
fn names(text: &str) -> Vec<String> {
    let as_rego = || {
        let policy = Policy::compile(Vec::new(), Value::new_object(), &Options::default()).ok()?;
        policy.query(text).ok()?.worker().evaluate(Value::Undefined).ok()?
    };
    let read = Value::from_json_str(text).ok().or_else(as_rego);
    let names = read.as_ref().and_then(|it| it.as_array().ok());
    names.into_iter().flat_map(|it| it.iter()).map(shown).collect()
}

/// The name of a case as OPA shows it.
fn shown(name: &Value) -> String {
    match name {
        Value::String(text) => text.to_string(),
        other => show::json_of(other).to_string(),
    }
}

impl Cases {
    /// Takes the notes out of what a test printed; `value` is that of its rule. What it says of a case decides, and a case that it
    /// does not know fails.
    pub fn of(prints: &mut Vec<String>, value: Option<&Value>) -> Self {
        let mut cases = Self::said(value);
        prints.retain(|line| {
            let Some((_, names)) = line.split_once(&format!("{MARK} ")) else { return true };
            cases.add(&self::names(names));
            false
        });
        cases
    }

    fn said(value: Option<&Value>) -> Self {
        let Some(Value::Object(entries)) = value else {
            let fails = !matches!(value, Some(Value::Bool(true)));
            return Self { fails, ..Self::default() };
        };
        let below = entries.iter().map(|(name, it)| (shown(name), Self::said(Some(it))));
        let below: BTreeMap<String, Self> = below.collect();
        Self { fails: below.values().any(Self::fails), below }
    }

    fn add(&mut self, names: &[String]) -> bool {
        let Some((name, rest)) = names.split_first() else { return self.fails };
        let case = self.below.entry(name.clone()).or_insert_with(|| Self::said(None));
        let fails = case.add(rest);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Cases that were noted with these names, with what their rule says.
    fn cases(names: &[&str], value: &str) -> Cases {
        let mut prints: Vec<String> =
            names.iter().map(|it| format!("a.rego:3: {MARK} [{it}]")).collect();
        prints.push("a.rego:4: hello".to_owned());
        let policy = Policy::compile(Vec::new(), Value::new_object(), &Options::default()).unwrap();
        let value = policy.query(value).unwrap().worker().evaluate(Value::Undefined).unwrap();
        let cases = Cases::of(&mut prints, value.as_ref());
        assert_eq!(prints, ["a.rego:4: hello"]);
        cases
    }

    #[test]
    fn a_case_without_a_value_fails_however_many_there_are() {
        let names: Vec<String> = (0..10_001).map(|it| it.to_string()).collect();
        let cases = cases(&names.iter().map(String::as_str).collect::<Vec<_>>(), "{0: true}");
        assert_eq!((cases.fails(), cases.count()), (true, (1, 10_000)));
    }

    #[test]
    fn names_may_be_of_any_type() {
        let value = "{{\"a\", 1}: true, {\"b\": {2}}: true, 3: true}";
        let all = cases(&["{1, \"a\"}", "{\"b\": {2}}", "3"], value);
        assert_eq!((all.fails(), all.count()), (false, (3, 0)));
        let mut lines = String::new();
        all.lines(true, 0, &mut lines);
        assert_eq!(lines, "3: PASS\n[1,\"a\"]: PASS\n{\"b\":[2]}: PASS\n");
        assert_eq!(cases(&["{1}"], "{}").count(), (0, 1));
        assert_eq!(cases(&["<undefined>"], "{\"x\": true}").count(), (1, 0));
    }

    #[test]
    fn cases_below_cases_fail_with_what_is_in_them() {
        let cases =
            cases(&["\"a\", 1", "\"a\", 2", "\"b\", 1"], "{\"a\": {1: true}, \"b\": {1: true}}");
        let mut lines = String::new();
        cases.lines(true, 0, &mut lines);
        assert_eq!(lines, "a: FAIL\n  1: PASS\n  2: FAIL\nb: PASS\n  1: PASS\n");
    }
}
