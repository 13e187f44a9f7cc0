//! Two structs whose keys stand side by side in one section.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::described::{Described, Inside, Key, Upstream};
use crate::marks::TOGETHER;

/// The keys of `A` and those of `B` in one section. Unlike a struct that serde flattens, both read the section as it is:
/// nothing is guessed before the type of a key is known, and each mistake has its place.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Together<A, B> {
    /// What is special.
    pub own: A,
    /// What is shared.
    pub common: B,
}

impl<A: Serialize, B: Serialize> Serialize for Together<A, B> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(TOGETHER, &(&self.own, &self.common))
    }
}

impl<'de, A: Deserialize<'de>, B: Deserialize<'de>> Deserialize<'de> for Together<A, B> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(TOGETHER, Both(PhantomData))
    }
}

/// Takes the section twice.
struct Both<A, B>(PhantomData<(A, B)>);

impl<'de, A: Deserialize<'de>, B: Deserialize<'de>> Visitor<'de> for Both<A, B> {
    type Value = Together<A, B>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("struct section")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<Self::Value, S::Error> {
        let missing = || serde::de::Error::custom("a section has to be read twice");
        let own = seq.next_element()?.ok_or_else(missing)?;
        let common = seq.next_element()?.ok_or_else(missing)?;
        Ok(Together { own, common })
    }
}

impl<A: Described, B: Described> Described for Together<A, B> {
    fn inside() -> Inside {
        let key = |inside| Key {
            name: "",
            text: "",
            is_flat: true,
            omit_empty: false,
            omit_default: false,
            go: "",
            inside,
        };
        Inside::Keys(vec![key(A::inside), key(B::inside)], Upstream::default())
    }
}
