//! What a configuration says of its keys to people: the doc comments of its types.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use crate::shape::Shape;
use crate::{Choice, Duration, MapList, Secret, Section, Value};

/// A type of a configuration that knows what its doc comments say. Derive it: `#[derive(Described)]`.
pub trait Described {
    /// What is to be said of the inside of a value.
    fn inside() -> Inside;
}

/// The inside of a value.
#[derive(Debug)]
pub enum Inside {
    /// Nothing is to be said.
    Plain,
    /// Several forms: the default does not show them all.
    Any,
    /// These keys, of the type that upstream calls so.
    Keys(Vec<Key>, Upstream),
    /// Items, all alike.
    Items(Box<Item>),
    /// A text, or this.
    TextOr(Box<Item>),
    /// Absent by default.
    Maybe(Box<Item>),
    /// Any keys, whose values are alike.
    Entries(Box<Item>),
    /// The keys depend on the value of the key `type`: each value, what it stands for, and what is inside then.
    Tagged(Vec<(&'static str, &'static str, fn() -> Box<Item>)>),
}

/// What upstream's texts say of a type.
#[derive(Debug, Clone, Copy, Default)]
pub struct Upstream {
    /// Its name in Go; empty where no text names it.
    pub name: &'static str,
    /// It reads itself (`Unmarshal`), which starts the paths in texts anew.
    pub unmarshals: bool,
    /// What its keys name, each of which is read on its own: `scraper`; empty for keys as usual.
    pub parts: &'static str,
}

/// A key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// As it is written in YAML.
    pub name: &'static str,
    /// Its doc comment on one line.
    pub text: &'static str,
    /// It is no key: the keys inside stand in its place.
    pub is_flat: bool,
    /// It is not printed while its value says nothing: Go's `omitempty`.
    pub omit_empty: bool,
    /// It is not shown as Go's JSON while it has its default: upstream does not have it.
    pub omit_default: bool,
    /// The type that upstream's texts name, where it is not the one that belongs to the type of Rust; else empty. `struct`
    /// is a struct that reads itself from a text, such as an id; items of a list and pointers are as in Go.
    pub go: &'static str,
    /// What is inside.
    pub inside: fn() -> Inside,
}

/// An item of a list, or the value of any key.
#[derive(Debug)]
pub struct Item {
    /// What is inside.
    pub inside: Inside,
    /// What it looks like when nothing is written.
    pub(crate) shape: Shape,
}

impl Item {
    /// What its type says of it.
    pub fn of<T: Described + Default + Serialize>() -> Box<Self> {
        let shape = Shape::of(&T::default()).unwrap_or(Shape::Null);
        Box::new(Self { inside: T::inside(), shape })
    }
}

/// All keys, those of flattened structs in their place.
pub(crate) fn flat(keys: &[Key]) -> Vec<Key> {
    let mut all = Vec::new();
    for key in keys {
        match (key.is_flat, (key.inside)()) {
            (true, Inside::Keys(below, _)) => all.extend(flat(&below)),
            _ => all.push(*key),
        }
    }
    all
}

macro_rules! plain {
    ($($kind:ty)*) => {$(
        impl Described for $kind {
            fn inside() -> Inside {
                Inside::Plain
            }
        }
    )*};
}

plain! {
    bool char i8 i16 i32 i64 u8 u16 u32 u64 usize isize f32 f64
    String PathBuf Duration Secret MapList Value
}

impl<T> Described for Choice<T> {
    fn inside() -> Inside {
        Inside::Plain
    }
}

/// A box closes a circle of types, such as samplers inside samplers: here the description ends.
impl<T> Described for Box<T> {
    fn inside() -> Inside {
        Inside::Any
    }
}

impl<T: Described + Default + Serialize> Described for Vec<T> {
    fn inside() -> Inside {
        Inside::Items(Item::of::<T>())
    }
}

impl<T: Described + Default + Serialize> Described for BTreeMap<String, T> {
    fn inside() -> Inside {
        Inside::Entries(Item::of::<T>())
    }
}

impl<T: Described> Described for Section<T> {
    fn inside() -> Inside {
        T::inside()
    }
}

/// What is absent by default is described as if it were there.
impl<T: Described + Default + Serialize> Described for Option<T> {
    fn inside() -> Inside {
        Inside::Maybe(Item::of::<T>())
    }
}
