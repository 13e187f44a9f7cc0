//! Which stream a point belongs to.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use pdata::{AttributesRef, Metric, MetricData, Place, PointRef, ResourceRef, ScopeRef};
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// A stream. Two are the same if all that identifies them is (data model of OpenTelemetry, "Timeseries Model"): it is
/// a hash of that, 128 bits long, with a seed of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StreamId(u128);

/// A metric with what is around it, known in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MetricId(u128);

/// Names the streams of a payload: what is around a point is hashed once for all points below it.
#[derive(Debug)]
pub struct Identifier {
    seed: u64,
    buf: Vec<u8>,
    resource: u128,
    scope: u128,
    metric: u128,
}

/// The seed of this process: nobody outside can make streams that are taken for each other.
static SEED: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0));

impl Default for Identifier {
    fn default() -> Self {
        Self { seed: *SEED, buf: Vec::new(), resource: 0, scope: 0, metric: 0 }
    }
}

impl Identifier {
    /// Goes on below this resource.
    pub fn resource(&mut self, resource: ResourceRef<'_>) {
        self.resource = self.attributes(resource.attributes());
    }

    /// Goes on below this scope.
    pub fn scope(&mut self, scope: ScopeRef<'_>) {
        let attributes = self.attributes(scope.attributes());
        let texts = [scope.name(), scope.version()];
        self.scope = self.all(&[self.resource, attributes], &texts);
    }

    /// Goes on below this metric, of which name, unit, kind, temporality and monotonicity count.
    pub fn metric(&mut self, metric: Metric<'_>) {
        let (kind, temporality, monotonic) = match metric.data() {
            MetricData::Empty => (0, 0, false),
            MetricData::Gauge(_) => (1, 0, false),
            MetricData::Sum(it) => (2, it.aggregation_temporality(), it.is_monotonic()),
            MetricData::Histogram(it) => (3, it.aggregation_temporality(), true),
            MetricData::ExponentialHistogram(it) => (4, it.aggregation_temporality(), true),
            MetricData::Summary(_) => (5, 0, false),
        };
        let kind = u128::from(u64::from(temporality.cast_unsigned())) << 8
            | u128::from(kind << 1 | u8::from(monotonic));
        self.metric = self.all(&[self.scope, kind], &[metric.name(), metric.unit()]);
    }

    /// Goes on below what an edit visits, unless that is a point.
    pub fn visit(&mut self, place: &Place<'_>) {
        match place.depth() {
            pdata::Depth::Resource => self.resource(place.resource()),
            pdata::Depth::Scope => self.scope(place.scope()),
            _ => self.metric(place.metric().unwrap_or_default()),
        }
    }

    /// The metric below which it goes on.
    pub fn metric_id(&self) -> MetricId {
        MetricId(self.metric)
    }

    /// The stream of a point; of two with different `more` they are two.
    pub fn point(&mut self, point: PointRef<'_>, more: u128) -> StreamId {
        let attributes = self.attributes(point.attributes());
        StreamId(self.all(&[self.metric, attributes, more], &[]))
    }

    /// Whatever their order.
    fn attributes(&mut self, attributes: AttributesRef<'_>) -> u128 {
        let mut sum = 0_u128;
        for (key, value) in attributes.iter_encoded() {
            self.buf.clear();
            self.buf.extend((key.len() as u64).to_le_bytes());
            self.buf.extend(key);
            self.buf.extend(value);
            sum = sum.wrapping_add(self.hash());
        }
        sum
    }

    fn all(&mut self, numbers: &[u128], texts: &[&str]) -> u128 {
        self.buf.clear();
        numbers.iter().for_each(|it| self.buf.extend(it.to_le_bytes()));
        for text in texts {
            self.buf.extend((text.len() as u64).to_le_bytes());
            self.buf.extend(text.as_bytes());
        }
        self.hash()
    }

    fn hash(&self) -> u128 {
        xxh3_128_with_seed(&self.buf, self.seed)
    }
}

#[cfg(test)]
mod tests {
    use pdata::{Limits, Metrics};

    use super::*;

    /// The streams of the points of a request, in OTLP/JSON.
    fn streams(identifier: &mut Identifier, json: &str) -> Vec<StreamId> {
        let metrics = Metrics::from_json(json.as_bytes(), &Limits::default()).unwrap();
        let mut found = Vec::new();
        for resource in metrics.resources() {
            identifier.resource(resource.resource());
            for scope in resource.scopes() {
                identifier.scope(scope.scope());
                for metric in scope.metrics() {
                    identifier.metric(metric);
                    found.extend(metric.points().map(|it| identifier.point(it, 0)));
                }
            }
        }
        found
    }

    fn request(resource: &str, scope: &str, metric: &str, point: &str) -> String {
        format!(
            r#"{{"resourceMetrics":[{{"resource":{{"attributes":[{resource}]}},"scopeMetrics":[{{"scope":{{{scope}}},
            "metrics":[{{{metric}:{{"dataPoints":[{{{point}}}]}}}}]}}]}}]}}"#
        )
    }

    const A: &str = r#"{"key":"a","value":{"stringValue":"1"}}"#;
    const B: &str = r#"{"key":"b","value":{"intValue":"2"}}"#;

    #[test]
    fn a_stream_is_known_by_all_that_identifies_it_and_by_nothing_else() {
        let identifier = &mut Identifier::default();
        let attributes = |list: &[&str]| format!(r#""attributes":[{}]"#, list.join(","));
        let base = request(A, r#""name":"s""#, r#""name":"m","sum""#, &attributes(&[A, B]));
        let base = streams(identifier, &base);
        let same = request(
            A,
            r#""name":"s""#,
            r#""description":"d","name":"m","sum""#,
            &format!(r#""timeUnixNano":"5",{}"#, attributes(&[B, A])),
        );
        assert_eq!(streams(identifier, &same), base);
        for other in [
            request(B, r#""name":"s""#, r#""name":"m","sum""#, &attributes(&[A, B])),
            request(A, r#""version":"s""#, r#""name":"m","sum""#, &attributes(&[A, B])),
            request(
                A,
                &format!(r#""name":"s",{}"#, attributes(&[A])),
                r#""name":"m","sum""#,
                &attributes(&[A, B]),
            ),
            request(A, r#""name":"s""#, r#""name":"n","sum""#, &attributes(&[A, B])),
            request(A, r#""name":"s""#, r#""unit":"s","name":"m","sum""#, &attributes(&[A, B])),
            request(A, r#""name":"s""#, r#""name":"m","gauge""#, &attributes(&[A, B])),
            request(A, r#""name":"s""#, r#""name":"m","sum""#, &attributes(&[A])),
        ] {
            assert_ne!(streams(identifier, &other), base, "{other}");
        }
    }
}
