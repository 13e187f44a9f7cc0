//! What is behind a mistake: a misspelt key, a variable without a value, a placeholder.

use confmap::{Conf, Data, Diagnostic, Node, Notice, Severity, closest, code};

use crate::habits;
use crate::issue::{Hint, Issue, name};

/// A required key that is missing beside an ignored one of nearly its name: the ignored key is the mistake.
pub(crate) fn misspelt(conf: &Conf, issue: &Issue, warnings: &[Issue]) -> Option<Issue> {
    let missing = issue.missing.as_ref()?;
    let place = remedy_place(conf, issue)?;
    let above = place.split_last()?.1;
    // Of two keys with names alike, one may be required: `regex` or `regex_name`.
    let meant = |written: &str, known: &[String]| {
        let known = || known.iter().map(String::as_str);
        let alike = |it: &&str| it == missing || closest(it, [missing.as_str()]).is_some();
        let habit = habits::key(written, std::slice::from_ref(missing));
        let near = closest(written, known()).or_else(|| closest(written, [missing.as_str()]));
        habit.or_else(|| near.filter(alike).map(str::to_owned))
    };
    let ignored = warnings.iter().find_map(|it| {
        let (written, beside) = it.path.split_last()?;
        let is_here = it.code == code::IGNORED_KEY && settle(conf, beside) == above;
        let meant = meant(written, &it.candidates).filter(|_| is_here)?;
        Some((it.path.clone(), meant))
    });
    // Without a type nobody can say which keys are ignored.
    let beside = conf.node(above).map_or(&[][..], Node::entries).iter();
    let mut untyped = beside.filter(|it| missing == "type" && meant(&it.key, &[]).is_some());
    let (path, meant) = match ignored {
        Some(found) => found,
        None => ([above, &[untyped.next()?.key.clone()]].concat(), missing.clone()),
    };
    let found = Issue {
        path,
        at_key: true,
        candidates: vec![meant],
        hint: None,
        cause: None,
        ..issue.clone()
    };
    Some(found.code(code::UNKNOWN_KEY))
}

/// A value with a placeholder has no form of its own yet: the remedy is that of the placeholder.
pub(crate) fn unfilled(conf: &Conf, found: Diagnostic) -> Diagnostic {
    let origin = |it: &Diagnostic| it.primary.as_ref().map(|it| it.origin.visible().clone());
    let Some(value) = origin(&found) else { return found };
    let is_here = |it: &&Diagnostic| {
        it.code == code::PLACEHOLDER && origin(it).is_some_and(|it| value.covers(&it))
    };
    match conf.doubts.iter().find(is_here) {
        Some(doubt) => Diagnostic { help: doubt.help.clone(), fix: doubt.fix.clone(), ..found },
        None => found,
    }
}

/// A mistake whose cause is a variable without a value, in all of it or in a part, and what to do about that.
pub(crate) fn because_unset(
    conf: &Conf,
    issue: &Issue,
    path: &[String],
    (unset, mut found): (&[&Notice], Diagnostic),
) -> (Diagnostic, String) {
    let names: Vec<&str> = unset.iter().map(|it| it.name.as_str()).collect();
    let place = remedy_place(conf, issue).unwrap_or_else(|| path.to_vec());
    let key = name(&place);
    let so = if is_empty(conf, issue, path) {
        format!("{key} has no value")
    } else {
        format!("{key} is not complete: {}", found.message)
    };
    found.message = match unset {
        [one] if one.severity == Severity::Warning => {
            format!("the variable {} is not set, so {so}", one.name)
        }
        [one] => format!("the variable {} is empty, so {so}", one.name),
        _ => format!("the variables {} are not set or empty, so {so}", names.join(" and ")),
    };
    // The first line says where the value comes from.
    found.notes.retain(|note| !names.iter().any(|it| note.ends_with(it)));
    if let Some(label) = &mut found.primary {
        label.origin = label.origin.visible().clone();
    }
    let default = format!("${{env:{}:-...}}", names.first().unwrap_or(&""));
    let help = format!("set the variable {}, or give a default: `{default}`", names.join(" and "));
    (found, help)
}

/// True where a variable without a value is all that stands there.
pub(crate) fn is_empty(conf: &Conf, issue: &Issue, path: &[String]) -> bool {
    let place = remedy_place(conf, issue).unwrap_or_else(|| path.to_vec());
    conf.node(&place).is_some_and(|it| it.data == Data::Null)
}

/// The variables without a value that stand at the place.
pub(crate) fn unset_variables<'a>(
    conf: &'a Conf,
    path: &[String],
    issue: &Issue,
) -> Vec<&'a Notice> {
    let place = remedy_place(conf, issue).unwrap_or_else(|| path.to_vec());
    let node = conf.node(&place).or_else(|| conf.node(path));
    // What stands somewhere in a section has nothing to do with it.
    let value = node.filter(|it| !matches!(it.data, Data::Map(_) | Data::List(_)));
    let Some(origin) = value.map(|it| it.origin.visible().clone()) else { return Vec::new() };
    let is_here = |it: &&Notice| it.origin.as_ref().is_some_and(|it| origin.covers(it.visible()));
    conf.notices.iter().filter(is_here).collect()
}

/// Where the remedy has to be done.
pub(crate) fn remedy_place(conf: &Conf, issue: &Issue) -> Option<Vec<String>> {
    match issue.hint.as_deref()? {
        Hint::Do(place, _) => Some(settle(conf, place)),
        _ => None,
    }
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
