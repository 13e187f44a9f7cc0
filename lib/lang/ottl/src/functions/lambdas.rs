//! Functions that take lambdas, and apply them to each entry of a list or map. In pkg/ottl they are experimental
//! (xottl v0.165.1) and need the feature gate `ottl.functions.enableLambda`.

use std::borrow::Cow;
use std::collections::HashMap;

use super::{Env, Function, Kind, Parameter, Slot, State, function, may_take, take, takes};
use crate::context::PARAMETERS_MAX;
use crate::value::{List, Map, Value};

const SOURCE: Parameter = takes("source", Kind::Any);
const PREDICATE: Parameter = takes("predicate", Kind::Lambda);

pub(super) const ALL: &[Function] = &[
    function("All", &[SOURCE, PREDICATE], all).prepared(|it| arity(it, 1, 2)).says(
        "Whether a lambda holds for all entries of a list or map. It is given index or key, and value.",
        "All([2, 3], (_, value) => value > 1)",
    ),
    function("Any", &[SOURCE, PREDICATE], any).prepared(|it| arity(it, 1, 2)).says(
        "Whether a lambda holds for one of the entries of a list or map.",
        "Any({\"a\": 1}, (key, _) => HasPrefix(key, \"a\"))",
    ),
    function("Filter", &[SOURCE, PREDICATE], filter).prepared(|it| arity(it, 1, 2)).says(
        "The entries of a list or map for which a lambda holds.",
        "Filter([1, 2, 3], (_, value) => value > 1) == [2, 3]",
    ),
    function("Find", &[SOURCE, PREDICATE, may_take("mapper", Kind::Lambda)], find)
        .prepared(check_find)
        .says(
            "The value of the first entry for which a lambda holds, or what a second one makes of it; nil \
             if there is none.",
            "Find({\"a\": 1}, (_, value) => value == 1, (key, _) => key) == \"a\"",
        ),
    function("MapEach", &[SOURCE, takes("mapper", Kind::Lambda)], map_each)
        .prepared(|it| arity(it, 1, 2))
        .says(
            "A list or map with what a lambda makes of each value.",
            "MapEach([1, 2], (_, value) => value * 2) == [2, 4]",
        ),
    function(
        "MapKeys",
        &[takes("source", Kind::Map), takes("key_mapper", Kind::Lambda)],
        map_keys,
    )
    .prepared(|it| arity(it, 1, 2))
    .says(
        "A map with the keys that a lambda makes of its keys and values. Of equal ones the last value stays.",
        "MapKeys({\"a\": 1}, (key, _) => ToUpperCase(key)) == {\"A\": 1}",
    ),
    function(
        "Reduce",
        &[SOURCE, takes("seed", Kind::Any), takes("accumulator", Kind::Lambda)],
        reduce,
    )
    .prepared(|it| arity(it, 2, 3))
    .says(
        "What a lambda makes of the entries one after the other: it is given the result so far, index or key, \
         and value.",
        "Reduce([1, 2, 3], 0, (sum, _, value) => sum + value) == 6",
    ),
    function(
        "When",
        &[
            takes("condition", Kind::Lambda),
            takes("true_value", Kind::Late),
            takes("false_value", Kind::Late),
        ],
        when,
    )
    .prepared(|it| arity(it, 0, 0))
    .says(
        "One of two values. Only the one that is wanted is looked at.",
        "When(() => 2 > 1, \"more\", \"less\") == \"more\"",
    ),
];

/// Checks how many parameters the lambda at a position has.
fn arity(slots: &[Slot], at: usize, wanted: usize) -> Result<State, String> {
    match slots.get(at) {
        Some(Slot::Lambda(it)) if it.parameters != wanted => Err(format!(
            "lambda should be defined with exactly {wanted} formal(s), but has {}",
            it.parameters
        )),
        _ => Ok(State::None),
    }
}

fn check_find(slots: &[Slot]) -> Result<State, String> {
    arity(slots, 1, 2).map_err(|it| format!("invalid predicate: {it}"))?;
    arity(slots, 2, 2).map_err(|it| format!("invalid mapper: {it}"))
}

/// What lambdas are applied to.
struct Source<'a> {
    is_map: bool,
    /// Keys, or indices.
    entries: Vec<(Value<'a>, Value<'a>)>,
}

impl<'a> Source<'a> {
    fn new(value: &Value<'a>) -> Result<Self, String> {
        match value {
            Value::Map(map) => {
                let entries = map.entries().into_iter();
                let entries = entries.map(|(key, value)| (Value::Text(key), value)).collect();
                Ok(Self { is_map: true, entries })
            }
            Value::List(list) => {
                let entries = (0..).map(Value::Int).zip(list.items()).collect();
                Ok(Self { is_map: false, entries })
            }
            other => Err(format!("unsupported type provided: {}", shown_type(other))),
        }
    }

    /// A list or map of some of the entries, or of others with the same keys.
    fn like(self, entries: Vec<(Value<'a>, Value<'a>)>) -> Value<'a> {
        if self.is_map {
            Value::Map(Map::own(entries.into_iter().map(|(key, it)| (text(key), it)).collect()))
        } else {
            Value::List(List::own(entries.into_iter().map(|it| it.1).collect()))
        }
    }

    /// Says at which entry a lambda failed.
    fn told(&self, error: &str, (key, value): &(Value<'a>, Value<'a>)) -> String {
        let what = if self.is_map { "map" } else { "slice" };
        format!("error while evaluating lambda function on {what} item ({key}, {value}): {error}")
    }

    /// The position of the first entry for which the predicate says `wanted`.
    fn position(&self, env: &Env<'_, 'a>, wanted: bool) -> Result<Option<usize>, String> {
        for (at, entry) in self.entries.iter().enumerate() {
            if self.holds(env, entry)? == wanted {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    /// What the predicate says of an entry.
    fn holds(&self, env: &Env<'_, 'a>, entry: &(Value<'a>, Value<'a>)) -> Result<bool, String> {
        let (key, value) = entry.clone();
        let held = call(env, 1, [key, value, Value::Nil]).and_then(|it| bool_of(&it));
        held.map_err(|it| self.told(&it, entry))
    }
}

fn text(value: Value<'_>) -> Cow<'_, str> {
    if let Value::Text(it) = value { it } else { Cow::default() }
}

fn shown_type(value: &Value<'_>) -> &'static str {
    if matches!(value, Value::Nil) { "<nil>" } else { value.go_type() }
}

/// Go's functions for any value do not take nil for one.
fn some(value: Value<'static>) -> Result<Value<'static>, String> {
    if matches!(value, Value::Nil) { Err(no_result("<nil>", &value)) } else { Ok(value) }
}

fn no_result(wanted: &str, value: &Value<'_>) -> String {
    let got = shown_type(value);
    format!("lambda expression must return a value of type {wanted}, got {got}")
}

fn bool_of(value: &Value<'_>) -> Result<bool, String> {
    if let Value::Bool(it) = value { Ok(*it) } else { Err(no_result("bool", value)) }
}

/// What the lambda that is an argument makes of values. The result is a copy, because it may be a part of values
/// that end with the call.
fn call<'a>(
    env: &Env<'_, 'a>,
    at: usize,
    values: [Value<'a>; PARAMETERS_MAX],
) -> Result<Value<'static>, String> {
    let Some(Slot::Lambda(lambda)) = env.arguments.get(at) else { return Ok(Value::Nil) };
    let given = env.scene.giving(values);
    lambda.body.get(env.scene.within(&given)).map(Value::into_owned)
}

fn all<'a>(env: &Env<'_, 'a>, values: &mut [Value<'a>]) -> Result<Value<'a>, String> {
    let source = Source::new(&take(values, 0))?;
    Ok(Value::Bool(source.position(env, false)?.is_none()))
}

fn any<'a>(env: &Env<'_, 'a>, values: &mut [Value<'a>]) -> Result<Value<'a>, String> {
    let source = Source::new(&take(values, 0))?;
    Ok(Value::Bool(source.position(env, true)?.is_some()))
}

fn filter<'a>(env: &Env<'_, 'a>, values: &mut [Value<'a>]) -> Result<Value<'a>, String> {
    let source = Source::new(&take(values, 0))?;
    let mut kept = Vec::new();
    for entry in &source.entries {
        if source.holds(env, entry)? {
            kept.push(entry.clone());
        }
    }
    Ok(source.like(kept))
}

fn find<'a>(env: &Env<'_, 'a>, values: &mut [Value<'a>]) -> Result<Value<'a>, String> {
    let mut source = Source::new(&take(values, 0))?;
    let Some(at) = source.position(env, true)? else { return Ok(Value::Nil) };
    let (key, value) = source.entries.swap_remove(at);
    if !matches!(env.arguments.get(2), Some(Slot::Lambda(_))) {
        return Ok(value);
    }
    call(env, 2, [key.clone(), value.clone(), Value::Nil]).and_then(some).map_err(|it| {
        format!("error while evaluating mapper lambda function on item ({key}, {value}): {it}")
    })
}

fn map_each<'a>(env: &Env<'_, 'a>, values: &mut [Value<'a>]) -> Result<Value<'a>, String> {
    let source = Source::new(&take(values, 0))?;
    let mut new = Vec::with_capacity(source.entries.len());
    for entry in &source.entries {
        let (key, value) = entry.clone();
        let value = call(env, 1, [key.clone(), value, Value::Nil]).and_then(some);
        new.push((key, value.map_err(|it| source.told(&it, entry))?));
    }
    Ok(source.like(new))
}

fn map_keys<'a>(env: &Env<'_, 'a>, values: &mut [Value<'a>]) -> Result<Value<'a>, String> {
    let source = Source::new(&take(values, 0))?;
    let mut new: Vec<(Cow<'a, str>, Value<'a>)> = Vec::with_capacity(source.entries.len());
    let mut places: HashMap<Cow<'a, str>, usize> = HashMap::new();
    for entry in &source.entries {
        let (key, value) = entry.clone();
        let key = call(env, 1, [key, value.clone(), Value::Nil]).and_then(|it| match it {
            Value::Text(it) => Ok(it),
            other => Err(no_result("string", &other)),
        });
        let key = key.map_err(|it| source.told(&it, entry))?;
        if let Some(old) = places.get(&key).and_then(|it| new.get_mut(*it)) {
            old.1 = value;
        } else {
            places.insert(key.clone(), new.len());
            new.push((key, value));
        }
    }
    Ok(Value::Map(Map::own(new)))
}

fn reduce<'a>(env: &Env<'_, 'a>, values: &mut [Value<'a>]) -> Result<Value<'a>, String> {
    let source = Source::new(&take(values, 0))?;
    let what = if source.is_map { "map" } else { "slice" };
    let mut result = take(values, 1);
    for (key, value) in source.entries {
        let new = call(env, 2, [result, key.clone(), value.clone()]);
        result = new.and_then(some).map_err(|it| {
            format!(
                "error while evaluating accumulator function on {what} item ({key}, {value}): {it}"
            )
        })?;
    }
    Ok(result)
}

fn when<'a>(env: &Env<'_, 'a>, _: &mut [Value<'a>]) -> Result<Value<'a>, String> {
    let held = call(env, 0, Default::default()).and_then(|it| bool_of(&it));
    let held = held.map_err(|it| format!("error while evaluating lambda function: {it}"))?;
    match env.arguments.get(if held { 1 } else { 2 }) {
        Some(Slot::One(getter)) => getter.get(*env.scene),
        _ => Ok(Value::Nil),
    }
}
