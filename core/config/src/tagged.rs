//! Items of a list whose `type` says what else is in them.

use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Value;
use crate::described::{Described, Inside, Item, Key};
use crate::fault::{Fault, Remedy, Type, Wanted};
use crate::load::examine;
use crate::problems::{Caution, Problems};

/// The key that says of which type an item is.
pub(crate) const TYPE: &str = "type";

/// What the items of such a list can be.
pub trait Tags: Sized + 'static {
    /// Every type, in the order in which they are proposed.
    const TAGS: &'static [Tag<Self>];

    /// The type that needs no keys of its own.
    const PLAIN: &'static str;

    /// What the Collector says of an item without a type.
    const MISSING: &'static str;

    /// What the Collector says of a type that is no text but a value of this Go type.
    fn no_text(go_type: &str) -> String;

    /// What the Collector says of a type that does not exist.
    fn unknown(name: &str) -> String;

    /// What the Collector writes above the mistakes in an item of this type.
    fn intro(name: &str) -> String;
}

/// One of the types.
#[derive(Debug)]
pub struct Tag<T> {
    /// As it is written.
    pub name: &'static str,
    /// What it is for.
    pub text: &'static str,
    /// What its keys are.
    pub item: fn() -> Box<Item>,
    read: fn(&Value, &mut Problems) -> Option<T>,
}

impl<T> Tag<T> {
    /// Items of the type `name` have the keys of `C`.
    pub const fn of<C>(name: &'static str, text: &'static str) -> Self
    where
        C: Default + Serialize + DeserializeOwned + Described + Into<T>,
    {
        Self {
            name,
            text,
            item: Item::of::<C>,
            read: |item, found| read::<C>(item, found).map(Into::into),
        }
    }
}

/// An item of such a list, as it was written. It is read when its component is checked, not while the section is read:
/// each item can have many mistakes, and serde reports one.
#[derive(Debug)]
pub struct Tagged<T> {
    written: Value,
    kind: PhantomData<fn() -> T>,
}

impl<T: Tags> Tagged<T> {
    /// Reads the item and works it out. Mistakes are as seen from the item; those of reading it are in the order of its
    /// keys, as the Collector has them, and those that only follow from them are left out.
    pub fn plan<R>(
        &self,
        found: &mut Problems,
        plan: impl FnOnce(T, &mut Problems) -> Option<R>,
    ) -> Option<R> {
        let tag = self.tag().map_err(|fault| found.add(fault).stage).ok()?;
        let mut own = Problems::default();
        let planned = (tag.read)(&self.written, &mut own).and_then(|it| plan(it, &mut own));
        own.settle(&order((tag.item)().inside), &T::intro(tag.name));
        let is_right = own.faults().is_empty();
        found.take(own, |it| it);
        planned.filter(|_| is_right)
    }

    /// Its type.
    ///
    /// # Errors
    /// There is none, or none that is known.
    pub fn tag(&self) -> Result<&'static Tag<T>, Fault> {
        let Value::Map(entries) = self.written.plain() else { return Err(self.no_map()) };
        let name = match entries.iter().find(|it| it.0 == TYPE) {
            None => {
                let mut fault = Fault::read(T::MISSING);
                match guess::<T>(entries).as_slice() {
                    [one] => fault.require(TYPE, *one),
                    several => fault.one_of(TYPE, several),
                };
                fault.wanted = Some(Wanted::Present);
                return Err(fault);
            }
            Some((_, name)) => name.as_str().ok_or_else(|| {
                let mut fault = Fault::read(T::no_text(name.go_type()));
                fault.about(TYPE).wanted = Some(Wanted::Type(Type::Text));
                fault
            })?,
        };
        T::TAGS.iter().find(|it| it.name == name).ok_or_else(|| {
            let mut fault = Fault::read(T::unknown(name));
            fault.one_of(TYPE, &names::<T>());
            fault
        })
    }

    /// Something else than keys; maybe the type alone.
    fn no_map(&self) -> Fault {
        let text = format!("expected a map or struct, got {:?}", self.written.go_kind());
        let mut fault = Fault::type_of(Type::Map, text);
        if let Some(name) = self.written.as_str().filter(|it| names::<T>().contains(it)) {
            fault.remedy = Some(Remedy::Set(format!("{{{TYPE}: {name}}}")));
        }
        fault
    }

    /// What is written there.
    pub fn written(&self) -> &Value {
        &self.written
    }
}

/// The types that know all these keys. Where nothing special is among them, it is the plainest one.
fn guess<T: Tags>(entries: &[(String, Value)]) -> Vec<&'static str> {
    let fits = |it: &&Tag<T>| {
        let keys = order((it.item)().inside);
        entries.iter().all(|(key, _)| keys.contains(&key.as_str()))
    };
    let names: Vec<&str> = T::TAGS.iter().filter(fits).map(|it| it.name).collect();
    if names.contains(&T::PLAIN) { vec![T::PLAIN] } else { names }
}

fn names<T: Tags>() -> Vec<&'static str> {
    T::TAGS.iter().map(|it| it.name).collect()
}

/// Reads what the keys are; those that are not known are ignored, as in the Collector.
fn read<C>(item: &Value, found: &mut Problems) -> Option<C>
where
    C: Default + Serialize + DeserializeOwned,
{
    let (config, faults) = examine::<C>(item);
    for fault in faults {
        if fault.is_at_key() {
            let key = fault.place.iter().map(ToString::to_string).collect::<Vec<_>>().join("::");
            let text = format!("there is no key `{key}` here: it is ignored");
            *found.warn(Caution::IgnoredKey, "", "") = Fault { text, ..fault };
        } else {
            found.add(fault);
        }
    }
    config
}

/// The keys in the order in which the Collector reads them: a struct's own before those of the structs that it embeds.
fn order(inside: Inside) -> Vec<&'static str> {
    let mut names = Vec::new();
    let mut level = vec![inside];
    while !level.is_empty() {
        let keys = level.into_iter().flat_map(|it| match it {
            Inside::Keys(keys) => keys,
            _ => Vec::new(),
        });
        let (embedded, own): (Vec<Key>, Vec<Key>) = keys.partition(|it| it.is_flat);
        names.extend(own.iter().map(|it| it.name));
        level = embedded.iter().map(|it| (it.inside)()).collect();
    }
    names
}

impl<T> From<Value> for Tagged<T> {
    fn from(written: Value) -> Self {
        Self { written, kind: PhantomData }
    }
}

impl<T> Clone for Tagged<T> {
    fn clone(&self) -> Self {
        self.written.clone().into()
    }
}

impl<T> Default for Tagged<T> {
    fn default() -> Self {
        Value::Null.into()
    }
}

impl<T> Serialize for Tagged<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.written.serialize(serializer)
    }
}

impl<'de, T> Deserialize<'de> for Tagged<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::from)
    }
}

impl<T: Tags> Described for Tagged<T> {
    fn inside() -> Inside {
        Inside::Tagged(T::TAGS.iter().map(|it| (it.name, it.text, it.item)).collect())
    }
}
