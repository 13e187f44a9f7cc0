//! `header:` lines at the start of a file that give attributes to all its records.
//! `pkg/stanza/fileconsumer/internal/header`, v0.149.

use std::sync::Arc;

use component::config::{Fault, Stage};
use golang::go_regex;
use regex::bytes::Regex;
use stanza::{FileKey, FileMeta, Options, Pipeline, Worker};

use crate::config::{Header, Operator};

/// Operators that may hold a line back or keep it from the end.
const NOT_ALLOWED: [&str; 3] = ["filter", "recombine", "router"];

/// Which lines belong to the header, and what makes attributes of them.
pub(crate) fn compile(section: &Header) -> Result<(Regex, Pipeline), Fault> {
    let refuse = |key: &str, what: String| {
        let mut fault = Fault::create(format!("invalid config for 'header': {what}"));
        fault.about(key);
        fault.within("header")
    };
    let list = "metadata_operators";
    let operators = Operator::sections(&section.metadata_operators);
    if operators.is_empty() {
        let rule = "at least one operator must be specified for `metadata_operators`";
        return Err(refuse(list, rule.to_owned()));
    }
    let pipeline = Pipeline::new(&operators, Options::default()).map_err(|faults| {
        // There is at least one.
        let first = faults.into_iter().next().unwrap_or_else(|| Fault::create(""));
        let fault = match first.stage {
            Stage::Read => first,
            stage => {
                let text = match stage {
                    Stage::Check => format!("operators::{}", first.rule_text()),
                    _ => first.text.clone(),
                };
                let text =
                    format!("invalid config for 'header': failed to build pipelines: {text}");
                Fault { text, stage: Stage::Create, ..first }
            }
        };
        fault.within(list).within("header")
    })?;
    let kinds = operators.iter().filter_map(|it| it.get("type")?.as_str());
    if let Some(kind) = kinds.into_iter().find(|it| NOT_ALLOWED.contains(it)) {
        let rule = format!("operator of type {kind} is not allowed in `metadata_operators`");
        return Err(refuse(list, rule));
    }
    let pattern = go_regex(&section.pattern, Regex::new)
        .map_err(|error| refuse("pattern", format!("failed to compile `pattern`: {error}")))?;
    Ok((pattern, pipeline))
}

/// Runs lines of headers through their operators, one by one.
pub(crate) struct HeaderLines {
    worker: Worker,
    /// Whose lines they are does not matter: nothing is held back.
    file: Arc<FileMeta>,
}

impl HeaderLines {
    /// Of compiled operators.
    pub(crate) fn new(pipeline: &Pipeline) -> Self {
        let file = FileMeta { key: FileKey(0), attributes: Vec::new(), record_offset: false };
        Self { worker: pipeline.worker(), file: Arc::new(file) }
    }

    /// The attributes that a line gives.
    pub(crate) fn attributes(&mut self, line: &[u8]) -> Vec<(String, String)> {
        self.worker.line(&self.file, line, 0..line.len() as u64, None);
        let logs = self.worker.take().logs;
        let mut attributes = Vec::new();
        for record in logs.resources().flat_map(pdata::ResourceLogs::records) {
            attributes.extend(
                record.attributes().iter().map(|(key, value)| (key.to_owned(), value.to_string())),
            );
        }
        attributes
    }
}
