//! Data points as events: one for each value, or with `use_multi_metric_format` one for all values that have the rest in common.

use std::borrow::Cow;
use std::collections::HashMap;

use golang::strconv::float;
use pdata::{
    AttributesRef, HistogramPoint, Metric, MetricData, Metrics, NumberValue, ScopeMetrics,
    SummaryPoint,
};

use crate::event::{Around, Encoder, Field, Fields};
use crate::requests::{Key, Requests};

/// Values with what stands around them.
#[derive(Clone)]
struct Event<'a> {
    around: Around<'a>,
    time_unix_nano: u64,
    /// Dimensions and values.
    fields: Fields<'a>,
}

impl Event<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        let (time, fields) = (self.time_unix_nano, &self.fields);
        self.around.event(out, time, fields, |out| out.extend_from_slice(b"\"metric\""));
    }
}

/// Where events go.
struct Sink<'a, 'r> {
    requests: &'r mut Requests,
    out: Vec<u8>,
    /// With `use_multi_metric_format`: events, and where they stand by all that is no value.
    merged: Option<(Vec<Merged<'a>>, HashMap<(Key, Vec<u8>), usize>)>,
}

struct Merged<'a> {
    key: Key,
    event: Event<'a>,
    items: usize,
}

/// A value of a point. `items`: one value of a point counts for it.
struct OneValue<'a> {
    name: String,
    dimension: Option<(&'static str, String)>,
    value: Field<'a>,
    items: usize,
}

impl<'a> Sink<'a, '_> {
    /// The event has what all values of its point have in common, and is afterwards as before.
    fn add(&mut self, key: &Key, event: &mut Event<'a>, it: OneValue<'a>) {
        let dimension = it.dimension.map(|(name, value)| {
            let name = Cow::Borrowed(name);
            (name.clone(), event.fields.insert(name, Field::Text(value.into())))
        });
        let name = Cow::Owned(it.name);
        if self.merged.is_some() {
            self.merge(key, event, (name, it.value), it.items);
        } else {
            let covered = event.fields.insert(name.clone(), it.value);
            self.out.clear();
            event.write(&mut self.out);
            self.requests.add(key, &self.out, it.items);
            put_back(&mut event.fields, name, covered);
        }
        if let Some((name, covered)) = dimension {
            put_back(&mut event.fields, name, covered);
        }
    }

    fn merge(
        &mut self,
        key: &Key,
        event: &Event<'a>,
        (name, value): (Cow<'a, str>, Field<'a>),
        items: usize,
    ) {
        let Some((events, known)) = &mut self.merged else { return };
        let mut rest = Vec::new();
        event.write(&mut rest);
        let at = *known.entry((key.clone(), rest)).or_insert(events.len());
        if at == events.len() {
            events.push(Merged { key: key.clone(), event: event.clone(), items: 0 });
        }
        if let Some(whole) = events.get_mut(at) {
            whole.items += items;
            whole.event.fields.insert(name, value);
        }
    }

    fn finish(self) {
        let mut out = self.out;
        for Merged { key, event, items } in self.merged.into_iter().flat_map(|it| it.0) {
            out.clear();
            event.write(&mut out);
            self.requests.add(&key, &out, items);
        }
    }
}

fn put_back<'a>(fields: &mut Fields<'a>, name: Cow<'a, str>, covered: Option<Field<'a>>) {
    match covered {
        Some(value) => drop(fields.insert(name, value)),
        None => drop(fields.remove(&name)),
    }
}

/// What the points of a metric have in common.
struct Writer<'a, 's, 'r> {
    key: &'s Key,
    around: &'s Around<'a>,
    of_resource: &'s Fields<'a>,
    name: &'a str,
    metric_type: &'static str,
    sink: &'s mut Sink<'a, 'r>,
}

pub(crate) fn write(encoder: &Encoder<'_>, metrics: &Metrics, requests: &mut Requests) {
    let merged = encoder.config.use_multi_metric_format.then(Default::default);
    let mut sink = Sink { requests, out: Vec::new(), merged };
    for resource in metrics.resources() {
        let key = Encoder::key(resource.attributes());
        let (around, of_resource) = encoder.around(resource.attributes());
        for metric in resource.scopes().flat_map(ScopeMetrics::metrics) {
            let metric_type = match metric.data() {
                MetricData::Gauge(_) => "Gauge",
                MetricData::Sum(_) => "Sum",
                MetricData::Histogram(_) => "Histogram",
                MetricData::Summary(_) => "Summary",
                MetricData::ExponentialHistogram(_) | MetricData::Empty => {
                    let points = metric.points().count();
                    sink.requests.dropped.add("exponential_histogram", points);
                    continue;
                }
            };
            let writer = Writer {
                key: &key,
                around: &around,
                of_resource: &of_resource,
                name: metric.name(),
                metric_type,
                sink: &mut sink,
            };
            writer.points(metric);
        }
    }
    sink.finish();
}

impl<'a> Writer<'a, '_, '_> {
    fn points(mut self, metric: Metric<'a>) {
        let number = |it| match it {
            NumberValue::Int(it) => Some(Field::Int(it)),
            NumberValue::Double(it) => Some(Field::Double(it)),
            NumberValue::None => None,
        };
        let mut numbers = |points: &mut dyn Iterator<Item = pdata::NumberPoint<'a>>| {
            for point in points {
                match number(point.value()) {
                    Some(value) => {
                        let mut event = self.event(point.attributes(), point.time_unix_nano());
                        self.value(&mut event, ("", None), value, 1);
                    }
                    None => self.sink.requests.dropped.add("no_value", 1),
                }
            }
        };
        match metric.data() {
            MetricData::Gauge(it) => numbers(&mut it.points()),
            MetricData::Sum(it) => numbers(&mut it.points()),
            MetricData::Histogram(it) => it.points().for_each(|it| self.histogram(it)),
            MetricData::Summary(it) => it.points().for_each(|it| self.summary(it)),
            MetricData::ExponentialHistogram(_) | MetricData::Empty => {}
        }
    }

    fn histogram(&mut self, point: HistogramPoint<'a>) {
        let mut event = self.event(point.attributes(), point.time_unix_nano());
        if let Some(sum) = point.sum().filter(|it| !it.is_nan()) {
            self.value(&mut event, ("_sum", None), Field::Double(sum), 0);
        }
        self.value(&mut event, ("_count", None), Field::Uint(point.count()), 1);
        let counts = point.bucket_counts().count();
        if counts != point.explicit_bounds().count() + 1 {
            return;
        }
        let bounds = point.explicit_bounds().chain([f64::INFINITY]);
        let mut all = 0_u64;
        for (bound, count) in bounds.zip(point.bucket_counts()) {
            all = all.saturating_add(count);
            let le = ("le", float(bound));
            self.value(&mut event, ("_bucket", Some(le)), Field::Uint(all), 0);
        }
    }

    fn summary(&mut self, point: SummaryPoint<'a>) {
        let mut event = self.event(point.attributes(), point.time_unix_nano());
        if !point.sum().is_nan() {
            self.value(&mut event, ("_sum", None), Field::Double(point.sum()), 0);
        }
        self.value(&mut event, ("_count", None), Field::Uint(point.count()), 1);
        for it in point.quantiles() {
            // As a number without an exponent.
            let end = format!("_{}", it.quantile);
            let qt = ("qt", float(it.quantile));
            self.value(&mut event, (&end, Some(qt)), Field::Double(it.value), 0);
        }
    }

    /// What all values of a point have in common.
    fn event(&self, attributes: AttributesRef<'a>, time_unix_nano: u64) -> Event<'a> {
        let mut fields = self.of_resource.clone();
        fields.extend(attributes.iter().map(|(key, value)| (key.into(), Field::Printed(value))));
        fields.insert("metric_type".into(), Field::Text(self.metric_type.into()));
        Event { around: *self.around, time_unix_nano, fields }
    }

    /// `end` stands behind the name of the metric.
    fn value(
        &mut self,
        event: &mut Event<'a>,
        (end, dimension): (&str, Option<(&'static str, String)>),
        value: Field<'a>,
        items: usize,
    ) {
        let name = format!("metric_name:{}{end}", self.name);
        self.sink.add(self.key, event, OneValue { name, dimension, value, items });
    }
}
