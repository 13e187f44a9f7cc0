//! Documents that are a flat list of fields before they are written: sorted, each name once, with or without objects for the dots
//! in names (`internal/objmodel`, v0.159).

use std::borrow::Cow;
use std::cmp::Ordering;

use documents::json::{self, Bytes};
use documents::rfc3339_nanos;
use pdata::{AttributesRef, ValueRef};

/// Fields in the order in which they were added; of those with the same name the last one counts.
#[derive(Clone, Default)]
pub(crate) struct Fields<'a> {
    all: Vec<Field<'a>>,
}

#[derive(Clone)]
struct Field<'a> {
    name: Cow<'a, str>,
    leaf: Leaf<'a>,
}

#[derive(Clone)]
pub(crate) enum Leaf<'a> {
    Value(ValueRef<'a>),
    Text(Cow<'a, str>),
    Id(&'a [u8]),
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
            Leaf::Time(it) => {
                out.push(b'"');
                rfc3339_nanos(out, *it);
                out.push(b'"');
            }
            Leaf::Json(it) => out.extend_from_slice(it),
        }
    }
}

/// Two parts of a name with a dot between them.
fn joined<'a>(prefix: &str, name: &'a str) -> Cow<'a, str> {
    if prefix.is_empty() { Cow::Borrowed(name) } else { Cow::Owned(format!("{prefix}.{name}")) }
}

impl<'a> Fields<'a> {
    pub(crate) fn add(&mut self, name: impl Into<Cow<'a, str>>, leaf: Leaf<'a>) {
        self.all.push(Field { name: name.into(), leaf });
    }

    pub(crate) fn text(&mut self, name: impl Into<Cow<'a, str>>, text: impl Into<Cow<'a, str>>) {
        let text = text.into();
        if !text.is_empty() {
            self.add(name, Leaf::Text(text));
        }
    }

    pub(crate) fn id(&mut self, name: &'static str, id: &'a [u8]) {
        if id.iter().any(|it| *it != 0) {
            self.add(name, Leaf::Id(id));
        }
    }

    /// A value; a map becomes the fields that are in it. Its depth is limited by [`pdata::Limits`].
    pub(crate) fn value(&mut self, name: impl Into<Cow<'a, str>>, value: ValueRef<'a>) {
        let name = name.into();
        match value {
            ValueRef::Empty => {}
            ValueRef::Map(map) => self.attributes(&name, map),
            value => self.add(name, Leaf::Value(value)),
        }
    }

    pub(crate) fn attributes(&mut self, prefix: &str, all: AttributesRef<'a>) {
        for (key, value) in all.iter() {
            self.value(joined(prefix, key), value);
        }
    }

    /// Writes an object of these fields and of those that came before them.
    pub(crate) fn write(&self, before: &[&Fields<'a>], nested: bool, out: &mut Vec<u8>) {
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

/// A field whose name is also that of an object becomes `value` in it: Elasticsearch cannot have both.
fn renamed(fields: &mut [Named<'_>]) -> bool {
    let mut any = false;
    for at in 1..fields.len() {
        let (before, after) = fields.split_at_mut(at);
        let (Some(field), Some(next)) = (before.last_mut(), after.first()) else { continue };
        let is_object = next.0.strip_prefix(field.0.as_ref()).is_some_and(|it| it.starts_with('.'));
        if is_object {
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
