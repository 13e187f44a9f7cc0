//! A processor as a function of OTLP/JSON: the shortest test of what it does.

use component::{Context, Data, Processor, Signal};
use pdata::Limits;
use serde_json::{Map, Value as Json};

use crate::{Sink, processor, processor_settings};

/// What a processor with this section, in YAML, makes of an OTLP/JSON request of `signal`; null if nothing goes
/// on. Resources, scopes, bodies and statuses that are empty are left out. Panics with what is wrong: with the section, with the request, or when the processor refuses it.
pub async fn through<P: Processor>(section: &str, signal: Signal, request: &Json) -> Json {
    let sink = Sink::new();
    let step = processor::<P>(processor_settings(P::TYPE, signal), section, sink.next());
    let text = request.to_string();
    let data = Data::from_json(signal, text.as_bytes(), &Limits::default());
    let data = data.unwrap_or_else(|wrong| panic!("{wrong}"));
    step.consume(&Context::default(), data).await.expect("the processor takes the request");
    let Some(data) = sink.received().pop() else { return Json::Null };
    let mut text = Vec::new();
    data.to_json(&mut text);
    let mut json = serde_json::from_slice(&text).expect("OTLP/JSON is JSON");
    shorten(&mut json);
    json
}

/// OTLP/JSON is written with these even where they are empty; a test need not.
fn shorten(json: &mut Json) {
    let is_left_out = |key: &str, value: &Json| {
        ["resource", "scope", "body", "status"].contains(&key) && *value == Json::Object(Map::new())
    };
    match json {
        Json::Object(entries) => {
            entries.retain(|key, value| !is_left_out(key, value));
            entries.values_mut().for_each(shorten);
        }
        Json::Array(items) => items.iter_mut().for_each(shorten),
        _ => {}
    }
}
