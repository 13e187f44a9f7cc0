//! `header:` lines at the start of a file that give attributes to all its records.
//! `pkg/stanza/fileconsumer/internal/header`, v0.149.

use component::Problems;
use component::config::{Fault, Stage};
use golang::go_regex;
use regex::bytes::Regex;
use stanza::{Options, Pipeline};

use crate::config::Header;

/// Operators that may hold a line back or keep it from the end.
const NOT_ALLOWED: [&str; 3] = ["filter", "recombine", "router"];

/// Which lines belong to the header, and what makes attributes of them.
pub(crate) fn compile(section: &Header, found: &mut Problems) -> Option<(Regex, Pipeline)> {
    const LIST: &str = "header::metadata_operators";
    let mut refuse = |key: &str, what: String| {
        found.late("", format!("invalid config for 'header': {what}")).about(key);
    };
    let operators = &section.metadata_operators;
    if operators.is_empty() {
        let rule = "at least one operator must be specified for `metadata_operators`";
        refuse(LIST, rule.to_owned());
    }
    for (at, operator) in operators.iter().enumerate() {
        if let Some(tag) = operator.tag().ok().filter(|it| NOT_ALLOWED.contains(&it.name)) {
            let kind = tag.name;
            let rule = format!("operator of type {kind} is not allowed in `metadata_operators`");
            refuse(&format!("{LIST}::{at}::type"), rule);
        }
    }
    let pattern = go_regex(&section.pattern, Regex::new);
    let pattern = pattern
        .map_err(|error| {
            refuse("header::pattern", format!("failed to compile `pattern`: {error}"));
        })
        .ok();
    let mut inside = Problems::default();
    let pipeline = Pipeline::plan(operators, Options::default(), &mut inside);
    found.take(inside, |fault| outside(fault).within(LIST));
    let is_right = !found.faults().iter().any(|it| it.place.first() == Some(&"header".into()));
    Some((pattern?, pipeline?)).filter(|_| is_right)
}

/// The Collector builds these operators when it creates the receiver, and says so.
fn outside(fault: Fault) -> Fault {
    let text = match fault.stage {
        Stage::Read => return fault,
        Stage::Check => format!("operators::{}", fault.rule_text()),
        Stage::Create | Stage::Start => fault.text.clone(),
    };
    let text = format!("invalid config for 'header': failed to build pipelines: {text}");
    Fault { text, stage: Stage::Create, ..fault }
}
