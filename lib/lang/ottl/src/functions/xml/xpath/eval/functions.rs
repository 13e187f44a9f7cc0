//! The functions of expressions.

use super::super::axes;
use super::super::parse::Expr;
use super::{Evaluator, Here, Result, Value, truth};

/// The value of a call.
pub(super) fn call(
    evaluator: &Evaluator<'_>,
    name: &str,
    arguments: &[Expr],
    here: Here,
) -> Result<Value> {
    let mut values = Vec::new();
    for it in arguments {
        values.push(evaluator.value(it, here)?);
    }
    let own = Value::Nodes(vec![here.node]);
    // Many functions are about the node itself if they are not told about what.
    let first = values.first().unwrap_or(&own);
    let number = || evaluator.number(first);
    let nodes = match first {
        Value::Nodes(it) => it.as_slice(),
        _ => &[],
    };
    let each = || nodes.iter().map(|it| axes::text(evaluator.tree, *it));
    Ok(match name {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        "not" => Value::Bool(!truth(first)),
        "boolean" => Value::Bool(truth(first)),
        "number" => Value::Number(number()),
        "string" => Value::Text(evaluator.text(first)),
        "last" => Value::Number(here.size as f64),
        "position" => Value::Number(here.position as f64),
        "count" => Value::Number(nodes.len() as f64),
        "sum" => Value::Number(each().map(|it| evaluator.number(&Value::Text(it))).sum()),
        "ceiling" => Value::Number(number().ceil()),
        "floor" => Value::Number(number().floor()),
        "round" => Value::Number((number() + 0.5).floor()),
        "name" | "local-name" | "namespace-uri" => {
            let found = nodes.first().map(|it| axes::name(evaluator.tree, *it));
            let (prefix, local) = found.unwrap_or_default();
            Value::Text(match name {
                "name" if !prefix.is_empty() => format!("{prefix}:{local}"),
                "namespace-uri" => String::new(),
                _ => local,
            })
        }
        "reverse" => Value::Nodes(nodes.iter().rev().copied().collect()),
        "string-join" => {
            let between = values.get(1).map(|it| evaluator.text(it)).unwrap_or_default();
            Value::Text(each().collect::<Vec<_>>().join(&between))
        }
        _ => of_texts(evaluator, name, first, &values)?,
    })
}

/// The functions that are about texts.
fn of_texts(
    evaluator: &Evaluator<'_>,
    name: &str,
    first: &Value,
    values: &[Value],
) -> Result<Value> {
    let text = |at: usize| values.get(at).map(|it| evaluator.text(it)).unwrap_or_default();
    let of_first = evaluator.text(first);
    Ok(match name {
        "string-length" => Value::Number(of_first.chars().count() as f64),
        "normalize-space" => Value::Text(of_first.split_whitespace().collect::<Vec<_>>().join(" ")),
        "lower-case" => Value::Text(of_first.to_lowercase()),
        "concat" => Value::Text(values.iter().map(|it| evaluator.text(it)).collect()),
        "contains" => Value::Bool(text(0).contains(&text(1))),
        "starts-with" => Value::Bool(text(0).starts_with(&text(1))),
        "ends-with" => Value::Bool(text(0).ends_with(&text(1))),
        "matches" => Value::Bool(evaluator.matches(&text(0), &text(1))?),
        "replace" => Value::Text(text(0).replace(&text(1), &text(2))),
        "translate" => Value::Text(translate(&text(0), &text(1), &text(2))),
        "substring-before" => {
            Value::Text(text(0).split_once(&text(1)).map_or("", |it| it.0).to_owned())
        }
        "substring-after" => {
            Value::Text(text(0).split_once(&text(1)).map_or("", |it| it.1).to_owned())
        }
        "substring" => {
            let start = values.get(1).map_or(f64::NAN, |it| evaluator.number(it)).round();
            let length = values.get(2).map_or(f64::INFINITY, |it| evaluator.number(it).round());
            let within = |at: usize| {
                let at = (at + 1) as f64;
                start <= at && at < start + length
            };
            let signs = of_first.chars().enumerate().filter(|it| within(it.0));
            Value::Text(signs.map(|it| it.1).collect())
        }
        other => return Err(format!("not yet support this function {other}()")),
    })
}

/// Each sign of `from` becomes the one at its place in `to`, or goes.
fn translate(text: &str, from: &str, to: &str) -> String {
    let one = |sign: char| match from.chars().position(|it| it == sign) {
        None => Some(sign),
        Some(at) => to.chars().nth(at),
    };
    text.chars().filter_map(one).collect()
}
