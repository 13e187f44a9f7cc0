//! `sluice rego eval --explain`: why a rule has the value that it has. Each body of the rule is asked literal by literal, by rules that are
//! added to its module for that; the first literal that does not hold is the reason.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use rego::syntax::visit;
use rego::syntax::{Body, Expr, ExprKind, Lines, Literal, LiteralKind, Module};
use rego::{Options, Policy, Source, Value};

use super::load::Loaded;
use super::show::{self, Failure};

/// Longest value that is shown, in characters.
const SHOWN_MAX: usize = 120;

/// Most values of the variables of an expression that are shown.
const SOLUTIONS_MAX: usize = 3;

/// What an explanation has.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// Not what holds.
    pub only_failures: bool,
    /// The variables of what fails.
    pub variables: bool,
}

/// One body of the rule.
struct Probe<'m> {
    file: &'m str,
    text: &'m str,
    module: &'m Module,
    body: &'m Body,
    /// Names of the rules that ask, one for each literal.
    rules: Vec<String>,
}

/// The explanation of a rule of `plain`, which is what was loaded as it is; `None` if the query is not the path of one.
pub fn of(
    loaded: &Loaded,
    plain: &Policy,
    options: &Options,
    query: &str,
    input: &Value,
    wanted: Wanted,
) -> Result<Option<String>, Failure> {
    let modules: Vec<_> = plain.modules().collect();
    let probes = probes(&modules, query);
    if probes.is_empty() {
        return Ok(None);
    }
    let mut sources = loaded.sources.clone();
    for (source, (_, text, module)) in sources.iter_mut().zip(&modules) {
        let own = probes.iter().filter(|it| it.file == source.name);
        *source = Source::new(source.name.clone(), with_probes(text, module, own));
    }
    // What comes of a body that ends early is not used.
    let options = Options { strict: false, ..options.clone() };
    let policy = Policy::compile(sources, loaded.data.clone(), &options).map_err(Failure::Rego)?;
    let mut text = String::new();
    for probe in &probes {
        told(&policy, probe, input, wanted, &mut text)?;
    }
    Ok(Some(text))
}

/// The bodies of the rule at a path.
fn probes<'m>(modules: &[(&'m str, &'m str, &'m Module)], query: &str) -> Vec<Probe<'m>> {
    let mut probes = Vec::new();
    for (file, text, module) in modules.iter().copied() {
        for rule in &module.rules {
            let package = module.package.iter().map(String::as_str);
            let path: Vec<&str> =
                ["data"].into_iter().chain(package).chain(rule.head.path()).collect();
            if path.join(".") != query.trim() || rule.head.args.is_some() || rule.is_default {
                continue;
            }
            let bodies = rule.bodies.iter().chain(rule.otherwise.iter().map(|it| &it.body));
            for body in bodies.filter(|it| !it.literals.is_empty()) {
                let from = probes.len();
                let name = |at: usize| format!("sluice_explain_{from}_{at}");
                let rules = (0..body.literals.len()).map(name).collect();
                probes.push(Probe { file, text, module, body, rules });
            }
        }
    }
    probes
}

/// A module with a rule for each literal: it holds if that one and all before it do.
fn with_probes<'p, 'm: 'p>(
    text: &str,
    module: &Module,
    probes: impl Iterator<Item = &'p Probe<'m>>,
) -> String {
    let mut text = text.trim_end().to_owned();
    let joint = if module.is_v1 { " if {" } else { " {" };
    for probe in probes {
        for (at, name) in probe.rules.iter().enumerate() {
            let _ = write!(text, "\n\n{name}{joint}");
            let literals = probe.body.literals.get(..=at).unwrap_or_default();
            // A body that says nothing holds.
            text.push_str("\n\ttrue");
            for literal in literals {
                let _ = write!(text, "\n\t{}", kept(literal, literals, probe.text));
            }
            text.push_str("\n}");
            let before = probe.body.literals.get(..at).unwrap_or_default();
            let seen = probe.body.literals.get(at).map(|it| seen(it, before)).unwrap_or_default();
            // With the variables that the expression reads and others give values to.
            let entries: Vec<String> = seen.iter().map(|it| format!("{it:?}: {it}")).collect();
            let entries = entries.join(", ");
            let _ = if module.is_v1 {
                write!(text, "\n\n{name}_seen contains {{{entries}}} if {{\n\ttrue")
            } else {
                write!(text, "\n\n{name}_seen[{{{entries}}}] {{\n\ttrue")
            };
            for literal in before {
                let _ = write!(text, "\n\t{}", kept(literal, before, probe.text));
            }
            text.push_str("\n}");
        }
    }
    text.push('\n');
    text
}

/// The variables of a literal that those before it give values to.
fn seen(literal: &Literal, before: &[Literal]) -> BTreeSet<String> {
    let mut given = BTreeSet::new();
    for it in before {
        match &it.kind {
            LiteralKind::Expr(Expr { kind: ExprKind::Infix(":=", left, _), .. }) => {
                variables(left, &mut given);
            }
            LiteralKind::SomeIn { key, value, .. } => {
                key.iter().chain([value]).for_each(|it| variables(it, &mut given));
            }
            _ => {}
        }
    }
    given.remove("_");
    let mut read = BTreeSet::new();
    visit::literal(literal, &mut |it: &Expr| add_variable(it, &mut read));
    given.intersection(&read).cloned().collect()
}

fn variables(expr: &Expr, into: &mut BTreeSet<String>) {
    visit::expr(expr, &mut |it: &Expr| add_variable(it, into));
}

fn add_variable(expr: &Expr, into: &mut BTreeSet<String>) {
    if let ExprKind::Var(name) = &expr.kind {
        into.insert(name.clone());
    }
}

/// A literal in a body that ends early: `some` without the names that only the rest uses.
fn kept(literal: &Literal, literals: &[Literal], text: &str) -> String {
    let LiteralKind::Some(names) = &literal.kind else {
        return text.get(literal.span.clone()).unwrap_or_default().to_owned();
    };
    let mut used = BTreeSet::new();
    for it in literals {
        visit::literal(it, &mut |it: &Expr| add_variable(it, &mut used));
    }
    let names: Vec<&str> =
        names.iter().map(|it| it.0.as_str()).filter(|it| used.contains(*it)).collect();
    if names.is_empty() { String::new() } else { format!("some {}", names.join(", ")) }
}

/// What one body says.
fn told(
    policy: &Policy,
    probe: &Probe<'_>,
    input: &Value,
    wanted: Wanted,
    out: &mut String,
) -> Result<(), Failure> {
    let lines = Lines::new(probe.file, probe.text);
    let package = probe.module.package.join(".");
    let mut is_open = true;
    for (literal, rule) in probe.body.literals.iter().zip(&probe.rules) {
        let holds = is_open && holds(policy, &format!("data.{package}.{rule}"), input)?;
        let mark = match (is_open, holds) {
            (true, true) => "holds",
            (true, false) => "FAILS",
            (false, _) => "-",
        };
        let is_reason = is_open && !holds;
        is_open = holds;
        if wanted.only_failures && !is_reason {
            continue;
        }
        let place = lines.location(literal.span.start);
        let own = probe.text.get(literal.span.clone()).unwrap_or_default();
        let own: Vec<&str> = own.split_whitespace().collect();
        let _ = writeln!(out, "{place}: {mark:<5} {}", own.join(" "));
        if is_reason {
            for (name, value) in values(policy, literal, input)? {
                let _ = writeln!(out, "    {name} = {value}");
            }
            if wanted.variables {
                out.push_str(&solutions(policy, &format!("data.{package}.{rule}_seen"), input)?);
            }
        }
    }
    Ok(())
}

/// The values that variables had where the next expression failed, a line for each solution.
fn solutions(policy: &Policy, query: &str, input: &Value) -> Result<String, Failure> {
    let value = policy.query(query).map_err(Failure::Rego)?.worker().evaluate(input.clone())?;
    let mut text = String::new();
    let Some(Value::Set(all)) = &value else { return Ok(text) };
    for solution in all.iter_sorted().take(SOLUTIONS_MAX) {
        let Ok(variables) = solution.as_object() else { continue };
        let shown = |(name, value): (&Value, &Value)| {
            format!("{} = {}", name.as_string().map_or("", |it| it), short(value))
        };
        let variables: Vec<String> = variables.iter_sorted().map(shown).collect();
        let _ = writeln!(text, "    {}", variables.join(", "));
    }
    if all.len() > SOLUTIONS_MAX {
        let _ = writeln!(text, "    ... ({} in all)", all.len());
    }
    Ok(text)
}

/// A value as it is shown.
fn short(value: &Value) -> String {
    let text = show::json_of(value).to_string();
    let short: String = text.chars().take(SHOWN_MAX).collect();
    if short == text { text } else { format!("{short}...") }
}

fn holds(policy: &Policy, query: &str, input: &Value) -> Result<bool, Failure> {
    let value = policy.query(query).map_err(Failure::Rego)?.worker().evaluate(input.clone())?;
    Ok(value.is_some())
}

/// `.name`, or `["other text"]`.
fn key(name: &str) -> String {
    let is_word = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if is_word { format!(".{name}") } else { format!("[{}]", serde_json::Value::from(name)) }
}

/// What the parts of `input` and `data` are that a literal reads.
fn values(
    policy: &Policy,
    literal: &Literal,
    input: &Value,
) -> Result<Vec<(String, String)>, Failure> {
    let mut names = BTreeSet::new();
    visit::literal(literal, &mut |it: &Expr| {
        if let (ExprKind::Ref(..), Some((first, rest))) =
            (&it.kind, it.constant_path().split_first())
            && ["input", "data"].contains(first)
        {
            let keys = rest.iter().map(|it| key(it));
            names.insert(format!("{first}{}", keys.collect::<String>()));
        }
    });
    let mut found = Vec::new();
    for name in names {
        // A function is no value.
        let Ok(query) = policy.query(&name) else { continue };
        let value = query.worker().evaluate(input.clone())?;
        found.push((name, value.as_ref().map_or("undefined".to_owned(), short)));
    }
    Ok(found)
}
