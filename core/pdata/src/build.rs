//! Writes new telemetry straight to bytes: there is no tree and no second copy. Lengths are patched
//! when a message ends. A builder keeps its capacity from one payload to the next.

use std::marker::PhantomData;

use bytes::Bytes;

use crate::buffer;
use crate::data::{Chunks, chunks_of};
use crate::fields::{RESOURCES, any, group, key_value, resource, scope};
use crate::value::Value;
use crate::wire::{MEDIUM, NARROW, Open, WIDE, Writer};

mod logs;
mod metrics;
mod traces;

pub use logs::{LogsBuilder, RecordWriter};
pub use metrics::{
    ExemplarWriter, ExponentialHistogramWriter, HistogramWriter, MetricWriter, MetricsBuilder,
    NumberWriter, PointsWriter, SummaryWriter,
};
pub use traces::{EventWriter, LinkWriter, SpanWriter, TracesBuilder};

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

    /// Writes what JSON says: objects as maps, whole numbers as such, `null` as a value of no kind.
    pub fn json(&mut self, value: &serde_json::Value) {
        use serde_json::Value as Json;
        match value {
            Json::Null => {}
            Json::Bool(it) => self.put(*it),
            Json::Number(it) => match it.as_i64() {
                Some(it) => self.put(it),
                None => self.put(it.as_f64().unwrap_or_default()),
            },
            Json::String(it) => self.put(it),
            Json::Array(items) => {
                self.array(|out| items.iter().for_each(|it| out.value(|out| out.json(it))));
            }
            Json::Object(entries) => self.map(|out| {
                entries.iter().for_each(|(key, it)| out.value(key, |out| out.json(it)));
            }),
        }
    }
}

/// The setters of a message, each a row: its name, how it is written, the number of its field.
/// As usual in proto3, 0 and the empty string are not written, but where presence counts.
macro_rules! setters {
    ($(#[$about:meta])* $writer:ident {$(
        $(#[$doc:meta])*
        $name:ident: $how:ident($number:expr);
    )*}) => {
        $(#[$about])*
        pub struct $writer<'w> {
            out: &'w mut $crate::wire::Writer,
        }

        impl<'w> $writer<'w> {
            #[inline]
            pub(crate) fn new(out: &'w mut $crate::wire::Writer) -> Self {
                Self { out }
            }

            $($crate::build::setter! { $(#[$doc])* $name: $how($number) })*
        }
    };
}

macro_rules! setter {
    (@ $(#[$doc:meta])* $name:ident($self:ident, $value:ident: $type:ty) $write:expr) => {
        $(#[$doc])*
        #[inline]
        pub fn $name(&mut $self, $value: $type) {
            $write
        }
    };
    ($(#[$doc:meta])* $name:ident: fixed64($number:expr)) => {
        $crate::build::setter! { @ $(#[$doc])* $name(self, value: u64)
            self.out.fixed64_scalar($number, value) }
    };
    ($(#[$doc:meta])* $name:ident: fixed32($number:expr)) => {
        $crate::build::setter! { @ $(#[$doc])* $name(self, value: u32)
            self.out.fixed32_scalar($number, value) }
    };
    ($(#[$doc:meta])* $name:ident: uint32($number:expr)) => {
        $crate::build::setter! { @ $(#[$doc])* $name(self, value: u32)
            self.out.varint_scalar($number, u64::from(value)) }
    };
    ($(#[$doc:meta])* $name:ident: enumeration($number:expr)) => {
        $crate::build::setter! { @ $(#[$doc])* $name(self, value: i32)
            self.out.varint_scalar($number, crate::bits::extended(value)) }
    };
    ($(#[$doc:meta])* $name:ident: zigzag($number:expr)) => {
        $crate::build::setter! { @ $(#[$doc])* $name(self, value: i32)
            self.out.zigzag_scalar($number, value) }
    };
    ($(#[$doc:meta])* $name:ident: double($number:expr)) => {
        $crate::build::setter! { @ $(#[$doc])* $name(self, value: f64)
            self.out.fixed64_scalar($number, value.to_bits()) }
    };
    ($(#[$doc:meta])* $name:ident: present_double($number:expr)) => {
        $crate::build::setter! { @ $(#[$doc])* $name(self, value: f64)
            self.out.fixed64_field($number, value.to_bits()) }
    };
    ($(#[$doc:meta])* $name:ident: present_int($number:expr)) => {
        $crate::build::setter! { @ $(#[$doc])* $name(self, value: i64)
            self.out.fixed64_field($number, value.cast_unsigned()) }
    };
    ($(#[$doc:meta])* $name:ident: text($number:expr)) => {
        $crate::build::setter! { @ $(#[$doc])* $name(self, value: &str)
            self.out.text($number, value) }
    };
    ($(#[$doc:meta])* $name:ident: trace_id($number:expr)) => {
        $crate::build::setter! { @ $(#[$doc])* $name(self, value: &[u8])
            if value.len() == 16 { self.out.bytes_field($number, value) } }
    };
    ($(#[$doc:meta])* $name:ident: span_id($number:expr)) => {
        $crate::build::setter! { @ $(#[$doc])* $name(self, value: &[u8])
            if value.len() == 8 { self.out.bytes_field($number, value) } }
    };
    ($(#[$doc:meta])* $name:ident: counts($number:expr)) => {
        $crate::build::setter! { @ $(#[$doc])* $name(self, values: &[u64])
            self.out.packed_fixed64($number, values.iter().copied()) }
    };
    ($(#[$doc:meta])* $name:ident: doubles($number:expr)) => {
        $crate::build::setter! { @ $(#[$doc])* $name(self, values: &[f64])
            self.out.packed_fixed64($number, values.iter().map(|it| it.to_bits())) }
    };
    ($(#[$doc:meta])* $name:ident: attribute($number:expr)) => {
        $(#[$doc])*
        #[inline]
        pub fn $name<'v>(&mut self, key: &str, value: impl Into<$crate::Value<'v>>) {
            value.into().write_entry($number, key.as_bytes(), self.out);
        }
    };
    ($(#[$doc:meta])* $name:ident: attributes($number:expr)) => {
        $(#[$doc])*
        #[inline]
        pub fn $name(&mut self, write: impl FnOnce(&mut $crate::AttributesWriter<'_>)) {
            write(&mut $crate::AttributesWriter { out: self.out, field: $number });
        }
    };
}

use {setter, setters};

/// Writes new telemetry of one signal, resource by resource and scope by scope: [`LogsBuilder`],
/// [`TracesBuilder`], [`MetricsBuilder`].
#[derive(Debug)]
pub struct Builder<T> {
    out: Writer,
    items: usize,
    resource: Option<Open>,
    scope: Option<Open>,
    signal: PhantomData<T>,
}

impl<T> Default for Builder<T> {
    fn default() -> Self {
        let (out, signal) = (Writer::default(), PhantomData);
        Self { out, items: 0, resource: None, scope: None, signal }
    }
}

impl<T> Builder<T> {
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

    /// Ends the open scope and begins another. Without a call, items have an empty scope.
    pub fn scope(&mut self, name: &str, version: &str) -> &mut Self {
        self.scope_with(name, version, |_| {})
    }

    /// The same, with attributes that `write` streams.
    pub fn scope_with(
        &mut self,
        name: &str,
        version: &str,
        write: impl FnOnce(&mut AttributesWriter<'_>),
    ) -> &mut Self {
        self.open_scope();
        let head = self.out.open(group::HEAD, NARROW);
        self.out.text(scope::NAME, name);
        self.out.text(scope::VERSION, version);
        write(&mut AttributesWriter { out: &mut self.out, field: scope::ATTRIBUTES });
        self.out.close(head);
        self
    }

    /// The schema of what was begun last: of the resource, or of the scope.
    pub fn schema_url(&mut self, url: &str) -> &mut Self {
        if self.resource.is_some() {
            self.out.text(group::SCHEMA_URL, url);
        }
        self
    }

    fn open_scope(&mut self) {
        self.close_scope();
        if self.resource.is_none() {
            self.resource = Some(self.out.open(RESOURCES, WIDE));
        }
        self.scope = Some(self.out.open(group::CHILDREN, WIDE));
    }

    /// Adds a log record, a span or a metric.
    #[inline]
    fn child(&mut self, write: impl FnOnce(&mut Writer)) -> &mut Self {
        if self.scope.is_none() {
            self.open_scope();
        }
        let child = self.out.open(group::CHILDREN, MEDIUM);
        write(&mut self.out);
        self.out.close(child);
        self
    }

    /// Makes room for `bytes` more.
    pub fn reserve(&mut self, bytes: usize) {
        self.out.buf.reserve(bytes);
    }

    /// Log records, spans or data points so far.
    pub fn items(&self) -> usize {
        self.items
    }

    /// Bytes so far.
    pub fn bytes(&self) -> usize {
        self.out.len()
    }

    /// Ends the payload and begins another, for which the same capacity is reserved.
    fn take(&mut self) -> (Chunks, usize) {
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
        (chunks_of(chunk), items)
    }

    fn close_scope(&mut self) {
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
