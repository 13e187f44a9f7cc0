//! From the user's tree to a configuration, with everything that is wrong in it.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Config;
use super::described::{Described, Inside, flat};
use super::fault::{Fault, Stage, Step, Wanted};
use super::named;
use super::overlay;
use super::problems::Problems;
use super::read::Reader;
use super::shape::{Shape, Word};
use super::value::Value;

/// Most mistakes that one section is searched for.
const ISSUES_MAX: usize = 50;
/// What the Collector's paths call structs that are embedded in others, whose keys stand beside those of the others.
const EMBEDDED: [&str; 6] = [
    "apiconfig",
    "baseconfig",
    "clientconfig",
    "controllerconfig",
    "detectorconfig",
    "serverconfig",
];

/// Lays `section` over `C::default()`. `null` keeps the default, maps merge, lists replace.
///
/// # Errors
/// All unknown keys and wrong types at once.
pub fn load<C>(section: &Value) -> Result<C, Vec<Fault>>
where
    C: Default + Serialize + DeserializeOwned,
{
    match examine(section) {
        (Some(config), faults) if faults.is_empty() => Ok(config),
        (_, faults) => Err(faults),
    }
}

/// The same, with what can be read of a section in which something is wrong.
pub(crate) fn examine<C>(section: &Value) -> (Option<C>, Vec<Fault>)
where
    C: Default + Serialize + DeserializeOwned,
{
    let base = match Shape::of(&C::default()) {
        Ok(base) => base,
        Err(it) => {
            return (None, vec![Fault::read(format!("the defaults cannot be written: {it}"))]);
        }
    };
    let mut read = None;
    let mut user = section.clone();
    let mut removed: Vec<Vec<Step>> = Vec::new();
    let mut issues: Vec<Fault> = Vec::new();
    while issues.len() < ISSUES_MAX {
        let fault = match attempt::<C>(&base, &user) {
            Ok(config) => {
                let words = unknown_words(&config).filter(|it| it.stage == Stage::Read);
                issues.extend(
                    words.map(|it| Fault { place: in_original(&removed, it.place.clone()), ..it }),
                );
                issues.extend(unknown_keys(&base, &config, &user, &removed));
                read = Some(config);
                break;
            }
            Err(fault) => fault,
        };
        // What is wrong goes, so that the rest can be read as well.
        let fault = located::<C>(&base, &mut user, fault);
        let culprit = fault.place.clone();
        let place = in_original(&removed, culprit.clone());
        // A key that went because its value was wrong is not missing.
        let gone = |it: &Vec<Step>| it.len() == place.len() + 1 && it.starts_with(&place);
        if !(is_missing(&fault) && removed.iter().any(gone)) {
            issues.push(Fault { place: place.clone(), ..fault });
        }
        if !user.remove(&culprit) {
            break;
        }
        removed.push(place);
    }
    for issue in &mut issues {
        if let (Some(Wanted::Key(_, elsewhere)), Some(Step::Key(key))) =
            (&mut issue.wanted, issue.place.last())
        {
            owners(&base, key, &mut Vec::new(), elsewhere);
        }
    }
    (read, issues)
}

/// The same as [`load`], with the places named as in the Collector's texts; `above` is where the section stands.
///
/// # Errors
/// All unknown keys and wrong types at once.
pub fn load_at<C>(section: &Value, above: &str) -> Result<C, Vec<Fault>>
where
    C: Default + Serialize + DeserializeOwned + Described,
{
    let (config, mut faults) = examine(section);
    named::retype::<C>(&mut faults, section);
    if let (Some(config), true) = (config, faults.is_empty()) {
        return Ok(config);
    }
    named::name::<C>(&mut faults, above);
    Err(faults)
}

/// Reads a section and applies its rules. Mistakes that are noticed later are among the problems.
///
/// # Errors
/// What cannot be read.
pub fn check<C: Config>(section: &Value) -> Result<(C, Problems), Vec<Fault>> {
    let (config, mut faults) =
        load_at::<C>(section, "").map_or_else(|it| (None, it), |it| (Some(it), Vec::new()));
    faults.iter_mut().for_each(|it| beside_items(it, &C::inside(), section));
    let faults = C::unmarshal(section, faults);
    let Some(config) = config.filter(|_| faults.is_empty()) else { return Err(faults) };
    let mut problems = Problems::default();
    config.validate(&mut problems);
    // Who knows a better place for the text has said it already.
    let words = unknown_words(&config).filter(|word| {
        problems.faults().iter().all(|it| (it.stage, &it.text) != (word.stage, &word.text))
    });
    let words: Vec<Fault> = words.collect();
    for it in words {
        problems.add(it);
    }
    Ok((config, problems))
}

/// A section without the keys at fault, so that the rest of it can be read and checked.
pub fn without(section: &Value, faults: &[Fault]) -> Value {
    let mut rest = section.clone();
    let mut places: Vec<&Vec<Step>> = faults.iter().map(|it| &it.place).collect();
    // From the last to the first, so that the positions in lists stay right.
    places.sort_by_key(|it| std::cmp::Reverse(it.iter().map(order).collect::<Vec<_>>()));
    for place in places.into_iter().filter(|it| matches!(it.last(), Some(Step::Key(_)))) {
        rest.remove(place);
    }
    rest
}

/// The rules that the rest of a section breaks, but for those that it may break only because a key is gone.
pub fn independent(problems: &Problems, faults: &[Fault]) -> Vec<Fault> {
    let is_local = |it: &Fault| it.named > 0 || matches!(it.wanted, Some(Wanted::OneOf(_)));
    let shown = |place: &[Step]| place.iter().map(ToString::to_string).collect::<Vec<_>>();
    // What is said of a map that has lost a key, or of another key of an item that has, may follow from that.
    let concerns = |it: &[String], gone: &[String]| {
        let map = gone.split_last().map_or(&[][..], |it| it.1);
        gone.starts_with(it) || (!map.is_empty() && it.starts_with(map) && it.len() == gone.len())
    };
    // The Collector puts steps into a path that nobody writes: the structs that others embed.
    let is_written = |it: &&Step| !matches!(it, Step::Key(key) if EMBEDDED.contains(&key.as_str()));
    let follows = |it: &Fault| {
        let written: Vec<Step> = it.place.iter().filter(is_written).cloned().collect();
        let place = shown(&written);
        is_missing(it) || faults.iter().any(|fault| concerns(&place, &shown(&fault.place)))
    };
    let of_rules = problems.faults().iter().filter(|it| it.stage != Stage::Read);
    of_rules.filter(|it| is_local(it) && !follows(it)).cloned().collect()
}

/// Sorts steps: positions as numbers.
fn order(step: &Step) -> (usize, &str) {
    match step {
        Step::At(at) => (*at, ""),
        Step::Key(key) => (0, key),
    }
}

/// An unknown key may be one of the last item of a list that it stands beside.
fn beside_items(fault: &mut Fault, inside: &Inside, section: &Value) {
    let (Some(Wanted::Key(_, owners)), [Step::Key(key)], Inside::Keys(keys, _)) =
        (&mut fault.wanted, fault.place.as_slice(), inside)
    else {
        return;
    };
    for list in flat(keys) {
        let (Inside::Items(item), Some(Value::List(items))) =
            ((list.inside)(), section.get(list.name).map(Value::plain))
        else {
            continue;
        };
        let name = items.last().and_then(|it| it.get("type")).and_then(Value::as_str);
        if let Inside::Tagged(types) = item.inside
            && let Some(tag) = types.iter().find(|it| Some(it.0) == name)
            && let Inside::Keys(known, _) = (tag.2)().inside
            && flat(&known).iter().any(|it| it.name == key)
        {
            owners.insert(0, vec![Step::Key(list.name.to_owned()), Step::At(items.len() - 1)]);
        }
    }
}

/// The sections below `shape` that have `key`.
fn owners(shape: &Shape, key: &str, path: &mut Vec<Step>, found: &mut Vec<Vec<Step>>) {
    match shape {
        Shape::Section { inner, .. } => owners(inner, key, path, found),
        Shape::Struct(known) => {
            if known.iter().any(|it| it.0 == key) {
                found.push(path.clone());
            }
            for (step, inner) in known {
                path.push(Step::Key(step.clone()));
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

fn attempt<C: DeserializeOwned>(base: &Shape, user: &Value) -> Result<C, Fault> {
    C::deserialize(Reader(&overlay::lay(base, user)?))
}

/// Words that are none of those that a key knows. They have been read, so each is where it stands.
pub(crate) fn unknown_words<C: Serialize>(config: &C) -> impl Iterator<Item = Fault> {
    let mut found = Vec::new();
    if let Ok(shape) = Shape::of(config) {
        words(&shape, &mut Vec::new(), &mut found);
    }
    found.into_iter()
}

fn words(shape: &Shape, path: &mut Vec<Step>, found: &mut Vec<Fault>) {
    let mut below = |step: Step, shape: &Shape| {
        path.push(step);
        words(shape, path, found);
        path.pop();
    };
    match shape {
        Shape::Struct(entries) | Shape::Map(entries) => {
            entries.iter().for_each(|(key, it)| below(Step::Key(key.clone()), it));
        }
        Shape::List(items) => {
            items.iter().enumerate().for_each(|(at, it)| below(Step::At(at), it));
        }
        Shape::Section { inner, .. } => words(inner, path, found),
        Shape::Choice(Word { names, shown, wrong: Some((stage, text)), .. }) => {
            let named = if *stage == Stage::Read { path.len() } else { 0 };
            let wanted = Some(Wanted::OneOf(names.iter().take(*shown).cloned().collect()));
            let place = path.clone();
            found.push(Fault { place, named, wanted, ..Fault::new(*stage, text) });
        }
        _ => {}
    }
}

/// A key without which nothing can be read; its absence is nobody's place.
fn is_missing(fault: &Fault) -> bool {
    fault.wanted == Some(Wanted::Present)
}

/// The fault with the place of what has to go. serde buffers what is flattened, and says of it only which struct
/// it belongs to; there, the key is the one that fails alone.
fn located<C: DeserializeOwned>(base: &Shape, user: &mut Value, mut fault: Fault) -> Fault {
    if fault.named < fault.place.len() || is_missing(&fault) {
        return fault;
    }
    while let Some(step) = guilty_child::<C>(base, user, &fault) {
        fault.place.push(step);
        fault.named += 1;
    }
    let text = user.at_mut(&fault.place).and_then(|it| it.as_str());
    if let (Some(Shape::Duration(_)), Some(text)) = (at(base, &fault.place), text)
        && let Err(not_a_duration) = overlay::duration(text)
    {
        fault.wanted = not_a_duration.wanted;
    }
    fault
}

/// What is at a place.
fn at<'a>(shape: &'a Shape, place: &[Step]) -> Option<&'a Shape> {
    let Some((first, rest)) = place.split_first() else { return Some(shape) };
    match (shape, first) {
        (Shape::Section { inner, .. }, _) => at(inner, place),
        (Shape::Struct(entries) | Shape::Map(entries), Step::Key(key)) => {
            at(&entries.iter().find(|it| it.0 == *key)?.1, rest)
        }
        _ => None,
    }
}

/// The child of the fault's place that alone gives the same fault.
fn guilty_child<C: DeserializeOwned>(
    base: &Shape,
    user: &mut Value,
    fault: &Fault,
) -> Option<Step> {
    let place = &fault.place[..];
    let whole = user.at_mut(place)?.clone();
    let alone: Vec<(Step, Value)> = match whole.plain() {
        Value::Map(entries) => entries
            .iter()
            .map(|it| (Step::Key(it.0.clone()), Value::Map(vec![it.clone()])))
            .collect(),
        Value::List(items) => items
            .iter()
            .enumerate()
            .map(|(at, it)| (Step::At(at), Value::List(vec![it.clone()])))
            .collect(),
        _ => return None,
    };
    let mut without = whole.clone();
    let fails = |user: &mut Value, candidate: Value| {
        let Some(slot) = user.at_mut(place) else { return false };
        *slot = candidate;
        // The same mistake elsewhere is another one. Of what is flattened the place is known only to the struct.
        let is_here = |it: &[Step]| it.starts_with(place) || place.starts_with(it);
        attempt::<C>(base, user).is_err_and(|it| it.is_like(fault) && is_here(&it.place))
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
fn in_original(removed: &[Vec<Step>], mut path: Vec<Step>) -> Vec<Step> {
    // Those before it have moved it down; from the first to the last, as each moves those behind it.
    let mut removed: Vec<&Vec<Step>> = removed.iter().collect();
    removed.sort_by_key(|it| (it.len(), it.iter().map(order).collect::<Vec<_>>()));
    for gone in removed {
        let Some((last, parents)) = gone.split_last() else { continue };
        if !path.starts_with(parents) {
            continue;
        }
        if let (Step::At(gone), Some(Step::At(at))) = (last, path.get_mut(parents.len()))
            && *gone <= *at
        {
            *at += 1;
        }
    }
    path
}

/// Keys that leave no trace in the result.
fn unknown_keys<C>(base: &Shape, config: &C, user: &Value, removed: &[Vec<Step>]) -> Vec<Fault>
where
    C: Serialize + DeserializeOwned,
{
    let Ok(result) = Shape::of(config) else { return Vec::new() };
    let mut found = Vec::new();
    compare(&result, user, &mut Vec::new(), &mut found);
    // An alias is no key of the result, but the result is another without it.
    found.retain(|issue| {
        let mut without = user.clone();
        without.remove(&issue.place);
        let other = attempt::<C>(base, &without).ok().and_then(|it| Shape::of(&it).ok());
        other.as_ref() == Some(&result)
    });
    for issue in &mut found {
        issue.place = in_original(removed, std::mem::take(&mut issue.place));
    }
    found.truncate(ISSUES_MAX);
    found
}

fn compare(result: &Shape, user: &Value, path: &mut Vec<Step>, found: &mut Vec<Fault>) {
    match (result, user.plain()) {
        (Shape::Section { inner, .. }, Value::Map(entries)) => {
            let owns =
                matches!(&**inner, Shape::Struct(own) if own.iter().any(|it| it.0 == "enabled"));
            let rest = entries.iter().filter(|it| owns || it.0 != "enabled").cloned().collect();
            compare(inner, &Value::Map(rest), path, found);
        }
        (Shape::Struct(known) | Shape::Map(known), Value::Map(entries)) => {
            for (key, value) in entries {
                path.push(Step::Key(key.clone()));
                match known.iter().find(|it| it.0 == *key) {
                    Some((_, shape)) => compare(shape, value, path, found),
                    None if matches!(result, Shape::Struct(_)) => {
                        let known = known.iter().map(|it| it.0.clone()).collect();
                        let wanted = Some(Wanted::Key(known, Vec::new()));
                        let (place, named) = (path.clone(), path.len());
                        found.push(Fault { place, named, wanted, ..Fault::read("") });
                    }
                    None => {}
                }
                path.pop();
            }
        }
        (Shape::List(shapes), Value::List(items)) => {
            for (at, (shape, item)) in shapes.iter().zip(items).enumerate() {
                path.push(Step::At(at));
                compare(shape, item, path, found);
                path.pop();
            }
        }
        _ => {}
    }
}
