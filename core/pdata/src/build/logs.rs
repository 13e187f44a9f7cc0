//! Writes log records.

use super::{Builder, ValueWriter, setters};
use crate::data::Logs;
use crate::fields::log;
use crate::value::Value;
use crate::wire::MEDIUM;

/// Writes log records.
pub type LogsBuilder = Builder<Logs>;

impl LogsBuilder {
    /// Adds a record.
    #[inline]
    pub fn record(&mut self, write: impl FnOnce(&mut RecordWriter<'_>)) -> &mut Self {
        self.child(|out| write(&mut RecordWriter::new(out)));
        self.items += 1;
        self
    }

    /// Ends the payload and begins another, for which the same capacity is reserved.
    pub fn finish(&mut self) -> Logs {
        let (chunks, items) = self.take();
        Logs { chunks, items }
    }
}

setters! {
    /// Writes the fields of one log record. Each but `attribute` and `attributes` is called at most
    /// once. As usual in proto3, 0 and the empty string are not written.
    RecordWriter {
        /// When it happened.
        time_unix_nano: fixed64(log::TIME);
        /// When it was seen.
        observed_time_unix_nano: fixed64(log::OBSERVED);
        /// 1 (TRACE) to 24 (FATAL4).
        severity_number: enumeration(log::SEVERITY_NUMBER);
        /// The severity as the source wrote it.
        severity_text: text(log::SEVERITY_TEXT);
        /// Adds an attribute.
        attribute: attribute(log::ATTRIBUTES);
        /// Adds attributes that `write` streams.
        attributes: attributes(log::ATTRIBUTES);
        /// Attributes that were dropped.
        dropped_attributes_count: uint32(log::DROPPED);
        /// Trace flags.
        flags: fixed32(log::FLAGS);
        /// 16 bytes; anything else is left out.
        trace_id: trace_id(log::TRACE_ID);
        /// 8 bytes; anything else is left out.
        span_id: span_id(log::SPAN_ID);
        /// Name of the kind of event.
        event_name: text(log::EVENT_NAME);
    }
}

impl RecordWriter<'_> {
    /// The body.
    #[inline]
    pub fn body<'v>(&mut self, value: impl Into<Value<'v>>) {
        value.into().write_field(log::BODY, self.out);
    }

    /// The body, streamed by `write`.
    #[inline]
    pub fn body_with(&mut self, write: impl FnOnce(&mut ValueWriter<'_>)) {
        let body = self.out.open(log::BODY, MEDIUM);
        write(&mut ValueWriter::new(self.out));
        self.out.close(body);
    }
}
