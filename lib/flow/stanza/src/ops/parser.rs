//! What all parsers have in common: where the text comes from, where the result goes, and the blocks that
//! read time, severity, trace and scope from it.

use bumpalo::Bump;
use config::Fault;
use pdata::text::from_hex;

use super::Failure;
use crate::entry::Entry;
use crate::field::{Field, Root};
use crate::section::Section;
use crate::severity::SeverityParser;
use crate::timestamp::TimeParser;
use crate::value::{Value, display, type_name};

/// The common part of a parser.
#[derive(Debug)]
pub(super) struct Parser {
    parse_from: Field,
    parse_to: Field,
    body: Option<Field>,
    time: Option<TimeParser>,
    severity: Option<SeverityParser>,
    trace: Option<TraceParser>,
    scope: Option<ScopeParser>,
}

impl Parser {
    /// Reads the common keys.
    pub(super) fn new(section: &mut Section<'_>) -> Result<Self, Fault> {
        let parse_from = section.field("parse_from", true).unwrap_or(Field::root(Root::Body));
        let parse_to = section.field("parse_to", true).unwrap_or(Field::root(Root::Attributes));
        let body = section.field("body", false);
        let time = match section.block("timestamp") {
            Some(mut block) => Some(TimeParser::new(&mut block)?),
            None => None,
        };
        let severity = match section.block("severity") {
            Some(mut block) => Some(SeverityParser::new(&mut block)?),
            None => None,
        };
        let trace = match section.block("trace") {
            Some(mut block) => Some(TraceParser::new(&mut block)?),
            None => None,
        };
        let scope = match section.block("scope_name") {
            Some(mut block) => Some(ScopeParser::new(&mut block)?),
            None => None,
        };
        section.check()?;
        if body.is_some() && parse_to == Field::root(Root::Body) {
            return Err("`parse_to: body` not allowed when `body` is configured".into());
        }
        Ok(Self { parse_from, parse_to, body, time, severity, trace, scope })
    }

    /// The value to parse.
    pub(super) fn source<'a>(
        &self,
        entry: &Entry<'a>,
        arena: &'a Bump,
    ) -> Result<Value<'a>, Failure> {
        let found = self.parse_from.get(entry, arena);
        found.ok_or(Failure::Fixed("Entry is missing the expected parse_from field."))
    }

    /// True if the result goes to the attributes and nothing else happens.
    pub(super) fn is_plain(&self) -> bool {
        let blocks = self.time.is_some()
            || self.severity.is_some()
            || self.trace.is_some()
            || self.scope.is_some();
        !blocks && self.body.is_none() && self.parse_to == Field::root(Root::Attributes)
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

/// `trace_parser`, and the `trace:` block.
#[derive(Debug)]
pub(super) struct TraceParser {
    trace_id: Field,
    span_id: Field,
    trace_flags: Field,
}

impl TraceParser {
    /// Reads the three `parse_from`.
    pub(super) fn new(section: &mut Section<'_>) -> Result<Self, Fault> {
        let mut field = |key: &str| {
            let mut block = section.block(key);
            let field = block.as_mut().and_then(|it| it.field("parse_from", false));
            if let Some(block) = block {
                section.absorb(block);
            }
            field.unwrap_or_else(|| Field::key(Root::Body, key))
        };
        let (trace_id, span_id) = (field("trace_id"), field("span_id"));
        let trace_flags = field("trace_flags");
        section.check()?;
        Ok(Self { trace_id, span_id, trace_flags })
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

/// `scope_name_parser`, and the `scope_name:` block.
#[derive(Debug)]
pub(super) struct ScopeParser {
    parse_from: Field,
}

impl ScopeParser {
    /// Reads `parse_from`.
    pub(super) fn new(section: &mut Section<'_>) -> Result<Self, Fault> {
        let parse_from = section.field("parse_from", false);
        section.check()?;
        Ok(Self { parse_from: parse_from.unwrap_or(Field::root(Root::Body)) })
    }

    /// Sets the scope.
    pub(super) fn parse<'a>(&self, entry: &mut Entry<'a>, arena: &'a Bump) -> Result<(), Failure> {
        match self.parse_from.get(entry, arena) {
            None => Err(Failure::Fixed("log entry does not have the expected parse_from field")),
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
