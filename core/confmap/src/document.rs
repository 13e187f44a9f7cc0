//! The tree of a source, or the explanation of why there is none. Layout that other parsers accept and ours does
//! not is put right first.

use std::borrow::Cow;
use std::sync::Arc;

use crate::code;
use crate::diagnostic::Diagnostic;
use crate::repair;
use crate::source::Source;
use crate::syntax;
use crate::tree::Node;
use crate::yaml::{self, Failure, TEXT_BYTES_MAX, YamlError};

/// Most places of one text that are made acceptable to our parser.
const REPAIRS_MAX: usize = 50;

/// Reads the first document of a source; a source without one is null.
///
/// # Errors
/// The text is not YAML, has duplicate keys, or is beyond a limit.
pub(crate) fn parse(source: &Arc<Source>) -> Result<Node, YamlError> {
    if source.text.len() > TEXT_BYTES_MAX {
        let text = format!("text of {} bytes is longer than {TEXT_BYTES_MAX}", source.text.len());
        return Err(YamlError {
            list: vec![Diagnostic::new(code::LIMIT, text.clone())],
            text: format!("yaml: {text}"),
        });
    }
    let mut text = Cow::Borrowed(source.text.as_str());
    for _ in 0..REPAIRS_MAX {
        let repaired = match yaml::read(source, &text) {
            Ok(node) => return Ok(node),
            Err(Failure::Content(error)) => return Err(error),
            Err(Failure::Syntax(error, open)) => match repair::tolerate(&text, &error) {
                Some(repaired) => repaired,
                None => return Err(syntax::explain(&error, source, &open)),
            },
        };
        text = repaired.into();
    }
    let text = "too many oddities of layout".to_owned();
    Err(YamlError {
        list: vec![Diagnostic::new(code::SYNTAX, text.clone())],
        text: format!("yaml: {text}"),
    })
}
