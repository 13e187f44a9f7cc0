//! Fields of a record, one by one: what guards and programs read without a document. Each is read at most once for a record.

use std::cell::OnceCell;

use component::Signal;
use pdata::{Field, Key, Place, ValueRef};
use rego::compiled::{Input, Val};
use rego::{Lookup, Value};

use crate::layout::{Leaf, rows};
use crate::path::{Part, Path};
use crate::project::{Around, level_of_place, service, to_rego, value_at};

/// Most keys below a leaf that are looked up on the bytes.
const KEYS: usize = 4;

/// The fields that a policy reads of records of one signal.
#[derive(Debug)]
pub(crate) struct Fields {
    signal: Signal,
    /// Names that the section gives to paths.
    aliases: Vec<(Vec<String>, Path)>,
    spots: Vec<Spot>,
}

/// A field.
#[derive(Debug, PartialEq)]
enum Spot {
    At(Leaf, Vec<Part>),
    /// Records of this signal do not have it.
    Absent,
}

impl Fields {
    pub(crate) fn new(signal: Signal, aliases: &[(Vec<String>, Path)]) -> Self {
        Self { signal, aliases: aliases.to_vec(), spots: Vec::new() }
    }

    /// Whether a path below `input` is one field, or nothing at all; above fields there are objects.
    pub(crate) fn is_readable(&self, path: &[&str]) -> bool {
        self.spot(path).is_some()
    }

    /// The place of the field at a path.
    pub(crate) fn add(&mut self, path: &[&str]) -> Option<usize> {
        let spot = self.spot(path)?;
        let known = self.spots.iter().position(|it| *it == spot);
        Some(known.unwrap_or_else(|| {
            self.spots.push(spot);
            self.spots.len() - 1
        }))
    }

    fn spot(&self, path: &[&str]) -> Option<Spot> {
        let touches =
            |(names, _): &(Vec<String>, Path)| names.iter().zip(path).all(|(a, b)| a == b);
        if path.is_empty() || self.aliases.iter().any(touches) {
            return None;
        }
        if let Some((row, leaf)) = rows(self.signal).find(|(row, _)| path.starts_with(row)) {
            let keys = path.get(row.len()..).unwrap_or_default();
            let keys = keys.iter().map(|it| Part::Name((*it).to_owned())).collect();
            return Some(Spot::At(leaf, keys));
        }
        let is_above = rows(self.signal).any(|(row, _)| row.starts_with(path));
        (!is_above).then_some(Spot::Absent)
    }
}

/// Memory for the fields of a record.
pub(crate) type Cells<'p> = Vec<OnceCell<Val<'p>>>;

/// A record whose fields are read when they are asked for.
pub(crate) struct Record<'p, 'e> {
    pub(crate) place: &'p Place<'e>,
    pub(crate) around: &'p Around<'p>,
    fields: &'p Fields,
    lookups: &'p [Lookup],
    cells: Cells<'p>,
}

impl<'p, 'e> Record<'p, 'e> {
    pub(crate) fn new(
        place: &'p Place<'e>,
        around: &'p Around<'p>,
        fields: &'p Fields,
        lookups: &'p [Lookup],
        cells: Cells<'static>,
    ) -> Self {
        let mut cells: Cells<'p> = recycled(cells);
        cells.resize_with(fields.spots.len(), OnceCell::new);
        Self { place, around, fields, lookups, cells }
    }

    /// The memory, for the next record.
    pub(crate) fn into_cells(self) -> Cells<'static> {
        recycled(self.cells)
    }

    /// A field.
    pub(crate) fn field(&self, at: usize) -> &Val<'p> {
        const NONE: &Val<'static> = &Val::UNDEFINED;
        let (Some(cell), Some(spot)) = (self.cells.get(at), self.fields.spots.get(at)) else {
            return NONE;
        };
        cell.get_or_init(|| match spot {
            Spot::Absent => Val::UNDEFINED,
            Spot::At(leaf, keys) => read(*leaf, keys, self.place, self.around),
        })
    }
}

/// The memory of a vector for values that live otherwise; the standard library keeps it, as nothing is converted.
fn recycled<A, B>(mut of: Vec<A>) -> Vec<B> {
    of.clear();
    of.into_iter().filter_map(|_| None).collect()
}

/// What a program sees of a record: its own list of fields.
pub(crate) struct View<'v, 'p, 'e> {
    pub(crate) record: &'v Record<'p, 'e>,
    pub(crate) fields: &'v [usize],
}

impl<'x, 'p: 'x> Input<'x> for View<'_, 'p, '_> {
    fn field(&self, at: usize) -> Val<'x> {
        self.fields.get(at).map_or(Val::UNDEFINED, |it| self.record.field(*it).clone())
    }

    fn lookup(&self, document: usize, key: &Value) -> Value {
        let lookup = self.record.lookups.get(document);
        lookup.map_or(Value::Undefined, |it| (it.answer)(key))
    }
}

/// Reads a field. Texts are borrowed.
pub(crate) fn read<'p>(
    leaf: Leaf,
    keys: &[Part],
    place: &'p Place<'_>,
    around: &Around<'_>,
) -> Val<'p> {
    match (leaf, keys) {
        (Leaf::Level, []) => Val::Text(level_of_place(place)),
        (Leaf::Service, []) => Val::Text(service(place)),
        (Leaf::Attributes(field), [Part::Name(key)]) => val(place.entry(field, key)),
        (Leaf::Plain(field) | Leaf::Any(field) | Leaf::Attributes(field), _) => {
            at(field, &[], keys, place)
        }
        (Leaf::Tags, [_, ..]) => {
            let has_tags =
                matches!(place.entry(Field::LOG_ATTRIBUTES, "tags"), Some(ValueRef::Map(_)));
            let prefix: &[&str] = if has_tags { &["tags"] } else { &[] };
            at(Field::LOG_ATTRIBUTES, prefix, keys, place)
        }
        _ => Val::Own(value_at(leaf, keys, place, around)),
    }
}

fn at<'p>(field: Field, prefix: &[&str], keys: &[Part], place: &'p Place<'_>) -> Val<'p> {
    let all = prefix.iter().map(|it| Key::from(*it)).chain(keys.iter().map(Part::key));
    let count = prefix.len() + keys.len();
    if count > KEYS {
        let all: Vec<Key<'_>> = all.collect();
        return val(place.get(field, &all).ok().flatten());
    }
    let mut some: [Key<'_>; KEYS] = [const { Key::Index(0) }; KEYS];
    some.iter_mut().zip(all).for_each(|(to, from)| *to = from);
    val(place.get(field, some.get(..count).unwrap_or_default()).ok().flatten())
}

fn val(value: Option<ValueRef<'_>>) -> Val<'_> {
    match value {
        None => Val::UNDEFINED,
        Some(ValueRef::Str(text)) => Val::Text(text),
        Some(other) => Val::Own(to_rego(other)),
    }
}
