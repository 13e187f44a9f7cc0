//! `sluice explain delivery`: where a configuration can lose or double data, how much at most, and what closes it.

use std::fmt::Write as _;

use component::config::{Show, Value};
use component::{Id, Kind};
use service::{PipelineConfig, Registry, Settings};

/// Receivers that read again what was not delivered.
const READS_AGAIN: &str = "file_log";
/// `max_elapsed_time` that nobody has chosen, which a queue on disk does not obey.
const ELAPSED_DEFAULT: &str = "5m0s";

/// Everything about the pipelines of `settings`.
pub fn explain(settings: &Settings, registry: &Registry) -> String {
    let report = Report { settings, registry };
    let mut out = String::new();
    for kind in [Kind::Receiver, Kind::Processor, Kind::Exporter] {
        for (id, _) in settings.components.get(&kind).into_iter().flatten() {
            if report.pipelines(kind, id).next().is_none() {
                continue;
            }
            let (title, lines) = report.component(kind, id);
            if lines.is_empty() {
                continue;
            }
            let _ = writeln!(out, "{kind} {id}: {title}");
            for line in lines {
                let _ = writeln!(out, "  {line}");
            }
        }
    }
    out.push_str("\nWhat is dropped is counted in sluice_lost_total{reason}, except what dies with the process.\n");
    out
}

struct Report<'a> {
    settings: &'a Settings,
    registry: &'a Registry,
}

impl Report<'_> {
    fn pipelines(&self, kind: Kind, id: &Id) -> impl Iterator<Item = &PipelineConfig> {
        let of = move |it: &PipelineConfig| match kind {
            Kind::Receiver => it.receivers.contains(id),
            Kind::Processor => it.processors.contains(id),
            _ => it.exporters.contains(id),
        };
        self.settings.service.pipelines.iter().map(|it| &it.1).filter(move |it| of(it))
    }

    fn type_name(&self, kind: Kind, id: &Id) -> &str {
        self.registry.find(kind, id.type_name()).map_or("", |it| it.type_name)
    }

    /// The section with its defaults.
    fn section(&self, kind: Kind, id: &Id) -> Value {
        let all = self.settings.components.get(&kind).into_iter().flatten();
        let section = all.filter(|it| it.0 == *id).map(|it| it.1.clone()).next();
        let entry = self.registry.find(kind, id.type_name());
        let show = Show { secrets: false, nanos: false };
        entry
            .and_then(|it| it.effective(&section.unwrap_or_default(), show).ok())
            .unwrap_or_default()
    }

    /// Those before a component whose clients forget what was answered.
    fn pushes(&self, kind: Kind, id: &Id) -> String {
        let mut all: Vec<String> = self
            .pipelines(kind, id)
            .flat_map(|it| &it.receivers)
            .filter(|it| self.type_name(Kind::Receiver, it) != READS_AGAIN)
            .map(ToString::to_string)
            .collect();
        all.sort();
        all.dedup();
        all.join(", ")
    }

    fn component(&self, kind: Kind, id: &Id) -> (String, Vec<String>) {
        let section = self.section(kind, id);
        match (kind, self.type_name(kind, id)) {
            (Kind::Receiver, READS_AGAIN) => reads_again(&section),
            (Kind::Processor, "batch") => batch(&section, &self.pushes(kind, id)),
            (Kind::Processor, "tail_sampling") => {
                let why = "a trace has to be there before it is decided about";
                gathers(&section, &self.pushes(kind, id), "decision_wait", why)
            }
            (Kind::Processor, "interval") => {
                let why = "only the last point of each stream is sent on";
                gathers(&section, &self.pushes(kind, id), "interval", why)
            }
            (Kind::Processor, "log_dedup") => {
                let why = "records have to be counted before they are sent on";
                gathers(&section, &self.pushes(kind, id), "interval", why)
            }
            (Kind::Exporter, _) => self.exporter(&section, &self.pushes(kind, id)),
            _ => (String::new(), Vec::new()),
        }
    }

    fn exporter(&self, section: &Value, pushes: &str) -> (String, Vec<String>) {
        let (queue, retry) = (section.get("sending_queue"), section.get("retry_on_failure"));
        let Some(retry) = retry else { return (String::new(), Vec::new()) };
        let doubled =
            "doubled  a request whose answer is lost, or comes after `timeout`: it is sent again"
                .to_owned();
        let queue = queue.filter(|it| is_on(it) && !is_true(it.get("wait_for_result")));
        let Some(queue) = queue else {
            return (
                "no queue: clients wait for the backend, and send again what it has not taken"
                    .into(),
                vec![doubled],
            );
        };
        let size = format!("{} {}", text(queue.get("queue_size")), text(queue.get("sizer")));
        let storage = queue.get("storage").and_then(Value::as_str).and_then(|it| it.parse().ok());
        let Some(storage) = storage else {
            return (
                format!("a queue in memory of {size}"),
                in_memory(retry, pushes, &size, doubled)
                    .into_iter()
                    .chain(dropped(queue, pushes))
                    .collect(),
            );
        };
        let mut lines = given_up(retry, true);
        lines.extend(dropped(queue, pushes));
        let storage = self.section(Kind::Extension, &storage);
        let interval = text(storage.get("queue_fsync_interval"));
        if !is_true(storage.get("fsync")) {
            let bound = if interval == "0s" {
                "what the system had not written".to_owned()
            } else {
                format!("what was written in the last {interval}")
            };
            lines.push(format!(
                "lost     when the machine dies: {bound}; closed by `fsync: true` of the storage"
            ));
        }
        lines.push("doubled  after a crash: what was being sent, at most 64 MiB".into());
        lines.push(doubled);
        (format!("a queue on disk of {size}; kill -9 loses nothing"), lines)
    }
}

fn reads_again(section: &Value) -> (String, Vec<String>) {
    let mut lines = vec![
        "lost     a file that is removed, or rotated away, before it was read and delivered"
            .to_owned(),
        "doubled  after a crash: what was not acknowledged, at most 16 MiB".to_owned(),
    ];
    if section.get("storage").and_then(Value::as_str) == Some("none") {
        lines.push("lost     at a restart, with `start_at: end`: what was not delivered; closed by removing `storage: none`".into());
    }
    ("its position moves when the data is delivered, or in a queue on disk".into(), lines)
}

fn batch(section: &Value, pushes: &str) -> (String, Vec<String>) {
    if pushes.is_empty() {
        return (String::new(), Vec::new());
    }
    let (size, timeout) = (text(section.get("send_batch_size")), text(section.get("timeout")));
    let line = format!(
        "lost     when the process dies: what {pushes} brought in the last {timeout}, or {size} items; closed by \
         `sending_queue: {{batch: {{}}, storage: ..}}` of the exporter instead of this processor"
    );
    ("clients are answered before their data is sent".into(), vec![line])
}

/// What holds data for the time that `key` says.
fn gathers(section: &Value, pushes: &str, key: &str, why: &str) -> (String, Vec<String>) {
    if pushes.is_empty() {
        return (String::new(), Vec::new());
    }
    let time = text(section.get(key));
    let line =
        format!("lost     when the process dies: what {pushes} brought in the last {time}; {why}");
    ("clients are answered before their data is sent".into(), vec![line])
}

fn in_memory(retry: &Value, pushes: &str, size: &str, doubled: String) -> Vec<String> {
    let mut lines = Vec::new();
    if !pushes.is_empty() {
        lines.push(format!(
            "lost     when the process dies: what {pushes} brought, at most {size}; closed by `sending_queue: {{storage: ..}}`"
        ));
        lines.extend(given_up(retry, false));
        lines.push("lost     at a shutdown, while the backend is away: what is in the queue; closed by `sending_queue: {storage: ..}`".into());
    }
    lines.push(doubled);
    lines
}

/// What a full queue drops by its configuration.
fn dropped(queue: &Value, pushes: &str) -> Option<String> {
    let what = match queue.get("on_overflow").and_then(Value::as_str) {
        Some("drop_oldest") => "the oldest data in it",
        Some("drop_newest") => "what is sent then",
        _ => return None,
    };
    let by = if pushes.is_empty() { String::new() } else { format!(" ({pushes})") };
    Some(format!("lost     when the queue is full: {what}{by}; closed by removing `on_overflow`"))
}

/// What attempts that end lose.
fn given_up(retry: &Value, on_disk: bool) -> Vec<String> {
    if !is_on(retry) {
        return vec![
            "lost     a request that fails once; closed by `retry_on_failure: {enabled: true}`"
                .into(),
        ];
    }
    let limit = text(retry.get("max_elapsed_time"));
    if limit == "0s" || (on_disk && limit == ELAPSED_DEFAULT) {
        return Vec::new();
    }
    vec![format!(
        "lost     when the backend is away for more than {limit}; closed by `retry_on_failure: {{max_elapsed_time: 0}}`"
    )]
}

fn is_true(value: Option<&Value>) -> bool {
    value.is_some_and(|it| *it.plain() == Value::Bool(true))
}

/// A section without `enabled: false`.
fn is_on(section: &Value) -> bool {
    section.get("enabled").is_none_or(|it| *it.plain() == Value::Bool(true))
}

fn text(value: Option<&Value>) -> String {
    match value.map(Value::plain) {
        Some(Value::Int(number)) => number.to_string(),
        Some(Value::String(text)) => text.clone(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use confmap::Locations;

    use super::*;
    use crate::commands::read;
    use crate::components::components;

    /// The lines about the exporter, and those about the processor.
    fn lines(exporter: &str, extension: &str) -> String {
        let yaml = format!(
            "{{receivers: {{otlp: {{protocols: {{http: }}}}}}, processors: {{batch: }}, \
             exporters: {{otlp: {{endpoint: 'x:1', {exporter}}}}}, extensions: {{file_storage: {{directory: /tmp, {extension}}}}}, \
             service: {{extensions: [file_storage], pipelines: {{logs: {{receivers: [otlp], processors: [batch], exporters: [otlp]}}}}}}}}"
        );
        let locations = Locations { config: vec![format!("yaml:{yaml}")], ..Locations::default() };
        let Ok((_, settings)) = read(&locations, &components(), false) else { panic!("{yaml}") };
        explain(&settings, &components())
    }

    #[test]
    fn each_place_that_can_lose_is_named_with_its_bound_until_it_is_closed() {
        let all = lines("", "");
        assert!(all.contains("processor batch: clients are answered before"), "{all}");
        assert!(all.contains("what otlp brought, at most 1000 requests"), "{all}");
        assert!(all.contains("away for more than 5m0s;"), "{all}");
        let all = lines("sending_queue: {storage: file_storage}", "");
        assert!(all.contains("a queue on disk of 1000 requests"), "{all}");
        assert!(all.contains("written in the last 100ms; closed by `fsync: true`"), "{all}");
        assert!(!all.contains("away for more than"), "{all}");
        let all = lines(
            "sending_queue: {storage: file_storage}, retry_on_failure: {max_elapsed_time: 10m}",
            "fsync: true",
        );
        assert!(
            all.contains("away for more than 10m0s;") && !all.contains("machine dies"),
            "{all}"
        );
        let all = lines("sending_queue: {storage: file_storage, on_overflow: drop_oldest}", "");
        assert!(all.contains("is full: the oldest data in it (otlp); closed by removing"), "{all}");
        let all = lines("sending_queue: {on_overflow: drop_newest}", "");
        assert!(all.contains("is full: what is sent then (otlp); closed by removing"), "{all}");
        let all = lines("sending_queue: {enabled: false}", "");
        assert!(all.contains("exporter otlp: no queue"), "{all}");
        assert!(!all.split_once("exporter otlp").unwrap().1.contains("lost  "), "{all}");
    }

    #[test]
    fn what_processors_gather_is_lost_with_the_process() {
        for (processor, section, signal) in [
            ("tail_sampling", "decision_wait: 7s", "traces"),
            ("interval", "interval: 7s", "metrics"),
            ("log_dedup", "interval: 7s", "logs"),
        ] {
            let yaml = format!(
                "{{receivers: {{otlp: {{protocols: {{http: }}}}}}, processors: {{{processor}: {{{section}}}}}, exporters: {{nop: }}, \
                 service: {{pipelines: {{{signal}: {{receivers: [otlp], processors: [{processor}], exporters: [nop]}}}}}}}}"
            );
            let locations =
                Locations { config: vec![format!("yaml:{yaml}")], ..Locations::default() };
            let Ok((_, settings)) = read(&locations, &components(), false) else {
                panic!("{yaml}")
            };
            let all = explain(&settings, &components());
            let title = format!("processor {processor}: clients are answered before");
            assert!(all.contains(&title), "{all}");
            assert!(all.contains("what otlp brought in the last 7s"), "{all}");
        }
    }
}
