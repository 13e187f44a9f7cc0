//! Builtins over texts whose work in the engine is the product of the lengths of two texts. Here it is their sum.

use std::collections::HashSet;

use regorus::Value;

use super::args::{Answer, Failure, Table, failed, items, string, type_name};

/// Longest text that is joined, in bytes: what records say must not fill the memory.
const TEXT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// So many texts or characters are looked through one by one; what is made for more of them costs more than it saves.
const FEW: usize = 16;

pub const TABLE: Table = &[
    ("concat", concat),
    ("indexof", |args| {
        let (text, part) = sought(args)?;
        let at = text.find(part);
        let before = at.map(|at| text.get(..at).unwrap_or_default().chars().count());
        Ok(before.map_or(Value::from(-1), Value::from))
    }),
    ("indexof_n", indexof_n),
    ("strings.any_prefix_match", |args| {
        any_match(args, |it, part| it.starts_with(part), str::to_owned)
    }),
    ("strings.any_suffix_match", |args| {
        any_match(args, |it, part| it.ends_with(part), |it| it.chars().rev().collect())
    }),
    ("trim", |args| trimmed(args, |text, is_sign| text.trim_matches(is_sign))),
    ("trim_left", |args| trimmed(args, |text, is_sign| text.trim_start_matches(is_sign))),
    ("trim_right", |args| trimmed(args, |text, is_sign| text.trim_end_matches(is_sign))),
];

fn trimmed(args: &[Value], trim: for<'t> fn(&'t str, &dyn Fn(char) -> bool) -> &'t str) -> Answer {
    let (text, signs) = (string(args, 0)?, string(args, 1)?);
    let many: Option<HashSet<char>> = (signs.len() > FEW).then(|| signs.chars().collect());
    let is_sign =
        |it: char| many.as_ref().map_or_else(|| signs.contains(it), |all| all.contains(&it));
    Ok(Value::from(trim(text, &is_sign)))
}

/// A text, and what is looked for in it.
fn sought(args: &[Value]) -> Result<(&str, &str), Failure> {
    let (text, part) = (string(args, 0)?, string(args, 1)?);
    if part.is_empty() {
        return failed("empty search character");
    }
    Ok((text, part))
}

fn concat(args: &[Value]) -> Answer {
    let delimiter = string(args, 0)?;
    let parts = texts(args, 1, "one of {set, array}")?;
    let length = parts.iter().map(|it| it.len()).sum::<usize>();
    let between = delimiter.len().saturating_mul(parts.len().saturating_sub(1));
    if length.saturating_add(between) > TEXT_BYTES_MAX {
        return failed(format!("more than {TEXT_BYTES_MAX} bytes"));
    }
    Ok(Value::from(parts.join(delimiter)))
}

/// The items of a collection of texts.
fn texts<'a>(args: &'a [Value], index: usize, expected: &str) -> Result<Vec<&'a str>, Failure> {
    let text = |it: &'a Value| match it {
        Value::String(text) => Ok(&**text),
        other => Err(Failure::Type(format!(
            "operand {} must be array of strings but got array containing {}",
            index + 1,
            type_name(other)
        ))),
    };
    items(args, index, expected)?.map(text).collect()
}

/// All places, also those that overlap: Knuth, Morris and Pratt.
fn indexof_n(args: &[Value]) -> Answer {
    let (text, part) = sought(args)?;
    let part = part.as_bytes();
    // For each end in the part, how much of its beginning stands before that end, too.
    let mut known = vec![0_usize];
    let at = |index: usize| part.get(index).copied();
    let back = |known: &[usize], mut fits: usize, byte: u8| {
        while fits > 0 && at(fits) != Some(byte) {
            fits = known.get(fits - 1).copied().unwrap_or_default();
        }
        if at(fits) == Some(byte) { fits + 1 } else { fits }
    };
    for byte in part.iter().skip(1) {
        let fits = back(&known, known.last().copied().unwrap_or_default(), *byte);
        known.push(fits);
    }
    let whole = part.iter().filter(|it| starts_sign(**it)).count();
    let (mut found, mut fits, mut signs) = (Vec::new(), 0, 0);
    for byte in text.bytes() {
        signs += usize::from(starts_sign(byte));
        fits = back(&known, fits, byte);
        if fits == part.len() {
            found.push(Value::from(signs - whole));
            fits = known.last().copied().unwrap_or_default();
        }
    }
    Ok(Value::from(found))
}

/// A byte with which a character begins, in UTF-8.
fn starts_sign(byte: u8) -> bool {
    byte & 0b1100_0000 != 0b1000_0000
}

/// Whether one of the first texts begins (or ends, if both are turned around) with one of the others. Of many others, the
/// ones that begin with another are left out; then only the last one in order that is not behind a text can be its beginning.
fn any_match(
    args: &[Value],
    matches: fn(&str, &str) -> bool,
    turned: fn(&str) -> String,
) -> Answer {
    let all = |index| match args.get(index) {
        Some(Value::String(text)) => Ok(vec![&**text]),
        _ => texts(args, index, "one of {string, set, array}"),
    };
    let (texts, parts) = (all(0)?, all(1)?);
    if parts.len() <= FEW {
        let found = texts.iter().any(|text| parts.iter().any(|part| matches(text, part)));
        return Ok(Value::from(found));
    }
    let texts: Vec<String> = texts.into_iter().map(turned).collect();
    let mut parts: Vec<String> = parts.into_iter().map(turned).collect();
    parts.sort_unstable();
    parts.dedup_by(|it, before| it.starts_with(before.as_str()));
    let begins = |text: &String| {
        let behind = parts.partition_point(|it| it <= text);
        behind
            .checked_sub(1)
            .and_then(|it| parts.get(it))
            .is_some_and(|it| text.starts_with(it.as_str()))
    };
    Ok(Value::from(texts.iter().any(begins)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(name: &str, args: &str) -> String {
        let Ok(Value::Array(args)) = Value::from_json_str(args) else { panic!("{args}") };
        let function = TABLE.iter().find(|it| it.0 == name).unwrap().1;
        function(args.as_slice()).map_or_else(|it| format!("{it:?}"), |it| it.to_string())
    }

    #[test]
    fn places_are_counted_in_characters() {
        for (args, first, all) in [
            (r#"["aaaa", "aa"]"#, "0", "[0, 1, 2]"),
            (r#"["\u00e9a\u00e9a\u00e9", "a\u00e9"]"#, "1", "[1, 3]"),
            (r#"["abcabcabd", "abcabd"]"#, "3", "[3]"),
            (r#"["abc", "d"]"#, "-1", "[]"),
            (r#"["", "d"]"#, "-1", "[]"),
            (r#"["aabaaab", "aab"]"#, "0", "[0, 4]"),
        ] {
            let without = |it: String| it.replace(char::is_whitespace, "");
            assert_eq!(call("indexof", args), first, "{args}");
            assert_eq!(without(call("indexof_n", args)), without(all.into()), "{args}");
        }
        assert!(call("indexof", r#"["a", ""]"#).contains("empty search"));
    }

    #[test]
    fn beginnings_and_ends_are_found_among_many() {
        for (texts, parts, begins, ends) in [
            (r#"["abc", "xyz"]"#, r#"["b", "ab", "abd"]"#, "true", "false"),
            (r#""abc""#, r#"["c", "abcd", ""]"#, "true", "true"),
            (r#"["abc"]"#, r#"["a", "aa", "b"]"#, "true", "false"),
            (r#"["b"]"#, r#"["a", "ab", "c"]"#, "false", "false"),
            ("[]", r#"[""]"#, "false", "false"),
            (r#"["a"]"#, "[]", "false", "false"),
            (r#"["a\u00e9"]"#, r#""\u00e9""#, "false", "true"),
        ] {
            // The same with so many others that they are sorted.
            let many: Vec<String> = (0..FEW).map(|it| format!("\"-{it}\"")).collect();
            let all = parts.trim_matches(['[', ']']);
            let comma = if all.is_empty() { "" } else { "," };
            let many = format!("[{}{comma}{all}]", many.join(","));
            for parts in [parts, &many] {
                let args = format!("[{texts}, {parts}]");
                assert_eq!(call("strings.any_prefix_match", &args), begins, "{args}");
                assert_eq!(call("strings.any_suffix_match", &args), ends, "{args}");
            }
        }
    }

    #[test]
    fn what_is_joined_and_trimmed_is_as_before() {
        assert_eq!(call("concat", r#"[", ", ["a", "b", ""]]"#), r#""a, b, ""#);
        assert_eq!(call("concat", r#"["x", []]"#), r#""""#);
        assert!(call("concat", r#"["x", [1]]"#).contains("Type"));
        assert_eq!(call("trim", r#"["\u00e9aba\u00e9", "\u00e9b"]"#), r#""aba""#);
        assert_eq!(call("trim_left", r#"["aab", "a"]"#), r#""b""#);
        assert_eq!(call("trim_right", r#"["baa", "a"]"#), r#""b""#);
        assert_eq!(call("trim", r#"["a", ""]"#), r#""a""#);
        assert_eq!(call("trim", r#"["yzxabacdz", "zyxwvutsrqponmlkji"]"#), r#""abacd""#);
    }
}
