//! What the JSON of both versions has in common: Go reads it into structs, so keys are found in any case, `null` is
//! nothing, and a value of another type is an error.

use std::borrow::Cow;

use bumpalo::Bump;
use golang::json::{Dialect, parse};
use golang::value::{Value, type_name};

use crate::Error;

/// An object that is read as a struct.
#[derive(Clone, Copy)]
pub(crate) struct Object<'a>(&'a [(&'a str, Value<'a>)]);

/// The objects of a list; `None` for `null`.
pub(crate) fn objects<'a>(
    text: &'a str,
    arena: &'a Bump,
) -> Result<Vec<Option<Object<'a>>>, Error> {
    let value =
        parse(text, arena, Dialect::Standard, true).map_err(|it| Error::Json(it.problem))?;
    list(Some(value), "spans")?.iter().map(|it| object(Some(*it), "spans")).collect()
}

fn wrong(value: &Value<'_>, key: &str, wanted: &str) -> Error {
    Error::Field(type_name(value), key.to_owned(), wanted.to_owned())
}

fn list<'a>(value: Option<Value<'a>>, key: &str) -> Result<&'a [Value<'a>], Error> {
    match value {
        None | Some(Value::Empty) => Ok(&[]),
        Some(Value::Array(it)) => Ok(it),
        Some(other) => Err(wrong(&other, key, "a list")),
    }
}

fn object<'a>(value: Option<Value<'a>>, key: &str) -> Result<Option<Object<'a>>, Error> {
    match value {
        None | Some(Value::Empty) => Ok(None),
        Some(Value::Map(it)) => Ok(Some(Object(it))),
        Some(other) => Err(wrong(&other, key, "an object")),
    }
}

impl<'a> Object<'a> {
    pub(crate) fn get(self, key: &str) -> Option<Value<'a>> {
        let exact = self.0.iter().find(|it| it.0 == key);
        let found = exact.or_else(|| self.0.iter().find(|it| it.0.eq_ignore_ascii_case(key)));
        found.map(|it| it.1)
    }

    pub(crate) fn entries(self) -> &'a [(&'a str, Value<'a>)] {
        self.0
    }

    /// Text; `None` when there is none.
    pub(crate) fn text(self, key: &str) -> Result<Option<&'a str>, Error> {
        text(self.get(key), key)
    }

    pub(crate) fn objects(self, key: &str) -> Result<Vec<Object<'a>>, Error> {
        let items = list(self.get(key), key)?.iter();
        let read: Result<Vec<_>, _> = items.map(|it| object(Some(*it), key)).collect();
        Ok(read?.into_iter().flatten().collect())
    }

    pub(crate) fn object(self, key: &str) -> Result<Option<Object<'a>>, Error> {
        object(self.get(key), key)
    }

    /// A whole number; 0 when there is none.
    pub(crate) fn int(self, key: &str) -> Result<i64, Error> {
        match self.get(key) {
            None | Some(Value::Empty) => Ok(0),
            Some(Value::Int(it)) => Ok(it),
            Some(other) => Err(wrong(&other, key, "int64")),
        }
    }

    /// A whole number that is not negative; 0 when there is none.
    pub(crate) fn uint(self, key: &str) -> Result<u64, Error> {
        let value = self.int(key)?;
        u64::try_from(value).map_err(|_| wrong(&Value::Int(value), key, "uint64"))
    }
}

/// Text; `None` when there is none.
pub(crate) fn text<'a>(value: Option<Value<'a>>, key: &str) -> Result<Option<&'a str>, Error> {
    match value {
        None | Some(Value::Empty) => Ok(None),
        Some(Value::Str(it)) => Ok(Some(it)),
        Some(other) => Err(wrong(&other, key, "string")),
    }
}

/// Text that may be missing, as a field of a struct.
pub(crate) fn or_empty(text: Option<&str>) -> Cow<'_, str> {
    Cow::Borrowed(text.unwrap_or_default())
}
