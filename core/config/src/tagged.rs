//! Items of a list whose `type` says what else is in them.

use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Value;
use crate::described::{Described, Inside, Item, Key, flat};
use crate::fault::{Fault, Remedy, Step, Type, Wanted};
use crate::load::examine;
use crate::named::retype;
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

    /// What was meant by a type that does not exist, where that is not the one whose name is most like it.
    fn meant(_name: &str) -> Option<Remedy> {
        None
    }

    /// What the Collector writes above the mistakes in an item of this type.
    fn intro(name: &str) -> String;

    /// The Collector reads a part of an item of this type on its own, to which this key belongs: how many steps lead to it.
    fn alone(_name: &str, _key: &str) -> Option<usize> {
        None
    }
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
        let keys = order((tag.item)().inside);
        own.settle(&keys, |key| T::alone(tag.name, key), &T::intro(tag.name));
        let is_right = own.faults().is_empty();
        found.take(own, |it| it);
        planned.filter(|_| is_right)
    }

    /// Its type.
    ///
    /// # Errors
    /// There is none, or none that is known.
    pub fn tag(&self) -> Result<&'static Tag<T>, Fault> {
        let entries = match self.written.plain() {
            Value::Map(entries) => entries.as_slice(),
            Value::Null => &[],
            _ => return Err(self.no_map()),
        };
        let name = match entries.iter().find(|it| it.0 == TYPE) {
            None => {
                return Err(missing::<T>(entries));
            }
            Some((_, name)) => name.as_str().ok_or_else(|| {
                let got = if *name == Value::Null { "<nil>" } else { name.go_type() };
                let mut fault = Fault::read(T::no_text(got));
                fault.about(TYPE).wanted = Some(Wanted::Type(Type::Text));
                fault
            })?,
        };
        T::TAGS.iter().find(|it| it.name == name).ok_or_else(|| {
            let mut fault = Fault::read(T::unknown(name));
            fault.one_of(TYPE, &names::<T>());
            if let Some(meant) = T::meant(name) {
                fault.wanted = Some(Wanted::OneOf(Vec::new()));
                fault.remedy = Some(meant);
            }
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

    /// True for an item without a type whose keys are all keys of `before`: then it is a part of that item.
    pub fn is_part_of(&self, before: &Self) -> bool {
        let (Value::Map(entries), Ok(tag)) = (self.written.plain(), before.tag()) else {
            return false;
        };
        let keys = order((tag.item)().inside);
        let fits = |(key, _): &(String, Value)| {
            key != TYPE && keys.contains(&key.as_str()) && before.written.get(key).is_none()
        };
        !entries.is_empty() && entries.iter().all(fits)
    }

    /// What is written there.
    pub fn written(&self) -> &Value {
        &self.written
    }
}

/// An item without a type. Maybe the type is the only key, and its keys stand below it.
fn missing<T: Tags>(entries: &[(String, Value)]) -> Fault {
    let mut fault = Fault::read(T::MISSING);
    fault.wanted = Some(Wanted::Present);
    let is_type = |it: &str| names::<T>().contains(&it);
    // `- regex_parser:`, with or without its keys beside it.
    if let Some((name, _)) =
        entries.iter().find(|it| is_type(&it.0) && *it.1.plain() == Value::Null)
    {
        fault.remedy = Some(Remedy::ValueOf(TYPE.to_owned()));
        fault.about(name);
        return fault;
    }
    match (entries, guess::<T>(entries).as_slice()) {
        ([(name, _)], _) if is_type(name) => {
            let help =
                format!("write `- {TYPE}: {name}`, and beside it the keys that are below it");
            fault.say(name, help);
        }
        (_, []) => {
            fault.one_of(TYPE, &names::<T>());
        }
        (_, [one]) => {
            fault.set(TYPE, *one);
        }
        (_, several) => {
            fault.one_of(TYPE, several);
        }
    }
    fault
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
    C: Default + Serialize + DeserializeOwned + Described,
{
    let (config, mut faults) = examine::<C>(item);
    retype::<C>(&mut faults, item);
    for mut fault in faults {
        if let (Some(Wanted::Key(_, places)), Some(Step::Key(key))) =
            (&mut fault.wanted, fault.place.last())
        {
            owners(C::inside(), key, &mut Vec::new(), places);
            let key = fault.place.iter().map(ToString::to_string).collect::<Vec<_>>().join("::");
            let text = format!("there is no key `{key}` here: it is ignored");
            *found.warn(Caution::IgnoredKey, "", "") = Fault { text, ..fault };
        } else {
            found.add(fault);
        }
    }
    config
}

/// The blocks of keys that know `key`.
fn owners(inside: Inside, key: &str, path: &mut Vec<Step>, found: &mut Vec<Vec<Step>>) {
    match inside {
        Inside::Maybe(item) => owners(item.inside, key, path, found),
        Inside::Keys(keys, _) => {
            let keys = flat(&keys);
            if !path.is_empty() && keys.iter().any(|it| it.name == key) {
                found.push(path.clone());
            }
            for block in keys {
                path.push(Step::from(block.name));
                owners((block.inside)(), key, path, found);
                path.pop();
            }
        }
        _ => {}
    }
}

/// The keys in the order in which the Collector reads them: a struct's own before those of the structs that it embeds.
fn order(inside: Inside) -> Vec<&'static str> {
    let mut names = Vec::new();
    let mut level = vec![inside];
    while !level.is_empty() {
        let keys = level.into_iter().flat_map(|it| match it {
            Inside::Keys(keys, _) => keys,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Stage, Together};

    /// Its keys as they were read.
    struct Animal(String);

    /// What both have.
    #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
    struct Common {
        /// Which it is.
        #[serde(rename = "type")]
        kind: String,
        /// How it is called.
        name: String,
    }

    #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
    struct Tail {
        /// In centimetres.
        length: i64,
    }

    #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
    struct DogKeys {
        /// How loud it is.
        volume: i64,
        /// What it wags with.
        tail: Option<Tail>,
    }

    #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
    struct CatKeys {
        /// How many are left.
        lives: Option<String>,
    }

    type Dog = Together<DogKeys, Common>;
    type Cat = Together<CatKeys, Common>;

    impl From<Dog> for Animal {
        fn from(it: Dog) -> Self {
            Animal(format!("dog {it:?}"))
        }
    }

    impl From<Cat> for Animal {
        fn from(it: Cat) -> Self {
            Animal(format!("cat {it:?}"))
        }
    }

    impl Tags for Animal {
        const TAGS: &'static [Tag<Self>] =
            &[Tag::of::<Cat>("cat", "Meows."), Tag::of::<Dog>("dog", "Barks.")];
        const PLAIN: &'static str = "cat";
        const MISSING: &'static str = "no type";

        fn no_text(go_type: &str) -> String {
            format!("type is a {go_type}")
        }

        fn unknown(name: &str) -> String {
            format!("no {name}")
        }

        fn intro(name: &str) -> String {
            format!("in {name}:")
        }

        fn alone(_: &str, key: &str) -> Option<usize> {
            (key == "tail").then_some(1)
        }
    }

    /// What becomes of an item: what it is, or everything that is wrong, then the warnings.
    fn check(item: &str, want: Result<&str, &[&str]>) {
        let item: Value = serde_json::from_str(item).unwrap();
        let mut found = Problems::default();
        let read = Tagged::<Animal>::from(item).plan(&mut found, |it, _| Some(it.0));
        let mut texts: Vec<String> = found
            .of(Stage::Read)
            .map(|it| it.clone().within_item(3).within("list").read_text())
            .collect();
        texts.extend(found.warnings().iter().map(|it| format!("{:?} {}", it.1.place, it.1.text)));
        match want {
            Ok(part) => {
                assert!(read.as_ref().is_some_and(|it| it.contains(part)), "{read:?} {texts:?}")
            }
            Err(want) => assert_eq!(texts, want),
        }
    }

    #[test]
    fn the_type_chooses_the_keys() {
        check(
            r#"{"type": "dog", "name": "Rex", "volume": 5}"#,
            Ok("dog Together { own: DogKeys { volume: 5"),
        );
        check(r#"{"type": "cat", "lives": "nine"}"#, Ok("lives: Some(\"nine\")"));
    }

    #[test]
    fn one_sentence_stands_above_the_mistakes_of_an_item_and_of_a_part_of_it() {
        check(
            r#"{"type": "dog", "name": 1, "volume": "loud", "tail": {"length": "x"}}"#,
            Err(&[
                "'list[3]' in dog:\n\n'volume' expected type 'int', got unconvertible type 'string'",
                "'tail' decoding failed due to the following error(s):\n\n'length' expected type 'int', \
                 got unconvertible type 'string'",
                "'name' expected type 'string', got unconvertible type 'int'",
            ]),
        );
        check(r#"{"type": "cow"}"#, Err(&["'list[3]' no cow"]));
        check(r#"{"type": null}"#, Err(&["'list[3]' type is a <nil>"]));
        check(r#""dog""#, Err(&["'list[3]' expected a map or struct, got \"string\""]));
    }

    #[test]
    fn unknown_keys_are_ignored_with_a_warning() {
        check(
            r#"{"type": "dog", "length": 5}"#,
            Err(&["[Key(\"length\")] there is no key `length` here: it is ignored"]),
        );
    }

    #[test]
    fn a_missing_type_is_guessed_from_the_keys() {
        let remedy = |item: &str| {
            let item: Value = serde_json::from_str(item).unwrap();
            Tagged::<Animal>::from(item).tag().err().unwrap().remedy
        };
        assert_eq!(remedy(r#"{"volume": 5}"#), Some(Remedy::Set("dog".to_owned())));
        assert_eq!(remedy(r#"{"name": "Tom"}"#), Some(Remedy::Set("cat".to_owned())));
    }

    #[test]
    fn a_key_of_a_block_beside_it_knows_its_block() {
        let mut found = Problems::default();
        let item: Value = serde_json::from_str(r#"{"type": "dog", "length": 5}"#).unwrap();
        Tagged::<Animal>::from(item).plan(&mut found, |_, _| Some(()));
        let fault = found.warnings()[0].1.clone().within_item(0).within("list");
        let Some(Wanted::Key(_, owners)) = fault.wanted else { panic!("{fault:?}") };
        assert_eq!(owners, [[Step::from("list"), Step::from("0"), Step::from("tail")]]);
    }
}
