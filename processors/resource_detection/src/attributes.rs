//! `resource_attributes:` of a detector: which of the attributes that it finds are added.

use std::fmt;
use std::marker::PhantomData;

use component::config::{Described, Inside, Key, Upstream};
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The attributes of one detector.
pub trait Set: 'static {
    /// Each name, and whether it is added unless the section says otherwise.
    const ALL: &'static [(&'static str, bool)];
}

/// One of `resource_attributes:`.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "metadata.ResourceAttributeConfig", unmarshals)]
struct Switch {
    /// Whether it is added.
    enabled: bool,
}

/// What is added of the attributes of `S`.
pub struct Toggles<S> {
    on: Box<[bool]>,
    set: PhantomData<fn() -> S>,
}

impl<S: Set> Toggles<S> {
    /// True for what is added. What is not of the set, such as a tag that the section asks for, always is.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        let at = S::ALL.iter().position(|it| it.0 == name);
        at.is_none_or(|at| self.on.get(at).copied().unwrap_or(false))
    }
}

impl<S: Set> Default for Toggles<S> {
    fn default() -> Self {
        Self { on: S::ALL.iter().map(|it| it.1).collect(), set: PhantomData }
    }
}

impl<S> Clone for Toggles<S> {
    fn clone(&self) -> Self {
        Self { on: self.on.clone(), set: PhantomData }
    }
}

impl<S> fmt::Debug for Toggles<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.on.fmt(f)
    }
}

impl<S: Set> Described for Toggles<S> {
    fn inside() -> Inside {
        let key = |it: &(&'static str, bool)| Key {
            name: it.0,
            text: if it.1 { "Default true." } else { "Default false." },
            is_flat: false,
            omit_empty: false,
            omit_default: false,
            go: "",
            inside: Switch::inside,
        };
        let upstream =
            Upstream { name: "metadata.ResourceAttributesConfig", ..Upstream::default() };
        Inside::Keys(S::ALL.iter().map(key).collect(), upstream)
    }
}

impl<S: Set> Serialize for Toggles<S> {
    fn serialize<T: Serializer>(&self, serializer: T) -> Result<T::Ok, T::Error> {
        let mut out = serializer.serialize_struct("ResourceAttributesConfig", S::ALL.len())?;
        for ((name, _), on) in S::ALL.iter().zip(&self.on) {
            out.serialize_field(name, &Switch { enabled: *on })?;
        }
        out.end()
    }
}

impl<'de, S: Set> Deserialize<'de> for Toggles<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Reader(PhantomData))
    }
}

struct Reader<S>(PhantomData<S>);

impl<'de, S: Set> Visitor<'de> for Reader<S> {
    type Value = Toggles<S>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("struct ResourceAttributesConfig")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Toggles<S>, A::Error> {
        let mut read = Toggles::<S>::default();
        while let Some(name) = map.next_key::<String>()? {
            match S::ALL.iter().position(|it| it.0 == name) {
                Some(at) => {
                    let Switch { enabled } = map.next_value()?;
                    if let Some(on) = read.on.get_mut(at) {
                        *on = enabled;
                    }
                }
                // It leaves no trace, and is an unknown key by that.
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(read)
    }
}
