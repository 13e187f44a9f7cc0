//! Documents of the mode ecs: attributes of OpenTelemetry under the names of the Elastic Common Schema (`model.go`, v0.159).

use documents::flat::{Fields, Leaf};
use documents::{json, named, time_of};
use pdata::{AttributesRef, LogRecord, Span, ValueRef};

use crate::route::Route;

/// Names of attributes of resources; an empty one leaves the attribute out.
const RESOURCE: [(&str, &str); 38] = [
    ("service.instance.id", "service.node.name"),
    ("deployment.environment", "service.environment"),
    ("deployment.environment.name", "service.environment"),
    ("telemetry.sdk.name", ""),
    ("telemetry.sdk.language", ""),
    ("telemetry.sdk.version", ""),
    ("telemetry.distro.name", ""),
    ("telemetry.distro.version", ""),
    ("cloud.platform", "cloud.service.name"),
    ("container.image.tags", "container.image.tag"),
    ("host.arch", "host.architecture"),
    ("process.parent_pid", "process.parent.pid"),
    ("process.executable.name", "process.title"),
    ("process.executable.path", "process.executable"),
    ("process.command_line", "process.args"),
    ("process.runtime.name", "service.runtime.name"),
    ("process.runtime.version", "service.runtime.version"),
    ("os.name", "host.os.name"),
    ("os.type", "host.os.platform"),
    ("os.description", "host.os.full"),
    ("os.version", "host.os.version"),
    ("client.address", "client.ip"),
    ("source.address", "source.ip"),
    ("k8s.deployment.name", "kubernetes.deployment.name"),
    ("k8s.namespace.name", "kubernetes.namespace"),
    ("k8s.node.name", "kubernetes.node.name"),
    ("k8s.pod.name", "kubernetes.pod.name"),
    ("k8s.pod.uid", "kubernetes.pod.uid"),
    ("k8s.job.name", "kubernetes.job.name"),
    ("k8s.cronjob.name", "kubernetes.cronjob.name"),
    ("k8s.statefulset.name", "kubernetes.statefulset.name"),
    ("k8s.replicaset.name", "kubernetes.replicaset.name"),
    ("k8s.daemonset.name", "kubernetes.daemonset.name"),
    ("k8s.container.name", "kubernetes.container.name"),
    ("k8s.cluster.name", "orchestrator.cluster.name"),
    ("faas.instance", "faas.id"),
    ("faas.trigger", "faas.trigger.type"),
    ("host.name", "host.hostname"),
];
const LOG: [(&str, &str); 6] = [
    ("event.name", "event.action"),
    ("exception.message", "error.message"),
    ("exception.stacktrace", "error.stacktrace"),
    ("exception.type", "error.type"),
    ("exception.escaped", "event.error.exception.handled"),
    ("http.response.body.size", "http.response.encoded_body_size"),
];
const SPAN: [(&str, &str); 6] = [
    ("messaging.destination.name", "span.message.queue.name"),
    ("messaging.operation.name", "span.action"),
    ("db.system", "span.db.type"),
    ("db.namespace", "span.db.instance"),
    ("db.query.text", "span.db.statement"),
    ("http.response.body.size", "http.response.encoded_body_size"),
];
const KINDS: [&str; 6] = ["", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"];

/// What all documents of a resource have.
pub(crate) fn resource(all: AttributesRef<'_>) -> Fields<'_> {
    let mut fields = Fields::default();
    for (key, value) in all.iter() {
        match RESOURCE.iter().find(|it| it.0 == key) {
            Some((_, "")) => {}
            Some((_, "host.hostname")) => {
                if !all.contains("host.hostname") {
                    fields.value("host.hostname", value);
                }
                fields.value(key, value);
            }
            Some((_, name)) => fields.value(*name, value),
            None => fields.value(key, value),
        }
    }
    fields
}

fn converted<'a>(fields: &mut Fields<'a>, all: AttributesRef<'a>, names: &[(&str, &'static str)]) {
    for (key, value) in all.iter() {
        match names.iter().find(|it| it.0 == key) {
            Some((_, name)) => fields.value(*name, value),
            None => fields.value(key, value),
        }
    }
}

pub(crate) fn data_stream<'a>(fields: &mut Fields<'a>, prefix: &str, route: &'a Route) {
    let Some(stream) = &route.stream else { return };
    let dot = if prefix.is_empty() { "" } else { "." };
    fields.text(format!("{prefix}{dot}data_stream.type"), stream.kind.as_str());
    fields.text(format!("{prefix}{dot}data_stream.dataset"), stream.dataset.as_str());
    fields.text(format!("{prefix}{dot}data_stream.namespace"), stream.namespace.as_str());
}

fn text<'a>(all: AttributesRef<'a>, key: &str) -> Option<&'a str> {
    all.get(key).map(|it| it.as_str().unwrap_or_default())
}

/// `agent.name`, `agent.version`: what has made the telemetry.
fn agent<'a>(fields: &mut Fields<'a>, resource: AttributesRef<'a>) {
    let name = text(resource, "telemetry.sdk.name").unwrap_or("otlp");
    let language = text(resource, "telemetry.sdk.language").unwrap_or_default();
    let name = match (text(resource, "telemetry.distro.name"), language) {
        (Some(distro), "") => format!("{name}/unknown/{distro}"),
        (Some(distro), language) => format!("{name}/{language}/{distro}"),
        (None, "") => name.to_owned(),
        (None, language) => format!("{name}/{language}"),
    };
    fields.text("agent.name", name);
    let version = text(resource, "telemetry.distro.version")
        .or_else(|| text(resource, "telemetry.sdk.version"));
    fields.text("agent.version", version.unwrap_or_default());
}

/// `host.os.type`: one of a few words. <https://www.elastic.co/guide/en/ecs/current/ecs-os.html>
fn host_os(fields: &mut Fields<'_>, resource: AttributesRef<'_>) {
    let kind = match text(resource, "os.type") {
        Some("windows") => "windows",
        Some("linux") => "linux",
        Some("darwin") => "macos",
        Some("aix" | "hpux" | "solaris") => "unix",
        _ => "",
    };
    let kind = match text(resource, "os.name") {
        Some("Android") => "android",
        Some("iOS") => "ios",
        _ => kind,
    };
    fields.text("host.os.type", kind);
}

/// What stands around an item.
pub(crate) struct Around<'f, 'a> {
    pub(crate) resource: AttributesRef<'a>,
    pub(crate) scope: AttributesRef<'a>,
    /// Of the resource.
    pub(crate) fields: &'f Fields<'a>,
    pub(crate) route: &'a Route,
}

pub(crate) fn log<'a>(out: &mut Vec<u8>, record: LogRecord<'a>, around: &Around<'_, 'a>) {
    let mut fields = Fields::default();
    fields.attributes("", around.scope);
    converted(&mut fields, record.attributes(), &LOG);
    data_stream(&mut fields, "", around.route);
    agent(&mut fields, around.resource);
    host_os(&mut fields, around.resource);
    fields.add("@timestamp", Leaf::Time(time_of(record)));
    fields.id("trace.id", record.trace_id());
    fields.id("span.id", record.span_id());
    if record.severity_number() != 0 {
        fields.add("event.severity", Leaf::Int(record.severity_number().into()));
    }
    fields.text("log.level", record.severity_text());
    if let Some(body @ ValueRef::Str(_)) = record.body() {
        fields.value("message", body);
    }
    fields.write(&[around.fields], true, out);
}

pub(crate) fn span<'a>(out: &mut Vec<u8>, span: Span<'a>, around: &Around<'_, 'a>) {
    let mut fields = Fields::default();
    fields.attributes("", around.scope);
    let mut names = SPAN;
    if text(span.attributes(), "processor.event") == Some("transaction")
        && let Some(queue) = names.first_mut()
    {
        queue.1 = "transaction.message.queue.name";
    }
    converted(&mut fields, span.attributes(), &names);
    host_os(&mut fields, around.resource);
    data_stream(&mut fields, "", around.route);
    fields.add("@timestamp", Leaf::Time(span.start_time_unix_nano()));
    fields.id("trace.id", span.trace_id());
    fields.id("span.id", span.span_id());
    fields.text("span.name", span.name());
    fields.id("parent.id", span.parent_span_id());
    let outcome = match span.status().code {
        1 => "success",
        2 => "failure",
        _ => "",
    };
    fields.text("event.outcome", outcome);
    let mut links = Vec::new();
    json::list(&mut links, span.links(), |out, link| {
        json::object(out, |it| {
            it.object("trace", |it| it.id_if_any("id", link.trace_id()));
            it.object("span", |it| it.id_if_any("id", link.span_id()));
        });
    });
    if span.links().next().is_some() {
        fields.add("span.links", Leaf::Json(links));
    }
    fields.text("span.kind", named(&KINDS, span.kind()));
    fields.write(&[around.fields], true, out);
}
