//! `scale_metric`: all that a metric measured, times a number.

use golang::number::whole;
use pdata::tree::{
    Exemplar, HistogramDataPoint, NumberDataPoint, SummaryDataPoint, exemplar, metric,
    number_data_point,
};

use super::super::{Work, constant_double};

pub(super) fn scale(work: &mut Work<'_, '_>) -> Result<(), String> {
    let unit =
        work.given_text(1).map_err(|it| format!("could not get unit from ScaleArguments: {it}"))?;
    let factor = constant_double(work.arguments, 0).unwrap_or(1.0);
    let mut metric = work.tree();
    match &mut metric.data {
        Some(metric::Data::Gauge(it)) => {
            it.data_points.iter_mut().for_each(|it| number(it, factor))
        }
        Some(metric::Data::Sum(it)) => it.data_points.iter_mut().for_each(|it| number(it, factor)),
        Some(metric::Data::Histogram(it)) => {
            it.data_points.iter_mut().for_each(|it| histogram(it, factor));
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

fn number(point: &mut NumberDataPoint, factor: f64) {
    match &mut point.value {
        Some(number_data_point::Value::AsInt(it)) => *it = whole(*it as f64 * factor),
        Some(number_data_point::Value::AsDouble(it)) => *it *= factor,
        None => {}
    }
}

fn histogram(point: &mut HistogramDataPoint, factor: f64) {
    let whole = [&mut point.sum, &mut point.min, &mut point.max];
    whole.into_iter().flatten().for_each(|it| *it *= factor);
    point.explicit_bounds.iter_mut().for_each(|it| *it *= factor);
    point.exemplars.iter_mut().for_each(|it| example(it, factor));
}

fn example(it: &mut Exemplar, factor: f64) {
    match &mut it.value {
        Some(exemplar::Value::AsInt(it)) => *it = whole(*it as f64 * factor),
        Some(exemplar::Value::AsDouble(it)) => *it *= factor,
        None => {}
    }
}

fn summary(point: &mut SummaryDataPoint, factor: f64) {
    point.sum *= factor;
    point.quantile_values.iter_mut().for_each(|it| it.value *= factor);
}
