//! All that was counted, by resource and series. No task, no waiting: the caller says what time it is.

use std::collections::HashMap;

use lru::Lru;
use pdata::{AttributesRef, Metrics, MetricsBuilder, ScopeRef, Span, Traces, ValueBuf, ValueRef};
use tracestate::TraceState;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128, xxh3_128_with_seed};

use crate::config::{NAMESPACE, SERVICE_NAME, SPAN_KIND, SPAN_NAME, STATUS_CODE};
use crate::key::Key;
use crate::plan::{Dimensions, OTEL_STATUS_CODE, Plan};
use crate::series::{Flush, Kind, Limits, Sample, Table};

/// Most resources between two flushes. Spans of others count in a resource without attributes.
const RESOURCES_MAX: usize = 100_000;
/// Most series of all resources. Then each resource has one more for all others.
const SERIES_MAX: usize = 1_000_000;
const SCOPE: &str = "spanmetricsconnector";
const SCOPE_NAME: &str = "span.instrumentation.scope.name";
const SCOPE_VERSION: &str = "span.instrumentation.scope.version";
const SAMPLING_METHOD: &str = "sampling.method";

/// What feature gates change.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Gates {
    pub(crate) without_resources: bool,
    pub(crate) legacy_names: bool,
    pub(crate) otel_status_code: bool,
}

/// The state of the connector.
#[derive(Debug)]
pub(crate) struct Book {
    gates: Gates,
    resources: HashMap<u128, Resource>,
    /// Series of all resources.
    series: usize,
    /// When the series of deltas were sent last.
    sent: Lru<u64>,
    /// Something was counted since the last flush.
    is_changed: bool,
    key: Key,
}

/// A resource that was seen.
#[derive(Debug)]
struct Resource {
    attributes: ValueBuf,
    calls: Table,
    durations: Option<Table>,
    events: Table,
    seen: u64,
}

impl Resource {
    fn new(plan: &Plan, attributes: AttributesRef<'_>) -> Self {
        let attributes = ValueBuf::build(|out| {
            out.map(|out| attributes.iter().for_each(|(key, value)| out.put(key, value)));
        });
        Self {
            attributes,
            calls: Table::new(Kind::Sum),
            durations: plan.histogram.clone().map(Table::new),
            events: Table::new(Kind::Sum),
            seen: 0,
        }
    }

    fn tables(&mut self) -> impl Iterator<Item = &mut Table> {
        [&mut self.calls].into_iter().chain(&mut self.durations).chain([&mut self.events])
    }

    fn len(&self) -> usize {
        self.calls.len() + self.durations.as_ref().map_or(0, Table::len) + self.events.len()
    }
}

/// What is common to the spans of a resource.
struct Around<'a> {
    service: &'a str,
    attributes: AttributesRef<'a>,
}

impl Book {
    pub(crate) fn new(plan: &Plan) -> Self {
        let timestamps = usize::try_from(plan.config.timestamps_max()).unwrap_or(0);
        Self {
            gates: Gates::default(),
            resources: HashMap::new(),
            series: 0,
            sent: Lru::new(timestamps),
            is_changed: false,
            key: Key::default(),
        }
    }

    pub(crate) fn set_gates(&mut self, gates: Gates) {
        self.gates = gates;
    }

    /// Something was counted since the last flush.
    pub(crate) fn is_changed(&self) -> bool {
        self.is_changed
    }

    /// Counts spans. Those of resources without `service.name` do not count.
    pub(crate) fn count(&mut self, plan: &Plan, traces: &Traces, now: u64) {
        for group in traces.resources() {
            let attributes = group.attributes();
            let Some(service) = attributes.get(SERVICE_NAME) else { continue };
            let around = Around { service: service.as_str().unwrap_or_default(), attributes };
            let (gates, mut key) = (self.gates, std::mem::take(&mut self.key));
            let series = self.series;
            let resource = self.resource(plan, attributes);
            resource.seen = now;
            let mut counter = Counter { plan, gates, around, resource, series, key: &mut key, now };
            for scope in group.scopes() {
                scope.spans().for_each(|span| counter.span(span, scope.scope()));
            }
            self.series = counter.series;
            self.key = key;
            self.is_changed = true;
        }
    }

    fn resource(&mut self, plan: &Plan, attributes: AttributesRef<'_>) -> &mut Resource {
        let names = &plan.config.resource_metrics_key_attributes;
        let is_key = |name: &[u8]| names.is_empty() || names.iter().any(|it| it.as_bytes() == name);
        // The same in any order.
        let hash = attributes.iter_encoded().fold(0_u128, |hash, (name, value)| {
            if !is_key(name) {
                return hash;
            }
            let seed = xxh3_64(name);
            hash.wrapping_add(xxh3_128_with_seed(value, seed))
        });
        let is_full = self.resources.len() >= RESOURCES_MAX && !self.resources.contains_key(&hash);
        let (hash, attributes) =
            if is_full { (0, AttributesRef::default()) } else { (hash, attributes) };
        self.resources.entry(hash).or_insert_with(|| Resource::new(plan, attributes))
    }

    /// What is sent now. The last time also series that are new have their number.
    pub(crate) fn flush(&mut self, plan: &Plan, now: u64, is_last: bool) -> Metrics {
        let flush = Flush { is_delta: plan.config.is_delta(), is_last, now };
        let mut builder = MetricsBuilder::new();
        let (gates, config) = (self.gates, &plan.config);
        let namespace = match config.namespace.as_str() {
            NAMESPACE if gates.legacy_names => "",
            other => other,
        };
        let name = |name: &str| {
            if namespace.is_empty() { name.to_owned() } else { format!("{namespace}.{name}") }
        };
        let names = ["calls", "duration", "events"].map(name);
        for (hash, resource) in &mut self.resources {
            builder.resource(|out| {
                let ValueRef::Map(attributes) = resource.attributes.as_ref() else { return };
                if !gates.without_resources || config.add_resource_attributes {
                    attributes.iter().for_each(|(key, value)| out.put(key, value));
                }
            });
            builder.scope(SCOPE, "");
            let sent = &self.sent;
            let began = |key: &[u8], began: u64| {
                let sent = sent.get(hash ^ xxh3_128(key)).filter(|_| flush.is_delta);
                sent.copied().unwrap_or(began)
            };
            let Resource { calls, durations, events, .. } = resource;
            let tables = [(Some(calls), ""), (durations.as_mut(), plan.unit()), (Some(events), "")];
            for ((table, unit), name) in tables.into_iter().zip(&names) {
                let Some(table) = table.filter(|it| it.len() > 0) else { continue };
                builder.metric(|metric| {
                    metric.name(name);
                    metric.unit(unit);
                    table.write(metric, flush, &began);
                });
            }
            if flush.is_delta {
                for key in resource.tables().flat_map(|it| it.keys()) {
                    if let Some((sent, _)) = self.sent.touch(hash ^ xxh3_128(key), || now) {
                        *sent = now;
                    }
                }
            }
        }
        self.forget(plan, now);
        self.is_changed = false;
        builder.finish()
    }

    /// Forgets what need not be known any more once it was sent.
    fn forget(&mut self, plan: &Plan, now: u64) {
        if plan.config.is_delta() {
            self.resources.clear();
            self.series = 0;
            return;
        }
        let since = |it: component::config::Duration| {
            let nanos = u64::try_from(it.nanos()).unwrap_or(0);
            (nanos > 0).then(|| now.saturating_sub(nanos))
        };
        let series_since = since(plan.config.series_expiration);
        if let Some(since) = since(plan.config.metrics_expiration) {
            self.resources.retain(|_, it| it.seen > since);
        }
        for resource in self.resources.values_mut() {
            resource.tables().for_each(|it| it.sent(series_since));
        }
        self.resources.retain(|_, it| it.len() > 0);
        let resources_max =
            usize::try_from(plan.config.resource_metrics_cache_size).unwrap_or(1).max(1);
        if self.resources.len() > resources_max {
            let mut seen: Vec<u64> = self.resources.values().map(|it| it.seen).collect();
            seen.sort_unstable_by(|a, b| b.cmp(a));
            let oldest = seen.get(resources_max - 1).copied().unwrap_or(0);
            // Of those that were seen just then, as many as there is room for.
            let mut room = resources_max - seen.partition_point(|it| *it > oldest);
            self.resources.retain(|_, it| {
                let has_room = it.seen == oldest && room > 0;
                room -= usize::from(has_room);
                it.seen > oldest || has_room
            });
        }
        self.series = self.resources.values().map(Resource::len).sum();
    }
}

/// Counts the spans of one resource.
struct Counter<'b, 'a> {
    plan: &'b Plan,
    gates: Gates,
    around: Around<'a>,
    resource: &'b mut Resource,
    series: usize,
    key: &'b mut Key,
    now: u64,
}

impl<'a> Counter<'_, 'a> {
    fn span(&mut self, span: Span<'a>, scope: ScopeRef<'a>) {
        let plan = self.plan;
        let (start, end) = (span.start_time_unix_nano(), span.end_time_unix_nano());
        let duration = end.saturating_sub(start) as f64 / plan.config.histogram.unit.nanos();
        let adjusted = adjusted_count(span.trace_state());
        let is_adjusted = adjusted.is_some();
        let sample = Sample { span, duration, count: adjusted.unwrap_or(1), now: self.now };
        let of_resource = self.around.attributes;
        let own = [Some(span.attributes()), None, Some(of_resource)];
        self.make_key(span, scope, is_adjusted, &plan.calls, &own);
        self.add(0, sample);
        let mut at = 1;
        if plan.histogram.is_some() {
            if !plan.same_key {
                self.make_key(span, scope, is_adjusted, &plan.duration, &own);
            }
            self.add(at, sample);
            at += 1;
        }
        if plan.config.events.enabled {
            for event in span.events() {
                let places = [Some(span.attributes()), Some(event.attributes()), Some(of_resource)];
                self.make_key(span, scope, is_adjusted, &plan.events, &places);
                self.add(at, sample);
            }
        }
    }

    /// Counts a sample in a table of the resource, in the series of the key.
    fn add(&mut self, at: usize, sample: Sample<'_>) {
        let Limits { series_max, exemplars_max } = self.plan.limits;
        let series_max = if self.series >= SERIES_MAX { 0 } else { series_max };
        let limits = Limits { series_max, exemplars_max };
        let table = self.resource.tables().nth(at);
        let is_more = table.is_some_and(|it| it.add(self.key.bytes(), sample, limits));
        self.series += usize::from(is_more);
    }

    /// The attributes of a series; `places` are where dimensions are looked for, in order.
    fn make_key(
        &mut self,
        span: Span<'_>,
        scope: ScopeRef<'_>,
        is_adjusted: bool,
        dimensions: &Dimensions,
        places: &[Option<AttributesRef<'_>>],
    ) {
        let find = |name: &str| places.iter().flatten().find_map(|it| it.get_encoded(name));
        // A dimension of the same name comes later and counts.
        let is_free = |name: &str| {
            let replaced = |it: &crate::plan::Dimension| {
                it.name == name && (it.default.is_some() || find(name).is_some())
            };
            !(dimensions.replaces && dimensions.list.iter().any(replaced))
        };
        let key = &mut *self.key;
        key.clear();
        let status = span.status().code;
        let is_shown = |name: &str| !self.plan.hidden.contains(&name) && is_free(name);
        let (is_old, is_set) = (!self.gates.otel_status_code, matches!(status, 1 | 2));
        let own = [
            (true, SERVICE_NAME, self.around.service),
            (true, SPAN_NAME, span.name()),
            (true, SPAN_KIND, kind(span.kind())),
            (is_old, STATUS_CODE, code(status)),
            (!is_old && is_set, OTEL_STATUS_CODE, if status == 1 { "OK" } else { "ERROR" }),
        ];
        for (_, name, value) in own.into_iter().filter(|it| it.0 && is_shown(it.1)) {
            key.text(name, value);
        }
        let (name, version) = (scope.name(), scope.version());
        if self
            .plan
            .config
            .include_instrumentation_scope
            .iter()
            .any(|it| it == name && !it.is_empty())
        {
            key.text(SCOPE_NAME, name);
            if !version.is_empty() {
                key.text(SCOPE_VERSION, version);
            }
        }
        if self.plan.config.enable_metrics_sampling_method {
            key.text(SAMPLING_METHOD, if is_adjusted { "extrapolated" } else { "counted" });
        }
        for dimension in &dimensions.list {
            match (find(&dimension.name), &dimension.default) {
                (Some(value), _) => key.encoded(&dimension.name, value),
                (None, Some(default)) => {
                    if let pdata::Value::Encoded(value) = default.value() {
                        key.encoded(&dimension.name, value);
                    }
                }
                (None, None) => {}
            }
        }
    }
}

/// How many spans one stands for that was sampled: its part of the whole, rounded up or down by chance so that the mean is
/// right. `None` if its trace state does not say.
fn adjusted_count(state: &str) -> Option<u64> {
    if !state.contains("ot=") {
        return None;
    }
    let (threshold, _) = TraceState::parse(state)?.threshold?;
    Some(threshold.adjusted_count(fastrand::u64(..)))
}

fn kind(kind: i32) -> &'static str {
    match kind {
        0 => "SPAN_KIND_UNSPECIFIED",
        1 => "SPAN_KIND_INTERNAL",
        2 => "SPAN_KIND_SERVER",
        3 => "SPAN_KIND_CLIENT",
        4 => "SPAN_KIND_PRODUCER",
        5 => "SPAN_KIND_CONSUMER",
        _ => "",
    }
}

fn code(code: i32) -> &'static str {
    match code {
        0 => "STATUS_CODE_UNSET",
        1 => "STATUS_CODE_OK",
        2 => "STATUS_CODE_ERROR",
        _ => "",
    }
}
