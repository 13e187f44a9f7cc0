//! What stands on each page.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use component::meter::Metric;
use component::{BuildInfo, End, Id, Meter, PipelineView, ServiceView, Status, clock};
use tokio::time::Instant;

use crate::counts::{self, Count};
use crate::html::{Cell, Page, in_query};

/// A rate over less than this says nothing.
const RATE_OVER_MIN: Duration = Duration::from_millis(500);

/// What a pipeline page is asked for.
pub(crate) struct Chosen {
    pub(crate) pipeline: Option<String>,
    pub(crate) component: Option<String>,
    pub(crate) kind: Option<String>,
}

/// What was counted when somebody looked last: the next look shows the rate since.
#[derive(Default)]
pub(crate) struct LastLook(Mutex<Option<(Instant, BTreeMap<String, f64>)>>);

pub(crate) fn service(build: &BuildInfo, view: &ServiceView, meter: &Meter) -> String {
    let mut page = Page::new("Service");
    let text = |text: &str| Cell::Text(text.to_owned());
    page.heading("Build");
    let rows = [
        ("Command", build.command),
        ("Description", build.description),
        ("Version", build.version),
        ("System", system()),
    ];
    let rows = rows.iter().map(|(name, value)| vec![text(name), text(value)]).collect();
    page.table(&["", ""], rows, "");
    page.heading("Run");
    let mut rows = Vec::new();
    if let Some(started) = view.started {
        let up = clock::now().duration_since(started).unwrap_or_default();
        rows.push(vec![
            text("Started"),
            Cell::Text(humantime::format_rfc3339_seconds(started).to_string()),
        ]);
        let up = humantime::format_duration(Duration::from_secs(up.as_secs()));
        rows.push(vec![text("Up for"), Cell::Text(up.to_string())]);
    }
    rows.push(vec![text("Process"), Cell::Text(std::process::id().to_string())]);
    let metrics = meter.registry().snapshot();
    let lost = metrics.iter().find(|it| it.name == "sluice_lost_total");
    let lost: Vec<String> = lost.map_or_else(Vec::new, |it| {
        let of = it.series.iter().map(|(labels, sample)| {
            let reason = labels.iter().find(|it| it.0 == "reason").map_or("", |it| it.1.as_str());
            (reason.to_owned(), counts::number(sample))
        });
        of.filter(|it| it.1 > 0.0).map(|(reason, n)| format!("{} {reason}", shown(n))).collect()
    });
    rows.push(match lost.as_slice() {
        [] => vec![text("Lost items"), text("0")],
        some => vec![text("Lost items"), Cell::Bad(some.join(", "))],
    });
    page.table(&["", ""], rows, "");
    page.heading("What components have said about themselves");
    let rows = view.statuses.iter().map(|it| vec![text(&it.instance), said(&it.status)]);
    let rows = rows.collect();
    page.table(&["Component", "Status"], rows, "Nothing: no component has had a problem.");
    page.end()
}

fn system() -> &'static str {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => "linux/amd64",
        ("linux", "aarch64") => "linux/arm64",
        (system, _) => system,
    }
}

fn said(status: &Status) -> Cell {
    match status {
        Status::Ok => Cell::Text("works again".into()),
        Status::Recoverable(why) => Cell::Bad(format!("does not work now: {why}")),
        Status::Permanent(why) => Cell::Bad(format!("does not work: {why}")),
        Status::Fatal(why) => Cell::Bad(format!("the collector cannot go on: {why}")),
    }
}

pub(crate) fn pipelines(
    view: &ServiceView,
    meter: &Meter,
    chosen: &Chosen,
    last: &LastLook,
) -> String {
    let metrics = meter.registry().snapshot();
    if let (Some(id), Some(kind)) = (&chosen.component, &chosen.kind) {
        return component(&metrics, kind, id);
    }
    let mut page = Page::new("Pipelines");
    let wanted =
        |it: &&PipelineView| chosen.pipeline.as_ref().is_none_or(|name| it.id.to_string() == *name);
    let shown: Vec<&PipelineView> = view.pipelines.iter().filter(wanted).collect();
    let rows = shown.iter().map(|it| {
        vec![
            Cell::Links(vec![(
                it.id.to_string(),
                format!("pipelinez?pipelinenamez={}", in_query(&it.id.to_string())),
            )]),
            Cell::Text(it.id.signal().name().to_owned()),
            Cell::Links(it.receivers.iter().map(|end| link_of_end(end, "receiver")).collect()),
            Cell::Links(it.processors.iter().map(|id| link(id, "processor")).collect()),
            Cell::Links(it.exporters.iter().map(|end| link_of_end(end, "exporter")).collect()),
        ]
    });
    let columns = ["FullName", "InputType", "Receivers", "Processors", "Exporters"];
    page.table(&columns, rows.collect(), "There is no such pipeline.");
    page.heading("Components");
    let mut rates = last.rates();
    let mut rows = Vec::new();
    for (kind, id) in components(&shown) {
        let found = counts::of(&metrics, kind, &id);
        let status = view.statuses.iter().find(|it| it.component() == format!("{kind}/{id}"));
        rows.push(row(kind, &id, &found, &mut rates, status.map(|it| &it.status)));
    }
    page.table(
        &["Component", "Items", "Per second", "Refused or failed", "Queue", "Status"],
        rows,
        "There is none.",
    );
    rates.keep(last);
    page.paragraph(
        "Items: what a receiver has accepted, a processor has been given and has passed on, an exporter has sent. Per second: \
         since somebody looked at this page before. With metrics: level: none nothing is counted.",
    );
    page.end()
}

/// Each component of the pipelines once: kind and id.
fn components(pipelines: &[&PipelineView]) -> Vec<(&'static str, String)> {
    let mut found: Vec<(&'static str, String)> = Vec::new();
    let mut add = |kind, id: &Id| {
        let one = (kind, id.to_string());
        if !found.contains(&one) {
            found.push(one);
        }
    };
    for it in pipelines {
        let ends = |end: &End, kind| if end.is_connector { "connector" } else { kind };
        it.receivers.iter().for_each(|end| add(ends(end, "receiver"), &end.id));
        it.processors.iter().for_each(|id| add("processor", id));
        it.exporters.iter().for_each(|end| add(ends(end, "exporter"), &end.id));
    }
    found
}

fn row(
    kind: &'static str,
    id: &str,
    found: &[Count],
    rates: &mut Rates,
    status: Option<&Status>,
) -> Vec<Cell> {
    let sum = |begins: &str| counts::sum(found, begins);
    let (items, passed, bad) = match kind {
        "receiver" => (
            sum("otelcol_receiver_accepted_"),
            None,
            sum("otelcol_receiver_refused_") + sum("otelcol_receiver_failed_"),
        ),
        "processor" => (
            sum("otelcol_processor_incoming_items"),
            Some(sum("otelcol_processor_outgoing_items")),
            0.0,
        ),
        "exporter" => (
            sum("otelcol_exporter_sent_"),
            None,
            sum("otelcol_exporter_send_failed_") + sum("otelcol_exporter_enqueue_failed_"),
        ),
        _ => (0.0, None, 0.0),
    };
    let rate = rates.of(&format!("{kind}/{id}"), items);
    let items = match passed {
        Some(passed) => format!("{} in, {} out", shown(items), shown(passed)),
        None => shown(items),
    };
    let capacity = sum("otelcol_exporter_queue_capacity");
    let queue = if capacity > 0.0 {
        format!("{} of {}", shown(sum("otelcol_exporter_queue_size")), shown(capacity))
    } else {
        String::new()
    };
    let address = link_to(id, kind);
    vec![
        Cell::Links(vec![(format!("{kind} {id}"), address)]),
        Cell::Number(items),
        Cell::Number(rate),
        if bad > 0.0 { Cell::Bad(shown(bad)) } else { Cell::Number("0".into()) },
        Cell::Number(queue),
        status.map_or(Cell::Text(String::new()), said),
    ]
}

/// One component, with all that is counted about it.
fn component(metrics: &[Metric], kind: &str, id: &str) -> String {
    let mut page = Page::new(&format!("{kind} {id}"));
    let rows = counts::of(metrics, kind, id).into_iter().map(|it| {
        vec![
            Cell::Text(it.name),
            Cell::Text(it.labels),
            Cell::Number(shown(it.value)),
            Cell::Text(it.unit.to_owned()),
        ]
    });
    let nothing = "Nothing is counted about it yet.";
    page.table(&["Metric", "Labels", "Value", "Unit"], rows.collect(), nothing);
    page.end()
}

pub(crate) fn extensions(view: &ServiceView, meter: &Meter, chosen: Option<&str>) -> String {
    if let Some(id) = chosen {
        return component(&meter.registry().snapshot(), "extension", id);
    }
    let mut page = Page::new("Extensions");
    let rows = view.extensions.iter().map(|id| {
        let name = id.to_string();
        let status = view.statuses.iter().find(|it| it.component() == format!("extension/{name}"));
        let address = format!("extensionz?zextensionname={}", in_query(&name));
        vec![
            Cell::Links(vec![(name, address)]),
            status.map_or(Cell::Text(String::new()), |it| said(&it.status)),
        ]
    });
    page.table(&["FullName", "Status"], rows.collect(), "There is none.");
    page.end()
}

pub(crate) fn gates(view: &ServiceView) -> String {
    let mut page = Page::new("Feature gates");
    let rows = view.gates.iter().map(|it| {
        let enabled = if it.is_on { "true" } else { "false" };
        [it.id, enabled, it.about, it.stage, it.from, it.to]
            .map(|it| Cell::Text(it.to_owned()))
            .into()
    });
    let columns = ["ID", "Enabled", "Description", "Stage", "From version", "To version"];
    page.table(&columns, rows.collect(), "There is none.");
    page.end()
}

pub(crate) fn traces() -> String {
    let mut page = Page::new("Traces");
    page.paragraph(
        "The collector's own spans are not kept here. They go to the exporters of service: telemetry: traces: processors.",
    );
    page.end()
}

fn link(id: &Id, kind: &str) -> (String, String) {
    (id.to_string(), link_to(&id.to_string(), kind))
}

fn link_of_end(end: &End, kind: &str) -> (String, String) {
    let id = end.id.to_string();
    if end.is_connector {
        return (format!("{id} (connector)"), link_to(&id, "connector"));
    }
    let address = link_to(&id, kind);
    (id, address)
}

fn link_to(id: &str, kind: &str) -> String {
    format!("pipelinez?componentnamez={}&componentkindz={kind}", in_query(id))
}

/// A count for people: whole where it is, in thousands.
fn shown(number: f64) -> String {
    if number.fract() != 0.0 {
        return format!("{number:.3}");
    }
    let digits = format!("{number:.0}");
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits.as_str()), |it| ("-", it));
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{sign}{grouped}")
}

/// Rates between two looks.
struct Rates {
    before: Option<(Instant, BTreeMap<String, f64>)>,
    now: BTreeMap<String, f64>,
}

impl LastLook {
    fn rates(&self) -> Rates {
        let before = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Rates { before, now: BTreeMap::new() }
    }
}

impl Rates {
    fn of(&mut self, name: &str, items: f64) -> String {
        let before = self.before.as_ref();
        let rate = before.filter(|it| it.0.elapsed() >= RATE_OVER_MIN).and_then(|(at, counts)| {
            let since = items - counts.get(name)?;
            (since >= 0.0).then(|| since / at.elapsed().as_secs_f64())
        });
        self.now.insert(name.to_owned(), items);
        rate.map_or_else(String::new, |it| format!("{it:.1}"))
    }

    /// A look too soon after another one does not count: both would show nothing.
    fn keep(self, last: &LastLook) {
        let recent = self.before.as_ref().is_some_and(|it| it.0.elapsed() < RATE_OVER_MIN);
        if !recent {
            *last.0.lock().unwrap_or_else(PoisonError::into_inner) =
                Some((Instant::now(), self.now));
        }
    }
}
