//! What the processor counts. `processor/tailsamplingprocessor/documentation.md`, v0.149.

use component::Meter;
use component::meter::{Counter, Descriptor, Gauge, Histogram, Level};

macro_rules! descriptor {
    ($name:literal, $unit:literal, $text:literal) => {
        Descriptor {
            scope: "github.com/open-telemetry/opentelemetry-collector-contrib/processor/tailsamplingprocessor",
            name: concat!("otelcol_processor_tail_sampling_", $name),
            unit: $unit,
            description: $text,
            level: Level::Basic,
        }
    };
}

/// Bounds of a histogram for which the Collector names none. The SDK's defaults.
const DEFAULT_BOUNDS: &[f64] = &[
    0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0,
    10_000.0,
];
const LATENCY_BOUNDS: &[f64] = &[
    1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 150.0, 200.0, 300.0, 400.0, 500.0, 750.0, 1000.0,
    2000.0, 3000.0, 4000.0, 5000.0, 10_000.0, 20_000.0, 30_000.0, 50_000.0,
];

/// What became of a trace, or what a policy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    Sampled,
    NotSampled,
    Dropped,
}

/// A counter for each decision.
#[derive(Debug)]
pub(crate) struct ByDecision([Counter; 3]);

impl ByDecision {
    /// With the label `policy`, if there is one.
    fn new(meter: &Meter, what: Descriptor, policy: Option<&str>) -> Self {
        Self(["sampled", "not_sampled", "dropped"].map(|decision| {
            let sampled = if decision == "sampled" { "true" } else { "false" };
            let mut labels = vec![("sampled", sampled), ("decision", decision)];
            labels.extend(policy.map(|it| ("policy", it)));
            meter.counter(what, &labels)
        }))
    }

    pub(crate) fn add(&self, decision: Decision, n: u64) {
        let [sampled, not_sampled, dropped] = &self.0;
        match decision {
            Decision::Sampled => sampled,
            Decision::NotSampled => not_sampled,
            Decision::Dropped => dropped,
        }
        .add(n);
    }
}

/// The instruments of a processor.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) decisions: ByDecision,
    pub(crate) new_traces: Counter,
    pub(crate) early_sampled: Counter,
    pub(crate) early_not_sampled: Counter,
    pub(crate) decision_ms: Histogram,
    pub(crate) late_secs: Histogram,
    pub(crate) errors: Counter,
    pub(crate) too_early: Counter,
    pub(crate) removal_secs: Histogram,
    pub(crate) traces: Gauge,
    pub(crate) too_large: Counter,
}

impl Metrics {
    pub(crate) fn new(meter: &Meter) -> Self {
        let early = descriptor!(
            "early_releases_from_cache_decision",
            "{spans}",
            "Number of spans that were able to be immediately released due to a decision cache hit. [Development]"
        );
        let decisions = descriptor!(
            "global_count_traces_sampled",
            "{traces}",
            "Global count of traces that were sampled or not by at least one policy [Development]"
        );
        let new_traces = descriptor!(
            "new_trace_id_received",
            "{traces}",
            "Counts the arrival of new traces [Development]"
        );
        let decision_ms = descriptor!(
            "sampling_decision_timer_latency",
            "ms",
            "Latency (in milliseconds) of each run of the sampling decision timer [Development]"
        );
        let late_secs = descriptor!(
            "sampling_late_span_age",
            "s",
            "Time (in seconds) from the sampling decision was taken and the arrival of a late span [Development]"
        );
        let errors = descriptor!(
            "sampling_policy_evaluation_error",
            "{errors}",
            "Count of sampling policy evaluation errors [Development]"
        );
        let too_early = descriptor!(
            "sampling_trace_dropped_too_early",
            "{traces}",
            "Count of traces that needed to be dropped before the configured wait time [Development]"
        );
        let removal_secs = descriptor!(
            "sampling_trace_removal_age",
            "s",
            "Time (in seconds) from arrival of a new trace until its removal from memory [Development]"
        );
        let traces = descriptor!(
            "sampling_traces_on_memory",
            "{traces}",
            "Tracks the number of traces current on memory [Development]"
        );
        let too_large = descriptor!(
            "traces_dropped_too_large",
            "{traces}",
            "Count of traces that were dropped because they were too large [Development]"
        );
        Self {
            decisions: ByDecision::new(meter, decisions, None),
            new_traces: meter.counter(new_traces, &[]),
            early_sampled: meter.counter(early, &[("sampled", "true")]),
            early_not_sampled: meter.counter(early, &[("sampled", "false")]),
            decision_ms: meter.histogram(decision_ms, LATENCY_BOUNDS, &[]),
            late_secs: meter.histogram(late_secs, DEFAULT_BOUNDS, &[]),
            errors: meter.counter(errors, &[]),
            too_early: meter.counter(too_early, &[]),
            removal_secs: meter.histogram(removal_secs, DEFAULT_BOUNDS, &[]),
            traces: meter.gauge(traces, &[]),
            too_large: meter.counter(too_large, &[]),
        }
    }
}

/// The instruments of a policy.
#[derive(Debug)]
pub(crate) struct PolicyMetrics {
    pub(crate) traces: ByDecision,
    pub(crate) executions: Counter,
    pub(crate) micros: Counter,
    /// With the feature gate `metricstatcountspanssampled`.
    pub(crate) spans: Option<ByDecision>,
}

impl PolicyMetrics {
    /// For the policy of that name, behind that of the component.
    pub(crate) fn new(meter: &Meter, policy: &str) -> Self {
        let traces = descriptor!(
            "count_traces_sampled",
            "{traces}",
            "Count of traces that were sampled or not per sampling policy [Development]"
        );
        let executions = descriptor!(
            "sampling_policy_execution_count",
            "{executions}",
            "Total number of executions of a specific sampling policy [Development]"
        );
        let micros = descriptor!(
            "sampling_policy_execution_time_sum",
            "\u{b5}s",
            "Total time spent (in microseconds) executing a specific sampling policy [Development]"
        );
        let policy_label = [("policy", policy)];
        Self {
            traces: ByDecision::new(meter, traces, Some(policy)),
            executions: meter.counter(executions, &policy_label),
            micros: meter.counter(micros, &policy_label),
            spans: None,
        }
    }

    /// Counts spans, too.
    pub(crate) fn count_spans(&mut self, meter: &Meter, policy: &str) {
        let spans = descriptor!(
            "count_spans_sampled",
            "{spans}",
            "Count of spans that were sampled or not per sampling policy [Development]"
        );
        self.spans = Some(ByDecision::new(meter, spans, Some(policy)));
    }
}
