//! `regex.globs_match`: is there a text that both patterns match? Patterns are characters, `.` and sets, each with `*` or
//! `+`, as in github.com/yashtewari/glob-intersection, which OPA uses.

use std::collections::BTreeSet;

use regorus::Value;

use super::args::{Failure, Table, failed, string};

pub const TABLE: Table = &[("regex.globs_match", |args| {
    let (left, right) = (parse(string(args, 0)?)?, parse(string(args, 1)?)?);
    Ok(Value::from(meet(&left, &right)))
})];

/// Longest pattern, in parts: the work is the product of two.
const PARTS_MAX: usize = 2000;

#[derive(Debug, Clone)]
struct Part {
    /// `None` is any character.
    signs: Option<BTreeSet<char>>,
    may_miss: bool,
    may_repeat: bool,
}

fn bad<T>(text: &str, at: usize, why: &str) -> Result<T, Failure> {
    failed(format!("input:{text}, pos:{at}, {why}: the input provided is invalid"))
}

fn parse(text: &str) -> Result<Vec<Part>, Failure> {
    let mut parts: Vec<Part> = Vec::new();
    let mut signs = text.chars().enumerate();
    while let Some((at, sign)) = signs.next() {
        let one = |sign: char| Some(BTreeSet::from([sign]));
        let set = match sign {
            '*' | '+' => {
                let Some(last) = parts.last_mut().filter(|it| !it.may_repeat) else {
                    return bad(
                        text,
                        at + 1,
                        &format!("flag '{sign}' must be preceded by a non-flag"),
                    );
                };
                last.may_repeat = true;
                last.may_miss = sign == '*';
                continue;
            }
            ']' => return bad(text, at + 1, "set-close ']' with no preceding '['"),
            '.' => None,
            '\\' => match signs.next() {
                Some((_, next)) => one(next),
                None => return bad(text, at + 1, "escape character at the end"),
            },
            '[' => Some(set(text, &mut signs)?),
            other => one(other),
        };
        parts.push(Part { signs: set, may_miss: false, may_repeat: false });
        if parts.len() > PARTS_MAX {
            return failed(format!("pattern has more than {PARTS_MAX} parts"));
        }
    }
    Ok(parts)
}

fn set(
    text: &str,
    signs: &mut std::iter::Enumerate<std::str::Chars<'_>>,
) -> Result<BTreeSet<char>, Failure> {
    let mut found = BTreeSet::new();
    let mut last: Option<char> = None;
    let mut is_range = false;
    for (at, sign) in signs.by_ref() {
        match sign {
            ']' if is_range => return bad(text, at + 1, "range without an end"),
            ']' => return Ok(found),
            '-' if last.is_some() && !is_range => is_range = true,
            sign => {
                match last.filter(|_| is_range) {
                    Some(from) if from <= sign => found.extend(from..=sign),
                    Some(_) => return bad(text, at + 1, "range is out of order"),
                    None => drop(found.insert(sign)),
                }
                is_range = false;
                last = Some(sign);
            }
        }
    }
    bad(text, text.chars().count(), "set is not closed")
}

/// A walk over pairs of places: both patterns go over the same character at once.
fn meet(left: &[Part], right: &[Part]) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![(0, 0)];
    while let Some(at) = open.pop() {
        if !seen.insert(at) {
            continue;
        }
        let (i, j) = at;
        if i == left.len() && j == right.len() {
            return true;
        }
        let (a, b) = (left.get(i), right.get(j));
        open.extend(a.filter(|it| it.may_miss).map(|_| (i + 1, j)));
        open.extend(b.filter(|it| it.may_miss).map(|_| (i, j + 1)));
        if let (Some(a), Some(b)) = (a, b)
            && shares(a, b)
        {
            open.push((i + 1, j + 1));
            // A part that repeats stays, and may then be left.
            if a.may_repeat {
                open.push((i, j + 1));
            }
            if b.may_repeat {
                open.push((i + 1, j));
            }
        }
    }
    false
}

fn shares(a: &Part, b: &Part) -> bool {
    match (&a.signs, &b.signs) {
        (Some(a), Some(b)) => a.intersection(b).next().is_some(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_meet_where_a_text_fits_both() {
        let check = |left: &str, right: &str| {
            TABLE[0].1(&[Value::from(left), Value::from(right)]) == Ok(Value::from(true))
        };
        assert!(check("a.a.[0-9]+z", ".b.b2359825792*594823z"));
        assert!(!check("[a-z]+", "[0-9]*"));
        assert!(check("a*", "b*"));
        assert!(!check("ab", "abc"));
    }
}
