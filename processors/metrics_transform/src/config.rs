//! The section and its defaults. `processor/metricstransformprocessor/config.go`, v0.149.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `processors: metrics_transform:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "metricstransformprocessor.Config")]
pub struct Config {
    /// What is done, one after the other. Default nothing.
    pub transforms: Vec<Transform>,
}

/// An entry of `transforms:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "metricstransformprocessor.transform")]
pub struct Transform {
    /// The name of the metrics that are meant. Required.
    pub include: String,
    /// `strict`, or `regexp` for patterns in `include` and `experimental_match_labels`. Default `strict`.
    #[config(go = "metricstransformprocessor.matchType")]
    pub match_type: String,
    /// Only points with these values of these labels. Default all.
    pub experimental_match_labels: BTreeMap<String, String>,
    /// `update` changes the metrics, `insert` adds changed copies, `combine` makes one metric of them, `group` moves
    /// them to a resource of their own. Required.
    #[config(go = "metricstransformprocessor.ConfigAction")]
    pub action: String,
    /// The new name; groups of a pattern in `include` can stand in it, as in `${1}`. Required by `insert`.
    pub new_name: String,
    /// Attributes of the new resource. Required by `group`.
    pub group_resource_labels: Option<BTreeMap<String, String>>,
    /// What `combine` makes of points that are alike: `sum`, `mean`, `min`, `max`, `median` or `count`.
    #[config(go = "aggregateutil.AggregationType")]
    pub aggregation_type: String,
    /// `lower` or `upper`: the case of labels that `combine` makes of groups of the pattern. Default: as it is.
    pub submatch_case: String,
    /// What is done to the metrics, one after the other. Default nothing.
    pub operations: Vec<Operation>,
}

/// An entry of `operations:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "metricstransformprocessor.operation")]
pub struct Operation {
    /// `add_label`, `update_label`, `delete_label_value`, `toggle_scalar_data_type`, `experimental_scale_value`,
    /// `aggregate_labels` or `aggregate_label_values`. Required.
    #[config(go = "metricstransformprocessor.operationAction")]
    pub action: String,
    /// The label that is meant.
    pub label: String,
    /// The label that is added, or the new name.
    pub new_label: String,
    /// `aggregate_labels`: the labels that stay. Default none.
    pub label_set: Vec<String>,
    /// What becomes of points that are alike then: `sum`, `mean`, `min`, `max`, `median` or `count`.
    #[config(go = "aggregateutil.AggregationType")]
    pub aggregation_type: String,
    /// `aggregate_label_values`: the values that become `new_value`.
    pub aggregated_values: Vec<String>,
    /// The value; `{{version}}` in it is the collector's version.
    pub new_value: String,
    /// `update_label`: new values for old ones.
    pub value_actions: Vec<ValueAction>,
    /// `experimental_scale_value`: what values are multiplied by.
    pub experimental_scale: f64,
    /// `delete_label_value`: the value whose points go.
    pub label_value: String,
}

/// An entry of `value_actions:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "metricstransformprocessor.valueAction")]
pub struct ValueAction {
    /// The value as it is.
    pub value: String,
    /// The value as it will be; `{{version}}` in it is the collector's version.
    pub new_value: String,
}

impl component::Config for Config {}
