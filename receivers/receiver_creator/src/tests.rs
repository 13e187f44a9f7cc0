use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use component::config::Value;
use component::{
    Capability, Component, Context, Data, Endpoint, Endpoints, Host, Observer, Outputs,
    Receiver as _, ReceiverType, Settings, Signal, async_trait,
};
use componenttest::{Sink, TestHost, config, metric, planned, settings};
use pdata::{Limits, ValueRef};
use serde_json::json;
use tokio::sync::watch;

use crate::discovery::asked;
use crate::{Config, DiscoveryConfig, Plan, ReceiverCreator};

componenttest::conformance!(receiver ReceiverCreator, "{watch_observers: []}");

const LABELS: &[(&str, &str)] = &[("receiver", "receiver_creator")];

/// An observer that finds what a test says.
struct Finds(watch::Sender<Endpoints>);

impl Observer for Finds {
    fn endpoints(&self) -> watch::Receiver<Endpoints> {
        self.0.subscribe()
    }
}

/// What happens to the receivers that are started.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn say(&self, text: String) {
        self.0.lock().unwrap().push(text);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// A receiver that sends one record, and says when it ends.
struct Probe {
    id: String,
    log: Log,
    out: Outputs,
}

#[async_trait]
impl Component for Probe {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), component::BoxError> {
        let request =
            json!({"resourceLogs": [{"resource": {}, "scopeLogs": [{"logRecords": [{}]}]}]});
        let data =
            Data::from_json(Signal::Logs, request.to_string().as_bytes(), &Limits::default())?;
        let stopping = host.stopping().clone();
        host.spawn(async move {
            self.out.consume(&Context::default(), data).await?;
            stopping.cancelled().await;
            self.log.say(format!("end {}", self.id));
            Ok(())
        });
        Ok(())
    }
}

fn offer(host: &TestHost, log: &Log) {
    for (name, keys) in [("probe", vec!["endpoint".to_owned()]), ("plain", Vec::new())] {
        let like = ReceiverType { signals: vec![Signal::Logs], keys };
        offer_one(host, log, (name, like));
    }
}

fn offer_one(host: &TestHost, log: &Log, (name, like): (&'static str, ReceiverType)) {
    let own = log.clone();
    host.offer_receiver(name, like, move |Settings { id, .. }, section, out| {
        let key = section.get("endpoint").and_then(Value::as_str).unwrap_or("none");
        own.say(format!("start {id} {key}"));
        Ok(Arc::new(Probe { id: id.to_string(), log: own.clone(), out }))
    });
}

fn pod(id: &str, annotations: &[(&str, &str)], labels: &[(&str, &str)]) -> Value {
    let text = |it: &str| Value::String(it.into());
    let map = |all: &[(&str, &str)]| {
        Value::Map(all.iter().map(|(key, it)| ((*key).to_owned(), text(it))).collect())
    };
    Value::Map(vec![
        ("name".into(), text(&format!("{id}-0"))),
        ("namespace".into(), text("shop")),
        ("uid".into(), text(id)),
        ("annotations".into(), map(annotations)),
        ("labels".into(), map(labels)),
    ])
}

fn port(pod: Value, number: u16) -> Endpoint {
    let uid = pod.get("uid").and_then(Value::as_str).unwrap().to_owned();
    let known = vec![("port".to_owned(), Value::Int(number.into())), ("pod".to_owned(), pod)];
    Endpoint::new(format!("o/{uid}/({number})"), "port", format!("10.0.0.1:{number}"), known)
}

fn container(pod: Value, name: &str) -> Endpoint {
    let known =
        vec![("container_name".to_owned(), Value::String(name.into())), ("pod".to_owned(), pod)];
    Endpoint::new(format!("o/{name}"), "pod.container", "10.0.0.1".into(), known)
}

fn endpoints(all: Vec<Endpoint>) -> Endpoints {
    let all = all.into_iter().map(|it| (it.id.clone(), Arc::new(it)));
    Arc::new(all.collect::<BTreeMap<_, _>>())
}

async fn settle() {
    for _ in 0..50 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn receivers_come_and_go_with_the_endpoints_that_their_rule_is_for() {
    let (host, log, sink) = (TestHost::new(), Log::default(), Sink::new());
    offer(&host, &log);
    let finds = Arc::new(Finds(watch::Sender::default()));
    host.offer("k8s_observer", Capability::Observer(Arc::clone(&finds) as _));
    let section = "{watch_observers: [k8s_observer], receivers: {
        probe/web: {rule: 'type == \"port\" && port == 80', resource_attributes: {app: '`pod.labels[\"app\"]`', none: '`pod.labels[\"no\"]`'}},
        plain: {rule: 'type == \"pod\"'}}}";
    let out = Outputs::new(vec![("logs".parse().unwrap(), sink.next())]);
    let settings = settings("receiver_creator");
    let meter = settings.meter.clone();
    let creator =
        Arc::new(ReceiverCreator::create(settings, config::<Plan>(section), out).unwrap());
    creator.start(&host).await.unwrap();
    let labels = &[("app", "web")];
    finds.0.send_replace(endpoints(vec![
        port(pod("a", &[], labels), 80),
        port(pod("a", &[], labels), 443),
        Endpoint::new("o/a".into(), "pod", "10.0.0.1".into(), Vec::new()),
    ]));
    settle().await;
    let mut began = log.take();
    began.sort();
    // The one without the key `endpoint` is started without it.
    let want = ["start plain/o/a none", "start probe/web/o/a/(80) 10.0.0.1:80"];
    assert_eq!(began, want);
    let running = || metric(&meter, "sluice_receiver_creator_receivers", LABELS);
    assert_eq!(running(), Some(2.0));

    // What is read from a pod says so.
    let received = sink.received();
    let all: Vec<BTreeMap<String, String>> = (received.iter())
        .map(|data| {
            let Data::Logs(logs) = data else { panic!("logs") };
            let resource = logs.resources().next().unwrap();
            let text = |it: ValueRef<'_>| it.as_str().unwrap().to_owned();
            resource.attributes().iter().map(|(key, it)| (key.to_owned(), text(it))).collect()
        })
        .collect();
    let of_port = all.iter().find(|it| it.contains_key("app")).unwrap();
    assert_eq!(of_port["app"], "web");
    assert_eq!(of_port["k8s.pod.name"], "a-0");
    assert_eq!(of_port["k8s.namespace.name"], "shop");
    assert!(!of_port.contains_key("none"));

    // A change that nobody reads changes nothing; another one starts anew.
    let with = |labels: &[(&str, &str)]| endpoints(vec![port(pod("a", &[], labels), 80)]);
    finds.0.send_replace(with(&[("app", "web"), ("other", "1")]));
    settle().await;
    assert_eq!(log.take(), ["end plain/o/a"]);
    finds.0.send_replace(with(&[("app", "shop")]));
    settle().await;
    let want = ["end probe/web/o/a/(80)", "start probe/web/o/a/(80) 10.0.0.1:80"];
    assert_eq!(log.take(), want);
    host.stop().await;
    assert_eq!(log.take(), ["end probe/web/o/a/(80)"]);
    assert_eq!(running(), Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_started_is_told_and_the_others_go_on() {
    let (host, log, sink) = (TestHost::new(), Log::default(), Sink::new());
    offer(&host, &log);
    let finds = Arc::new(Finds(watch::Sender::default()));
    host.offer("o", Capability::Observer(Arc::clone(&finds) as _));
    let section = "{watch_observers: [o], discovery: {enabled: true}, receivers: {
        probe/bad: {rule: 'type == \"port\" && port + pod', config: {}},
        probe/good: {rule: 'type == \"port\"'}}}";
    let out = Outputs::new(vec![("logs".parse().unwrap(), sink.next())]);
    let settings = settings("receiver_creator");
    let meter = settings.meter.clone();
    let creator =
        Arc::new(ReceiverCreator::create(settings, config::<Plan>(section), out).unwrap());
    creator.start(&host).await.unwrap();
    let asks = [
        ("io.opentelemetry.discovery.metrics/enabled", "true"),
        ("io.opentelemetry.discovery.metrics/scraper", "redis"),
    ];
    finds
        .0
        .send_replace(endpoints(vec![port(pod("a", &asks, &[]), 1), port(pod("b", &[], &[]), 2)]));
    settle().await;
    assert_eq!(log.take(), ["start probe/good/o/b/(2) 10.0.0.1:2"]);
    // One rule of two endpoints has no answer, and there is no redis here.
    assert_eq!(metric(&meter, "sluice_receiver_creator_failures_total", LABELS), Some(2.0));
    host.stop().await;
}

/// A receiver that takes its time to start, fails to, or does not end when it is told to.
enum Slow {
    ToStart(Log),
    Fails,
    ToStop,
}

#[async_trait]
impl Component for Slow {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), component::BoxError> {
        match &*self {
            Self::ToStart(log) => {
                tokio::time::sleep(Duration::from_secs(1)).await;
                log.say("started".into());
            }
            Self::Fails => return Err("it does not start".into()),
            Self::ToStop => host.spawn(std::future::pending()),
        }
        Ok(())
    }
}

/// A creator with a receiver `slow` for each port.
async fn slow(host: &TestHost, make: impl Fn() -> Slow + Send + Sync + 'static) -> Arc<Finds> {
    let like = ReceiverType { signals: vec![Signal::Logs], keys: Vec::new() };
    host.offer_receiver("slow", like, move |_, _, _| Ok(Arc::new(make())));
    let finds = Arc::new(Finds(watch::Sender::default()));
    host.offer("o", Capability::Observer(Arc::clone(&finds) as _));
    let section = "{watch_observers: [o], receivers: {slow: {rule: 'type == \"port\"'}}}";
    let out = Outputs::new(vec![("logs".parse().unwrap(), Sink::new().next())]);
    let creator =
        ReceiverCreator::create(settings("receiver_creator"), config::<Plan>(section), out);
    Arc::new(creator.unwrap()).start(host).await.unwrap();
    finds
}

fn ports(count: u16) -> Endpoints {
    endpoints((1..=count).map(|it| port(pod(&format!("u{it}"), &[], &[]), it)).collect())
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_failed_to_start_or_hung_is_not_spoken_of_any_more() {
    let host = TestHost::new();
    let finds = slow(&host, || Slow::Fails).await;
    finds.0.send_replace(ports(1));
    settle().await;
    assert_eq!(host.forgotten(), ["receiver/slow/o/u1/(1)"]);
    host.stop().await;

    let host = TestHost::new();
    let finds = slow(&host, || Slow::ToStop).await;
    finds.0.send_replace(ports(3));
    settle().await;
    finds.0.send_replace(Endpoints::default());
    // They are stopped beside each other, so all have hung for long enough at the same time.
    tokio::time::sleep(crate::running::STOP_TIMEOUT).await;
    settle().await;
    assert_eq!(host.forgotten().len(), 3);
    host.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_all_receivers_to_start() {
    let (host, log) = (TestHost::new(), Log::default());
    let own = log.clone();
    let finds = slow(&host, move || Slow::ToStart(own.clone())).await;
    finds.0.send_replace(ports(1_000));
    settle().await;
    host.stop().await;
    assert_eq!(log.take(), ["started"]);
}

#[tokio::test]
async fn a_receiver_that_is_not_there_and_an_observer_that_is_none_are_told_at_the_start() {
    let host = TestHost::new();
    let start = async |section: &str| {
        let creator = ReceiverCreator::create(
            settings("receiver_creator"),
            config::<Plan>(section),
            Outputs::default(),
        );
        let creator = Arc::new(creator.unwrap());
        creator.start(&host).await.unwrap_err().to_string()
    };
    let got = start("{watch_observers: [], receivers: {redis: {rule: 'type == \"port\"'}}}").await;
    assert!(got.contains("receivers::redis: there is no receiver \"redis\""), "{got}");
    let got = start("{watch_observers: [nobody]}").await;
    assert_eq!(got, "failed to find observer \"nobody\" in the extensions list");
}

#[test]
fn mistakes_are_told_by_their_place() {
    let wrong = |section: &str| {
        let (_, found) = planned::<Plan>(section);
        found.faults().iter().map(|it| it.text.clone()).collect::<Vec<_>>().join("; ")
    };
    let check = |section: &str, want: &str| {
        let got = wrong(section);
        assert!(got.contains(want), "{section}: {got}");
    };
    check(
        "{receivers: {a: {rule: ''}}}",
        "subreceiver \"a\" rule is invalid: rule cannot be empty",
    );
    check("{receivers: {a: {rule: 'port == 1'}}}", "rule must specify type");
    check("{receivers: {a: {rule: 'type == \"port\" &&'}}}", "unexpected token");
    check("{receivers: {a: {rule: 'type == \"port\"', config: {x: '`'}}}}", "unbalanced");
    check("{resource_attributes: {house: {}}}", "unsupported endpoint type \"house\"");
    check("{receivers: {'a b': {rule: 'type == \"port\"'}}}", "invalid character");
    assert_eq!(wrong("{receivers: {a/b: {rule: \"type=='k8s.node'\"}}}"), "");
}

fn hints(endpoint: &Endpoint, section: &str) -> Result<Option<(String, String)>, String> {
    let discovery: DiscoveryConfig = config::<Config>(section).discovery;
    let yaml = |text: &str| {
        if text == "broken" { Err("no YAML".to_owned()) } else { Ok(componenttest::section(text)) }
    };
    let found = asked(endpoint, &discovery, yaml)?;
    Ok(found.map(|it| (it.id, serde_json::to_string(&it.section).unwrap())))
}

#[test]
fn annotations_ask_for_scrapers_of_ports() {
    let on = "{discovery: {enabled: true}}";
    let base = "io.opentelemetry.discovery.metrics";
    let key = |key: &str| format!("{base}/{key}");
    let (enabled, scraper, config) = (key("enabled"), key("scraper"), key("config"));
    let of_port = format!("{base}.80/config");
    let it = |more: &[(&str, &str)]| {
        let mut all = vec![(&*enabled, "true"), (&*scraper, "prometheus")];
        all.extend(more);
        port(pod("u", &all, &[]), 80)
    };
    let some = |id: &str, section: &str| Ok(Some((id.to_owned(), section.to_owned())));
    assert_eq!(hints(&it(&[]), on), some("prometheus/u_80", "null"));
    let own = it(&[(&config, "{a: 1}"), (&of_port, "{endpoint: 'http://`endpoint`/x'}")]);
    let want = r#"{"endpoint":"http://`endpoint`/x"}"#;
    assert_eq!(hints(&own, on), some("prometheus/u_80", want));
    let other = it(&[(&config, "{endpoint: 'http://10.9.9.9:80'}")]);
    assert!(hints(&other, on).unwrap_err().contains("has to be that of its pod"));
    assert!(hints(&it(&[(&config, "broken")]), on).is_err());
    assert_eq!(hints(&it(&[]), "{discovery: {ignore_receivers: [prometheus]}}"), Ok(None));
    assert_eq!(hints(&it(&[(&format!("{base}.80/enabled"), "false")]), on), Ok(None));
    assert_eq!(hints(&port(pod("u", &[], &[]), 80), on), Ok(None));
    let section = format!(
        "{{discovery: {{default_annotations: {{{enabled}: 'true', {scraper}: prometheus}}}}}}"
    );
    assert!(hints(&port(pod("u", &[], &[]), 80), &section).unwrap().is_some());
}

#[test]
fn annotations_ask_for_the_logs_of_containers() {
    let base = "io.opentelemetry.discovery.logs";
    let (enabled, config) = (format!("{base}/enabled"), format!("{base}.app/config"));
    let it = |text: &str| container(pod("u", &[(&enabled, "true"), (&config, text)], &[]), "app");
    let text = |text: &str, section: &str| hints(&it(text), section).unwrap().unwrap();
    let on = "{discovery: {enabled: true}}";
    let (id, usual) = text("", on);
    assert_eq!(id, "file_log/u_app");
    let want = r#"{"include":["/var/log/pods/shop_u-0_u/app/*.log"],"include_file_path":true,"include_file_name":false,"operators":[{"id":"container-parser","type":"container"}]}"#;
    assert_eq!(usual, want);
    // Which files they are is not for the pod to say.
    let own = text("{include: [/etc/shadow], max_log_size: 1KiB}", on).1;
    assert!(
        own.contains(r#""include":["/var/log/pods/"#) && own.contains(r#""max_log_size":"1KiB""#),
        "{own}"
    );
    assert_eq!(text("broken", on).1, usual);
    let defaults = "{discovery: {default_file_log_config: {start_at: beginning, max_log_size: 1}}}";
    let both = text("{max_log_size: 2}", defaults).1;
    assert!(
        both.contains(r#""start_at":"beginning""#) && both.contains(r#""max_log_size":2"#),
        "{both}"
    );
    assert_eq!(hints(&it(""), "{discovery: {ignore_receivers: [filelog]}}"), Ok(None));
}
