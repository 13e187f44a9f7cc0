//! What is legal and probably wrong.

use component::config::Value;
use component::{Id, Kind};
use confmap::{Conf, Diagnostic, Severity, code};

use crate::advise;
use crate::issue::{Issue, issue};
use crate::registry::Registry;
use crate::settings::Settings;

/// Processors that drop: what comes before them works for nothing.
const DROPPING: [&str; 3] = ["probabilistic_sampler", "tail_sampling", "filter"];

/// The receiver that goes on where it has ended.
const KEEPS_OFFSETS: &str = "file_log";

/// Everything worth a warning in a configuration without mistakes, in the order of the files.
pub fn warnings(conf: &Conf, settings: &Settings, registry: &Registry) -> Vec<Diagnostic> {
    let mut all: Vec<Diagnostic> = conf.notices.iter().map(variable).collect();
    all.extend(settings.said.warnings.iter().map(|it| advise::diagnostic(conf, it).warning()));
    all.extend(conf.doubts.iter().cloned());
    unused(conf, settings, &mut all);
    renamed(conf, settings, registry, &mut all);
    order(conf, settings, registry, &mut all);
    // An endpoint with a placeholder or with odd quotes has no form yet.
    let line = |it: &Diagnostic| {
        it.primary.as_ref().map(|it| it.origin.visible().clone()).map(|it| (it.source, it.line))
    };
    let unfilled: Vec<_> = conf
        .doubts
        .iter()
        .filter(|it| [code::PLACEHOLDER, code::ODD_QUOTES].contains(&it.code))
        .map(line)
        .collect();
    all.retain(|it| it.code != code::ENDPOINT_FORM || !unfilled.contains(&line(it)));
    forgetful(conf, settings, registry, &mut all);
    all.sort_by_key(|it| {
        let origin = it.primary.as_ref().map(|it| it.origin.visible());
        origin.map(|it| (it.source.name.clone(), it.line, it.column))
    });
    all
}

fn variable(notice: &confmap::Notice) -> Diagnostic {
    let code = if notice.severity == Severity::Warning { code::UNSET } else { code::EMPTY };
    let text = format!("{} {}", notice.message, notice.name);
    let mut found = Diagnostic::new(code, text)
        .help(format!("set it, or give a default: `${{env:{}:-...}}`", notice.name));
    found.severity = notice.severity;
    match &notice.origin {
        Some(origin) => found.at(origin.clone(), ""),
        None => found,
    }
}

/// Components that no pipeline lists, and extensions that the service does not.
fn unused(conf: &Conf, settings: &Settings, all: &mut Vec<Diagnostic>) {
    let pipelines = || settings.service.pipelines.iter().map(|it| &it.1);
    let is_used = |kind: Kind, id: &Id| match kind {
        Kind::Receiver => pipelines().any(|it| it.receivers.contains(id)),
        Kind::Processor => pipelines().any(|it| it.processors.contains(id)),
        Kind::Exporter => pipelines().any(|it| it.exporters.contains(id)),
        Kind::Connector => true,
        Kind::Extension => settings.service.extensions.contains(id),
    };
    for (kind, components) in &settings.components {
        for (id, _) in components.iter().filter(|it| !is_used(*kind, &it.0)) {
            let place = match kind {
                Kind::Extension => "service: extensions",
                _ => "a pipeline",
            };
            let path = [kind.section(), id.as_str()];
            let text = format!("{kind} \"{id}\" is defined and not used");
            let found = advise::diagnostic(conf, &key(&path, &text, code::UNUSED)).warning();
            let fix = conf.remove(&path.map(str::to_owned));
            all.push(found.help(format!("list it in {place}, or remove it")).fix(fix));
        }
    }
}

/// An issue of a key.
fn key(path: &[&str], text: &str, code: &'static str) -> Issue {
    let mut issue = issue(path, text).code(code);
    issue.at_key = true;
    issue
}

/// Receivers whose offsets die with the process, although nobody has said so.
fn forgetful(conf: &Conf, settings: &Settings, registry: &Registry, all: &mut Vec<Diagnostic>) {
    let storage = registry.default_storage();
    if storage.storage.is_some() {
        return;
    }
    for (id, section) in settings.components.get(&Kind::Receiver).into_iter().flatten() {
        let entry = registry.find(Kind::Receiver, id.type_name());
        let keeps_offsets = entry.is_some_and(|it| it.type_name == KEEPS_OFFSETS);
        let is_used = settings.service.pipelines.iter().any(|(_, it)| it.receivers.contains(id));
        let is_said = section.get("storage").is_some_and(|it| *it.plain() != Value::Null);
        if !keeps_offsets || !is_used || is_said {
            continue;
        }
        let text = format!(
            "\"{id}\" has no storage, and no directory for its offsets can be written ({}): a restart \
             forgets what was read, and loses what was not delivered",
            storage.place
        );
        let path = [Kind::Receiver.section(), id.as_str()];
        let found = advise::diagnostic(conf, &key(&path, &text, code::FORGETFUL)).warning();
        all.push(found.help(
            "make one of the directories writable, or name a `file_storage` in `storage`; \
             `storage: none` if nothing shall be remembered",
        ));
    }
}

/// Deprecated names.
fn renamed(conf: &Conf, settings: &Settings, registry: &Registry, all: &mut Vec<Diagnostic>) {
    for (kind, components) in &settings.components {
        for (id, _) in components {
            let Some(entry) = registry.find(*kind, id.type_name()) else { continue };
            if entry.type_name == id.type_name() {
                continue;
            }
            let (old, new) = (id.type_name(), entry.type_name);
            let text = format!("\"{old}\" alias is deprecated; use \"{new}\" instead");
            let path = [kind.section(), id.as_str()];
            let found = advise::diagnostic(conf, &key(&path, &text, code::DEPRECATED)).warning();
            let name = id.as_str().replacen(old, new, 1);
            let fix = advise::rename_everywhere(conf, &path.map(str::to_owned), &name);
            all.push(found.help(format!("write `{name}`, also in the pipelines")).fix(fix));
        }
    }
}

/// Processors in an order that defeats them.
fn order(conf: &Conf, settings: &Settings, registry: &Registry, all: &mut Vec<Diagnostic>) {
    for (pipeline, config) in &settings.service.pipelines {
        let ids: Vec<&str> = config.processors.iter().map(Id::as_str).collect();
        let types: Vec<&str> = (config.processors.iter())
            .map(|it| registry.find(Kind::Processor, it.type_name()))
            .map(|it| it.map_or("", |it| it.type_name))
            .collect();
        let list = ["service", "pipelines", pipeline.as_str(), "processors"];
        let mut warn = |at: usize, to: usize, code, text: &str, help: &str| {
            let place = at.to_string();
            let path = [list[0], list[1], list[2], list[3], &place];
            let mut better = ids.clone();
            let moved = better.remove(at);
            better.insert(to, moved);
            let fix = conf.reorder(&list.map(str::to_owned), &better);
            let found = advise::diagnostic(conf, &issue(&path, text).code(code)).warning();
            all.push(found.help(help).fix(fix));
        };
        if let Some(at) = types.iter().position(|it| *it == "memory_limiter").filter(|it| *it > 0) {
            let text = format!(
                "\"{}\" is behind \"{}\": what that takes up is not limited",
                ids[at],
                ids[at - 1]
            );
            warn(at, 0, code::LIMITER_NOT_FIRST, &text, "list it first");
        }
        let batch = types.iter().position(|it| *it == "batch");
        let drops = types.iter().rposition(|it| DROPPING.contains(it));
        if let (Some(batch), Some(drops)) = (batch, drops)
            && batch < drops
        {
            let text = format!("\"{}\" is before \"{}\", which drops", ids[batch], ids[drops]);
            let help = format!("list it behind \"{}\"", ids[drops]);
            warn(batch, drops, code::BATCH_BEFORE_SAMPLING, &text, &help);
        }
    }
}
