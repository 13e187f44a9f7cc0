//! The editors: what functions a statement may begin with, and what they take.

use std::fmt;

use crate::context::Context;
use crate::functions::{Kind, Parameter, may_take, takes};
use crate::program::Slot;

/// Which editors a component has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Editors {
    /// All that change telemetry.
    #[default]
    Transform,
    /// `route`, which does nothing, and the few that the routing connector has besides.
    Route,
}

/// An editor.
pub(crate) struct Editor {
    pub(crate) name: &'static str,
    pub(crate) parameters: &'static [Parameter],
    /// Refuses constant arguments that can never be right.
    pub(crate) check: Option<fn(&[Slot]) -> Result<(), String>>,
    /// Where it is known, if not everywhere.
    only: &'static [Context],
}

impl fmt::Debug for Editor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

const fn editor(name: &'static str, parameters: &'static [Parameter]) -> Editor {
    Editor { name, parameters, check: None, only: &[] }
}

impl Editor {
    const fn only(mut self, contexts: &'static [Context]) -> Self {
        self.only = contexts;
        self
    }
}

const TARGET: Parameter = takes("target", Kind::Target);
const MAP: Parameter = takes("target", Kind::MapTarget);
const PATTERN: Parameter = takes("pattern", Kind::Text);
const REPLACEMENT: Parameter = takes("replacement", Kind::Text);
const FUNCTION: Parameter = may_take("function", Kind::Function);
const FORMAT: Parameter = may_take("replacement_format", Kind::Text);
const SUFFIX: Parameter = may_take("suffix", Kind::TheText);
const TEMPORALITY: Parameter = takes("string_agg_temp", Kind::TheText);
const MONOTONIC: Parameter = takes("monotonic", Kind::TheBool);
const AGGREGATION: Parameter = takes("aggregation_function", Kind::TheText);

const METRIC: &[Context] = &[Context::Metric];
const SUMMARY: &[Context] = &[Context::Metric, Context::DataPoint];

/// Those of any telemetry.
const ANY: &[Editor] = &[
    editor("set", &[TARGET, takes("value", Kind::Any)]),
    editor("append", &[TARGET, may_take("value", Kind::Any), may_take("values", Kind::EachAny)]),
    editor(
        "delete_index",
        &[
            takes("target", Kind::ListTarget),
            takes("start_index", Kind::Int),
            may_take("end_index", Kind::Int),
        ],
    ),
    editor("delete_key", &[MAP, takes("key", Kind::Text)]),
    editor("delete_matching_keys", &[MAP, PATTERN]),
    editor("keep_matching_keys", &[MAP, PATTERN]),
    editor("keep_keys", &[MAP, takes("keys", Kind::EachText)]),
    editor(
        "flatten",
        &[
            MAP,
            may_take("prefix", Kind::TheText),
            may_take("depth", Kind::TheInt),
            may_take("resolve_conflicts", Kind::TheBool),
        ],
    ),
    editor(
        "limit",
        &[MAP, takes("limit", Kind::TheInt), takes("priority_keys", Kind::EachTheText)],
    ),
    editor("merge_maps", &[MAP, takes("source", Kind::Map), takes("strategy", Kind::TheText)]),
    editor("replace_all_matches", &[MAP, PATTERN, REPLACEMENT, FUNCTION, FORMAT]),
    editor(
        "replace_all_patterns",
        &[
            MAP,
            takes("mode", Kind::TheText),
            takes("regex_pattern", Kind::Text),
            REPLACEMENT,
            FUNCTION,
            FORMAT,
        ],
    ),
    editor("replace_match", &[TARGET, PATTERN, REPLACEMENT, FUNCTION, FORMAT]),
    editor(
        "replace_pattern",
        &[TARGET, takes("regex_pattern", Kind::Text), REPLACEMENT, FUNCTION, FORMAT],
    ),
    editor("stringify_all", &[MAP]),
    editor(
        "truncate_all",
        &[
            MAP,
            takes("limit", Kind::TheInt),
            may_take("utf8_safe", Kind::TheBool),
            may_take("truncation_marker", Kind::TheText),
        ],
    ),
];

/// Those of one signal.
const OF_SIGNALS: &[Editor] = &[
    editor(
        "set_semconv_span_name",
        &[
            takes("semconv_version", Kind::TheText),
            may_take("original_span_name_attribute", Kind::TheText),
        ],
    )
    .only(&[Context::Span]),
    editor("convert_sum_to_gauge", &[]).only(METRIC),
    editor("convert_gauge_to_sum", &[TEMPORALITY, MONOTONIC]).only(METRIC),
    editor("extract_count_metric", &[MONOTONIC, SUFFIX]).only(METRIC),
    editor("extract_sum_metric", &[MONOTONIC, SUFFIX]).only(METRIC),
    editor("extract_percentile_metric", &[takes("percentile", Kind::TheFloat), SUFFIX])
        .only(METRIC),
    editor("convert_summary_count_val_to_sum", &[TEMPORALITY, MONOTONIC, SUFFIX]).only(SUMMARY),
    editor("convert_summary_sum_val_to_sum", &[TEMPORALITY, MONOTONIC, SUFFIX]).only(SUMMARY),
    editor(
        "convert_summary_quantile_val_to_gauge",
        &[may_take("attribute_key", Kind::TheText), SUFFIX],
    )
    .only(METRIC),
    editor(
        "copy_metric",
        &[
            may_take("name", Kind::Text),
            may_take("description", Kind::Text),
            may_take("unit", Kind::Text),
        ],
    )
    .only(METRIC),
    editor("scale_metric", &[takes("multiplier", Kind::TheFloat), may_take("unit", Kind::Text)])
        .only(METRIC),
    editor("aggregate_on_attributes", &[AGGREGATION, may_take("attributes", Kind::EachTheText)])
        .only(METRIC),
    editor(
        "aggregate_on_attribute_value",
        &[
            AGGREGATION,
            takes("attribute", Kind::TheText),
            takes("values", Kind::EachTheText),
            takes("new_value", Kind::TheText),
        ],
    )
    .only(METRIC),
    editor(
        "convert_exponential_histogram_to_histogram",
        &[takes("distribution_fn", Kind::TheText), takes("explicit_bounds", Kind::EachTheFloat)],
    )
    .only(METRIC),
    editor(
        "merge_histogram_buckets",
        &[takes("target_value", Kind::FloatLike), may_take("method", Kind::TheText)],
    )
    .only(&[Context::DataPoint]),
];

/// What the routing connector has besides two of the others.
const ROUTE: &[Editor] = &[editor("route", &[])];

/// The editors of a component that are known in a context.
fn known(of: Editors, context: Context) -> impl Iterator<Item = &'static Editor> {
    let routes = of == Editors::Route;
    let shared =
        move |it: &&Editor| !routes || matches!(it.name, "delete_key" | "delete_matching_keys");
    let of_signals = if routes { ROUTE } else { OF_SIGNALS };
    ANY.iter()
        .filter(shared)
        .chain(of_signals)
        .filter(move |it| it.only.is_empty() || it.only.contains(&context))
}

/// The editor of a name.
pub(crate) fn find(of: Editors, context: Context, name: &str) -> Option<&'static Editor> {
    known(of, context).find(|it| it.name == name)
}

/// The names that are known in a context.
pub(crate) fn names(of: Editors, context: Context) -> impl Iterator<Item = &'static str> {
    known(of, context).map(|it| it.name)
}
