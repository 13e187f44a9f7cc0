//! `match_type: expr` of metrics: expressions in the language of the log operators, on the points of a metric.
//! A metric matches if one of the expressions holds for one of its points.

use bumpalo::Bump;
use expr::{Program, Record};
use golang::value::{Pair, Value};
use pdata::{Metric, MetricData, Place};

use crate::config::MetricMatch;

/// Which metrics are kept.
#[derive(Debug, Default)]
pub(crate) struct Expressions {
    include: Option<Vec<Program>>,
    exclude: Option<Vec<Program>>,
}

impl Expressions {
    /// Compiles what the section says, if it says it in this way.
    ///
    /// # Errors
    /// `include` or `exclude`, which of the expressions is wrong, and why, in expr-lang's words.
    pub(crate) fn new(
        include: Option<&MetricMatch>,
        exclude: Option<&MetricMatch>,
    ) -> Result<Self, (&'static str, usize, String)> {
        let compiled = |key, section: Option<&MetricMatch>| {
            let section = section.filter(|it| it.match_type == "expr");
            section.map(|it| programs(key, &it.expressions)).transpose()
        };
        Ok(Self { include: compiled("include", include)?, exclude: compiled("exclude", exclude)? })
    }

    /// True if every metric is kept.
    pub(crate) fn is_empty(&self) -> bool {
        self.include.is_none() && self.exclude.is_none()
    }

    /// Whether the metric is kept.
    pub(crate) fn keep(&self, place: &Place<'_>) -> Result<bool, String> {
        let Some(metric) = place.metric() else { return Ok(true) };
        if let Some(include) = &self.include
            && !matches(include, metric)?
        {
            return Ok(false);
        }
        Ok(match &self.exclude {
            Some(exclude) => !matches(exclude, metric)?,
            None => true,
        })
    }
}

fn programs(
    key: &'static str,
    texts: &[String],
) -> Result<Vec<Program>, (&'static str, usize, String)> {
    let compile = |(at, text): (usize, &String)| {
        Program::point_condition(text).map_err(|problem| (key, at, problem.text))
    };
    texts.iter().enumerate().map(compile).collect()
}

fn matches(programs: &[Program], metric: Metric<'_>) -> Result<bool, String> {
    for point in metric.points() {
        let arena = Bump::new();
        let attributes = point.attributes().iter().map(|(key, value)| {
            // Upstream reads the text of a value, which other types do not have.
            (key, Value::Str(value.as_str().unwrap_or_default()))
        });
        let point = Point { metric, attributes: attributes.collect() };
        for program in programs {
            if program.holds(&point, &arena)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

struct Point<'m> {
    metric: Metric<'m>,
    attributes: Vec<Pair<'m>>,
}

impl<'m> Record<'m> for Point<'m> {
    fn body(&self) -> Value<'m> {
        Value::Str(self.metric.name())
    }

    fn attributes(&self) -> &[Pair<'m>] {
        &self.attributes
    }

    fn resource(&self, _arena: &'m Bump) -> &'m [Pair<'m>] {
        &[]
    }

    fn resource_attribute(&self, _key: &str) -> Option<Value<'m>> {
        Some(Value::Str(match self.metric.data() {
            MetricData::Empty => "Empty",
            MetricData::Gauge(_) => "Gauge",
            MetricData::Sum(_) => "Sum",
            MetricData::Histogram(_) => "Histogram",
            MetricData::ExponentialHistogram(_) => "ExponentialHistogram",
            MetricData::Summary(_) => "Summary",
        }))
    }

    fn timestamp(&self) -> Option<i64> {
        None
    }
}
