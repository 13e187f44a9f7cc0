//! `unquote`: the text within Go quotes: "...", '...' for one character, or `...`.

use bumpalo::Bump;
use bumpalo::collections::Vec as ArenaVec;

use super::{Built, Cx, Failure, Flow, Operator};
use crate::entry::Entry;
use crate::field::Field;
use crate::section::{Mistake, Section};
use crate::text;
use crate::value::{Value, type_name};

#[derive(Debug)]
struct Unquote {
    field: Field,
}

/// Makes it.
pub(crate) fn build(section: &mut Section<'_>) -> Result<Built, Mistake> {
    let field = section.field("field", false);
    section.check()?;
    Ok(Built::transformer(Unquote { field: field.ok_or("missing required parameter 'field'")? }))
}

impl Operator for Unquote {
    fn process<'a>(&'a self, entry: &mut Entry<'a>, cx: &mut Cx<'a, '_>) -> Result<Flow, Failure> {
        match self.field.get(entry, cx.arena) {
            // A missing field is no failure, as upstream.
            None => Ok(Flow::Next),
            Some(Value::Str(quoted)) => {
                let plain = unquote(quoted, cx.arena).ok_or(Failure::Fixed("invalid syntax"))?;
                self.field.set(entry, Value::Str(plain), cx.arena)?;
                Ok(Flow::Next)
            }
            Some(other) => {
                let got = type_name(&other);
                Err(Failure::Text(format!("type {got} cannot be unquoted")))
            }
        }
    }
}

/// Go's `strconv.Unquote`.
fn unquote<'a>(quoted: &'a str, arena: &'a Bump) -> Option<&'a str> {
    let quote = quoted.chars().next()?;
    let inside = quoted.strip_prefix(quote)?.strip_suffix(quote)?;
    if quote == '`' {
        return (!inside.contains(['`', '\r'])).then_some(inside);
    }
    if !matches!(quote, '"' | '\'') || inside.contains('\n') {
        return None;
    }
    let mut plain = ArenaVec::with_capacity_in(inside.len(), arena);
    let characters = unescape(inside, quote, &mut plain)?;
    if quote == '\'' && characters != 1 {
        return None;
    }
    Some(text::text(plain.into_bump_slice(), arena))
}

/// The bytes that stand for `inside`, a text within `quote`s, with Go's escapes; says how many characters
/// there were. `None` where Go sees a syntax error. `strconv/quote.go`, `UnquoteChar`.
pub fn unescape(inside: &str, quote: char, plain: &mut impl Extend<u8>) -> Option<usize> {
    let mut characters = 0;
    let mut rest = inside;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        characters += 1;
        match c {
            '\\' => rest = escape(rest, quote, plain)?,
            c if c == quote => return None,
            c => push(plain, c),
        }
    }
    Some(characters)
}

fn push(plain: &mut impl Extend<u8>, c: char) {
    plain.extend(c.encode_utf8(&mut [0; 4]).bytes());
}

/// What follows a backslash; the rest after it.
fn escape<'t>(rest: &'t str, quote: char, plain: &mut impl Extend<u8>) -> Option<&'t str> {
    let c = rest.chars().next()?;
    let after = &rest[c.len_utf8()..];
    let byte = match c {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' => b'\\',
        c if c == quote => c as u8,
        'x' | 'u' | 'U' => {
            let digits = match c {
                'x' => 2,
                'u' => 4,
                _ => 8,
            };
            let code = u32::from_str_radix(after.get(..digits)?, 16).ok()?;
            if let ('x', Ok(byte)) = (c, u8::try_from(code)) {
                plain.extend([byte]);
            } else {
                push(plain, char::from_u32(code)?);
            }
            return after.get(digits..);
        }
        '0'..='7' => {
            plain.extend([u8::try_from(u32::from_str_radix(rest.get(..3)?, 8).ok()?).ok()?]);
            return rest.get(3..);
        }
        _ => return None,
    };
    plain.extend([byte]);
    Some(after)
}
