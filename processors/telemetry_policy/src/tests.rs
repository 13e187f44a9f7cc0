use component::{Capability, Consumer as _, PolicyDocument, PolicyDocuments};
use componenttest::{Sink, TestHost, metric, problems, processor, processor_settings, through};
use pdata::Limits;
use serde_json::{Value as Json, json};
use tokio::sync::watch;

use super::*;

componenttest::conformance!(
    processor TelemetryPolicy,
    "policies: [{id: a, name: a, log: {match: [{log_field: body, exists: true}], keep: all}}]"
);

fn request(bodies: &[&str]) -> Json {
    let records: Vec<Json> = bodies
        .iter()
        .map(|it| json!({"body": {"stringValue": it}, "severityText": "INFO"}))
        .collect();
    json!({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]})
}

/// A policy that drops records with this body.
fn drops(id: &str, body: &str) -> String {
    format!(
        "id: {id}\nname: {id}\nlog: {{match: [{{log_field: body, equals: {body}}}], keep: none}}\n"
    )
}

/// A provider whose documents a test says.
struct Provider(watch::Sender<PolicyDocuments>);

impl Provider {
    fn new(text: &str) -> Arc<Self> {
        Arc::new(Self(watch::channel(Self::documents(text)).0))
    }

    fn documents(text: &str) -> PolicyDocuments {
        [PolicyDocument { name: "p.yaml".into(), text: text.into() }].into()
    }
}

impl PolicyProvider for Provider {
    fn policies(&self) -> watch::Receiver<PolicyDocuments> {
        self.0.subscribe()
    }
}

fn bodies(data: &Data) -> Vec<String> {
    let Data::Logs(logs) = data else { return Vec::new() };
    logs.records().filter_map(|it| Some(it.body()?.as_str()?.to_owned())).collect()
}

async fn send(it: &TelemetryPolicy, sink: &Sink, texts: &[&str]) -> Vec<String> {
    let text = request(texts).to_string();
    let data = Data::from_json(Signal::Logs, text.as_bytes(), &Limits::default()).unwrap();
    let before = sink.calls();
    it.consume(&Context::default(), data).await.unwrap();
    let sent = sink.received();
    sent.get(before).map(bodies).unwrap_or_default()
}

#[test]
fn a_provider_or_a_policy_is_needed() {
    assert_eq!(problems::<Config>("{}"), ["providers: at least one provider must be specified"]);
    assert!(problems::<Config>("providers: [file_telemetry_policy]").is_empty());
}

#[test]
fn a_mistake_in_a_policy_of_the_section_is_refused() {
    let section =
        "policies: [{id: a, name: a, log: {match: [{log_field: body, regex: '(['}], keep: none}}]";
    let said = componenttest::plan::<TelemetryPolicy>(section, Signal::Logs).err().unwrap();
    assert_eq!(said, ["policies: policy \"a\": log: match[0]: invalid regex \"([\""]);
}

#[tokio::test]
async fn policies_of_the_section_are_applied() {
    let section = "policies: [{id: a, name: a, log: {match: [{log_field: body, equals: noise}], keep: none}}]";
    let left =
        through::<TelemetryPolicy>(section, Signal::Logs, &request(&["noise", "news"])).await;
    assert_eq!(left, request(&["news"]));
    let none = through::<TelemetryPolicy>(section, Signal::Logs, &request(&["noise"])).await;
    assert_eq!(none, Json::Null);
}

#[tokio::test]
async fn policies_of_a_provider_are_applied_and_changed_while_it_runs() {
    let (host, sink) = (TestHost::new(), Sink::new());
    let provider = Provider::new(&drops("a", "one"));
    host.offer("file_telemetry_policy", Capability::Policies(Arc::clone(&provider) as _));
    let settings = processor_settings("telemetry_policy", Signal::Logs);
    let meter = settings.meter.clone();
    let section = "providers: [file_telemetry_policy]";
    let it = Arc::new(processor::<TelemetryPolicy>(settings, section, sink.next()));
    Arc::clone(&it).start(&host).await.unwrap();
    assert_eq!(send(&it, &sink, &["one", "two"]).await, ["two"]);
    provider.0.send_replace(Provider::documents(&drops("b", "two")));
    while send(&it, &sink, &["one", "two"]).await != ["one"] {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    let value = |name: &str, policy| {
        let name = format!("sluice_telemetry_policy_{name}_total");
        let attributes =
            [("policy", policy), ("processor", "telemetry_policy"), ("signal", "logs")];
        metric(&meter, &name, &attributes)
    };
    assert!(value("hits", "a") >= Some(1.0));
    assert_eq!((value("hits", "b"), value("dropped", "b")), (Some(1.0), Some(1.0)));
    assert_eq!(value("misses", "b"), None);
    host.stop().await;
}

#[tokio::test]
async fn a_provider_that_is_not_listed_keeps_it_from_starting() {
    let settings = processor_settings("telemetry_policy", Signal::Logs);
    let it = processor::<TelemetryPolicy>(settings, "providers: [nobody]", Sink::new().next());
    let why = Arc::new(it).start(&TestHost::new()).await.unwrap_err();
    assert_eq!(why.to_string(), "policy provider \"nobody\" is not listed in service::extensions");
}

#[test]
fn a_rate_goes_on_counting_when_other_policies_change() {
    let rate = "{id: r, name: r, log: {match: [{log_field: body, exists: true}], keep: 1/m}}";
    let (sender, source) = watch::channel(Provider::documents(&format!("[{rate}]")));
    let shared = Shared::new("[]".into());
    shared.update(std::slice::from_ref(&source));
    let passes = || {
        let text = request(&["x"]).to_string();
        let data = Data::from_json(Signal::Logs, text.as_bytes(), &Limits::default()).unwrap();
        shared.engine().apply(&data).data.items()
    };
    assert_eq!([passes(), passes()], [1, 0]);
    sender.send_replace(Provider::documents(&format!("[{rate}]\n---\n{}", drops("a", "one"))));
    shared.update(std::slice::from_ref(&source));
    assert_eq!(passes(), 0);
}
