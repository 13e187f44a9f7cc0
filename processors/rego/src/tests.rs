#![expect(clippy::float_cmp, reason = "counters are whole numbers")]

use std::sync::Arc;

use component::{Component as _, Consumer as _, Context, Data, Meter, ProcessorSettings, Signal};
use componenttest::{Sink, TestHost, metric, processor, processor_settings, through};
use pdata::Limits;
use serde_json::{Value as Json, json};

use crate::Rego;

componenttest::conformance!(
    processor Rego,
    "{policy: \"package a\\nallow if input.version == 1\", rules: [{query: data.a.allow, then: [keep]}]}"
);

/// The policy of the reference article, as it stands there.
const ARTICLE: &str = r#"
policy: |
  package system.authz
  default allow = false
  allow {
    input.log.level == "ERROR"
    input.log.service == "identity-service"
    input.log.trace_id != ""
    count(input.log.tags.mfa_attempt) > 0
    data.risk_rules.brute_force_window[input.log.timestamp] > 5
  }
windows:
  brute_force:
    data: risk_rules.brute_force_window
    when: severity_number >= 17
    key: 'attributes["enduser.id"]'
rules:
  - query: data.system.authz.allow
    then:
      - block: {key: 'attributes["enduser.id"]', title: brute force}
"#;

/// A failed login at a second.
fn failed_login(user: &str, second: u64) -> Json {
    json!({
        "timeUnixNano": (1_700_000_000 + second).to_string() + "000000000",
        "severityNumber": 17,
        "severityText": "error",
        "traceId": "0102030405060708090a0b0c0d0e0f10",
        "attributes": [
            {"key": "enduser.id", "value": {"stringValue": user}},
            {"key": "mfa_attempt", "value": {"arrayValue": {"values": [{"stringValue": "sms"}]}}},
        ],
    })
}

fn of_service(service: &str, records: &[Json]) -> Json {
    json!({"resourceLogs": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]},
        "scopeLogs": [{"logRecords": records}],
    }]})
}

fn logs(records: &[Json]) -> Json {
    of_service("identity-service", records)
}

fn data(signal: Signal, request: &Json) -> Data {
    Data::from_json(signal, request.to_string().as_bytes(), &Limits::default()).unwrap()
}

/// What a section makes of records; the records that are left.
async fn left(section: &str, records: &[Json]) -> Vec<Json> {
    records_of(&through::<Rego>(section, Signal::Logs, &logs(records)).await)
}

fn records_of(request: &Json) -> Vec<Json> {
    let lists = |json: &Json, key: &str| json[key].as_array().cloned().unwrap_or_default();
    let resources = lists(request, "resourceLogs");
    let scopes = resources.iter().flat_map(|it| lists(it, "scopeLogs"));
    scopes.flat_map(|it| lists(&it, "logRecords")).collect()
}

fn body(text: &str) -> Json {
    json!({"body": {"stringValue": text}})
}

fn bodies(records: &[Json]) -> Vec<&str> {
    records.iter().filter_map(|it| it["body"]["stringValue"].as_str()).collect()
}

/// A processor, what it sends, and its metrics.
struct Running {
    rego: Rego,
    sink: Sink,
    meter: Meter,
}

impl Running {
    fn new(section: &str, signal: Signal) -> Self {
        let (sink, meter) = (Sink::new(), Meter::default());
        let settings =
            ProcessorSettings { meter: meter.clone(), ..processor_settings("rego", signal) };
        Self { rego: processor(settings, section, sink.next()), sink, meter }
    }

    async fn send(&self, signal: Signal, request: &Json) -> Vec<Json> {
        self.sink.clear();
        self.rego.consume(&Context::default(), data(signal, request)).await.unwrap();
        let received = self.sink.received();
        received.iter().flat_map(|it| records_of(&json_of(it))).collect()
    }

    fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let labels: Vec<_> = [("processor", "rego")].iter().chain(labels).copied().collect();
        metric(&self.meter, name, &labels).unwrap_or(0.0)
    }
}

fn json_of(data: &Data) -> Json {
    let mut text = Vec::new();
    data.to_json(&mut text);
    serde_json::from_slice(&text).unwrap()
}

fn is_alert(record: &Json) -> bool {
    record["eventName"] == "sluice.policy.alert"
}

fn attribute<'j>(record: &'j Json, key: &str) -> &'j Json {
    let all = record["attributes"].as_array().unwrap();
    all.iter().find(|it| it["key"] == key).map_or(&Json::Null, |it| &it["value"])
}

#[tokio::test]
async fn the_policy_of_the_article_fires_at_the_sixth_failed_login() {
    let running = Running::new(ARTICLE, Signal::Logs);
    let mut alerts = Vec::new();
    for attempt in 1..=8 {
        let records = running.send(Signal::Logs, &logs(&[failed_login("eve", attempt)])).await;
        alerts.extend(records.into_iter().filter(is_alert).map(|it| (attempt, it)));
    }
    let [(6, alert)] = alerts.as_slice() else { panic!("{alerts:#?}") };
    assert_eq!(alert["body"]["stringValue"], "brute force");
    assert_eq!(attribute(alert, "policy.key")["stringValue"], "eve");
    assert_eq!(attribute(alert, "policy.window.brute_force")["intValue"], "6");
    assert_eq!(alert["traceId"], "0102030405060708090a0b0c0d0e0f10");
    assert_eq!(running.metric("sluice_rego_blocks_total", &[]), 3.0);
    let rule = [("rule", "data.system.authz.allow")];
    assert_eq!(running.metric("sluice_rego_alerts_total", &rule), 1.0);
    assert_eq!(running.metric("sluice_rego_alerts_held_back_total", &rule), 2.0);
}

#[tokio::test]
async fn users_and_services_are_counted_apart() {
    let running = Running::new(ARTICLE, Signal::Logs);
    for user in 0..1_000 {
        let records: Vec<Json> =
            (1..=5).map(|it| failed_login(&format!("user {user}"), it)).collect();
        assert_eq!(running.send(Signal::Logs, &logs(&records)).await.len(), 5);
    }
    // The sixth, but of a service that the policy is not about.
    let other = of_service("cart", &[failed_login("user 1", 6)]);
    assert_eq!(running.send(Signal::Logs, &other).await.len(), 1);
    let sixth = running.send(Signal::Logs, &logs(&[failed_login("user 2", 6)])).await;
    assert_eq!(sixth.iter().filter(|it| is_alert(it)).count(), 1);
}

#[test]
fn eight_senders_in_parallel_make_one_alert_at_the_sixth_record() {
    for _ in 0..50 {
        let running = Arc::new(Running::new(ARTICLE, Signal::Logs));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                let running = Arc::clone(&running);
                scope.spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                    let request = data(Signal::Logs, &logs(&[failed_login("eve", 1)]));
                    let ctx = Context::default();
                    runtime.block_on(running.rego.consume(&ctx, request)).unwrap();
                });
            }
        });
        let received = running.sink.received();
        let alerts: Vec<Json> =
            received.iter().flat_map(|it| records_of(&json_of(it))).filter(is_alert).collect();
        assert_eq!(alerts.len(), 1);
        assert_eq!(attribute(&alerts[0], "policy.window.brute_force")["intValue"], "6");
    }
}

#[tokio::test]
async fn a_blocked_key_is_seen_by_the_policy_until_its_time_is_over() {
    let section = r#"
policy: |
  package p
  bad if input.log.body == "bad"
  is_blocked if data.sluice.blocked[input.log.attributes["enduser.id"]]
rules:
  - {query: data.p.is_blocked, then: [drop]}
  - {query: data.p.bad, then: [{block: {key: 'attributes["enduser.id"]', ttl: 1h}}]}
"#;
    let running = Running::new(section, Signal::Logs);
    let of = |user: &str, text: &str| {
        let user = json!({"key": "enduser.id", "value": {"stringValue": user}});
        json!({"body": {"stringValue": text}, "attributes": [user]})
    };
    let request =
        logs(&[of("eve", "good"), of("eve", "bad"), of("eve", "good"), of("bob", "good")]);
    let records = running.send(Signal::Logs, &request).await;
    assert_eq!(bodies(&records), ["good", "bad", "good", "data.p.bad"]);
    let dropped = [("rule", "data.p.is_blocked"), ("reason", "data.p.is_blocked")];
    assert_eq!(running.metric("sluice_rego_dropped_total", &dropped), 1.0);
}

#[tokio::test]
async fn rules_drop_keep_and_change() {
    let section = r#"
policy: |
  package p
  noise if startswith(input.log.body, "noise")
  precious if contains(input.log.body, "precious")
  secret contains "body" if contains(input.log.body, "secret")
rules:
  - {query: data.p.precious, then: [keep]}
  - {query: data.p.noise, then: [{drop: too loud}]}
  - query: data.p.secret
    then:
      - set: {attributes: {class: "confidential", n: 3}, resource: {zone: "b"}, severity_text: "WARN"}
      - redact: [{path: body, pattern: "secret=(\\w)\\w*", with: "secret=$1..."}]
      - remove: ['attributes["token"]']
      - labels: {team: security}
"#;
    let secret = json!({
        "body": {"stringValue": "secret=abc"},
        "attributes": [{"key": "token", "value": {"stringValue": "x"}}],
    });
    let records = left(section, &[body("noise"), body("noise, but precious"), secret]).await;
    assert_eq!(bodies(&records), ["noise, but precious", "secret=a..."]);
    let changed = &records[1];
    assert_eq!(changed["severityText"], "WARN");
    assert_eq!(attribute(changed, "token"), &Json::Null);
    assert_eq!(attribute(changed, "class")["stringValue"], "confidential");
    assert_eq!(attribute(changed, "n")["intValue"], "3");
    assert_eq!(attribute(changed, "policy.label.team")["stringValue"], "security");
}

const DECISION: &str = r#"
policy: |
  package sluice
  decision := object.union_n([d | some d in parts])
  parts contains {"drop": "debug in prod"} if input.log.level == "DEBUG"
  parts contains {"set": {"attributes": {"user": "?"}, "body": {"was": input.log.body}}} if input.log.level == "INFO"
  parts contains {"redact": [{"path": "attributes", "pattern": "[0-9]{4}", "with": "****"}]} if input.log.level == "WARN"
  parts contains {"alert": {"title": "bad", "key": input.log.body, "severity": "error", "labels": {"a": 1}}} if input.log.level == "ERROR"
  parts contains {"nonsense": 1} if input.log.level == "FATAL"
decision: data.sluice.decision
"#;

#[tokio::test]
async fn a_decision_is_an_object_that_the_policy_builds() {
    let running = Running::new(DECISION, Signal::Logs);
    let of = |severity: &str| {
        let card = json!({"key": "card", "value": {"stringValue": "1234 5678"}});
        json!({"severityText": severity, "body": {"stringValue": severity}, "attributes": [card]})
    };
    let all = ["DEBUG", "INFO", "WARN", "ERROR"].map(of);
    let records = running.send(Signal::Logs, &logs(&all)).await;
    let [info, warn, error, alert] = records.as_slice() else { panic!("{records:#?}") };
    assert_eq!(info["body"]["kvlistValue"]["values"][0]["value"]["stringValue"], "INFO");
    assert_eq!(attribute(info, "user")["stringValue"], "?");
    assert_eq!(attribute(warn, "card")["stringValue"], "**** ****");
    assert_eq!(attribute(error, "card")["stringValue"], "1234 5678");
    assert!(is_alert(alert));
    assert_eq!(alert["severityNumber"], 17);
    assert_eq!(attribute(alert, "policy.key")["stringValue"], "ERROR");
    let dropped = [("rule", "data.sluice.decision"), ("reason", "debug in prod")];
    assert_eq!(running.metric("sluice_rego_dropped_total", &dropped), 1.0);
}

#[tokio::test]
async fn a_decision_with_an_unknown_key_is_an_error_of_the_record() {
    let fatal = json!({"severityText": "FATAL"});
    let running = Running::new(DECISION, Signal::Logs);
    assert_eq!(running.send(Signal::Logs, &logs(std::slice::from_ref(&fatal))).await.len(), 1);
    assert_eq!(running.metric("sluice_rego_errors_total", &[]), 1.0);
    let strict = Running::new(&format!("{DECISION}on_error: drop"), Signal::Logs);
    assert_eq!(strict.send(Signal::Logs, &logs(&[fatal.clone(), body("a")])).await.len(), 1);
    let refusing = Running::new(&format!("{DECISION}on_error: propagate"), Signal::Logs);
    let ctx = Context::default();
    let call = refusing.rego.consume(&ctx, data(Signal::Logs, &logs(&[fatal])));
    let error = call.await.unwrap_err().to_string();
    assert!(error.contains("unknown key \"nonsense\""), "{error}");
}

#[tokio::test]
async fn sampling_is_the_same_for_all_records_of_a_trace() {
    let section = "{policy: \"package p\\nall if true\", rules: [{query: data.p.all, then: [{sample: 0.25}]}]}";
    let of = |trace: u32| {
        let id = format!(
            "{:032x}",
            u128::from(trace).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
        );
        json!({"traceId": id, "body": {"stringValue": trace.to_string()}})
    };
    let records: Vec<Json> = (1..=1_000).map(of).collect();
    let once = left(section, &records).await;
    assert!((150..350).contains(&once.len()), "{}", once.len());
    let twice = left(section, &[&records[..], &records[..]].concat()).await;
    assert_eq!(twice.len(), 2 * once.len());
}

#[tokio::test]
async fn spans_and_points_are_judged_too() {
    let section = r#"
policy: |
  package p
  slow if input.span.duration_ms > 100
  zero if input.metric.data_point.value == 0
  idle if { input.metric.type == "gauge"; zero }
rules:
  - {query: data.p.slow, then: [{set: {attributes: {slow: true}}}]}
  - {query: data.p.idle, then: [drop]}
"#;
    let span = |end: u64| json!({"name": "a", "startTimeUnixNano": "1000000000", "endTimeUnixNano": end.to_string()});
    let spans = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span(1_050_000_000), span(1_200_000_000)]}]}]});
    let after = through::<Rego>(section, Signal::Traces, &spans).await;
    let after = &after["resourceSpans"][0]["scopeSpans"][0]["spans"];
    assert_eq!(after[0].get("attributes"), None);
    assert_eq!(after[1]["attributes"][0]["key"], "slow");
    let metrics = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [
        {"name": "m", "gauge": {"dataPoints": [{"asInt": "0"}, {"asInt": "7"}]}},
        {"name": "n", "gauge": {"dataPoints": [{"asInt": "0"}]}},
    ]}]}]});
    let after = through::<Rego>(section, Signal::Metrics, &metrics).await;
    let metrics = after["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array().unwrap();
    assert_eq!(metrics.len(), 1);
    assert_eq!(metrics[0]["gauge"]["dataPoints"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn names_can_be_given_to_paths() {
    let section = r#"
policy: |
  package p
  bad if input.log.user == "eve"
rules: [{query: data.p.bad, then: [drop]}]
input: {aliases: {log.user: 'attributes["enduser.id"]'}}
"#;
    assert_eq!(left(section, &[failed_login("eve", 1), failed_login("bob", 1)]).await.len(), 1);
}

#[tokio::test]
async fn a_policy_that_takes_too_long_is_ended() {
    let section = r"
policy: |
  package p
  slow if { some i in numbers.range(1, 100000); some j in numbers.range(1, 100000); i * j == -1 }
rules: [{query: data.p.slow, then: [drop]}]
";
    let begin = tokio::time::Instant::now();
    assert_eq!(left(section, &[body("a")]).await.len(), 1);
    assert!(begin.elapsed() < std::time::Duration::from_secs(10));
}

#[tokio::test]
async fn a_policy_that_changes_on_disk_is_loaded_and_one_that_is_wrong_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.rego");
    let write = |word: &str| {
        let policy = format!("package p\nbad if input.log.body == {word}\n");
        std::fs::write(&file, policy).unwrap();
    };
    write("\"a\"");
    let section = format!(
        "{{files: [{}], rules: [{{query: data.p.bad, then: [drop]}}]}}",
        folder.path().display()
    );
    let (sink, host) = (Sink::new(), TestHost::new());
    let settings = processor_settings("rego", Signal::Logs);
    let meter = settings.meter.clone();
    let rego = Arc::new(processor::<Rego>(settings, &section, sink.next()));
    Arc::clone(&rego).start(&host).await.unwrap();
    let loads = |result: &str| {
        metric(
            &meter,
            "sluice_rego_policy_loads_total",
            &[("processor", "rego"), ("result", result)],
        )
        .unwrap_or(0.0)
    };
    let left = || async {
        sink.clear();
        let request = data(Signal::Logs, &logs(&[body("a"), body("b")]));
        rego.consume(&Context::default(), request).await.unwrap();
        sink.received().iter().flat_map(|it| records_of(&json_of(it))).collect::<Vec<_>>()
    };
    assert_eq!(bodies(&left().await), ["b"]);
    write("\"b\"");
    wait("the new policy", || loads("success") == 1.0).await;
    assert_eq!(bodies(&left().await), ["a"]);
    write("(");
    wait("the refusal", || loads("failure") == 1.0).await;
    assert_eq!(bodies(&left().await), ["a"]);
    host.stop().await;
}

async fn wait(what: &str, done: impl Fn() -> bool) {
    let patience = tokio::time::timeout(std::time::Duration::from_secs(60), async {
        while !done() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    patience.await.unwrap_or_else(|_| panic!("{what} did not come"));
}

#[track_caller]
fn wrong(section: &str, signal: Signal, want: &str) {
    let found = componenttest::plan::<Rego>(section, signal).map(|_| ()).unwrap_err();
    assert!(found.iter().any(|it| it.contains(want)), "{found:#?}");
}

#[test]
fn what_is_wrong_with_a_section_is_told() {
    let policy = "policy: \"package p\\na if true\"";
    let with = |rest: &str| format!("{policy}\n{rest}");
    wrong("{}", Signal::Logs, "there is no policy");
    wrong(policy, Signal::Logs, "nothing follows from the policy");
    wrong(&with("rules: [{query: a, then: [drop]}]"), Signal::Logs, "must be the path of a rule");
    wrong(&with("rules: [{query: data.p.a}]"), Signal::Logs, "must say what happens");
    wrong(
        &with("rules: [{query: data.p.a, then: [dorp]}]"),
        Signal::Logs,
        "unknown action \"dorp\"",
    );
    let redact = with("rules: [{query: data.p.a, then: [{redact: [{path: body, pattern: '('}]}]}]");
    wrong(&redact, Signal::Logs, "unclosed group");
    let body = with("rules: [{query: data.p.a, then: [{remove: [body]}]}]");
    wrong(&body, Signal::Traces, "traces have no body");
    assert!(componenttest::plan::<Rego>(&body, Signal::Logs).is_ok());
    wrong(
        &with("rules: [{query: data.p.a, then: [{route: [b]}]}]"),
        Signal::Logs,
        "connector rego",
    );
    let window = with(
        "rules: [{query: data.p.a, then: [drop]}]\nwindows: {w: {data: x.y, key: body, count: distinct}}",
    );
    wrong(&window, Signal::Logs, "must be records, rate, or one of distinct");
    let text = "{policy: \"package p\\na if {\\n  input.x ==\\n}\", rules: [{query: data.p.a, then: [drop]}]}";
    wrong(text, Signal::Logs, "policy:");
}

#[tokio::test]
async fn decisions_that_drop_are_logged_without_what_a_mask_names() {
    let section = r#"
policy: |
  package p
  noise if { input.log.body == "secret"; input.log.level == "DEBUG" }
  mask contains "/input/log/body" if input.path == "p/noise"
rules: [{query: data.p.noise, then: [drop]}]
decision_logs: {mode: drops, mask: data.p.mask}
"#;
    let record = |body: &str| json!({"severityText": "DEBUG", "body": {"stringValue": body}});
    let records = [record("secret"), record("other")];
    let request = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]});
    let after = through::<Rego>(section, Signal::Logs, &request).await.to_string();
    assert!(after.contains("other") && !after.contains("secret"), "{after}");
    for part in ["sluice.policy.decision", "p/noise", "erased", "/input/log/body", "decision_id"] {
        assert_eq!(after.matches(part).count(), 1, "{part}: {after}");
    }
}
