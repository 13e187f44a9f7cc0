//! Documents that are a flat list of fields before they are written: sorted, each name once, with or without objects for the dots
//! in names (`internal/objmodel`, v0.159).

use std::borrow::Cow;
use std::cmp::Ordering;

use pdata::{AttributesRef, ValueRef};

use crate::json::{self, Bytes};

/// Fields in the order in which they were added; of those with the same name the last one counts.
#[derive(Debug, Clone, Default)]
pub struct Fields<'a> {
    all: Vec<Field<'a>>,
}

#[derive(Debug, Clone)]
struct Field<'a> {
    name: Cow<'a, str>,
    leaf: Leaf<'a>,
}

/// What a field is written as.
#[derive(Debug, Clone)]
pub enum Leaf<'a> {
    /// A value of telemetry.
    Value(ValueRef<'a>),
    /// A text.
    Text(Cow<'a, str>),
    /// The digits of an id.
    Id(&'a [u8]),
    /// A whole number.
    Int(i64),
    /// Nanoseconds since 1970.
    Time(u64),
    /// What is written already.
    Json(Vec<u8>),
}

impl Leaf<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Leaf::Value(it) => json::value(out, *it, Bytes::Hex),
            Leaf::Text(it) => json::text(out, it),
            Leaf::Id(it) => json::hex(out, it),
            Leaf::Int(it) => json::int(out, *it),
            Leaf::Time(it) => json::time(out, *it),
            Leaf::Json(it) => out.extend_from_slice(it),
        }
    }
}

/// What the value of a name is called that is also the name of an object.
const VALUE: &str = ".value";

/// Two parts of a name with a dot between them.
fn joined<'a>(prefix: &str, name: &'a str) -> Cow<'a, str> {
    if prefix.is_empty() { Cow::Borrowed(name) } else { Cow::Owned(format!("{prefix}.{name}")) }
}

impl<'a> Fields<'a> {
    /// Adds a field.
    pub fn add(&mut self, name: impl Into<Cow<'a, str>>, leaf: Leaf<'a>) {
        self.all.push(Field { name: name.into(), leaf });
    }

    /// A text, unless it is empty.
    pub fn text(&mut self, name: impl Into<Cow<'a, str>>, text: impl Into<Cow<'a, str>>) {
        let text = text.into();
        if !text.is_empty() {
            self.add(name, Leaf::Text(text));
        }
    }

    /// An id, unless it is none.
    pub fn id(&mut self, name: &'static str, id: &'a [u8]) {
        if id.iter().any(|it| *it != 0) {
            self.add(name, Leaf::Id(id));
        }
    }

    /// A value; a map becomes the fields that are in it. Its depth is limited by [`pdata::Limits`].
    pub fn value(&mut self, name: impl Into<Cow<'a, str>>, value: ValueRef<'a>) {
        let name = name.into();
        match value {
            ValueRef::Empty => {}
            ValueRef::Map(map) => self.attributes(&name, map),
            value => self.add(name, Leaf::Value(value)),
        }
    }

    /// All attributes, with a prefix before their names if it is not empty.
    pub fn attributes(&mut self, prefix: &str, all: AttributesRef<'a>) {
        for (key, value) in all.iter() {
            self.value(joined(prefix, key), value);
        }
    }

    /// Writes an object of these fields and of those that came before them.
    pub fn write(&self, before: &[&Fields<'a>], nested: bool, out: &mut Vec<u8>) {
        let all = before.iter().copied().chain([self]).flat_map(|it| &it.all);
        let mut fields: Vec<(Cow<'_, str>, &Leaf<'_>)> =
            all.map(|it| (Cow::Borrowed(it.name.as_ref()), &it.leaf)).collect();
        sort(&mut fields);
        if renamed(&mut fields) {
            sort(&mut fields);
        }
        let mut writer = Writer { out, open: Vec::new(), is_first: true };
        writer.out.push(b'{');
        for (at, (name, leaf)) in fields.iter().enumerate() {
            let is_last = fields.get(at + 1).is_none_or(|next| next.0 != *name);
            if is_last {
                writer.field(name, leaf, nested);
            }
        }
        writer.close(0);
        out.push(b'}');
    }
}

type Named<'a> = (Cow<'a, str>, &'a Leaf<'a>);

/// By their parts: a dot comes before everything else, so that what is in an object stands together.
fn order(a: &str, b: &str) -> Ordering {
    let rank = |byte: u8| if byte == b'.' { 0 } else { u16::from(byte) + 1 };
    a.bytes().map(rank).cmp(b.bytes().map(rank))
}

/// Fields of the same name keep their order.
fn sort(fields: &mut [Named<'_>]) {
    fields.sort_by(|a, b| order(&a.0, &b.0));
}

/// True if `name` is in the object `object`.
fn is_within(name: &str, object: &str) -> bool {
    name.strip_prefix(object).is_some_and(|it| it.starts_with('.'))
}

/// The names in an object, to find those that are also names of objects, since others begin with them: `a` beside `a.b`.
#[derive(Debug)]
pub struct Names<'a> {
    /// Each once. What is in an object stands behind the object's own name.
    sorted: Vec<&'a str>,
    has_clash: bool,
}

impl<'a> Names<'a> {
    /// Of attributes.
    pub fn of(all: AttributesRef<'a>) -> Self {
        let mut sorted: Vec<&str> = all.iter().map(|it| it.0).collect();
        sorted.sort_unstable_by(|a, b| order(a, b));
        sorted.dedup();
        let has_clash = sorted.iter().zip(sorted.iter().skip(1)).any(|it| is_within(it.1, it.0));
        Self { sorted, has_clash }
    }

    /// True if others are in an object of this name.
    pub fn is_object(&self, name: &str) -> bool {
        self.has_clash && !self.within(name).is_empty()
    }

    /// The name for the value of a name that is also an object's: `a.value`, or the first `a.value.value` that is no object.
    /// `None` if there is one of that name.
    pub fn of_value(&self, object: &str) -> Option<String> {
        let (mut name, mut within) = (object.to_owned(), self.within(object));
        loop {
            // All begin with `name`: only what comes then is compared, or a chain of such names would take long.
            let rest = |it: &'a str| it.get(name.len()..).unwrap_or_default();
            let start = within.partition_point(|it| order(rest(it), VALUE).is_lt());
            let from = within.get(start..).unwrap_or_default();
            let is_taken = from.first().is_some_and(|it| rest(it) == VALUE);
            let from = from.get(usize::from(is_taken)..).unwrap_or_default();
            let end = from.partition_point(|it| is_within(rest(it), VALUE));
            within = from.get(..end).unwrap_or_default();
            name.push_str(VALUE);
            if within.is_empty() {
                return (!is_taken).then_some(name);
            }
        }
    }

    fn within(&self, object: &str) -> &[&'a str] {
        let start = self.sorted.partition_point(|it| order(it, object).is_le());
        let from = self.sorted.get(start..).unwrap_or_default();
        let end = from.partition_point(|it| is_within(it, object));
        from.get(..end).unwrap_or_default()
    }
}

/// A field whose name is also that of an object becomes `value` in it: Elasticsearch cannot have both.
fn renamed(fields: &mut [Named<'_>]) -> bool {
    let mut any = false;
    for at in 1..fields.len() {
        let (before, after) = fields.split_at_mut(at);
        let (Some(field), Some(next)) = (before.last_mut(), after.first()) else { continue };
        if is_within(&next.0, &field.0) {
            field.0 = Cow::Owned(format!("{}{VALUE}", field.0));
            any = true;
        }
    }
    any
}

struct Writer<'o, 'n> {
    out: &'o mut Vec<u8>,
    /// Names of the objects that are open.
    open: Vec<&'n str>,
    is_first: bool,
}

impl<'n> Writer<'_, 'n> {
    fn field(&mut self, name: &'n str, leaf: &Leaf<'_>, nested: bool) {
        let mut own = name;
        if nested {
            let mut depth = 0;
            while let Some((part, rest)) = own.split_once('.') {
                if self.open.get(depth) != Some(&part) {
                    self.close(depth);
                    self.key(part);
                    self.out.push(b'{');
                    self.is_first = true;
                    self.open.push(part);
                }
                depth += 1;
                own = rest;
            }
            self.close(depth);
        }
        self.key(own);
        leaf.write(self.out);
    }

    fn key(&mut self, name: &str) {
        if !std::mem::replace(&mut self.is_first, false) {
            self.out.push(b',');
        }
        json::text(self.out, name);
        self.out.push(b':');
    }

    /// Ends the objects below this depth.
    fn close(&mut self, depth: usize) {
        while self.open.len() > depth {
            self.open.pop();
            self.out.push(b'}');
            self.is_first = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pdata::{Logs, LogsBuilder};

    /// `want` is the name for the value: the same where there is no object, and none where it is taken.
    fn check(names: &[&str], object: &str, want: Option<&str>) {
        let mut builder = LogsBuilder::new();
        builder.resource(|it| names.iter().for_each(|name| it.put(name, "v")));
        builder.record(|_| ());
        let logs: Logs = builder.finish();
        let resource = logs.resources().next().unwrap();
        let all = Names::of(resource.attributes());
        let got =
            if all.is_object(object) { all.of_value(object) } else { Some(object.to_owned()) };
        assert_eq!(got.as_deref(), want, "{names:?}");
    }

    #[test]
    fn a_name_that_is_also_an_object_has_its_value_under_another() {
        check(&["a", "b", "a"], "a", Some("a"));
        check(&["a", "a-b", "ab"], "a", Some("a"));
        check(&["a-b", "a.c", "a", "ab", "a.c"], "a", Some("a.value"));
        check(&["a", "a.value"], "a", None);
        check(&["a", "a.value.x", "a.values"], "a", Some("a.value.value"));
        check(&["a", "a.value", "a.value.x"], "a", Some("a.value.value"));
        check(&["a", "a.value", "a.value.x", "a.value.value"], "a", None);
        check(&["a", "a.value-x", "a.valu.e"], "a", Some("a.value"));
    }
}
