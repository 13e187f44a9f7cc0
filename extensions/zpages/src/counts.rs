//! What the collector's own metrics say of a component.

use component::Meter;
use component::meter::{Metric, Sample};

/// One series: its metric, the labels beside the component's own, and its value.
pub(crate) struct Count {
    pub(crate) name: String,
    pub(crate) labels: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
}

/// Everything that carries the label `kind` with the value `id`: `exporter="otlp"`.
pub(crate) fn of(metrics: &[Metric], kind: &str, id: &str) -> Vec<Count> {
    let mut found = Vec::new();
    for metric in metrics {
        for (attributes, sample) in &metric.series {
            if !attributes.iter().any(|it| it.0 == kind && it.1 == id) {
                continue;
            }
            let others = attributes.iter().filter(|it| it.0 != kind);
            let labels = others.map(|(key, value)| format!("{key}={value}"));
            found.push(Count {
                name: metric.name.to_string(),
                labels: labels.collect::<Vec<_>>().join(" "),
                value: number(sample),
                unit: metric.unit,
            });
        }
    }
    found
}

/// The value of a series; of a histogram, how often something was observed.
#[expect(clippy::cast_precision_loss, reason = "it is shown to people")]
pub(crate) fn number(sample: &Sample) -> f64 {
    match sample {
        Sample::Int(value) => *value as f64,
        Sample::Float(value) => *value,
        Sample::Histogram { counts, .. } => counts.iter().sum::<u64>() as f64,
    }
}

/// The sum of the series of `found` whose metric begins so.
pub(crate) fn sum(found: &[Count], begins: &str) -> f64 {
    // The sum of no floats at all is -0.
    found.iter().filter(|it| it.name.starts_with(begins)).fold(0.0, |sum, it| sum + it.value)
}

/// All metrics, by name and labels.
pub(crate) fn as_json(meter: &Meter) -> String {
    let mut all = serde_json::Map::new();
    for metric in meter.registry().snapshot() {
        for (attributes, sample) in &metric.series {
            let labels = attributes.iter().map(|(key, value)| format!("{key}={value}"));
            let labels = labels.collect::<Vec<_>>().join(",");
            let name = match labels.as_str() {
                "" => metric.name.to_string(),
                labels => format!("{}{{{labels}}}", metric.name),
            };
            all.insert(name, number(sample).into());
        }
    }
    serde_json::Value::Object(all).to_string()
}
