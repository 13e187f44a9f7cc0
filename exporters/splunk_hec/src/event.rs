//! Events as HEC takes them. <https://docs.splunk.com/Documentation/Splunk/latest/Data/FormateventsforHTTPEventCollector>,
//! and in the form of `pkg/translator/splunk`, v0.149.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use documents::json::{self, Bytes, Object};
use hec::Metadata;
use pdata::{AttributesRef, ValueRef};

use crate::config::{Config, Defaults};
use crate::requests::Key;

/// The host of what says none.
const NO_HOST: &str = "unknown";
const SECOND_NANOS: u64 = 1_000_000_000;

/// The metadata of an event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Around<'a> {
    host: &'a str,
    source: &'a str,
    sourcetype: &'a str,
    index: &'a str,
}

/// The value of a field.
#[derive(Debug, Clone)]
pub(crate) enum Field<'a> {
    Value(ValueRef<'a>),
    /// The text that the Collector prints for a value.
    Printed(ValueRef<'a>),
    Text(Cow<'a, str>),
    Int(i64),
    Uint(u64),
    Double(f64),
}

/// Fields by name.
pub(crate) type Fields<'a> = BTreeMap<Cow<'a, str>, Field<'a>>;

impl<'a> Around<'a> {
    pub(crate) fn new(defaults: &'a Defaults) -> Self {
        let Defaults { source, sourcetype, index } = defaults;
        Self { host: NO_HOST, source, sourcetype, index }
    }

    /// Takes from attributes what stands for metadata. The others go to `field`.
    pub(crate) fn take(
        &mut self,
        attributes: AttributesRef<'a>,
        names: &Metadata,
        mut field: impl FnMut(&'a str, ValueRef<'a>),
    ) {
        for (key, value) in attributes.iter() {
            let place = match key {
                it if it == names.host => &mut self.host,
                it if it == names.source => &mut self.source,
                it if it == names.sourcetype => &mut self.sourcetype,
                it if it == names.index => &mut self.index,
                hec::TOKEN => continue,
                _ => {
                    field(key, value);
                    continue;
                }
            };
            *place = value.as_str().unwrap_or_default();
        }
    }

    /// Writes an event whose own part comes from `write`.
    pub(crate) fn event(
        &self,
        out: &mut Vec<u8>,
        time_unix_nano: u64,
        fields: &Fields<'_>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        json::object(out, |event| {
            write(event.key("event"));
            if !fields.is_empty() {
                event.object("fields", |out| fields.iter().for_each(|it| it.1.write(it.0, out)));
            }
            event.text("host", self.host);
            event.text_if_any("source", self.source);
            event.text_if_any("sourcetype", self.sourcetype);
            event.text_if_any("index", self.index);
            // Without a time Splunk takes its own, which is better than 1970.
            if time_unix_nano > 0 {
                time(event.key("time"), time_unix_nano);
            }
        });
    }
}

/// Seconds with all digits of the nanoseconds.
fn time(out: &mut Vec<u8>, unix_nano: u64) {
    json::uint(out, unix_nano / SECOND_NANOS);
    let nanos = unix_nano % SECOND_NANOS;
    if nanos > 0 {
        let mut digits = String::new();
        // Printing into memory does not fail.
        let _ = write!(digits, ".{nanos:09}");
        out.extend_from_slice(digits.trim_end_matches('0').as_bytes());
    }
}

impl Field<'_> {
    /// The same, without a copy of its text.
    pub(crate) fn borrowed(&self) -> Field<'_> {
        match self {
            Self::Text(it) => Field::Text(Cow::Borrowed(it)),
            other => other.clone(),
        }
    }

    fn write(&self, name: &str, out: &mut Object<'_>) {
        match self {
            Self::Value(ValueRef::Double(it)) => double(out.key(name), *it),
            Self::Value(it) => out.value(name, *it, Bytes::Base64),
            Self::Printed(it) => json::value_text(out.key(name), *it),
            Self::Text(it) => out.text(name, it),
            Self::Int(it) => out.int(name, *it),
            Self::Uint(it) => out.uint(name, *it),
            Self::Double(it) => double(out.key(name), *it),
        }
    }
}

/// What JSON has no number for is a text, as upstream.
fn double(out: &mut Vec<u8>, it: f64) {
    if it.is_finite() {
        json::double(out, it);
    } else {
        json::text(out, &golang::strconv::float(it));
    }
}

/// Puts an attribute among the fields, which have no maps and no lists of lists: maps become fields with dots in their names,
/// lists with lists or maps in them become text.
pub(crate) fn put_flat<'a>(fields: &mut Fields<'a>, name: Cow<'a, str>, value: ValueRef<'a>) {
    match value {
        // The depth of values is limited by `pdata::Limits`.
        ValueRef::Map(map) => map.iter().for_each(|(key, value)| {
            put_flat(fields, Cow::Owned(format!("{name}.{key}")), value);
        }),
        ValueRef::Array(list)
            if list.iter().any(|it| matches!(it, ValueRef::Map(_) | ValueRef::Array(_))) =>
        {
            let mut text = Vec::new();
            json::value(&mut text, value, Bytes::Base64);
            let text = String::from_utf8_lossy(&text).into_owned();
            fields.insert(name, Field::Text(text.into()));
        }
        other => {
            fields.insert(name, Field::Value(other));
        }
    }
}

/// How telemetry becomes events.
pub(crate) struct Encoder<'c> {
    pub(crate) config: &'c Config,
    pub(crate) names: Metadata,
}

impl<'c> Encoder<'c> {
    pub(crate) fn new(config: &'c Config) -> Self {
        Self { config, names: config.metadata() }
    }

    /// What requests with telemetry of a resource have in common.
    pub(crate) fn key(attributes: AttributesRef<'_>) -> Key {
        let token = attributes.get(hec::TOKEN).and_then(ValueRef::as_str).map(str::to_owned);
        Key { token, is_profiling: false }
    }

    /// What stands around the spans and points of a resource: metadata, and fields that are texts.
    pub(crate) fn around<'a>(&'a self, resource: AttributesRef<'a>) -> (Around<'a>, Fields<'a>) {
        let (mut around, mut fields) = (Around::new(&self.config.defaults), Fields::new());
        around.take(resource, &self.names, |name, value| {
            fields.insert(name.into(), Field::Printed(value));
        });
        (around, fields)
    }
}
