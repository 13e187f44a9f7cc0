//! Families that are complete, written as OTLP.

use golang::number::whole_unsigned;
use pdata::{
    AttributesWriter, ExemplarWriter, ExponentialHistogramWriter, HistogramWriter, Metrics,
    MetricsBuilder, NumberWriter, SummaryWriter,
};

use crate::exposition::Exemplar;
use crate::families::{Families, Family, Group, Kind, Resource, Scope, Setting, is_stale};
use crate::names;

/// The scope of metrics that name none.
const SCOPE: &str =
    "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/prometheusreceiver";
const CUMULATIVE: i32 = 2;
/// Bit 0 of a point's flags.
const NO_VALUE: u32 = 1;

/// Writes everything that was gathered.
pub(crate) fn all(families: Families<'_>) -> Metrics {
    let mut builder = MetricsBuilder::new();
    for item in families.resources.items {
        resource(item, families.setting, &mut builder);
    }
    builder.finish()
}

/// Writes the metrics of one resource.
fn resource(resource: Resource<'_>, setting: &Setting<'_>, builder: &mut MetricsBuilder) {
    let points = |it: &Scope<'_>| it.families.items.iter().any(has_points);
    if !resource.scopes.items.iter().any(points) {
        return;
    }
    builder.resource(|out| {
        resource.attributes.iter().for_each(|(key, value)| out.put(key, value));
    });
    for scope in resource.scopes.items.into_iter().filter(points) {
        if scope.is_default() {
            builder.scope(SCOPE, setting.version);
        } else {
            builder.scope_with(&scope.name, &scope.version, |out| {
                scope.attributes.iter().for_each(|(key, value)| out.put(key, value));
            });
            if !scope.schema_url.is_empty() {
                builder.schema_url(&scope.schema_url);
            }
        }
        for family in scope.families.items.into_iter().filter(has_points) {
            write_family(family, setting.trim_suffixes, builder);
        }
    }
}

fn has_points(family: &Family<'_>) -> bool {
    family.groups.items.iter().any(|it| is_complete(family.kind, it))
}

fn is_complete(kind: Kind, group: &Group<'_>) -> bool {
    match kind {
        Kind::Gauge | Kind::Sum(_) => group.value.is_some(),
        Kind::Histogram | Kind::Summary => group.count.is_some(),
        Kind::Native => group.native.is_some(),
    }
}

fn write_family(mut family: Family<'_>, trim_suffixes: bool, builder: &mut MetricsBuilder) {
    let mut groups = std::mem::take(&mut family.groups.items);
    groups.retain(|it| is_complete(family.kind, it));
    let family = &family;
    builder.metric(|metric| {
        let name = &*family.name;
        metric.name(if trim_suffixes {
            names::trimmed(name, family.kind == Kind::Sum(true), family.unit)
        } else {
            name
        });
        metric.description(&family.help);
        metric.unit(names::ucum(family.unit));
        match family.kind {
            Kind::Gauge => metric.gauge(|points| {
                groups.iter().for_each(|it| points.point(|out| number(family, it, out)));
            }),
            Kind::Sum(monotonic) => metric.sum(CUMULATIVE, monotonic, |points| {
                groups.iter().for_each(|it| points.point(|out| number(family, it, out)));
            }),
            Kind::Histogram => metric.histogram(CUMULATIVE, |points| {
                groups.iter_mut().for_each(|it| points.point(|out| histogram(family, it, out)));
            }),
            Kind::Native => metric.exponential_histogram(CUMULATIVE, |points| {
                groups.iter().for_each(|it| points.point(|out| native(family, it, out)));
            }),
            Kind::Summary => metric.summary(|points| {
                groups.iter_mut().for_each(|it| points.point(|out| summary(family, it, out)));
            }),
        }
        metric.metadata("prometheus.type", family.of_type);
    });
}

fn attributes(family: &Family<'_>, group: &Group<'_>, out: &mut AttributesWriter<'_>) {
    let counting = group.labels.iter().filter(|it| family.counts(it.0));
    counting.for_each(|(key, value)| out.put(key, value));
}

fn number(family: &Family<'_>, group: &Group<'_>, out: &mut NumberWriter<'_>) {
    out.attributes(|out| attributes(family, group, out));
    if family.kind != Kind::Gauge {
        out.start_time_unix_nano(created(group));
    }
    out.time_unix_nano(millis(group.time_ms));
    match group.value {
        Some(value) if is_stale(value) => out.flags(NO_VALUE),
        value => out.double(value.unwrap_or(0.0)),
    }
    for it in &group.exemplars {
        out.exemplar(|out| exemplar(it, out));
    }
}

fn is_group_stale(group: &Group<'_>) -> bool {
    group.count.is_some_and(is_stale) || group.sum.is_some_and(is_stale)
}

fn sort(parts: &mut [(f64, f64)]) {
    parts.sort_by(|a, b| a.0.total_cmp(&b.0));
}

/// A count as Go converts a float; what is negative or no number is 0.
fn count(value: f64) -> u64 {
    whole_unsigned(value)
}

fn histogram(family: &Family<'_>, group: &mut Group<'_>, out: &mut HistogramWriter<'_>) {
    let stale = is_group_stale(group);
    let all = group.count.unwrap_or(0.0);
    sort(&mut group.parts);
    // The last bucket needs no bound.
    if group.parts.last().is_some_and(|it| it.0 == f64::INFINITY) {
        group.parts.pop();
    }
    let (mut counts, mut before) = (Vec::with_capacity(group.parts.len() + 1), 0.0);
    for value in group.parts.iter().map(|it| it.1).chain([all]) {
        counts.push(if stale { 0 } else { count(value - before) });
        before = value;
    }
    let bounds: Vec<f64> = group.parts.iter().map(|it| it.0).collect();
    out.attributes(|out| attributes(family, group, out));
    out.start_time_unix_nano(created(group));
    out.time_unix_nano(millis(group.time_ms));
    if stale {
        out.flags(NO_VALUE);
    } else {
        out.count(count(all));
        if let Some(sum) = group.sum {
            out.sum(sum);
        }
    }
    out.bucket_counts(&counts);
    out.explicit_bounds(&bounds);
    for it in &group.exemplars {
        out.exemplar(|out| exemplar(it, out));
    }
}

fn native(family: &Family<'_>, group: &Group<'_>, out: &mut ExponentialHistogramWriter<'_>) {
    out.attributes(|out| attributes(family, group, out));
    out.start_time_unix_nano(created(group));
    out.time_unix_nano(millis(group.time_ms));
    let Some(it) = &group.native else { return };
    if is_stale(it.sum) {
        out.flags(NO_VALUE);
        return;
    }
    out.count(it.count);
    out.sum(it.sum);
    out.scale(it.scale);
    out.zero_count(it.zero_count);
    out.zero_threshold(it.zero_threshold);
    out.positive(it.positive.offset, &it.positive.counts);
    out.negative(it.negative.offset, &it.negative.counts);
    for it in &group.exemplars {
        out.exemplar(|out| exemplar(it, out));
    }
}

fn summary(family: &Family<'_>, group: &mut Group<'_>, out: &mut SummaryWriter<'_>) {
    let stale = is_group_stale(group);
    sort(&mut group.parts);
    out.attributes(|out| attributes(family, group, out));
    out.start_time_unix_nano(created(group));
    out.time_unix_nano(millis(group.time_ms));
    if stale {
        out.flags(NO_VALUE);
    } else {
        out.count(count(group.count.unwrap_or(0.0)));
        out.sum(group.sum.unwrap_or(0.0));
    }
    for (quantile, value) in &group.parts {
        out.quantile(*quantile, if stale { 0.0 } else { *value });
    }
}

fn exemplar(it: &Exemplar<'_>, out: &mut ExemplarWriter<'_>) {
    out.time_unix_nano(millis(it.timestamp.unwrap_or(0)));
    out.double(it.value);
    let mut ids = (None, None);
    out.filtered_attributes(|out| {
        for (name, value) in it.labels.iter() {
            let id = |length| padded(value, length);
            match name.to_lowercase().as_str() {
                "trace_id" if id(16).is_some() => ids.0 = id(16),
                "span_id" if id(8).is_some() => ids.1 = id(8),
                _ => out.put(name, value),
            }
        }
    });
    if let Some(id) = ids.0 {
        out.trace_id(&id);
    }
    if let Some(id) = ids.1 {
        out.span_id(&id);
    }
}

/// An id in hexadecimal digits: the first ones when there are too many, zeros in front when there are too few.
fn padded(digits: &str, length: usize) -> Option<Vec<u8>> {
    let digits = digits.as_bytes();
    let id = pdata::text::from_hex(digits.get(..2 * length).unwrap_or(digits))?;
    let mut all = vec![0; length - id.len().min(length)];
    all.extend(id);
    Some(all)
}

/// Milliseconds as nanoseconds.
fn millis(time: i64) -> u64 {
    u64::try_from(time).unwrap_or(0).saturating_mul(1_000_000)
}

fn created(group: &Group<'_>) -> u64 {
    match group.created_ms {
        0 => whole_unsigned(group.created_seconds * 1e9),
        told => millis(told),
    }
}
