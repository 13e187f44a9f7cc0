//! Between `confmap`, which knows places, and the typed configuration, which knows paths.

use component::config::Value;
use confmap::{At, Conf, Data, Diagnostic, Diagnostics, Node, closest};

use crate::config::{Issue, Problem, Settings, Stage};
use crate::registry::Registry;

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
    let code = match problem.stage {
        Stage::Decode => "SL0100",
        Stage::Validate => "SL0200",
        Stage::Build => "SL0300",
    };
    let list = problem.issues.iter().map(|it| diagnostic(conf, code, it)).collect();
    Diagnostics::new(problem.text(running), list)
}

/// One mistake with its place and, where a name is close to what was written, what was meant.
pub fn diagnostic(conf: &Conf, code: &'static str, issue: &Issue) -> Diagnostic {
    let at = if issue.at_key { At::Key } else { At::Value };
    let text = issue.text.lines().rfind(|line| !line.is_empty()).unwrap_or_default();
    let found = conf.problem(code, text, &issue.path, at);
    let written = issue.path.last().map_or("", String::as_str);
    let written = match conf.node(&issue.path).map(|it| &it.data) {
        Some(Data::String(text)) if !issue.at_key => text,
        _ => written,
    };
    let type_name = written.split('/').next().unwrap_or(written);
    let candidates = || issue.candidates.iter().map(String::as_str);
    match closest(written, candidates()).or_else(|| closest(type_name, candidates())) {
        Some(meant) => found.help(format!("did you mean \"{meant}\"?")),
        None if !issue.candidates.is_empty() => {
            let known = candidates().collect::<Vec<_>>().join(", ");
            found.help(format!("known here: {known}"))
        }
        None => found,
    }
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
