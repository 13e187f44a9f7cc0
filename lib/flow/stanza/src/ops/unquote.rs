//! `unquote`: the text within Go quotes: "...", '...' for one character, or `...`.

use bumpalo::Bump;
use bumpalo::collections::Vec as ArenaVec;
use config::{Described, Problems};
use serde::{Deserialize, Serialize};

use super::{Built, Cx, Failure, Flow, Operator, Transformer};
use crate::entry::Entry;
use crate::field::Field;
use crate::keys::Place;
use crate::value::{Value, type_name};
use golang::utf8;

#[derive(Debug)]
struct Unquote {
    field: Field,
}

/// The keys of `unquote`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Described)]
pub(crate) struct Config {
    /// The text in quotes. Required.
    field: Place,
}

impl Transformer for Config {
    fn plan(&self, found: &mut Problems) -> Option<Built> {
        let field = self.field.required("field", "missing required parameter 'field'", found)?;
        Some(Built::transformer(Unquote { field }))
    }
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
    let characters = golang::strconv::unescape(inside, quote, &mut plain)?;
    if quote == '\'' && characters != 1 {
        return None;
    }
    Some(utf8::text(plain.into_bump_slice(), arena))
}
