//! The sections of a table: which metrics are sent and by which attributes, and for which resources. Their keys are
//! the rows of the table, so an unknown one is found and corrected as any other unknown key.

use std::fmt;
use std::marker::PhantomData;

use component::Problems;
use config::{Described, Inside, Key, Upstream};
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::catalog::{Catalog, Kind, Metric};

/// What may become of points whose attributes are the same.
const STRATEGIES: [&str; 4] = ["sum", "avg", "min", "max"];

/// `metrics:`
#[derive(Debug)]
pub struct MetricsSection<C> {
    rows: Vec<MetricRow>,
    of: PhantomData<fn() -> C>,
}

/// One metric of the section.
#[derive(Debug, Clone, PartialEq, Deserialize, config::Described)]
#[config(go = "metadata.MetricConfig", unmarshals)]
pub(crate) struct MetricRow {
    /// Whether it is sent.
    pub(crate) enabled: bool,
    /// What becomes of points whose attributes are the same: sum, avg, min or max.
    #[serde(default)]
    pub(crate) aggregation_strategy: String,
    /// Attributes of its points. Points that only other attributes told apart become one.
    #[serde(default)]
    pub(crate) attributes: Vec<String>,
}

/// One metric whose points have no attributes.
#[derive(config::Described)]
#[config(go = "metadata.MetricConfig", unmarshals)]
#[expect(dead_code, reason = "it describes the key, nobody makes one")]
struct Toggle {
    /// Whether it is sent.
    enabled: bool,
}

impl MetricRow {
    fn new(metric: &Metric) -> Self {
        let strategy = if metric.kind == Kind::Gauge { "avg" } else { "sum" };
        let attributes = metric.attributes.iter().filter(|it| !metric.opt_in.contains(it));
        Self {
            enabled: metric.enabled,
            aggregation_strategy: strategy.to_owned(),
            attributes: attributes.map(|it| (*it).to_owned()).collect(),
        }
    }

    fn validate(&self, metric: &Metric, key: &str, problems: &mut Problems) {
        let Metric { name, attributes, .. } = metric;
        let unknown = self.attributes.iter().find(|it| !attributes.contains(&it.as_str()));
        if let Some(unknown) = unknown {
            let valid = attributes.join(", ");
            let text = format!(
                "metric {name} doesn't have an attribute {unknown}, valid attributes: [{valid}]"
            );
            problems.at(key, text).one_of("attributes", attributes);
        } else if !attributes.is_empty()
            && !STRATEGIES.contains(&self.aggregation_strategy.as_str())
        {
            let text = format!(
                "invalid aggregation strategy {:?}, valid strategies: [{}]",
                self.aggregation_strategy,
                STRATEGIES.join(", ")
            );
            problems.at(key, text).one_of("aggregation_strategy", &STRATEGIES);
        }
    }
}

impl<C: Catalog> MetricsSection<C> {
    /// The rows in the order of the table.
    pub(crate) fn rows(&self) -> &[MetricRow] {
        &self.rows
    }

    /// Whether the metric is sent.
    pub fn is_enabled(&self, metric: C) -> bool {
        self.rows.get(metric.index()).is_some_and(|it| it.enabled)
    }

    /// Says what is wrong; `key` is the place of the section.
    pub fn validate(&self, key: &str, problems: &mut Problems) {
        for (metric, row) in C::METRICS.iter().zip(&self.rows) {
            row.validate(metric, &format!("{key}::{}", metric.name), problems);
        }
    }
}

impl<C: Catalog> Default for MetricsSection<C> {
    fn default() -> Self {
        let rows = C::METRICS.iter().map(MetricRow::new).collect();
        Self { rows, of: PhantomData }
    }
}

impl<C> Clone for MetricsSection<C> {
    fn clone(&self) -> Self {
        Self { rows: self.rows.clone(), of: PhantomData }
    }
}

/// A metric has the keys for its attributes only if its points have any.
struct ShownRow<'a>(&'a Metric, &'a MetricRow);

impl Serialize for ShownRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(metric, row) = self;
        let has_attributes = !metric.attributes.is_empty();
        let mut keys = serializer.serialize_struct("", if has_attributes { 3 } else { 1 })?;
        keys.serialize_field("enabled", &row.enabled)?;
        if has_attributes {
            keys.serialize_field("aggregation_strategy", &row.aggregation_strategy)?;
            keys.serialize_field("attributes", &row.attributes)?;
        }
        keys.end()
    }
}

impl<C: Catalog> Serialize for MetricsSection<C> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut keys = serializer.serialize_struct("", C::METRICS.len())?;
        for (metric, row) in C::METRICS.iter().zip(&self.rows) {
            keys.serialize_field(metric.name, &ShownRow(metric, row))?;
        }
        keys.end()
    }
}

impl<'de, C: Catalog> Deserialize<'de> for MetricsSection<C> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut section = Self::default();
        let names = C::METRICS.iter().map(|it| it.name);
        deserializer.deserialize_map(Rows { names: names.collect(), rows: &mut section.rows })?;
        Ok(section)
    }
}

impl<C: Catalog> Described for MetricsSection<C> {
    fn inside() -> Inside {
        let key = |it: &Metric| Key {
            name: it.name,
            text: it.description,
            is_flat: false,
            omit_empty: false,
            omit_default: false,
            go: "",
            inside: if it.attributes.is_empty() { Toggle::inside } else { MetricRow::inside },
        };
        Inside::Keys(C::METRICS.iter().map(key).collect(), Upstream::default())
    }
}

/// Puts the entries of a map where their names stand in a table.
struct Rows<'a, T> {
    names: Vec<&'static str>,
    rows: &'a mut [T],
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Rows<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("struct section")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            let at = self.names.iter().position(|it| *it == name);
            match at.and_then(|at| self.rows.get_mut(at)) {
                Some(row) => *row = map.next_value()?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// `resource_attributes:`
#[derive(Debug)]
pub struct ResourceSection<C> {
    rows: Vec<ResourceRow>,
    of: PhantomData<fn() -> C>,
}

/// One resource attribute of the section.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[config(go = "metadata.ResourceAttributeConfig", unmarshals)]
pub(crate) struct ResourceRow {
    /// Whether resources have it.
    pub(crate) enabled: bool,
    /// Only resources are sent for which its value matches one of these. Default all.
    #[serde(default)]
    #[config(omit_empty)]
    pub(crate) metrics_include: Vec<FilterConfig>,
    /// Resources are not sent for which its value matches one of these. Default none.
    #[serde(default)]
    #[config(omit_empty)]
    pub(crate) metrics_exclude: Vec<FilterConfig>,
}

/// What a value is compared with. `go.opentelemetry.io/collector/filter`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct FilterConfig {
    /// The whole value.
    #[config(omit_empty)]
    pub strict: String,
    /// A regular expression that matches a part of it.
    #[config(omit_empty)]
    pub regexp: String,
}

impl FilterConfig {
    /// Says what is wrong; `key` is the place of the item.
    fn validate(&self, key: &str, problems: &mut Problems) {
        if self.strict.is_empty() && self.regexp.is_empty() {
            problems.at(key, "must specify either strict or regex");
        } else if !self.strict.is_empty() && !self.regexp.is_empty() {
            problems.at(key, "strict and regex cannot be used together");
        } else if let Err(error) = golang::regexp::compile(&self.regexp) {
            problems.at(key, error.to_string()).about("regexp");
        }
    }
}

impl<C: Catalog> ResourceSection<C> {
    /// The rows in the order of the table.
    pub(crate) fn rows(&self) -> &[ResourceRow] {
        &self.rows
    }

    /// Whether resources have the attribute.
    pub fn is_enabled(&self, name: &str) -> bool {
        let mut rows = C::RESOURCE.iter().zip(&self.rows);
        rows.any(|(it, row)| it.name == name && row.enabled)
    }

    /// Says what is wrong; `key` is the place of the section.
    pub fn validate(&self, key: &str, problems: &mut Problems) {
        for (attribute, row) in C::RESOURCE.iter().zip(&self.rows) {
            let lists = [
                ("metrics_include", &row.metrics_include),
                ("metrics_exclude", &row.metrics_exclude),
            ];
            for (list, filters) in lists {
                for (at, filter) in filters.iter().enumerate() {
                    let place = format!("{key}::{}::{list}::{at}", attribute.name);
                    filter.validate(&place, problems);
                }
            }
        }
    }
}

impl<C: Catalog> Default for ResourceSection<C> {
    fn default() -> Self {
        let row = |enabled| ResourceRow { enabled, ..ResourceRow::default() };
        Self { rows: C::RESOURCE.iter().map(|it| row(it.enabled)).collect(), of: PhantomData }
    }
}

impl<C> Clone for ResourceSection<C> {
    fn clone(&self) -> Self {
        Self { rows: self.rows.clone(), of: PhantomData }
    }
}

impl<C: Catalog> Serialize for ResourceSection<C> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut keys = serializer.serialize_struct("", C::RESOURCE.len())?;
        for (attribute, row) in C::RESOURCE.iter().zip(&self.rows) {
            keys.serialize_field(attribute.name, row)?;
        }
        keys.end()
    }
}

impl<'de, C: Catalog> Deserialize<'de> for ResourceSection<C> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut section = Self::default();
        let names = C::RESOURCE.iter().map(|it| it.name);
        deserializer.deserialize_map(Rows { names: names.collect(), rows: &mut section.rows })?;
        Ok(section)
    }
}

impl<C: Catalog> Described for ResourceSection<C> {
    fn inside() -> Inside {
        let keys = C::RESOURCE.iter().map(|it| Key {
            name: it.name,
            text: it.description,
            is_flat: false,
            omit_empty: false,
            omit_default: false,
            go: "",
            inside: ResourceRow::inside,
        });
        Inside::Keys(keys.collect(), Upstream::default())
    }
}
