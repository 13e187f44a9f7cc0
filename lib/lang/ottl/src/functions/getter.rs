//! Values to come, which may be those of calls, and what stands for the parameters of a call.

use smallvec::SmallVec;

use super::{Env, Function, Kind, State, Test};
use crate::context::Scene;
use crate::path::{Field, OfRequest, Takes, known_as, trace_state};
use crate::tree::Math;
use crate::value::{List, Map, Value};

/// A value to come.
#[derive(Debug)]
pub(crate) enum Getter {
    Const(Value<'static>),
    Field(Field),
    Keyed(Field, Vec<Key>),
    /// What is in the request, at such keys.
    Request(OfRequest, Vec<Key>),
    Call(Box<Call>),
    Indexed(Box<Getter>, Vec<Key>),
    List(Vec<Getter>),
    Map(Vec<(String, Getter)>),
    Math(Math, Box<(Getter, Getter)>),
    Negative(Box<Getter>),
    /// What a lambda was given.
    Given(Box<Given>),
    /// The body of a lambda that is a condition.
    Test(Box<Test>),
}

/// What stands in square brackets.
#[derive(Debug)]
pub(crate) enum Key {
    Text(String),
    Int(i64),
    Getter(Getter),
}

/// The parameter of a lambda: how many lambdas lie between, and which one it is.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) name: String,
    pub(crate) up: usize,
    pub(crate) at: usize,
    pub(crate) keys: Vec<Key>,
}

impl Given {
    fn get<'a>(&'a self, scene: Scene<'a>) -> Result<Value<'a>, String> {
        let value = scene.given(self.up, self.at);
        let mut keys = self.keys.iter();
        let value = keys.try_fold(value, |value, key| indexed(&value, key, scene));
        value.map_err(|it| format!("cannot index local identifier {:?}: {it}", self.name))
    }
}

/// A call of a function.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) function: &'static Function,
    /// One per parameter.
    pub(crate) arguments: Vec<Slot>,
    pub(crate) state: State,
}

/// What stands for a parameter.
#[derive(Debug)]
pub(crate) enum Slot {
    Absent,
    One(Getter),
    /// Of a list, each on its own.
    Each(Vec<Getter>),
    /// What an editor changes.
    Target(Target),
    /// A converter that an editor applies.
    Function(&'static Function),
    /// What a function applies to values.
    Lambda(Lambda),
}

/// `(key, value) => key == value`
#[derive(Debug)]
pub(crate) struct Lambda {
    /// How many there are.
    pub(crate) parameters: usize,
    pub(crate) body: Getter,
}

/// A place that an editor changes: `log.attributes["a"]`.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) field: Field,
    pub(crate) keys: Vec<Key>,
}

impl Getter {
    /// The value.
    pub(crate) fn get<'a>(&'a self, scene: Scene<'a>) -> Result<Value<'a>, String> {
        match self {
            Getter::Const(it) => Ok(borrowed(it)),
            Getter::Field(it) => Ok(it.value(scene)),
            Getter::Keyed(field, keys) => at_path(*field, keys, scene),
            Getter::Request(part, keys) => in_request(*part, keys, scene),
            Getter::Call(it) => it.run(scene),
            Getter::Indexed(of, keys) => {
                let value = of.get(scene)?;
                keys.iter().try_fold(value, |value, key| indexed(&value, key, scene))
            }
            Getter::List(list) => {
                let items = list.iter().map(|it| it.get(scene)).collect::<Result<_, _>>()?;
                Ok(Value::List(List::own(items)))
            }
            Getter::Map(entries) => {
                let entries = entries.iter().map(|(key, it)| Ok((key.into(), it.get(scene)?)));
                Ok(Value::Map(Map::own(entries.collect::<Result<_, String>>()?)))
            }
            Getter::Math(how, sides) => {
                let left = sides.0.get(scene)?;
                crate::math::calculate(*how, &left, &sides.1.get(scene)?)
            }
            Getter::Given(it) => it.get(scene),
            Getter::Test(it) => it.holds(scene).map(Value::Bool),
            Getter::Negative(it) => match it.get(scene)? {
                Value::Int(it) => Ok(Value::Int(it.wrapping_neg())),
                Value::Double(it) => Ok(Value::Double(-it)),
                other => {
                    let shown = other.go_type();
                    Err(format!("unsupported unary minus operation on type {shown}"))
                }
            },
        }
    }

    /// Field and key, if it is an attribute whose key is the same for all items.
    pub(crate) fn attribute(&self) -> Option<(pdata::Field, &str)> {
        match self {
            Getter::Keyed(Field { at, takes: Takes::Map }, keys) => match keys.as_slice() {
                [Key::Text(key)] => Some((*at, key)),
                _ => None,
            },
            _ => None,
        }
    }

    /// The value, if it is the same for all items.
    pub(crate) fn constant(&self) -> Option<&Value<'static>> {
        match self {
            Getter::Const(it) => Some(it),
            _ => None,
        }
    }
}

/// A constant without a copy of its text.
fn borrowed<'a>(value: &'a Value<'static>) -> Value<'a> {
    match value {
        Value::Text(it) => Value::Text(it.as_ref().into()),
        Value::Bytes(it) => Value::Bytes(it.as_ref().into()),
        other => other.clone(),
    }
}

/// What stands at keys of a field.
#[inline]
pub(crate) fn at_path<'a>(
    field: Field,
    keys: &'a [Key],
    scene: Scene<'a>,
) -> Result<Value<'a>, String> {
    match (field.takes, keys) {
        // What most paths are: an attribute.
        (Takes::Map, [Key::Text(key)]) => {
            Ok(scene.entry(field.at, key).map_or(Value::Nil, Value::from))
        }
        _ => at_any_path(field, keys, scene),
    }
}

fn at_any_path<'a>(field: Field, keys: &'a [Key], scene: Scene<'a>) -> Result<Value<'a>, String> {
    let Some((first, rest)) = keys.split_first() else { return Ok(field.value(scene)) };
    let entry = || {
        let key = text_key(first, scene).map_err(|it| format!("cannot get map value: {it}"))?;
        // Not through the map as a whole: with edits it would have to be written first.
        Ok::<_, String>(scene.entry(field.at, &key).map(Value::from))
    };
    let found = match field.takes {
        Takes::Map => entry()?,
        Takes::TraceState => {
            let key = text_key(first, scene)?;
            match field.value(scene) {
                Value::Text(state) => Some(Value::from(trace_state(&state, &key).to_owned())),
                _ => None,
            }
        }
        _ => match field.value(scene) {
            Value::Map(_) => entry()?,
            Value::List(list) => Some(item(&list, first, scene)?),
            other => return Err(format!("log bodies of type {} cannot be indexed", other.kind())),
        },
    };
    found.map_or(Ok(Value::Nil), |value| below(value, rest, scene))
}

/// What stands at keys of a value.
fn below<'a>(mut value: Value<'a>, keys: &'a [Key], scene: Scene<'a>) -> Result<Value<'a>, String> {
    for key in keys {
        value = match &value {
            Value::Map(map) => match map.get(&text_key(key, scene)?) {
                Some(value) => value,
                None => return Ok(Value::Nil),
            },
            Value::List(list) => item(list, key, scene)?,
            other => return Err(format!("type {} does not support string indexing", other.kind())),
        };
    }
    Ok(value)
}

/// What stands at keys of the request: each of its keys has a list of texts.
fn in_request<'a>(part: OfRequest, keys: &'a [Key], scene: Scene<'a>) -> Result<Value<'a>, String> {
    let Some((first, rest)) = keys.split_first() else { return Ok(part.value(scene)) };
    if part == OfRequest::Auth {
        let key = text_key(first, scene)?;
        return match known_as(scene, &key) {
            None => Ok(Value::Nil),
            Some(it) if rest.is_empty() || matches!(it, Value::Map(_) | Value::List(_)) => {
                below(it, rest, scene)
            }
            Some(it) => Err(format!("attribute {key:?} value is not indexable: {}", it.kind())),
        };
    }
    let key = text_key(first, scene).map_err(|it| format!("cannot get map value: {it}"))?;
    let texts: SmallVec<[&'a str; 4]> = part.texts(scene, &key).collect();
    match rest {
        _ if texts.is_empty() => Ok(Value::Nil),
        [] => Ok(Value::List(List::own(texts.into_iter().map(Value::from).collect()))),
        [index] => {
            let index = int_key(index, scene)?;
            let found = usize::try_from(index).ok().and_then(|it| texts.get(it).copied());
            found.map(Value::from).ok_or_else(|| format!("index {index} out of bounds"))
        }
        _ => Err("cannot index into string slice more than once".to_owned()),
    }
}

fn item<'a>(list: &List<'a>, key: &'a Key, scene: Scene<'a>) -> Result<Value<'a>, String> {
    let index = int_key(key, scene)?;
    let found = usize::try_from(index).ok().and_then(|it| list.get(it));
    found.ok_or_else(|| format!("index {index} out of bounds"))
}

fn text_key<'a>(key: &'a Key, scene: Scene<'a>) -> Result<std::borrow::Cow<'a, str>, String> {
    let wrong = |it: &str| Err(format!("unable to resolve a string index in map: {it}"));
    match key {
        Key::Text(it) => Ok(it.into()),
        Key::Int(_) => wrong("invalid key type"),
        Key::Getter(it) => match it.get(scene)? {
            Value::Text(it) => Ok(it),
            other => wrong(&unresolved("string", &other)),
        },
    }
}

fn int_key<'a>(key: &'a Key, scene: Scene<'a>) -> Result<i64, String> {
    let wrong = |it: &str| Err(format!("unable to resolve an integer index in slice: {it}"));
    match key {
        Key::Int(it) => Ok(*it),
        Key::Text(_) => wrong("invalid key type"),
        Key::Getter(it) => match it.get(scene)? {
            Value::Int(it) => Ok(it),
            other => wrong(&unresolved("int64", &other)),
        },
    }
}

fn unresolved(wanted: &str, value: &Value<'_>) -> String {
    let got = value.go_type();
    format!("could not resolve key for map/slice, expecting '{wanted}' but got '{got}'")
}

/// What stands at a key of a converter's result.
fn indexed<'a>(value: &Value<'a>, key: &'a Key, scene: Scene<'a>) -> Result<Value<'a>, String> {
    let resolved;
    let key = match key {
        Key::Getter(it) => {
            resolved = it.get(scene)?;
            &resolved
        }
        Key::Text(it) => {
            resolved = it.as_str().into();
            &resolved
        }
        Key::Int(it) => &Value::Int(*it),
    };
    match (value, key) {
        (Value::Map(map), Value::Text(key)) => {
            map.get(key).ok_or_else(|| "key not found in map".to_owned())
        }
        (Value::List(list), Value::Int(index)) => {
            let found = usize::try_from(*index).ok().and_then(|it| list.get(it));
            found.ok_or_else(|| format!("index {index} out of bounds"))
        }
        (Value::Bytes(bytes), Value::Int(index)) => {
            let found = usize::try_from(*index).ok().and_then(|it| bytes.get(it));
            let byte = found.ok_or_else(|| format!("index {index} out of bounds"))?;
            Ok(Value::Int(i64::from(*byte)))
        }
        (other, Value::Int(_)) => {
            Err(format!("type, {}, does not support int indexing", other.go_type()))
        }
        (other, _) => Err(format!("type, {}, does not support string indexing", other.go_type())),
    }
}

impl Call {
    fn run<'a>(&'a self, scene: Scene<'a>) -> Result<Value<'a>, String> {
        let mut values: SmallVec<[Value<'a>; 3]> = SmallVec::new();
        for (parameter, slot) in self.function.parameters.iter().zip(&self.arguments) {
            values.push(match slot {
                Slot::Absent => Value::Nil,
                // The function looks at it when it needs it.
                Slot::One(_) if parameter.kind == Kind::Late => Value::Nil,
                Slot::One(getter) => parameter.kind.coerce(getter.get(scene)?)?,
                Slot::Each(list) => {
                    let items = list.iter().map(|it| parameter.kind.coerce(it.get(scene)?));
                    Value::List(List::own(items.collect::<Result<_, _>>()?))
                }
                // Only editors have the first two, and they do not come here.
                Slot::Target(_) | Slot::Function(_) | Slot::Lambda(_) => Value::Nil,
            });
        }
        let Self { function, arguments, state } = self;
        (function.run)(&Env { scene: &scene, arguments, state }, &mut values)
    }
}
