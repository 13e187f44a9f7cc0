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
pub fn is_within(name: &str, object: &str) -> bool {
    name.strip_prefix(object).is_some_and(|it| it.starts_with('.'))
}

/// Keys that have a value and are also the name of an object, since others begin with them: `a` beside `a.b`.
pub fn clashes(all: AttributesRef<'_>) -> Vec<&str> {
    let mut keys: Vec<&str> = all.iter().map(|it| it.0).collect();
    keys.sort_unstable_by(|a, b| order(a, b));
    let pairs = keys.iter().zip(keys.iter().skip(1));
    pairs.filter(|it| is_within(it.1, it.0)).map(|it| *it.0).collect()
}

/// A field whose name is also that of an object becomes `value` in it: Elasticsearch cannot have both.
fn renamed(fields: &mut [Named<'_>]) -> bool {
    let mut any = false;
    for at in 1..fields.len() {
        let (before, after) = fields.split_at_mut(at);
        let (Some(field), Some(next)) = (before.last_mut(), after.first()) else { continue };
        if is_within(&next.0, &field.0) {
            field.0 = Cow::Owned(format!("{}.value", field.0));
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
