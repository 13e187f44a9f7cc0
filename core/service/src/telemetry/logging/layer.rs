//! Events of the program as log lines.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use serde_json::{Map, Value as Json};
use tokio::time::Instant;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::{LookupSpan, Scope};

use super::encode::{Encoder, Entry, now};
use super::output::Output;
use super::sample::Sampler;
use super::tap;
use crate::telemetry::SILENT_SPAN;

/// Crates that speak about every frame they send; heard from warn up.
const FOREIGN: [&str; 5] = ["h2", "hyper", "hyper_util", "rustls", "tokio"];

/// Writes a line for each event.
#[derive(Debug)]
pub struct Lines {
    pub level: LevelFilter,
    pub encoder: Arc<Encoder>,
    pub sampler: Option<Sampler>,
    /// Each gets every line.
    pub outputs: Vec<Output>,
}

/// What a span adds to each line below it.
struct SpanFields(Map<String, Json>);

#[derive(Default)]
struct Fields {
    message: String,
    rest: Map<String, Json>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Json) {
        self.rest.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            self.put(field, value.into());
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            let _ = write!(self.message, "{value:?}");
        } else {
            self.put(field, format!("{value:?}").into());
        }
    }
}

/// The line for those who send it, unless it is about sending lines.
fn hand_over<S>(event: &Event<'_>, said: &Fields, ctx: &Context<'_, S>)
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    // The clients that send have connections of their own, outside of any span.
    if FOREIGN.contains(&crate_of(event.metadata())) {
        return;
    }
    let mut fields = Map::new();
    for span in ctx.event_scope(event).into_iter().flat_map(Scope::from_root) {
        if span.name() == SILENT_SPAN {
            return;
        }
        if let Some(SpanFields(own)) = span.extensions().get::<SpanFields>() {
            fields.extend(own.clone());
        }
    }
    fields.extend(said.rest.clone());
    let (level, message) = (*event.metadata().level(), said.message.clone());
    tap::put(&tap::Line { time: component::clock::now(), level, message, fields });
}

/// The crate that says something.
fn crate_of<'a>(metadata: &'a Metadata<'_>) -> &'a str {
    metadata.target().split("::").next().unwrap_or_default()
}

impl Lines {
    /// Spans are kept at every level: what is said inside them needs their fields.
    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        let level = *metadata.level();
        let is_foreign = FOREIGN.contains(&crate_of(metadata));
        metadata.is_span() || (level <= self.level && (level <= Level::WARN || !is_foreign))
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.wants(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.wants(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        // Spans of components are at level error.
        Some(self.level.max(LevelFilter::ERROR))
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = ctx.span(id) {
            span.extensions_mut().replace(SpanFields(fields.rest));
        }
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        let meta = event.metadata();
        if !self.wants(meta) {
            return;
        }
        let mut said = Fields::default();
        event.record(&mut said);
        let level = *meta.level();
        let sampler = self.sampler.as_ref();
        if sampler.is_some_and(|it| !it.passes(level, &said.message, Instant::now())) {
            return;
        }
        let mut members = String::new();
        let mut put = |fields: &Map<String, Json>| {
            fields.iter().for_each(|(key, value)| self.encoder.field(key, value, &mut members));
        };
        for span in ctx.event_scope(event).into_iter().flat_map(Scope::from_root) {
            if let Some(SpanFields(fields)) = span.extensions().get::<SpanFields>() {
                put(fields);
            }
        }
        put(&said.rest);
        if tap::is_on() {
            hand_over(event, &said, &ctx);
        }
        let file = meta.file().unwrap_or("");
        let short = file.rsplit_once("/src/").map_or(file, |(_, it)| it);
        let place = (meta.module_path().and_then(|it| it.split("::").next())).unwrap_or("");
        let caller = format!("{place}/{short}:{}", meta.line().unwrap_or(0));
        let time = now();
        let entry = Entry { time: &time, level, caller: &caller, message: &said.message };
        let line = self.encoder.line(&entry, &members);
        self.outputs.iter().for_each(|it| it.line(&line));
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::super::output::Outputs;
    use super::super::sinks::Sinks;
    use super::*;

    /// What a level lets through, as the messages of the lines.
    fn lines(level: LevelFilter, events: impl FnOnce()) -> Vec<String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        let encoder = Arc::new(Encoder::new("json", true, &Map::new()).unwrap());
        let path = file.path().display().to_string();
        let mut running = Outputs::new();
        let sinks = Sinks::open(&[path], &[]).unwrap();
        let (outputs, _) = sinks.begin(&encoder, &mut running);
        let layer = Lines { level, encoder, sampler: None, outputs };
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, events);
        for output in running.values() {
            output.close();
            output.flush(Instant::now() + std::time::Duration::from_secs(30));
        }
        let text = std::fs::read_to_string(file.path()).unwrap();
        let lines = text.lines().map(|it| serde_json::from_str::<Json>(it).unwrap());
        lines.map(|it| it["msg"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn frames_of_other_crates_are_not_ours_to_tell() {
        let events = || {
            tracing::debug!("ours");
            tracing::debug!(target: "h2::codec", "a frame");
            tracing::warn!(target: "h2::codec", "a broken frame");
            tracing::trace!("too fine");
        };
        assert_eq!(lines(LevelFilter::DEBUG, events), ["ours", "a broken frame"]);
        assert_eq!(lines(LevelFilter::OFF, || tracing::error!("no")), [""; 0]);
    }
}
