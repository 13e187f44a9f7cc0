//! What all parsers have in common: where the text comes from, where the result goes, and the blocks that
//! read time, severity, trace and scope from it.

use bumpalo::Bump;
use config::{Described, Problems, Stage};
use pdata::text::from_hex;
use serde::{Deserialize, Serialize};

use super::Failure;
use crate::entry::Entry;
use crate::field::{Field, NOT_THERE, Root};
use crate::keys::Place;
use crate::severity::{SeverityKeys, SeverityParser};
use crate::timestamp::{TimeKeys, TimeParser};
use crate::value::{Value, display, type_name};

/// The common part of a parser.
#[derive(Debug)]
pub(crate) struct Parser {
    parse_from: Field,
    parse_to: Field,
    body: Option<Field>,
    time: Option<TimeParser>,
    severity: Option<SeverityParser>,
    trace: Option<TraceParser>,
    scope: Option<ScopeParser>,
}

/// The keys of every parser.
#[derive(Debug, Clone, Serialize, Deserialize, Described)]
pub(crate) struct ParserKeys {
    /// The field that is parsed. It stays as it is. Default `body`.
    parse_from: Place,
    /// Where the result goes: a field, or all attributes, body or resource. What is there already is merged with it. Default
    /// `attributes`.
    parse_to: Place,
    /// The field that becomes the body afterwards. Default: none.
    body: Place,
    /// Reads the time of the record from the result, as `time_parser`.
    timestamp: Option<TimeKeys>,
    /// Reads the severity of the record from the result, as `severity_parser`.
    severity: Option<SeverityKeys>,
    /// Reads the ids of trace and span from the result, as `trace_parser`.
    trace: Option<TraceKeys>,
    /// Reads the name of the scope from the result, as `scope_name_parser`.
    scope_name: Option<ScopeKeys>,
}

impl Default for ParserKeys {
    fn default() -> Self {
        Self {
            parse_from: "body".into(),
            parse_to: "attributes".into(),
            body: Place::default(),
            timestamp: None,
            severity: None,
            trace: None,
            scope_name: None,
        }
    }
}

impl Parser {
    /// Compiles the common keys.
    pub(super) fn new(keys: &ParserKeys, found: &mut Problems) -> Option<Self> {
        let parse_from = keys.parse_from.field("parse_from", found);
        let parse_to = keys.parse_to.root("parse_to", found);
        let body = if keys.body.is_empty() { None } else { keys.body.field("body", found) };
        if body.is_some() && parse_to == Some(Field::root(Root::Body)) {
            let text = "`parse_to: body` not allowed when `body` is configured";
            found.late("", text).remove("body");
        }
        let time = block("timestamp", keys.timestamp.as_ref(), found, TimeParser::new);
        let severity = block("severity", keys.severity.as_ref(), found, SeverityParser::new);
        let trace = block("trace", keys.trace.as_ref(), found, TraceParser::new);
        let scope = block("scope_name", keys.scope_name.as_ref(), found, ScopeParser::new);
        Some(Self {
            parse_from: parse_from?,
            parse_to: parse_to?,
            body,
            time,
            severity,
            trace,
            scope,
        })
    }

    /// The value to parse.
    pub(super) fn source<'a>(
        &self,
        entry: &Entry<'a>,
        arena: &'a Bump,
    ) -> Result<Value<'a>, Failure> {
        let found = self.parse_from.get(entry, arena);
        let missing = "Entry is missing the expected parse_from field.";
        found.ok_or_else(|| self.parse_from.missing(missing))
    }

    /// True if the result goes to the attributes and nothing else happens.
    pub(super) fn is_plain(&self) -> bool {
        !self.has_blocks() && self.body.is_none() && self.writes_attributes()
    }

    /// True if a block reads something from the result.
    pub(super) fn has_blocks(&self) -> bool {
        self.time.is_some()
            || self.severity.is_some()
            || self.trace.is_some()
            || self.scope.is_some()
    }

    /// True if the keys of the result become attributes.
    pub(super) fn writes_attributes(&self) -> bool {
        self.parse_to == Field::root(Root::Attributes)
    }

    /// True if a `timestamp:` block reads the time.
    pub(super) fn has_time(&self) -> bool {
        self.time.is_some()
    }

    /// Stores the result and runs the blocks: all of them, the first failure counts.
    pub(super) fn store<'a>(
        &'a self,
        entry: &mut Entry<'a>,
        parsed: Value<'a>,
        arena: &'a Bump,
    ) -> Result<(), Failure> {
        self.parse_to.set(entry, parsed, arena).map_err(|it| it.at("set parse_to"))?;
        if let Some(field) = &self.body
            && let Some(body) = field.get(entry, arena)
        {
            entry.body = body;
        }
        let time = self.time.as_ref().map_or(Ok(()), |it| it.parse(entry, arena));
        let severity = self.severity.as_ref().map_or(Ok(()), |it| it.parse(entry, arena));
        let trace = self.trace.as_ref().map_or(Ok(()), |it| it.parse(entry, arena));
        let scope = self.scope.as_ref().map_or(Ok(()), |it| it.parse(entry, arena));
        time.map_err(|it| it.at("time parser"))?;
        severity.map_err(|it| it.at("severity parser"))?;
        trace.map_err(|it| it.at("trace parser"))?;
        scope.map_err(|it| it.at("scope_name parser"))
    }
}

/// Compiles a block of keys within those of the parser.
fn block<K, T>(
    key: &str,
    keys: Option<&K>,
    found: &mut Problems,
    new: impl Fn(&K, &mut Problems) -> Option<T>,
) -> Option<T> {
    let mut inside = Problems::default();
    let made = new(keys?, &mut inside);
    found.take(inside, |fault| match fault.stage {
        // So upstream's rules are named.
        Stage::Check => fault.within(key).within("parserconfig"),
        Stage::Read | Stage::Create | Stage::Start => fault.within(key),
    });
    made
}

/// The keys of `trace_parser`, and of the `trace:` block.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Described)]
#[serde(default)]
pub(crate) struct TraceKeys {
    /// Where the id of the trace is, in hexadecimal digits. Default `body.trace_id`.
    trace_id: From,
    /// Where the id of the span is, in hexadecimal digits. Default `body.span_id`.
    span_id: From,
    /// Where the flags are, in hexadecimal digits. Default `body.trace_flags`.
    trace_flags: From,
}

/// Where one value comes from.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Described)]
#[serde(default)]
pub(crate) struct From {
    /// The field. Default: see above.
    parse_from: Place,
}

/// `trace_parser`, and the `trace:` block.
#[derive(Debug)]
pub(super) struct TraceParser {
    trace_id: Field,
    span_id: Field,
    trace_flags: Field,
}

impl TraceParser {
    /// Compiles.
    pub(super) fn new(keys: &TraceKeys, found: &mut Problems) -> Option<Self> {
        let mut field = |key: &str, from: &From| {
            if from.parse_from.is_empty() {
                return Some(Field::key(Root::Body, key));
            }
            from.parse_from.field(&format!("{key}::parse_from"), found)
        };
        let trace_id = field("trace_id", &keys.trace_id);
        let span_id = field("span_id", &keys.span_id);
        let trace_flags = field("trace_flags", &keys.trace_flags);
        Some(Self { trace_id: trace_id?, span_id: span_id?, trace_flags: trace_flags? })
    }

    /// Sets the ids; what is missing or no hexadecimal text becomes empty.
    pub(super) fn parse<'a>(&self, entry: &mut Entry<'a>, arena: &'a Bump) -> Result<(), Failure> {
        let mut wrong = false;
        let mut read = |field: &Field, entry: &Entry<'a>| -> &'a [u8] {
            let Some(value) = field.get(entry, arena) else { return &[] };
            let bytes = match value {
                Value::Str(text) => from_hex(text.as_bytes()),
                other => from_hex(display(&other).as_bytes()),
            };
            wrong |= bytes.is_none();
            bytes.map_or(&[], |it| arena.alloc_slice_copy(&it))
        };
        let (trace_id, span_id) = (read(&self.trace_id, entry), read(&self.span_id, entry));
        let trace_flags = read(&self.trace_flags, entry);
        (entry.trace_id, entry.span_id, entry.trace_flags) = (trace_id, span_id, trace_flags);
        if wrong { Err(Failure::Fixed("Error decoding traces for logs")) } else { Ok(()) }
    }
}

/// The keys of `scope_name_parser`, and of the `scope_name:` block.
#[derive(Debug, Clone, Serialize, Deserialize, Described)]
#[serde(default)]
pub(crate) struct ScopeKeys {
    /// The field with the name of the scope. Default `body`.
    parse_from: Place,
}

impl Default for ScopeKeys {
    fn default() -> Self {
        Self { parse_from: "body".into() }
    }
}

/// `scope_name_parser`, and the `scope_name:` block.
#[derive(Debug)]
pub(super) struct ScopeParser {
    parse_from: Field,
}

impl ScopeParser {
    /// Compiles.
    pub(super) fn new(keys: &ScopeKeys, found: &mut Problems) -> Option<Self> {
        Some(Self { parse_from: keys.parse_from.field("parse_from", found)? })
    }

    /// Sets the scope.
    pub(super) fn parse<'a>(&self, entry: &mut Entry<'a>, arena: &'a Bump) -> Result<(), Failure> {
        match self.parse_from.get(entry, arena) {
            None => Err(self.parse_from.missing(NOT_THERE)),
            Some(Value::Str(name)) => {
                entry.scope = name;
                Ok(())
            }
            Some(other) => {
                let got = type_name(&other);
                Err(Failure::Text(format!("unsupported type '{got}'")))
            }
        }
    }
}
