use std::sync::Arc;

use component::{
    Connector as _, Consumer as _, Context, Data, Outputs, PipelineId, Problems, Signal,
};
use componenttest::{Answer, Sink, config, connector_settings};
use pdata::Limits;
use serde_json::{Value as Json, json};

use crate::Rego;

componenttest::conformance!(
    connector Rego,
    "{policy: \"package a\\nallow if input.version == 1\", rules: [{query: data.a.allow, then: [keep]}]}"
);

const SECTION: &str = r#"
policy: |
  package p
  decision["route"] := input.log.attributes.team
  decision["alert"] := {"title": "bad", "key": input.log.body} if input.log.body == "bad"
  slow if input.span.duration_ms > 100
decision: data.p.decision
rules: [{query: data.p.slow, then: [{alert: {title: slow}}]}]
routes: {a: [logs/a], both: [logs/a, logs/b]}
alerts: [logs/alerts]
"#;

/// A connector, and the pipelines behind it.
struct Running {
    rego: Rego,
    sinks: Vec<(&'static str, Sink)>,
}

impl Running {
    fn new(section: &str, signal: Signal, pipelines: &[&'static str]) -> Self {
        Self::try_new(section, signal, pipelines).unwrap()
    }

    fn try_new(section: &str, signal: Signal, pipelines: &[&'static str]) -> Result<Self, String> {
        let sinks: Vec<_> = pipelines.iter().map(|id| (*id, Sink::new())).collect();
        let out = sinks.iter().map(|(id, sink)| (id.parse::<PipelineId>().unwrap(), sink.next()));
        let mut found = Problems::default();
        let plan = Rego::plan(config(section), &mut found).ok_or_else(|| format!("{found:?}"))?;
        let settings = connector_settings("rego", signal);
        let rego = Rego::create(settings, Arc::new(plan), Outputs::new(out.collect()));
        Ok(Self { rego: rego.map_err(|it| it.to_string())?, sinks })
    }

    async fn send(&self, signal: Signal, request: &Json) {
        let data = Data::from_json(signal, request.to_string().as_bytes(), &Limits::default());
        self.rego.consume(&Context::default(), data.unwrap()).await.unwrap();
    }

    fn sink(&self, id: &str) -> &Sink {
        &self.sinks.iter().find(|it| it.0 == id).unwrap().1
    }

    /// Bodies that a pipeline got.
    fn got(&self, id: &str) -> Vec<String> {
        let mut bodies = Vec::new();
        for data in self.sink(id).received() {
            let Data::Logs(logs) = data else { panic!("logs only") };
            bodies.extend(logs.records().map(|it| it.body().unwrap_or_default().to_string()));
        }
        bodies
    }
}

fn logs(records: &[(&str, &str)]) -> Json {
    let records = records.iter().map(|(body, team)| {
        let team = json!({"key": "team", "value": {"stringValue": team}});
        json!({"body": {"stringValue": body}, "attributes": [team]})
    });
    json!({"resourceLogs": [{"scopeLogs": [{"logRecords": records.collect::<Vec<_>>()}]}]})
}

const PIPELINES: &[&str] = &["logs/a", "logs/b", "logs/rest", "logs/alerts"];

#[tokio::test]
async fn each_record_goes_where_the_policy_says() {
    let running = Running::new(SECTION, Signal::Logs, PIPELINES);
    let records = [("1", "a"), ("2", "both"), ("3", "unknown"), ("4", "a")];
    running.send(Signal::Logs, &logs(&records)).await;
    assert_eq!(running.got("logs/a").len(), 3);
    assert_eq!(running.got("logs/b"), ["2"]);
    assert_eq!(running.got("logs/rest"), ["3"]);
    assert_eq!(running.got("logs/alerts"), [""; 0]);
}

#[tokio::test]
async fn alerts_have_a_pipeline_of_their_own() {
    let running = Running::new(SECTION, Signal::Logs, PIPELINES);
    running.send(Signal::Logs, &logs(&[("bad", "a"), ("bad", "a"), ("good", "a")])).await;
    assert_eq!(running.got("logs/a"), ["bad", "bad", "good"]);
    assert_eq!(running.got("logs/alerts"), ["bad"]);
}

#[tokio::test]
async fn alerts_about_spans_are_logs() {
    let pipelines = ["traces", "logs/a", "logs/b", "logs/alerts"];
    let running = Running::new(SECTION, Signal::Traces, &pipelines);
    let span =
        json!({"name": "a", "startTimeUnixNano": "1000000000", "endTimeUnixNano": "2000000000"});
    let request = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]});
    running.send(Signal::Traces, &request).await;
    assert_eq!(running.sink("traces").items(), 1);
    assert_eq!(running.got("logs/alerts"), ["slow"]);
}

#[tokio::test]
async fn an_alert_that_nobody_takes_holds_nothing_up_and_is_sent_again() {
    let running = Running::new(SECTION, Signal::Logs, PIPELINES);
    running.sink("logs/alerts").answer(Answer::permanent("closed"));
    running.send(Signal::Logs, &logs(&[("bad", "a")])).await;
    assert_eq!(running.got("logs/a"), ["bad"]);
    running.sink("logs/alerts").answer(Answer::Ok);
    running.send(Signal::Logs, &logs(&[("bad", "a")])).await;
    assert_eq!(running.got("logs/alerts").last().map(String::as_str), Some("bad"));
}

#[tokio::test]
async fn what_is_refused_behind_it_is_told() {
    let running = Running::new(SECTION, Signal::Logs, PIPELINES);
    running.sink("logs/a").answer(Answer::retryable("full"));
    let request = logs(&[("1", "a"), ("2", "both")]);
    let data = Data::from_json(Signal::Logs, request.to_string().as_bytes(), &Limits::default());
    let error = running.rego.consume(&Context::default(), data.unwrap()).await.unwrap_err();
    assert!(!error.is_permanent());
    assert_eq!(running.got("logs/b"), ["2"]);
}

#[test]
fn a_route_or_pipeline_that_is_not_there_is_told() {
    let missing = |section: &str| {
        Running::try_new(section, Signal::Logs, &["logs/a"]).map(|_| ()).unwrap_err()
    };
    assert!(missing(SECTION).contains("there is no pipeline \"logs/b\" behind it"));
    let section =
        "{policy: \"package p\\na if true\", rules: [{query: data.p.a, then: [{route: [b]}]}]}";
    assert!(missing(section).contains("there is no route \\\"b\\\""));
}
