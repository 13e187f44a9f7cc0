//! `regex.match` with Go's regular expressions, as OPA has it: `\d`, `\w`, `\s` and `\b` are ASCII. The engine's own mean all of
//! Unicode, and refuse patterns with several of them as too large, for each record anew.

use std::cell::RefCell;
use std::collections::HashMap;

use regex::Regex;
use regorus::Value;

use super::args::{Answer, Table, failed, string};

pub const TABLE: Table = &[("regex.match", matches)];

/// Most patterns that are kept; then all are forgotten.
const PATTERNS_MAX: usize = 256;

thread_local! {
    /// What is no pattern is not read again either.
    static PATTERNS: RefCell<HashMap<String, Result<Regex, String>>> = RefCell::default();
}

fn matches(args: &[Value]) -> Answer {
    let (pattern, text) = (string(args, 0)?, string(args, 1)?);
    let found = PATTERNS.with_borrow_mut(|known| {
        if let Some(it) = known.get(pattern) {
            return it.clone();
        }
        if known.len() >= PATTERNS_MAX {
            known.clear();
        }
        let made = golang::regexp::compile(pattern).map_err(|it| it.text);
        known.insert(pattern.to_owned(), made.clone());
        made
    });
    match found {
        Ok(it) => Ok(it.is_match(text).into()),
        Err(why) => failed(why),
    }
}
