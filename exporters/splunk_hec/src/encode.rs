//! Log records and spans as events, and points through [`crate::points`].

use std::borrow::Cow;

use component::Data;
use documents::json::{self, Bytes, Object};
use documents::{Dropped, SPAN_KIND_NAMES, STATUS_CODE_NAMES, named, time_of};
use pdata::{AttributesRef, LogRecord, Logs, ScopeSpans, Span, Traces, ValueRef};

use crate::event::{Around, Encoder, Field, Fields, put_flat};
use crate::points;
use crate::requests::{Limits, Request, Requests};

/// The scope whose log records are profiles.
pub(crate) const PROFILING: &str = "otel.profiling";

impl Encoder<'_> {
    /// The requests for a batch, and what is left out of it.
    pub(crate) fn encode(&self, data: &Data) -> (Vec<Request>, Dropped) {
        let event = usize::try_from(self.config.limits.max_event_size).unwrap_or(usize::MAX);
        let request = self.config.content_length_max(data.signal());
        let mut requests = Requests::new(Limits { request, event });
        match data {
            Data::Logs(logs) => self.logs(logs, &mut requests),
            Data::Traces(traces) => self.traces(traces, &mut requests),
            Data::Metrics(metrics) => points::write(self, metrics, &mut requests),
        }
        requests.finish()
    }

    fn logs(&self, logs: &Logs, requests: &mut Requests) {
        let mut out = Vec::new();
        for resource in logs.resources() {
            let attributes = resource.attributes();
            let mut key = Self::key(attributes);
            let (mut around, mut fields) = (Around::new(&self.config.defaults), Fields::new());
            around.take(attributes, &self.names, |name, value| {
                put_flat(&mut fields, Cow::Borrowed(name), value);
            });
            for scope in resource.scopes() {
                key.is_profiling = scope.scope().name() == PROFILING;
                let wanted = if key.is_profiling {
                    self.config.profiling_data_enabled
                } else {
                    self.config.log_data_enabled
                };
                for record in scope.records().filter(|_| wanted) {
                    out.clear();
                    if self.record(record, &around, &fields, &mut out) {
                        requests.add(&key, &out, 1);
                    } else {
                        requests.dropped.add("no_body", 1);
                    }
                }
            }
        }
    }

    /// False for a record without a body, which HEC does not take.
    fn record<'a>(
        &'a self,
        record: LogRecord<'a>,
        around: &Around<'a>,
        of_resource: &'a Fields<'a>,
        out: &mut Vec<u8>,
    ) -> bool {
        let body = record.body().unwrap_or_default();
        if self.config.export_raw {
            out.extend_from_slice(body.to_string().as_bytes());
            out.push(b'\n');
            return true;
        }
        if matches!(body, ValueRef::Empty | ValueRef::Str("")) {
            return false;
        }
        let (mut around, mut fields) = (*around, self.of_record(record));
        let of_resource = of_resource.iter();
        fields.extend(of_resource.map(|(name, value)| (Cow::Borrowed(&**name), value.borrowed())));
        around.take(record.attributes(), &self.names, |name, value| {
            put_flat(&mut fields, Cow::Borrowed(name), value);
        });
        around.event(out, time_of(record), &fields, |out| json::value(out, body, Bytes::Base64));
        true
    }

    /// Fields for what a record has beside its attributes.
    fn of_record<'a>(&'a self, record: LogRecord<'a>) -> Fields<'a> {
        let mut fields = Fields::new();
        for (name, id) in [("span_id", record.span_id()), ("trace_id", record.trace_id())] {
            if id.iter().any(|it| *it != 0) {
                fields.insert(name.into(), Field::Text(pdata::text::hex(id).into()));
            }
        }
        let names = &self.config.otel_to_hec_fields;
        if !record.severity_text().is_empty() {
            let name = Cow::Borrowed(names.severity_text.as_str());
            fields.insert(name, Field::Text(record.severity_text().into()));
        }
        if record.severity_number() != 0 {
            let name = Cow::Borrowed(names.severity_number.as_str());
            fields.insert(name, Field::Int(record.severity_number().into()));
        }
        fields
    }

    fn traces(&self, traces: &Traces, requests: &mut Requests) {
        let mut out = Vec::new();
        for resource in traces.resources() {
            let attributes = resource.attributes();
            let key = Self::key(attributes);
            let (around, fields) = self.around(attributes);
            for span in resource.scopes().flat_map(ScopeSpans::spans) {
                out.clear();
                let time = span.start_time_unix_nano();
                around.event(&mut out, time, &fields, |out| write_span(out, span));
                requests.add(&key, &out, 1);
            }
        }
    }
}

fn write_span(out: &mut Vec<u8>, span: Span<'_>) {
    json::object(out, |out| {
        out.id("trace_id", span.trace_id());
        out.id("span_id", span.span_id());
        out.id("parent_span_id", span.parent_span_id());
        out.text("name", span.name());
        attributes(out, span.attributes());
        out.uint("end_time", span.end_time_unix_nano());
        out.text("kind", named(&SPAN_KIND_NAMES, span.kind()));
        let status = span.status();
        out.object("status", |out| {
            out.text("message", status.message);
            out.text("code", named(&STATUS_CODE_NAMES, status.code));
        });
        out.uint("start_time", span.start_time_unix_nano());
        if span.events().next().is_some() {
            json::list(out.key("events"), span.events(), |out, event| {
                json::object(out, |out| {
                    attributes(out, event.attributes());
                    out.text("name", event.name());
                    out.uint("timestamp", event.time_unix_nano());
                });
            });
        }
        if span.links().next().is_some() {
            json::list(out.key("links"), span.links(), |out, link| {
                json::object(out, |out| {
                    attributes(out, link.attributes());
                    out.id("trace_id", link.trace_id());
                    out.id("span_id", link.span_id());
                    out.text("trace_state", link.trace_state());
                });
            });
        }
    });
}

fn attributes(out: &mut Object<'_>, attributes: AttributesRef<'_>) {
    if !attributes.is_empty() {
        out.value("attributes", ValueRef::Map(attributes), Bytes::Base64);
    }
}
