//! Writes new telemetry straight to bytes: there is no tree and no second copy. Lengths are patched
//! when a message ends. A builder keeps its capacity from one payload to the next.

use bytes::Bytes;

use crate::buffer;
use crate::data::{Logs, chunks_of};
use crate::fields::{RESOURCES, any, group, key_value, log, resource, scope};
use crate::value::Value;
use crate::wire::{MEDIUM, NARROW, Open, WIDE, Writer};

/// A smaller buffer is reserved in powers of two, in bytes.
const SMALL_BYTES: usize = 64 * 1024;

/// Writes attributes, or the entries of a map, one after another.
pub struct AttributesWriter<'w> {
    out: &'w mut Writer,
    field: u32,
}

impl AttributesWriter<'_> {
    /// Adds an attribute. The caller sees to it that keys do not repeat.
    #[inline]
    pub fn put<'v>(&mut self, key: &str, value: impl Into<Value<'v>>) {
        value.into().write_entry(self.field, key.as_bytes(), self.out);
    }

    /// Adds an attribute whose value `write` streams.
    #[inline]
    pub fn value(&mut self, key: &str, write: impl FnOnce(&mut ValueWriter<'_>)) {
        let entry = self.out.open(self.field, MEDIUM);
        self.out.key(key.as_bytes());
        let value = self.out.open(key_value::VALUE, MEDIUM);
        write(&mut ValueWriter { out: self.out });
        self.out.close(value);
        self.out.close(entry);
    }

    /// Adds a map.
    #[inline]
    pub fn map(&mut self, key: &str, write: impl FnOnce(&mut AttributesWriter<'_>)) {
        self.value(key, |value| value.map(write));
    }

    /// Adds an array.
    #[inline]
    pub fn array(&mut self, key: &str, write: impl FnOnce(&mut ArrayWriter<'_>)) {
        self.value(key, |value| value.array(write));
    }
}

/// Writes the values of an array one after another.
pub struct ArrayWriter<'w> {
    out: &'w mut Writer,
}

impl ArrayWriter<'_> {
    /// Adds a value.
    #[inline]
    pub fn put<'v>(&mut self, value: impl Into<Value<'v>>) {
        value.into().write_field(1, self.out);
    }

    /// Adds a value that `write` streams.
    #[inline]
    pub fn value(&mut self, write: impl FnOnce(&mut ValueWriter<'_>)) {
        let value = self.out.open(1, NARROW);
        write(&mut ValueWriter { out: self.out });
        self.out.close(value);
    }

    /// Adds a map.
    #[inline]
    pub fn map(&mut self, write: impl FnOnce(&mut AttributesWriter<'_>)) {
        self.value(|value| value.map(write));
    }

    /// Adds an array.
    #[inline]
    pub fn array(&mut self, write: impl FnOnce(&mut ArrayWriter<'_>)) {
        self.value(|value| value.array(write));
    }
}

/// Writes one value. Called more than once, the last value counts.
pub struct ValueWriter<'w> {
    out: &'w mut Writer,
}

impl<'w> ValueWriter<'w> {
    #[inline]
    pub(crate) fn new(out: &'w mut Writer) -> Self {
        Self { out }
    }

    /// The value is this.
    #[inline]
    pub fn put<'v>(&mut self, value: impl Into<Value<'v>>) {
        value.into().encode(self.out);
    }

    /// The value is a map.
    #[inline]
    pub fn map(&mut self, write: impl FnOnce(&mut AttributesWriter<'_>)) {
        let map = self.out.open(any::MAP, MEDIUM);
        write(&mut AttributesWriter { out: self.out, field: 1 });
        self.out.close(map);
    }

    /// The value is an array.
    #[inline]
    pub fn array(&mut self, write: impl FnOnce(&mut ArrayWriter<'_>)) {
        let array = self.out.open(any::ARRAY, NARROW);
        write(&mut ArrayWriter { out: self.out });
        self.out.close(array);
    }
}

/// Writes the fields of one log record. Each but `attribute` and `attributes` is called at most once.
/// As usual in proto3, 0 and the empty string are not written.
pub struct RecordWriter<'w> {
    out: &'w mut Writer,
}

impl RecordWriter<'_> {
    /// When it happened.
    #[inline]
    pub fn time_unix_nano(&mut self, value: u64) {
        self.out.fixed64_scalar(log::TIME, value);
    }

    /// When it was seen.
    #[inline]
    pub fn observed_time_unix_nano(&mut self, value: u64) {
        self.out.fixed64_scalar(log::OBSERVED, value);
    }

    /// 1 (TRACE) to 24 (FATAL4).
    #[inline]
    pub fn severity_number(&mut self, value: i32) {
        self.out.varint_scalar(log::SEVERITY_NUMBER, i64::from(value) as u64);
    }

    /// The severity as the source wrote it.
    #[inline]
    pub fn severity_text(&mut self, value: &str) {
        self.out.text(log::SEVERITY_TEXT, value);
    }

    /// The body.
    #[inline]
    pub fn body<'v>(&mut self, value: impl Into<Value<'v>>) {
        value.into().write_field(log::BODY, self.out);
    }

    /// The body, streamed by `write`.
    #[inline]
    pub fn body_with(&mut self, write: impl FnOnce(&mut ValueWriter<'_>)) {
        let body = self.out.open(log::BODY, MEDIUM);
        write(&mut ValueWriter { out: self.out });
        self.out.close(body);
    }

    /// Adds an attribute.
    #[inline]
    pub fn attribute<'v>(&mut self, key: &str, value: impl Into<Value<'v>>) {
        value.into().write_entry(log::ATTRIBUTES, key.as_bytes(), self.out);
    }

    /// Adds attributes that `write` streams.
    #[inline]
    pub fn attributes(&mut self, write: impl FnOnce(&mut AttributesWriter<'_>)) {
        write(&mut AttributesWriter { out: self.out, field: log::ATTRIBUTES });
    }

    /// Attributes that were dropped.
    pub fn dropped_attributes_count(&mut self, value: u32) {
        self.out.varint_scalar(log::DROPPED, u64::from(value));
    }

    /// Trace flags.
    pub fn flags(&mut self, value: u32) {
        self.out.fixed32_scalar(log::FLAGS, value);
    }

    /// 16 bytes; anything else is left out.
    pub fn trace_id(&mut self, value: &[u8]) {
        if value.len() == 16 {
            self.out.bytes_field(log::TRACE_ID, value);
        }
    }

    /// 8 bytes; anything else is left out.
    pub fn span_id(&mut self, value: &[u8]) {
        if value.len() == 8 {
            self.out.bytes_field(log::SPAN_ID, value);
        }
    }

    /// Name of the kind of event.
    pub fn event_name(&mut self, value: &str) {
        self.out.text(log::EVENT_NAME, value);
    }
}

/// Writes log records, resource by resource.
#[derive(Debug, Default)]
pub struct LogsBuilder {
    out: Writer,
    items: usize,
    resource: Option<Open>,
    scope: Option<Open>,
    /// Where the last record begins and what was open then.
    last: Option<usize>,
}

impl LogsBuilder {
    /// An empty payload.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the open resource and begins another.
    pub fn resource(&mut self, write: impl FnOnce(&mut AttributesWriter<'_>)) -> &mut Self {
        self.close_resource();
        self.resource = Some(self.out.open(RESOURCES, WIDE));
        let head = self.out.open(group::HEAD, MEDIUM);
        write(&mut AttributesWriter { out: &mut self.out, field: resource::ATTRIBUTES });
        self.out.close(head);
        self
    }

    /// Ends the open scope and begins another. Without a call, records have an empty scope.
    pub fn scope(&mut self, name: &str, version: &str) -> &mut Self {
        self.open_scope();
        let head = self.out.open(group::HEAD, NARROW);
        self.out.text(scope::NAME, name);
        self.out.text(scope::VERSION, version);
        self.out.close(head);
        self
    }

    fn open_scope(&mut self) {
        self.close_scope();
        if self.resource.is_none() {
            self.resource = Some(self.out.open(RESOURCES, WIDE));
        }
        self.scope = Some(self.out.open(group::CHILDREN, WIDE));
    }

    /// Adds a record.
    #[inline]
    pub fn record(&mut self, write: impl FnOnce(&mut RecordWriter<'_>)) -> &mut Self {
        if self.scope.is_none() {
            self.open_scope();
        }
        let record = self.out.open(group::CHILDREN, MEDIUM);
        write(&mut RecordWriter { out: &mut self.out });
        self.out.close(record);
        self.items += 1;
        self.last = Some(record.start);
        self
    }

    /// Takes the last record back, once: the next call needs another record.
    pub fn undo_record(&mut self) -> bool {
        let Some(start) = self.last.take() else { return false };
        self.out.buf.truncate(start);
        self.items -= 1;
        true
    }

    /// Makes room for `bytes` more.
    pub fn reserve(&mut self, bytes: usize) {
        self.out.buf.reserve(bytes);
    }

    /// Records so far.
    pub fn items(&self) -> usize {
        self.items
    }

    /// Bytes so far.
    pub fn bytes(&self) -> usize {
        self.out.len()
    }

    /// Ends the payload and begins another, for which the same capacity is reserved.
    pub fn finish(&mut self) -> Logs {
        self.close_resource();
        let items = std::mem::take(&mut self.items);
        // A buffer that is mostly full is handed out, else it would keep much memory alive.
        let chunk = if self.out.len() >= self.out.buf.capacity() / 2 {
            // The allocator holds memory for each size of each thread: so there are few sizes.
            let room = self.out.len();
            let next =
                buffer::take(if room < SMALL_BYTES { room.next_power_of_two() } else { room });
            buffer::freeze(std::mem::replace(&mut self.out.buf, next))
        } else {
            let copy = Bytes::copy_from_slice(&self.out.buf);
            self.out.buf.clear();
            copy
        };
        Logs { chunks: chunks_of(chunk), items }
    }

    fn close_scope(&mut self) {
        self.last = None;
        if let Some(open) = self.scope.take() {
            self.out.close(open);
        }
    }

    fn close_resource(&mut self) {
        self.close_scope();
        if let Some(open) = self.resource.take() {
            self.out.close(open);
        }
    }
}
