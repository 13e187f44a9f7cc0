//! Own log lines in the Collector's two encodings.
//!
//! Console: `<time>\t<level>\t<caller>\t<message>\t<fields as JSON>`; JSON: one object per line.
//! Fields of the enclosing component span come first, then those of the event.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::time::{Duration, Instant, SystemTime};
use std::{collections::HashMap, sync::Mutex, sync::PoisonError};

use component::BuildInfo;
use component::config::Value;
use serde_json::{Map, Value as Json};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Scope};

use crate::telemetry::TelemetryConfig;

/// Distinct messages whose repetition is watched at the same time; beyond it, none is held back.
const SAMPLED_MESSAGES_MAX: usize = 4096;

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogEncoding {
    /// For people: tab-separated.
    #[default]
    Console,
    /// One object per line.
    Json,
}

/// `service: telemetry: logs:` and what each line says about the process.
#[derive(Debug, Clone)]
pub struct Logging {
    /// Lines below are left out. Default info.
    pub level: Level,
    /// Default console.
    pub encoding: LogEncoding,
    /// The `resource` object of each line; empty hides it.
    pub resource: Map<String, Json>,
    /// Of the same level and message, per tick: the first `initial`, then every `thereafter`-th.
    pub sampling: Option<Sampling>,
}

/// `service: telemetry: logs: sampling:`, v0.159 defaults.
#[derive(Debug, Clone, Copy)]
pub struct Sampling {
    /// Counting starts anew after this.
    pub tick: Duration,
    /// Lines let through at first.
    pub initial: u64,
    /// Then every n-th; 0 is none.
    pub thereafter: u64,
}

impl Logging {
    /// As `service: telemetry:` says.
    pub fn new(config: &TelemetryConfig, build: &BuildInfo) -> Self {
        let logs = &config.logs;
        let encoding =
            if logs.encoding == "json" { LogEncoding::Json } else { LogEncoding::Console };
        let resource = if logs.disable_zap_resource { Map::new() } else { resource(config, build) };
        let sampling = Sampling {
            tick: logs.sampling.tick.std(),
            initial: logs.sampling.initial.max(0) as u64,
            thereafter: logs.sampling.thereafter.max(0) as u64,
        };
        Self {
            level: logs.level.0,
            encoding,
            resource,
            sampling: logs.sampling.enabled.then_some(sampling),
        }
    }

    /// Makes it the logger of the process. Only the first call counts.
    pub fn install(self) {
        let level = tracing::level_filters::LevelFilter::from_level(self.level);
        let layer = Lines { logging: self, seen: Mutex::default() };
        let subscriber = tracing_subscriber::registry().with(level).with(layer);
        // A second collector in one process (tests) keeps the first logger.
        let _ = tracing::subscriber::set_global_default(subscriber);
    }
}

/// The process in `resource`: build facts, overridden by `service: telemetry: resource:`.
pub(crate) fn resource(config: &TelemetryConfig, build: &BuildInfo) -> Map<String, Json> {
    let mut all = Map::new();
    all.insert("service.instance.id".into(), instance_id().into());
    all.insert("service.name".into(), build.command.into());
    all.insert("service.version".into(), build.version.into());
    if let Value::Map(entries) = &config.resource {
        for (key, value) in entries {
            match (value, value.as_str()) {
                (Value::Null, _) => drop(all.remove(key)),
                (_, Some(text)) => drop(all.insert(key.clone(), text.into())),
                _ => {}
            }
        }
    }
    all.sort_keys();
    all
}

/// A random UUID, version 4 (RFC 9562 section 5.4).
fn instance_id() -> String {
    use std::hash::{BuildHasher, RandomState};
    let (a, b) = (RandomState::new().hash_one(1), RandomState::new().hash_one(2));
    let (a, b) = ((a & !0xf000) | 0x4000, (b & !(0b11 << 62)) | (0b10 << 62));
    let (a, b) = (format!("{a:016x}"), format!("{b:016x}"));
    format!("{}-{}-{}-{}-{}", &a[..8], &a[8..12], &a[12..], &b[..4], &b[4..])
}

struct Lines {
    logging: Logging,
    seen: Mutex<HashMap<(Level, String), (Instant, u64)>>,
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

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = ctx.span(id) {
            span.extensions_mut().insert(SpanFields(fields.rest));
        }
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let meta = event.metadata();
        if !self.passes(*meta.level(), &fields.message) {
            return;
        }
        let mut all = Map::new();
        if !self.logging.resource.is_empty() {
            all.insert("resource".into(), Json::Object(self.logging.resource.clone()));
        }
        for span in ctx.event_scope(event).into_iter().flat_map(Scope::from_root) {
            if let Some(SpanFields(fields)) = span.extensions().get::<SpanFields>() {
                all.extend(fields.clone());
            }
        }
        all.extend(fields.rest);
        let file = meta.file().unwrap_or("");
        let short = file.rsplit_once("/src/").map_or(file, |(_, it)| it);
        let place = (meta.module_path().and_then(|it| it.split("::").next())).unwrap_or("");
        let caller = format!("{place}/{short}:{}", meta.line().unwrap_or(0));
        let line = self.line(*meta.level(), &caller, &fields.message, all);
        // Nobody can be told that standard error is gone.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
}

impl Lines {
    /// True when a line may be written: repetitions are thinned out.
    fn passes(&self, level: Level, message: &str) -> bool {
        let Some(sampling) = self.logging.sampling else { return true };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if seen.len() >= SAMPLED_MESSAGES_MAX {
            seen.retain(|_, (since, _)| now.duration_since(*since) < sampling.tick);
        }
        let (since, count) = seen.entry((level, message.to_owned())).or_insert((now, 0));
        if now.duration_since(*since) >= sampling.tick {
            (*since, *count) = (now, 0);
        }
        *count += 1;
        let over = count.saturating_sub(sampling.initial);
        over == 0 || (sampling.thereafter > 0 && over.is_multiple_of(sampling.thereafter))
    }

    fn line(&self, level: Level, caller: &str, message: &str, fields: Map<String, Json>) -> String {
        let level = match level {
            Level::ERROR => "error",
            Level::WARN => "warn",
            Level::INFO => "info",
            _ => "debug",
        };
        let time = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        match self.logging.encoding {
            LogEncoding::Console => {
                let mut line = format!("{time}\t{level}\t{caller}\t{message}");
                if !fields.is_empty() {
                    line.push('\t');
                    spaced_json(&Json::Object(fields), &mut line);
                }
                line.push('\n');
                line
            }
            LogEncoding::Json => {
                let mut all = Map::new();
                all.insert("level".into(), level.into());
                all.insert("ts".into(), time.into());
                all.insert("caller".into(), caller.into());
                all.insert("msg".into(), message.into());
                all.extend(fields);
                let mut line = Json::Object(all).to_string();
                line.push('\n');
                line
            }
        }
    }
}

/// JSON with a blank after `:` and `,`, as zap's console encoder writes it.
fn spaced_json(value: &Json, out: &mut String) {
    match value {
        Json::Object(map) => {
            out.push('{');
            for (n, (key, value)) in map.iter().enumerate() {
                let comma = if n > 0 { ", " } else { "" };
                let _ = write!(out, "{comma}{}: ", Json::from(key.as_str()));
                spaced_json(value, out);
            }
            out.push('}');
        }
        other => {
            let _ = write!(out, "{other}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(encoding: LogEncoding) -> Lines {
        let sampling = Some(Sampling { tick: Duration::from_secs(60), initial: 2, thereafter: 3 });
        let logging = Logging { level: Level::INFO, encoding, resource: Map::new(), sampling };
        Lines { logging, seen: Mutex::default() }
    }

    #[test]
    fn a_console_line_has_tabs_and_spaced_json() {
        let fields = serde_json::json!({"a": 1, "b": {"c": "d"}});
        let fields = fields.as_object().unwrap().clone();
        let line = lines(LogEncoding::Console).line(Level::WARN, "x.rs:1", "hello", fields);
        let (_, rest) = line.split_once('\t').unwrap();
        assert_eq!(rest, "warn\tx.rs:1\thello\t{\"a\": 1, \"b\": {\"c\": \"d\"}}\n");
    }

    #[test]
    fn the_first_lines_pass_then_every_nth() {
        let lines = lines(LogEncoding::Json);
        let passed: Vec<bool> = (0..8).map(|_| lines.passes(Level::INFO, "m")).collect();
        assert_eq!(passed, [true, true, false, false, true, false, false, true]);
        assert!(lines.passes(Level::INFO, "another"));
    }

    #[test]
    fn instance_ids_are_uuids_of_version_four() {
        let id = instance_id();
        assert_eq!((id.len(), &id[14..15]), (36, "4"));
        assert!("89ab".contains(&id[19..20]));
    }
}
