//! What a decision does to a record. Rules of the section have their actions compiled; a policy that builds its decision as an
//! object gives them anew for each record.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::config::{Fault, TextOr};
use component::{Problems, Signal};
use pdata::ValueBuf;
use regex::Regex;
use rego::Value;

use crate::alert::AlertAction;
use crate::config;
use crate::layout::Leaf;
use crate::path::{Part, Path, Spot};
use crate::values::{ENTRIES_MAX, from_config, items, shown, text, to_otlp};

/// Largest regular expression, compiled, in bytes.
const PATTERN_BYTES_MAX: usize = 10 * 1024 * 1024;

/// One thing that is done.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    /// With the reason.
    Drop(Arc<str>),
    Keep,
    Set(Spot, ValueBuf),
    Remove(Spot),
    Redact(Redaction),
    Route(Arc<str>),
    Sample(f64),
    Alert(Box<AlertAction>),
}

/// What is replaced in texts.
#[derive(Debug, Clone)]
pub(crate) struct Redaction {
    pub(crate) spot: Spot,
    /// All of the text without one.
    pub(crate) pattern: Option<Regex>,
    pub(crate) with: Arc<str>,
}

/// The names of the actions of a decision.
const KEYS: [&str; 10] =
    ["drop", "keep", "set", "remove", "redact", "route", "sample", "alert", "block", "labels"];

/// The actions of a rule for one signal.
pub(crate) fn of_rule(
    rule: &config::Rule,
    place: &str,
    signal: Signal,
    found: &mut Problems,
) -> Vec<Action> {
    let mut all = Vec::new();
    for (at, item) in rule.then.iter().enumerate() {
        let place = format!("{place}::then::{at}");
        match item {
            TextOr::Text(word) if word == "drop" => all.push(Action::Drop(rule.name().into())),
            TextOr::Text(word) if word == "keep" => all.push(Action::Keep),
            TextOr::Text(word) => {
                let rule = format!(
                    "unknown action {word:?}: as a text drop and keep are known, the others are maps"
                );
                found.at("", rule).one_of(&place, &["drop", "keep"]);
            }
            TextOr::Map(map) => of_map(map, rule.name(), &place, signal, found, &mut all),
        }
    }
    all
}

fn of_map(
    map: &config::Action,
    rule: &str,
    place: &str,
    signal: Signal,
    found: &mut Problems,
    all: &mut Vec<Action>,
) {
    let mut complain = |key: &str, why: String| {
        found.add(Fault::check(why).within(&format!("{place}::{key}")));
    };
    if let Some(reason) = &map.drop {
        all.push(Action::Drop(reason.as_str().into()));
    }
    let set = from_config(&map.set);
    if set != Value::Null {
        match sets(&set, signal) {
            Ok(sets) => all.extend(sets),
            Err(why) => complain("set", why),
        }
    }
    for path in &map.remove {
        match spot(path, signal) {
            Ok(it) => all.push(Action::Remove(it)),
            Err(why) => complain("remove", why),
        }
    }
    for it in &map.redact {
        match redaction(&it.path, &it.pattern, &it.with, signal) {
            Ok(it) => all.push(Action::Redact(it)),
            Err(why) => complain("redact", why),
        }
    }
    all.extend(map.route.iter().map(|it| Action::Route(it.as_str().into())));
    if let Some(share) = map.sample {
        if (0.0..=1.0).contains(&share) {
            all.push(Action::Sample(share));
        } else {
            complain("sample", "must be between 0 and 1".into());
        }
    }
    if let Some(it) = &map.alert {
        match AlertAction::of_rule(it, rule, signal) {
            Ok(it) => all.push(Action::Alert(Box::new(it))),
            Err(why) => complain("alert", why),
        }
    }
    if let Some(it) = &map.block {
        match AlertAction::of_block(it, rule, signal) {
            Ok(it) => all.push(Action::Alert(Box::new(it))),
            Err(why) => complain("block", why),
        }
    }
    all.extend(map.labels.iter().map(|(name, text)| label(name, &text.as_str().into(), signal)));
}

impl config::Rule {
    /// Its name, or the query.
    pub(crate) fn name(&self) -> &str {
        if self.name.is_empty() { &self.query } else { &self.name }
    }
}

/// An item of `redact`.
fn decided_redaction(
    it: &Value,
    signal: Signal,
    patterns: &mut Patterns,
) -> Result<Redaction, String> {
    let part = |key: &str| match it.as_object().ok().and_then(|o| o.get(&key.into())) {
        Some(value) => text(value, "redact").map(Some),
        None => Ok(None),
    };
    let path = part("path")?.ok_or("an item of redact has no path")?;
    let with = part("with")?.unwrap_or("[redacted]");
    let pattern = patterns.get(part("pattern")?.unwrap_or_default())?;
    Ok(Redaction { spot: spot(path, signal)?, pattern, with: with.into() })
}

/// What a decision says that a policy has built.
pub(crate) fn of_decision(
    decision: &Value,
    rule: &str,
    signal: Signal,
    patterns: &mut Patterns,
) -> Result<Vec<Action>, String> {
    let entries = decision
        .as_object()
        .map_err(|_| format!("the decision is {}, and must be an object", shown(decision)))?;
    let mut all = Vec::new();
    // In the order of `KEYS`: what is set is redacted, too.
    for key in KEYS {
        let Some(value) = entries.get(&key.into()) else { continue };
        match key {
            "drop" => match value {
                Value::Bool(false) | Value::Null => {}
                Value::Bool(true) => all.push(Action::Drop(rule.into())),
                _ => all.push(Action::Drop(text(value, "drop")?.into())),
            },
            "keep" => {
                if value == &Value::Bool(true) {
                    all.push(Action::Keep);
                }
            }
            "set" => all.extend(sets(value, signal)?),
            "remove" => {
                for path in items(value, "remove")? {
                    all.push(Action::Remove(spot(text(path, "remove")?, signal)?));
                }
            }
            "redact" => {
                for it in items(value, "redact")? {
                    all.push(Action::Redact(decided_redaction(it, signal, patterns)?));
                }
            }
            "route" => match value {
                Value::String(name) => all.push(Action::Route(name.as_ref().into())),
                _ => {
                    for name in items(value, "route")? {
                        all.push(Action::Route(text(name, "route")?.into()));
                    }
                }
            },
            "sample" => {
                let share = value.as_f64().ok().filter(|it| (0.0..=1.0).contains(it));
                all.push(Action::Sample(share.ok_or("sample is not a number between 0 and 1")?));
            }
            "alert" => {
                all.push(Action::Alert(Box::new(AlertAction::of_decision(value, rule, false)?)))
            }
            "block" => {
                all.push(Action::Alert(Box::new(AlertAction::of_decision(value, rule, true)?)))
            }
            _ => {
                let labels = value.as_object().map_err(|_| "labels is not an object".to_owned())?;
                for (name, value) in labels.iter_sorted().take(ENTRIES_MAX) {
                    all.push(label(text(name, "labels")?, value, signal));
                }
            }
        }
    }
    let known = |key: &Value| key.as_string().is_ok_and(|it| KEYS.contains(&it.as_ref()));
    if let Some(key) = entries.keys_sorted().find(|it| !known(it)) {
        return Err(format!(
            "the decision has the unknown key {key}; known are {}",
            KEYS.join(", ")
        ));
    }
    Ok(all)
}

/// Regular expressions that decisions have named.
#[derive(Debug, Default)]
pub(crate) struct Patterns(BTreeMap<String, Regex>);

impl Patterns {
    /// Most that are kept.
    const MAX: usize = 256;

    fn get(&mut self, pattern: &str) -> Result<Option<Regex>, String> {
        if pattern.is_empty() {
            return Ok(None);
        }
        if let Some(it) = self.0.get(pattern) {
            return Ok(Some(it.clone()));
        }
        let regex = compile(pattern)?;
        if self.0.len() >= Self::MAX {
            self.0.clear();
        }
        self.0.insert(pattern.to_owned(), regex.clone());
        Ok(Some(regex))
    }
}

fn compile(pattern: &str) -> Result<Regex, String> {
    let built = regex::RegexBuilder::new(pattern).size_limit(PATTERN_BYTES_MAX).build();
    built.map_err(|error| format!("pattern {pattern:?}: {error}"))
}

fn redaction(path: &str, pattern: &str, with: &str, signal: Signal) -> Result<Redaction, String> {
    let pattern = if pattern.is_empty() { None } else { Some(compile(pattern)?) };
    Ok(Redaction { spot: spot(path, signal)?, pattern, with: with.into() })
}

/// A path that can be written.
fn spot(path: &str, signal: Signal) -> Result<Spot, String> {
    let path = Path::parse(path)?;
    let spot = path.spot(signal).ok_or_else(|| format!("{signal} have no {path}"))?;
    match spot.writable() {
        Some(_) => Ok(spot),
        None => Err(format!("{path} cannot be changed")),
    }
}

/// `{attributes: {a: b}, resource: {c: d}, body: e}` as single values.
fn sets(value: &Value, signal: Signal) -> Result<Vec<Action>, String> {
    let entries = value.as_object().map_err(|_| "set is not an object".to_owned())?;
    let mut all = Vec::new();
    for (name, value) in entries.iter_sorted().take(ENTRIES_MAX) {
        let name = text(name, "set")?;
        let name = if name == "resource" { "resource.attributes" } else { name };
        let spot = spot(name, signal)?;
        if matches!(spot.leaf, Leaf::Attributes(_)) && spot.keys.is_empty() {
            let inside = value.as_object().map_err(|_| format!("set.{name} is not an object"))?;
            for (key, value) in inside.iter_sorted().take(ENTRIES_MAX) {
                let key = Part::Name(text(key, "set")?.to_owned());
                all.push(Action::Set(Spot { keys: vec![key], ..spot.clone() }, to_otlp(value)?));
            }
        } else {
            all.push(Action::Set(spot, to_otlp(value)?));
        }
    }
    Ok(all)
}

fn label(name: &str, value: &Value, signal: Signal) -> Action {
    let field = match signal {
        Signal::Logs => pdata::Field::LOG_ATTRIBUTES,
        Signal::Traces => pdata::Field::SPAN_ATTRIBUTES,
        Signal::Metrics => pdata::Field::POINT_ATTRIBUTES,
    };
    let keys = vec![Part::Name(format!("policy.label.{name}"))];
    let value = to_otlp(value).unwrap_or_default();
    Action::Set(Spot { leaf: Leaf::Attributes(field), keys }, value)
}
