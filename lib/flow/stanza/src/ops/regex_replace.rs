//! `regex_replace`: replaces what a pattern matches.

use config::Fault;
use std::borrow::Cow;

use regex::Regex;

use super::{Built, Cx, Failure, Flow, Operator};
use crate::entry::Entry;
use crate::field::Field;
use crate::section::Section;
use crate::value::{Value, type_name};
use golang::regexp;

/// The pattern named `ansi_control_sequences` (ECMA-48 control sequences; upstream's regex_replace/config.go).
const ANSI: &str = r"\x1b\[[0-9;]*[A-Za-z]";

#[derive(Debug)]
struct RegexReplace {
    field: Field,
    regex: Regex,
    replacement: String,
}

/// Makes it.
pub(crate) fn build(section: &mut Section<'_>) -> Result<Built, Fault> {
    let field = section.field("field", false);
    let regex = section.text("regex").filter(|it| !it.is_empty());
    let name = section.text("regex_name").filter(|it| !it.is_empty());
    let replacement = section.text("replace_with").unwrap_or_default();
    section.check()?;
    let field = field.ok_or("missing required parameter 'field'")?;
    let pattern = match (regex, name) {
        (Some(pattern), None) => pattern,
        (None, Some("ansi_control_sequences")) => ANSI,
        (None, Some(other)) => return Err(format!("regex_name {other} is unknown").into()),
        _ => return Err("exactly one of regex or regex_name must be set".into()),
    };
    let regex = regexp::compile(pattern)?;
    Ok(Built::transformer(RegexReplace { field, regex, replacement: replacement.to_owned() }))
}

impl Operator for RegexReplace {
    fn process<'a>(&'a self, entry: &mut Entry<'a>, cx: &mut Cx<'a, '_>) -> Result<Flow, Failure> {
        match self.field.get(entry, cx.arena) {
            None => Ok(Flow::Next),
            Some(Value::Str(text)) => {
                if let Cow::Owned(new) = self.regex.replace_all(text, &*self.replacement) {
                    self.field.set(entry, Value::Str(cx.arena.alloc_str(&new)), cx.arena)?;
                }
                Ok(Flow::Next)
            }
            Some(other) => {
                let got = type_name(&other);
                Err(Failure::Text(format!("type {got} cannot be handled by regex_replace")))
            }
        }
    }
}
