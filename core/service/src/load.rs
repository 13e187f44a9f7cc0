//! Between `confmap`, which knows places, and the typed configuration, which knows paths.

use component::config::Value;
use confmap::{Conf, Data, Diagnostic, Diagnostics, Node, Origin, code};

use crate::advise;
use crate::cause;
use crate::issue::{Issue, Problem};
use crate::registry::Registry;
use crate::settings::Settings;

/// Types and validates a resolved configuration.
///
/// # Errors
/// Every mistake of the first stage that has any, with its place; the text is the one the Collector
/// prints when it runs (`running`) or validates.
pub fn read(conf: &Conf, registry: &Registry, running: bool) -> Result<Settings, Diagnostics> {
    Settings::read(&value(&conf.root), registry)
        .map_err(|problem| diagnose(conf, &problem, running))
}

/// Adds the places to a problem.
pub fn diagnose(conf: &Conf, problem: &Problem, running: bool) -> Diagnostics {
    let all = problem.issues.iter().chain(&problem.more).filter(|it| !it.follows);
    let mut list: Vec<Diagnostic> = all
        .map(|it| match cause::misspelt(conf, it, &problem.warnings) {
            Some(unknown) => advise::diagnostic(conf, &unknown),
            None => advise::diagnostic(conf, it),
        })
        .map(|it| cause::unfilled(conf, it))
        .collect();
    // What an alias repeats is one mistake.
    let mut seen: Vec<(String, Option<Origin>)> = Vec::new();
    list.retain(|it| {
        let place = it.primary.as_ref().map(|it| Origin { reference: None, ..it.origin.clone() });
        let this = (it.message.clone(), place);
        let is_new = this.1.is_none() || !seen.contains(&this);
        seen.push(this);
        is_new
    });
    // What is doubtful in the text may be why.
    list.extend(conf.doubts.iter().cloned());
    Diagnostics::new(problem.text(running), list)
}

/// Why a component did not start, with its place.
pub fn failed(conf: &Conf, issue: Issue) -> Diagnostics {
    let place = advise::diagnostic(conf, &issue.clone().code(code::START));
    Diagnostics::new(issue.text, vec![place])
}

/// The tree without places.
pub fn value(node: &Node) -> Value {
    let plain = match &node.data {
        Data::Null => Value::Null,
        Data::Bool(it) => Value::Bool(*it),
        Data::Int(it) => Value::Int(*it),
        Data::Float(it) => Value::Float(*it),
        Data::String(it) => Value::String(it.clone()),
        Data::List(items) => Value::List(items.iter().map(value).collect()),
        Data::Map(entries) => {
            Value::Map(entries.iter().map(|it| (it.key.clone(), value(&it.value))).collect())
        }
    };
    match &node.original {
        Some(text) => Value::Sourced { text: text.clone(), value: Box::new(plain) },
        None => plain,
    }
}
