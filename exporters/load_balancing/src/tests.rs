use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use bytes::Bytes;
use component::{GrpcStatus, Meter};
use componenttest::{TestHost, config, exporter_settings, metric, problems};
use configgrpc::server::{Route, ServerConfig, Unary, serve};
use confignet::AddrConfig;
use pdata::{Limits, LogsBuilder, MetricsBuilder, TracesBuilder};
use tokio::time::Instant;

use super::*;

componenttest::conformance!(
    exporter LoadBalancing,
    r#"{"protocol": {"otlp": {"tls": {"insecure": true}, "retry_on_failure": {"enabled": false}, "sending_queue": {"enabled": false}}},
        "resolver": {"static": {"hostnames": ["127.0.0.1:1"]}}}"#
);

/// Longest time that a test waits for something that has to happen.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(30);

/// Keeps what it is sent, unless it is told to refuse.
#[derive(Default)]
struct Backend {
    seen: Mutex<Vec<Data>>,
    is_away: AtomicBool,
}

#[async_trait]
impl Unary for Backend {
    async fn call(&self, _ctx: &Context, message: Bytes) -> Result<(), GrpcStatus> {
        if self.is_away.load(Relaxed) {
            let (code, message) = (14, "away".to_owned());
            return Err(GrpcStatus { code, message, encoded: Bytes::new() });
        }
        let logs = pdata::Logs::try_from_otlp(message, &Limits::default()).unwrap();
        self.seen.lock().unwrap().push(logs.into());
        Ok(())
    }
}

impl Backend {
    fn serve(self: &Arc<Self>, host: &Host) -> String {
        let config = ServerConfig { net: AddrConfig::tcp("127.0.0.1:0"), ..Default::default() };
        let service = "opentelemetry.proto.collector.logs.v1.LogsService";
        let handler = Arc::clone(self);
        let routes = vec![Route { service, method: "Export", answer: b"", handler }];
        serve(&config, routes, (host, &Meter::default())).unwrap().unwrap().to_string()
    }

    /// The services that it has records of, with their numbers.
    fn services(&self) -> BTreeMap<String, usize> {
        let mut found = BTreeMap::new();
        for data in self.seen.lock().unwrap().iter() {
            let Data::Logs(logs) = data else { panic!("logs were sent") };
            for resource in logs.resources() {
                let name = resource.attributes().get("service.name").unwrap();
                *found.entry(name.to_string()).or_default() += resource.records().count();
            }
        }
        found
    }
}

/// Two records of each of so many services.
fn logs(services: usize) -> Data {
    let mut builder = LogsBuilder::new();
    for service in 0..services {
        builder.resource(|it| it.put("service.name", format!("service-{service}").as_str()));
        builder.record(|it| it.body("a")).record(|it| it.body("b"));
    }
    builder.finish().into()
}

async fn started(host: &Host, endpoints: &[String], more: &str) -> Arc<LoadBalancing> {
    let section = format!(
        r#"{{"protocol": {{"otlp": {{"tls": {{"insecure": true}}, "retry_on_failure": {{"initial_interval": "10ms", "max_interval": "50ms"}}{more}}}}},
            "resolver": {{"static": {{"hostnames": {endpoints:?}}}}}}}"#
    );
    let settings = exporter_settings("load_balancing", Signal::Logs);
    let exporter = Arc::new(LoadBalancing::create(settings, config(&section)).unwrap());
    Arc::clone(&exporter).start(host).await.unwrap();
    exporter
}

async fn wait_for(what: &str, done: impl Fn() -> bool) {
    let end = Instant::now() + LIMIT;
    while !done() {
        assert!(Instant::now() < end, "{what}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

fn total(backends: &[Arc<Backend>]) -> usize {
    backends.iter().map(|it| it.services().values().sum::<usize>()).sum()
}

#[tokio::test]
async fn every_service_goes_to_one_backend_and_each_backend_gets_some() {
    let host = TestHost::new();
    let backends = [Arc::new(Backend::default()), Arc::new(Backend::default()), Arc::default()];
    let endpoints: Vec<String> = backends.iter().map(|it| it.serve(&host)).collect();
    let exporter = started(&host, &endpoints, "").await;
    for _ in 0..3 {
        exporter.consume(&Context::default(), logs(100)).await.unwrap();
    }
    wait_for("all arrive", || total(&backends) == 600).await;
    let services: Vec<_> = backends.iter().map(|it| it.services()).collect();
    assert!(services.iter().all(|it| it.len() > 5 && it.values().all(|count| *count == 6)));
    assert_eq!(services.iter().map(BTreeMap::len).sum::<usize>(), 100);
    let meter = &exporter.balancer.meter();
    assert_eq!(
        metric(meter, "otelcol_loadbalancer_num_backends", &[("resolver", "static")]),
        Some(3.0)
    );
    for endpoint in &endpoints {
        let labels = [("endpoint", endpoint.as_str()), ("success", "true")];
        assert_eq!(metric(meter, "otelcol_loadbalancer_backend_outcome", &labels), Some(3.0));
    }
    exporter.shutdown().await.unwrap();
    host.stop().await;
}

#[tokio::test]
async fn a_backend_that_is_away_holds_up_nobody_and_is_sent_what_waits_when_it_is_back() {
    let host = TestHost::new();
    let backends = [Arc::new(Backend::default()), Arc::new(Backend::default())];
    let endpoints: Vec<String> = backends.iter().map(|it| it.serve(&host)).collect();
    backends[0].is_away.store(true, Relaxed);
    let exporter = started(&host, &endpoints, "").await;
    for _ in 0..50 {
        exporter.consume(&Context::default(), logs(20)).await.unwrap();
    }
    wait_for("the other one gets all of its own", || {
        let services = backends[1].services();
        services.len() > 2 && services.values().all(|it| *it == 100)
    })
    .await;
    assert_eq!(backends[0].services().len(), 0);
    backends[0].is_away.store(false, Relaxed);
    wait_for("nothing is lost", || total(&backends) == 2_000).await;
    exporter.shutdown().await.unwrap();
    host.stop().await;
}

#[tokio::test]
async fn what_waits_for_a_backend_that_goes_is_sent_to_the_others() {
    let host = TestHost::new();
    let backends = [Arc::new(Backend::default()), Arc::new(Backend::default())];
    let mut endpoints: Vec<String> = backends.iter().map(|it| it.serve(&host)).collect();
    backends[0].is_away.store(true, Relaxed);
    let exporter = started(&host, &endpoints, "").await;
    for _ in 0..50 {
        exporter.consume(&Context::default(), logs(20)).await.unwrap();
    }
    endpoints.remove(0);
    exporter.balancer.update(endpoints, &host).await;
    wait_for("the other one gets all", || total(&backends) == 2_000).await;
    assert!(backends[1].services().len() == 20 && backends[0].services().is_empty());
    exporter.balancer.update(Vec::new(), &host).await;
    let error = exporter.consume(&Context::default(), logs(1)).await.unwrap_err();
    assert!(!error.is_permanent() && error.to_string().contains("no backend is known"), "{error}");
    exporter.shutdown().await.unwrap();
    host.stop().await;
}

#[tokio::test]
async fn who_wants_to_know_is_told_when_all_parts_have_arrived() {
    let host = TestHost::new();
    let backends = [Arc::new(Backend::default()), Arc::new(Backend::default())];
    let endpoints: Vec<String> = backends.iter().map(|it| it.serve(&host)).collect();
    backends[0].is_away.store(true, Relaxed);
    let exporter = started(&host, &endpoints, "").await;
    let (ctx, sender) = (Context::delivered(), Arc::clone(&exporter));
    let call = componenttest::spawn(async move { sender.consume(&ctx, logs(20)).await });
    wait_for("the other part is there", || !backends[1].services().is_empty()).await;
    assert!(!call.is_finished());
    backends[0].is_away.store(false, Relaxed);
    tokio::time::timeout(LIMIT, call).await.unwrap().unwrap().unwrap();
    assert_eq!(total(&backends), 40);
    exporter.shutdown().await.unwrap();
    host.stop().await;
}

/// What is hashed of each place of `data`.
fn identifiers(data: Data, key: RoutingKey, attributes: &[&str]) -> Vec<String> {
    let attributes: Vec<String> = attributes.iter().map(|it| (*it).to_owned()).collect();
    let key = Key::new(data.signal(), key, &attributes).unwrap();
    let (mut found, mut out) = (Vec::new(), Vec::new());
    data.partition(key.depth(), |place| {
        key.identify(place, 7, &mut out);
        found.push(String::from_utf8_lossy(&out).replace('\0', "|"));
    });
    found
}

#[test]
fn keys_are_made_of_what_they_name() {
    let mut traces = TracesBuilder::new();
    traces.resource(|it| {
        it.put("service.name", "shop");
        it.put("n", 5);
    });
    for (id, name, kind) in [(b"0123456789abcdef", "get", 2), (b"fedcba9876543210", "put", 3)] {
        traces.span(|it| {
            it.trace_id(id);
            it.name(name);
            it.kind(kind);
            it.attribute("user", name);
        });
    }
    let traces: Data = traces.finish().into();
    let of = |key, attributes: &[&str]| identifiers(traces.clone(), key, attributes);
    assert_eq!(of(RoutingKey::Usual, &[]), ["0123456789abcdef", "fedcba9876543210"]);
    assert_eq!(of(RoutingKey::Service, &[]), ["shop"]);
    let names = ["n", "span.name", "span.kind", "user"];
    assert_eq!(of(RoutingKey::Attributes, &names), ["5getServerget", "5putClientput"]);

    let mut logs = LogsBuilder::new();
    logs.resource(|it| {
        it.put("b", "2");
        it.put("a", "1");
    });
    logs.record(|it| {
        it.body("text");
        it.severity_text("WARN");
    });
    let logs: Data = logs.finish().into();
    let of = |key, attributes: &[&str]| identifiers(logs.clone(), key, attributes);
    assert_eq!(of(RoutingKey::Usual, &[]), [""]);
    assert_eq!(of(RoutingKey::Resource, &[]), ["a|1|b|2|"]);
    assert_eq!(of(RoutingKey::TraceId, &[]), ["|||||||\u{7}"]);
    assert_eq!(of(RoutingKey::Attributes, &["log.severity", "log.body", "no"]), ["WARNtext"]);

    let mut metrics = MetricsBuilder::new();
    metrics.resource(|it| it.put("service.name", "shop"));
    metrics.metric(|it| {
        it.name("requests");
        it.gauge(|points| {
            for path in ["/a", "/b"] {
                points.point(|it| {
                    it.int(1);
                    it.attribute("path", path);
                });
            }
        });
    });
    let metrics: Data = metrics.finish().into();
    let of = |key| identifiers(metrics.clone(), key, &[]);
    assert_eq!(of(RoutingKey::Metric), ["requests"]);
    let start = "service.name|shop||requests|path|";
    assert_eq!(of(RoutingKey::StreamId), [format!("{start}/a|"), format!("{start}/b|")]);
}

#[test]
fn a_signal_without_such_a_key_is_told() {
    for (signal, key) in [
        (Signal::Metrics, RoutingKey::TraceId),
        (Signal::Traces, RoutingKey::Metric),
        (Signal::Traces, RoutingKey::Resource),
        (Signal::Logs, RoutingKey::StreamId),
    ] {
        let error = Key::new(signal, key, &[]).unwrap_err();
        assert!(error.starts_with("unsupported routing_key: "), "{error}");
    }
}

#[test]
fn mistakes_are_named_in_the_collectors_words() {
    let found = |section: &str| {
        let mut found = Problems::default();
        let config: Config = config(section);
        component::Config::validate(&config, &mut found);
        found.faults().iter().map(|it| it.text.clone()).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(found("{}"), "no resolvers specified for the exporter");
    let two = r#"{"resolver": {"static": {"hostnames": ["a"]}, "dns": {"hostname": "b"}}}"#;
    assert_eq!(found(two), "only one resolver should be specified");
    assert_eq!(
        found(r#"{"resolver": {"static": {}}}"#),
        "no endpoints specified for the static resolver"
    );
    assert_eq!(
        found(r#"{"resolver": {"dns": {"port": "55"}}}"#),
        "no hostname specified to resolve the backends"
    );
    assert_eq!(
        found(r#"{"resolver": {"k8s": {}}}"#),
        "no service specified to resolve the backends"
    );
    let checked = |section: &str| problems::<Config>(section).join("; ");
    let attributes =
        checked(r#"{"routing_key": "attributes", "resolver": {"dns": {"hostname": "b"}}}"#);
    assert!(attributes.contains("needs routing_attributes"), "{attributes}");
    let stored = checked(
        r#"{"protocol": {"otlp": {"sending_queue": {"storage": "file_storage"}}}, "resolver": {"dns": {"hostname": "b"}}}"#,
    );
    assert!(stored.contains("beside protocol"), "{stored}");
    let before =
        r#"{"sending_queue": {"storage": "file_storage"}, "resolver": {"dns": {"hostname": "b"}}}"#;
    assert_eq!(checked(before), "");
}
