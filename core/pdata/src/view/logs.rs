//! Log records, read in place.

use super::groups::group_views;
use super::value::{AttributesRef, ValueRef, text};
use crate::fields::log;
use crate::wire::Reader;

group_views!(Logs, ResourceLogs, ScopeLogs, LogRecord, records, "log records");

/// A log record.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogRecord<'a> {
    buf: &'a [u8],
    time: u64,
    observed: u64,
    severity_number: i32,
    dropped: u32,
    flags: u32,
    attributes: (usize, usize),
    severity_text: &'a [u8],
    body: Option<&'a [u8]>,
    trace_id: &'a [u8],
    span_id: &'a [u8],
    event_name: &'a [u8],
}

impl<'a> LogRecord<'a> {
    #[inline]
    pub(crate) fn new(buf: &'a [u8]) -> Self {
        let mut it = Self { buf, ..Self::default() };
        for field in Reader::new(buf) {
            match field.number {
                log::TIME => it.time = field.payload.integer(),
                log::OBSERVED => it.observed = field.payload.integer(),
                log::SEVERITY_NUMBER => it.severity_number = field.payload.integer() as i32,
                log::SEVERITY_TEXT => it.severity_text = field.payload.bytes(),
                log::BODY => it.body = Some(field.payload.bytes()),
                log::ATTRIBUTES => {
                    if it.attributes.1 == 0 {
                        it.attributes.0 = field.start;
                    }
                    it.attributes.1 = field.end;
                }
                log::DROPPED => it.dropped = field.payload.integer() as u32,
                log::FLAGS => it.flags = field.payload.integer() as u32,
                log::TRACE_ID => it.trace_id = field.payload.bytes(),
                log::SPAN_ID => it.span_id = field.payload.bytes(),
                log::EVENT_NAME => it.event_name = field.payload.bytes(),
                _ => {}
            }
        }
        it
    }

    /// The body of this message as it is on the wire.
    pub fn encoded(self) -> &'a [u8] {
        self.buf
    }

    /// When it happened; 0 if unknown.
    pub fn time_unix_nano(self) -> u64 {
        self.time
    }

    /// When it was seen by the collection system; 0 if unknown.
    pub fn observed_time_unix_nano(self) -> u64 {
        self.observed
    }

    /// 1 (TRACE) to 24 (FATAL4); 0 if unknown.
    pub fn severity_number(self) -> i32 {
        self.severity_number
    }

    /// The severity as the source wrote it.
    pub fn severity_text(self) -> &'a str {
        text(self.severity_text)
    }

    /// The body; `None` if there is no such field, `Some(Empty)` if there is one without a value.
    pub fn body(self) -> Option<ValueRef<'a>> {
        self.body.map(ValueRef::decode)
    }

    /// The body's `AnyValue` message, byte for byte: what `Value::Encoded` takes.
    pub fn body_encoded(self) -> Option<&'a [u8]> {
        self.body
    }

    /// Its attributes.
    #[inline]
    pub fn attributes(self) -> AttributesRef<'a> {
        let (start, end) = self.attributes;
        AttributesRef::new(self.buf.get(start..end).unwrap_or_default(), log::ATTRIBUTES)
    }

    /// Where in the message the first attribute is, or 0.
    pub(crate) fn attributes_start(self) -> usize {
        self.attributes.0
    }

    /// Attributes the sender dropped.
    pub fn dropped_attributes_count(self) -> u32 {
        self.dropped
    }

    /// Trace flags.
    pub fn flags(self) -> u32 {
        self.flags
    }

    /// 16 bytes, or none.
    pub fn trace_id(self) -> &'a [u8] {
        self.trace_id
    }

    /// 8 bytes, or none.
    pub fn span_id(self) -> &'a [u8] {
        self.span_id
    }

    /// Name of the kind of event; empty for an ordinary record.
    pub fn event_name(self) -> &'a str {
        text(self.event_name)
    }
}
