//! Telemetry as lines of a bulk request.

use documents::bulk::Bulk;
use documents::flat::{Fields, Leaf};
use documents::{Dropped, json, time_of};
use pdata::{AttributesRef, LogRecord, Logs, Traces, ValueRef};

use crate::config::{Config, Mapping, Mode};
use crate::index::{Of, Target};
use crate::ss4o::{self, Around, Stream};

/// Documents of log records, in the mode of the section.
pub(crate) fn logs(config: &Config, logs: &Logs, now: u64, dropped: &mut Dropped) -> Bulk {
    let (mapping, target) = (&config.mapping, Target::logs(config, now));
    let (fixed, stream) = (target.fixed(), Stream::new(config, "record"));
    let mut bulk = Bulk::default();
    for resource in logs.resources() {
        let fields = resource_fields(mapping, resource.attributes());
        for group in resource.scopes() {
            let scope = group.scope();
            let around = match *mapping.mode {
                Mode::Ss4o => ss4o::around_logs(resource.resource(), scope, group.schema_url()),
                _ => Vec::new(),
            };
            let around = Around { stream: &stream, members: &around, now };
            for record in group.records() {
                let (item, out) = (record.attributes(), bulk.body());
                match &fixed {
                    Some(line) => out.extend_from_slice(line),
                    None => target.line(out, Of { item, scope, resource: resource.attributes() }),
                }
                match (*mapping.mode, record.body()) {
                    (Mode::Ss4o, _) => ss4o::log(out, record, &around),
                    (Mode::BodyMap, Some(body @ ValueRef::Map(_))) => {
                        json::value(out, body, json::Bytes::Hex);
                    }
                    (Mode::BodyMap, _) => {
                        dropped.add("body_is_no_map", 1);
                        bulk.undo();
                        continue;
                    }
                    _ => flat(out, record, &fields, mapping),
                }
                out.push(b'\n');
                bulk.end(1, false);
            }
        }
    }
    bulk
}

/// Documents of spans, which look the same in all modes that have a form for them.
pub(crate) fn traces(config: &Config, traces: &Traces, now: u64, dropped: &mut Dropped) -> Bulk {
    let mut bulk = Bulk::default();
    if config.mapping.mode == Mode::BodyMap {
        dropped.add("mode_without_spans", traces.spans().count());
        return bulk;
    }
    let target = Target::traces(config, now);
    let (fixed, stream) = (target.fixed(), Stream::new(config, "span"));
    for resource in traces.resources() {
        for group in resource.scopes() {
            let scope = group.scope();
            let around = ss4o::around_spans(resource.resource(), scope, group.schema_url());
            let around = Around { stream: &stream, members: &around, now };
            for span in group.spans() {
                let (item, out) = (span.attributes(), bulk.body());
                match &fixed {
                    Some(line) => out.extend_from_slice(line),
                    None => target.line(out, Of { item, scope, resource: resource.attributes() }),
                }
                ss4o::span(out, span, &around);
                out.push(b'\n');
                bulk.end(1, false);
            }
        }
    }
    bulk
}

fn prefix(mapping: &Mapping) -> &'static str {
    if mapping.mode == Mode::Ecs { "Attributes" } else { "" }
}

/// What all flat documents of a resource have.
fn resource_fields<'a>(mapping: &Mapping, all: AttributesRef<'a>) -> Fields<'a> {
    let mut fields = Fields::default();
    if matches!(*mapping.mode, Mode::Ecs | Mode::FlattenAttributes) {
        fields.attributes(prefix(mapping), all);
    }
    fields
}

/// A document of the modes ecs and `flatten_attributes`: OTLP's log data model, whose attributes come last and so count.
fn flat<'a>(out: &mut Vec<u8>, record: LogRecord<'a>, before: &Fields<'a>, mapping: &'a Mapping) {
    let mut fields = Fields::default();
    let at = time_of(record);
    let name =
        if mapping.timestamp_field.is_empty() { "@timestamp" } else { &mapping.timestamp_field };
    let millis = Leaf::Int((at / 1_000_000).cast_signed());
    fields.add(name, if mapping.unix_timestamp { millis } else { Leaf::Time(at) });
    fields.id("TraceId", record.trace_id());
    fields.id("SpanId", record.span_id());
    fields.add("TraceFlags", Leaf::Int(record.flags().into()));
    fields.text("SeverityText", record.severity_text());
    fields.add("SeverityNumber", Leaf::Int(record.severity_number().into()));
    fields.text("EventName", record.event_name());
    match record.body() {
        Some(body @ ValueRef::Map(_)) => fields.value("Body", body),
        // Beside the fields of bodies that are maps: one name cannot be a value and an object.
        Some(body) => fields.value("Body.value", body),
        None => {}
    }
    fields.attributes(prefix(mapping), record.attributes());
    fields.write(&[before], mapping.dedot, out);
}
