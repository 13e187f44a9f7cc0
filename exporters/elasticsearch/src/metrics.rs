//! Points as documents: those of the same time and attributes make one, with a field for each metric.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use documents::Dropped;
use documents::bulk::Bulk;
use documents::flat::{Fields, Leaf};
use documents::json::object;
use pdata::{AttributesRef, Metric, Metrics, PointRef, ResourceMetrics, ScopeMetrics};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};
use xxhash_rust::xxh64::Xxh64;

use crate::ecs;
use crate::encode::Encoder;
use crate::mode::Mode;
use crate::otel;
use crate::points::{self, Hints, Value};
use crate::route::{Route, is_reserved, says};

/// What stands around the points of a scope.
struct Around {
    mode: Mode,
    /// Members of the mode otel.
    otel: Vec<u8>,
}

/// The points of one document.
struct Group<'a> {
    around: Rc<Around>,
    route: Rc<Route>,
    points: Vec<(Metric<'a>, PointRef<'a>)>,
}

pub(crate) fn encode(metrics: &Metrics, encoder: &Encoder<'_>, dropped: &mut Dropped) -> Bulk {
    let mut bulk = Bulk::default();
    for resource in metrics.resources() {
        let fields = OnceCell::new();
        for group in groups(resource, encoder, dropped) {
            let written = if group.around.mode == Mode::Otel {
                write_otel(&group, &mut bulk, dropped)
            } else {
                let fields = fields.get_or_init(|| ecs::resource(resource.attributes()));
                write_ecs(fields, &group, &mut bulk, dropped)
            };
            // Points that are left out are counted where they are.
            if written > 0 {
                bulk.end(written, false);
            }
        }
    }
    bulk
}

/// In the order in which they begin.
fn groups<'a>(
    resource: ResourceMetrics<'a>,
    encoder: &Encoder<'_>,
    dropped: &mut Dropped,
) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    let mut known: HashMap<u128, usize> = HashMap::new();
    for (number, scope) in resource.scopes().enumerate() {
        let named = scope.scope();
        let mode = match encoder.mode(named.attributes()) {
            Some(mode @ (Mode::Otel | Mode::Ecs)) => mode,
            other => {
                let points = scope.metrics().map(|it| it.points().count()).sum();
                dropped.add(
                    if other.is_some() { "mode_without_metrics" } else { "mapping_mode" },
                    points,
                );
                continue;
            }
        };
        let route = |own: AttributesRef<'_>| {
            let all = [own, named.attributes(), resource.attributes()];
            encoder.router.route(all, named.name(), (mode, "metrics")).map(Rc::new)
        };
        let usual = route(AttributesRef::default());
        let around = Rc::new(Around::new(mode, resource, scope));
        for metric in scope.metrics() {
            for point in metric.points() {
                let own = point.attributes();
                let route = match if says(own) { route(own) } else { usual.clone() } {
                    Ok(route) => route,
                    Err(why) => {
                        dropped.add(why, 1);
                        continue;
                    }
                };
                let part = if mode == Mode::Otel {
                    (number as u64, metric.unit())
                } else {
                    (u64::MAX, "")
                };
                let identity = identity(point, part, &route.index);
                let at = *known.entry(identity).or_insert_with(|| {
                    groups.push(Group { around: Rc::clone(&around), route, points: Vec::new() });
                    groups.len() - 1
                });
                if let Some(group) = groups.get_mut(at) {
                    group.points.push((metric, point));
                }
            }
        }
    }
    groups
}

impl Around {
    fn new(mode: Mode, resource: ResourceMetrics<'_>, scope: ScopeMetrics<'_>) -> Self {
        let otel = if mode == Mode::Otel {
            otel::around(
                (resource.resource(), resource.schema_url()),
                (scope.scope(), scope.schema_url()),
                true,
            )
        } else {
            Vec::new()
        };
        Self { mode, otel }
    }
}

/// What the points of a document have in common. 128 bits: two that are not the same do not meet.
fn identity(point: PointRef<'_>, (scope, unit): (u64, &str), index: &str) -> u128 {
    let mut hash = Xxh3::new();
    hash.update(&point.time_unix_nano().to_le_bytes());
    if scope != u64::MAX {
        hash.update(&point.start_time_unix_nano().to_le_bytes());
    }
    hash.update(&scope.to_le_bytes());
    hash.update(unit.as_bytes());
    hash.update(&[0]);
    hash.update(index.as_bytes());
    hash.digest128().wrapping_add(attributes(point.attributes()))
}

/// The same for the same attributes in any order.
fn attributes(all: AttributesRef<'_>) -> u128 {
    let mut sum = 0_u128;
    let mut pair = Vec::new();
    for (key, value) in all.iter_encoded() {
        if std::str::from_utf8(key).is_ok_and(is_reserved) {
            continue;
        }
        pair.clear();
        pair.extend_from_slice(&key.len().to_le_bytes());
        pair.extend_from_slice(key);
        pair.extend_from_slice(value);
        sum = sum.wrapping_add(xxh3_128(&pair));
    }
    sum
}

/// Names and values of a group; of a metric that comes twice only the first.
fn values<'a>(group: &Group<'a>, dropped: &mut Dropped) -> (Vec<(&'a str, Value)>, u64) {
    let mut seen = BTreeSet::new();
    let (mut all, mut documents) = (Vec::new(), 0);
    for (metric, point) in &group.points {
        if !seen.insert(metric.name()) {
            dropped.add("duplicate_metric", 1);
            continue;
        }
        let hints = Hints::of(point.attributes());
        match points::value(*metric, *point, hints) {
            Ok(value) => {
                if hints.doc_count {
                    documents = value.count;
                }
                all.push((metric.name(), value));
            }
            Err(why) => dropped.add(why, 1),
        }
    }
    (all, documents)
}

/// Gives how many points it has written.
fn write_otel(group: &Group<'_>, bulk: &mut Bulk, dropped: &mut Dropped) -> usize {
    let Some((metric, point)) = group.points.first() else { return 0 };
    let (all, documents) = values(group, dropped);
    if all.is_empty() {
        return 0;
    }
    let out = bulk.body();
    group.route.action(out, Mode::Otel, |it| {
        it.object("dynamic_templates", |it| {
            for (name, value) in &all {
                it.text(&format!("metrics.{name}"), value.template);
            }
        });
    });
    object(out, |it| {
        otel::time(it, "@timestamp", point.time_unix_nano());
        if point.start_time_unix_nano() != 0 {
            otel::time(it, "start_timestamp", point.start_time_unix_nano());
        }
        it.text_if_any("unit", metric.unit());
        it.members(&group.route.stream_member());
        otel::attributes(it, point.attributes(), true);
        it.members(&group.around.otel);
        it.object("metrics", |it| {
            for (name, value) in &all {
                it.key(name).extend_from_slice(&value.json);
            }
        });
        it.uint_if_any("_doc_count", documents);
        it.text("_metric_names_hash", &names_hash(&all));
    });
    out.push(b'\n');
    all.len()
}

/// Documents of the same time and attributes with other metrics are other documents:
/// <https://github.com/elastic/elasticsearch/issues/99123>.
fn names_hash(all: &[(&str, Value)]) -> String {
    let names: BTreeSet<&str> = all.iter().map(|it| it.0).collect();
    let mut hash = Xxh64::new(0);
    names.iter().for_each(|name| hash.update(name.as_bytes()));
    format!("{:x}", hash.digest())
}

/// Gives how many points it has written.
fn write_ecs(
    around: &Fields<'_>,
    group: &Group<'_>,
    bulk: &mut Bulk,
    dropped: &mut Dropped,
) -> usize {
    let Some((_, point)) = group.points.first() else { return 0 };
    let (all, _) = values(group, dropped);
    if all.is_empty() {
        return 0;
    }
    let mut fields = Fields::default();
    fields.add("@timestamp", Leaf::Time(point.time_unix_nano()));
    fields.attributes("", point.attributes());
    ecs::data_stream(&mut fields, "", &group.route);
    let count = all.len();
    for (name, value) in all {
        if value.parts.is_empty() {
            fields.add(name, Leaf::Json(value.json));
            continue;
        }
        for (part, json) in value.parts {
            fields.add(format!("{name}.{part}"), Leaf::Json(json));
        }
    }
    let out = bulk.body();
    group.route.action(out, Mode::Ecs, |_| {});
    fields.write(&[around], true, out);
    out.push(b'\n');
    count
}
