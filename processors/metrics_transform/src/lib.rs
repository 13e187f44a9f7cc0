//! Renames, copies, combines and groups metrics, changes their labels, aggregates and scales their points. Stateless:
//! a request is never aggregated with another one.

mod config;
mod operations;
mod plan;
mod scope;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;

use component::{
    Component, ConsumeError, Context, Data, Next, Problems, Processor, ProcessorSettings, Signal,
    Stability, Stateless,
};
use pdata::{Depth, Field, Keep, Metrics, Place, Value};

pub use config::{Config, Operation, Transform, ValueAction};
use plan::Action;
use scope::{Entry, Fate, Scope, Written};

/// The processor.
pub struct MetricsTransform {
    transforms: Vec<plan::Transform>,
    next: Next,
}

/// The section, compiled.
pub struct Plan {
    transforms: Vec<plan::Transform>,
}

impl Processor for MetricsTransform {
    type Config = Config;
    type Plan = Plan;
    const TYPE: &'static str = "metrics_transform";
    const ALIASES: &'static [&'static str] = &["metricstransform"];
    const SIGNALS: &'static [(Signal, Stability)] = &[(Signal::Metrics, Stability::Beta)];

    fn plan(config: Config, found: &mut Problems) -> Option<Plan> {
        Some(Plan { transforms: plan::compile(&config, found)? })
    }

    fn create(settings: ProcessorSettings, plan: Arc<Plan>, next: Next) -> Self {
        let version = settings.build.version;
        let transforms = plan.transforms.iter().map(|it| it.with_version(version)).collect();
        Self { transforms, next }
    }
}

impl Component for MetricsTransform {}

impl Stateless for MetricsTransform {
    fn map(&self, _ctx: &Context, data: &Data) -> Result<Data, ConsumeError> {
        let Data::Metrics(metrics) = data else { return Ok(data.clone()) };
        let changes = self.changes(metrics);
        Ok(if changes.any { self.group(changes.apply(data)) } else { data.clone() })
    }

    fn next(&self) -> &Next {
        &self.next
    }
}

/// What becomes of the metrics of a request, in the order in which an edit visits them.
#[derive(Default)]
struct Changes<'a> {
    /// Of those that came, each with how many are added to its scope behind it.
    came: VecDeque<(Entry<'a>, usize)>,
    added: VecDeque<Entry<'a>>,
    any: bool,
}

/// A request, and where each of its metrics goes.
type Parted = (Data, Vec<Fate>);

impl MetricsTransform {
    fn changes<'a>(&self, metrics: &'a Metrics) -> Changes<'a> {
        let mut changes = Changes::default();
        let scopes = metrics.resources().flat_map(pdata::ResourceMetrics::scopes);
        for metrics in scopes {
            let mut scope = Scope::new(metrics.metrics());
            for (at, transform) in self.transforms.iter().enumerate() {
                scope.apply(transform, at);
            }
            changes.add(scope);
        }
        changes
    }

    /// Moves metrics to the resources of the transforms with `action: group`.
    fn group(&self, (data, fates): Parted) -> Data {
        if fates.iter().all(|it| *it == Fate::Stays) {
            return data;
        }
        let signal = data.signal();
        let mut fates = fates.into_iter();
        let mut parts = data.partition(Depth::Item, |_| match fates.next() {
            Some(Fate::Moves(at)) => Some(at),
            _ => None,
        });
        parts.sort_by_key(|(at, _)| *at);
        let parts = parts.into_iter().map(|(at, part)| {
            match at.and_then(|it| self.transforms.get(it)).map(|it| &it.action) {
                Some(Action::Group(labels)) => part.edit(Depth::Resource, |place| {
                    if let Some(mut attributes) = place.attributes(Field::RESOURCE_ATTRIBUTES) {
                        labels.iter().for_each(|(key, value)| attributes.set(key, value));
                    }
                    Keep::Whole
                }),
                _ => part,
            }
        });
        Data::concat(parts).unwrap_or_else(|| Data::empty(signal))
    }
}

impl<'a> Changes<'a> {
    fn add(&mut self, scope: Scope<'a>) {
        if scope.left_out > 0 {
            let dropped_metrics = scope.left_out;
            tracing::warn!(
                dropped_metrics,
                "too many metrics were added to one scope: copies are left out, and what would be combined stays as it is"
            );
        }
        let came = scope.came;
        self.any |= scope.entries.len() > came || !scope.entries.iter().all(Entry::is_untouched);
        let added = scope.entries.len().saturating_sub(came);
        for (at, entry) in scope.entries.into_iter().enumerate() {
            if at < came {
                self.came.push_back((entry, if at + 1 == came { added } else { 0 }));
            } else {
                self.added.push_back(entry);
            }
        }
    }

    fn apply(mut self, data: &Data) -> Parted {
        let mut fates = Vec::new();
        // How many of the metrics that were added come before the next one that came.
        let mut added = 0;
        let data = data.edit(Depth::Item, |place| {
            if place.depth() < Depth::Item {
                return Keep::Enter;
            }
            let entry = if added > 0 {
                added -= 1;
                self.added.pop_front()
            } else {
                self.came.pop_front().map(|(entry, behind)| {
                    // What they are is written when they are visited.
                    added = (0..behind).take_while(|_| place.add_item(&[])).count();
                    entry
                })
            };
            let Some(entry) = entry else { return Keep::Whole };
            if entry.fate == Fate::Goes {
                return Keep::Drop;
            }
            fates.push(entry.fate);
            write(place, entry.written());
            Keep::Whole
        });
        (data, fates)
    }
}

fn write(place: &mut Place<'_>, written: Written) {
    match written {
        Written::Source => {}
        Written::Named(name) => {
            let _ = place.set(Field::METRIC_NAME, &[], Value::Str(&name));
        }
        Written::Tree(metric) => place.set_metric_tree(&metric),
    }
}
