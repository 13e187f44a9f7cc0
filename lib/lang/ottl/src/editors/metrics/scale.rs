//! `scale_metric`: all that a metric measured, times a number.

use pdata::tree::{SummaryDataPoint, metric};
use points::scale;

use super::super::{Work, constant_double};

pub(super) fn metric(work: &mut Work<'_, '_>) -> Result<(), String> {
    let unit =
        work.given_text(1).map_err(|it| format!("could not get unit from ScaleArguments: {it}"))?;
    let factor = constant_double(work.arguments, 0).unwrap_or(1.0);
    let mut metric = work.tree();
    match &mut metric.data {
        Some(metric::Data::Gauge(it)) => {
            it.data_points.iter_mut().for_each(|it| scale::number(it, factor))
        }
        Some(metric::Data::Sum(it)) => {
            it.data_points.iter_mut().for_each(|it| scale::number(it, factor))
        }
        Some(metric::Data::Histogram(it)) => {
            it.data_points.iter_mut().for_each(|it| scale::histogram(it, factor));
        }
        Some(metric::Data::Summary(it)) => {
            it.data_points.iter_mut().for_each(|it| summary(it, factor))
        }
        Some(metric::Data::ExponentialHistogram(_)) => {
            return Err("exponential histograms are not supported by the 'scale_metric' function"
                .to_owned());
        }
        None => return Err("unsupported metric type: 'Empty'".to_owned()),
    }
    if let Some(unit) = unit {
        metric.unit = unit.into_owned();
    }
    work.put_tree(&metric);
    Ok(())
}

fn summary(point: &mut SummaryDataPoint, factor: f64) {
    point.sum *= factor;
    point.quantile_values.iter_mut().for_each(|it| it.value *= factor);
}
