//! Telemetry as records: one for all of it, one for each key, or one for each body.

use std::sync::Arc;

use bytes::Bytes;
use component::{Context, Data};
use kafka::{Header, Message};
use pdata::text::hex;
use pdata::{AttributesRef, Depth, LogRecord, Span, ValueRef};
use xxhash_rust::xxh3::xxh3_128;

use crate::config::{Config, Encoding, SignalConfig};

/// What decides the key of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Nothing,
    Trace,
    Resource,
}

fn by(config: &Config, data: &Data) -> By {
    let (trace, resource) = match data {
        Data::Traces(_) => (config.partition_traces_by_id, false),
        Data::Metrics(_) => (false, config.partition_metrics_by_resource_attributes),
        Data::Logs(_) => {
            (config.partition_logs_by_trace_id, config.partition_logs_by_resource_attributes)
        }
    };
    match (trace, resource) {
        (true, _) => By::Trace,
        (_, true) => By::Resource,
        _ => By::Nothing,
    }
}

/// The same for the same attributes in any order.
fn identity(attributes: AttributesRef<'_>) -> [u8; 16] {
    let pair = |(key, value): (&[u8], &[u8])| xxh3_128(&[key, b"\0", value].concat());
    let sum = attributes.iter_encoded().map(pair).fold(0_u128, u128::wrapping_add);
    sum.to_be_bytes()
}

fn parts(data: Data, by: By) -> Vec<(Option<Bytes>, Data)> {
    match by {
        By::Nothing => vec![(None, data)],
        By::Trace => {
            let parts = data.partition(Depth::Item, |place| {
                let id = place
                    .span()
                    .map(Span::trace_id)
                    .or_else(|| place.log().map(LogRecord::trace_id));
                id.unwrap_or_default().to_vec()
            });
            let key = |id: Vec<u8>| (!id.is_empty()).then(|| Bytes::from(hex(&id)));
            parts.into_iter().map(|(id, data)| (key(id), data)).collect()
        }
        By::Resource => {
            let parts =
                data.partition(Depth::Resource, |place| identity(place.resource().attributes()));
            parts.into_iter().map(|(id, data)| (Some(Bytes::copy_from_slice(&id)), data)).collect()
        }
    }
}

/// All records of a payload.
pub(crate) fn messages(
    config: &Config,
    own: &SignalConfig,
    ctx: &Context,
    data: &Data,
) -> Vec<Message> {
    let metadata = |key: &str| {
        let client = ctx.client.as_ref().filter(|_| !key.is_empty())?;
        client.metadata(&key.to_ascii_lowercase()).next().map(str::to_owned)
    };
    let headers = headers(config, ctx);
    let named = metadata(&own.topic_from_metadata_key);
    let key = metadata(&own.message_key_from_metadata_key).map(Bytes::from);
    let mut all = Vec::new();
    for (part_key, part) in by_topic(config, data.clone(), by(config, data)) {
        let ((topic, id), data) = (part_key, part);
        let topic: Arc<str> = named.as_deref().or(topic.as_deref()).unwrap_or(&own.topic).into();
        let key = id.or_else(|| key.clone());
        let message = |value: Bytes, items: usize| Message {
            topic: Arc::clone(&topic),
            key: key.clone(),
            value,
            headers: Arc::clone(&headers),
            items,
        };
        match (*own.encoding, &data) {
            (Encoding::Raw, Data::Logs(logs)) => {
                all.extend(logs.records().map(|it| message(raw(it.body().unwrap_or_default()), 1)));
            }
            (Encoding::OtlpJson, data) => {
                let mut text = Vec::new();
                data.to_json(&mut text);
                all.push(message(text.into(), data.items()));
            }
            _ => all.push(message(data.to_bytes(), data.items())),
        }
    }
    all
}

type Keyed = ((Option<String>, Option<Bytes>), Data);

/// Parts by topic, where an attribute names it, and by key.
fn by_topic(config: &Config, data: Data, by: By) -> Vec<Keyed> {
    let name = config.topic_from_attribute.as_str();
    let topics = if name.is_empty() {
        vec![(None, data)]
    } else {
        data.partition(Depth::Resource, |place| {
            place
                .resource()
                .attributes()
                .get(name)
                .map(|it| it.to_string())
                .filter(|it| !it.is_empty())
        })
    };
    let keyed = |(topic, data): (Option<String>, Data)| {
        parts(data, by).into_iter().map(move |(key, data)| ((topic.clone(), key), data))
    };
    topics.into_iter().flat_map(keyed).collect()
}

fn headers(config: &Config, ctx: &Context) -> Arc<[Header]> {
    let own = config.record_headers.iter();
    let mut all: Vec<Header> = own
        .map(|(key, value)| Header { key: key.clone(), value: Bytes::from(value.clone()) })
        .collect();
    if let Some(client) = &ctx.client {
        for key in &config.include_metadata_keys {
            let name = key.to_ascii_lowercase();
            let values: Vec<String> = client.metadata(&name).map(str::to_owned).collect();
            all.extend(values.into_iter().map(|it| Header { key: key.clone(), value: it.into() }));
        }
    }
    all.into()
}

/// A body as it is; what is no text and no bytes as it prints.
fn raw(body: ValueRef<'_>) -> Bytes {
    match body {
        ValueRef::Str(it) => Bytes::copy_from_slice(it.as_bytes()),
        ValueRef::Bytes(it) => Bytes::copy_from_slice(it),
        it => it.to_string().into(),
    }
}
