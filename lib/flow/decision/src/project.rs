//! Makes the input document of a record: of all that a record has, only what the policy can read.

use std::fmt::Write as _;

use component::Client;
use pdata::text::{Base64, hex};
use pdata::{
    AttributesRef, Depth, Field, MetricKind, NumberValue, Place, PointRef, Signal, ValueRef,
};
use rego::Value;

use crate::layout::{Leaf, VERSION, rows};
use crate::path::{Part, Path};
use crate::reads::Reads;
use crate::values::from_config;

/// Longest body that is parsed as JSON, in bytes.
const JSON_BYTES_MAX: usize = 256 * 1024;
/// Nanoseconds of a millisecond.
const MILLISECOND: f64 = 1e6;

/// What surrounds the records of a call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Around<'a> {
    pub(crate) client: Option<&'a Client>,
    pub(crate) pipeline: &'a str,
    pub(crate) component: &'a str,
}

/// A way from a record of one signal to its document.
#[derive(Debug, Default)]
pub(crate) struct Projection {
    /// Of the parts that change from record to record, and of those around it.
    record: Vec<(Value, Node)>,
    around: Vec<(Value, Node)>,
}

#[derive(Debug)]
enum Node {
    Object(Vec<(Value, Node)>),
    Leaf(Leaf, Wanted),
    Alias(Leaf, Vec<Part>),
}

/// Which keys of attributes.
#[derive(Debug)]
enum Wanted {
    All,
    Keys(Vec<(String, Value)>),
}

impl Projection {
    /// For what a policy reads. `aliases` are names that a section gives to paths.
    pub(crate) fn new(signal: Signal, reads: &Reads, aliases: &[(Vec<String>, Path)]) -> Self {
        let mut root = Vec::new();
        for (row, leaf) in rows(signal) {
            let Some(reads) = follow(reads, row.iter().copied()) else { continue };
            let wanted = match reads {
                Reads::Names(names) if matches!(leaf, Leaf::Attributes(_) | Leaf::Tags) => {
                    Wanted::Keys(names.keys().map(|it| (it.clone(), it.as_str().into())).collect())
                }
                _ => Wanted::All,
            };
            put(&mut root, row, Node::Leaf(leaf, wanted));
        }
        for (names, path) in aliases {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            if let Some(spot) = path.spot(signal)
                && follow(reads, names.iter().copied()).is_some()
            {
                put(&mut root, &names, Node::Alias(spot.leaf, spot.keys));
            }
        }
        let around = |key: &Value| {
            let name = key.as_string().map(AsRef::as_ref);
            matches!(name, Ok("resource" | "scope" | "client" | "pipeline" | "version"))
        };
        let (around, record) = root.into_iter().partition(|(key, _)| around(key));
        Self { record, around }
    }

    /// The parts that the records of one scope share.
    pub(crate) fn around(&self, place: &Place<'_>, around: &Around<'_>) -> Value {
        object(&self.around, place, around)
    }

    /// The document of a record.
    pub(crate) fn document(&self, shared: &Value, place: &Place<'_>, around: &Around<'_>) -> Value {
        let mut whole = shared.clone();
        for (key, node) in &self.record {
            insert(&mut whole, key, node, place, around);
        }
        whole
    }
}

/// What is read at a path: a leaf is read if what is above it is, or something below it.
fn follow<'r, 'n>(reads: &'r Reads, names: impl Iterator<Item = &'n str>) -> Option<&'r Reads> {
    let mut at = reads;
    for name in names {
        at = at.below(name)?;
    }
    Some(at)
}

fn put(nodes: &mut Vec<(Value, Node)>, names: &[&str], node: Node) {
    let Some((first, rest)) = names.split_first() else { return };
    let key = Value::from(*first);
    let at = nodes.iter().position(|it| it.0 == key);
    if rest.is_empty() {
        // An alias counts before what the record has under this name.
        at.map(|at| nodes.remove(at));
        return nodes.push((key, node));
    }
    let at = at.unwrap_or_else(|| {
        nodes.push((key, Node::Object(Vec::new())));
        nodes.len() - 1
    });
    match nodes.get_mut(at) {
        Some((_, Node::Object(inside))) => put(inside, rest, node),
        Some((_, other)) => {
            let mut inside = Vec::new();
            put(&mut inside, rest, node);
            *other = Node::Object(inside);
        }
        None => {}
    }
}

fn object(nodes: &[(Value, Node)], place: &Place<'_>, around: &Around<'_>) -> Value {
    let mut whole = Value::new_object();
    for (key, node) in nodes {
        insert(&mut whole, key, node, place, around);
    }
    whole
}

fn insert(whole: &mut Value, key: &Value, node: &Node, place: &Place<'_>, around: &Around<'_>) {
    let value = match node {
        Node::Object(inside) => object(inside, place, around),
        Node::Leaf(Leaf::Attributes(field), Wanted::Keys(keys)) => some_of(place, *field, keys),
        Node::Leaf(Leaf::Tags, Wanted::Keys(keys)) if !has_tags(place) => {
            some_of(place, Field::LOG_ATTRIBUTES, keys)
        }
        Node::Leaf(leaf, _) => leaf_value(*leaf, place, around),
        Node::Alias(leaf, keys) => value_at(*leaf, keys, place, around),
    };
    if value != Value::Undefined
        && let Ok(entries) = whole.as_object_mut()
    {
        entries.insert(key.clone(), value);
    }
}

fn has_tags(place: &Place<'_>) -> bool {
    matches!(place.entry(Field::LOG_ATTRIBUTES, "tags"), Some(ValueRef::Map(_)))
}

/// Some attributes. Few are wanted of many, so each is looked for.
fn some_of(place: &Place<'_>, field: Field, keys: &[(String, Value)]) -> Value {
    let mut whole = Value::new_object();
    if let Ok(entries) = whole.as_object_mut() {
        for (name, key) in keys {
            if let Some(value) = place.entry(field, name) {
                entries.insert(key.clone(), to_rego(value));
            }
        }
    }
    whole
}

/// The value at keys below a leaf; `Undefined` if there is none.
pub(crate) fn value_at(leaf: Leaf, keys: &[Part], place: &Place<'_>, around: &Around<'_>) -> Value {
    if keys.is_empty() {
        return leaf_value(leaf, place, around);
    }
    if let Leaf::Attributes(field) | Leaf::Any(field) = leaf {
        let keys: Vec<_> = keys.iter().map(Part::key).collect();
        return place.get(field, &keys).ok().flatten().map_or(Value::Undefined, to_rego);
    }
    keys.iter().fold(leaf_value(leaf, place, around), |value, part| {
        let below = match part {
            Part::Name(name) => value.as_object().ok().and_then(|it| it.get(&name.as_str().into())),
            Part::Index(index) => {
                let index = usize::try_from(*index).unwrap_or(usize::MAX);
                value.as_array().ok().and_then(|it| it.get(index))
            }
        };
        below.cloned().unwrap_or(Value::Undefined)
    })
}

fn leaf_value(leaf: Leaf, place: &Place<'_>, around: &Around<'_>) -> Value {
    match leaf {
        Leaf::Plain(field) | Leaf::Any(field) | Leaf::Attributes(field) => {
            place.get(field, &[]).ok().flatten().map_or(Value::Undefined, to_rego)
        }
        Leaf::Hex(field) => match place.get(field, &[]) {
            Ok(Some(ValueRef::Bytes(it))) => hex(it).into(),
            _ => "".into(),
        },
        Leaf::Nanos(field) => {
            place.int(field).map_or(Value::Undefined, |it| it.cast_unsigned().into())
        }
        Leaf::Time(field) => time(place.int(field).unwrap_or_default().cast_unsigned()),
        Leaf::Level => level_of_place(place).into(),
        Leaf::Service => service(place).into(),
        Leaf::Tags => match place.entry(Field::LOG_ATTRIBUTES, "tags") {
            Some(tags @ ValueRef::Map(_)) => to_rego(tags),
            _ => leaf_value(Leaf::Attributes(Field::LOG_ATTRIBUTES), place, around),
        },
        Leaf::Json => match place.get(Field::LOG_BODY, &[]) {
            Ok(Some(ValueRef::Str(text))) => parsed(text),
            _ => Value::Undefined,
        },
        Leaf::DurationMs => {
            let time = |field| place.int(field).unwrap_or_default().cast_unsigned();
            let (start, end) = (time(Field::SPAN_START_TIME), time(Field::SPAN_END_TIME));
            Value::from(end.saturating_sub(start) as f64 / MILLISECOND)
        }
        Leaf::Events => list(place.span().into_iter().flat_map(pdata::Span::events).map(|it| {
            of_pairs([
                ("name", it.name().into()),
                ("timestamp", it.time_unix_nano().into()),
                ("attributes", map(it.attributes())),
            ])
        })),
        Leaf::Links => list(place.span().into_iter().flat_map(pdata::Span::links).map(|it| {
            of_pairs([
                ("trace_id", hex(it.trace_id()).into()),
                ("span_id", hex(it.span_id()).into()),
                ("attributes", map(it.attributes())),
            ])
        })),
        Leaf::MetricType => metric_type(place.metric_kind()).into(),
        Leaf::Numbers(field) => {
            place.numbers(field).map_or(Value::Undefined, |it| list(it.map(number)))
        }
        Leaf::Quantiles => match place.point() {
            Some(PointRef::Summary(it)) => list(it.quantiles().map(|it| {
                of_pairs([("quantile", it.quantile.into()), ("value", it.value.into())])
            })),
            _ => Value::Undefined,
        },
        Leaf::ClientAddress | Leaf::ClientMetadata | Leaf::ClientAuth => {
            client(leaf, around.client)
        }
        Leaf::PipelineId => around.pipeline.into(),
        Leaf::ComponentId => around.component.into(),
        Leaf::Version => VERSION.into(),
    }
}

/// The service that a resource names.
pub(crate) fn service<'p>(place: &'p Place<'_>) -> &'p str {
    let name = place.entry(Field::RESOURCE_ATTRIBUTES, "service.name");
    name.and_then(ValueRef::as_str).unwrap_or_default()
}

fn client(leaf: Leaf, client: Option<&Client>) -> Value {
    let Some(client) = client else { return Value::Undefined };
    match leaf {
        Leaf::ClientAddress => {
            client.peer.map_or(Value::Undefined, |it| it.ip().to_string().into())
        }
        Leaf::ClientMetadata => {
            let mut whole = Value::new_object();
            if let Ok(entries) = whole.as_object_mut() {
                for (key, _) in &client.metadata {
                    let values = client.metadata(key).map(Value::from);
                    entries.insert(key.as_str().into(), list(values));
                }
            }
            whole
        }
        _ => client.auth.as_ref().map_or(Value::Undefined, |auth| {
            let pairs = auth.attributes.iter().map(|(name, it)| (name.as_str(), from_config(it)));
            of_pairs(pairs)
        }),
    }
}

/// A value of OTLP as one of Rego. Bytes are base64; numbers that JSON has not are texts, as in OTLP/JSON.
pub(crate) fn to_rego(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Empty => Value::Null,
        ValueRef::Str(it) => it.into(),
        ValueRef::Bool(it) => it.into(),
        ValueRef::Int(it) => it.into(),
        ValueRef::Double(it) => double(it),
        ValueRef::Bytes(it) => Base64::STANDARD.encode(it).into(),
        ValueRef::Array(it) => list(it.iter().map(to_rego)),
        ValueRef::Map(it) => map(it),
    }
}

fn double(it: f64) -> Value {
    if it.is_finite() {
        return it.into();
    }
    let text = if it.is_nan() {
        "NaN"
    } else if it > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    };
    text.into()
}

fn number(it: NumberValue) -> Value {
    match it {
        NumberValue::Int(it) => it.into(),
        NumberValue::Double(it) => double(it),
        NumberValue::None => Value::Null,
    }
}

fn list(items: impl Iterator<Item = Value>) -> Value {
    items.collect::<Vec<_>>().into()
}

/// Of keys that repeat the first one counts, as everywhere.
fn map(it: AttributesRef<'_>) -> Value {
    let mut whole = Value::new_object();
    if let Ok(entries) = whole.as_object_mut() {
        for (key, value) in it.iter() {
            let key = Value::from(key);
            if !entries.contains_key(&key) {
                entries.insert(key, to_rego(value));
            }
        }
    }
    whole
}

fn of_pairs<'k>(pairs: impl IntoIterator<Item = (&'k str, Value)>) -> Value {
    let mut whole = Value::new_object();
    if let Ok(entries) = whole.as_object_mut() {
        for (key, value) in pairs {
            entries.insert(key.into(), value);
        }
    }
    whole
}

fn parsed(text: &str) -> Value {
    let begins = text.trim_start().starts_with(['{', '[']);
    if !begins || text.len() > JSON_BYTES_MAX {
        return Value::Undefined;
    }
    Value::from_json_str(text).unwrap_or(Value::Undefined)
}

/// The severity in one of six words: of the text if it is one of those that people write, else of the number.
pub(crate) fn level_of_place(place: &Place<'_>) -> &'static str {
    let text = match place.get(Field::LOG_SEVERITY_TEXT, &[]) {
        Ok(Some(ValueRef::Str(text))) => text,
        _ => "",
    };
    level_of(text, place.int(Field::LOG_SEVERITY_NUMBER).unwrap_or_default())
}

fn level_of(text: &str, number: i64) -> &'static str {
    const WORDS: &[(&str, &[&str])] = &[
        ("TRACE", &["trace", "verbose"]),
        ("DEBUG", &["debug", "dbg"]),
        ("INFO", &["info", "information", "informational", "notice"]),
        ("WARN", &["warn", "warning"]),
        ("ERROR", &["error", "err", "severe"]),
        ("FATAL", &["fatal", "critical", "crit", "alert", "emerg", "emergency", "panic"]),
    ];
    let text = text.trim().trim_end_matches(|c: char| c.is_ascii_digit());
    let named = WORDS.iter().find(|(_, all)| all.iter().any(|it| text.eq_ignore_ascii_case(it)));
    match (named, number) {
        (Some((level, _)), _) => level,
        (None, 1..=4) => "TRACE",
        (None, 5..=8) => "DEBUG",
        (None, 9..=12) => "INFO",
        (None, 13..=16) => "WARN",
        (None, 17..=20) => "ERROR",
        (None, 21..=24) => "FATAL",
        (None, _) => "",
    }
}

fn metric_type(kind: MetricKind) -> &'static str {
    match kind {
        MetricKind::Empty => "",
        MetricKind::Gauge => "gauge",
        MetricKind::Sum => "sum",
        MetricKind::Histogram => "histogram",
        MetricKind::ExponentialHistogram => "exponential_histogram",
        MetricKind::Summary => "summary",
    }
}

/// RFC 3339 in UTC; nothing for a time that is not known.
pub(crate) fn time(nanos: u64) -> Value {
    if nanos == 0 {
        return "".into();
    }
    let shown = golang::time::show(i128::from(nanos));
    let mut parts = shown.split(' ');
    let (day, clock) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let mut text = String::new();
    let _ = write!(text, "{day}T{clock}Z");
    text.into()
}

/// The times of a record as they stand in its document.
pub(crate) fn timestamps(place: &Place<'_>) -> [u64; 2] {
    let fields = match place.signal() {
        Signal::Logs => [Field::LOG_TIME, Field::LOG_OBSERVED_TIME],
        Signal::Traces => [Field::SPAN_START_TIME, Field::SPAN_END_TIME],
        Signal::Metrics => [Field::POINT_START_TIME, Field::POINT_TIME],
    };
    fields.map(|it| place.int(it).unwrap_or_default().cast_unsigned())
}

/// When a record happened, in nanoseconds since 1970; 0 if it does not say.
pub(crate) fn event_time(place: &Place<'_>) -> u64 {
    let int = |field| place.int(field).unwrap_or_default().cast_unsigned();
    match place.signal() {
        Signal::Logs => match int(Field::LOG_TIME) {
            0 => int(Field::LOG_OBSERVED_TIME),
            time => time,
        },
        Signal::Traces => match int(Field::SPAN_END_TIME) {
            0 => int(Field::SPAN_START_TIME),
            time => time,
        },
        Signal::Metrics if place.depth() == Depth::Child => int(Field::POINT_TIME),
        Signal::Metrics => 0,
    }
}
