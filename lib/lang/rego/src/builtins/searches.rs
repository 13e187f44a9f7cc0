//! Builtins over texts whose work in the engine is the product of the lengths of two texts. Here it is their sum.

use std::collections::HashSet;

use regorus::Value;

use super::args::{Answer, Failure, Table, failed, string, type_name, wrong};

/// Longest text that is joined, in bytes: what records say must not fill the memory.
const TEXT_BYTES_MAX: usize = 16 * 1024 * 1024;

pub const TABLE: Table = &[
    ("concat", concat),
    ("indexof", |args| {
        let (text, part) = sought(args)?;
        let at = text.find(part);
        let before = at.map(|at| text.get(..at).unwrap_or_default().chars().count());
        Ok(before.map_or(Value::from(-1), Value::from))
    }),
    ("indexof_n", indexof_n),
    ("strings.any_prefix_match", |args| any_match(args, str::to_owned)),
    ("strings.any_suffix_match", |args| any_match(args, |it| it.chars().rev().collect())),
    ("trim", |args| {
        let signs = signs(args)?;
        Ok(Value::from(string(args, 0)?.trim_matches(|it| signs.contains(&it))))
    }),
    ("trim_left", |args| {
        let signs = signs(args)?;
        Ok(Value::from(string(args, 0)?.trim_start_matches(|it| signs.contains(&it))))
    }),
    ("trim_right", |args| {
        let signs = signs(args)?;
        Ok(Value::from(string(args, 0)?.trim_end_matches(|it| signs.contains(&it))))
    }),
];

fn signs(args: &[Value]) -> Result<HashSet<char>, Failure> {
    string(args, 0)?;
    Ok(string(args, 1)?.chars().collect())
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
    let parts = texts(args, 1)?;
    let length = parts.iter().map(|it| it.len()).sum::<usize>();
    let between = delimiter.len().saturating_mul(parts.len().saturating_sub(1));
    if length.saturating_add(between) > TEXT_BYTES_MAX {
        return failed(format!("more than {TEXT_BYTES_MAX} bytes"));
    }
    Ok(Value::from(parts.join(delimiter)))
}

/// The items of a collection of texts.
fn texts(args: &[Value], index: usize) -> Result<Vec<&str>, Failure> {
    let text = |it: &'_ Value| match it {
        Value::String(_) => Ok(()),
        _ => Err(Failure::Type(format!(
            "operand {} must be array of strings but got array containing {}",
            index + 1,
            type_name(it)
        ))),
    };
    let items: Vec<&Value> = match args.get(index) {
        Some(Value::Array(items)) => items.iter().collect(),
        Some(Value::Set(items)) => items.iter().collect(),
        _ => return wrong(args, index, "one of {set, array}"),
    };
    items.iter().try_for_each(|it| text(it))?;
    Ok(items.into_iter().filter_map(|it| it.as_string().ok()).map(|it| &**it).collect())
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

/// Whether one of the first texts begins with one of the others. Of those, the ones that begin with another are left out; then
/// only the last one in order that is not behind a text can be its beginning.
fn any_match(args: &[Value], turned: fn(&str) -> String) -> Answer {
    let all = |index| match args.get(index) {
        Some(Value::String(text)) => Ok(vec![&**text]),
        Some(Value::Array(_) | Value::Set(_)) => texts(args, index),
        _ => wrong(args, index, "one of {string, set, array}"),
    };
    let texts: Vec<String> = all(0)?.into_iter().map(turned).collect();
    let mut parts: Vec<String> = all(1)?.into_iter().map(turned).collect();
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
            let args = format!("[{texts}, {parts}]");
            assert_eq!(call("strings.any_prefix_match", &args), begins, "{args}");
            assert_eq!(call("strings.any_suffix_match", &args), ends, "{args}");
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
    }
}
