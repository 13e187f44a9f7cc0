//! Editors of texts: replacing what matches, and cutting.

use std::borrow::Cow;

use pdata::{AttributesEdit, ValueRef};
use regex::Regex;

use super::{
    Editor, FORMAT, FUNCTION, MAP, PATTERN, REPLACEMENT, State, TARGET, Work, constant_bool,
    constant_int, constant_text, dynamic_glob, dynamic_regex, editor, glob_at, pattern_at,
};
use crate::functions::{Env, Kind, Slot, may_take, takes};
use crate::value::Value;

pub(super) const ALL: &[Editor] = &[
    editor(
        "replace_pattern",
        &[TARGET, takes("regex_pattern", Kind::Text), REPLACEMENT, FUNCTION, FORMAT],
        replace_pattern,
    )
    .prepared(|slots| pattern_at(slots, 1, "replace_pattern"))
    .says(
        "Replaces each match of a regular expression in a text; $1 is the first group. A function is \
         applied to the replacement.",
        "replace_pattern(log.body, \"password=\\\\S+\", \"password=***\")",
    ),
    editor(
        "replace_match",
        &[TARGET, PATTERN, REPLACEMENT, FUNCTION, FORMAT],
        replace_match,
    )
    .prepared(|slots| glob_at(slots, 1, "replace_match"))
    .says(
        "Replaces a text that matches a glob as a whole; * stands for anything.",
        "replace_match(log.attributes[\"http.path\"], \"/user/*\", \"/user/{id}\")",
    ),
    editor(
        "replace_all_patterns",
        &[
            MAP,
            takes("mode", Kind::TheText),
            takes("regex_pattern", Kind::Text),
            REPLACEMENT,
            FUNCTION,
            FORMAT,
        ],
        replace_all_patterns,
    )
    .prepared(check_mode)
    .says(
        "Replaces each match of a regular expression in all texts of a map (\"value\") or in its keys \
         (\"key\").",
        "replace_all_patterns(log.attributes, \"value\", \"\\\\d{4}\", \"****\")",
    ),
    editor(
        "replace_all_matches",
        &[MAP, PATTERN, REPLACEMENT, FUNCTION, FORMAT],
        replace_all_matches,
    )
    .prepared(|slots| glob_at(slots, 1, "replace_all_matches"))
    .says(
        "Replaces all texts of a map that match a glob as a whole.",
        "replace_all_matches(log.attributes, \"/user/*\", \"/user/{id}\")",
    ),
    editor("stringify_all", &[MAP], stringify_all)
        .says("Makes all values of a map texts.", "stringify_all(log.attributes)"),
    editor(
        "truncate_all",
        &[
            MAP,
            takes("limit", Kind::TheInt),
            may_take("utf8_safe", Kind::TheBool),
            may_take("truncation_marker", Kind::TheText),
        ],
        truncate_all,
    )
    .prepared(check_truncation)
    .says("Cuts all texts of a map to so many bytes.", "truncate_all(log.attributes, 4096)"),
];

impl Work<'_, '_> {
    /// The replacement with the function and the format applied: of editors that take a glob, where both
    /// are the same for all texts. `at` is its position.
    fn replacement(&self, at: usize) -> Result<Cow<'_, str>, String> {
        let text = self.text(at)?;
        let Some(Slot::Function(_)) = self.arguments.get(at + 1) else { return Ok(text) };
        let applied = self.applied(at + 1, text.into_owned())?;
        applied.map(Cow::Owned).ok_or_else(|| "replacement value is not a string".to_owned())
    }

    /// The function at a position applied to a text, and the format behind it; nothing if the function does
    /// not make a text.
    fn applied(&self, at: usize, text: String) -> Result<Option<String>, String> {
        let Some(Slot::Function(function)) = self.arguments.get(at) else { return Ok(Some(text)) };
        let Some(parameter) = function.parameters.first() else { return Ok(None) };
        let mut values = [parameter.kind.coerce(Value::from(text))?];
        let scene = self.site.scene();
        let env = Env { scene: &scene, arguments: &[], state: &crate::functions::State::None };
        let Value::Text(text) = (function.run)(&env, &mut values)? else { return Ok(None) };
        if matches!(self.arguments.get(at + 1), None | Some(Slot::Absent)) {
            return Ok(Some(text.into_owned()));
        }
        let format = self.text(at + 1)?;
        if !is_format(&format) {
            return Err("replacementFormat must be format string containing a single %s and no \
                        other format specifiers"
                .to_owned());
        }
        Ok(Some(format.replacen("%s", &text, 1)))
    }

    /// Writes a text with all matches replaced: false if there is none. `at` is the position of the
    /// replacement.
    fn replaced(
        &self,
        regex: &Regex,
        text: &str,
        at: usize,
        out: &mut String,
    ) -> Result<bool, String> {
        let replacement = self.text(at)?;
        out.clear();
        if !matches!(self.arguments.get(at + 1), Some(Slot::Function(_))) {
            return Ok(replace_all(regex, text, &replacement, out));
        }
        let mut done = None;
        for captures in regex.captures_iter(text) {
            let Some(whole) = captures.get(0) else { continue };
            out.push_str(text.get(done.unwrap_or(0)..whole.start()).unwrap_or_default());
            done = Some(whole.end());
            let mut expanded = String::new();
            captures.expand(&replacement, &mut expanded);
            let applied = self.applied(at + 1, expanded)?;
            let applied = applied.ok_or("the replacement value must be a string")?;
            out.push_str(&applied);
        }
        out.push_str(text.get(done.unwrap_or(0)..).unwrap_or_default());
        Ok(done.is_some())
    }
}

/// Appends a text with all matches replaced: false if there is none. `Regex::replace_all` does the same with a
/// new text each time.
fn replace_all(regex: &Regex, text: &str, replacement: &str, out: &mut String) -> bool {
    let mut done = None;
    let mut before = |start: usize, end: usize, out: &mut String| {
        out.push_str(text.get(done.unwrap_or(0)..start).unwrap_or_default());
        done = Some(end);
    };
    if replacement.contains('$') {
        for captures in regex.captures_iter(text) {
            let Some(whole) = captures.get(0) else { continue };
            before(whole.start(), whole.end(), out);
            captures.expand(replacement, out);
        }
    } else {
        // Groups that nobody names cost a second search.
        for whole in regex.find_iter(text) {
            before(whole.start(), whole.end(), out);
            out.push_str(replacement);
        }
    }
    let Some(done) = done else { return false };
    out.push_str(text.get(done..).unwrap_or_default());
    true
}

/// `%s` once or more, and no other verb.
fn is_format(format: &str) -> bool {
    let verbs = format.split('%').skip(1);
    format.contains("%s") && verbs.into_iter().all(|it| it.starts_with('s') || it.is_empty())
}

fn replace_pattern(work: &mut Work<'_, '_>) -> Result<(), String> {
    let target = work.target()?;
    let regex = work.pattern(1, dynamic_regex)?;
    // What most are: an attribute, which is looked for once to be read and written.
    if let (Some(key), Some(replacement)) = (target.attribute(), constant_text(work.arguments, 2))
        && !matches!(work.arguments.get(3), Some(Slot::Function(_)))
        && let Some(mut attributes) = work.site.attributes(target.field.at)
    {
        let new = &mut work.scratch.text;
        attributes.change(key, |old| {
            let ValueRef::Str(old) = old else { return None };
            new.clear();
            replace_all(&regex, old, replacement, new).then_some(pdata::Value::Str(new))
        });
        return Ok(());
    }
    let mut new = std::mem::take(&mut work.scratch.text);
    let changed = match target.get(&work.site)? {
        Value::Text(old) => work.replaced(&regex, &old, 2, &mut new),
        _ => Ok(false),
    };
    let result = match changed {
        Ok(true) => target.set(&mut work.site, &super::Given::Text(&new)),
        Ok(false) => Ok(()),
        Err(error) => Err(error),
    };
    work.scratch.text = new;
    result
}

fn replace_match(work: &mut Work<'_, '_>) -> Result<(), String> {
    let target = work.target()?;
    let glob = work.pattern(1, |it| dynamic_glob(it, "replace_match"))?;
    let replacement = work.replacement(2)?.into_owned();
    let matches = match target.get(&work.site)? {
        Value::Text(old) => glob.is_match(&old),
        _ => false,
    };
    if !matches {
        return Ok(());
    }
    target.set(&mut work.site, &super::Given::Text(&replacement))
}

fn replace_all_matches(work: &mut Work<'_, '_>) -> Result<(), String> {
    let target = work.target()?;
    let glob = work.pattern(1, |it| dynamic_glob(it, "replace_all_matches"))?;
    let replacement = work.replacement(2)?.into_owned();
    target.edit_map(&mut work.site, |map| {
        map.for_each(|_, value, out| {
            let matches = matches!(value, ValueRef::Str(it) if glob.is_match(it));
            if matches {
                out.put(replacement.as_str());
            }
            matches
        });
    })
}

fn check_mode(slots: &[Slot]) -> Result<State, String> {
    let state = pattern_at(slots, 2, "replace_all_patterns")?;
    match constant_text(slots, 1).unwrap_or_default() {
        "key" | "value" => Ok(state),
        other => Err(format!("invalid mode {other}, must be either 'key' or 'value'")),
    }
}

fn replace_all_patterns(work: &mut Work<'_, '_>) -> Result<(), String> {
    let target = work.target()?;
    let regex = work.pattern(2, dynamic_regex)?;
    let of_keys = constant_text(work.arguments, 1) == Some("key");
    if !of_keys && !matches!(work.arguments.get(4), Some(Slot::Function(_))) {
        let replacement = work.text(3)?;
        let new = &mut work.scratch.text;
        return target.edit_map(&mut work.site, |map| {
            map.for_each(|_, value, out| {
                let ValueRef::Str(text) = value else { return false };
                new.clear();
                let changed = replace_all(&regex, text, &replacement, new);
                if changed {
                    out.put(new.as_str());
                }
                changed
            });
        });
    }
    // A function reads nothing but its argument, so the new texts can be made while the map is only read.
    let mut changes: Vec<(String, String)> = Vec::new();
    if let Value::Map(map) = target.get(&work.site)? {
        for (key, value) in map.entries() {
            let text = match &value {
                _ if of_keys => key.as_ref(),
                Value::Text(it) => it.as_ref(),
                _ => continue,
            };
            // What a function cannot take stays as it is.
            let mut new = String::new();
            if let Ok(true) = work.replaced(&regex, text, 3, &mut new) {
                changes.push((key.into_owned(), new));
            }
        }
    }
    target.edit_map(&mut work.site, |map| {
        if of_keys {
            rename(map, &changes);
        } else {
            changes.iter().for_each(|(key, new)| {
                map.update(key, new.as_str());
            });
        }
    })
}

/// Gives keys new names. Of several entries that come to have the same name the last one stays, at the place
/// of the first.
fn rename(map: &mut AttributesEdit<'_>, changes: &[(String, String)]) {
    let taken = |map: &AttributesEdit<'_>, name: &str| map.contains(name);
    if !changes.iter().any(|(_, new)| taken(map, new)) && is_unique(changes) {
        changes.iter().for_each(|(old, new)| {
            map.rename(old, new);
        });
        return;
    }
    let mut entries: Vec<(String, Vec<u8>)> = Vec::new();
    for (key, value) in map.iter_encoded() {
        let key = String::from_utf8_lossy(key);
        let name = changes.iter().find(|it| it.0 == key).map_or(key.as_ref(), |it| &it.1);
        match entries.iter_mut().find(|it| it.0 == name) {
            Some(entry) => entry.1 = value.to_vec(),
            None => entries.push((name.to_owned(), value.to_vec())),
        }
    }
    map.clear();
    for (name, value) in &entries {
        map.set(name, pdata::Value::Encoded(value));
    }
}

fn is_unique(changes: &[(String, String)]) -> bool {
    let mut names: Vec<&str> = changes.iter().map(|it| it.1.as_str()).collect();
    names.sort_unstable();
    names.windows(2).all(|it| matches!(it, [a, b] if a != b))
}

fn stringify_all(work: &mut Work<'_, '_>) -> Result<(), String> {
    let target = work.target()?;
    target.edit_map(&mut work.site, |map| {
        map.for_each(|_, value, out| {
            let is_text = matches!(value, ValueRef::Str(_));
            if !is_text {
                out.put(value.to_string().as_str());
            }
            !is_text
        });
    })
}

fn check_truncation(slots: &[Slot]) -> Result<State, String> {
    let limit = constant_int(slots, 1).unwrap_or_default();
    let marker = constant_text(slots, 3).unwrap_or_default().len();
    match usize::try_from(limit) {
        Err(_) => {
            Err(format!("invalid limit for truncate_all function, {limit} cannot be negative"))
        }
        Ok(limit) if limit < marker => Err(format!(
            "invalid truncation marker for truncate_all function, length of marker {marker} cannot \
             be greater than limit {limit}"
        )),
        Ok(_) => Ok(State::None),
    }
}

fn truncate_all(work: &mut Work<'_, '_>) -> Result<(), String> {
    let target = work.target()?;
    let limit = constant_int(work.arguments, 1).unwrap_or_default();
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let safe = constant_bool(work.arguments, 2).unwrap_or(true);
    let marker = constant_text(work.arguments, 3).unwrap_or_default();
    target.edit_map(&mut work.site, |map| {
        map.for_each(|_, value, out| {
            let ValueRef::Str(text) = value else { return false };
            if text.len() <= limit {
                return false;
            }
            let cut = limit.saturating_sub(marker.len());
            let kept = if safe {
                Cow::Borrowed(text.get(..text.floor_char_boundary(cut)).unwrap_or_default())
            } else {
                // Half a character is no text: it is shown as the sign for that.
                String::from_utf8_lossy(text.as_bytes().get(..cut).unwrap_or_default())
            };
            if marker.is_empty() {
                out.put(kept.as_ref());
            } else {
                out.put((kept.into_owned() + marker).as_str());
            }
            true
        });
    })
}
