//! Spans, read in place.

use super::groups::group_views;
use super::value::{AttributesRef, text};
use crate::bits::{last_32, last_32_signed};
use crate::fields::{event, link, span, status};
use crate::wire::{Messages, Reader};

group_views!(Traces, ResourceSpans, ScopeSpans, Span, spans, "spans");

/// A span.
#[derive(Debug, Clone, Copy, Default)]
pub struct Span<'a> {
    buf: &'a [u8],
    trace_id: &'a [u8],
    span_id: &'a [u8],
    parent_span_id: &'a [u8],
    trace_state: &'a [u8],
    name: &'a [u8],
    kind: i32,
    flags: u32,
    start: u64,
    end: u64,
    dropped_attributes: u32,
    dropped_events: u32,
    dropped_links: u32,
    status: &'a [u8],
}

impl<'a> Span<'a> {
    #[inline]
    pub(crate) fn new(buf: &'a [u8]) -> Self {
        let mut it = Self { buf, ..Self::default() };
        for field in Reader::new(buf) {
            let payload = field.payload;
            match field.number {
                span::TRACE_ID => it.trace_id = payload.bytes(),
                span::SPAN_ID => it.span_id = payload.bytes(),
                span::PARENT => it.parent_span_id = payload.bytes(),
                span::TRACE_STATE => it.trace_state = payload.bytes(),
                span::NAME => it.name = payload.bytes(),
                span::KIND => it.kind = last_32_signed(payload.integer()),
                span::FLAGS => it.flags = last_32(payload.integer()),
                span::START => it.start = payload.integer(),
                span::END => it.end = payload.integer(),
                span::DROPPED_ATTRIBUTES => it.dropped_attributes = last_32(payload.integer()),
                span::DROPPED_EVENTS => it.dropped_events = last_32(payload.integer()),
                span::DROPPED_LINKS => it.dropped_links = last_32(payload.integer()),
                span::STATUS => it.status = payload.bytes(),
                _ => {}
            }
        }
        it
    }

    /// The body of this message as it is on the wire.
    pub fn encoded(self) -> &'a [u8] {
        self.buf
    }

    /// 16 bytes, or none.
    pub fn trace_id(self) -> &'a [u8] {
        self.trace_id
    }

    /// 8 bytes, or none.
    pub fn span_id(self) -> &'a [u8] {
        self.span_id
    }

    /// 8 bytes, or none for a root span.
    pub fn parent_span_id(self) -> &'a [u8] {
        self.parent_span_id
    }

    /// W3C trace state.
    pub fn trace_state(self) -> &'a str {
        text(self.trace_state)
    }

    /// Trace flags and whether the parent is remote.
    pub fn flags(self) -> u32 {
        self.flags
    }

    /// Its name.
    pub fn name(self) -> &'a str {
        text(self.name)
    }

    /// `SpanKind`: 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
    pub fn kind(self) -> i32 {
        self.kind
    }

    /// When it began.
    pub fn start_time_unix_nano(self) -> u64 {
        self.start
    }

    /// When it ended.
    pub fn end_time_unix_nano(self) -> u64 {
        self.end
    }

    /// Its attributes.
    #[inline]
    pub fn attributes(self) -> AttributesRef<'a> {
        AttributesRef::new(self.buf, span::ATTRIBUTES)
    }

    /// Attributes the sender dropped.
    pub fn dropped_attributes_count(self) -> u32 {
        self.dropped_attributes
    }

    /// Events the sender dropped.
    pub fn dropped_events_count(self) -> u32 {
        self.dropped_events
    }

    /// Links the sender dropped.
    pub fn dropped_links_count(self) -> u32 {
        self.dropped_links
    }

    /// Its events.
    pub fn events(self) -> impl Iterator<Item = SpanEvent<'a>> + Clone {
        Messages::new(self.buf, span::EVENTS).map(SpanEvent::new)
    }

    /// Its links.
    pub fn links(self) -> impl Iterator<Item = SpanLink<'a>> + Clone {
        Messages::new(self.buf, span::LINKS).map(SpanLink::new)
    }

    /// Its status; code 0 if the sender set none.
    pub fn status(self) -> Status<'a> {
        let mut it = Status::default();
        for field in Reader::new(self.status) {
            match field.number {
                status::MESSAGE => it.message = text(field.payload.bytes()),
                status::CODE => it.code = last_32_signed(field.payload.integer()),
                _ => {}
            }
        }
        it
    }
}

/// How a span ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Status<'a> {
    /// 0 unset, 1 ok, 2 error.
    pub code: i32,
    /// For people.
    pub message: &'a str,
}

/// Something that happened during a span.
#[derive(Debug, Clone, Copy, Default)]
pub struct SpanEvent<'a> {
    buf: &'a [u8],
    time: u64,
    name: &'a [u8],
    dropped: u32,
}

impl<'a> SpanEvent<'a> {
    #[inline]
    pub(crate) fn new(buf: &'a [u8]) -> Self {
        let mut it = Self { buf, ..Self::default() };
        for field in Reader::new(buf) {
            match field.number {
                event::TIME => it.time = field.payload.integer(),
                event::NAME => it.name = field.payload.bytes(),
                event::DROPPED => it.dropped = last_32(field.payload.integer()),
                _ => {}
            }
        }
        it
    }

    /// The body of this message as it is on the wire.
    pub fn encoded(self) -> &'a [u8] {
        self.buf
    }

    /// When it happened.
    pub fn time_unix_nano(self) -> u64 {
        self.time
    }

    /// Its name.
    pub fn name(self) -> &'a str {
        text(self.name)
    }

    /// Its attributes.
    pub fn attributes(self) -> AttributesRef<'a> {
        AttributesRef::new(self.buf, event::ATTRIBUTES)
    }

    /// Attributes the sender dropped.
    pub fn dropped_attributes_count(self) -> u32 {
        self.dropped
    }
}

/// A pointer from a span to another.
#[derive(Debug, Clone, Copy, Default)]
pub struct SpanLink<'a> {
    buf: &'a [u8],
    trace_id: &'a [u8],
    span_id: &'a [u8],
    trace_state: &'a [u8],
    dropped: u32,
    flags: u32,
}

impl<'a> SpanLink<'a> {
    #[inline]
    pub(crate) fn new(buf: &'a [u8]) -> Self {
        let mut it = Self { buf, ..Self::default() };
        for field in Reader::new(buf) {
            match field.number {
                link::TRACE_ID => it.trace_id = field.payload.bytes(),
                link::SPAN_ID => it.span_id = field.payload.bytes(),
                link::TRACE_STATE => it.trace_state = field.payload.bytes(),
                link::DROPPED => it.dropped = last_32(field.payload.integer()),
                link::FLAGS => it.flags = last_32(field.payload.integer()),
                _ => {}
            }
        }
        it
    }

    /// The body of this message as it is on the wire.
    pub fn encoded(self) -> &'a [u8] {
        self.buf
    }

    /// 16 bytes, or none.
    pub fn trace_id(self) -> &'a [u8] {
        self.trace_id
    }

    /// 8 bytes, or none.
    pub fn span_id(self) -> &'a [u8] {
        self.span_id
    }

    /// W3C trace state.
    pub fn trace_state(self) -> &'a str {
        text(self.trace_state)
    }

    /// Its attributes.
    pub fn attributes(self) -> AttributesRef<'a> {
        AttributesRef::new(self.buf, link::ATTRIBUTES)
    }

    /// Attributes the sender dropped.
    pub fn dropped_attributes_count(self) -> u32 {
        self.dropped
    }

    /// Trace flags and whether the linked span is remote.
    pub fn flags(self) -> u32 {
        self.flags
    }
}
