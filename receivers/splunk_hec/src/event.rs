//! Events of a request, one JSON object behind the other.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value as Json;
use serde_json::value::RawValue;

use crate::time;

/// An event.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Raw<'a> {
    #[serde(borrow)]
    time: Option<&'a RawValue>,
    event: Json,
    fields: Option<BTreeMap<String, Json>>,
    host: Option<String>,
    source: Option<String>,
    sourcetype: Option<String>,
    index: Option<String>,
}

/// An object only: fields could be read from a list, too, one after another.
struct Object<'a>(Raw<'a>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(OfObject).map(Self)
    }
}

struct OfObject;

impl<'de> Visitor<'de> for OfObject {
    type Value = Raw<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an event")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
        Raw::deserialize(MapAccessDeserializer::new(members))
    }
}

/// Host, source, source type and index; empty is none.
pub(crate) type Metadata = [String; 4];

/// An event that can be taken.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) metadata: Metadata,
    /// 0 if it has none.
    pub(crate) time_unix_nano: u64,
    pub(crate) body: Json,
    pub(crate) fields: BTreeMap<String, Json>,
}

/// The events of a request.
#[derive(Debug, Default)]
pub(crate) struct Events {
    pub(crate) logs: Vec<Event>,
    pub(crate) metrics: Vec<Event>,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Format,
    /// Fields of this event, counted from 0, have maps or lists in lists.
    Nested(usize),
    NoEvent,
    BlankEvent,
    Logs,
    Metrics,
}

impl Events {
    /// Reads the body of a request. `wants` are the signals for which there are pipelines.
    pub(crate) fn read(
        body: &[u8],
        (wants_logs, wants_metrics): (bool, bool),
    ) -> Result<Self, Refused> {
        // As Go: what is not UTF-8 becomes U+FFFD.
        let text: Cow<'_, str> = String::from_utf8_lossy(body);
        let mut events = Self::default();
        for object in serde_json::Deserializer::from_str(&text).into_iter() {
            let at = events.logs.len() + events.metrics.len();
            let Object(raw) = object.map_err(|_| Refused::Format)?;
            let event = Event::new(raw)?;
            if !event.fields.values().all(is_flat) {
                return Err(Refused::Nested(at));
            }
            match (event.is_metric(), &event.body) {
                (true, _) if !wants_metrics => return Err(Refused::Metrics),
                (true, _) => events.metrics.push(event),
                (false, Json::Null) => return Err(Refused::NoEvent),
                (false, Json::String(it)) if it.is_empty() => return Err(Refused::BlankEvent),
                (false, _) if !wants_logs => return Err(Refused::Logs),
                (false, _) => events.logs.push(event),
            }
        }
        Ok(events)
    }
}

impl Event {
    fn new(raw: Raw<'_>) -> Result<Self, Refused> {
        let time = match raw.time.map(RawValue::get) {
            Some(text) if text.starts_with('"') => {
                let text: String = serde_json::from_str(text).map_err(|_| Refused::Format)?;
                time::unix_nano(&text).ok_or(Refused::Format)?
            }
            // What is neither a number nor a text is no time, as upstream.
            Some(text) => time::unix_nano(text).unwrap_or_default(),
            None => 0,
        };
        let metadata = [raw.host, raw.source, raw.sourcetype, raw.index];
        Ok(Self {
            metadata: metadata.map(Option::unwrap_or_default),
            time_unix_nano: time,
            body: raw.event,
            fields: raw.fields.unwrap_or_default(),
        })
    }

    fn is_metric(&self) -> bool {
        self.body == "metric" || self.values().next().is_some()
    }

    /// Names and values of metrics.
    pub(crate) fn values(&self) -> impl Iterator<Item = (&str, &Json)> {
        let single = self.fields.get("metric_name");
        let one = single.and_then(|it| Some((it.as_str()?, self.fields.get("_value")?)));
        let many = self.fields.iter().filter(move |_| single.is_none());
        one.into_iter().chain(many.filter_map(|(key, value)| Some((metric(key)?, value))))
    }
}

/// The name of a metric of which a field is the value: `metric_name:cpu.usage`.
fn metric(field: &str) -> Option<&str> {
    let name = field.strip_prefix("metric_name:")?;
    let first = |it: char| it.is_ascii_alphabetic() || matches!(it, '.' | ':');
    let rest = |it: char| first(it) || it.is_ascii_digit() || matches!(it, '_' | '\\' | '-');
    let fits = name.starts_with(first) && name.chars().all(rest) && !name.contains("metric_name");
    fits.then_some(name)
}

fn is_flat(field: &Json) -> bool {
    match field {
        Json::Object(_) => false,
        Json::Array(items) => !items.iter().any(|it| it.is_object() || it.is_array()),
        _ => true,
    }
}

/// Events by their metadata, which they lose, in the order in which these came first.
pub(crate) fn grouped(events: Vec<Event>) -> Vec<(Metadata, Vec<Event>)> {
    let mut groups: Vec<(Metadata, Vec<Event>)> = Vec::new();
    let mut known: BTreeMap<Metadata, usize> = BTreeMap::new();
    for mut event in events {
        let metadata = std::mem::take(&mut event.metadata);
        if let Some((_, group)) = known.get(&metadata).and_then(|at| groups.get_mut(*at)) {
            group.push(event);
        } else {
            known.insert(metadata.clone(), groups.len());
            groups.push((metadata, vec![event]));
        }
    }
    groups
}
