//! Functions on lists and maps, and those that ask a predicate about every element.

use std::cmp::Ordering;

use bumpalo::collections::Vec as ArenaVec;

use golang::number;
use golang::value::{self, Pairs, Value};

use super::{invalid, list};
use crate::builtin::Builtin;
use crate::eval::{Env, NIL, Stop, Val, equal, order, position};
use crate::tree::{Node, Operator};

/// Elements that `uniq` compares with each other at most.
const UNIQ_MAX: usize = 10_000;

/// `any`, `filter`, `reduce`, ...
pub(super) fn closure<'a>(
    env: &mut Env<'a, '_>,
    builtin: Builtin,
    args: &'a [Node],
) -> Result<Val<'a>, Stop> {
    let Some((of, rest)) = args.split_first() else { return Ok(NIL) };
    let of = env.eval(of)?;
    let of = list(builtin, &of)?;
    let Some(predicate) = rest.first() else { return without_predicate(builtin, of) };
    match builtin {
        Builtin::Reduce => return reduce(env, of, predicate, rest.get(1)),
        Builtin::Map | Builtin::Sum | Builtin::SortBy | Builtin::GroupBy => {
            return mapped(env, builtin, of, rest);
        }
        _ => {}
    }
    let mut kept = ArenaVec::new_in(env.arena);
    let mut count = 0;
    let backwards = matches!(builtin, Builtin::FindLast | Builtin::FindLastIndex);
    for step in 0..of.len() {
        let at = if backwards { of.len() - 1 - step } else { step };
        let element = of[at];
        let yes = with_element(env, element, at, |env| env.truth(predicate))?;
        let bool = |it| Ok(Val::Data(Value::Bool(it)));
        match (builtin, yes) {
            (Builtin::All, false) | (Builtin::None, true) => return bool(false),
            (Builtin::Any, true) => return bool(true),
            (Builtin::Find | Builtin::FindLast, true) => return Ok(Val::Data(element)),
            (Builtin::FindIndex | Builtin::FindLastIndex, true) => {
                return Ok(Val::Data(Value::Int(number::int(at))));
            }
            (Builtin::Filter, true) => kept.push(element),
            (_, true) => count += 1,
            _ => {}
        }
    }
    Ok(Val::Data(match builtin {
        Builtin::All | Builtin::None => Value::Bool(true),
        Builtin::Any => Value::Bool(false),
        Builtin::One => Value::Bool(count == 1),
        Builtin::Count => Value::Int(count),
        Builtin::Filter => Value::Array(kept.into_bump_slice()),
        Builtin::FindIndex | Builtin::FindLastIndex => Value::Int(-1),
        _ => Value::Empty,
    }))
}

fn with_element<'a, T>(
    env: &mut Env<'a, '_>,
    element: Value<'a>,
    at: usize,
    inside: impl FnOnce(&mut Env<'a, '_>) -> Result<T, Stop>,
) -> Result<T, Stop> {
    env.elements.push((Val::Data(element), at));
    let result = inside(env);
    env.elements.pop();
    result
}

fn without_predicate<'a>(builtin: Builtin, of: &'a [Value<'a>]) -> Result<Val<'a>, Stop> {
    if builtin == Builtin::Sum {
        sum(of)
    } else {
        let count = of.iter().filter(|it| matches!(it, Value::Bool(true))).count();
        Ok(Val::Data(Value::Int(number::int(count))))
    }
}

fn sum<'a>(of: &[Value<'a>]) -> Result<Val<'a>, Stop> {
    let mut total = Value::Int(0);
    for it in of {
        total = match (total, it) {
            (Value::Int(a), Value::Int(b)) => Value::Int(a.wrapping_add(*b)),
            (Value::Int(a), Value::Double(b)) => Value::Double(a as f64 + b),
            (Value::Double(a), Value::Int(b)) => Value::Double(a + *b as f64),
            (Value::Double(a), Value::Double(b)) => Value::Double(a + b),
            _ => return Err(invalid(Builtin::Sum, &Val::Data(*it))),
        };
    }
    Ok(Val::Data(total))
}

fn reduce<'a>(
    env: &mut Env<'a, '_>,
    of: &'a [Value<'a>],
    predicate: &'a Node,
    initial: Option<&'a Node>,
) -> Result<Val<'a>, Stop> {
    let (mut result, skip) = match (initial, of.first()) {
        (Some(node), _) => (env.eval(node)?, 0),
        (None, Some(first)) => (Val::Data(*first), 1),
        (None, None) => return Err("cannot reduce an empty array".to_owned().into()),
    };
    for (at, element) in of.iter().enumerate().skip(skip) {
        env.accumulators.push(result);
        let next = with_element(env, *element, at, |env| env.eval(predicate));
        env.accumulators.pop();
        result = next?;
    }
    Ok(result)
}

fn mapped<'a>(
    env: &mut Env<'a, '_>,
    builtin: Builtin,
    of: &'a [Value<'a>],
    rest: &'a [Node],
) -> Result<Val<'a>, Stop> {
    let mut results = ArenaVec::with_capacity_in(of.len(), env.arena);
    for (at, element) in of.iter().enumerate() {
        let value = with_element(env, *element, at, |env| env.eval(&rest[0]))?;
        results.push(value.into_value(env.arena));
    }
    match builtin {
        Builtin::Sum => sum(&results),
        Builtin::SortBy => {
            let descending = descending(rest.get(1).map(|it| env.eval(it)).transpose()?.as_ref());
            let mut pairs: Vec<(Value<'a>, Value<'a>)> =
                results.into_iter().zip(of.iter().copied()).collect();
            sort(&mut pairs, |it| it.0, descending)?;
            let sorted = env.arena.alloc_slice_fill_iter(pairs.into_iter().map(|it| it.1));
            Ok(Val::Data(Value::Array(sorted)))
        }
        Builtin::GroupBy => {
            let mut groups: Vec<(String, Vec<Value<'a>>)> = Vec::new();
            for (key, element) in results.iter().zip(of) {
                let key = value::display(key);
                match groups.iter_mut().find(|(k, _)| *k == key) {
                    Some((_, group)) => group.push(*element),
                    None => groups.push((key, vec![*element])),
                }
            }
            let mut all = Pairs::new_in(env.arena);
            for (key, group) in groups {
                let group = Value::Array(env.arena.alloc_slice_copy(&group));
                all.push((env.arena.alloc_str(&key), group));
            }
            Ok(Val::Data(Value::Map(all.into_bump_slice())))
        }
        _ => Ok(Val::Data(Value::Array(results.into_bump_slice()))),
    }
}

fn descending(order: Option<&Val<'_>>) -> bool {
    matches!(order, Some(Val::Data(Value::Str("desc"))))
}

fn sort<T>(all: &mut [T], key: impl Fn(&T) -> Value<'_>, descending: bool) -> Result<(), Stop> {
    let mut wrong = None;
    all.sort_by(|a, b| match order(Operator::Less, &Val::Data(key(a)), &Val::Data(key(b))) {
        Ok(order) => {
            let order = order.unwrap_or(Ordering::Equal);
            if descending { order.reverse() } else { order }
        }
        Err(stop) => {
            wrong = Some(stop);
            Ordering::Equal
        }
    });
    wrong.map_or(Ok(()), Err)
}

/// `max`, `min`, `mean`, `median` of numbers and of lists of numbers.
pub(super) fn statistic<'a>(
    env: &Env<'a, '_>,
    builtin: Builtin,
    args: &[Val<'a>],
) -> Result<Val<'a>, Stop> {
    let mut all = Vec::new();
    for arg in args {
        match arg {
            Val::Data(Value::Array(list)) => all.extend_from_slice(list),
            Val::Data(it) => all.push(*it),
            other => return Err(invalid(builtin, other)),
        }
    }
    if let Some(other) = all.iter().find(|it| !matches!(it, Value::Int(_) | Value::Double(_))) {
        return Err(invalid(builtin, &Val::Data(*other)));
    }
    sort(&mut all, |it| *it, false)?;
    let float = |it: &Value<'_>| match it {
        Value::Int(it) => *it as f64,
        Value::Double(it) => *it,
        _ => 0.0,
    };
    let _ = env;
    let middle = all.len() / 2;
    Ok(Val::Data(match builtin {
        _ if all.is_empty() => {
            return Err(format!("not enough arguments to call {}", builtin.name()).into());
        }
        Builtin::Max => all[all.len() - 1],
        Builtin::Min => all[0],
        Builtin::Mean => Value::Double(all.iter().map(float).sum::<f64>() / all.len() as f64),
        _ if all.len() % 2 == 1 => Value::Double(float(&all[middle])),
        _ => Value::Double(f64::midpoint(float(&all[middle - 1]), float(&all[middle]))),
    }))
}

/// Everything else.
pub(super) fn call<'a>(
    env: &Env<'a, '_>,
    builtin: Builtin,
    args: &[Val<'a>],
) -> Result<Val<'a>, Stop> {
    let array = |it: &[Value<'a>]| Value::Array(env.arena.alloc_slice_copy(it));
    let pairs = |it: &Val<'a>| match it {
        Val::Data(Value::Map(pairs)) => Ok(*pairs),
        other => Err(invalid(builtin, other)),
    };
    Ok(Val::Data(match (builtin, args) {
        (Builtin::First, [of]) => list(builtin, of)?.first().copied().unwrap_or(Value::Empty),
        (Builtin::Last, [of]) => list(builtin, of)?.last().copied().unwrap_or(Value::Empty),
        (Builtin::Get, [of, key]) => get(of, key),
        (Builtin::Take, [of, Val::Data(Value::Int(most))]) => {
            let of = list(builtin, of)?;
            Value::Array(&of[..of.len().min(usize::try_from(*most).unwrap_or(0))])
        }
        (Builtin::Keys, [of]) => {
            let keys: Vec<_> = pairs(of)?.iter().map(|(k, _)| Value::Str(k)).collect();
            array(&keys)
        }
        (Builtin::Values, [of]) => {
            let values: Vec<_> = pairs(of)?.iter().map(|(_, v)| *v).collect();
            array(&values)
        }
        (Builtin::ToPairs, [of]) => {
            let all: Vec<_> = pairs(of)?.iter().map(|(k, v)| array(&[Value::Str(k), *v])).collect();
            array(&all)
        }
        (Builtin::FromPairs, [of]) => {
            let mut all = Pairs::new_in(env.arena);
            for pair in list(builtin, of)? {
                match pair {
                    Value::Array([Value::Str(key), of]) => value::put(&mut all, key, *of),
                    other => return Err(invalid(builtin, &Val::Data(*other))),
                }
            }
            Value::Map(all.into_bump_slice())
        }
        (Builtin::Reverse, [of]) => {
            let all: Vec<_> = list(builtin, of)?.iter().rev().copied().collect();
            array(&all)
        }
        (Builtin::Uniq, [of]) => {
            let mut all: Vec<Value<'a>> = Vec::new();
            for it in list(builtin, of)?.iter().take(UNIQ_MAX) {
                if !all.iter().any(|old| equal(&Val::Data(*old), &Val::Data(*it))) {
                    all.push(*it);
                }
            }
            array(&all)
        }
        (Builtin::Concat, args) => {
            let mut all = Vec::new();
            for arg in args {
                all.extend_from_slice(list(builtin, arg)?);
            }
            array(&all)
        }
        (Builtin::Flatten, [of]) => {
            let mut all = Vec::new();
            flatten(list(builtin, of)?, &mut all);
            array(&all)
        }
        (Builtin::Sort, [of, rest @ ..]) => {
            let mut all = list(builtin, of)?.to_vec();
            sort(&mut all, |it| *it, descending(rest.first()))?;
            array(&all)
        }
        (_, [of, ..]) => return Err(invalid(builtin, of)),
        (_, []) => Value::Empty,
    }))
}

fn get<'a>(of: &Val<'a>, key: &Val<'a>) -> Value<'a> {
    match (of, key) {
        (Val::Data(Value::Map(pairs)), Val::Data(Value::Str(key))) => {
            value::find(pairs, key).unwrap_or(Value::Empty)
        }
        (Val::Data(Value::Array(list)), Val::Data(Value::Int(at))) => {
            let found = position(*at, list.len()).and_then(|at| list.get(at));
            found.copied().unwrap_or(Value::Empty)
        }
        _ => Value::Empty,
    }
}

fn flatten<'a>(of: &[Value<'a>], all: &mut Vec<Value<'a>>) {
    for it in of {
        match it {
            Value::Array(inner) => flatten(inner, all),
            other => all.push(*other),
        }
    }
}
