//! Names for numbers.

use crate::context::Context;

type Names = [(&'static str, i64)];

const LOG: &Names = &[
    ("SEVERITY_NUMBER_UNSPECIFIED", 0),
    ("SEVERITY_NUMBER_TRACE", 1),
    ("SEVERITY_NUMBER_TRACE2", 2),
    ("SEVERITY_NUMBER_TRACE3", 3),
    ("SEVERITY_NUMBER_TRACE4", 4),
    ("SEVERITY_NUMBER_DEBUG", 5),
    ("SEVERITY_NUMBER_DEBUG2", 6),
    ("SEVERITY_NUMBER_DEBUG3", 7),
    ("SEVERITY_NUMBER_DEBUG4", 8),
    ("SEVERITY_NUMBER_INFO", 9),
    ("SEVERITY_NUMBER_INFO2", 10),
    ("SEVERITY_NUMBER_INFO3", 11),
    ("SEVERITY_NUMBER_INFO4", 12),
    ("SEVERITY_NUMBER_WARN", 13),
    ("SEVERITY_NUMBER_WARN2", 14),
    ("SEVERITY_NUMBER_WARN3", 15),
    ("SEVERITY_NUMBER_WARN4", 16),
    ("SEVERITY_NUMBER_ERROR", 17),
    ("SEVERITY_NUMBER_ERROR2", 18),
    ("SEVERITY_NUMBER_ERROR3", 19),
    ("SEVERITY_NUMBER_ERROR4", 20),
    ("SEVERITY_NUMBER_FATAL", 21),
    ("SEVERITY_NUMBER_FATAL2", 22),
    ("SEVERITY_NUMBER_FATAL3", 23),
    ("SEVERITY_NUMBER_FATAL4", 24),
];

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

/// The lists of a context.
fn lists(context: Context) -> &'static [&'static Names] {
    match context {
        Context::Resource | Context::Scope | Context::Exemplar => &[],
        Context::Log => &[LOG],
        Context::Span | Context::SpanEvent => &[SPAN],
        Context::Metric => &[METRIC],
        Context::DataPoint => &[METRIC, POINT],
    }
}

/// The number that a name stands for in a context.
pub(crate) fn number(context: Context, name: &str) -> Result<i64, String> {
    match context {
        Context::Resource => return Err("resource context does not provide Enum support".into()),
        Context::Scope => {
            return Err("instrumentation scope context does not provide Enum support".into());
        }
        Context::Exemplar => return Err("exemplar context does not support enums".into()),
        _ => {}
    }
    let mut all = lists(context).iter().copied().flatten();
    let found = all.find(|it| it.0 == name).map(|it| it.1);
    found.ok_or_else(|| format!("enum symbol, {name}, not found"))
}

/// The names that are known in a context.
pub(crate) fn names(context: Context) -> impl Iterator<Item = &'static str> {
    lists(context).iter().copied().flatten().map(|it| it.0)
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
        let text = number(Context::Exemplar, "FLAG_NONE").unwrap_err();
        assert_eq!(text, "exemplar context does not support enums");
    }
}
