//! `sluice rego eval --explain`: why a rule has the value that it has. Each body of the rule is asked literal by literal, by rules that are
//! added to its module for that; the first literal that does not hold is the reason.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use rego::syntax::visit;
use rego::syntax::{Body, Expr, ExprKind, Lines, Module};
use rego::{Options, Policy, Source, Value};

use super::load::Loaded;
use super::show::{self, Failure};

/// Longest value that is shown, in characters.
const SHOWN_MAX: usize = 120;

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
    only_failures: bool,
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
    let policy = Policy::compile(sources, loaded.data.clone(), options).map_err(Failure::Rego)?;
    let mut text = String::new();
    for probe in &probes {
        told(&policy, probe, input, only_failures, &mut text)?;
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
            for literal in probe.body.literals.iter().take(at + 1) {
                let own = probe.text.get(literal.span.clone()).unwrap_or_default();
                let _ = write!(text, "\n\t{own}");
            }
            text.push_str("\n}");
        }
    }
    text.push('\n');
    text
}

/// What one body says.
fn told(
    policy: &Policy,
    probe: &Probe<'_>,
    input: &Value,
    only_failures: bool,
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
        if only_failures && !is_reason {
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
        }
    }
    Ok(())
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
    literal: &rego::syntax::Literal,
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
        let text = value.map_or("undefined".to_owned(), |it| show::json_of(&it).to_string());
        let short: String = text.chars().take(SHOWN_MAX).collect();
        found.push((name, if short == text { text } else { format!("{short}...") }));
    }
    Ok(found)
}
