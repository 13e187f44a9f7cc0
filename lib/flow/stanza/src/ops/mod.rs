//! What an operator is, and the list of those that exist: adding one is a file and an entry here.

use std::fmt;
use std::time::Instant;

use bumpalo::Bump;
use config::{Problems, Remedy, Tag, Tags, Together};
use expr::Program;

use self::parser::{Parser, ParserKeys};
use crate::entry::Entry;
pub(crate) use crate::failure::Failure;
use crate::files::Files;
use crate::keys::{Basic, Common, OnError};
use crate::severity::SeverityKeys;
use crate::timestamp::TimeKeys;

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
pub(crate) mod recombine;
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

/// The keys of one operator of any type: one entry of `operators:`.
#[derive(Debug)]
pub struct OperatorConfig(Box<dyn Keys>);

impl OperatorConfig {
    /// What all operators have in common, and what is special.
    pub(crate) fn keys(&self) -> &dyn Keys {
        &*self.0
    }
}

impl<K: Keys + 'static> From<K> for OperatorConfig {
    fn from(keys: K) -> Self {
        Self(Box::new(keys))
    }
}

/// The operators with `if`, `output` and `on_error`.
type Transforms<K> = Together<K, Common>;
/// Those that parse.
type Parses<K> = Together<K, Together<ParserKeys, Common>>;

impl Tags for OperatorConfig {
    const TAGS: &'static [Tag<Self>] = &[
        Tag::of::<Transforms<add::Config>>(
            "add",
            "Puts a value into a field: a fixed one, or the result of an expression.",
        ),
        Tag::of::<Transforms<assign_keys::Config>>(
            "assign_keys",
            "Makes a map of a list: each item gets a name.",
        ),
        Tag::of::<Parses<container::Config>>(
            "container",
            "Reads lines as container runtimes write them (Docker, CRI-O, containerd): takes the text out, with its time and \
             stream, adds the pod from the path of the file, and joins the parts of long lines.",
        ),
        Tag::of::<Transforms<copy_move::CopyConfig>>("copy", "Copies a value to another field."),
        Tag::of::<Parses<csv_parser::Config>>(
            "csv_parser",
            "Parses a line of separated values, such as CSV, with the names of a header.",
        ),
        Tag::of::<Transforms<filter::Config>>(
            "filter",
            "Throws records away for which an expression is true. `if` has no effect on it.",
        ),
        Tag::of::<Transforms<flatten::Config>>(
            "flatten",
            "Moves the entries of a map one level up, in place of the map.",
        ),
        Tag::of::<Parses<json_array_parser::Config>>(
            "json_array_parser",
            "Parses a JSON array to a list, or with a header to a map.",
        ),
        Tag::of::<Parses<json_parser::Config>>("json_parser", "Parses a JSON object."),
        Tag::of::<Parses<key_value_parser::Config>>(
            "key_value_parser",
            "Parses pairs such as `level=info took=5ms`.",
        ),
        Tag::of::<Transforms<copy_move::MoveConfig>>("move", "Moves a value to another field."),
        Tag::of::<Transforms<noop::Config>>(
            "noop",
            "Passes records on as they are: a place for `output` and `router` to send records to. `if` has no effect on it.",
        ),
        Tag::of::<Transforms<recombine::Config>>(
            "recombine",
            "Joins records that belong together into one, such as the lines of a stack trace.",
        ),
        Tag::of::<Parses<regex_parser::Config>>(
            "regex_parser",
            "Parses with a regular expression: its named groups become attributes.",
        ),
        Tag::of::<Transforms<regex_replace::Config>>(
            "regex_replace",
            "Replaces what a regular expression matches in a text.",
        ),
        Tag::of::<Transforms<remove::Config>>("remove", "Removes a field."),
        Tag::of::<Transforms<retain::Config>>(
            "retain",
            "Keeps the listed fields and removes all others.",
        ),
        Tag::of::<Together<router::Config, Basic>>(
            "router",
            "Sends each record to the operators of the first route whose expression is true.",
        ),
        Tag::of::<Transforms<sanitize_utf8::Config>>(
            "sanitize_utf8",
            "Replaces bytes that are not valid UTF-8 by the replacement character.",
        ),
        Tag::of::<Transforms<parser::ScopeKeys>>(
            "scope_name_parser",
            "Sets the name of the scope of a record from a field.",
        ),
        Tag::of::<Transforms<SeverityKeys>>(
            "severity_parser",
            "Sets the severity of a record from a field.",
        ),
        Tag::of::<Parses<syslog_parser::Config>>(
            "syslog_parser",
            "Parses messages of syslog: RFC 3164 and RFC 5424.",
        ),
        Tag::of::<Transforms<TimeKeys>>("time_parser", "Sets the time of a record from a field."),
        Tag::of::<Transforms<parser::TraceKeys>>(
            "trace_parser",
            "Sets the ids of trace and span of a record from its fields.",
        ),
        Tag::of::<Transforms<unquote::Config>>(
            "unquote",
            "Takes the quotes off a text, and what is escaped in it.",
        ),
        Tag::of::<Parses<uri_parser::Config>>("uri_parser", "Parses a URI to its parts."),
    ];
    const PLAIN: &'static str = "noop";
    const MISSING: &'static str = "missing required field 'type'";

    fn no_text(go_type: &str) -> String {
        format!("non-string type {go_type} for field 'type'")
    }

    fn unknown(name: &str) -> String {
        format!("unsupported type '{name}'")
    }

    fn meant(name: &str) -> Option<Remedy> {
        if let Some((_, advice)) = ELSEWHERE.iter().find(|it| it.0 == name) {
            return Some(Remedy::Say((*advice).to_owned()));
        }
        let found = HABITS.iter().find(|it| it.0 == name)?;
        Some(Remedy::Set(found.1.to_owned()))
    }

    fn intro(name: &str) -> String {
        format!("unmarshal to {name}: decoding failed due to the following error(s):")
    }

    /// Upstream's time parser has a reader of its own.
    fn alone(name: &str, key: &str) -> Option<usize> {
        match (name, key) {
            (_, "timestamp") => Some(1),
            ("time_parser", "parse_from" | "layout" | "layout_type" | "location") => Some(0),
            _ => None,
        }
    }
}

/// What people call an operator, and its type.
const HABITS: [(&str, &str); 24] = [
    ("json", "json_parser"),
    ("regex", "regex_parser"),
    ("regexp", "regex_parser"),
    ("grok", "regex_parser"),
    ("csv", "csv_parser"),
    ("kv", "key_value_parser"),
    ("kv_parser", "key_value_parser"),
    ("logfmt", "key_value_parser"),
    ("logfmt_parser", "key_value_parser"),
    ("syslog", "syslog_parser"),
    ("url_parser", "uri_parser"),
    ("uri", "uri_parser"),
    ("time", "time_parser"),
    ("timestamp", "time_parser"),
    ("timestamp_parser", "time_parser"),
    ("severity", "severity_parser"),
    ("level", "severity_parser"),
    ("trace", "trace_parser"),
    ("multiline", "recombine"),
    ("cri", "container"),
    ("docker", "container"),
    ("rename", "move"),
    ("delete", "remove"),
    ("drop", "filter"),
];

/// Operators of the Collector that this build lacks, and what to do instead.
const ELSEWHERE: [(&str, &str); 9] = [
    ("file_input", "the receiver itself reads the files: remove this operator"),
    ("file_output", "it exists in the Go Collector, not in this build: use the `file` exporter"),
    ("stdout", "it exists in the Go Collector, not in this build: use the `debug` exporter"),
    ("drop_output", "it exists in the Go Collector, not in this build: use `filter`"),
    ("stdin", "operators do not read anything here: that is what receivers are for"),
    ("tcp_input", "operators do not read anything here: that is what receivers are for"),
    ("udp_input", "operators do not read anything here: that is what receivers are for"),
    ("syslog_input", "operators do not read anything here: that is what receivers are for"),
    ("journald_input", "operators do not read anything here: that is what receivers are for"),
];

/// The keys of an operator, whatever its type.
pub(crate) trait Keys: fmt::Debug {
    /// What every operator has.
    fn basic(&self) -> &Basic;

    /// Where it sends records, with the keys that say so.
    fn outputs(&self) -> Vec<(String, &[String])>;

    /// `if` and `on_error`; the router has none.
    fn common(&self, found: &mut Problems) -> (OnError, Option<Program>);

    /// Compiles what is special. Mistakes are found in the order in which the Collector looks for them.
    fn plan(&self, found: &mut Problems) -> Option<Built>;
}

/// The keys of an operator that is no parser.
pub(crate) trait Transformer: fmt::Debug {
    /// How the Collector's texts about `if` and `on_error` begin.
    const WITHIN: &'static str = "";

    /// Compiles them.
    fn plan(&self, found: &mut Problems) -> Option<Built>;
}

/// The keys of a parser, without those that all parsers have.
pub(crate) trait ParserOperator: fmt::Debug {
    /// Compiles them; without the common part it is only looked for mistakes.
    fn plan(&self, parser: Option<Parser>, found: &mut Problems) -> Option<Built>;
}

impl<K: Transformer> Keys for Transforms<K> {
    fn basic(&self) -> &Basic {
        &self.common.basic
    }

    fn outputs(&self) -> Vec<(String, &[String])> {
        vec![("output".to_owned(), &self.common.output)]
    }

    fn common(&self, found: &mut Problems) -> (OnError, Option<Program>) {
        self.common.plan(K::WITHIN, found)
    }

    fn plan(&self, found: &mut Problems) -> Option<Built> {
        self.own.plan(found)
    }
}

impl<K: ParserOperator> Keys for Parses<K> {
    fn basic(&self) -> &Basic {
        &self.common.common.basic
    }

    fn outputs(&self) -> Vec<(String, &[String])> {
        vec![("output".to_owned(), &self.common.common.output)]
    }

    fn common(&self, found: &mut Problems) -> (OnError, Option<Program>) {
        self.common.common.plan("", found)
    }

    fn plan(&self, found: &mut Problems) -> Option<Built> {
        let parser = Parser::new(&self.common.own, found);
        self.own.plan(parser, found)
    }
}

impl Keys for Together<router::Config, Basic> {
    fn basic(&self) -> &Basic {
        &self.common
    }

    fn outputs(&self) -> Vec<(String, &[String])> {
        self.own.outputs()
    }

    fn common(&self, _: &mut Problems) -> (OnError, Option<Program>) {
        (OnError::Send, None)
    }

    fn plan(&self, found: &mut Problems) -> Option<Built> {
        self.own.plan(found)
    }
}

/// An operator and how the pipeline treats it.
#[derive(Debug)]
pub(crate) struct Built {
    /// The operator.
    pub(crate) operator: Box<dyn Operator>,
    /// False for the few for which `if` and `on_error` have no meaning, as in the Collector.
    pub(crate) transformer: bool,
    /// It sends each record to one of its lists of outputs, not to all of them.
    pub(crate) router: bool,
}

impl Built {
    /// With `if` and `on_error`.
    pub(crate) fn transformer(operator: impl Operator + 'static) -> Self {
        Self { operator: Box::new(operator), transformer: true, router: false }
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

/// Something that went wrong without stopping the record.
#[derive(Debug)]
pub(crate) enum Warning {
    /// The expression of a filter: upstream drops the record.
    Filter(Failure),
    /// The expression of a route, which is passed over.
    Route(Failure),
    /// An attribute of a route: upstream drops the record.
    Label(Failure),
}

impl Warning {
    /// In the Collector's words, and what was wrong.
    pub(crate) fn parts(&self) -> (&'static str, &Failure) {
        match self {
            // As it is written there.
            Warning::Filter(it) => ("Running expressing returned an error", it),
            Warning::Route(it) => ("Running expression returned an error", it),
            Warning::Label(it) => ("Failed to label entry", it),
        }
    }
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
    pub(crate) warning: Option<Warning>,
    /// The time at the start of the chunk.
    pub(crate) now: Instant,
    /// Texts may hold bytes that are no UTF-8: see `kept_bytes`.
    pub(crate) raw_text: bool,
}
