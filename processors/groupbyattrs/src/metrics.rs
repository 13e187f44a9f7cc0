//! Metrics that are in one scope several times become one with all their points.

use std::collections::HashMap;

use component::Data;
use pdata::{Depth, Field, Keep, Metric, MetricData, Metrics, ResourceMetrics};

/// Metrics are the same if all of this is: name, unit, kind, temporality, whether it only grows.
type Key<'a> = (&'a str, &'a str, u8, i32, bool);

/// What becomes of a metric.
#[derive(Default)]
struct Fate {
    /// An earlier one has its points.
    is_gone: bool,
    /// Points of later ones.
    more: Vec<Vec<u8>>,
}

pub(crate) fn joined(metrics: Metrics) -> Data {
    let mut fates: Vec<Fate> = Vec::new();
    let mut any = false;
    for scope in metrics.resources().flat_map(ResourceMetrics::scopes) {
        let mut firsts: HashMap<Key<'_>, usize> = HashMap::new();
        for metric in scope.metrics() {
            let first = *firsts.entry(key(metric)).or_insert(fates.len());
            let is_gone = first < fates.len();
            fates.push(Fate { is_gone, more: Vec::new() });
            if let Some(first) = fates.get_mut(first).filter(|_| is_gone) {
                first.more.extend(metric.points().map(|it| it.encoded().to_vec()));
                any = true;
            }
        }
    }
    let data = Data::from(metrics);
    if !any {
        return data;
    }
    let mut fates = fates.into_iter();
    data.edit(Depth::Item, |place| {
        if place.depth() != Depth::Item {
            return Keep::Enter;
        }
        let Fate { is_gone, more } = fates.next().unwrap_or_default();
        if is_gone {
            return Keep::Drop;
        }
        if !more.is_empty() {
            let own: Vec<Vec<u8>> =
                place.messages(Field::METRIC_POINTS).map(<[u8]>::to_vec).collect();
            let all: Vec<&[u8]> = own.iter().chain(&more).map(Vec::as_slice).collect();
            let _ = place.set_messages(Field::METRIC_POINTS, &all);
        }
        Keep::Whole
    })
}

fn key(metric: Metric<'_>) -> Key<'_> {
    let (kind, temporality, grows) = match metric.data() {
        MetricData::Empty => (0, 0, false),
        MetricData::Gauge(_) => (1, 0, false),
        MetricData::Sum(it) => (2, it.aggregation_temporality(), it.is_monotonic()),
        MetricData::Histogram(it) => (3, it.aggregation_temporality(), false),
        MetricData::ExponentialHistogram(it) => (4, it.aggregation_temporality(), false),
        MetricData::Summary(_) => (5, 0, false),
    };
    (metric.name(), metric.unit(), kind, temporality, grows)
}
