//! Names for numbers.

use crate::context::Context;

type Names = [(&'static str, i64)];

const SPAN: &Names = &[
    ("SPAN_KIND_UNSPECIFIED", 0),
    ("SPAN_KIND_INTERNAL", 1),
    ("SPAN_KIND_SERVER", 2),
    ("SPAN_KIND_CLIENT", 3),
    ("SPAN_KIND_PRODUCER", 4),
    ("SPAN_KIND_CONSUMER", 5),
    ("STATUS_CODE_UNSET", 0),
    ("STATUS_CODE_OK", 1),
    ("STATUS_CODE_ERROR", 2),
];

const METRIC: &Names = &[
    ("AGGREGATION_TEMPORALITY_UNSPECIFIED", 0),
    ("AGGREGATION_TEMPORALITY_DELTA", 1),
    ("AGGREGATION_TEMPORALITY_CUMULATIVE", 2),
    ("METRIC_DATA_TYPE_NONE", 0),
    ("METRIC_DATA_TYPE_GAUGE", 1),
    ("METRIC_DATA_TYPE_SUM", 2),
    ("METRIC_DATA_TYPE_HISTOGRAM", 3),
    ("METRIC_DATA_TYPE_EXPONENTIAL_HISTOGRAM", 4),
    ("METRIC_DATA_TYPE_SUMMARY", 5),
];

const POINT: &Names = &[("FLAG_NONE", 0), ("FLAG_NO_RECORDED_VALUE", 1)];

/// The number that a name stands for in a context.
pub(crate) fn number(context: Context, name: &str) -> Result<i64, String> {
    let found = match context {
        Context::Resource => return Err("resource context does not provide Enum support".into()),
        Context::Scope => {
            return Err("instrumentation scope context does not provide Enum support".into());
        }
        Context::Log => severity(name),
        Context::Span | Context::SpanEvent => look_up(SPAN, name),
        Context::Metric => look_up(METRIC, name),
        Context::DataPoint => look_up(METRIC, name).or_else(|| look_up(POINT, name)),
    };
    found.ok_or_else(|| format!("enum symbol, {name}, not found"))
}

fn look_up(names: &Names, name: &str) -> Option<i64> {
    names.iter().find(|it| it.0 == name).map(|it| it.1)
}

/// `SEVERITY_NUMBER_INFO2` is 10.
fn severity(name: &str) -> Option<i64> {
    let name = name.strip_prefix("SEVERITY_NUMBER_")?;
    if name == "UNSPECIFIED" {
        Some(0)
    } else {
        golang::severity::severity_number(name).map(i64::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_context_has_its_names() {
        for (context, name, want) in [
            (Context::Log, "SEVERITY_NUMBER_UNSPECIFIED", Some(0)),
            (Context::Log, "SEVERITY_NUMBER_TRACE", Some(1)),
            (Context::Log, "SEVERITY_NUMBER_INFO2", Some(10)),
            (Context::Log, "SEVERITY_NUMBER_FATAL4", Some(24)),
            (Context::Log, "SEVERITY_NUMBER_FATAL44", None),
            (Context::Log, "SPAN_KIND_SERVER", None),
            (Context::SpanEvent, "STATUS_CODE_ERROR", Some(2)),
            (Context::DataPoint, "FLAG_NO_RECORDED_VALUE", Some(1)),
            (Context::Metric, "FLAG_NONE", None),
            (Context::Metric, "METRIC_DATA_TYPE_SUMMARY", Some(5)),
        ] {
            assert_eq!(number(context, name).ok(), want, "{name}");
        }
        let text = number(Context::Resource, "SPAN_KIND_SERVER").unwrap_err();
        assert_eq!(text, "resource context does not provide Enum support");
    }
}
