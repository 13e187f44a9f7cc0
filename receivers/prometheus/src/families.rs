//! Samples become metrics: by the resource that their job and instance name, by scope, and by family, in which the
//! parts of a histogram or summary come together (`internal/transaction.go`, `internal/metricfamily.go` of upstream's
//! receiver, v0.149).

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::Hash;

use crate::exposition::native::Native;
use crate::exposition::{Exemplar, Metadata, Sample};
use crate::labels::{Labels, NAME};

/// Bits of the NaN that says that a series has ended (`model/value` of Prometheus).
pub(crate) const STALE: u64 = 0x7ff0_0000_0000_0002;
/// Prefix of labels that are attributes of a scope.
const SCOPE_PREFIX: &str = "otel_scope_";
const SUFFIXES: [&str; 6] = ["_bucket", "_count", "_sum", "_total", "_info", "_created"];

pub(crate) fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE
}

/// A list that finds its items by key and keeps their order.
pub(crate) struct Ordered<K, V> {
    places: HashMap<K, usize>,
    pub(crate) items: Vec<V>,
}

impl<K, V> Default for Ordered<K, V> {
    fn default() -> Self {
        Self { places: HashMap::new(), items: Vec::new() }
    }
}

impl<K: Hash + Eq, V> Ordered<K, V> {
    fn get_or_insert(&mut self, key: K, make: impl FnOnce() -> V) -> Option<&mut V> {
        let next = self.items.len();
        let at = *self.places.entry(key).or_insert(next);
        if at == next {
            self.items.push(make());
        }
        self.items.get_mut(at)
    }
}

/// What a family is in OTLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Gauge,
    /// With whether it only grows.
    Sum(bool),
    Histogram,
    /// A native histogram.
    Native,
    Summary,
}

/// One point in the making.
pub(crate) struct Group<'a> {
    /// Of the first sample; those that tell points apart are the same in all.
    pub(crate) labels: Labels<'a>,
    pub(crate) time_ms: i64,
    pub(crate) value: Option<f64>,
    pub(crate) count: Option<f64>,
    pub(crate) sum: Option<f64>,
    pub(crate) created_seconds: f64,
    /// The same, where it is told so.
    pub(crate) created_ms: i64,
    /// Bound or quantile, and its value.
    pub(crate) parts: Vec<(f64, f64)>,
    pub(crate) native: Option<Native>,
    pub(crate) exemplars: Vec<Exemplar<'a>>,
}

/// A metric in the making.
pub(crate) struct Family<'a> {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) of_type: &'a str,
    pub(crate) help: Cow<'a, str>,
    pub(crate) unit: &'a str,
    /// The family that the metadata is of.
    base: String,
    pub(crate) groups: Ordered<u64, Group<'a>>,
}

/// A scope in the making.
#[derive(Default)]
pub(crate) struct Scope<'a> {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) schema_url: String,
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) families: Ordered<String, Family<'a>>,
    /// Families by the name of the metric that was looked up.
    known: HashMap<String, usize>,
}

/// A resource in the making.
pub(crate) struct Resource<'a> {
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) scopes: Ordered<(String, String, String, Vec<(String, String)>), Scope<'a>>,
}

/// What a target's samples are turned with.
pub(crate) struct Setting<'a> {
    pub(crate) job: &'a str,
    pub(crate) instance: &'a str,
    /// `http` or `https`.
    pub(crate) scheme: &'a str,
    /// Of every resource, from service discovery.
    pub(crate) discovered: &'a [(String, String)],
    pub(crate) trim_suffixes: bool,
    /// Of our program, for the scope of metrics that name none.
    pub(crate) version: &'a str,
}

/// All samples of a scrape.
pub(crate) struct Families<'a> {
    pub(crate) setting: &'a Setting<'a>,
    metadata: &'a HashMap<Cow<'a, str>, Metadata<'a>>,
    pub(crate) resources: Ordered<(String, String), Resource<'a>>,
    /// Samples that fit into no point.
    pub(crate) rejected: u64,
}

impl<'a> Families<'a> {
    pub(crate) fn new(
        setting: &'a Setting<'a>,
        metadata: &'a HashMap<Cow<'a, str>, Metadata<'a>>,
    ) -> Self {
        Self { setting, metadata, resources: Ordered::default(), rejected: 0 }
    }

    /// Adds a sample, whose time is `time_ms` unless it has its own.
    pub(crate) fn add(&mut self, sample: Sample<'a>, time_ms: i64) {
        let metadata = self.metadata;
        let labels = &sample.labels;
        let name = labels.get(NAME).to_owned();
        let Some(resource) = self.resource(labels) else { return };
        if name == "target_info" {
            for (key, value) in labels.iter().filter(|it| !is_of_target(it.0)) {
                put(&mut resource.attributes, key, value);
            }
            return;
        }
        let Some(scope) = resource.scope(labels) else { return };
        let is_native = sample.more.as_ref().is_some_and(|it| it.native.is_some());
        let family =
            if is_native { scope.native(&name, metadata) } else { scope.family(&name, metadata) };
        let Some(family) = family else { return };
        if !family.add(&name, sample, time_ms) {
            self.rejected += 1;
        }
    }

    /// The resource of a job and an instance: those of the labels, else those of the target.
    fn resource(&mut self, labels: &Labels<'_>) -> Option<&mut Resource<'a>> {
        let or = |name: &str, default: &str| match labels.get(name) {
            "" => default.to_owned(),
            it => it.to_owned(),
        };
        let job = or("job", self.setting.job);
        let instance = or("instance", self.setting.instance);
        let setting = self.setting;
        let make = || Resource {
            attributes: resource_attributes(&job, &instance, setting),
            scopes: Ordered::default(),
        };
        self.resources.get_or_insert((job.clone(), instance.clone()), make)
    }
}

fn put(attributes: &mut Vec<(String, String)>, key: &str, value: &str) {
    match attributes.iter_mut().find(|it| it.0 == key) {
        Some(known) => value.clone_into(&mut known.1),
        None => attributes.push((key.to_owned(), value.to_owned())),
    }
}

/// Labels that say where a series comes from.
fn is_of_target(name: &str) -> bool {
    matches!(name, "job" | "instance" | NAME)
}

/// `CreateResource`.
fn resource_attributes(job: &str, instance: &str, setting: &Setting<'_>) -> Vec<(String, String)> {
    let (host, port) = confignet::split_host_port(instance).unwrap_or((instance, ""));
    let mut all = vec![("service.name".to_owned(), job.to_owned())];
    let unspecified = matches!(host, "0.0.0.0" | "::");
    if !unspecified && !host.is_empty() && !confignet::is_local(host) {
        all.push(("server.address".to_owned(), host.to_owned()));
    }
    all.push(("service.instance.id".to_owned(), instance.to_owned()));
    all.push(("server.port".to_owned(), port.to_owned()));
    all.push(("url.scheme".to_owned(), setting.scheme.to_owned()));
    setting.discovered.iter().for_each(|(key, value)| put(&mut all, key, value));
    all
}

impl<'a> Resource<'a> {
    /// The scope that labels `otel_scope_...` name.
    fn scope(&mut self, labels: &Labels<'_>) -> Option<&mut Scope<'a>> {
        let (mut name, mut version, mut schema_url) = (String::new(), String::new(), String::new());
        let mut attributes = Vec::new();
        for (label, value) in labels.iter() {
            let Some(key) = label.strip_prefix(SCOPE_PREFIX) else { continue };
            match key {
                "name" => value.clone_into(&mut name),
                "version" => value.clone_into(&mut version),
                "schema_url" => value.clone_into(&mut schema_url),
                key => attributes.push((key.to_owned(), value.to_owned())),
            }
        }
        let key = (name, version, schema_url, attributes);
        let make = || {
            let (name, version, schema_url, attributes) = key.clone();
            Scope { name, version, schema_url, attributes, ..Scope::default() }
        };
        self.scopes.get_or_insert(key.clone(), make)
    }
}

impl Scope<'_> {
    /// Whether nothing names it.
    pub(crate) fn is_default(&self) -> bool {
        let texts = [&self.name, &self.version, &self.schema_url];
        texts.iter().all(|it| it.is_empty()) && self.attributes.is_empty()
    }
}

impl<'a> Scope<'a> {
    /// `getOrCreateMetricFamily`.
    fn family(
        &mut self,
        metric: &str,
        metadata: &HashMap<Cow<'a, str>, Metadata<'a>>,
    ) -> Option<&mut Family<'a>> {
        if let Some(at) = self.known.get(metric) {
            return self.families.items.get_mut(*at);
        }
        let mut name = metric;
        let total;
        if !metadata.contains_key(metric) {
            name = normalized(metric);
            let is_counter = metadata.get(name).is_some_and(|it| it.of_type == "counter");
            if metric.ends_with("_created") && is_counter {
                total = format!("{name}_total");
                name = &total;
            }
        }
        let at = match self.families.places.get(name) {
            Some(at) if self.families.items.get(*at).is_some_and(|it| it.includes(metric)) => *at,
            _ => {
                let family = Family::new(metric, metadata);
                let key = family.name.clone();
                let next = self.families.items.len();
                self.families.get_or_insert(key.clone(), || family)?;
                self.families.places.get(&key).copied().unwrap_or(next)
            }
        };
        self.known.insert(metric.to_owned(), at);
        self.families.items.get_mut(at)
    }
}

impl<'a> Scope<'a> {
    /// The family of a native histogram, which a classic one may have the name of, too.
    fn native(
        &mut self,
        metric: &str,
        metadata: &HashMap<Cow<'a, str>, Metadata<'a>>,
    ) -> Option<&mut Family<'a>> {
        let make = || {
            let family = Family::new(metric, metadata);
            Family { kind: Kind::Native, of_type: "histogram", ..family }
        };
        self.families.get_or_insert(format!("{metric} native"), make)
    }
}

/// A name without the end that says which part of a family it is.
fn normalized(name: &str) -> &str {
    SUFFIXES.iter().find_map(|it| name.strip_suffix(it).filter(|it| !it.is_empty())).unwrap_or(name)
}

/// What is said of the series that the scraper makes itself.
fn own_help(name: &str) -> Option<(&'static str, &'static str)> {
    Some(match name {
        "up" => ("The scraping was successful", ""),
        "scrape_duration_seconds" => ("Duration of the scrape", "seconds"),
        "scrape_samples_scraped" => ("The number of samples the target exposed", ""),
        "scrape_series_added" => ("The approximate number of new series in this scrape", ""),
        "scrape_samples_post_metric_relabeling" => {
            ("The number of samples remaining after metric relabeling was applied", "")
        }
        _ => return None,
    })
}

impl<'a> Family<'a> {
    /// `newMetricFamily` and `metadataForMetric`.
    fn new(metric: &str, metadata: &HashMap<Cow<'a, str>, Metadata<'a>>) -> Self {
        let short = normalized(metric);
        let (base, name, found) = if let Some((help, unit)) = own_help(metric) {
            let found = Metadata { of_type: "gauge", help: help.into(), unit };
            (metric.to_owned(), metric.to_owned(), found)
        } else if let Some(found) = metadata.get(metric) {
            (metric.to_owned(), metric.to_owned(), found.clone())
        } else if let Some(found) = metadata.get(short) {
            let name = match found.of_type {
                "counter" if metric.ends_with("_created") => format!("{short}_total"),
                "counter" => metric.to_owned(),
                _ => short.to_owned(),
            };
            (short.to_owned(), name, found.clone())
        } else {
            (metric.to_owned(), metric.to_owned(), Metadata::default())
        };
        let of_type = if found.of_type.is_empty() { "unknown" } else { found.of_type };
        let kind = match of_type {
            "counter" => Kind::Sum(true),
            "info" | "stateset" => Kind::Sum(false),
            "histogram" => Kind::Histogram,
            "summary" => Kind::Summary,
            _ => Kind::Gauge,
        };
        let groups = Ordered::default();
        Self { name, kind, of_type, help: found.help, unit: found.unit, base, groups }
    }

    /// Whether a metric is a part of it.
    fn includes(&self, metric: &str) -> bool {
        match self.kind {
            Kind::Sum(_) => normalized(metric) == normalized(&self.base),
            Kind::Gauge | Kind::Native => metric == self.name,
            Kind::Histogram | Kind::Summary => normalized(metric) == self.name,
        }
    }

    /// Whether a label tells its points apart.
    pub(crate) fn counts(&self, label: &str) -> bool {
        let of_part = match self.kind {
            Kind::Histogram => label == "le",
            Kind::Summary => label == "quantile",
            _ => false,
        };
        let of_target = is_of_target(label) || matches!(label, "__scheme__" | "__metrics_path__");
        !of_part && !of_target && !label.starts_with(SCOPE_PREFIX)
    }

    /// Adds a sample; false when it fits into no point.
    fn add(&mut self, metric: &str, sample: Sample<'a>, time_ms: i64) -> bool {
        let Sample { labels, value, timestamp, exemplar, more } = sample;
        let time_ms = timestamp.unwrap_or(time_ms);
        let key = labels.hash_of(|it| self.counts(it));
        let kind = self.kind;
        let bound = match kind {
            Kind::Histogram => labels.get("le").parse().ok(),
            Kind::Summary => labels.get("quantile").parse().ok(),
            _ => None,
        };
        let is_created = metric.strip_suffix("_created").is_some_and(|it| it == self.base);
        let make = || Group {
            labels,
            time_ms,
            value: None,
            count: None,
            sum: None,
            created_seconds: 0.0,
            created_ms: 0,
            parts: Vec::new(),
            native: None,
            exemplars: Vec::new(),
        };
        let Some(group) = self.groups.get_or_insert(key, make) else { return false };
        if group.time_ms != time_ms {
            return false;
        }
        group.exemplars.extend(exemplar);
        if let Some(more) = more {
            group.created_ms = group.created_ms.max(more.created_ms);
            group.exemplars.extend(more.exemplars);
            group.native = more.native;
        }
        match kind {
            Kind::Gauge => group.value = Some(value),
            Kind::Sum(_) | Kind::Histogram | Kind::Summary if is_created => {
                group.created_seconds = value;
            }
            Kind::Sum(_) => group.value = Some(value),
            Kind::Native => {}
            Kind::Histogram | Kind::Summary => {
                if metric.ends_with("_sum") {
                    group.sum = Some(value);
                } else if metric.ends_with("_count") {
                    group.count = Some(value);
                } else if let Some(bound) = bound {
                    group.parts.push((bound, value));
                } else {
                    return false;
                }
            }
        }
        true
    }
}
