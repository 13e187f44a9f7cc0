//! Changes attributes and bodies, and says what was changed.

use std::collections::HashSet;

use component::Signal;
use pdata::{Field, Place, Value, ValueBuf, ValueRef, ValueWriter};

use crate::rules::{self, Rules, Summary, Verdict};

/// Maps and lists in each other that are looked at.
const NESTING_MAX: usize = 64;

/// What became of the keys.
struct Told {
    summary: Summary,
    removed: Keys,
    masked: Keys,
    allowed: Keys,
    ignored: usize,
}

/// How many, and which if the summary has them.
#[derive(Default)]
struct Keys {
    count: usize,
    names: Vec<String>,
}

impl Told {
    fn new(summary: Summary) -> Self {
        let [removed, masked, allowed] = std::array::from_fn(|_| Keys::default());
        Self { summary, removed, masked, allowed, ignored: 0 }
    }
}

impl Keys {
    fn add(&mut self, summary: Summary, name: &str) {
        self.count += 1;
        if summary == Summary::Keys {
            self.names.push(name.to_owned());
        }
    }
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
    // Records do not always say of which database they are.
    let any = place.signal() == Signal::Logs;
    let Some(mut attributes) = place.attributes(field) else { return };
    let text = |key: &str| attributes.get(key)?.as_str().map(str::to_owned);
    let system = if rules.has_databases() { rules::system(text) } else { String::new() };
    let (summary, mut told) = (rules.summary, Told::new(rules.summary));
    let mut removed = HashSet::new();
    attributes.for_each(|key, value, out| match rules.of_attribute(key, value, (&system, any)) {
        Verdict::Stays => false,
        Verdict::Ignored => {
            told.ignored += 1;
            false
        }
        Verdict::Allowed => {
            told.allowed.add(summary, key);
            false
        }
        Verdict::Removed => {
            told.removed.add(summary, key);
            removed.insert(key.to_owned());
            false
        }
        Verdict::Masked(text) => {
            told.masked.add(summary, key);
            out.put(&text);
            true
        }
    });
    if !removed.is_empty() {
        attributes.retain(|key, _| !removed.contains(key));
    }
    tell(place, field, told, &OF_ATTRIBUTES);
}

/// The name of a span, with the attributes that it came with.
pub(crate) fn span_name(place: &mut Place<'_>, rules: &Rules) {
    let Some(span) = place.span() else { return };
    let text = |value: ValueRef<'_>| value.as_str().unwrap_or_default().to_owned();
    let get = |key: &str| span.attributes().get(key).map(text);
    if let Some(name) = rules.of_span_name(span.name(), span.kind(), get) {
        let _ = place.set(Field::SPAN_NAME, &[], Value::Str(&name));
    }
}

/// The body of a log record.
pub(crate) fn body(place: &mut Place<'_>, field: Field, rules: &Rules) {
    let mut rewriting = Rewriting { rules, told: Told::new(rules.summary), path: String::new() };
    let written = match place.get(field, &[]).ok().flatten().unwrap_or_default() {
        body @ (ValueRef::Map(_) | ValueRef::Array(_)) => {
            ValueBuf::build(|out| rewriting.value(body, 0, out))
        }
        leaf => {
            rewriting.path.push_str("body");
            let written = ValueBuf::build(|out| rewriting.leaf(leaf, out));
            // That such a body stays is not told, as upstream.
            rewriting.told.allowed = Keys::default();
            written
        }
    };
    let told = rewriting.told;
    if told.masked.count + told.removed.count > 0 {
        let _ = place.set(field, &[], written.value());
    }
    tell(place, Field::LOG_ATTRIBUTES, told, &OF_BODY);
}

/// Writes a body once more, with what is masked and without what is removed.
struct Rewriting<'r> {
    rules: &'r Rules,
    told: Told,
    /// The path to the value, as the summary shows it.
    path: String,
}

impl Rewriting<'_> {
    fn value(&mut self, value: ValueRef<'_>, depth: usize, out: &mut ValueWriter<'_>) {
        if depth >= NESTING_MAX {
            return out.put(value);
        }
        match value {
            ValueRef::Map(map) => out.map(|out| {
                for (key, value) in map.iter() {
                    let around = self.path.len();
                    self.enter(&[key]);
                    match self.rules.of_key(key) {
                        Some(Verdict::Ignored) => {
                            self.told.ignored += 1;
                            out.put(key, value);
                        }
                        Some(_) => self.told.removed.add(self.told.summary, &self.path),
                        None if self.rules.is_blocked_key(key) => {
                            self.told.masked.add(self.told.summary, &self.path);
                            let text = value.as_str().unwrap_or_default();
                            out.put(key, &self.rules.masked_whole(text));
                        }
                        None => out.value(key, |out| self.value(value, depth + 1, out)),
                    }
                    self.path.truncate(around);
                }
            }),
            ValueRef::Array(items) => out.array(|out| {
                for (at, value) in items.iter().enumerate() {
                    let around = self.path.len();
                    self.enter(&["[", &at.to_string(), "]"]);
                    out.value(|out| self.value(value, depth + 1, out));
                    self.path.truncate(around);
                }
            }),
            leaf => self.leaf(leaf, out),
        }
    }

    fn enter(&mut self, name: &[&str]) {
        if self.told.summary != Summary::Keys {
            return;
        }
        if !self.path.is_empty() {
            self.path.push('.');
        }
        name.iter().for_each(|it| self.path.push_str(it));
    }

    fn leaf(&mut self, value: ValueRef<'_>, out: &mut ValueWriter<'_>) {
        match self.rules.of_leaf(value) {
            Verdict::Masked(text) => {
                self.told.masked.add(self.told.summary, &self.path);
                out.put(&text);
            }
            verdict => {
                if verdict == Verdict::Allowed {
                    self.told.allowed.add(self.told.summary, &self.path);
                }
                out.put(value);
            }
        }
    }
}

fn tell(place: &mut Place<'_>, field: Field, told: Told, names: &Names) {
    if told.summary == Summary::Silent {
        return;
    }
    for (keys, [list, count]) in
        [(told.removed, names.removed), (told.masked, names.masked), (told.allowed, names.allowed)]
    {
        number(place, field, count, keys.count);
        let mut keys = keys.names;
        if keys.is_empty() {
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
