//! Through real sockets, with raw clients: what is on the wire is the point.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use component::config::Section;
use component::{Component, Meter, Receiver};
use componenttest::{Sink, TestHost, metric, settings};
use confignet::AddrConfig;

use super::{Bound, Config, Otlp, Protocols};

mod auth;
mod grpc;
mod http;
mod http2;
mod life;
mod middlewares;
mod pings;
mod room;
mod tls;
mod utf8;

/// No test takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A receiver on ports of its own, in front of a sink.
struct Fixture {
    otlp: Arc<Otlp>,
    sink: Sink,
    host: TestHost,
    meter: Meter,
}

const ALL: &[&str] = &["traces", "metrics", "logs"];

impl Fixture {
    async fn start(pipelines: &[&str], change: impl FnOnce(&mut Protocols)) -> Self {
        Self::configured(pipelines, |config| change(&mut config.protocols)).await
    }

    async fn configured(pipelines: &[&str], change: impl FnOnce(&mut Config)) -> Self {
        let (sink, host) = (Sink::new(), TestHost::new());
        let (otlp, meter) = create(&sink, pipelines, change);
        Arc::clone(&otlp).start(&host).await.unwrap();
        Self { otlp, sink, host, meter }
    }

    fn bound(&self) -> Bound {
        self.otlp.bound()
    }

    fn grpc(&self) -> SocketAddr {
        self.bound().grpc.unwrap()
    }

    fn http(&self) -> SocketAddr {
        self.bound().http.unwrap()
    }

    #[track_caller]
    fn check_metric(&self, name: &str, transport: &str, want: f64) {
        let name = format!("otelcol_receiver_{name}");
        let attributes = [("receiver", "otlp"), ("transport", transport)];
        assert_eq!(metric(&self.meter, &name, &attributes), Some(want), "{name}");
    }

    async fn stop(self) {
        self.host.shutdown(&*self.otlp, Duration::from_secs(5)).await;
    }
}

fn create(sink: &Sink, pipelines: &[&str], change: impl FnOnce(&mut Config)) -> (Arc<Otlp>, Meter) {
    let net = AddrConfig::tcp("127.0.0.1:0");
    let grpc = configgrpc::server::ServerConfig { net, ..Default::default() };
    let mut http = super::HttpConfig::default();
    http.server.net = AddrConfig::tcp("127.0.0.1:0");
    let protocols = Protocols { grpc: Section::on(grpc), http: Section::on(http) };
    let mut config = Config { protocols, invalid_utf8: None };
    change(&mut config);
    let settings = settings("otlp");
    let meter = settings.meter.clone();
    (Arc::new(Otlp::create(settings, config, sink.outputs(pipelines)).unwrap()), meter)
}

/// Changes the HTTP section.
fn with_http(change: impl FnOnce(&mut super::HttpConfig)) -> impl FnOnce(&mut Protocols) {
    |protocols| {
        let mut http = protocols.http.get().unwrap().clone();
        change(&mut http);
        protocols.http = Section::on(http);
    }
}

/// Changes the gRPC section.
fn with_grpc(
    change: impl FnOnce(&mut configgrpc::server::ServerConfig),
) -> impl FnOnce(&mut Protocols) {
    |protocols| {
        let mut grpc = protocols.grpc.get().unwrap().clone();
        change(&mut grpc);
        protocols.grpc = Section::on(grpc);
    }
}

/// Runs a test on a runtime with several threads, with a limit on its time.
fn run(test: impl Future<Output = ()>) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let limited = async { tokio::time::timeout(PATIENCE, test).await };
    runtime.unwrap().block_on(limited).expect("the test ends in time");
}

componenttest::conformance!(
    receiver Otlp,
    "protocols: {grpc: {endpoint: 'localhost:0'}, http: {endpoint: 'localhost:0'}}"
);

#[test]
fn the_readme_states_the_defaults_of_each_protocol() {
    let readme = include_str!("../README.md");
    let block = readme.split_once("```yaml protocols\n").unwrap().1.split_once("```").unwrap().0;
    let load = |text: &str| {
        let config: super::Config = componenttest::config(text);
        serde_json::to_value(config).unwrap()
    };
    assert_eq!(load(block), load("protocols: {grpc: , http: }"));
    let mut stated = load("protocols: {grpc: , http: }");
    let keys = |value: &mut serde_json::Value, protocol: &str| {
        let section = value["protocols"][protocol].take();
        let section = section.as_object().unwrap().clone();
        section.into_iter().filter(|(_, it)| !it.is_null()).map(|(key, _)| key).collect::<Vec<_>>()
    };
    for protocol in ["grpc", "http"] {
        for key in keys(&mut stated, protocol) {
            let empty = ["middlewares", "response_headers"].contains(&key.as_str());
            assert!(empty || block.contains(&format!("    {key}:")), "{protocol} {key}");
        }
    }
}

#[test]
fn the_example_of_all_keys_is_valid() {
    let config: super::Config = componenttest::config(include_str!("../testdata/config.yaml"));
    assert!(config.protocols.http.get().unwrap().server.cors.get().is_some());
}
