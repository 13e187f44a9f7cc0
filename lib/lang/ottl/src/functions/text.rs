//! Texts to texts.

use super::kind::items;
use super::{Env, Function, Kind, constant_text, function, int, may_take, take, takes, text};
use crate::program::Slot;
use crate::value::{List, Value};

const TARGET: super::Parameter = takes("target", Kind::Text);

pub(super) const ALL: &[Function] = &[
    function(
        "Concat",
        &[takes("vals", Kind::EachTextLike), takes("delimiter", Kind::Text)],
        |_, it| {
            let list = it.first().map(items).unwrap_or_default();
            let list: Vec<String> = list.iter().map(Value::to_string).collect();
            Ok(list.join(text(it, 1)).into())
        },
    ),
    function("Split", &[TARGET, takes("delimiter", Kind::Text)], |_, it| Ok(split(it))),
    function(
        "Substring",
        &[TARGET, takes("start", Kind::Int), takes("length", Kind::Int)],
        substring,
    ),
    function("Trim", &[TARGET, may_take("replacement", Kind::TheText)], |_, it| {
        let signs: Vec<char> = match it {
            [_, Value::Text(it)] => it.chars().collect(),
            _ => vec![' '],
        };
        Ok(text(it, 0).trim_matches(signs.as_slice()).to_owned().into())
    }),
    function("TrimPrefix", &[TARGET, takes("prefix", Kind::Text)], |_, it| {
        let target = text(it, 0);
        Ok(target.strip_prefix(text(it, 1)).unwrap_or(target).to_owned().into())
    }),
    function("TrimSuffix", &[TARGET, takes("suffix", Kind::Text)], |_, it| {
        let target = text(it, 0);
        Ok(target.strip_suffix(text(it, 1)).unwrap_or(target).to_owned().into())
    }),
    function("ToLowerCase", &[TARGET], |_, it| Ok(text(it, 0).to_lowercase().into())),
    function("ToUpperCase", &[TARGET], |_, it| Ok(text(it, 0).to_uppercase().into())),
    function("ToSnakeCase", &[TARGET], |_, it| Ok(snake(text(it, 0)).into())),
    function("ToCamelCase", &[TARGET], |_, it| Ok(camel(text(it, 0)).into())),
    function("ConvertCase", &[TARGET, takes("to_case", Kind::TheText)], |_, it| {
        let target = text(it, 0);
        Ok(match text(it, 1) {
            "lower" => target.to_lowercase().into(),
            "upper" => target.to_uppercase().into(),
            "snake" => snake(target).into(),
            _ => camel(target).into(),
        })
    })
    .prepared(a_case),
];

fn a_case(slots: &[Slot]) -> Result<super::State, String> {
    match constant_text(slots, 1).unwrap_or_default() {
        "lower" | "upper" | "snake" | "camel" => Ok(super::State::None),
        other => {
            Err(format!("invalid case: {other}, allowed cases are: lower, upper, snake, camel"))
        }
    }
}

/// An empty delimiter parts each character, as in Go.
fn split<'a>(values: &[Value<'a>]) -> Value<'a> {
    let (target, delimiter) = (text(values, 0), text(values, 1));
    let parts: Vec<Value<'a>> = if delimiter.is_empty() {
        target.chars().map(|it| it.to_string().into()).collect()
    } else {
        target.split(delimiter).map(|it| it.to_owned().into()).collect()
    };
    Value::List(List::own(parts))
}

fn substring<'a>(_: &Env<'_, 'a>, values: &mut [Value<'a>]) -> Result<Value<'a>, String> {
    let (start, length) = (int(values, 1), int(values, 2));
    if start < 0 {
        return Err(format!("invalid start for substring function, {start} cannot be negative"));
    }
    if length <= 0 {
        return Err(format!(
            "invalid length for substring function, {length} cannot be negative or zero"
        ));
    }
    let size = text(values, 0).len();
    let end = start.saturating_add(length);
    if end > size as i64 {
        return Err(format!(
            "invalid range for substring function, {end} cannot be greater than the length of \
             target string({size})"
        ));
    }
    let range = start as usize..end as usize;
    Ok(match take(values, 0) {
        Value::Text(std::borrow::Cow::Borrowed(it)) if it.is_char_boundary(range.start) => {
            match it.get(range.clone()) {
                Some(part) => part.into(),
                None => lossy(it, range),
            }
        }
        Value::Text(it) => lossy(&it, range),
        _ => Value::Nil,
    })
}

/// A part that may begin or end within a character.
fn lossy<'a>(text: &str, range: std::ops::Range<usize>) -> Value<'a> {
    let bytes = text.as_bytes().get(range).unwrap_or_default();
    String::from_utf8_lossy(bytes).into_owned().into()
}

/// `fooBar` and `Foo-bar baz` are `foo_bar` and `foo_bar_baz` (github.com/iancoleman/strcase).
fn snake(text: &str) -> String {
    let signs: Vec<char> = text.trim().chars().collect();
    let mut out = String::with_capacity(text.len() + 4);
    for (at, c) in signs.iter().copied().enumerate() {
        let next = signs.get(at + 1).copied().unwrap_or('\0');
        let (upper, lower, digit) =
            (c.is_ascii_uppercase(), c.is_ascii_lowercase(), c.is_ascii_digit());
        let (next_upper, next_lower, next_digit) =
            (next.is_ascii_uppercase(), next.is_ascii_lowercase(), next.is_ascii_digit());
        let shown = c.to_ascii_lowercase();
        let border = (upper && (next_lower || next_digit))
            || (lower && (next_upper || next_digit))
            || (digit && (next_upper || next_lower));
        let before_acronym_end = upper && next_lower;
        if !border {
            out.push(if matches!(c, ' ' | '_' | '-' | '.') { '_' } else { shown });
            continue;
        }
        if before_acronym_end
            && at.checked_sub(1).and_then(|it| signs.get(it)).is_some_and(char::is_ascii_uppercase)
        {
            out.push('_');
        }
        out.push(shown);
        if lower || digit || next_digit {
            out.push('_');
        }
    }
    out
}

/// `foo_bar` is `FooBar`.
fn camel(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut next_upper = true;
    let mut after_digit = false;
    for c in text.trim().chars() {
        if matches!(c, '_' | ' ' | '-' | '.') {
            (next_upper, after_digit) = (true, false);
            continue;
        }
        let upper = next_upper || after_digit;
        out.push(if upper { c.to_ascii_uppercase() } else { c });
        (next_upper, after_digit) = (false, c.is_ascii_digit());
    }
    out
}
