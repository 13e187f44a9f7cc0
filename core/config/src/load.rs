//! From the user's tree to a configuration, with everything that is wrong in it.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::DecodeIssue;
use super::fault::Fault;
use super::overlay;
use super::read::Reader;
use super::shape::{Shape, Show};
use super::value::Value;

/// Most mistakes that one section is searched for.
const ISSUES_MAX: usize = 50;

/// Lays `section` over `C::default()`. `null` keeps the default, maps merge, lists replace.
///
/// # Errors
/// All unknown keys and wrong types at once.
pub fn load<C>(section: &Value) -> Result<C, Vec<DecodeIssue>>
where
    C: Default + Serialize + DeserializeOwned,
{
    let base = Shape::of(&C::default()).map_err(|it| {
        let message = format!("the defaults cannot be written: {it}");
        vec![DecodeIssue { message, ..DecodeIssue::default() }]
    })?;
    let mut user = section.clone();
    let mut removed: Vec<Vec<String>> = Vec::new();
    let mut issues: Vec<DecodeIssue> = Vec::new();
    while issues.len() < ISSUES_MAX {
        let fault = match attempt::<C>(&base, &user) {
            Ok(config) => {
                issues.extend(unknown_keys(&base, &config, &user, &removed));
                if issues.is_empty() {
                    return Ok(config);
                }
                break;
            }
            Err(fault) => fault,
        };
        // What is wrong goes, so that the rest can be read as well.
        let (place, culprit) = locate::<C>(&base, &mut user, &fault);
        // A key that went because its value was wrong is not missing.
        let place = in_original(&removed, place);
        let gone = |it: &Vec<String>| it.len() == place.len() + 1 && it.starts_with(&place);
        if !(fault.missing && removed.iter().any(gone)) {
            issues.push(fault.issue(place));
        }
        let original = in_original(&removed, culprit.clone());
        if !user.remove(&culprit) {
            break;
        }
        removed.push(original);
    }
    for issue in issues.iter_mut().filter(|it| it.unknown_key) {
        let key = issue.path.last().cloned().unwrap_or_default();
        owners(&base, &key, &mut Vec::new(), &mut issue.elsewhere);
    }
    Err(issues)
}

/// The sections below `shape` that have `key`.
fn owners(shape: &Shape, key: &str, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    match shape {
        Shape::Section { inner, .. } => owners(inner, key, path, found),
        Shape::Struct(known) => {
            if known.iter().any(|it| it.0 == key) {
                found.push(path.clone());
            }
            for (step, inner) in known {
                path.push(step.clone());
                owners(inner, key, path, found);
                path.pop();
            }
        }
        _ => {}
    }
}

/// Time spans that are written as bare numbers, which are nanoseconds: their paths and values.
pub fn bare_durations<C: Default + Serialize>(section: &Value) -> Vec<(Vec<String>, i128)> {
    let mut found = Vec::new();
    if let Ok(base) = Shape::of(&C::default()) {
        bare(&base, section, &mut Vec::new(), &mut found);
    }
    found
}

fn bare(base: &Shape, user: &Value, path: &mut Vec<String>, found: &mut Vec<(Vec<String>, i128)>) {
    match (base, user.plain()) {
        (Shape::Section { inner, .. }, _) => bare(inner, user, path, found),
        (Shape::Duration(_), Value::Int(nanos)) => found.push((path.clone(), *nanos)),
        (Shape::Struct(known), Value::Map(entries)) => {
            for (key, value) in entries {
                let Some((_, base)) = known.iter().find(|it| it.0 == *key) else { continue };
                path.push(key.clone());
                bare(base, value, path, found);
                path.pop();
            }
        }
        _ => {}
    }
}

/// The effective configuration, for people. Read again it is the same, but for hidden secrets.
pub fn to_value<C: Serialize>(config: &C, show: Show) -> Value {
    Shape::of(config).map_or(Value::Null, |it| it.show(show))
}

fn attempt<C: DeserializeOwned>(base: &Shape, user: &Value) -> Result<C, Fault> {
    C::deserialize(Reader(&overlay::lay(base, user)?))
}

/// The place to name, and what has to go. serde buffers what is flattened, and says of it only which struct
/// it belongs to; there, the key is the one that fails alone.
fn locate<C>(base: &Shape, user: &mut Value, fault: &Fault) -> (Vec<String>, Vec<String>)
where
    C: DeserializeOwned,
{
    let (mut place, culprit) = (fault.path(), fault.culprit());
    if place != culprit || fault.missing || fault.whole {
        return (place, culprit);
    }
    while let Some(step) = guilty_child::<C>(base, user, &place, fault) {
        place.push(step);
    }
    (place.clone(), place)
}

/// The child of `place` that alone gives the same fault.
fn guilty_child<C: DeserializeOwned>(
    base: &Shape,
    user: &mut Value,
    place: &[String],
    fault: &Fault,
) -> Option<String> {
    let whole = user.at_mut(place)?.clone();
    let alone: Vec<(String, Value)> = match whole.plain() {
        Value::Map(entries) => {
            entries.iter().map(|it| (it.0.clone(), Value::Map(vec![it.clone()]))).collect()
        }
        Value::List(items) => items
            .iter()
            .enumerate()
            .map(|(at, it)| (at.to_string(), Value::List(vec![it.clone()])))
            .collect(),
        _ => return None,
    };
    let mut without = whole.clone();
    let fails = |user: &mut Value, candidate: Value| {
        let Some(slot) = user.at_mut(place) else { return false };
        *slot = candidate;
        attempt::<C>(base, user).is_err_and(|it| it.message == fault.message)
    };
    // A fault of the whole, whatever it holds, is nobody else's.
    match &mut without {
        Value::Map(entries) => entries.clear(),
        Value::List(items) => items.clear(),
        _ => return None,
    }
    let mut found = None;
    if !fails(user, without) {
        found = alone.into_iter().find(|(_, alone)| fails(user, alone.clone())).map(|it| it.0);
    }
    if let Some(slot) = user.at_mut(place) {
        *slot = whole;
    }
    found
}

/// A path in what is left, as it was before list elements were taken away.
fn in_original(removed: &[Vec<String>], mut path: Vec<String>) -> Vec<String> {
    for gone in removed.iter().rev() {
        let Some((last, parents)) = gone.split_last() else { continue };
        let Some(at) = path.get(parents.len()) else { continue };
        if path[..parents.len()] != *parents {
            continue;
        }
        if let (Ok(gone), Ok(at)) = (last.parse::<usize>(), at.parse::<usize>())
            && gone <= at
        {
            path[parents.len()] = (at + 1).to_string();
        }
    }
    path
}

/// Keys that leave no trace in the result.
fn unknown_keys<C>(
    base: &Shape,
    config: &C,
    user: &Value,
    removed: &[Vec<String>],
) -> Vec<DecodeIssue>
where
    C: Serialize + DeserializeOwned,
{
    let Ok(result) = Shape::of(config) else { return Vec::new() };
    let mut found = Vec::new();
    compare(&result, user, &mut Vec::new(), &mut found);
    // An alias is no key of the result, but the result is another without it.
    found.retain(|issue| {
        let mut without = user.clone();
        without.remove(&issue.path);
        let other = attempt::<C>(base, &without).ok().and_then(|it| Shape::of(&it).ok());
        other.as_ref() == Some(&result)
    });
    for issue in &mut found {
        issue.path = in_original(removed, std::mem::take(&mut issue.path));
    }
    found.truncate(ISSUES_MAX);
    found
}

fn compare(result: &Shape, user: &Value, path: &mut Vec<String>, found: &mut Vec<DecodeIssue>) {
    match (result, user.plain()) {
        (Shape::Section { inner, .. }, Value::Map(entries)) => {
            let owns =
                matches!(&**inner, Shape::Struct(own) if own.iter().any(|it| it.0 == "enabled"));
            let rest = entries.iter().filter(|it| owns || it.0 != "enabled").cloned().collect();
            compare(inner, &Value::Map(rest), path, found);
        }
        (Shape::Struct(known) | Shape::Map(known), Value::Map(entries)) => {
            for (key, value) in entries {
                path.push(key.clone());
                match known.iter().find(|it| it.0 == *key) {
                    Some((_, shape)) => compare(shape, value, path, found),
                    None if matches!(result, Shape::Struct(_)) => found.push(DecodeIssue {
                        path: path.clone(),
                        message: String::new(),
                        candidates: known.iter().map(|it| it.0.clone()).collect(),
                        unknown_key: true,
                        ..DecodeIssue::default()
                    }),
                    None => {}
                }
                path.pop();
            }
        }
        (Shape::List(shapes), Value::List(items)) => {
            for (at, (shape, item)) in shapes.iter().zip(items).enumerate() {
                path.push(at.to_string());
                compare(shape, item, path, found);
                path.pop();
            }
        }
        _ => {}
    }
}
