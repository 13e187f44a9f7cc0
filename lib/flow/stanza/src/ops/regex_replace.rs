//! `regex_replace`: replaces what a pattern matches.

use config::{Choice, Choices, Described, Problems, Stage};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

use regex::Regex;

use super::{Built, Cx, Failure, Flow, Operator, Transformer};
use crate::entry::Entry;
use crate::field::Field;
use crate::keys::{Place, pattern};
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

/// The keys of `regex_replace`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Described)]
pub(crate) struct Config {
    /// The name of a pattern instead of `regex`: `ansi_control_sequences` is what colours the output of terminals. Default:
    /// none.
    regex_name: Choice<Name>,
    /// A pattern in the syntax of RE2: what it matches is replaced. Required unless there is `regex_name`.
    regex: String,
    /// What comes in its place; `$1` and `${name}` stand for groups (in YAML `$$1` and `$${name}`). Default: nothing.
    replace_with: String,
    /// The text in which to replace. Required.
    field: Place,
}

/// A pattern that has a name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Name {
    #[default]
    None,
    Ansi,
}

impl Choices for Name {
    const NAMES: &'static [(&'static str, Self)] =
        &[("ansi_control_sequences", Name::Ansi), ("", Name::None)];
    const SHOWN: usize = 1;
    const STAGE: Stage = Stage::Create;

    fn unknown(word: &str) -> String {
        format!("regex_name {word} is unknown")
    }
}

impl Transformer for Config {
    fn plan(&self, found: &mut Problems) -> Option<Built> {
        // In upstream's order.
        let regex = self.regex(found);
        let field = self.field.required("field", "missing required parameter 'field'", found);
        let replacement = self.replace_with.clone();
        Some(Built::transformer(RegexReplace { field: field?, regex: regex?, replacement }))
    }
}

impl Config {
    fn regex(&self, found: &mut Problems) -> Option<Regex> {
        const EITHER: &str = "either regex or regex_name must be set";
        let is_named = !self.regex_name.word().is_empty();
        match (is_named, self.regex.is_empty()) {
            (true, false) => {
                found.late("", EITHER).remove("regex_name");
            }
            (false, true) => {
                found.late("", EITHER).require("regex_name", "ansi_control_sequences");
            }
            (false, false) => return pattern("regex", &self.regex, "", found),
            (true, true) => match self.regex_name.refused("regex_name") {
                None => return regexp::compile(ANSI).ok(),
                Some(fault) => {
                    found.add(fault);
                }
            },
        }
        None
    }
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
