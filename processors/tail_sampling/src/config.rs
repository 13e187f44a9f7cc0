//! The section and its defaults. `processor/tailsamplingprocessor/config.go`, v0.149; `burst_capacity` of `rate_limiting`
//! is from v0.156.

use component::Problems;
use component::config::Duration;
use config::{Choice, Choices};
use ottl::ErrorMode;
use serde::{Deserialize, Serialize};

/// `processors: tail_sampling:`
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "tailsamplingprocessor.Config")]
pub struct Config {
    /// How long the spans of a trace are gathered before it is decided about, a second at least. Default 30s.
    pub decision_wait: Duration,
    /// How long to wait once the root span is there, if that is sooner. Zero: it makes no difference. Default 0s.
    pub decision_wait_after_root_received: Duration,
    /// Most traces that are held or remembered. Default 50000.
    pub num_traces: u64,
    /// What becomes of a new trace where there is no room: its sender waits, or the trace that would be decided about
    /// next is decided about at once. Default false.
    pub block_on_overflow: bool,
    /// How many new traces are expected in a second: room for so many is made at the start. Default 0.
    pub expected_new_traces_per_sec: u64,
    /// The policies, of which one is enough to keep a trace. Required.
    pub policies: Vec<Policy>,
    /// What is remembered of decisions longer than the traces themselves.
    pub decision_cache: DecisionCache,
    /// The first policy that keeps a trace decides; the others are not asked. Default false.
    pub sample_on_first_match: bool,
    /// `trace-complete` asks the policies about the whole trace when its time is over. `span-ingest` asks them about each
    /// request as it comes, and drops what no policy has kept by then. Default `trace-complete`.
    #[config(go = "tailsamplingprocessor.samplingStrategy")]
    pub sampling_strategy: String,
    /// What is held at a shutdown is dropped. Default false: it is decided about as it is.
    pub drop_pending_traces_on_shutdown: bool,
    /// A trace that becomes larger than so many bytes is dropped at once. Zero: no limit. Default 0.
    pub maximum_trace_size_bytes: u64,
    /// Most bytes of spans that are held, with the same effect as `num_traces`. The Collector has no such key. Default
    /// 1073741824 (1 GiB).
    #[config(omit_default)]
    pub maximum_held_bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            decision_wait: Duration::from_secs(30),
            decision_wait_after_root_received: Duration::ZERO,
            num_traces: 50_000,
            block_on_overflow: false,
            expected_new_traces_per_sec: 0,
            policies: Vec::new(),
            decision_cache: DecisionCache::default(),
            sample_on_first_match: false,
            sampling_strategy: TRACE_COMPLETE.to_owned(),
            drop_pending_traces_on_shutdown: false,
            maximum_trace_size_bytes: 0,
            maximum_held_bytes: 1 << 30,
        }
    }
}

/// The words of `sampling_strategy`.
pub(crate) const TRACE_COMPLETE: &str = "trace-complete";
pub(crate) const SPAN_INGEST: &str = "span-ingest";

impl Config {
    /// Whether policies are asked when spans come.
    pub(crate) fn at_ingest(&self) -> bool {
        self.sampling_strategy == SPAN_INGEST
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        let (known, strategy) = ([TRACE_COMPLETE, SPAN_INGEST], self.sampling_strategy.as_str());
        if !known.contains(&strategy) {
            let rule = format!(
                "invalid sampling_strategy {strategy:?}, expected one of {TRACE_COMPLETE:?} or {SPAN_INGEST:?}"
            );
            problems.at("", rule).one_of("sampling_strategy", &known);
        }
    }
}

/// `decision_cache:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct DecisionCache {
    /// How many trace ids are remembered that were kept: spans that come late are kept, too. Zero: none. Default 0.
    pub sampled_cache_size: i64,
    /// The same for trace ids that were not kept. Default 0.
    pub non_sampled_cache_size: i64,
}

/// An entry of `policies:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Policy {
    /// What all policies have.
    #[serde(flatten)]
    pub shared: Shared,
    /// `type: composite`: other policies in order, each with a rate.
    pub composite: Composite,
    /// `type: and`: all of these have to keep the trace.
    pub and: And,
    /// `type: not`: keeps what this does not keep.
    pub not: Not,
    /// `type: drop`: drops what all of these keep, whatever others say.
    pub drop: Drop,
}

/// The keys of a policy, wherever it stands.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Shared {
    /// Its name in metrics and logs. Required, and unlike the others.
    pub name: String,
    /// What it looks at: `always_sample`, `latency`, `numeric_attribute`, `probabilistic`, `status_code`, `string_attribute`,
    /// `rate_limiting`, `bytes_limiting`, `span_count`, `trace_state`, `boolean_attribute`, `ottl_condition`, `trace_flags`,
    /// `and`, `not`, `drop` or `composite`. Required.
    #[serde(rename = "type")]
    #[config(go = "tailsamplingprocessor.PolicyType")]
    pub type_name: String,
    /// `type: latency`: from the first start to the last end.
    pub latency: Latency,
    /// `type: numeric_attribute`: a whole number in the attributes of a span or resource.
    pub numeric_attribute: NumericAttribute,
    /// `type: probabilistic`: a part of the traces, by their ids.
    pub probabilistic: Probabilistic,
    /// `type: status_code`: a span has one of these.
    pub status_code: StatusCode,
    /// `type: string_attribute`: a text in the attributes of a span or resource.
    pub string_attribute: StringAttribute,
    /// `type: rate_limiting`: so many spans in a second.
    pub rate_limiting: RateLimiting,
    /// `type: bytes_limiting`: so many bytes in a second.
    pub bytes_limiting: BytesLimiting,
    /// `type: span_count`: how many spans the trace has.
    pub span_count: SpanCount,
    /// `type: trace_state`: what the trace state of a span says.
    pub trace_state: TraceState,
    /// `type: boolean_attribute`: true or false in the attributes of a span or resource.
    pub boolean_attribute: BooleanAttribute,
    /// `type: ottl_condition`: a condition holds for a span or an event.
    pub ottl_condition: OttlCondition,
}

/// An entry of `composite_sub_policy:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct CompositeSubPolicy {
    /// What all policies have.
    #[serde(flatten)]
    pub shared: Shared,
    /// `type: and`: all of these have to keep the trace.
    pub and: And,
}

/// `latency:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Latency {
    /// The shortest duration in milliseconds; with an upper threshold the longest one that is not kept.
    #[config(go = "int64")]
    pub threshold_ms: i64,
    /// The longest duration in milliseconds. Zero: no limit. Default 0.
    #[config(go = "int64")]
    pub upper_threshold_ms: i64,
}

/// `numeric_attribute:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct NumericAttribute {
    /// The attribute.
    pub key: String,
    /// The smallest value. Zero: no limit. Default 0.
    #[config(go = "int64")]
    pub min_value: i64,
    /// The largest value. Zero: no limit. Default 0.
    #[config(go = "int64")]
    pub max_value: i64,
    /// Keeps traces in which no value is in the range. Default false.
    pub invert_match: bool,
}

/// `probabilistic:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Probabilistic {
    /// Other salts choose other traces. Default: `default-hash-seed`.
    pub hash_salt: String,
    /// How many of 100 traces are kept. Default 0.
    pub sampling_percentage: f64,
}

/// `status_code:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct StatusCode {
    /// `OK`, `ERROR`, `UNSET`; at least one.
    pub status_codes: Vec<String>,
}

/// `string_attribute:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct StringAttribute {
    /// The attribute.
    pub key: String,
    /// Texts, or regular expressions.
    pub values: Vec<String>,
    /// The values are regular expressions, which match anywhere in a text. Default false.
    pub enabled_regex_matching: bool,
    /// Without effect: no results are cached. Default 0.
    pub cache_max_size: i64,
    /// Keeps traces in which no value matches. Default false.
    pub invert_match: bool,
}

/// `rate_limiting:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct RateLimiting {
    /// Fewer spans than this are kept in each second of the clock; with a burst this is the mean.
    #[config(go = "int64")]
    pub spans_per_second: i64,
    /// Most spans that are kept at once, after a time with few. Zero: seconds are counted. Default 0.
    #[config(omit_default, go = "int64")]
    pub burst_capacity: i64,
}

/// `bytes_limiting:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct BytesLimiting {
    /// So many bytes are kept in a second, in the mean.
    #[config(go = "int64")]
    pub bytes_per_second: i64,
    /// Most bytes that are kept at once, and so the largest trace. Default: twice `bytes_per_second`.
    #[config(go = "int64")]
    pub burst_capacity: i64,
}

/// `span_count:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct SpanCount {
    /// The smallest number of spans. Default 0.
    pub min_spans: i32,
    /// The largest number of spans. Zero: no limit. Default 0.
    pub max_spans: i32,
}

/// `trace_state:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct TraceState {
    /// The key of a member.
    pub key: String,
    /// The values that it may have.
    pub values: Vec<String>,
}

/// `boolean_attribute:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct BooleanAttribute {
    /// The attribute.
    pub key: String,
    /// The value that it has to have. Default false.
    pub value: bool,
    /// Keeps traces in which nothing has the value. Default false.
    pub invert_match: bool,
}

/// `ottl_condition:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct OttlCondition {
    /// What happens when a condition cannot be evaluated: `ignore` logs it and takes it as false, `silent` only does the
    /// latter, with `propagate` the policy has no say. Default `ignore`.
    pub error_mode: Choice<OnError>,
    /// Conditions on spans.
    pub span: Vec<String>,
    /// Conditions on events of spans.
    pub spanevent: Vec<String>,
}

/// `error_mode:`, which upstream leaves empty by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnError {
    /// As `ignore`: upstream takes the condition as false and says nothing.
    #[default]
    Unset,
    /// One of OTTL's.
    Mode(ErrorMode),
}

impl OnError {
    pub(crate) fn mode(self) -> ErrorMode {
        match self {
            Self::Unset => ErrorMode::Ignore,
            Self::Mode(mode) => mode,
        }
    }
}

impl Choices for OnError {
    const GO: &'static str = "ottl.ErrorMode";
    const SHOWN: usize = 3;
    const ANY_CASE: bool = true;
    const NAMES: &'static [(&'static str, Self)] = &[
        ("ignore", Self::Mode(ErrorMode::Ignore)),
        ("silent", Self::Mode(ErrorMode::Silent)),
        ("propagate", Self::Mode(ErrorMode::Propagate)),
        ("", Self::Unset),
    ];

    fn unknown(word: &str) -> String {
        ErrorMode::unknown(word)
    }
}

/// `and:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct And {
    /// Policies of the types that need no others.
    pub and_sub_policy: Vec<Shared>,
}

/// `not:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Not {
    /// A policy of a type that needs no others.
    pub not_sub_policy: Shared,
}

/// `drop:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Drop {
    /// Policies of the types that need no others.
    pub drop_sub_policy: Vec<Shared>,
}

/// `composite:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Composite {
    /// Most spans in a second that each of the policies may keep.
    #[config(go = "int64")]
    pub max_total_spans_per_second: i64,
    /// Without effect, as upstream: the policies are asked in the order of `composite_sub_policy`.
    pub policy_order: Vec<String>,
    /// The policies, of which the first one that keeps a trace counts it; `and` is allowed.
    pub composite_sub_policy: Vec<CompositeSubPolicy>,
    /// How much each may keep; one that is not named keeps nothing.
    pub rate_allocation: Vec<RateAllocation>,
}

/// An entry of `rate_allocation:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct RateAllocation {
    /// The name of a policy.
    pub policy: String,
    /// Its part of `max_total_spans_per_second`, of 100. Default: as much as each would have of equal parts.
    #[config(go = "int64")]
    pub percent: i64,
}
