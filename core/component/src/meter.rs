//! Own metrics: counters, gauges and histograms that cost one atomic operation per batch.
//!
//! The attributes of an instrument are fixed when it is made, so an increment allocates nothing.
//! A series that was never touched is not shown, as upstream. `service` reads all of it with
//! [`Registry::snapshot`].

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// Attributes of a series: key and value, sorted by key.
pub type Attributes = Vec<(String, String)>;

/// What kind of numbers a metric holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Monotonic sum.
    Counter,
    /// Last value, or an up-down sum.
    Gauge,
    /// Distribution over fixed bounds.
    Histogram,
}

/// Name, unit and text of a metric.
#[derive(Debug, Clone, Copy)]
pub struct Descriptor {
    /// As scraped: `otelcol_receiver_accepted_spans`.
    pub name: &'static str,
    /// UCUM: `{span}`, `By`, `s`.
    pub unit: &'static str,
    /// One sentence.
    pub description: &'static str,
}

/// A monotonic sum.
#[derive(Debug, Clone, Default)]
pub struct Counter(Arc<Number>);

/// A value that goes up and down.
#[derive(Debug, Clone, Default)]
pub struct Gauge(Arc<Number>);

/// A distribution.
#[derive(Debug, Clone)]
pub struct Histogram(Arc<Buckets>);

#[derive(Debug, Default)]
struct Number {
    value: AtomicI64,
    touched: AtomicBool,
}

#[derive(Debug)]
struct Buckets {
    bounds: &'static [f64],
    counts: Vec<AtomicU64>,
    sum_bits: AtomicU64,
    count: AtomicU64,
}

impl Counter {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.value.fetch_add(n as i64, Relaxed);
        self.0.touched.store(true, Relaxed);
    }

    /// The sum.
    pub fn value(&self) -> u64 {
        self.0.value.load(Relaxed) as u64
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

    /// The value.
    pub fn value(&self) -> i64 {
        self.0.value.load(Relaxed)
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

#[derive(Clone)]
enum Instrument {
    Number(Arc<Number>),
    Histogram(Arc<Buckets>),
    Observed(Arc<dyn Fn() -> Option<f64> + Send + Sync>),
}

struct Family {
    shape: Shape,
    unit: &'static str,
    description: &'static str,
    series: BTreeMap<Attributes, Instrument>,
}

/// All metrics of the process.
#[derive(Default)]
pub struct Registry {
    families: Mutex<BTreeMap<&'static str, Family>>,
}

/// The value of one series.
#[derive(Debug, Clone, PartialEq)]
pub enum Sample {
    /// Counter or gauge.
    Number(f64),
    /// Counts per bucket (one more than there are bounds), their bounds, and the sum.
    Histogram {
        /// Upper bounds, inclusive.
        bounds: &'static [f64],
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
    pub name: &'static str,
    /// Counter, gauge or histogram.
    pub shape: Shape,
    /// UCUM.
    pub unit: &'static str,
    /// One sentence.
    pub description: &'static str,
    /// The series that have been touched.
    pub series: Vec<(Attributes, Sample)>,
}

impl Registry {
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
                (*name, family.shape, family.unit, family.description, series)
            })
            .collect::<Vec<(_, _, _, _, Vec<(Attributes, Instrument)>)>>();
        let metrics = families.into_iter().map(|(name, shape, unit, description, series)| {
            let series = series.into_iter().filter_map(|(key, it)| Some((key, sample(&it)?)));
            Metric { name, shape, unit, description, series: series.collect() }
        });
        metrics.filter(|it| !it.series.is_empty()).collect()
    }

    fn add(
        &self,
        shape: Shape,
        what: Descriptor,
        attributes: Attributes,
        new: Instrument,
    ) -> Instrument {
        let mut families = self.families.lock().unwrap_or_else(PoisonError::into_inner);
        let family = families.entry(what.name).or_insert_with(|| Family {
            shape,
            unit: what.unit,
            description: what.description,
            series: BTreeMap::new(),
        });
        if let Instrument::Observed(_) = new {
            family.series.insert(attributes, new.clone());
            return new;
        }
        family.series.entry(attributes).or_insert(new).clone()
    }
}

fn sample(instrument: &Instrument) -> Option<Sample> {
    match instrument {
        Instrument::Number(it) if it.touched.load(Relaxed) => {
            Some(Sample::Number(it.value.load(Relaxed) as f64))
        }
        Instrument::Number(_) => None,
        Instrument::Observed(read) => read().map(Sample::Number),
        Instrument::Histogram(it) if it.count.load(Relaxed) > 0 => Some(Sample::Histogram {
            bounds: it.bounds,
            counts: it.counts.iter().map(|n| n.load(Relaxed)).collect(),
            sum: f64::from_bits(it.sum_bits.load(Relaxed)),
        }),
        Instrument::Histogram(_) => None,
    }
}

/// Makes instruments. Asking twice for the same name and attributes gives the same instrument.
#[derive(Clone, Default)]
pub struct Meter {
    registry: Arc<Registry>,
}

impl std::fmt::Debug for Meter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Meter")
    }
}

impl Meter {
    /// What all instruments of this meter live in.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// A monotonic sum.
    pub fn counter(&self, what: Descriptor, attributes: &[(&str, &str)]) -> Counter {
        match self.number(Shape::Counter, what, attributes) {
            Some(number) => Counter(number),
            None => Counter::default(),
        }
    }

    /// A value that goes up and down.
    pub fn gauge(&self, what: Descriptor, attributes: &[(&str, &str)]) -> Gauge {
        match self.number(Shape::Gauge, what, attributes) {
            Some(number) => Gauge(number),
            None => Gauge::default(),
        }
    }

    /// A value that is read when somebody looks; `None` hides the series. Replaces an earlier one.
    pub fn observe(
        &self,
        shape: Shape,
        what: Descriptor,
        attributes: &[(&str, &str)],
        read: impl Fn() -> Option<f64> + Send + Sync + 'static,
    ) {
        self.registry.add(shape, what, sorted(attributes), Instrument::Observed(Arc::new(read)));
    }

    /// A distribution over `bounds` (ascending, inclusive upper bounds).
    pub fn histogram(
        &self,
        what: Descriptor,
        bounds: &'static [f64],
        attributes: &[(&str, &str)],
    ) -> Histogram {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        let (sum_bits, count) = (AtomicU64::new(0f64.to_bits()), AtomicU64::new(0));
        let new = Arc::new(Buckets { bounds, counts, sum_bits, count });
        let instrument = Instrument::Histogram(Arc::clone(&new));
        match self.registry.add(Shape::Histogram, what, sorted(attributes), instrument) {
            Instrument::Histogram(it) => Histogram(it),
            _ => Histogram(new),
        }
    }

    fn number(
        &self,
        shape: Shape,
        what: Descriptor,
        attributes: &[(&str, &str)],
    ) -> Option<Arc<Number>> {
        let new = Instrument::Number(Arc::default());
        match self.registry.add(shape, what, sorted(attributes), new) {
            Instrument::Number(it) => Some(it),
            _ => None,
        }
    }
}

fn sorted(attributes: &[(&str, &str)]) -> Attributes {
    let mut all: Attributes =
        attributes.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    all.sort();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITEMS: Descriptor = Descriptor { name: "items", unit: "{item}", description: "Items." };

    #[test]
    fn a_series_shows_once_it_was_touched() {
        let meter = Meter::default();
        let counter = meter.counter(ITEMS, &[("b", "2"), ("a", "1")]);
        assert!(meter.registry().snapshot().is_empty());
        counter.add(0);
        meter.counter(ITEMS, &[("a", "1"), ("b", "2")]).add(3);
        let all = meter.registry().snapshot();
        let key = vec![("a".into(), "1".into()), ("b".into(), "2".into())];
        assert_eq!(all[0].series, [(key, Sample::Number(3.0))]);
    }

    #[test]
    fn a_bound_belongs_to_its_own_bucket() {
        let meter = Meter::default();
        let histogram = meter.histogram(ITEMS, &[1.0, 2.0], &[]);
        for it in [0.5, 1.0, 1.5, 9.0] {
            histogram.record(it);
        }
        let all = meter.registry().snapshot();
        let want = Sample::Histogram { bounds: &[1.0, 2.0], counts: vec![2, 1, 1], sum: 12.0 };
        assert_eq!(all[0].series[0].1, want);
    }
}
