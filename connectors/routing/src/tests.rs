use std::sync::Arc;

use component::config::Fault;
use component::{
    Client, Connector, Consumer, Context, Data, Outputs, PipelineId, Problems, Signal,
};
use componenttest::{Answer, Sink, connector_settings};
use pdata::Limits;
use serde_json::{Value as Json, json};

use super::Routing;
use crate::config::Config;

componenttest::conformance!(
    connector Routing,
    "{table: [{condition: 'true', pipelines: [logs]}]}"
);

struct Running {
    routing: Routing,
    sinks: Vec<(&'static str, Arc<Sink>)>,
}

fn plan(section: &Json) -> Result<<Routing as Connector>::Plan, String> {
    let config: Config = serde_json::from_value(section.clone()).unwrap();
    let mut found = Problems::default();
    config::Config::validate(&config, &mut found);
    let plan = Routing::plan(config, &mut found);
    match found.faults().first() {
        Some(it) => {
            let place: Vec<String> = it.place.iter().map(ToString::to_string).collect();
            Err(format!("{}: {}", place.join("::"), it.text))
        }
        None => Ok(plan.unwrap()),
    }
}

impl Running {
    fn new(signal: Signal, section: &Json, ids: &[&'static str]) -> Self {
        let sinks: Vec<_> = ids.iter().map(|id| (*id, Arc::new(Sink::new()))).collect();
        let out = sinks.iter().map(|(id, sink)| (id.parse::<PipelineId>().unwrap(), sink.next()));
        let settings = connector_settings("routing", signal);
        let plan = Arc::new(plan(section).unwrap());
        let routing = Routing::create(settings, plan, Outputs::new(out.collect())).unwrap();
        Self { routing, sinks }
    }

    async fn send(&self, ctx: &Context, data: Data) -> Result<(), String> {
        self.routing.consume(ctx, data).await.map_err(|it| it.to_string())
    }

    /// Bodies, names or values that a pipeline got.
    fn got(&self, id: &str) -> Vec<String> {
        let sink = &self.sinks.iter().find(|it| it.0 == id).unwrap().1;
        let texts = sink.received().into_iter().flat_map(|data| {
            let mut text = Vec::new();
            data.to_json(&mut text);
            let json: Json = serde_json::from_slice(&text).unwrap();
            let mut found = Vec::new();
            collect(&json, &mut found);
            found
        });
        texts.collect()
    }
}

/// What the tests name things by: all texts under `stringValue` of bodies, and `name`, `asInt`.
fn collect(json: &Json, found: &mut Vec<String>) {
    match json {
        Json::Array(list) => list.iter().for_each(|it| collect(it, found)),
        Json::Object(map) => {
            for (key, value) in map {
                match (key.as_str(), value) {
                    ("body", body) => found.push(body["stringValue"].as_str().unwrap().to_owned()),
                    ("name" | "asInt", Json::String(text)) => found.push(text.clone()),
                    ("attributes", _) => {}
                    (_, other) => collect(other, found),
                }
            }
        }
        _ => {}
    }
}

fn logs() -> Data {
    let record = |severity: i32, body: &str| json!({"severityNumber": severity, "body": {"stringValue": body}});
    let of = |service: &str, records: Json| {
        json!({"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]},
               "scopeLogs": [{"logRecords": records}]})
    };
    let all = json!({"resourceLogs": [
        of("cart", json!([record(9, "cart info"), record(17, "cart error")])),
        of("shop", json!([record(9, "shop info"), record(17, "shop error")])),
    ]});
    Data::from_json(Signal::Logs, all.to_string().as_bytes(), &Limits::default()).unwrap()
}

const IDS: &[&str] = &["logs/a", "logs/b", "logs/rest"];

#[tokio::test]
async fn a_route_takes_what_it_matches_from_those_that_follow() {
    let section = json!({"default_pipelines": ["logs/rest"], "table": [
        {"context": "log", "condition": "severity_number >= 17", "pipelines": ["logs/a"]},
        {"condition": "attributes[\"service.name\"] == \"cart\"", "pipelines": ["logs/b"]},
    ]});
    let it = Running::new(Signal::Logs, &section, IDS);
    it.send(&Context::default(), logs()).await.unwrap();
    assert_eq!(it.got("logs/a"), ["cart error", "shop error"]);
    assert_eq!(it.got("logs/b"), ["cart info"]);
    assert_eq!(it.got("logs/rest"), ["shop info"]);
}

#[tokio::test]
async fn a_copy_is_left_for_the_routes_that_follow() {
    let section = json!({"default_pipelines": ["logs/rest"], "table": [
        {"statement": "route() where log.severity_number >= 17", "action": "copy", "pipelines": ["logs/a"]},
        {"condition": "resource.attributes[\"service.name\"] == \"cart\"", "pipelines": ["logs/a", "logs/b"]},
    ]});
    let it = Running::new(Signal::Logs, &section, IDS);
    it.send(&Context::default(), logs()).await.unwrap();
    assert_eq!(it.got("logs/a"), ["cart error", "shop error", "cart info", "cart error"]);
    assert_eq!(it.got("logs/b"), ["cart info", "cart error"]);
    assert_eq!(it.got("logs/rest"), ["shop info", "shop error"]);
}

#[tokio::test]
async fn a_request_is_routed_by_its_metadata() {
    let section = json!({"table": [
        {"context": "request", "condition": "request[\"X-Tenant\"] == \"blue\"", "pipelines": ["logs/a"]},
    ]});
    let it = Running::new(Signal::Logs, &section, IDS);
    it.send(&Context::default(), logs()).await.unwrap();
    assert_eq!(it.got("logs/a").len(), 0);
    let client = Client { metadata: vec![("x-tenant".into(), "blue".into())], ..Client::default() };
    let ctx = Context { client: Some(Arc::new(client)), ..Context::default() };
    it.send(&ctx, logs()).await.unwrap();
    assert_eq!(it.got("logs/a").len(), 4);
}

#[tokio::test]
async fn a_statement_may_remove_what_it_was_routed_by() {
    let section = json!({"table": [{
        "statement": "delete_key(attributes, \"service.name\") where attributes[\"service.name\"] == \"cart\"",
        "pipelines": ["logs/a"],
    }]});
    let it = Running::new(Signal::Logs, &section, IDS);
    it.send(&Context::default(), logs()).await.unwrap();
    assert_eq!(it.got("logs/a"), ["cart info", "cart error"]);
    let sink = &it.sinks[0].1;
    let data = sink.received().remove(0);
    let resource = data.into_logs().unwrap();
    assert!(resource.resources().next().unwrap().attributes().is_empty());
}

#[tokio::test]
async fn metrics_and_points_are_routed_each_with_their_parents() {
    let metrics = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [
        {"name": "a", "gauge": {"dataPoints": [{"asInt": "1"}, {"asInt": "20"}]}},
        {"name": "b", "gauge": {"dataPoints": [{"asInt": "3"}]}},
    ]}]}]});
    let text = metrics.to_string();
    let data = Data::from_json(Signal::Metrics, text.as_bytes(), &Limits::default()).unwrap();
    let section = json!({"default_pipelines": ["metrics/rest"], "table": [
        {"context": "log", "condition": "severity_number == 1", "pipelines": ["metrics/a"]},
        {"context": "datapoint", "condition": "value_int > 10", "pipelines": ["metrics/a"]},
        {"context": "metric", "condition": "name == \"b\"", "pipelines": ["metrics/b"]},
    ]});
    let ids = &["metrics/a", "metrics/b", "metrics/rest"];
    let it = Running::new(Signal::Metrics, &section, ids);
    it.send(&Context::default(), data).await.unwrap();
    assert_eq!(it.got("metrics/a"), ["a", "20"]);
    assert_eq!(it.got("metrics/b"), ["b", "3"]);
    assert_eq!(it.got("metrics/rest"), ["a", "1"]);
}

#[tokio::test]
async fn a_condition_that_fails_does_not_match_or_refuses_the_payload() {
    for (mode, passes) in [("ignore", true), ("silent", true), ("propagate", false)] {
        let section = json!({"error_mode": mode, "default_pipelines": ["logs/rest"], "table": [
            {"context": "log", "condition": "body[\"k\"] == 1", "pipelines": ["logs/a"]},
        ]});
        let it = Running::new(Signal::Logs, &section, IDS);
        let sent = it.send(&Context::default(), logs()).await;
        let error = "log bodies of type Str cannot be indexed";
        assert_eq!(sent.is_ok(), passes, "{sent:?}");
        assert!(passes || sent.unwrap_err().starts_with(error));
        assert_eq!(it.got("logs/rest").len(), if passes { 4 } else { 0 });
    }
}

#[tokio::test]
async fn all_pipelines_get_theirs_even_if_one_refuses() {
    let section = json!({"default_pipelines": ["logs/rest"], "table": [
        {"condition": "attributes[\"service.name\"] == \"cart\"", "pipelines": ["logs/a"]},
    ]});
    let it = Running::new(Signal::Logs, &section, IDS);
    it.sinks[0].1.answer(Answer::retryable("not now"));
    assert_eq!(it.send(&Context::default(), logs()).await, Err("not now".to_owned()));
    assert_eq!(it.got("logs/rest"), ["shop info", "shop error"]);
}

#[track_caller]
fn refused(section: &Json, want: &str) {
    assert_eq!(plan(section).err().as_deref(), Some(want));
}

#[test]
fn mistakes_are_refused_where_they_stand() {
    let route = |route: Json| json!({"table": [route]});
    let at = "table::0";
    refused(&json!({}), "table: invalid routing table: the routing table is empty");
    refused(
        &route(json!({"pipelines": ["logs/a"]})),
        &format!("{at}: invalid route: no condition or statement provided"),
    );
    refused(
        &route(json!({"condition": "true", "statement": "route()", "pipelines": ["logs/a"]})),
        &format!("{at}::statement: invalid route: both condition and statement provided"),
    );
    refused(
        &route(json!({"condition": "true"})),
        &format!("{at}::pipelines: invalid route: no pipelines defined"),
    );
    refused(
        &route(json!({"context": "x", "condition": "true", "pipelines": ["logs/a"]})),
        &format!("{at}::context: invalid context: x"),
    );
    refused(
        &route(json!({"condition": "true", "pipelines": ["logs/a", "foo"]})),
        &format!("{at}::pipelines::1: in \"foo\" id: unknown pipeline signal: \"foo\""),
    );
    let mistakes = componenttest::problems::<Config>("table: [{action: keep}]").join("\n");
    assert!(mistakes.contains("'table[0].action' invalid Action string: keep"), "{mistakes}");
    let wrong = json!({"context": "log", "condition": "bodi == 1", "pipelines": ["logs/a"]});
    let text = plan(&route(wrong)).unwrap_err();
    assert!(text.starts_with("table::0::condition: unable to parse OTTL statement"), "{text}");
    refused(
        &route(json!({"context": "request", "statement": "route()", "pipelines": ["logs/a"]})),
        &format!("{at}::statement: \"request\" context requires a 'condition'"),
    );
}

#[test]
fn a_pipeline_that_does_not_exist_is_named() {
    let section = json!({"table": [{"condition": "true", "pipelines": ["logs/none"]}]});
    let plan = Arc::new(plan(&section).unwrap());
    let settings = connector_settings("routing", Signal::Logs);
    let made = Routing::create(settings, plan, Outputs::new(Vec::new()));
    let error = made.err().expect("it is refused");
    let fault: &Fault = error.downcast_ref().expect("the error knows its place");
    assert_eq!(fault.text, "pipeline not found: missing consumer: \"logs/none\"");
    assert_eq!(
        fault.place.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["table", "0", "pipelines", "0"]
    );
}
