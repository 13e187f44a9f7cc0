//! Values that are one of a few words.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::fault::{Fault, Stage};
use crate::marks::CHOICE;

/// A type whose values are words in a configuration.
pub trait Choices: Copy + Default + PartialEq + 'static {
    /// The words, in the order in which they are shown, and what they mean. Of several words for one value the
    /// first is the one that is written.
    const NAMES: &'static [(&'static str, Self)];
    /// How many of them, from the first, are proposed to who has written none of them.
    const SHOWN: usize = usize::MAX;
    /// Whether upper and lower case are the same.
    const ANY_CASE: bool = false;
    /// What Go calls the type.
    const GO: &'static str = "string";
    /// When the Collector notices that a word is none of them.
    const STAGE: Stage = Stage::Read;

    /// The word that is written for this value.
    fn word(self) -> &'static str {
        Self::NAMES.iter().find(|it| it.1 == self).map_or("", |it| it.0)
    }

    /// What the Collector says of another word.
    fn unknown(word: &str) -> String {
        let names: Vec<&str> = Self::NAMES.iter().map(|it| it.0).collect();
        format!("unknown value {word:?} (valid values: [{}])", names.join(" "))
    }
}

/// One of the words of `T`. A word that is none of them is kept until the section is read as a whole, and
/// reported from there ([`crate::check`]): so its place is known wherever it stands, also in a list or below a flattened
/// struct, of which serde forgets the keys. Nobody else sees it: a section with one is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice<T> {
    value: T,
    unknown: Option<String>,
}

impl<T: Choices> Choice<T> {
    /// Why the word of `key` is none of those that are known. In an item of a tagged list only words with the stage `Read`
    /// are found by themselves.
    pub fn refused(&self, key: &str) -> Option<Fault> {
        let word = self.unknown.as_deref()?;
        let mut fault = Fault::new(T::STAGE, T::unknown(word));
        let names: Vec<&str> = T::NAMES.iter().map(|it| it.0).take(T::SHOWN).collect();
        fault.one_of(key, &names);
        Some(fault)
    }

    /// The word.
    pub fn word(&self) -> &str {
        match &self.unknown {
            Some(word) => word,
            None => self.value.word(),
        }
    }
}

impl<T> Deref for Choice<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: PartialEq> PartialEq<T> for Choice<T> {
    fn eq(&self, other: &T) -> bool {
        self.value == *other
    }
}

impl<T: Choices> Default for Choice<T> {
    fn default() -> Self {
        T::default().into()
    }
}

impl<T: Choices> From<T> for Choice<T> {
    fn from(value: T) -> Self {
        Self { value, unknown: None }
    }
}

impl<T: Choices> Serialize for Choice<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(CHOICE, &Inner(self))
    }
}

/// What is known of the choice to who has taken notice of the mark; the word to others.
struct Inner<'a, T>(&'a Choice<T>);

impl<T: Choices> Serialize for Inner<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.serialize_str(self.0.word());
        }
        let names: Vec<&str> = T::NAMES.iter().map(|it| it.0).collect();
        let shown = T::SHOWN.min(names.len());
        let wrong = self.0.unknown.as_deref().map(T::unknown);
        let stage = Stage::ALL.iter().position(|it| *it == T::STAGE);
        (self.0.word(), names, shown, T::ANY_CASE, wrong, stage).serialize(serializer)
    }
}

impl<'de, T: Choices> Deserialize<'de> for Choice<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_string(Word(PhantomData))
    }
}

struct Word<T>(PhantomData<T>);

impl<T: Choices> Visitor<'_> for Word<T> {
    type Value = Choice<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if T::GO == "string" { "a string" } else { T::GO })
    }

    fn visit_str<E>(self, word: &str) -> Result<Choice<T>, E> {
        let is = |name: &str| name == word || (T::ANY_CASE && name.eq_ignore_ascii_case(word));
        Ok(match T::NAMES.iter().find(|it| is(it.0)) {
            Some((_, value)) => (*value).into(),
            None => Choice { value: T::default(), unknown: Some(word.to_owned()) },
        })
    }
}
