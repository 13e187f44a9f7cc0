//! The keys of `include` and `exclude`.

use ::config::Value;
use serde::{Deserialize, Serialize};

/// What a record, span or metric must be like: every property that is given must match, by one of
/// its entries (of `attributes`, `resources` and `libraries`: by all).
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct MatchProperties {
    /// `strict` or `regexp`. Required.
    #[config(go = "filterset.MatchType")]
    pub match_type: String,
    /// Accepted and without effect: upstream's cache for match results.
    pub regexp: Option<RegexpConfig>,
    /// Spans: the value of the resource attribute `service.name`.
    pub services: Vec<String>,
    /// Spans: their name.
    pub span_names: Vec<String>,
    /// Logs: their body as text.
    pub log_bodies: Vec<String>,
    /// Logs: their severity text.
    pub log_severity_texts: Vec<String>,
    /// Logs: their severity number.
    pub log_severity_number: Option<SeverityNumber>,
    /// Metrics: their name.
    pub metric_names: Vec<String>,
    /// Logs and spans: their attributes.
    pub attributes: Vec<Attribute>,
    /// All signals: resource attributes.
    pub resources: Vec<Attribute>,
    /// Logs and spans: the instrumentation scope.
    pub libraries: Vec<Library>,
    /// Spans: `SPAN_KIND_CLIENT` and the like.
    pub span_kinds: Vec<String>,
}

/// `regexp:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct RegexpConfig {
    /// Without effect.
    pub cacheenabled: bool,
    /// Without effect.
    pub cachemaxnumentries: i64,
}

/// `log_severity_number:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct SeverityNumber {
    /// Lowest number that matches: 1 (TRACE) to 24 (FATAL4).
    #[config(go = "plog.SeverityNumber")]
    pub min: i32,
    /// Whether records without a severity match.
    pub match_undefined: bool,
}

/// An attribute to match.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Attribute {
    /// Its key. Required.
    pub key: String,
    /// Its value; with `regexp` a pattern. Without it any value matches.
    pub value: Value,
}

/// An instrumentation scope to match.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Library {
    /// Its name. Required.
    pub name: String,
    /// Its version. Without it any version matches, with `""` none.
    pub version: Option<String>,
}
