//! What extensions refuse that stand before the requests.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use component::{Capability, ServerMiddleware};
use confignet::MiddlewareConfig;

use super::auth::over_http;
use super::{ALL, Arc, Component, Duration, Fixture, Protocols, Sink, TestHost};
use super::{create, with_grpc, with_http};

/// Refuses for so many seconds; 0 lets through. Counts who asks.
#[derive(Default)]
struct Gate {
    seconds: AtomicUsize,
    asked: AtomicUsize,
}

impl ServerMiddleware for Gate {
    fn must_refuse(&self) -> Option<Duration> {
        self.asked.fetch_add(1, Relaxed);
        let seconds = self.seconds.load(Relaxed);
        (seconds > 0).then(|| Duration::from_secs(seconds as u64))
    }
}

fn gated(ids: &[&str]) -> impl Fn(&mut Protocols) {
    let ids: Vec<_> = ids.iter().map(|it| MiddlewareConfig { id: (*it).into() }).collect();
    move |protocols| {
        with_grpc(|it| it.middlewares.clone_from(&ids))(protocols);
        with_http(|it| it.server.middlewares.clone_from(&ids))(protocols);
    }
}

async fn call(it: &Fixture) -> Result<(), component::GrpcStatus> {
    let endpoint = format!("http://{}", it.grpc());
    let mut config = configgrpc::client::ClientConfig { endpoint, ..Default::default() };
    config.compression = compression::Type::NONE.into();
    let client = configgrpc::client::Client::new(&config, "test", Duration::ZERO).unwrap();
    let path = "/opentelemetry.proto.collector.logs.v1.LogsService/Export".parse().unwrap();
    let body = componenttest::logs(1).to_bytes();
    client.call(&component::Context::default(), &path, &[body]).await.map(|_| ())
}

#[test]
fn a_request_that_is_refused_may_come_again() {
    super::run(async {
        let (sink, host) = (Sink::new(), TestHost::new());
        let (outer, inner) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
        host.offer("outer", Capability::ServerMiddleware(Arc::clone(&outer) as _));
        host.offer("inner", Capability::ServerMiddleware(Arc::clone(&inner) as _));
        let (otlp, meter) = create(&sink, ALL, |it| gated(&["outer", "inner"])(&mut it.protocols));
        Arc::clone(&otlp).start(&host).await.unwrap();
        let it = Fixture { otlp, sink, host, meter };

        call(&it).await.unwrap();
        assert_eq!([&outer, &inner].map(|it| it.asked.load(Relaxed)), [1, 1]);
        inner.seconds.store(7, Relaxed);
        let refused = call(&it).await.unwrap_err();
        assert_eq!((refused.code, refused.message.as_str()), (8, "RESOURCE_EXHAUSTED"));
        let wait = rpcstatus::retry_delay(&refused.encoded);
        assert_eq!(wait, Some(Duration::from_secs(7)));
        // Also on a path that does not exist, as upstream.
        for path in ["/v1/logs", "/nowhere"] {
            let answer = over_http(&it, path, "").await;
            assert!(answer.starts_with("HTTP/1.1 429 Too Many Requests\r\n"), "{answer}");
            assert!(answer.contains("retry-after: 7\r\n"), "{answer}");
            assert!(answer.contains("content-type: text/plain; charset=utf-8\r\n"), "{answer}");
            assert!(answer.ends_with("\r\n\r\nToo Many Requests\n"), "{answer}");
        }
        outer.seconds.store(9, Relaxed);
        let asked = inner.asked.load(Relaxed);
        let answer = over_http(&it, "/v1/logs", "").await;
        assert!(answer.contains("retry-after: 9\r\n"), "the first of the list answers: {answer}");
        assert_eq!(inner.asked.load(Relaxed), asked, "nobody asked the second one");
        let bad = over_http(&it, "/v1/logs", "Content-Encoding: br\r\n").await;
        assert!(bad.starts_with("HTTP/1.1 400"), "{bad}");
        assert_eq!(it.sink.items(), 1);
        let refused = componenttest::metric(&it.meter, "sluice_server_refused_requests_total", &[]);
        assert_eq!(refused, Some(4.0));
        it.stop().await;
    });
}

#[test]
fn an_extension_that_is_no_middleware_keeps_the_receiver_from_starting() {
    super::run(async {
        let (otlp, _) = create(&Sink::new(), ALL, |it| gated(&["nobody"])(&mut it.protocols));
        let error = otlp.start(&TestHost::new()).await.unwrap_err().to_string();
        let want = "failed to resolve middleware \"nobody\": middleware not found";
        assert_eq!(error, format!("failed to get gRPC server options from middleware: {want}"));
        let only_http = |protocols: &mut Protocols| {
            gated(&["nobody"])(protocols);
            protocols.grpc = super::Section::absent(configgrpc::server::ServerConfig::default());
        };
        let (otlp, _) = create(&Sink::new(), ALL, |it| only_http(&mut it.protocols));
        let error = otlp.start(&TestHost::new()).await.unwrap_err().to_string();
        assert_eq!(error, want);
    });
}
