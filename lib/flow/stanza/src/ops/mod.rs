//! What an operator is, and the list of those that exist: adding one is a file and a line here.

use config::Fault;
use std::fmt;
use std::time::Instant;

use bumpalo::Bump;

use crate::entry::Entry;
pub(crate) use crate::failure::Failure;
use crate::files::Files;
use crate::section::Section;

mod add;
mod assign_keys;
mod container;
mod copy_move;
mod csv_parser;
mod filter;
mod flatten;
mod json_array_parser;
mod json_parser;
mod key_value_parser;
mod noop;
mod parser;
mod recombine;
mod regex_parser;
mod regex_replace;
mod remove;
mod retain;
mod router;
mod sanitize_utf8;
mod scope_name_parser;
mod severity_parser;
mod syslog_parser;
mod time_parser;
mod trace_parser;
mod unquote;
mod uri_parser;

/// Makes an operator from its keys.
pub(crate) type Build = fn(&mut Section<'_>) -> Result<Built, Fault>;

/// Every operator by its `type`, sorted.
pub(crate) const OPERATORS: &[(&str, Build)] = &[
    ("add", add::build),
    ("assign_keys", assign_keys::build),
    ("container", container::build),
    ("copy", copy_move::build_copy),
    ("csv_parser", csv_parser::build),
    ("filter", filter::build),
    ("flatten", flatten::build),
    ("json_array_parser", json_array_parser::build),
    ("json_parser", json_parser::build),
    ("key_value_parser", key_value_parser::build),
    ("move", copy_move::build_move),
    ("noop", noop::build),
    ("recombine", recombine::build),
    ("regex_parser", regex_parser::build),
    ("regex_replace", regex_replace::build),
    ("remove", remove::build),
    ("retain", retain::build),
    ("router", router::build),
    ("sanitize_utf8", sanitize_utf8::build),
    ("scope_name_parser", scope_name_parser::build),
    ("severity_parser", severity_parser::build),
    ("syslog_parser", syslog_parser::build),
    ("time_parser", time_parser::build),
    ("trace_parser", trace_parser::build),
    ("unquote", unquote::build),
    ("uri_parser", uri_parser::build),
];

/// An operator and how the pipeline treats it.
pub(crate) struct Built {
    /// The operator.
    pub(crate) operator: Box<dyn Operator>,
    /// False for the few that know neither `if` nor `on_error`.
    pub(crate) transformer: bool,
    /// Ids that [`Flow::To`] selects from; only the router has them.
    pub(crate) routes: Vec<Vec<String>>,
}

impl Built {
    /// With `if` and `on_error`.
    pub(crate) fn transformer(operator: impl Operator + 'static) -> Self {
        Self { operator: Box::new(operator), transformer: true, routes: Vec::new() }
    }

    /// Without.
    pub(crate) fn plain(operator: impl Operator + 'static) -> Self {
        Self { transformer: false, ..Self::transformer(operator) }
    }
}

/// One step of a pipeline. It is shared by all workers; what changes lives in [`State`].
pub(crate) trait Operator: Send + Sync + fmt::Debug {
    /// Changes the record, or says where it goes.
    ///
    /// # Errors
    /// What the pipeline does with the record is decided by `on_error`; changes made so far stay.
    fn process<'a>(&'a self, entry: &mut Entry<'a>, cx: &mut Cx<'a, '_>) -> Result<Flow, Failure>;

    /// A worker's own part.
    fn state(&self) -> State {
        State::None
    }

    /// Releases what is held back, all of it or what is due; the answer is when to ask again.
    fn flush<'a>(&'a self, _cx: &mut Cx<'a, '_>, _which: Flush) -> Option<Instant> {
        None
    }
}

/// What is released by [`Operator::flush`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flush {
    /// What has waited longer than its period.
    Due(Instant),
    /// What holds lines of this file.
    File(u32),
    /// All.
    All,
}

/// A worker's own part of an operator.
#[derive(Debug)]
pub(crate) enum State {
    /// Nothing.
    None,
    /// Records that wait for others.
    Recombine(recombine::Held),
    /// Where groups matched.
    Captures(regex::CaptureLocations),
}

/// Where a record goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// To the outputs of the operator.
    Next,
    /// To a route of the router.
    To(usize),
    /// Nowhere: dropped on purpose, or held back.
    Stop,
}

/// What an operator may use besides the record.
pub(crate) struct Cx<'a, 'w> {
    /// Lives as long as the line.
    pub(crate) arena: &'a Bump,
    /// The files that lines came from.
    pub(crate) files: &'a Files,
    /// This worker's part of the operator.
    pub(crate) state: &'w mut State,
    /// Records that go to the outputs before the one that is processed.
    pub(crate) released: &'w mut Vec<Entry<'a>>,
    /// Something that went wrong without stopping the record.
    pub(crate) warning: Option<Failure>,
    /// The time at the start of the chunk.
    pub(crate) now: Instant,
    /// Texts may hold bytes that are no UTF-8: see `kept_bytes`.
    pub(crate) raw_text: bool,
}
