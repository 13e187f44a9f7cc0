//! Own metrics: counters, gauges and histograms that cost one atomic operation per batch.
//!
//! The attributes of an instrument are fixed when it is made, so an increment allocates nothing.
//! Level and views are applied there too: an instrument that nobody wants counts for nobody.
//! A series that was never touched is not shown, as upstream. `service` reads all of it with
//! [`Registry::snapshot`].

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use config::Choices;

use crate::Tracer;

mod calls;
mod view;

pub use calls::{Calls, DEFAULT_BOUNDS, SECONDS_BOUNDS};
pub use view::{View, matches_wildcards};

/// Attributes of a series: key and value, sorted by key.
pub type Attributes = Vec<(String, String)>;

/// What kind of numbers a metric holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Monotonic sum.
    Counter,
    /// Sum that also goes down; a gauge to Prometheus.
    UpDown,
    /// Last value.
    Gauge,
    /// Distribution over fixed bounds.
    Histogram,
}

/// How much is measured: `service: telemetry: metrics: level:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Level {
    /// Nothing.
    None,
    /// What every dashboard shows.
    Basic,
    /// The default of the service.
    Normal,
    /// Everything.
    #[default]
    Detailed,
}

impl Choices for Level {
    const GO: &'static str = "configtelemetry.Level";
    const NAMES: &'static [(&'static str, Self)] = &[
        ("none", Self::None),
        ("basic", Self::Basic),
        ("normal", Self::Normal),
        ("detailed", Self::Detailed),
    ];
    const ANY_CASE: bool = true;

    fn word(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Basic => "Basic",
            Self::Normal => "Normal",
            Self::Detailed => "Detailed",
        }
    }

    fn unknown(word: &str) -> String {
        format!("unknown metrics level \"{}\"", word.to_lowercase())
    }
}

/// Name, unit and text of a metric.
#[derive(Debug, Clone, Copy)]
pub struct Descriptor {
    /// The Go package that makes it upstream, which OTLP and `otel_scope_name` show; [`OURS`] for
    /// what only we have.
    pub scope: &'static str,
    /// As scraped: `otelcol_receiver_accepted_spans`.
    pub name: &'static str,
    /// UCUM: `{span}`, `By`, `s`.
    pub unit: &'static str,
    /// One sentence.
    pub description: &'static str,
    /// Measured from this level on.
    pub level: Level,
}

/// The scope of metrics that upstream does not have.
pub const OURS: &str = "sluice";

/// A monotonic sum.
#[derive(Debug, Clone, Default)]
pub struct Counter(Arc<Number>);

/// A value that goes up and down.
#[derive(Debug, Clone, Default)]
pub struct Gauge(Arc<Number>);

/// A distribution: how many observations fell into each bucket, and their sum.
#[derive(Debug, Clone)]
pub struct Histogram(Arc<Buckets>);

#[derive(Debug, Default)]
struct Number {
    value: AtomicI64,
    touched: AtomicBool,
}

#[derive(Debug)]
struct Buckets {
    bounds: Arc<[f64]>,
    counts: Vec<AtomicU64>,
    sum_bits: AtomicU64,
    count: AtomicU64,
}

impl Counter {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.value.fetch_add(n.cast_signed(), Relaxed);
        self.0.touched.store(true, Relaxed);
    }

    /// What was added since the start of the program.
    pub fn value(&self) -> u64 {
        self.0.value.load(Relaxed).cast_unsigned()
    }
}

impl Gauge {
    /// Replaces the value.
    pub fn set(&self, value: i64) {
        self.0.value.store(value, Relaxed);
        self.0.touched.store(true, Relaxed);
    }

    /// Moves the value.
    pub fn add(&self, delta: i64) {
        self.0.value.fetch_add(delta, Relaxed);
        self.0.touched.store(true, Relaxed);
    }

    /// What it was set to, with what was added since.
    pub fn value(&self) -> i64 {
        self.0.value.load(Relaxed)
    }
}

/// One's part in a sum that several share; it leaves the sum when it is dropped.
#[derive(Debug, Default)]
pub struct Part {
    sum: Gauge,
    own: AtomicI64,
}

impl Part {
    /// Replaces the part.
    pub fn set(&self, value: i64) {
        self.sum.add(value - self.own.swap(value, Relaxed));
    }

    /// What this holder contributes to the series.
    pub fn value(&self) -> i64 {
        self.own.load(Relaxed)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if *self.own.get_mut() != 0 {
            self.set(0);
        }
    }
}

impl Histogram {
    /// Counts one observation.
    pub fn record(&self, value: f64) {
        let at = self.0.bounds.partition_point(|bound| *bound < value);
        self.0.counts[at].fetch_add(1, Relaxed);
        self.0.count.fetch_add(1, Relaxed);
        let _ = self
            .0
            .sum_bits
            .fetch_update(Relaxed, Relaxed, |bits| Some((f64::from_bits(bits) + value).to_bits()));
    }
}

/// Reads a value when somebody looks.
type Read = Arc<dyn Fn() -> Option<f64> + Send + Sync>;

#[derive(Clone)]
enum Instrument {
    Number(Arc<Number>),
    Histogram(Arc<Buckets>),
    /// Whoever looks gets the newest that has a value.
    Observed(Vec<Read>),
}

/// The metrics of one name: all but the series.
#[derive(Debug, Clone, PartialEq)]
struct Head {
    scope: &'static str,
    shape: Shape,
    unit: &'static str,
    description: Cow<'static, str>,
}

struct Family {
    head: Head,
    series: BTreeMap<Attributes, Instrument>,
}

/// All metrics of a meter.
pub struct Registry {
    started: SystemTime,
    families: Mutex<BTreeMap<Cow<'static, str>, Family>>,
}

impl Default for Registry {
    fn default() -> Self {
        Self { started: clock::now(), families: Mutex::default() }
    }
}

/// The value of one series.
#[derive(Debug, Clone, PartialEq)]
pub enum Sample {
    /// Counter or gauge.
    Int(i64),
    /// Counter or gauge that is read when somebody looks.
    Float(f64),
    /// Counts per bucket (one more than there are bounds), their bounds, and the sum.
    Histogram {
        /// Upper bounds, inclusive.
        bounds: Arc<[f64]>,
        /// Not cumulative.
        counts: Vec<u64>,
        /// Of all observations.
        sum: f64,
    },
}

/// One metric as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// As scraped.
    pub name: Cow<'static, str>,
    /// The Go package that makes it upstream.
    pub scope: &'static str,
    /// Counter, gauge or histogram.
    pub shape: Shape,
    /// UCUM.
    pub unit: &'static str,
    /// One sentence.
    pub description: Cow<'static, str>,
    /// The series that have been touched.
    pub series: Vec<(Attributes, Sample)>,
}

impl Registry {
    /// When counting began.
    pub fn started(&self) -> SystemTime {
        self.started
    }

    /// Everything as it is now, sorted by name; series that were never touched are left out.
    pub fn snapshot(&self) -> Vec<Metric> {
        let families = self
            .families
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .map(|(name, family)| {
                let series = family.series.iter();
                let series = series.map(|(key, it)| (key.clone(), it.clone())).collect();
                (name.clone(), family.head.clone(), series)
            })
            .collect::<Vec<(_, _, Vec<(Attributes, Instrument)>)>>();
        let metrics = families.into_iter().map(|(name, head, series)| {
            let series = series.into_iter().filter_map(|(key, it)| Some((key, sample(&it)?)));
            let Head { scope, shape, unit, description } = head;
            Metric { name, scope, shape, unit, description, series: series.collect() }
        });
        metrics.filter(|it| !it.series.is_empty()).collect()
    }

    fn add(
        &self,
        name: Cow<'static, str>,
        head: Head,
        attributes: Attributes,
        new: Instrument,
    ) -> Instrument {
        let mut families = self.families.lock().unwrap_or_else(PoisonError::into_inner);
        let family =
            families.entry(name).or_insert_with(|| Family { head, series: BTreeMap::new() });
        if let Instrument::Observed(new) = &new
            && let Some(Instrument::Observed(all)) = family.series.get_mut(&attributes)
        {
            all.retain(|it| it().is_some());
            all.extend(new.iter().cloned());
        }
        family.series.entry(attributes).or_insert(new).clone()
    }
}

fn sample(instrument: &Instrument) -> Option<Sample> {
    match instrument {
        Instrument::Number(it) if it.touched.load(Relaxed) => {
            Some(Sample::Int(it.value.load(Relaxed)))
        }
        Instrument::Number(_) => None,
        Instrument::Observed(all) => all.iter().rev().find_map(|it| it()).map(Sample::Float),
        Instrument::Histogram(it) if it.count.load(Relaxed) > 0 => Some(Sample::Histogram {
            bounds: Arc::clone(&it.bounds),
            counts: it.counts.iter().map(|n| n.load(Relaxed)).collect(),
            sum: f64::from_bits(it.sum_bits.load(Relaxed)),
        }),
        Instrument::Histogram(_) => None,
    }
}

/// Makes instruments. Asking twice for the same name and attributes gives the same instrument.
#[derive(Clone, Default)]
pub struct Meter {
    level: Level,
    views: Arc<[View]>,
    registry: Arc<Registry>,
    tracer: Tracer,
    /// What the label `receiver` says, whatever the instruments want.
    receiver: Option<Arc<str>>,
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meter")
    }
}

impl Meter {
    /// Keeps what is measured at `level`, as the first view that selects it says. The default keeps
    /// everything as it is.
    pub fn new(level: Level, views: Vec<View>) -> Self {
        Self { level, views: views.into(), ..Self::default() }
    }

    /// With what makes the spans beside the metrics.
    #[must_use]
    pub fn with_tracer(self, tracer: Tracer) -> Self {
        Self { tracer, ..self }
    }

    /// Measures under the name of another receiver, the one that starts others as what they read from comes and goes: each under a
    /// name of its own would be series without end.
    #[must_use]
    pub fn as_receiver(self, id: &str) -> Self {
        Self { receiver: Some(id.into()), ..self }
    }

    /// What makes the spans beside the metrics.
    pub fn tracer(&self) -> &Tracer {
        &self.tracer
    }

    /// How much is measured.
    pub fn level(&self) -> Level {
        self.level
    }

    /// What all instruments of this meter live in.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// A monotonic sum.
    pub fn counter(&self, what: Descriptor, attributes: &[(&str, &str)]) -> Counter {
        Counter(self.number(Shape::Counter, what, attributes))
    }

    /// A last value, with [`Gauge::set`].
    pub fn gauge(&self, what: Descriptor, attributes: &[(&str, &str)]) -> Gauge {
        Gauge(self.number(Shape::Gauge, what, attributes))
    }

    /// A sum that goes up and down, with [`Gauge::add`].
    pub fn up_down(&self, what: Descriptor, attributes: &[(&str, &str)]) -> Gauge {
        Gauge(self.number(Shape::UpDown, what, attributes))
    }

    /// A part in a sum that several share.
    pub fn part(&self, what: Descriptor, attributes: &[(&str, &str)]) -> Part {
        Part { sum: self.up_down(what, attributes), own: AtomicI64::new(0) }
    }

    /// A value that is read when somebody looks; `None` is for one that is no more. The newest counts: the
    /// one before is seen again when it goes.
    pub fn observe(
        &self,
        shape: Shape,
        what: Descriptor,
        attributes: &[(&str, &str)],
        read: impl Fn() -> Option<f64> + Send + Sync + 'static,
    ) {
        self.add(shape, what, attributes, |_| Instrument::Observed(vec![Arc::new(read)]));
    }

    /// A distribution over `bounds` (ascending, inclusive upper bounds).
    pub fn histogram(
        &self,
        what: Descriptor,
        bounds: &'static [f64],
        attributes: &[(&str, &str)],
    ) -> Histogram {
        let new = |view: Option<&View>| {
            let bounds = view.and_then(|it| it.bounds.clone()).unwrap_or_else(|| bounds.into());
            let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
            let (sum_bits, count) = (AtomicU64::new(0f64.to_bits()), AtomicU64::new(0));
            Arc::new(Buckets { bounds, counts, sum_bits, count })
        };
        let make = |view: Option<&View>| Instrument::Histogram(new(view));
        match self.add(Shape::Histogram, what, attributes, make) {
            Some(Instrument::Histogram(it)) => Histogram(it),
            _ => Histogram(new(None)),
        }
    }

    fn number(&self, shape: Shape, what: Descriptor, attributes: &[(&str, &str)]) -> Arc<Number> {
        match self.add(shape, what, attributes, |_| Instrument::Number(Arc::default())) {
            Some(Instrument::Number(it)) => it,
            _ => Arc::default(),
        }
    }

    /// `None` when nobody wants it.
    fn add(
        &self,
        shape: Shape,
        what: Descriptor,
        attributes: &[(&str, &str)],
        new: impl FnOnce(Option<&View>) -> Instrument,
    ) -> Option<Instrument> {
        if what.level > self.level {
            return None;
        }
        let view = self.views.iter().find(|it| it.selects(shape, &what));
        if view.is_some_and(|it| it.drop) {
            return None;
        }
        let keep = |key: &str| view.is_none_or(|it| it.keeps(key));
        let attributes = attributes.iter().filter(|(key, _)| keep(key)).map(|(key, value)| {
            let renamed = self.receiver.as_deref().filter(|_| *key == "receiver");
            (*key, renamed.unwrap_or(value))
        });
        let (name, description) = view.map(|it| (it.name.clone(), it.description.clone())).unzip();
        let head = Head {
            scope: what.scope,
            shape,
            unit: what.unit,
            description: description.flatten().map_or(what.description.into(), Cow::Owned),
        };
        let name = name.flatten().map_or(what.name.into(), Cow::Owned);
        Some(self.registry.add(name, head, sorted(attributes), new(view)))
    }
}

fn sorted<'a>(attributes: impl Iterator<Item = (&'a str, &'a str)>) -> Attributes {
    let mut all: Attributes = attributes.map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    all.sort();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITEMS: Descriptor = Descriptor {
        scope: OURS,
        name: "items",
        unit: "{item}",
        description: "Items.",
        level: Level::Normal,
    };

    #[test]
    fn a_series_shows_once_it_was_touched() {
        let meter = Meter::default();
        let counter = meter.counter(ITEMS, &[("b", "2"), ("a", "1")]);
        assert!(meter.registry().snapshot().is_empty());
        counter.add(0);
        meter.counter(ITEMS, &[("a", "1"), ("b", "2")]).add(3);
        let all = meter.registry().snapshot();
        let key = vec![("a".into(), "1".into()), ("b".into(), "2".into())];
        assert_eq!(all[0].series, [(key, Sample::Int(3))]);
    }

    #[test]
    fn receivers_that_another_one_starts_measure_under_its_name() {
        let meter = Meter::default();
        for id in ["file_log/a", "file_log/b"] {
            let own = meter.clone().as_receiver("receiver_creator");
            own.counter(ITEMS, &[("receiver", id), ("reason", "x")]).add(1);
        }
        let all = meter.registry().snapshot();
        let key =
            vec![("reason".into(), "x".into()), ("receiver".into(), "receiver_creator".into())];
        assert_eq!(all[0].series, [(key, Sample::Int(2))]);
    }

    #[test]
    fn of_two_that_are_observed_the_newer_is_seen_until_it_goes() {
        let meter = Meter::default();
        let observe = |value: f64| {
            let alive = Arc::new(value);
            let seen = Arc::downgrade(&alive);
            meter.observe(Shape::Gauge, ITEMS, &[], move || seen.upgrade().map(|it| *it));
            alive
        };
        let shown = || meter.registry().snapshot().first().map(|it| it.series[0].1.clone());
        let old = observe(1.0);
        let new = observe(2.0);
        assert_eq!(shown(), Some(Sample::Float(2.0)));
        drop(new);
        assert_eq!(shown(), Some(Sample::Float(1.0)));
        drop(old);
        assert_eq!(shown(), None);
    }

    #[test]
    fn a_bound_belongs_to_its_own_bucket() {
        let meter = Meter::default();
        let histogram = meter.histogram(ITEMS, &[1.0, 2.0], &[]);
        for it in [0.5, 1.0, 1.5, 9.0] {
            histogram.record(it);
        }
        let all = meter.registry().snapshot();
        let bounds = [1.0, 2.0].into();
        let want = Sample::Histogram { bounds, counts: vec![2, 1, 1], sum: 12.0 };
        assert_eq!(all[0].series[0].1, want);
    }

    #[test]
    fn parts_add_up_and_leave_when_they_are_dropped() {
        let meter = Meter::default();
        let (a, b) = (meter.part(ITEMS, &[]), meter.part(ITEMS, &[]));
        a.set(3);
        b.set(4);
        b.set(1);
        let sum = meter.up_down(ITEMS, &[]);
        assert_eq!(sum.value(), 4);
        drop(a);
        assert_eq!(sum.value(), 1);
    }

    #[test]
    fn what_is_above_the_level_is_not_kept() {
        for (level, kept) in
            [(Level::None, 0), (Level::Basic, 0), (Level::Normal, 1), (Level::Detailed, 1)]
        {
            let meter = Meter::new(level, Vec::new());
            meter.counter(ITEMS, &[]).add(1);
            meter.observe(Shape::Gauge, ITEMS, &[("a", "b")], || Some(1.0));
            assert_eq!(meter.registry().snapshot().len(), kept, "{level:?}");
        }
    }

    #[test]
    fn a_view_renames_drops_attributes_and_sets_bounds() {
        let view = View {
            name_pattern: "it*".into(),
            name: Some("things".into()),
            excluded: vec!["a".into()],
            bounds: Some([5.0].into()),
            ..View::default()
        };
        let meter = Meter::new(Level::Detailed, vec![view]);
        meter.histogram(ITEMS, &[1.0], &[("a", "1"), ("b", "2")]).record(3.0);
        meter.histogram(ITEMS, &[1.0], &[("a", "2"), ("b", "2")]).record(9.0);
        let all = meter.registry().snapshot();
        let bounds = [5.0].into();
        let sample = Sample::Histogram { bounds, counts: vec![1, 1], sum: 12.0 };
        assert_eq!(all[0].name, "things");
        assert_eq!(all[0].series, [(vec![("b".into(), "2".into())], sample)]);
        let view = View { name_pattern: "items".into(), drop: true, ..View::default() };
        let meter = Meter::new(Level::Detailed, vec![view]);
        meter.counter(ITEMS, &[]).add(1);
        assert!(meter.registry().snapshot().is_empty());
    }
}
