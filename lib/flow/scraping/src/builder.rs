//! Records points in any order and writes them metric by metric.

use std::marker::PhantomData;

use pdata::{Metrics, MetricsBuilder, Value};
use regex::Regex;

use crate::catalog::{Catalog, Kind, NumberKind};
use crate::points::{Number, Points, Stored};
use crate::section::{FilterConfig, MetricsSection, ResourceSection};

/// The temporality of sums: cumulative.
const CUMULATIVE: i32 = 2;

/// What one scrape came to.
#[derive(Debug, Clone, Default)]
pub struct Scraped {
    /// For the pipelines.
    pub metrics: Metrics,
    /// How many metrics that are; a metric of several resources counts for each.
    pub count: u64,
}

/// Builds what a scraper sends. Buffers are kept from one scrape to the next.
///
/// Points are recorded under a resource until [`emit`](Self::emit) ends it; [`finish`](Self::finish) gives all
/// resources.
pub struct Builder<C> {
    points: Vec<Points>,
    filters: Vec<Resource>,
    resource: Vec<(usize, Stored)>,
    /// Attributes of the resource that the user has named, with their values.
    named: Vec<(String, String)>,
    /// The texts of all attributes.
    text: String,
    version: &'static str,
    start: u64,
    time: u64,
    out: MetricsBuilder,
    count: u64,
    of: PhantomData<fn() -> C>,
}

/// What the section says of a resource attribute.
struct Resource {
    is_enabled: bool,
    include: Option<Filter>,
    exclude: Option<Filter>,
}

struct Filter {
    strict: Vec<String>,
    regexps: Vec<Regex>,
}

impl Filter {
    /// `None` without a filter. What does not compile has been refused with the section.
    fn new(filters: &[FilterConfig]) -> Option<Self> {
        let compiled = |it: &FilterConfig| golang::regexp::compile(&it.regexp).ok();
        let with = |it: &&FilterConfig| !it.regexp.is_empty();
        (!filters.is_empty()).then(|| Self {
            strict: filters
                .iter()
                .map(|it| it.strict.clone())
                .filter(|it| !it.is_empty())
                .collect(),
            regexps: filters.iter().filter(with).filter_map(compiled).collect(),
        })
    }

    fn matches(&self, value: &str) -> bool {
        self.strict.iter().any(|it| it == value) || self.regexps.iter().any(|it| it.is_match(value))
    }
}

impl<C: Catalog> Builder<C> {
    /// For the metrics and resource attributes that the sections want; `version` is that of the program.
    pub fn new(
        metrics: &MetricsSection<C>,
        resource: &ResourceSection<C>,
        version: &'static str,
    ) -> Self {
        let points = C::METRICS.iter().zip(metrics.rows()).map(|(it, row)| Points::new(it, row));
        let filters = resource.rows().iter().map(|row| Resource {
            is_enabled: row.enabled,
            include: Filter::new(&row.metrics_include),
            exclude: Filter::new(&row.metrics_exclude),
        });
        Self {
            points: points.collect(),
            filters: filters.collect(),
            resource: Vec::new(),
            named: Vec::new(),
            text: String::new(),
            version,
            start: 0,
            time: 0,
            out: MetricsBuilder::new(),
            count: 0,
            of: PhantomData,
        }
    }

    /// When what is counted began, in nanoseconds since 1970: for all points that are emitted from now on.
    pub fn start(&mut self, unix_nanos: u64) -> &mut Self {
        self.start = unix_nanos;
        self
    }

    /// When the points were measured that are recorded from now on, in nanoseconds since 1970.
    pub fn time(&mut self, unix_nanos: u64) -> &mut Self {
        self.time = unix_nanos;
        self
    }

    /// Whether the metric is sent. Recording another one does nothing; this is for what costs something to find out.
    pub fn wants(&self, metric: C) -> bool {
        self.points.get(metric.index()).is_some_and(|it| it.is_enabled)
    }

    /// Whether one of the metrics is sent.
    pub fn wants_any(&self, metrics: &[C]) -> bool {
        metrics.iter().any(|it| self.wants(*it))
    }

    /// Records a whole number. `attributes` are the values of the metric's attributes, in the order of the table; the point does
    /// not have one whose value is [`Value::Empty`].
    pub fn int(&mut self, metric: C, value: i64, attributes: &[Value<'_>]) {
        debug_assert!(number_kind(metric) == NumberKind::Int, "{metric:?}", metric = name(metric));
        self.record(metric, Number::Int(value), attributes);
    }

    /// Records an unsigned whole number; as in Go, one of 2^63 and more becomes negative.
    pub fn uint(&mut self, metric: C, value: u64, attributes: &[Value<'_>]) {
        self.int(metric, value.cast_signed(), attributes);
    }

    /// Records a floating point number.
    pub fn double(&mut self, metric: C, value: f64, attributes: &[Value<'_>]) {
        debug_assert!(number_kind(metric) == NumberKind::Double, "{}", name(metric));
        self.record(metric, Number::Double(value), attributes);
    }

    fn record(&mut self, metric: C, number: Number, attributes: &[Value<'_>]) {
        if let Some(points) = self.points.get_mut(metric.index()).filter(|it| it.is_enabled) {
            points.add(self.time, number, attributes, &mut self.text);
        }
    }

    /// Whether resources have the attribute.
    pub fn wants_resource(&self, name: &str) -> bool {
        self.position(name).is_some()
    }

    fn position(&self, name: &str) -> Option<usize> {
        let at = C::RESOURCE.iter().position(|it| it.name == name)?;
        self.filters.get(at).filter(|it| it.is_enabled).map(|_| at)
    }

    /// Adds an attribute of the table to the resource, if the section wants it.
    pub fn resource<'v>(&mut self, name: &str, value: impl Into<Value<'v>>) -> &mut Self {
        debug_assert!(C::RESOURCE.iter().any(|it| it.name == name), "{name} is in no table");
        if let Some(at) = self.position(name) {
            let stored = Stored::new(&value.into(), &mut self.text);
            self.resource.push((at, stored));
        }
        self
    }

    /// Adds an attribute to the resource that is in no table: the user has named it.
    pub fn named(&mut self, name: &str, value: &str) -> &mut Self {
        self.named.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Ends the resource: what was recorded for it goes on, unless there is nothing or a filter is against it.
    pub fn emit(&mut self) {
        if self.points.iter().any(|it| !it.is_empty()) && self.passes() {
            self.write();
        }
        self.drop_recorded();
    }

    /// Ends the resource: what was recorded for it is forgotten.
    pub fn drop_recorded(&mut self) {
        self.points.iter_mut().for_each(Points::clear);
        self.resource.clear();
        self.named.clear();
        self.text.clear();
    }

    /// Everything that was emitted. What was only recorded is forgotten.
    pub fn finish(&mut self) -> Scraped {
        self.drop_recorded();
        Scraped { metrics: self.out.finish(), count: std::mem::take(&mut self.count) }
    }

    fn passes(&self) -> bool {
        self.resource.iter().all(|(at, value)| {
            let Some(Resource { include, exclude, .. }) = self.filters.get(*at) else {
                return true;
            };
            if include.is_none() && exclude.is_none() {
                return true;
            }
            let number;
            let value = match value.value(&self.text) {
                Value::Str(it) => it,
                Value::Int(it) => {
                    number = it.to_string();
                    &number
                }
                Value::Bool(it) => {
                    if it {
                        "true"
                    } else {
                        "false"
                    }
                }
                _ => "",
            };
            include.as_ref().is_none_or(|it| it.matches(value))
                && exclude.as_ref().is_none_or(|it| !it.matches(value))
        })
    }

    fn write(&mut self) {
        let Self { points, resource, named, text, out, start, version, count, .. } = self;
        out.resource(|attributes| {
            for (at, value) in resource.iter() {
                if let Some(attribute) = C::RESOURCE.get(*at) {
                    attributes.put(attribute.name, value.value(text));
                }
            }
            for (name, value) in named.iter() {
                attributes.put(name, value.as_str());
            }
        });
        out.schema_url(C::SCHEMA_URL).scope(C::SCOPE, version);
        for (metric, points) in C::METRICS.iter().zip(points).filter(|it| !it.1.is_empty()) {
            *count += 1;
            out.metric(|writer| {
                writer.name(metric.name);
                writer.description(metric.description);
                writer.unit(metric.unit);
                match metric.kind {
                    Kind::Gauge => {
                        writer.gauge(|out| points.write(metric.attributes, *start, text, out));
                    }
                    Kind::Sum { monotonic } => writer.sum(CUMULATIVE, monotonic, |out| {
                        points.write(metric.attributes, *start, text, out);
                    }),
                }
            });
        }
    }
}

fn name<C: Catalog>(metric: C) -> &'static str {
    C::METRICS.get(metric.index()).map_or("", |it| it.name)
}

fn number_kind<C: Catalog>(metric: C) -> NumberKind {
    C::METRICS.get(metric.index()).map_or(NumberKind::Int, |it| it.number)
}
