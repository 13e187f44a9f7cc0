//! Tests of the crate through its public interface; prost is the reference.

mod batching;
mod building;
mod checking;
mod generate;
mod model;
mod partitioning;
mod reading;
mod rewriting;

use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::metrics::v1::metric::Data as Kind;

/// Data points of a metric.
fn point_count(metric: &Metric) -> usize {
    match &metric.data {
        None => 0,
        Some(Kind::Gauge(it)) => it.data_points.len(),
        Some(Kind::Sum(it)) => it.data_points.len(),
        Some(Kind::Histogram(it)) => it.data_points.len(),
        Some(Kind::ExponentialHistogram(it)) => it.data_points.len(),
        Some(Kind::Summary(it)) => it.data_points.len(),
    }
}
