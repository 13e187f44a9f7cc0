//! Texts to texts.

use super::format::sprintf;
use super::kind::items;
use super::{Env, Function, Kind, Slot, constant_text, function, int, may_take, take, takes, text};
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
    )
    .says(
        "The values as texts with a delimiter between them; a nil is `<nil>`.",
        "Concat([\"a\", 1, nil], \"-\") == \"a-1-<nil>\"",
    ),
    function("Format", &[takes("format", Kind::TheText), takes("vals", Kind::EachAny)], |_, it| {
        let list = it.get(1).map(items).unwrap_or_default();
        Ok(sprintf(text(it, 0), &list).into())
    })
    .says(
        "The values in the places of a format, as Go's `fmt.Sprintf` writes them.",
        "Format(\"%03d-%s\", [7, \"test\"]) == \"007-test\"",
    ),
    function("Split", &[TARGET, takes("delimiter", Kind::Text)], |_, it| Ok(split(it))).says(
        "The parts between delimiters; without a delimiter each character.",
        "Split(\"a,b\", \",\") == [\"a\", \"b\"]",
    ),
    function(
        "Substring",
        &[
            TARGET,
            takes("start", Kind::Int),
            takes("length", Kind::Int),
            may_take("utf8_safe", Kind::TheBool),
        ],
        substring,
    )
    .says(
        "So many bytes from a start; with `utf8_safe` no part of a character. A range that is not \
         there is an error.",
        "Substring(\"pass\", 0, 2) == \"pa\"",
    ),
    function("Trim", &[TARGET, may_take("replacement", Kind::TheText)], |_, it| {
        let signs: Vec<char> = match it {
            [_, Value::Text(it)] => it.chars().collect(),
            _ => vec![' '],
        };
        Ok(text(it, 0).trim_matches(signs.as_slice()).to_owned().into())
    })
    .says(
        "The text without such characters at its ends; blanks if none are given.",
        "Trim(\"--x--\", \"-\") == \"x\"",
    ),
    function("TrimPrefix", &[TARGET, takes("prefix", Kind::Text)], |_, it| {
        let target = text(it, 0);
        Ok(target.strip_prefix(text(it, 1)).unwrap_or(target).to_owned().into())
    })
    .says("The text without a beginning.", "TrimPrefix(\"abc\", \"a\") == \"bc\""),
    function("TrimSuffix", &[TARGET, takes("suffix", Kind::Text)], |_, it| {
        let target = text(it, 0);
        Ok(target.strip_suffix(text(it, 1)).unwrap_or(target).to_owned().into())
    })
    .says("The text without an end.", "TrimSuffix(\"abc\", \"c\") == \"ab\""),
    function("ToValidUTF8", &[TARGET, may_take("replacement", Kind::TheText)], |_, it| {
        Ok(take(it, 0))
    })
    .says(
        "The text itself: what is no UTF-8 was replaced when it came in.",
        "ToValidUTF8(\"abc\") == \"abc\"",
    ),
    function("ToLowerCase", &[TARGET], |_, it| Ok(lower(text(it, 0)).into()))
        .says("The text in small letters.", "ToLowerCase(\"aB\") == \"ab\""),
    function("ToUpperCase", &[TARGET], |_, it| Ok(upper(text(it, 0)).into()))
        .says("The text in capital letters.", "ToUpperCase(\"aB\") == \"AB\""),
    function("ToSnakeCase", &[TARGET], |_, it| Ok(snake(text(it, 0)).into()))
        .says("The words of a name in snake case.", "ToSnakeCase(\"fooBar\") == \"foo_bar\""),
    function("ToCamelCase", &[TARGET], |_, it| Ok(camel(text(it, 0)).into()))
        .says("The words of a name in camel case.", "ToCamelCase(\"foo_bar\") == \"FooBar\""),
    function("ConvertCase", &[TARGET, takes("to_case", Kind::TheText)], |_, it| {
        let target = text(it, 0);
        Ok(match text(it, 1) {
            "lower" => lower(target).into(),
            "upper" => upper(target).into(),
            "snake" => snake(target).into(),
            _ => camel(target).into(),
        })
    })
    .prepared(a_case)
    .says(
        "The text in another case: `lower`, `upper`, `snake` or `camel`.",
        "ConvertCase(\"fooBar\", \"snake\") == \"foo_bar\"",
    ),
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
    let ends = usize::try_from(start).ok().zip(usize::try_from(end).ok());
    let Some((start, end)) = ends.filter(|it| it.1 <= size) else {
        return Err(format!(
            "invalid range for substring function, {end} cannot be greater than the length of \
             target string({size})"
        ));
    };
    let mut range = start..end;
    if matches!(values.get(3), Some(Value::Bool(true))) {
        let target = text(values, 0);
        let inside = |at: &usize| !target.is_char_boundary(*at);
        range.start = (range.start..size).find(|at| !inside(at)).unwrap_or(size);
        let start = range.start.min(range.end);
        range.end = (start..=range.end).rev().find(|at| !inside(at)).unwrap_or(start);
        range.start = start;
    }
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

/// `foo_bar` and `FOO/bar` are `FooBar` and `Foobar`: what is no letter or digit goes, and only some of it
/// ends a word.
fn camel(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut begins = true;
    let mut after_capital = false;
    for c in text.trim().chars() {
        let capital = c.is_ascii_uppercase();
        if c.is_ascii_alphabetic() {
            out.push(match c {
                _ if begins => c.to_ascii_uppercase(),
                _ if after_capital => c.to_ascii_lowercase(),
                _ => c,
            });
            begins = false;
        } else if c.is_ascii_digit() {
            out.push(c);
            begins = true;
        } else {
            begins = matches!(c, '_' | ' ' | '-' | '.');
        }
        after_capital = capital;
    }
    out
}

/// Letter by letter, as Go does it: no letter becomes two.
fn lower(text: &str) -> String {
    let one = |c: char| {
        let mut small = c.to_lowercase();
        let only = small.next().filter(|_| small.next().is_none());
        only.unwrap_or(if c == '\u{130}' { 'i' } else { c })
    };
    text.chars().map(one).collect()
}

/// Letter by letter, as Go does it: no letter becomes two.
fn upper(text: &str) -> String {
    let one = |c: char| {
        let mut large = c.to_uppercase();
        large.next().filter(|_| large.next().is_none()).unwrap_or(c)
    };
    text.chars().map(one).collect()
}
