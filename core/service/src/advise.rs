//! From an issue to a diagnostic: its place, what was probably meant, and the edit that does it.

use component::config::Remedy;
use confmap::{At, Conf, Data, Diagnostic, Fix, Node, SourceKind, closest, code};

use crate::issue::{Hint, Issue};
use crate::meant;

/// Sections that a pipeline lists its components in, and where those are defined.
const LISTS: [(&str, &[&str]); 5] = [
    ("receivers", &["receivers"]),
    ("processors", &["processors"]),
    ("exporters", &["exporters"]),
    ("connectors", &["receivers", "exporters"]),
    ("extensions", &[]),
];

/// One mistake with its place and, where that can be known, its remedy.
pub(crate) fn diagnostic(conf: &Conf, issue: &Issue) -> Diagnostic {
    let text = issue.text.lines().rfind(|line| !line.is_empty()).unwrap_or_default();
    let mut path = settle(conf, &issue.path);
    if let Some(place) =
        remedy_place(conf, issue).filter(|it| it.starts_with(&path) && conf.node(it).is_some())
    {
        path = place;
    }
    // A section is shown by its key.
    let section = conf.node(&path).is_some_and(|it| match it.data {
        Data::Map(_) => !it.is_flow(),
        Data::Null => it.origin.reference.is_none(),
        _ => false,
    });
    let at = if issue.at_key || section { At::Key } else { At::Value };
    let mut found = conf.problem(issue.code, text, &path, at);
    for unset in unset_variables(conf, &path, issue) {
        found.notes.push(unset);
    }
    remedy(conf, issue, &path, found)
}

fn remedy(conf: &Conf, issue: &Issue, path: &[String], found: Diagnostic) -> Diagnostic {
    match issue.hint.as_deref() {
        Some(Hint::Do(place, remedy)) => {
            return carry_out(conf, &settle(conf, place), remedy, found);
        }
        Some(Hint::Elsewhere(owners)) => {
            if let Some(moved) = misplaced(conf, owners, path, &found) {
                return moved;
            }
        }
        None => {}
    }
    if let Some(key) = path.last().filter(|_| issue.at_key).and_then(|it| meant::blanks(it)) {
        let help = "these are no blanks but no-break spaces, from a web page: type them again";
        return found.help(help).fix(conf.rename(path, &key));
    }
    if issue.code == code::REMOVED {
        let id = path.last().map_or("", String::as_str).replacen("logging", "debug", 1);
        let help = format!("write `{id}`, also in the pipelines");
        return found.help(help).fix(rename_everywhere(conf, path, &id));
    }
    let written = match conf.node(path).map(|it| &it.data) {
        Some(Data::String(text)) if !issue.at_key => text.clone(),
        _ => path.last().cloned().unwrap_or_default(),
    };
    let (type_name, name) = match written.split_once('/') {
        Some((type_name, name)) => (type_name, format!("/{name}")),
        None => (written.as_str(), String::new()),
    };
    let candidates = || issue.candidates.iter().map(String::as_str);
    let whole = closest(&written, candidates()).map(str::to_owned);
    let meant = whole.or_else(|| closest(type_name, candidates()).map(|it| format!("{it}{name}")));
    let meant = meant.or_else(|| meant::id(issue, &written));
    if let Some(meant) = meant {
        let found = found.help(format!("did you mean `{meant}`?"));
        return match issue.at_key {
            true if is_component(path) => found.fix(rename_everywhere(conf, path, &meant)),
            true => found.fix(conf.rename(path, &meant)),
            false => found.fix(conf.set(path, &meant)),
        };
    }
    if let Some((help, fix)) = meant::value(conf, issue, path) {
        return found.help(help).fix(fix);
    }
    if issue.candidates.is_empty() {
        return found;
    }
    let known = candidates().collect::<Vec<_>>().join(", ");
    found.help(format!("known here: {known}"))
}

/// Where the remedy has to be done.
fn remedy_place(conf: &Conf, issue: &Issue) -> Option<Vec<String>> {
    match issue.hint.as_deref()? {
        Hint::Do(place, _) => Some(settle(conf, place)),
        Hint::Elsewhere(_) => None,
    }
}

/// What the remedy says, in words and as an edit.
fn carry_out(conf: &Conf, path: &[String], remedy: &Remedy, found: Diagnostic) -> Diagnostic {
    let key = path.last().map_or("", String::as_str);
    let node = conf.node(path);
    match remedy {
        Remedy::Remove => {
            let fix = conf.remove(path).or_else(|| {
                let (at, list) = path.split_last()?;
                conf.remove_item(list, at.parse().ok()?)
            });
            let what = if key.parse::<usize>().is_ok() { "it" } else { &format!("`{key}`") };
            found.help(format!("remove {what}")).fix(fix)
        }
        Remedy::Set(value) => {
            let text = format!("{key}: {value}");
            let text = text.trim_end();
            if let Some(reference) = node.and_then(|it| variable(it)) {
                let default = format!("${{env:{}:-{value}}}", reference.0);
                let fix = Fix::replace(&reference.1, default.clone());
                let help =
                    format!("set the variable {}, or give a default: `{default}`", reference.0);
                return found.help(help).fix(fix);
            }
            let verb = if node.is_some() { "write" } else { "add" };
            let above = match path {
                [section, _] if node.is_none() => format!(" to `{section}`"),
                _ => String::new(),
            };
            found.help(format!("{verb} `{text}`{above}")).fix(conf.set(path, value))
        }
        Remedy::Part(span, values) => {
            let place = node.and_then(|it| it.part(span.clone()));
            place.map_or(found.clone(), |place| within(place, values, found))
        }
        Remedy::OneOf(values) => {
            let written = match node.map(|it| &it.data) {
                Some(Data::String(text)) => text.as_str(),
                _ => "",
            };
            match closest(written, values.iter().map(String::as_str)) {
                Some(meant) => {
                    found.help(format!("did you mean `{meant}`?")).fix(conf.set(path, meant))
                }
                None => found.help(format!("`{key}` is one of: {}", values.join(", "))),
            }
        }
    }
}

/// A mistake in a part of a text.
fn within(place: confmap::Origin, values: &[String], found: Diagnostic) -> Diagnostic {
    let line = place.source.line(place.line).unwrap_or_default();
    let written: String = line.chars().skip(place.column - 1).take(place.length).collect();
    let found = found.at(place.clone(), "");
    match closest(&written, values.iter().map(String::as_str)) {
        Some(meant) => {
            found.help(format!("did you mean `{meant}`?")).fix(Fix::replace(&place, meant))
        }
        None => found,
    }
}

/// The variable that a whole value comes from, and where it is referred to.
fn variable(node: &Node) -> Option<(&str, confmap::Origin)> {
    let reference = node.origin.reference.as_ref()?;
    let source = &node.origin.source;
    let whole = source.kind == SourceKind::Environment && node.data == Data::Null;
    whole.then(|| (source.name.as_str(), reference.visible().clone()))
}

/// Notes on variables without a value that stand at the place or below.
fn unset_variables(conf: &Conf, path: &[String], issue: &Issue) -> Vec<String> {
    let place = remedy_place(conf, issue).unwrap_or_else(|| path.to_vec());
    let node = conf.node(&place).or_else(|| conf.node(path));
    let Some(origin) = node.map(|it| it.origin.visible().clone()) else { return Vec::new() };
    let here = conf.notices.iter().filter(|it| {
        it.origin
            .as_ref()
            .map(confmap::Origin::visible)
            .is_some_and(|it| it.source == origin.source && it.line == origin.line)
    });
    here.map(|it| format!("environment variable {} is not set or empty", it.name)).collect()
}

/// The path without steps that exist only upstream, such as `clientconfig`: what is there below them
/// is found one level up.
pub(crate) fn settle(conf: &Conf, path: &[String]) -> Vec<String> {
    let mut out: Vec<String> = Vec::with_capacity(path.len());
    for (at, step) in path.iter().enumerate() {
        let parent = conf.node(&out).filter(|_| at > 0).map(|it| &it.data);
        if matches!(parent, Some(Data::String(_))) && step.parse::<usize>().is_ok() {
            // A single text that is read as a list.
            break;
        }
        out.push(step.clone());
        let is_last = at + 1 == path.len();
        let exists = conf.node(&out).is_some();
        if at >= 2 && !exists && !is_last {
            out.pop();
        }
    }
    out
}

/// `receivers: <id>:` and the like.
fn is_component(path: &[String]) -> bool {
    path.len() == 2 && LISTS.iter().any(|it| it.0 == path[0])
}

/// Another id for a component, also in the pipelines that list it.
pub(crate) fn rename_everywhere(conf: &Conf, path: &[String], id: &str) -> Vec<Fix> {
    let [section, old] = path else { return Vec::new() };
    let mut fixes: Vec<Fix> = conf.rename(path, id).into_iter().collect();
    let lists = LISTS.iter().find(|it| it.0 == section).map_or(&[][..], |it| it.1);
    let service = conf.root.get("service");
    let pipelines = service.and_then(|it| it.get("pipelines")).map_or(&[][..], Node::entries);
    let mut users: Vec<&Node> =
        pipelines.iter().flat_map(|it| lists.iter().filter_map(|key| it.value.get(key))).collect();
    if section == "extensions" {
        users.extend(service.and_then(|it| it.get("extensions")));
    }
    for item in users.into_iter().flat_map(Node::items) {
        if item.data == Data::String(old.clone()) {
            fixes.extend(Fix::replace(&item.origin, id));
        }
    }
    fixes
}

/// A key that is known in another section of the same component.
fn misplaced(
    conf: &Conf,
    owners: &[Vec<String>],
    path: &[String],
    found: &Diagnostic,
) -> Option<Diagnostic> {
    let (key, here) = path.split_last()?;
    let below = owners.iter().find(|it| it.len() > here.len() && it.starts_with(here));
    let found = Diagnostic { code: code::NESTING, ..found.clone() };
    if let Some(owner) = below {
        let short = format!("{}::{key}", owner[here.len()..].join("::"));
        let help = format!("`{key}` belongs to `{}`: `{short}`", owner.join("::"));
        return Some(found.help(help).fix(conf.rename(path, &short)));
    }
    let above = owners.iter().filter(|it| here.starts_with(it)).max_by_key(|it| it.len())?;
    let owner =
        if above.is_empty() { "the top".to_owned() } else { format!("`{}`", above.join("::")) };
    let levels = here.len() - above.len();
    Some(
        found
            .help(format!("`{key}` belongs to {owner}: indent it less"))
            .fix(conf.outdent(path, levels)),
    )
}
