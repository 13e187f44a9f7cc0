//! Log records, read in place.

use super::groups::{bytes, first_message, group_views, integer};
use super::value::{AttributesRef, ValueRef, text};
use crate::bits::{last_32, last_32_signed};
use crate::fields::log;
use crate::wire::only;

group_views!(Logs, ResourceLogs, ScopeLogs, LogRecord, records, "log records");

/// A log record. Its fields are looked for when they are asked for: few are, and looking is cheap.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogRecord<'a> {
    buf: &'a [u8],
}

impl<'a> LogRecord<'a> {
    #[inline]
    pub(crate) fn new(buf: &'a [u8]) -> Self {
        Self { buf }
    }

    #[inline]
    fn integer(self, number: u32) -> u64 {
        integer(self.buf, number)
    }

    fn bytes(self, number: u32) -> &'a [u8] {
        bytes(self.buf, number)
    }

    /// The body of this message as it is on the wire.
    pub fn encoded(self) -> &'a [u8] {
        self.buf
    }

    /// When it happened; 0 if unknown.
    pub fn time_unix_nano(self) -> u64 {
        self.integer(log::TIME)
    }

    /// When it was seen by the collection system; 0 if unknown.
    pub fn observed_time_unix_nano(self) -> u64 {
        self.integer(log::OBSERVED)
    }

    /// 1 (TRACE) to 24 (FATAL4); 0 if unknown.
    #[inline]
    pub fn severity_number(self) -> i32 {
        last_32_signed(self.integer(log::SEVERITY_NUMBER))
    }

    /// The severity as the source wrote it.
    pub fn severity_text(self) -> &'a str {
        text(self.bytes(log::SEVERITY_TEXT))
    }

    /// The body; `None` if there is no such field, `Some(Empty)` if there is one without a value.
    pub fn body(self) -> Option<ValueRef<'a>> {
        self.body_encoded().map(ValueRef::decode)
    }

    /// The body's `AnyValue` message, byte for byte: what `Value::Encoded` takes.
    pub fn body_encoded(self) -> Option<&'a [u8]> {
        first_message(self.buf, log::BODY)
    }

    /// Its attributes.
    #[inline]
    pub fn attributes(self) -> AttributesRef<'a> {
        let first = only(self.buf, log::ATTRIBUTES);
        let from = first.map_or(self.buf.len(), |field| field.start);
        AttributesRef::new(self.buf.get(from..).unwrap_or_default(), log::ATTRIBUTES)
    }

    /// Attributes the sender dropped.
    pub fn dropped_attributes_count(self) -> u32 {
        last_32(self.integer(log::DROPPED))
    }

    /// Trace flags.
    pub fn flags(self) -> u32 {
        last_32(self.integer(log::FLAGS))
    }

    /// 16 bytes, or none.
    pub fn trace_id(self) -> &'a [u8] {
        self.bytes(log::TRACE_ID)
    }

    /// 8 bytes, or none.
    pub fn span_id(self) -> &'a [u8] {
        self.bytes(log::SPAN_ID)
    }

    /// Name of the kind of event; empty for an ordinary record.
    pub fn event_name(self) -> &'a str {
        text(self.bytes(log::EVENT_NAME))
    }
}
