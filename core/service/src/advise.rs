//! From an issue to a diagnostic: its place, what was probably meant, and the edit that does it.

use component::config::Remedy;
use confmap::{At, Conf, Data, Diagnostic, Fix, Node, SourceKind, closest, code, likest};

use crate::cause::{self, remedy_place, settle};
use crate::habits;
use crate::headline;
use crate::issue::{Hint, Issue};
use crate::meant;

/// Most keys that a help lists.
const KNOWN_MAX: usize = 8;

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
    let text = headline::of(conf, issue, &path);
    let found = conf.problem(issue.code, text, &path, at);
    let unset = cause::unset_variables(conf, &path, issue);
    if !unset.is_empty() {
        let (found, help) = cause::because_unset(conf, issue, &path, (&unset, found));
        // Only a value for all of it has a remedy besides: the default of the variable.
        let sets = matches!(issue.hint.as_deref(), Some(Hint::Do(_, Remedy::Set(_))));
        let is_all = sets && cause::is_empty(conf, issue, &path);
        let found = if is_all { remedy(conf, issue, &path, found) } else { found };
        return if found.help.is_some() { found } else { found.help(help) };
    }
    let found = remedy(conf, issue, &path, found);
    match conf.node(&path).and_then(Node::text).and_then(habits::lookaround) {
        Some(help) if found.help.is_none() => found.help(help),
        _ => found,
    }
}

fn remedy(conf: &Conf, issue: &Issue, path: &[String], found: Diagnostic) -> Diagnostic {
    if let Some(moved) = section_inside(conf, issue, path, &found) {
        return moved;
    }
    match issue.hint.as_deref() {
        Some(Hint::Do(place, remedy)) => {
            return carry_out(conf, &settle(conf, place), remedy, found);
        }
        Some(Hint::Elsewhere(owners)) => {
            if let Some(moved) = misplaced(conf, owners, path, &found) {
                return moved;
            }
        }
        Some(hint) => return shift(conf, hint, path, found),
        None => {}
    }
    if let Some((help, fix)) = meant::odd_characters(conf, path, issue.at_key) {
        return found.help(help).fix(fix);
    }
    if let Some((help, fix)) = habits::more_than_a_name(conf, issue, path) {
        return found.help(help).fix(fix);
    }
    if let Some((help, fix)) = headers_in_a_list(conf, issue, path) {
        return found.help(help).fix(fix);
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
    let whole = || closest(&written, candidates()).map(str::to_owned);
    // The first segment of an id is a type, or the signal of a pipeline.
    let of_type = closest(type_name, candidates().filter(|it| !it.contains('/')));
    let of_type = of_type.filter(|_| !name.is_empty()).map(|it| format!("{it}{name}"));
    // A sign that no id may have is told apart from a typing mistake.
    let signs = meant::id(issue, path, &written);
    let habit = || {
        let table = if issue.at_key { habits::key } else { habits::word };
        table(&written, &issue.candidates)
    };
    let meant = signs.or_else(habit).or(of_type).or_else(whole);
    if let Some(meant) = meant {
        let above = path.split_last().map_or(&[][..], |it| it.1);
        if issue.at_key && conf.node(&[above, std::slice::from_ref(&meant)].concat()).is_some() {
            let help =
                format!("did you mean `{meant}`? That key is there already: put both together");
            return found.help(help);
        }
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
    found.help(known_here(&written, path, &issue.candidates))
}

/// What is known at a place; of many things those that are most like what is written.
fn known_here(written: &str, path: &[String], candidates: &[String]) -> String {
    if candidates.len() <= KNOWN_MAX {
        return format!("known here: {}", candidates.join(", "));
    }
    let near = likest(written, candidates.iter().map(String::as_str));
    let near = near.get(..KNOWN_MAX).unwrap_or_default().join(", ");
    match path {
        [section, id, ..] if LISTS.iter().any(|it| it.0 == section) => {
            let type_name = id.split('/').next().unwrap_or(id);
            format!("known here: {near}, ..., see the README of `{type_name}`")
        }
        _ => format!("known here: {near}, ..."),
    }
}

/// `headers: [x-scope: a, x-b: c]`, where `name` and `value` are wanted: the dashes are too many.
fn headers_in_a_list(
    conf: &Conf,
    issue: &Issue,
    path: &[String],
) -> Option<(&'static str, Vec<Fix>)> {
    let [list @ .., at, _] = path else { return None };
    let is_pair =
        issue.at_key && issue.candidates == ["name", "value"] && at.parse::<usize>().is_ok();
    let single = |it: &Node| it.entries().len() == 1 && it.get("name").is_none();
    let all = is_pair && conf.node(list).is_some_and(|it| it.items().iter().all(single));
    all.then(|| ("these are keys, not items of a list: remove the dashes", conf.undash_lines(list)))
}

/// What belongs elsewhere, is called otherwise, or goes.
fn shift(conf: &Conf, hint: &Hint, path: &[String], found: Diagnostic) -> Diagnostic {
    let key = path.last().map_or("", String::as_str);
    match hint {
        Hint::Say(text) => found.help(text.as_str()),
        Hint::Rename(id) => {
            let fix = if is_component(path) {
                rename_everywhere(conf, path, id)
            } else {
                conf.set(path, id).into_iter().collect()
            };
            found.help(format!("did you mean `{id}`?")).fix(fix)
        }
        Hint::Replace(id, endpoint) => {
            let mut fix = rename_everywhere(conf, path, id);
            let (endpoint, keys) = habits::replaced_keys(conf, path, *endpoint);
            fix.extend(keys);
            let set = endpoint.map_or(String::new(), |it| format!(", and set `endpoint: {it}`"));
            found.help(format!("write `{id}`, also in the pipelines{set}")).fix(fix)
        }
        Hint::RemoveEverywhere => {
            let fix = remove_everywhere(conf, path);
            found.help(format!("remove `{key}`, also from what lists it")).fix(fix)
        }
        Hint::Relocate(to) => {
            found.help(format!("move it to `{}`", to.join("::"))).fix(conf.relocate(path, to))
        }
        Hint::Indent { owner, run } => {
            let of = owner.last().map_or("", String::as_str);
            found.help(format!("indent it deeper than `{of}`")).fix(conf.indent(run, owner))
        }
        Hint::MoveItem(to) => move_item(conf, path, to.as_deref(), found),
        Hint::Unwrap => {
            let help = format!("remove `{key}:` and indent everything below it less");
            found.help(help).fix(conf.unwrap_map(path))
        }
        Hint::Do(..) | Hint::Elsewhere(_) => found,
    }
}

/// A section, such as `exporters` or `telemetry`, inside another one.
fn section_inside(
    conf: &Conf,
    issue: &Issue,
    path: &[String],
    found: &Diagnostic,
) -> Option<Diagnostic> {
    let unknown = [code::UNKNOWN_KEY, code::UNKNOWN_TYPE].contains(&issue.code);
    let elsewhere = matches!(issue.hint.as_deref(), Some(Hint::Elsewhere(_)));
    let (key, above) = path.split_last().filter(|it| unknown && !elsewhere && !it.1.is_empty())?;
    let is_list = matches!(conf.node(path)?.data, Data::List(_));
    let home: &[&str] = match key.as_str() {
        "pipelines" | "telemetry" => &["service"],
        "extensions" if is_list => &["service"],
        "service" => &[],
        key if LISTS.iter().any(|it| it.0 == key) && !is_list => &[],
        _ => return None,
    };
    let home: Vec<String> = home.iter().map(|it| (*it).to_owned()).collect();
    let to = if home.is_empty() { "the top".to_owned() } else { format!("`{}`", home.join("::")) };
    let there = conf.node(&[&home[..], std::slice::from_ref(key)].concat()).is_some();
    let message = format!("`{key}` belongs to {to}, not to `{}`", above.join("::"));
    let found = Diagnostic { code: code::NESTING, message, ..found.clone() };
    let fix = if there { Vec::new() } else { conf.relocate(path, &home) };
    Some(found.help(format!("move it to {to}")).fix(fix))
}

/// An item of a pipeline's list that belongs into another one.
fn move_item(conf: &Conf, path: &[String], to: Option<&[String]>, found: Diagnostic) -> Diagnostic {
    let (Some(Data::String(id)), Some((at, list))) =
        (conf.node(path).map(|it| &it.data), path.split_last())
    else {
        return found;
    };
    let Some(to) = to else {
        return found.help(format!("list `{id}` where it belongs, and remove it here"));
    };
    let removal = at.parse().ok().and_then(|at| conf.remove_item(list, at));
    let key = to.last().map_or("", String::as_str);
    let there = conf.node(to).map_or(&[][..], Node::items);
    if there.iter().any(|it| it.text() == Some(id)) {
        return found.help(format!("remove it: `{key}` has it already")).fix(removal);
    }
    let first = id.starts_with("memory_limiter");
    let fix = removal.and_then(|removal| Some(vec![removal, conf.add_item(to, id, first)?]));
    found.help(format!("move it to `{key}`")).fix(fix.unwrap_or_default())
}

/// A component and every mention of it.
fn remove_everywhere(conf: &Conf, path: &[String]) -> Vec<Fix> {
    let Some(removal) = conf.remove(path) else { return Vec::new() };
    let [section, id] = path else { return Vec::new() };
    let mut fixes = vec![removal];
    for list in lists_of(conf, section) {
        let items = conf.node(&list).map_or(&[][..], Node::items);
        if let Some(at) = items.iter().position(|it| it.text() == Some(id)) {
            let Some(removal) = conf.remove_item(&list, at) else { return Vec::new() };
            fixes.push(removal);
        }
    }
    fixes
}

/// The paths of the lists that may name components of a section.
fn lists_of(conf: &Conf, section: &str) -> Vec<Vec<String>> {
    let path = |steps: &[&str]| steps.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    if section == "extensions" {
        return vec![path(&["service", "extensions"])];
    }
    let keys = LISTS.iter().find(|it| it.0 == section).map_or(&[][..], |it| it.1);
    let pipelines = conf.node(&["service", "pipelines"]).map_or(&[][..], Node::entries);
    let all = pipelines.iter().flat_map(|pipeline| {
        keys.iter().map(|key| path(&["service", "pipelines", &pipeline.key, key]))
    });
    all.collect()
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
            let is_item = key.parse::<usize>().is_ok();
            let text = if is_item { value.clone() } else { format!("{key}: {value}") };
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
        Remedy::Join => {
            let help = "remove the dash: these are keys of the item before it";
            found.help(help).fix(conf.undash_item(path))
        }
        Remedy::ValueOf(other) => {
            let fix = conf.rename(path, other).into_iter().chain(conf.set(path, key));
            found.help(format!("write `- {other}: {key}`")).fix(fix)
        }
        Remedy::Say(sentence) => found.help(sentence.as_str()),
        Remedy::OneOf(values) => {
            let written = match node.map(|it| &it.data) {
                Some(Data::String(text)) => text.as_str(),
                _ => "",
            };
            let near = closest(written, values.iter().map(String::as_str)).map(str::to_owned);
            match near.or_else(|| habits::word(written, values)) {
                Some(meant) => {
                    found.help(format!("did you mean `{meant}`?")).fix(conf.set(path, &meant))
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
        None => match habits::pattern(&written) {
            Some(help) => found.help(help),
            None => found,
        },
    }
}

/// The variable that a whole value comes from, and where it is referred to.
fn variable(node: &Node) -> Option<(&str, confmap::Origin)> {
    let reference = node.origin.reference.as_ref()?;
    let source = &node.origin.source;
    let whole = source.kind == SourceKind::Environment && node.data == Data::Null;
    whole.then(|| (source.name.as_str(), reference.visible().clone()))
}

/// `receivers: <id>:` and the like.
fn is_component(path: &[String]) -> bool {
    path.len() == 2 && LISTS.iter().any(|it| it.0 == path[0])
}

/// Another id for a component, also in the pipelines that list it.
pub(crate) fn rename_everywhere(conf: &Conf, path: &[String], id: &str) -> Vec<Fix> {
    let [section, old] = path else { return Vec::new() };
    let mut fixes: Vec<Fix> = conf.rename(path, id).into_iter().collect();
    let lists = lists_of(conf, section);
    for item in lists.iter().filter_map(|it| conf.node(it)).flat_map(Node::items) {
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
    let message = match here {
        [] => format!("`{key}` does not belong at the top of the configuration"),
        here => format!("`{key}` does not belong in `{}`", here.join("::")),
    };
    let found = Diagnostic { code: code::NESTING, message, ..found.clone() };
    if let Some((at, list)) =
        below.and_then(|it| it.split_last()).filter(|it| it.0.parse::<usize>().is_ok())
    {
        // There is no short form for an item of a list.
        let item = at.parse::<usize>().unwrap_or(0).saturating_add(1);
        let name = list.last().map_or("", String::as_str);
        let help =
            format!("`{key}` belongs to item {item} of `{name}`: indent it as the keys there");
        let owner = below.map_or(&[][..], Vec::as_slice);
        return Some(found.help(help).fix(conf.indent_into(path, owner)));
    }
    if let Some(owner) = below {
        let short = format!("{}::{key}", owner[here.len()..].join("::"));
        let help = format!("`{key}` belongs to `{}`: `{short}`", owner.join("::"));
        return Some(found.help(help).fix(conf.rename(path, &short)));
    }
    let above = owners.iter().filter(|it| here.starts_with(it)).max_by_key(|it| it.len())?;
    let owner =
        if above.is_empty() { "the top".to_owned() } else { format!("`{}`", above.join("::")) };
    let levels = here.len() - above.len();
    let fix = match conf.outdent(path, levels) {
        Some(fix) => vec![fix],
        None => conf.relocate(path, above),
    };
    Some(found.help(format!("`{key}` belongs to {owner}: indent it less")).fix(fix))
}
