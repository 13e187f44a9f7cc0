//! A metric as structs, for what changes one as a whole: aggregation, other kinds of buckets. It costs a decode
//! and an encode; most changes are made through the fields of a [`Place`].

pub use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
pub use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge,
    Histogram, HistogramDataPoint, Metric, NumberDataPoint, Sum, Summary, SummaryDataPoint,
    exemplar, exponential_histogram_data_point, metric, number_data_point, summary_data_point,
};
use prost::Message as _;

use crate::fields::{RESOURCES, group};
use crate::wire::Writer;
use crate::{Place, Signal, owned};

impl Place<'_> {
    /// The metric with all edits so far; an empty one where there is none.
    pub fn metric_tree(&mut self) -> Metric {
        if self.signal() != Signal::Metrics {
            return Metric::default();
        }
        let body = self.encoded();
        // As a payload of its own it is read like any other: what does not fit is made to fit.
        let mut payload = Writer::default();
        let resource = payload.open(RESOURCES, 3);
        let scope = payload.open(group::CHILDREN, 3);
        payload.bytes_field(group::CHILDREN, body);
        payload.close(scope);
        payload.close(resource);
        let data = owned::metrics(payload.buf.into());
        let scopes = data.resource_metrics.into_iter().flat_map(|it| it.scope_metrics);
        scopes.flat_map(|it| it.metrics).next().unwrap_or_default()
    }

    /// Replaces the metric.
    pub fn set_metric_tree(&mut self, metric: &Metric) {
        self.replace(&metric.encode_to_vec());
    }

    /// Adds a metric to the scope: false if too many were added.
    pub fn add_metric_tree(&mut self, metric: &Metric) -> bool {
        self.add_item(&metric.encode_to_vec())
    }
}
