//! The metrics of one scope while the transforms run, one transform after the other over all of them.
//!
//! A metric is decoded only when a transform wants more of it than its name, and written only if one has changed it.

use std::collections::BTreeSet;

use pdata::tree::{self, metric};
use points::each_attributes;

use crate::operations::{self, put};
use crate::plan::{Action, Case, Transform};

/// Most metrics that transforms add to one scope: each `insert` can double what is there.
const ADDED_MAX: usize = 10_000;

/// The metrics, those that came before those that were added.
pub(crate) struct Scope<'a> {
    pub(crate) entries: Vec<Entry<'a>>,
    /// How many came.
    pub(crate) came: usize,
    /// Copies that were left out.
    pub(crate) left_out: usize,
}

/// A metric.
#[derive(Default)]
pub(crate) struct Entry<'a> {
    source: pdata::Metric<'a>,
    name: Option<String>,
    tree: Option<tree::Metric>,
    is_changed: bool,
    pub(crate) fate: Fate,
}

/// Where a metric goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Fate {
    #[default]
    Stays,
    Goes,
    /// To the resource of this transform.
    Moves(usize),
}

/// What is written for a metric.
pub(crate) enum Written {
    /// What came.
    Source,
    /// What came, with this name.
    Named(String),
    Tree(tree::Metric),
}

impl Entry<'_> {
    fn name(&self) -> &str {
        match (&self.tree, &self.name) {
            (Some(it), _) => &it.name,
            (None, Some(it)) => it,
            (None, None) => self.source.name(),
        }
    }

    fn tree(&mut self) -> &mut tree::Metric {
        let Self { source, name, tree, .. } = self;
        tree.get_or_insert_with(|| {
            let mut read = source.to_tree();
            if let Some(name) = name.take() {
                read.name = name;
            }
            read
        })
    }

    pub(crate) fn written(self) -> Written {
        match (self.tree, self.name) {
            (Some(it), _) if self.is_changed => Written::Tree(it),
            (None, Some(it)) => Written::Named(it),
            _ => Written::Source,
        }
    }

    pub(crate) fn is_untouched(&self) -> bool {
        !self.is_changed && self.fate == Fate::Stays
    }
}

impl<'a> Scope<'a> {
    pub(crate) fn new(metrics: impl Iterator<Item = pdata::Metric<'a>>) -> Self {
        let entries: Vec<Entry<'a>> =
            metrics.map(|source| Entry { source, ..Entry::default() }).collect();
        Self { came: entries.len(), entries, left_out: 0 }
    }

    pub(crate) fn apply(&mut self, transform: &Transform, index: usize) {
        match &transform.action {
            Action::Update => self.meant(transform).for_each(|it| update(it, transform)),
            Action::Insert => self.insert(transform),
            Action::Group(_) => self.meant(transform).for_each(|it| {
                if extract(it, transform).is_some() {
                    it.fate = Fate::Moves(index);
                }
            }),
            Action::Combine(..) => self.combine(transform),
        }
    }

    /// The metrics that are meant by their names.
    fn meant(&mut self, transform: &Transform) -> impl Iterator<Item = &mut Entry<'a>> {
        let meant = |it: &Entry<'_>| it.fate == Fate::Stays && transform.filter.name(it.name());
        self.entries.iter_mut().filter(move |it| meant(it))
    }

    fn is_full(&self) -> bool {
        self.entries.len() - self.came >= ADDED_MAX
    }

    fn add(&mut self, metric: tree::Metric) {
        if self.is_full() {
            self.left_out += 1;
            return;
        }
        self.entries.push(Entry { tree: Some(metric), is_changed: true, ..Entry::default() });
    }

    fn insert(&mut self, transform: &Transform) {
        let mut copies = Vec::new();
        for entry in self.meant(transform) {
            let Some(mut copy) = chosen(entry.tree(), transform) else { continue };
            if operations::run(transform, &mut copy) {
                copies.push(copy);
            }
        }
        copies.into_iter().for_each(|it| self.add(it));
    }

    /// Whether all metrics that are meant are alike. Who looks into the log learns why they are not.
    fn can_be_combined(&mut self, transform: &Transform) -> bool {
        let trees = self.meant(transform).map(|it| &*it.tree());
        let mut trees = trees.filter(|it| has_chosen(it, transform));
        let Some(first) = trees.next() else { return false };
        let first_keys = keys(first);
        let differing = trees.find_map(|it| Some((it, difference(first, &first_keys, it)?)));
        let Some((other, why)) = differing else { return true };
        let (metric, other) = (&first.name, &other.name);
        tracing::warn!(metric, other, "metrics cannot be combined: {why}");
        false
    }

    fn combine(&mut self, transform: &Transform) {
        let Action::Combine(aggregation, case) = &transform.action else { return };
        if !self.can_be_combined(transform) {
            return;
        }
        // Those that it would be made of would go for nothing.
        if self.is_full() {
            self.left_out += 1;
            return;
        }
        let mut combined: Option<tree::Metric> = None;
        for entry in self.meant(transform) {
            if !has_chosen(entry.tree(), transform) {
                continue;
            }
            // Nobody looks at what goes.
            let mut metric = std::mem::take(entry.tree());
            entry.fate = Fate::Goes;
            points::retain(&mut metric, &mut |it| transform.filter.point(it));
            label_by_name(&mut metric, transform, *case);
            match &mut combined {
                Some(first) => append(first, metric),
                None => combined = Some(metric),
            }
        }
        let Some(mut combined) = combined else { return };
        combined.name.clone_from(&transform.new_name);
        points::aggregate(&mut combined, *aggregation);
        if operations::run(transform, &mut combined) {
            self.add(combined);
        }
    }
}

fn update(entry: &mut Entry<'_>, transform: &Transform) {
    if transform.operations.is_empty() && transform.filter.is_by_name() && entry.tree.is_none() {
        let name = transform.renamed(entry.name());
        entry.is_changed |= name.is_some();
        entry.name = name.or(entry.name.take());
        return;
    }
    let metric = entry.tree();
    if !has_chosen(metric, transform) {
        return;
    }
    if !operations::run(transform, metric) {
        entry.fate = Fate::Goes;
    }
    entry.is_changed = true;
}

/// Whether a metric has points that are meant; one without points has.
fn has_chosen(metric: &tree::Metric, transform: &Transform) -> bool {
    points::count(metric) == 0 || points::any(metric, &mut |it| transform.filter.point(it))
}

/// Leaves the points that are meant, if there are any.
fn extract(entry: &mut Entry<'_>, transform: &Transform) -> Option<()> {
    if transform.filter.is_by_name() {
        return Some(());
    }
    let metric = entry.tree();
    has_chosen(metric, transform).then_some(())?;
    points::retain(metric, &mut |it| transform.filter.point(it));
    entry.is_changed = true;
    Some(())
}

/// A copy with the points that are meant, if there are any.
fn chosen(metric: &tree::Metric, transform: &Transform) -> Option<tree::Metric> {
    has_chosen(metric, transform).then_some(())?;
    let mut copy = metric.clone();
    points::retain(&mut copy, &mut |it| transform.filter.point(it));
    Some(copy)
}

/// Makes labels of the groups of the pattern that a metric's name matches.
fn label_by_name(metric: &mut tree::Metric, transform: &Transform, case: Case) {
    let Some(pattern) = transform.filter.regexp() else { return };
    let name = metric.name.clone();
    let Some(found) = pattern.captures(&name) else { return };
    for (at, (key, group)) in pattern.capture_names().zip(found.iter()).enumerate().skip(1) {
        let Some(text) = group.map(|it| it.as_str()).filter(|it| !it.is_empty()) else { continue };
        let key = key.map_or_else(|| format!("${at}"), str::to_owned);
        let text = case.of(text);
        each_attributes(metric, &mut |it| put(it, &key, &text));
    }
}

/// The keys of the attributes of all points.
fn keys(metric: &tree::Metric) -> BTreeSet<&str> {
    let mut keys = BTreeSet::new();
    points::any(metric, &mut |it| {
        keys.extend(it.iter().map(|it| it.key.as_str()));
        false
    });
    keys
}

/// Why two metrics cannot become one.
fn difference(
    first: &tree::Metric,
    first_keys: &BTreeSet<&str>,
    other: &tree::Metric,
) -> Option<&'static str> {
    match (&first.data, &other.data) {
        _ if first.unit != other.unit => Some("they have different units"),
        _ if *first_keys != keys(other) => Some("they have different attributes"),
        (Some(metric::Data::Sum(one)), Some(metric::Data::Sum(other))) => {
            if one.aggregation_temporality != other.aggregation_temporality {
                return Some(TEMPORALITIES);
            }
            (one.is_monotonic != other.is_monotonic).then_some("they have different monotonicity")
        }
        (Some(metric::Data::Histogram(one)), Some(metric::Data::Histogram(other))) => {
            (one.aggregation_temporality != other.aggregation_temporality).then_some(TEMPORALITIES)
        }
        (
            Some(metric::Data::ExponentialHistogram(one)),
            Some(metric::Data::ExponentialHistogram(other)),
        ) => {
            (one.aggregation_temporality != other.aggregation_temporality).then_some(TEMPORALITIES)
        }
        (Some(metric::Data::Summary(_)), Some(metric::Data::Summary(_))) => {
            Some("they are summaries")
        }
        (Some(metric::Data::Gauge(_)), Some(metric::Data::Gauge(_))) | (None, None) => None,
        _ => Some("they are of different types"),
    }
}

const TEMPORALITIES: &str = "they have different aggregation temporalities";

/// Adds the points of a metric of the same kind.
fn append(to: &mut tree::Metric, from: tree::Metric) {
    match (&mut to.data, from.data) {
        (Some(metric::Data::Gauge(to)), Some(metric::Data::Gauge(from))) => {
            to.data_points.extend(from.data_points);
        }
        (Some(metric::Data::Sum(to)), Some(metric::Data::Sum(from))) => {
            to.data_points.extend(from.data_points);
        }
        (Some(metric::Data::Histogram(to)), Some(metric::Data::Histogram(from))) => {
            to.data_points.extend(from.data_points);
        }
        (
            Some(metric::Data::ExponentialHistogram(to)),
            Some(metric::Data::ExponentialHistogram(from)),
        ) => to.data_points.extend(from.data_points),
        _ => {}
    }
}
