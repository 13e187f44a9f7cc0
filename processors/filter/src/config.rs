//! The section of the filter processor, in all of its three styles.

use component::Problems;
use component::config::{Choice, Fault, Value};
use config::TextOr;
use matching::{Attribute, MatchProperties, RegexpConfig};
use ottl::ErrorMode;
use serde::{Deserialize, Serialize};

/// `processors: filter:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "filterprocessor.Config", unmarshals)]
pub struct Config {
    /// What happens when a condition cannot be looked at: `ignore` logs it and counts it as false, `silent`
    /// only does the latter, `propagate` refuses the payload. Default `ignore`.
    pub error_mode: Choice<ErrorMode>,
    /// Conditions on spans and what is around them. A list of texts, or of groups.
    pub trace_conditions: Vec<Entry>,
    /// Conditions on metrics and what is around them.
    pub metric_conditions: Vec<Entry>,
    /// Conditions on log records and what is around them.
    pub log_conditions: Vec<Entry>,
    /// There are no profiles.
    pub profile_conditions: Vec<Entry>,
    /// Conditions on spans by what they are about.
    pub traces: TraceFilters,
    /// Conditions on metrics by what they are about, or which metrics to keep or drop.
    pub metrics: MetricFilters,
    /// Conditions on log records by what they are about, or which records to keep or drop.
    pub logs: LogFilters,
    /// Which spans to keep or drop.
    pub spans: SpanFilters,
    /// There are no profiles.
    pub profiles: ProfileFilters,
}

/// `traces:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct TraceFilters {
    /// Resources to drop.
    pub resource: Vec<String>,
    /// Spans to drop.
    pub span: Vec<String>,
    /// Events to drop.
    pub spanevent: Vec<String>,
}

/// `metrics:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct MetricFilters {
    /// Metrics to keep. Default: all.
    pub include: Option<MetricMatch>,
    /// Of these, metrics to drop. Default: none.
    pub exclude: Option<MetricMatch>,
    /// Accepted and without effect: upstream's cache for match results.
    pub regexp: Option<RegexpConfig>,
    /// Resources to drop.
    pub resource: Vec<String>,
    /// Metrics to drop.
    pub metric: Vec<String>,
    /// Points to drop.
    pub datapoint: Vec<String>,
}

/// `logs:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct LogFilters {
    /// Records to keep. Default: all.
    pub include: Option<LogMatch>,
    /// Of these, records to drop. Default: none.
    pub exclude: Option<LogMatch>,
    /// Resources to drop.
    pub resource: Vec<String>,
    /// Records to drop.
    pub log_record: Vec<String>,
}

/// `spans:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct SpanFilters {
    /// Spans to keep. Default: all.
    pub include: Option<MatchProperties>,
    /// Of these, spans to drop. Default: none.
    pub exclude: Option<MatchProperties>,
}

/// `profiles:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct ProfileFilters {
    /// There are no profiles.
    pub resource: Vec<String>,
    /// There are no profiles.
    pub profile: Vec<String>,
}

/// `metrics: include:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct MetricMatch {
    /// `strict`, `regexp` or `expr`. Required.
    #[config(go = "filterconfig.MetricMatchType")]
    pub match_type: String,
    /// Accepted and without effect.
    pub regexp: Option<RegexpConfig>,
    /// Names, one of which must match.
    pub metric_names: Vec<String>,
    /// Of `match_type: expr`: expressions on data points, one of which must hold for one of the points of the
    /// metric. They know `MetricName`, `MetricType`, `HasLabel("key")` and `Label("key")`.
    pub expressions: Vec<String>,
    /// Resource attributes, all of which must match.
    pub resource_attributes: Vec<Attribute>,
}

/// `logs: include:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct LogMatch {
    /// `strict` or `regexp`. Required.
    #[config(go = "filterprocessor.LogMatchType")]
    pub match_type: String,
    /// Resource attributes, all of which must match.
    pub resource_attributes: Vec<Attribute>,
    /// Attributes of the record, all of which must match.
    pub record_attributes: Vec<Attribute>,
    /// Severity texts, one of which must match.
    pub severity_texts: Vec<String>,
    /// The severity number.
    pub severity_number: Option<SeverityNumber>,
    /// Bodies, one of which must match.
    pub bodies: Vec<String>,
}

/// `severity_number:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct SeverityNumber {
    /// Lowest severity that matches: `INFO`, `WARN2` or a number.
    #[config(go = "filterprocessor.logSeverity")]
    pub min: String,
    /// Whether records without a severity match.
    pub match_undefined: bool,
}

/// A condition, or conditions with a context or error mode of their own: an entry of `log_conditions:`.
pub type Entry = TextOr<Group>;

/// Conditions with a context or error mode of their own.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Group {
    /// `log`, `span` and so on; without it the paths tell.
    pub context: String,
    /// Instead of that of the processor.
    pub error_mode: Option<Choice<ErrorMode>>,
    /// The conditions.
    pub conditions: Vec<String>,
}

impl component::Config for Config {
    fn unmarshal(section: &Value, faults: Vec<Fault>) -> Vec<Fault> {
        let keys =
            ["trace_conditions", "metric_conditions", "log_conditions", "profile_conditions"];
        Entry::refused(section, &keys).map_or(faults, |it| vec![it])
    }

    fn validate(&self, problems: &mut Problems) {
        if let Some((rule, key)) = self.conflict() {
            problems.at("", rule).remove(key);
            return;
        }
        let severities = [("include", &self.logs.include), ("exclude", &self.logs.exclude)];
        for (key, it) in severities {
            let number = it.as_ref().and_then(|it| it.severity_number.as_ref());
            if let Some(Err(message)) = number.map(SeverityNumber::number) {
                problems.at("", message).set(&format!("logs::{key}::severity_number::min"), "INFO");
            }
        }
        let profiles = &self.profiles;
        if !(self.profile_conditions.is_empty()
            && profiles.resource.is_empty()
            && profiles.profile.is_empty())
        {
            let key =
                if self.profile_conditions.is_empty() { "profiles" } else { "profile_conditions" };
            problems.at("", "there is no signal \"profiles\" here").remove(key);
        }
    }
}

impl Config {
    /// Two styles for one thing: the rule that is broken, and the key to remove.
    pub(crate) fn conflict(&self) -> Option<(&'static str, &'static str)> {
        let (traces, metrics, logs) = (&self.traces, &self.metrics, &self.logs);
        let has = |lists: &[&Vec<String>]| lists.iter().any(|it| !it.is_empty());
        let old_traces = has(&[&traces.resource, &traces.span, &traces.spanevent]);
        let old_metrics = has(&[&metrics.resource, &metrics.metric, &metrics.datapoint]);
        let old_logs = has(&[&logs.resource, &logs.log_record]);
        let oldest_metrics = metrics.include.is_some() || metrics.exclude.is_some();
        let oldest_logs = logs.include.is_some() || logs.exclude.is_some();
        let oldest_spans = self.spans.include.is_some() || self.spans.exclude.is_some();
        let rules = [
            (
                !self.trace_conditions.is_empty() && old_traces,
                "cannot use context inferred trace conditions \"trace_conditions\" and the settings \"traces.resource\", \"traces.span\", \"traces.spanevent\" at the same time",
                "traces",
            ),
            (
                !self.metric_conditions.is_empty() && (old_metrics || oldest_metrics),
                "cannot use context inferred metric conditions \"metric_conditions\" and the settings \"metrics.resource\", \"metrics.metric\", \"metrics.datapoint\", \"metrics.include\", \"metrics.exclude\" at the same time",
                "metrics",
            ),
            (
                !self.log_conditions.is_empty() && (old_logs || oldest_logs),
                "cannot use context inferred log conditions \"log_conditions\" and the settings \"logs.resource\", \"logs.log\", \"logs.include\", \"logs.exclude\" at the same time",
                "logs",
            ),
            (
                old_traces && oldest_spans,
                "cannot use \"traces.resource\", \"traces.span\", \"traces.spanevent\" and the span settings \"spans.include\", \"spans.exclude\" at the same time",
                "spans",
            ),
            (
                old_metrics && oldest_metrics,
                "cannot use \"metrics.resource\", \"metrics.metric\", \"metrics.datapoint\" and the settings \"metrics.include\", \"metrics.exclude\" at the same time",
                "metrics",
            ),
            (
                old_logs && oldest_logs,
                "cannot use \"logs.resource\", \"logs.log\" and the settings \"logs.include\", \"logs.exclude\" at the same time",
                "logs",
            ),
        ];
        rules.into_iter().find(|it| it.0).map(|(_, rule, key)| (rule, key))
    }
}

impl SeverityNumber {
    /// The number of `min`.
    pub(crate) fn number(&self) -> Result<i32, String> {
        if self.min.is_empty() {
            return Ok(0);
        }
        let text = self.min.to_uppercase();
        let number = text.parse::<i32>().ok().filter(|it| (1..=24).contains(it));
        number
            .or_else(|| golang::severity::severity_number(&text))
            .ok_or_else(|| format!("'{}' is not a valid severity: not a valid severity", self.min))
    }
}
