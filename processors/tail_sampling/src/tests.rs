//! Behaviour through `consume`, on a paused clock.

use std::sync::Arc;
use std::time::Duration;

use component::{
    Component, ConsumeError, Consumer, Context, Data, GateView, ProcessorSettings, ServiceView,
    Signal,
};
use componenttest::{
    Answer, Sink, TestHost, metric, plan, processor, processor_settings, set_clock, spawn,
};
use pdata::{Limits, Traces};
use serde_json::{Value as Json, json};
use tokio::task::JoinHandle;

use crate::TailSampling;

componenttest::conformance!(
    processor TailSampling,
    "{decision_wait: 1s, policies: [{name: all, type: always_sample}]}"
);

const ALL: &str = "policies: [{name: all, type: always_sample}]";
const ERRORS: &str =
    "policies: [{name: bad, type: status_code, status_code: {status_codes: [ERROR]}}]";

/// Attributes of plain values.
fn attributes(plain: &Json) -> Json {
    let value = |it: &Json| match it {
        Json::String(it) => json!({"stringValue": it}),
        Json::Bool(it) => json!({"boolValue": it}),
        Json::Number(it) if it.is_i64() => json!({"intValue": it.to_string()}),
        other => json!({"doubleValue": other}),
    };
    let entries = plain.as_object().into_iter().flatten();
    entries.map(|(key, it)| json!({"key": key, "value": value(it)})).collect()
}

/// A span of the trace of that number, with more fields; `attributes` are plain values.
fn span(trace: u8, more: Json) -> Json {
    let mut span = json!({"traceId": format!("{trace:02x}").repeat(16), "spanId": "00000000000000ab", "name": "s"});
    for (key, value) in more.as_object().into_iter().flatten() {
        span[key] = if key == "attributes" { attributes(value) } else { value.clone() };
    }
    span
}

/// Spans of resources with these attributes.
fn request(resources: &[(Json, Vec<Json>)]) -> Data {
    let resource = |(of, spans): &(Json, Vec<Json>)| json!({"resource": {"attributes": attributes(of)}, "scopeSpans": [{"scope": {"name": "lib"}, "spans": spans}]});
    let all: Vec<Json> = resources.iter().map(resource).collect();
    let text = json!({"resourceSpans": all}).to_string();
    Traces::from_json(text.as_bytes(), &Limits::default()).unwrap().into()
}

fn spans(spans: Vec<Json>) -> Data {
    request(&[(json!({}), spans)])
}

fn failed(trace: u8) -> Json {
    span(trace, json!({"status": {"code": 2}}))
}

fn json_of(data: &Data) -> Json {
    let mut text = Vec::new();
    data.to_json(&mut text);
    serde_json::from_slice(&text).unwrap()
}

struct Bench {
    sink: Sink,
    host: TestHost,
    sampling: Arc<TailSampling>,
    settings: ProcessorSettings,
}

impl Bench {
    async fn new(section: &str) -> Self {
        Self::with_gates(section, &[]).await
    }

    async fn with_gates(section: &str, gates: &[&'static str]) -> Self {
        let (sink, host) = (Sink::new(), TestHost::new());
        let gate = |id: &&'static str| GateView {
            id,
            stage: "Alpha",
            is_on: true,
            from: "",
            to: "",
            about: "",
        };
        host.show(ServiceView {
            gates: gates.iter().map(gate).collect(),
            ..ServiceView::default()
        });
        let settings = processor_settings("tail_sampling", Signal::Traces);
        let sampling = Arc::new(processor::<TailSampling>(settings.clone(), section, sink.next()));
        Arc::clone(&sampling).start(&host).await.unwrap();
        Self { sink, host, sampling, settings }
    }

    async fn push(&self, data: Data) {
        self.sampling.consume(&Context::default(), data).await.unwrap();
    }

    fn spawn(&self, ctx: Context, data: Data) -> JoinHandle<Result<(), ConsumeError>> {
        let sampling = Arc::clone(&self.sampling);
        spawn(async move { sampling.consume(&ctx, data).await })
    }

    async fn pass(&self, ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }

    async fn stop(&self) {
        self.host.shutdown(&*self.sampling, Duration::from_secs(60)).await;
    }

    /// The numbers of the traces that went on, one for each payload.
    fn kept(&self) -> Vec<u8> {
        let last = |data: &Data| match data {
            Data::Traces(it) => it.spans().next().and_then(|it| it.trace_id().last().copied()),
            _ => None,
        };
        self.sink.received().iter().filter_map(last).collect()
    }

    fn metric(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let name = format!("otelcol_processor_tail_sampling_{name}");
        metric(&self.settings.meter, &name, labels)
    }

    fn lost(&self, reason: &str) -> Option<f64> {
        metric(&self.settings.meter, "sluice_lost_total", &[("reason", reason)])
    }
}

/// Whether a policy keeps a trace.
async fn keeps(policy: &str, trace: &Data) -> bool {
    let bench = Bench::new(&format!("policies: [{{name: p, {policy}}}]")).await;
    bench.push(trace.clone()).await;
    bench.stop().await;
    bench.sink.items() > 0
}

#[track_caller]
fn assert_kept(policy: &str, got: bool, want: bool, about: &Json) {
    assert_eq!(got, want, "{policy} of {about}");
}

async fn check(policy: &str, traces: &[(Json, bool)]) {
    for (more, want) in traces {
        let got = keeps(policy, &spans(vec![span(1, more.clone())])).await;
        assert_kept(policy, got, *want, more);
    }
}

#[tokio::test(start_paused = true)]
async fn each_type_of_policy_keeps_what_it_says() {
    let at = |start: u64, end: u64| {
        let ms = |it: u64| (1_700_000_000_000_000_000 + it * 1_000_000).to_string();
        json!({"startTimeUnixNano": ms(start), "endTimeUnixNano": ms(end)})
    };
    let with = |attributes: Json| json!({"attributes": attributes});
    check("type: always_sample", &[(json!({}), true)]).await;
    check(
        "type: latency, latency: {threshold_ms: 500}",
        &[(at(0, 499), false), (at(0, 500), true)],
    )
    .await;
    check(
        "type: latency, latency: {threshold_ms: 500, upper_threshold_ms: 900}",
        &[(at(0, 500), false), (at(0, 501), true), (at(0, 900), true), (at(0, 901), false)],
    )
    .await;
    let number = "numeric_attribute: {key: n, min_value: 5, max_value: 7";
    check(
        &format!("type: numeric_attribute, {number}}}"),
        &[
            (with(json!({"n": 4})), false),
            (with(json!({"n": 5})), true),
            (with(json!({"n": 7})), true),
            (with(json!({"n": 8})), false),
            (with(json!({"n": 5.5})), false),
            (json!({}), false),
        ],
    )
    .await;
    check(
        &format!("type: numeric_attribute, {number}, invert_match: true}}"),
        &[(with(json!({"n": 5})), false), (with(json!({"n": 4})), true), (json!({}), true)],
    )
    .await;
    // A value of another type is 0, as upstream.
    check(
        "type: numeric_attribute, numeric_attribute: {key: n, max_value: 3}",
        &[(with(json!({"n": "text"})), true), (with(json!({"n": -9})), true)],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn codes_flags_and_states_of_spans_are_enough() {
    let with = |attributes: Json| json!({"attributes": attributes});
    check(
        "type: status_code, status_code: {status_codes: [ERROR, UNSET]}",
        &[
            (json!({}), true),
            (json!({"status": {"code": 1}}), false),
            (json!({"status": {"code": 2}}), true),
        ],
    )
    .await;
    check(
        "type: boolean_attribute, boolean_attribute: {key: b, value: true}",
        &[
            (with(json!({"b": true})), true),
            (with(json!({"b": false})), false),
            (with(json!({"b": "true"})), false),
        ],
    )
    .await;
    check(
        "type: boolean_attribute, boolean_attribute: {key: b, value: true, invert_match: true}",
        &[(with(json!({"b": true})), false), (with(json!({"b": false})), true), (json!({}), true)],
    )
    .await;
    check(
        "type: trace_flags",
        &[
            (json!({"flags": 1}), true),
            (json!({"flags": 257}), true),
            (json!({"flags": 256}), false),
        ],
    )
    .await;
    check(
        "type: trace_state, trace_state: {key: a, values: ['1', '2']}",
        &[
            (json!({"traceState": "b=9,a=2"}), true),
            (json!({"traceState": "a=3"}), false),
            (json!({"traceState": "a=2,B=1"}), false),
        ],
    )
    .await;
    check("type: span_count, span_count: {min_spans: 2}", &[(json!({}), false)]).await;
    check("type: span_count, span_count: {min_spans: 1, max_spans: 1}", &[(json!({}), true)]).await;
}

#[tokio::test(start_paused = true)]
async fn texts_are_compared_as_a_whole_and_patterns_are_found_anywhere() {
    let with = |text: &str| json!({"attributes": {"k": text}});
    check(
        "type: string_attribute, string_attribute: {key: k, values: [one, '']}",
        &[
            (with("one"), true),
            (with("one two"), false),
            (with(""), false),
            (json!({"attributes": {"k": 1}}), false),
        ],
    )
    .await;
    check(
        "type: string_attribute, string_attribute: {key: k, values: ['^a\\d+', 'z$'], enabled_regex_matching: true, cache_max_size: 10}",
        &[(with("a1b"), true), (with("xyz"), true), (with("ba1"), false)],
    )
    .await;
    let inverted =
        "type: string_attribute, string_attribute: {key: k, values: [one], invert_match: true}";
    check(inverted, &[(with("one"), false), (with("two"), true), (json!({}), true)]).await;
    // One span that matches is enough against it, and so is a resource.
    let two = spans(vec![span(1, with("two")), span(1, with("one"))]);
    assert!(!keeps(inverted, &two).await);
    let resource = |value| request(&[(json!({"k": value}), vec![span(1, json!({}))])]);
    assert!(!keeps(inverted, &resource("one")).await);
    let exact = "type: string_attribute, string_attribute: {key: k, values: [one]}";
    assert!(keeps(exact, &resource("one")).await);
    // An empty text is looked at on resources only, as upstream.
    let any = "type: string_attribute, string_attribute: {key: k, values: ['^$'], enabled_regex_matching: true}";
    assert!(keeps(any, &resource("")).await);
    assert!(!keeps(any, &spans(vec![span(1, with(""))])).await);
}

#[tokio::test(start_paused = true)]
async fn a_duration_is_looked_at_span_by_span() {
    let at = |start: u64, end: u64| {
        span(1, json!({"startTimeUnixNano": start.to_string(), "endTimeUnixNano": end.to_string()}))
    };
    let ms = 1_000_000;
    let trace = spans(vec![at(ms, 601 * ms), at(ms, 2001 * ms)]);
    let range = "type: latency, latency: {threshold_ms: 500, upper_threshold_ms: 900}";
    assert!(keeps(range, &trace).await, "it was long enough with its first span");
    let parts = spans(vec![at(ms, 101 * ms), at(500 * ms, 700 * ms)]);
    assert!(keeps("type: latency, latency: {threshold_ms: 699}", &parts).await);
}

#[tokio::test(start_paused = true)]
async fn conditions_are_about_spans_and_their_events() {
    let event = |name: &str| json!({"kind": 2, "events": [{"name": name, "timeUnixNano": "1"}]});
    check(
        "type: ottl_condition, ottl_condition: {span: ['kind == 3', 'name == \"other\"'], spanevent: ['name == \"exception\"']}",
        &[
            (event("exception"), true),
            (event("other"), false),
            (json!({"kind": 3}), true),
            (json!({"name": "other"}), true),
        ],
    )
    .await;
    let broken = "type: ottl_condition, ottl_condition: {error_mode: MODE, span: ['attributes[\"a\"][\"b\"] == 1', 'kind == 3']}";
    let odd = json!({"kind": 3, "attributes": {"a": "text"}});
    check(&broken.replace("MODE", "silent"), &[(odd.clone(), true)]).await;
    check(&broken.replace("MODE", "propagate"), &[(odd, false)]).await;
}

/// Ids and decisions of the Go Collector's `probabilistic` policy, v0.149.
#[tokio::test(start_paused = true)]
async fn a_part_of_the_traces_is_kept_by_their_ids() {
    let kept = |section: &'static str| async move {
        let bench = Bench::new(&format!(
            "policies: [{{name: p, type: probabilistic, probabilistic: {section}}}]"
        ))
        .await;
        for trace in 0..40 {
            bench.push(spans(vec![span(trace, json!({}))])).await;
        }
        bench.stop().await;
        let mut kept = bench.kept();
        kept.sort_unstable();
        kept
    };
    assert_eq!(kept("{sampling_percentage: 25}").await, KEPT_25);
    assert_eq!(kept("{sampling_percentage: 25, hash_salt: other}").await, KEPT_25_OTHER);
    assert_eq!(kept("{sampling_percentage: 0}").await, [0_u8; 0]);
    assert_eq!(kept("{sampling_percentage: 100}").await.len(), 40);
}

const KEPT_25: &[u8] = &[1, 4, 10, 13, 15, 17, 33, 34, 38];
const KEPT_25_OTHER: &[u8] = &[6, 8, 10, 13, 14, 23, 34, 39];

#[tokio::test(start_paused = true)]
async fn spans_and_bytes_are_limited_in_a_second() {
    set_clock(1_000_000_000);
    let traces = |n: u8| (1..=n).map(|it| span(it, json!({}))).collect();
    let kept = |policy: &'static str| async move {
        let bench = Bench::new(&format!("policies: [{{name: p, {policy}}}]")).await;
        bench.push(spans(traces(9))).await;
        bench.stop().await;
        bench.sink.items()
    };
    assert_eq!(kept("type: rate_limiting, rate_limiting: {spans_per_second: 5}").await, 4);
    let bucket = "type: rate_limiting, rate_limiting: {spans_per_second: 5, burst_capacity: 7}";
    assert_eq!(kept(bucket).await, 7);
    let bytes = spans(vec![span(1, json!({}))]).bytes();
    assert!((30..60).contains(&bytes), "{bytes}");
    assert_eq!(
        kept("type: bytes_limiting, bytes_limiting: {bytes_per_second: 100}").await,
        200 / bytes
    );
    let burst = "type: bytes_limiting, bytes_limiting: {bytes_per_second: 1, burst_capacity: 100}";
    assert_eq!(kept(burst).await, 100 / bytes);
}

#[tokio::test(start_paused = true)]
async fn policies_are_joined_negated_and_made_to_drop() {
    let error = "{name: e, type: status_code, status_code: {status_codes: [ERROR]}}";
    let two = "{name: t, type: span_count, span_count: {min_spans: 2}}";
    let one_failed = spans(vec![failed(1)]);
    let two_failed = spans(vec![failed(1), span(1, json!({}))]);
    let and = format!("type: and, and: {{and_sub_policy: [{error}, {two}]}}");
    assert!(!keeps(&and, &one_failed).await && keeps(&and, &two_failed).await);
    let not = format!("type: not, not: {{not_sub_policy: {two}}}");
    assert!(keeps(&not, &one_failed).await && !keeps(&not, &two_failed).await);
    // What drops wins, wherever it stands.
    let drop = format!(
        "type: always_sample}}, {{name: d, type: drop, drop: {{drop_sub_policy: [{error}, {two}]}}"
    );
    assert!(keeps(&drop, &one_failed).await && !keeps(&drop, &two_failed).await);
}

#[tokio::test(start_paused = true)]
async fn a_composite_policy_shares_out_its_rate() {
    set_clock(1_000_000_000);
    let section = "policies: [{name: c, type: composite, composite: {max_total_spans_per_second: 10, \
        policy_order: [errors, rest], \
        composite_sub_policy: [\
          {name: errors, type: and, and: {and_sub_policy: [{name: e, type: status_code, status_code: {status_codes: [ERROR]}}]}}, \
          {name: rest, type: always_sample}], \
        rate_allocation: [{policy: errors, percent: 29}, {policy: rest}]}}]";
    let bench = Bench::new(section).await;
    let all = (1..=5).map(failed).chain((6..=20).map(|it| span(it, json!({}))));
    bench.push(spans(all.collect())).await;
    bench.stop().await;
    // 29 of 100 of 10 are 2; what has no room there is not asked about further. The rest has a half of 10.
    assert_eq!(bench.kept(), [1, 2, 6, 7, 8, 9, 10]);
}

#[tokio::test(start_paused = true)]
async fn a_trace_is_decided_about_when_its_time_is_over() {
    let bench = Bench::new(&format!("{{decision_wait: 3s, {ERRORS}}}")).await;
    bench.push(spans(vec![span(1, json!({})), span(2, json!({}))])).await;
    bench.pass(1000).await;
    bench.push(spans(vec![failed(1)])).await;
    bench.pass(1999).await;
    assert_eq!(bench.sink.calls(), 0);
    bench.pass(2).await;
    assert_eq!((bench.kept(), bench.sink.items()), (vec![1], 2));
    assert_eq!(bench.metric("new_trace_id_received", &[]), Some(2.0));
    let decided = |sampled, decision| {
        let labels = [("sampled", sampled), ("decision", decision)];
        let policy = [("policy", "bad"), labels[0], labels[1]];
        let name = "global_count_traces_sampled";
        (bench.metric(name, &labels), bench.metric("count_traces_sampled", &policy))
    };
    assert_eq!(decided("true", "sampled"), (Some(1.0), Some(1.0)));
    assert_eq!(decided("false", "not_sampled"), (Some(1.0), Some(1.0)));
    assert_eq!(decided("false", "dropped"), (None, None));
    let executions = bench.metric("sampling_policy_execution_count", &[("policy", "bad")]);
    assert_eq!(executions, Some(2.0));
    assert_eq!(bench.metric("sampling_traces_on_memory", &[]), Some(2.0));
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_a_second_at_least() {
    let bench = Bench::new(&format!("{{decision_wait: 0s, {ALL}}}")).await;
    bench.push(spans(vec![span(1, json!({}))])).await;
    bench.pass(999).await;
    assert_eq!(bench.sink.calls(), 0);
    bench.pass(2).await;
    assert_eq!(bench.sink.calls(), 1);
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_root_span_shortens_the_wait() {
    let section = format!("{{decision_wait: 30s, decision_wait_after_root_received: 2s, {ALL}}}");
    let bench = Bench::new(&section).await;
    let child = |trace| span(trace, json!({"parentSpanId": "00000000000000cd"}));
    bench.push(spans(vec![child(1), child(2)])).await;
    bench.push(spans(vec![span(1, json!({"parentSpanId": "0000000000000000"}))])).await;
    bench.pass(2001).await;
    assert_eq!(bench.kept(), [1]);
    bench.pass(28_000).await;
    assert_eq!(bench.kept(), [1, 2]);
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn spans_that_come_late_have_the_fate_of_their_trace() {
    let bench = Bench::new(&format!("{{decision_wait: 1s, {ERRORS}}}")).await;
    bench.push(spans(vec![failed(1), span(2, json!({}))])).await;
    bench.pass(8000).await;
    bench.push(spans(vec![span(1, json!({})), failed(2)])).await;
    bench.pass(1).await;
    assert_eq!(bench.kept(), [1, 1]);
    assert_eq!(bench.metric("sampling_late_span_age", &[]), Some(14.0));
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn decisions_are_remembered_in_their_caches() {
    let caches = "decision_cache: {sampled_cache_size: 1, non_sampled_cache_size: 10}";
    let gates = [crate::RECORD_POLICY];
    let bench =
        Bench::with_gates(&format!("{{decision_wait: 1s, {caches}, {ERRORS}}}"), &gates).await;
    bench.push(spans(vec![failed(1), span(2, json!({}))])).await;
    bench.pass(1001).await;
    bench.push(spans(vec![span(1, json!({})), failed(2)])).await;
    bench.pass(1).await;
    assert_eq!(bench.kept(), [1, 1]);
    let early =
        |sampled| bench.metric("early_releases_from_cache_decision", &[("sampled", sampled)]);
    assert_eq!((early("true"), early("false")), (Some(1.0), Some(1.0)));
    let scope = |at: usize| {
        json_of(&bench.sink.received()[at])["resourceSpans"][0]["scopeSpans"][0]["scope"].clone()
    };
    let policy = json!({"key": "tailsampling.policy", "value": {"stringValue": "bad"}});
    let cached = json!({"key": "tailsampling.cached_decision", "value": {"boolValue": true}});
    assert_eq!(scope(0)["attributes"], json!([policy]));
    assert_eq!(scope(1)["attributes"], json!([policy, cached]));
    // There is room for one trace that was kept: the one before is new again.
    bench.push(spans(vec![failed(3)])).await;
    bench.pass(1001).await;
    bench.push(spans(vec![span(1, json!({}))])).await;
    bench.pass(1001).await;
    assert_eq!(bench.kept(), [1, 1, 3]);
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_composite_policy_names_its_sub_policy() {
    let section = "policies: [{name: c, type: composite, composite: {max_total_spans_per_second: 10, \
        composite_sub_policy: [{name: rest, type: always_sample}], rate_allocation: [{policy: rest, percent: 100}]}}]";
    let gates = [crate::RECORD_POLICY, crate::COUNT_SPANS];
    let bench = Bench::with_gates(section, &gates).await;
    bench.push(spans(vec![span(1, json!({})), span(1, json!({}))])).await;
    bench.stop().await;
    let scope = &json_of(&bench.sink.received()[0])["resourceSpans"][0]["scopeSpans"][0]["scope"];
    let attribute = |key: &str, value: &str| json!({"key": format!("tailsampling.{key}"), "value": {"stringValue": value}});
    let want = json!([attribute("policy", "c"), attribute("composite_policy", "rest")]);
    assert_eq!(scope["attributes"], want);
    let labels = [("policy", "c"), ("sampled", "true"), ("decision", "sampled")];
    assert_eq!(bench.metric("count_spans_sampled", &labels), Some(2.0));
}

#[tokio::test(start_paused = true)]
async fn the_first_policy_that_keeps_a_trace_can_be_the_last_one_asked() {
    for (first, want) in [(true, None), (false, Some(1.0))] {
        let section = format!(
            "{{sample_on_first_match: {first}, policies: [{{name: a, type: always_sample}}, {{name: b, type: always_sample}}]}}"
        );
        let bench = Bench::new(&section).await;
        bench.push(spans(vec![span(1, json!({}))])).await;
        bench.stop().await;
        assert_eq!(bench.metric("sampling_trace_dropped_too_early", &[]), Some(0.0));
        let asked = bench.metric("sampling_policy_execution_count", &[("policy", "b")]);
        assert_eq!((bench.kept(), asked), (vec![1], want));
    }
}

#[tokio::test(start_paused = true)]
async fn without_room_the_oldest_trace_is_decided_about_at_once() {
    let bench = Bench::new(&format!("{{num_traces: 2, {ERRORS}}}")).await;
    bench.push(spans(vec![failed(1), failed(2)])).await;
    bench.pass(10).await;
    assert_eq!(bench.kept(), [0_u8; 0]);
    bench.push(spans(vec![failed(3)])).await;
    bench.pass(1).await;
    assert_eq!(bench.kept(), [1]);
    assert_eq!(bench.metric("sampling_trace_dropped_too_early", &[]), Some(1.0));
    bench.stop().await;
    assert_eq!(bench.kept(), [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn held_bytes_have_a_limit() {
    let bytes = spans(vec![failed(1)]).bytes();
    let bench = Bench::new(&format!("{{maximum_held_bytes: {}, {ALL}}}", bytes * 5 / 2)).await;
    bench.push(spans(vec![failed(1)])).await;
    bench.push(spans(vec![failed(2)])).await;
    bench.pass(1).await;
    assert_eq!(bench.sink.calls(), 0);
    bench.push(spans(vec![failed(2)])).await;
    bench.pass(1).await;
    assert_eq!(bench.kept(), [1]);
    bench.stop().await;
    assert_eq!((bench.kept(), bench.sink.items()), (vec![1, 2], 3));
}

#[tokio::test(start_paused = true)]
async fn senders_wait_for_room_where_that_is_configured() {
    let section = format!("{{num_traces: 1, decision_wait: 5s, block_on_overflow: true, {ALL}}}");
    let bench = Bench::new(&section).await;
    bench.push(spans(vec![span(1, json!({}))])).await;
    let waiting = bench.spawn(Context::default(), spans(vec![span(2, json!({}))]));
    bench.pass(4999).await;
    assert!(!waiting.is_finished() && bench.sink.calls() == 0);
    bench.pass(2).await;
    assert!(waiting.is_finished());
    assert_eq!(bench.kept(), [1]);
    // A shutdown ends the wait.
    let waiting = bench.spawn(Context::default(), spans(vec![span(3, json!({}))]));
    bench.pass(1).await;
    bench.stop().await;
    waiting.await.unwrap().unwrap();
    assert_eq!(bench.kept(), [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_trace_that_grows_too_large_makes_room_for_who_waits() {
    let bytes = spans(vec![failed(1)]).bytes();
    let section = format!(
        "{{num_traces: 1, decision_wait: 5s, block_on_overflow: true, maximum_trace_size_bytes: {}, {ALL}}}",
        bytes + 1
    );
    let bench = Bench::new(&section).await;
    bench.push(spans(vec![failed(1)])).await;
    let waiting = bench.spawn(Context::default(), spans(vec![failed(2)]));
    bench.pass(1).await;
    assert!(!waiting.is_finished());
    bench.push(spans(vec![failed(1)])).await;
    bench.pass(1).await;
    assert!(waiting.is_finished());
    bench.stop().await;
    assert_eq!(bench.kept(), [2]);
}

#[tokio::test(start_paused = true)]
async fn a_trace_that_grows_too_large_is_dropped() {
    let bytes = spans(vec![failed(1)]).bytes();
    let section = format!("{{decision_wait: 1s, maximum_trace_size_bytes: {}, {ALL}}}", bytes + 1);
    let bench = Bench::new(&section).await;
    bench.push(spans(vec![failed(1), failed(2)])).await;
    bench.push(spans(vec![failed(1)])).await;
    bench.push(spans(vec![failed(1)])).await;
    assert_eq!(bench.metric("traces_dropped_too_large", &[]), Some(1.0));
    bench.pass(1001).await;
    assert_eq!((bench.kept(), bench.sink.items()), (vec![2], 1));
    bench.stop().await;
    assert_eq!(bench.lost("shutdown_deadline"), None);
}

#[tokio::test(start_paused = true)]
async fn who_can_read_again_is_answered_when_its_traces_have_arrived() {
    let bench = Bench::new(&format!("{{decision_wait: 2s, {ERRORS}}}")).await;
    bench.sink.script([Answer::permanent("no")]);
    let refused = bench.spawn(Context::delivered(), spans(vec![failed(1), span(2, json!({}))]));
    let dropped = bench.spawn(Context::delivered(), spans(vec![span(2, json!({}))]));
    bench.pass(1999).await;
    assert!(!refused.is_finished() && !dropped.is_finished());
    bench.pass(2).await;
    assert_eq!(refused.await.unwrap().unwrap_err().to_string(), "Permanent error: no");
    dropped.await.unwrap().unwrap();
    assert_eq!(bench.lost("rejected_by_backend"), None);
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_accepted_is_offered_again_and_counted_when_it_is_lost() {
    let bench = Bench::new(&format!("{{decision_wait: 1s, {ALL}}}")).await;
    bench.sink.script([Answer::retryable("later"), Answer::Ok, Answer::permanent("no")]);
    bench.push(spans(vec![span(1, json!({}))])).await;
    bench.pass(1200).await;
    assert_eq!(bench.kept(), [1]);
    bench.push(spans(vec![span(2, json!({})), span(2, json!({}))])).await;
    bench.pass(1001).await;
    assert_eq!(bench.lost("rejected_by_backend"), Some(2.0));
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_decides_about_what_is_held_or_drops_it() {
    let bench = Bench::new(ERRORS).await;
    bench.push(spans(vec![failed(1), span(2, json!({}))])).await;
    bench.stop().await;
    assert_eq!(bench.kept(), [1]);
    // It is called for a little longer after a reload: then it decides at once.
    bench.push(spans(vec![failed(3), span(4, json!({})), span(1, json!({}))])).await;
    assert_eq!(bench.kept(), [1, 3, 1]);

    let bench = Bench::new(&format!("{{drop_pending_traces_on_shutdown: true, {ERRORS}}}")).await;
    bench.push(spans(vec![failed(1)])).await;
    let waiting = bench.spawn(Context::delivered(), spans(vec![failed(2)]));
    bench.pass(1).await;
    bench.stop().await;
    assert_eq!((bench.sink.calls(), bench.lost("shutdown_deadline")), (0, None));
    assert!(!waiting.await.unwrap().unwrap_err().is_permanent());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_within_the_grace_is_lost_and_counted() {
    let bench = Bench::new(ALL).await;
    bench.sink.answer(Answer::Hang);
    bench.push(spans((0..200).map(failed).collect())).await;
    let stop = tokio::time::timeout(Duration::from_secs(1), bench.host.stop());
    assert!(stop.await.is_err());
    bench.host.abort();
    tokio::task::yield_now().await;
    bench.sampling.shutdown().await.unwrap();
    assert_eq!(bench.lost("shutdown_deadline"), Some(200.0));
}

#[tokio::test(start_paused = true)]
async fn spans_can_be_decided_about_as_they_come() {
    let section = format!("{{sampling_strategy: span-ingest, decision_wait: 5s, {ERRORS}}}");
    let bench = Bench::new(&section).await;
    bench.push(spans(vec![span(1, json!({})), span(2, json!({}))])).await;
    bench.push(spans(vec![failed(1)])).await;
    bench.pass(1).await;
    assert_eq!((bench.kept(), bench.sink.items()), (vec![1], 2));
    bench.push(spans(vec![span(1, json!({}))])).await;
    bench.pass(5000).await;
    // The other one was not kept in its time; its policies are not asked again.
    bench.push(spans(vec![failed(2)])).await;
    bench.stop().await;
    assert_eq!((bench.kept(), bench.sink.items()), (vec![1, 1], 3));
    let labels = [("sampled", "false"), ("decision", "not_sampled")];
    assert_eq!(bench.metric("global_count_traces_sampled", &labels), Some(1.0));
}

/// What is wrong with the policies of a section.
fn wrong(section: &str) -> Vec<String> {
    plan::<TailSampling>(section, Signal::Traces).err().unwrap_or_default()
}

#[test]
fn mistakes_are_said_in_the_collectors_words() {
    let policy = |more: &str| wrong(&format!("policies: [{{name: x, {more}}}]"));
    let failed = |why: &str| vec![format!("failed to create policy evaluator for \"x\": {why}")];
    assert_eq!(policy("type: guess"), failed("unknown sampling policy type guess"));
    assert_eq!(
        policy("type: and, and: {and_sub_policy: [{name: y, type: not}]}"),
        failed("unknown sampling policy type not")
    );
    assert_eq!(
        policy("type: composite, composite: {composite_sub_policy: [{name: y, type: drop}]}"),
        failed("unknown sampling policy type drop")
    );
    assert_eq!(
        policy("type: status_code"),
        failed("expected at least one status code to filter on")
    );
    assert_eq!(
        policy("type: status_code, status_code: {status_codes: [OK, bad]}"),
        failed("unknown status code \"bad\", supported: OK, ERROR, UNSET")
    );
    assert_eq!(
        policy("type: ottl_condition"),
        failed("expected at least one OTTL condition to filter on")
    );
    let regex = policy(
        "type: string_attribute, string_attribute: {key: k, values: ['('], enabled_regex_matching: true}",
    );
    assert_eq!(regex, failed("invalid regex `(`: error parsing regexp: missing closing ): `(`"));
    assert_eq!(
        policy("type: numeric_attribute, numeric_attribute: {key: k}"),
        failed("at least one of min_value or max_value must be set, and not to 0")
    );
    assert_eq!(wrong("policies: [{type: always_sample}]"), ["policy name cannot be empty"]);
    let twice = "policies: [{name: a, type: always_sample}, {name: a, type: trace_flags}]";
    assert_eq!(wrong(twice), ["duplicate policy name \"a\""]);
    assert_eq!(
        wrong("sampling_strategy: now"),
        [
            "invalid sampling_strategy \"now\", expected one of \"trace-complete\" or \"span-ingest\""
        ]
    );
    assert_eq!(
        wrong("{sampling_strategy: span-ingest, policies: [{name: r, type: rate_limiting}]}"),
        [
            "sampling_strategy \"span-ingest\" requires all policies to be stateless, but policy \"r\" is stateful"
        ]
    );
}
