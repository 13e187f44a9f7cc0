//! Where an editor writes: a path, with what the field behind it takes. The error texts are the Collector's.

use golang::number::int;
use golang::time::in_64_bits;
use pdata::{AttributesEdit, Field as Otlp, PathError, ValueRef};
use smallvec::SmallVec;

use super::given::Given;
use super::trace_state;
use crate::context::Site;
use crate::functions::{Key, Target, at_path};
use crate::parse::hex;
use crate::path::{Field, KINDS, Takes, Wrong};
use crate::value::{SPAN_ID, Value};

/// The keys behind a path, as they are for one place.
type Keys<'k> = SmallVec<[pdata::Key<'k>; 2]>;

/// What is done, for the texts of errors.
#[derive(Clone, Copy)]
enum Verb {
    Get,
    Set,
}

impl Target {
    /// What is there.
    pub(super) fn get<'a>(&'a self, place: &'a Site<'_, '_>) -> Result<Value<'a>, String> {
        let scene = place.scene();
        if self.keys.is_empty() {
            return Ok(self.field.value(scene));
        }
        at_path(self.field, &self.keys, scene)
    }

    /// The keys, of which some may be read from the place.
    fn keys<'k>(&'k self, place: &Site<'_, '_>, field: Otlp) -> Result<Keys<'k>, String> {
        let mut keys = Keys::new();
        for key in &self.keys {
            let key = match key {
                Key::Text(it) => pdata::Key::Text(it.as_str().into()),
                Key::Int(it) => pdata::Key::Index(*it),
                Key::Getter(getter) => match getter.get(place.scene())? {
                    Value::Text(it) => pdata::Key::Text(it.into_owned().into()),
                    Value::Int(it) => pdata::Key::Index(it),
                    other => return Err(no_key(place, field, &keys, &other)),
                },
            };
            keys.push(key);
        }
        Ok(keys)
    }

    /// The key, if it is one of attributes and the same for all items: what most statements are about.
    #[inline]
    pub(super) fn attribute(&self) -> Option<&str> {
        match (self.field.takes, self.keys.as_slice()) {
            (Takes::Map, [Key::Text(key)]) => Some(key),
            _ => None,
        }
    }

    /// Sets it.
    #[inline]
    pub(super) fn set(&self, place: &mut Site<'_, '_>, given: &Given<'_>) -> Result<(), String> {
        if let Some(key) = self.attribute()
            && let Some(value) = given.value()
            && let Some(mut attributes) = place.attributes(self.field.at)
        {
            attributes.set(key, value);
            return Ok(());
        }
        self.set_any(place, given)
    }

    fn set_any(&self, place: &mut Site<'_, '_>, given: &Given<'_>) -> Result<(), String> {
        let Field { at: field, takes } = self.field;
        match takes {
            Takes::Map | Takes::Any if !self.keys.is_empty() => {
                return self.set_at_keys(place, field, given);
            }
            Takes::TraceState => return self.set_trace_state(place, field, given),
            _ => {}
        }
        if field == Otlp::METRIC_POINTS
            && let Value::Opaque(wanted, _) = self.get(place)?
        {
            // Points come from points alone, and those are copied as they are.
            return Err(format!("expects {wanted} but got {}", given.go_type()));
        }
        let id;
        let value = match id_of(takes, given)? {
            Some((bytes, length)) => {
                id = bytes;
                // An id of zeros is none.
                let none = id.iter().all(|it| *it == 0);
                let bytes = id.get(..if none { 0 } else { length }).unwrap_or_default();
                Some(pdata::Value::Bytes(bytes))
            }
            None => accepted(takes, given)?,
        };
        let Some(value) = value else { return Ok(()) };
        match place.set(field, &[], value) {
            // Points and metrics of other kinds do not have it, and lists of other types are ignored.
            Ok(()) | Err(PathError::Absent | PathError::WrongType { .. }) => Ok(()),
            Err(error) => Err(self.told(place, &Keys::new(), error, Verb::Set)),
        }
    }

    fn set_at_keys(
        &self,
        place: &mut Site<'_, '_>,
        field: Otlp,
        given: &Given<'_>,
    ) -> Result<(), String> {
        let keys = self.keys(place, field)?;
        self.check_body(place)?;
        let Some(value) = given.value() else {
            // Go makes the entry before it sees that it cannot hold the value.
            let found =
                place.get(field, &keys).map_err(|it| self.told(place, &keys, it, Verb::Set))?;
            if found.is_none() {
                let empty = place.set(field, &keys, pdata::Value::Empty);
                empty.map_err(|it| self.told(place, &keys, it, Verb::Set))?;
            }
            return Ok(());
        };
        let set = place.set(field, &keys, value);
        set.map_err(|it| self.told(place, &keys, it, Verb::Set))
    }

    fn set_trace_state(
        &self,
        place: &mut Site<'_, '_>,
        field: Otlp,
        given: &Given<'_>,
    ) -> Result<(), String> {
        let Given::Text(text) = *given else { return Ok(()) };
        let new = match self.keys.as_slice() {
            [] => text.to_owned(),
            [Key::Text(key)] => {
                let old = match place.get(field, &[]) {
                    Ok(Some(ValueRef::Str(it))) => it,
                    _ => "",
                };
                let Some(new) = trace_state::inserted(old, key, text) else { return Ok(()) };
                new
            }
            _ => return Err("trace_state indexing type must be a string".to_owned()),
        };
        let set = place.set(field, &[], pdata::Value::Str(&new));
        set.map_err(|it| self.told(place, &Keys::new(), it, Verb::Set))
    }

    /// Changes the map that is there.
    #[inline]
    pub(super) fn edit_map<R>(
        &self,
        place: &mut Site<'_, '_>,
        edit: impl FnOnce(&mut AttributesEdit<'_>) -> R,
    ) -> Result<R, String> {
        let Field { at: field, takes } = self.field;
        if self.keys.is_empty()
            && takes == Takes::Map
            && let Some(mut attributes) = place.attributes(field)
        {
            return Ok(edit(&mut attributes));
        }
        if !matches!(takes, Takes::Map | Takes::Any) {
            return Err(no_map(self.get(place)?.go_type()));
        }
        let keys = self.keys(place, field)?;
        self.check_body(place)?;
        place.edit_map(field, &keys, edit).map_err(|error| match error {
            PathError::WrongType { got, .. } => no_map(go_type(got)),
            other => self.told(place, &keys, other, Verb::Get),
        })
    }

    /// Only bodies that are maps or lists have keys, also if they are empty.
    fn check_body(&self, place: &Site<'_, '_>) -> Result<(), String> {
        if self.keys.is_empty() || !self.field.is_body() {
            return Ok(());
        }
        let body = place.get(Otlp::LOG_BODY, &[]).ok().flatten().unwrap_or_default();
        match body {
            ValueRef::Map(_) | ValueRef::Array(_) => Ok(()),
            other => Err(format!("log bodies of type {} cannot be indexed", other.type_name())),
        }
    }

    /// The Collector's words for what went wrong on the way to a value.
    fn told(&self, place: &Site<'_, '_>, keys: &Keys<'_>, error: PathError, verb: Verb) -> String {
        // The first key at which a read fails as well.
        let fails =
            |at: &usize| place.get(self.field.at, keys.get(..=*at).unwrap_or(keys)).is_err();
        let at = (0..keys.len()).find(fails).unwrap_or_default();
        let why = |wanted: &str, got: &str| match self.keys.get(at) {
            Some(Key::Getter(_)) => {
                format!("could not resolve key for map/slice, expecting '{wanted}' but got '{got}'")
            }
            _ => "invalid key type".to_owned(),
        };
        match error {
            PathError::KeyNotText => {
                let verb = match verb {
                    _ if at > 0 => "",
                    Verb::Get => "cannot get map value: ",
                    Verb::Set => "cannot set map value: ",
                };
                let why = why("string", "int64");
                format!("{verb}unable to resolve a string index in map: {why}")
            }
            PathError::KeyNotIndex => {
                let why = why("int64", "string");
                format!("unable to resolve an integer index in slice: {why}")
            }
            PathError::OutOfRange { index } => format!("index {index} out of bounds"),
            PathError::NotIndexable { type_name } => {
                format!("type {type_name} does not support string indexing")
            }
            other => other.to_string(),
        }
    }
}

/// What a field makes of a value: nothing if it ignores it.
fn accepted<'v>(takes: Takes, given: &Given<'v>) -> Result<Option<pdata::Value<'v>>, String> {
    let wrong = |how: Wrong, wanted: &str| match how {
        Wrong::Ignored => Ok(None),
        Wrong::Refused => Err(format!("expects {wanted} but got {}", given.go_type())),
    };
    match (takes, given) {
        (Takes::Int(_), Given::Int(_))
        | (Takes::Double, Given::Double(_))
        | (Takes::Bool, Given::Bool(_))
        | (Takes::Text(_), Given::Text(_))
        | (Takes::Map, Given::Map(_))
        | (Takes::Numbers, Given::List(..))
        | (Takes::Any, _) => Ok(given.value()),
        (Takes::Time(_), Given::Time(it)) => {
            Ok(Some(pdata::Value::Int(in_64_bits(it.nanos).unwrap_or(0))))
        }
        (Takes::SpanFlags, Given::Int(it)) if u32::try_from(*it).is_err() => {
            Err(format!("value {it} is out of range for uint32"))
        }
        (Takes::SpanFlags, Given::Int(it)) => Ok(Some(pdata::Value::Int(*it))),
        (Takes::Kind | Takes::DeprecatedKind, Given::Text(it)) => {
            let deprecated = takes == Takes::DeprecatedKind;
            let found =
                KINDS.iter().position(|(name, old)| *it == if deprecated { *old } else { *name });
            let how = if deprecated { "deprecated string" } else { "string" };
            let number = found.ok_or_else(|| format!("unknown span kind {how}, {it}"))?;
            Ok(Some(pdata::Value::Int(int(number))))
        }
        (Takes::Int(how), _) => wrong(how, "int64"),
        (Takes::SpanFlags, _) => wrong(Wrong::Refused, "int64"),
        (Takes::Bool, _) => wrong(Wrong::Refused, "bool"),
        (Takes::Text(how) | Takes::HexId(_, how), _) => wrong(how, "string"),
        (Takes::Time(how), _) => wrong(how, "time.Time"),
        (Takes::Id(wanted, how), _) => wrong(how, wanted),
        (Takes::ReadOnly, _) => Err("the 'event_index' path cannot be modified".to_owned()),
        _ => Ok(None),
    }
}

/// The bytes of an id, and how many count, if the field takes an id.
fn id_of(takes: Takes, given: &Given<'_>) -> Result<Option<([u8; 16], usize)>, String> {
    match (takes, given) {
        (Takes::Id(wanted, _), Given::Id(kind, bytes)) if wanted == *kind => {
            Ok(Some((*bytes, if wanted == SPAN_ID { 8 } else { 16 })))
        }
        (Takes::HexId(length, _), Given::Text(text)) => {
            hex_id(text, length).map(|it| Some((it, length)))
        }
        _ => Ok(None),
    }
}

fn hex_id(text: &str, length: usize) -> Result<[u8; 16], String> {
    if text.len() / 2 != length {
        let what = if length == 8 { "span" } else { "trace" };
        return Err(format!("{what} ids must be {} hex characters", length * 2));
    }
    if let Some(bad) = text.chars().find(|it| !it.is_ascii_hexdigit()) {
        return Err(format!("encoding/hex: invalid byte: U+{:04X} '{bad}'", u32::from(bad)));
    }
    let digits = hex(text).ok_or("encoding/hex: odd length hex string")?;
    let mut id = [0; 16];
    id.iter_mut().zip(digits).for_each(|(to, from)| *to = from);
    Ok(id)
}

/// A key that is neither a text nor a whole number: what is said depends on what it leads into.
fn no_key(place: &Site<'_, '_>, field: Otlp, done: &Keys<'_>, key: &Value<'_>) -> String {
    let got = key.go_type();
    let expected = |wanted: &str| {
        format!("could not resolve key for map/slice, expecting '{wanted}' but got '{got}'")
    };
    match place.get(field, done).ok().flatten().unwrap_or_default() {
        ValueRef::Map(_) => {
            format!("unable to resolve a string index in map: {}", expected("string"))
        }
        ValueRef::Array(_) => {
            format!("unable to resolve an integer index in slice: {}", expected("int64"))
        }
        ValueRef::Empty => {
            "neither a string nor an int index was given, this is an error in the OTTL".to_owned()
        }
        other => format!("type {} does not support string indexing", other.type_name()),
    }
}

pub(super) fn no_map(go_type: &str) -> String {
    format!("expected pcommon.Map but got {go_type}")
}

/// What Go calls the type of a value that is read.
fn go_type(type_name: &str) -> &'static str {
    match type_name {
        "Str" => "string",
        "Int" => "int64",
        "Double" => "float64",
        "Bool" => "bool",
        "Bytes" => "[]uint8",
        "Map" => "pcommon.Map",
        "Slice" => "pcommon.Slice",
        _ => "nil",
    }
}
