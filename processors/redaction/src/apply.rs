//! Changes attributes and bodies, and says what was changed.

use pdata::{Field, Key, Place, Value, ValueRef};

use crate::rules::{Rules, Summary, Verdict};

/// Maps and lists in each other that are looked at.
const NESTING_MAX: usize = 64;

/// Keys by what became of them.
#[derive(Default)]
struct Told {
    removed: Vec<String>,
    masked: Vec<String>,
    allowed: Vec<String>,
    ignored: usize,
}

/// The attributes that tell it.
struct Names {
    removed: [&'static str; 2],
    masked: [&'static str; 2],
    allowed: [&'static str; 2],
    ignored: &'static str,
}

const OF_ATTRIBUTES: Names = Names {
    removed: ["redaction.redacted.keys", "redaction.redacted.count"],
    masked: ["redaction.masked.keys", "redaction.masked.count"],
    allowed: ["redaction.allowed.keys", "redaction.allowed.count"],
    ignored: "redaction.ignored.count",
};

const OF_BODY: Names = Names {
    removed: ["redaction.body.redacted.keys", "redaction.body.redacted.count"],
    masked: ["redaction.body.masked.keys", "redaction.body.masked.count"],
    allowed: ["redaction.body.allowed.keys", "redaction.body.allowed.count"],
    ignored: "redaction.body.ignored.count",
};

/// The attributes of a field.
pub(crate) fn attributes(place: &mut Place<'_>, field: Field, rules: &Rules) {
    let Some(mut attributes) = place.attributes(field) else { return };
    let mut told = Told::default();
    let mut masked = Vec::new();
    for (key, value) in attributes.iter() {
        match rules.of_attribute(key, value) {
            Verdict::Stays => {}
            Verdict::Ignored => told.ignored += 1,
            Verdict::Allowed => told.allowed.push(key.to_owned()),
            Verdict::Removed => told.removed.push(key.to_owned()),
            Verdict::Masked(text) => masked.push((key.to_owned(), text)),
        }
    }
    for key in &told.removed {
        attributes.remove(key);
    }
    for (key, text) in &masked {
        attributes.set(key, text.as_str());
    }
    told.masked = masked.into_iter().map(|it| it.0).collect();
    tell(place, field, told, &OF_ATTRIBUTES, rules.summary);
}

/// The body of a log record.
pub(crate) fn body(place: &mut Place<'_>, field: Field, rules: &Rules) {
    let mut found = Found::default();
    match place.get(field, &[]).ok().flatten().unwrap_or_default() {
        body @ (ValueRef::Map(_) | ValueRef::Array(_)) => {
            found.look(rules, body, "", &mut Vec::new());
        }
        leaf => {
            found.leaf(rules, leaf, "body", &[]);
            // That such a body stays is not told, as upstream.
            found.told.allowed.clear();
        }
    }
    for (keys, text) in &found.masked {
        let _ = place.set(field, &borrowed(keys), Value::Str(text));
    }
    for keys in &found.removed {
        let _ = place.remove(field, &borrowed(keys));
    }
    tell(place, Field::LOG_ATTRIBUTES, found.told, &OF_BODY, rules.summary);
}

/// A step into a body.
#[derive(Clone)]
enum Step {
    Key(String),
    Item(i64),
}

fn borrowed(steps: &[Step]) -> Vec<Key<'_>> {
    let key = |it| match it {
        &Step::Item(at) => Key::Index(at),
        Step::Key(key) => Key::Text(key.as_str().into()),
    };
    steps.iter().map(key).collect()
}

/// What is to be changed in a body.
#[derive(Default)]
struct Found {
    told: Told,
    masked: Vec<(Vec<Step>, String)>,
    removed: Vec<Vec<Step>>,
}

impl Found {
    /// `name` is the path to the value, `steps` how to get there.
    fn look(&mut self, rules: &Rules, value: ValueRef<'_>, name: &str, steps: &mut Vec<Step>) {
        if steps.len() >= NESTING_MAX {
            return;
        }
        match value {
            ValueRef::Map(map) => {
                let mut removed = Vec::new();
                for (key, value) in map.iter() {
                    let path =
                        if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
                    steps.push(Step::Key(key.to_owned()));
                    match rules.of_key(key) {
                        Some(Verdict::Ignored) => self.told.ignored += 1,
                        Some(_) => {
                            self.removed.push(steps.clone());
                            removed.push(path);
                        }
                        None if rules.is_blocked_key(key) => {
                            let text = value.as_str().unwrap_or_default();
                            self.masked.push((steps.clone(), rules.masked_whole(text)));
                            self.told.masked.push(path);
                        }
                        None => self.look(rules, value, &path, steps),
                    }
                    steps.pop();
                }
                self.told.removed.append(&mut removed);
            }
            ValueRef::Array(items) => {
                for (at, value) in (0..).zip(items.iter()) {
                    let path =
                        if name.is_empty() { format!("[{at}]") } else { format!("{name}.[{at}]") };
                    steps.push(Step::Item(at));
                    self.look(rules, value, &path, steps);
                    steps.pop();
                }
            }
            leaf => self.leaf(rules, leaf, name, steps),
        }
    }

    fn leaf(&mut self, rules: &Rules, value: ValueRef<'_>, name: &str, steps: &[Step]) {
        match rules.of_leaf(value) {
            Verdict::Allowed => self.told.allowed.push(name.to_owned()),
            Verdict::Masked(text) => {
                self.masked.push((steps.to_vec(), text));
                self.told.masked.push(name.to_owned());
            }
            _ => {}
        }
    }
}

fn tell(place: &mut Place<'_>, field: Field, told: Told, names: &Names, summary: Summary) {
    if summary == Summary::Silent {
        return;
    }
    for (mut keys, [list, count]) in
        [(told.removed, names.removed), (told.masked, names.masked), (told.allowed, names.allowed)]
    {
        number(place, field, count, keys.len());
        if keys.is_empty() || summary != Summary::Keys {
            continue;
        }
        if let Some(ValueRef::Str(before)) =
            place.entry(field, list).filter(|it| *it != ValueRef::Str(""))
        {
            keys.extend(before.split(',').map(str::to_owned));
        }
        keys.sort();
        let _ = place.set(field, &[list.into()], Value::Str(&keys.join(",")));
    }
    number(place, field, names.ignored, told.ignored);
}

/// Added to what an earlier processor has counted.
fn number(place: &mut Place<'_>, field: Field, name: &str, more: usize) {
    if more == 0 {
        return;
    }
    let before = match place.entry(field, name) {
        Some(ValueRef::Int(it)) => it,
        _ => 0,
    };
    let sum = before.saturating_add(i64::try_from(more).unwrap_or(i64::MAX));
    let _ = place.set(field, &[name.into()], Value::Int(sum));
}
