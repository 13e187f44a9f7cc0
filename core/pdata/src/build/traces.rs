//! Writes spans.

use super::{Builder, setters};
use crate::bits::extended;
use crate::data::Traces;
use crate::fields::{event, link, span, status};
use crate::wire::{MEDIUM, NARROW};

/// Writes spans.
pub type TracesBuilder = Builder<Traces>;

impl TracesBuilder {
    /// Adds a span.
    #[inline]
    pub fn span(&mut self, write: impl FnOnce(&mut SpanWriter<'_>)) -> &mut Self {
        self.child(|out| write(&mut SpanWriter::new(out)));
        self.items += 1;
        self
    }

    /// Ends the payload and begins another, for which the same capacity is reserved.
    pub fn finish(&mut self) -> Traces {
        let (chunks, items) = self.take();
        Traces { chunks, items }
    }
}

setters! {
    /// Writes the fields of one span. Each but `attribute`, `attributes`, `event` and `link` is called
    /// at most once. As usual in proto3, 0 and the empty string are not written.
    SpanWriter {
        /// 16 bytes; anything else is left out.
        trace_id: trace_id(span::TRACE_ID);
        /// 8 bytes; anything else is left out.
        span_id: span_id(span::SPAN_ID);
        /// `tracestate` of the W3C.
        trace_state: text(span::TRACE_STATE);
        /// 8 bytes; anything else is left out, as for a root.
        parent_span_id: span_id(span::PARENT);
        /// Trace flags of the W3C in the lowest 8 bits.
        flags: fixed32(span::FLAGS);
        /// What was done.
        name: text(span::NAME);
        /// 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
        kind: enumeration(span::KIND);
        /// When it began.
        start_time_unix_nano: fixed64(span::START);
        /// When it ended.
        end_time_unix_nano: fixed64(span::END);
        /// Adds an attribute.
        attribute: attribute(span::ATTRIBUTES);
        /// Adds attributes that `write` streams.
        attributes: attributes(span::ATTRIBUTES);
        /// Attributes that were dropped.
        dropped_attributes_count: uint32(span::DROPPED_ATTRIBUTES);
        /// Events that were dropped.
        dropped_events_count: uint32(span::DROPPED_EVENTS);
        /// Links that were dropped.
        dropped_links_count: uint32(span::DROPPED_LINKS);
    }
}

impl SpanWriter<'_> {
    /// Adds an event.
    #[inline]
    pub fn event(&mut self, write: impl FnOnce(&mut EventWriter<'_>)) {
        let event = self.out.open(span::EVENTS, MEDIUM);
        write(&mut EventWriter::new(self.out));
        self.out.close(event);
    }

    /// Adds a link.
    #[inline]
    pub fn link(&mut self, write: impl FnOnce(&mut LinkWriter<'_>)) {
        let link = self.out.open(span::LINKS, NARROW);
        write(&mut LinkWriter::new(self.out));
        self.out.close(link);
    }

    /// How it ended: 0 unset, 1 ok, 2 error.
    pub fn status(&mut self, code: i32, message: &str) {
        let status = self.out.open(span::STATUS, NARROW);
        self.out.text(status::MESSAGE, message);
        self.out.varint_scalar(status::CODE, extended(code));
        self.out.close(status);
    }
}

setters! {
    /// Writes the fields of one event of a span.
    EventWriter {
        /// When it happened.
        time_unix_nano: fixed64(event::TIME);
        /// What happened.
        name: text(event::NAME);
        /// Adds an attribute.
        attribute: attribute(event::ATTRIBUTES);
        /// Adds attributes that `write` streams.
        attributes: attributes(event::ATTRIBUTES);
        /// Attributes that were dropped.
        dropped_attributes_count: uint32(event::DROPPED);
    }
}

setters! {
    /// Writes the fields of one link of a span.
    LinkWriter {
        /// 16 bytes; anything else is left out.
        trace_id: trace_id(link::TRACE_ID);
        /// 8 bytes; anything else is left out.
        span_id: span_id(link::SPAN_ID);
        /// `tracestate` of the W3C.
        trace_state: text(link::TRACE_STATE);
        /// Adds an attribute.
        attribute: attribute(link::ATTRIBUTES);
        /// Adds attributes that `write` streams.
        attributes: attributes(link::ATTRIBUTES);
        /// Attributes that were dropped.
        dropped_attributes_count: uint32(link::DROPPED);
        /// Trace flags of the W3C in the lowest 8 bits.
        flags: fixed32(link::FLAGS);
    }
}
