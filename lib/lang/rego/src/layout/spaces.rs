//! Spaces between two words of a line.

use super::{Brace, Marks, Word};
use crate::syntax::token::Kind;

/// Words behind which a bracket begins something, and is no index or argument.
const KEYWORDS: [&str; 14] = [
    "not", "in", "if", "else", "contains", "some", "every", "with", "as", "import", "default",
    "package", "and", "or",
];

/// Whether there is one space between two words, or none; `None` leaves it as it is.
pub fn between(
    text: &str,
    before: Option<&Word>,
    left: &Word,
    right: &Word,
    marks: &Marks,
) -> Option<bool> {
    let of = |it: &Word| text.get(it.span.clone()).unwrap_or_default();
    let (a, b) = (of(left), of(right));
    if right.kind.is_none() {
        return Some(true);
    }
    let is_sign = |it: &Word| it.kind == Some(Kind::Sign);
    if is_sign(right) {
        match b {
            "," | ";" | ")" | "]" | "." | ":" => return Some(false),
            "}" => return inside(marks.brace(right.span.end)),
            _ => {}
        }
    }
    if is_sign(left) {
        match a {
            "(" | "[" | "." => return Some(false),
            "," | ";" | ":" => return Some(true),
            "{" => return inside(marks.brace(left.span.start)),
            "-" if is_unary(text, before) => return Some(false),
            ")" | "]" | "}" if matches!(b, "[" | "(") && is_sign(right) => {
                return (left.span.end == right.span.start).then_some(false);
            }
            _ => return Some(true),
        }
    }
    if is_sign(right) && matches!(b, "(" | "[") {
        let is_keyword = left.kind == Some(Kind::Word) && KEYWORDS.contains(&a);
        return if is_keyword && left.span.end < right.span.start { Some(true) } else { None };
    }
    Some(true)
}

/// Whether a space stands within a brace.
fn inside(brace: Brace) -> Option<bool> {
    match brace {
        Brace::Body => Some(true),
        Brace::Term => Some(false),
        Brace::Either => None,
    }
}

/// A sign of a number, as nothing stands before it from which something could be taken.
fn is_unary(text: &str, before: Option<&Word>) -> bool {
    let Some(before) = before else { return true };
    let word = text.get(before.span.clone()).unwrap_or_default();
    match before.kind {
        Some(Kind::Sign) => !matches!(word, ")" | "]" | "}"),
        Some(Kind::Word) => KEYWORDS.contains(&word),
        _ => false,
    }
}
