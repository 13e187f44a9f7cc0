use std::future::poll_fn;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use component::{Context, End, Phase, PipelineView, Reported, ServiceView, Status, clock};
use componenttest::{TestHost, ask, config, problems, settings, start_on_free_port};
use configgrpc::client::{Client, ClientConfig};

use super::*;

componenttest::conformance!(
    extension HealthCheckV2,
    "{use_v2: true, http: {endpoint: 'localhost:0'}, grpc: {endpoint: 'localhost:0'}}"
);

/// Longest time that a test waits for something that has to happen.
const LIMIT: Duration = Duration::from_secs(10);

fn view(phase: Phase, statuses: &[(&str, Status, SystemTime)]) -> ServiceView {
    let end = |id: &str| vec![End { id: id.parse().unwrap(), is_connector: false }];
    let reported = |(instance, status, since): &(&str, Status, SystemTime)| Reported {
        instance: (*instance).into(),
        status: status.clone(),
        since: *since,
    };
    ServiceView {
        phase,
        phase_since: Some(clock::now()),
        pipelines: vec![PipelineView {
            id: "logs".parse().unwrap(),
            receivers: end("otlp"),
            processors: Vec::new(),
            exporters: end("debug"),
        }],
        extensions: vec!["healthcheckv2".parse().unwrap()],
        statuses: statuses.iter().map(reported).collect(),
        ..ServiceView::default()
    }
}

fn recoverable(since: SystemTime) -> ServiceView {
    let why = Status::Recoverable("no answer".into());
    view(Phase::Running, &[("exporter/debug (logs)", why, since)])
}

fn permanent() -> ServiceView {
    let why = Status::Permanent("no more".into());
    view(Phase::Running, &[("receiver/otlp", why, clock::now())])
}

/// The extension at an address, with more of the section.
async fn started(section: impl Fn(&str) -> String) -> (Arc<HealthCheckV2>, TestHost, String) {
    let make = |address: &str| {
        let section = config(&section(address));
        HealthCheckV2::create(settings("healthcheckv2"), section).unwrap()
    };
    start_on_free_port(make).await
}

async fn with_http(more: &str) -> (Arc<HealthCheckV2>, TestHost, String) {
    let more = more.to_owned();
    started(move |at| format!("{{use_v2: true, http: {{endpoint: '{at}'{more}")).await
}

async fn with_grpc(more: &str) -> (Arc<HealthCheckV2>, TestHost, String) {
    let more = more.to_owned();
    started(move |at| format!("{{use_v2: true, grpc: {{endpoint: '{at}'}}{more}}}")).await
}

/// The status line's number, and the body.
async fn get(address: &str, path: &str) -> (u16, String) {
    let answer = ask(address, &format!("GET {path}")).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn without_times(body: &str) -> serde_json::Value {
    fn strip(value: &mut serde_json::Value) {
        if let Some(all) = value.as_object_mut() {
            for key in ["start_time", "status_time"] {
                if let Some(time) = all.get_mut(key) {
                    assert!(time.as_str().unwrap().ends_with('Z'), "{time}");
                    *time = "T".into();
                }
            }
            all.values_mut().for_each(strip);
        }
    }
    let mut value = serde_json::from_str(body).unwrap();
    strip(&mut value);
    value
}

#[tokio::test]
async fn the_status_page_follows_the_life_of_the_collector() {
    let (extension, host, at) = with_http("}}").await;
    let short = |status: &str| {
        serde_json::json!({
            "start_time": "T", "healthy": true, "status": status, "status_time": "T",
            "attributes": {}
        })
    };
    for (phase, code, status) in [
        (Phase::Starting, 503, "StatusStarting"),
        (Phase::Running, 200, "StatusOK"),
        (Phase::Stopping, 503, "StatusStopping"),
    ] {
        host.show(view(phase, &[]));
        let (got, body) = get(&at, "/status").await;
        assert_eq!((got, without_times(&body)), (code, short(status)));
        assert!(body.starts_with("{\"start_time\":\"20"), "{body}");
    }
    // Without `component_health` no problem that the collector survives makes a difference.
    for (view, status, why) in [
        (recoverable(SystemTime::UNIX_EPOCH), "StatusRecoverableError", "no answer"),
        (permanent(), "StatusPermanentError", "no more"),
    ] {
        host.show(view);
        let (got, body) = get(&at, "/status?pipeline=logs").await;
        let body = without_times(&body);
        assert_eq!((got, &body["status"], &body["error"]), (200, &status.into(), &why.into()));
        assert_eq!(get(&at, "/status?pipeline=extensions").await.0, 200);
    }
    let fatal = Status::Fatal("broken".into());
    host.show(view(Phase::Running, &[("receiver/otlp", fatal, clock::now())]));
    assert_eq!(get(&at, "/status").await.0, 500);
    for (path, code) in
        [("/", 404), ("/status/", 404), ("/config", 404), ("/status?pipeline=x", 404)]
    {
        assert_eq!(get(&at, path).await.0, code, "{path}");
    }
    assert_eq!(get(&at, "/status?pipeline=metrics").await.1, "");
    host.shutdown(&*extension, LIMIT).await;
}

#[tokio::test]
async fn verbose_shows_components() {
    let (extension, host, at) = with_http("}}").await;
    host.show(permanent());
    for path in ["/status?verbose", "/status?verbose=true", "/status?verbose="] {
        let body = without_times(&get(&at, path).await.1);
        let logs = &body["components"]["pipeline:logs"];
        assert_eq!(logs["status"], "StatusPermanentError", "{path} {body}");
        assert_eq!(logs["components"]["receiver:otlp"]["error"], "no more", "{body}");
        assert_eq!(logs["components"]["exporter:debug"]["status"], "StatusOK", "{body}");
        let own = &body["components"]["extensions"]["components"]["extension:healthcheckv2"];
        assert_eq!(own["status"], "StatusOK", "{body}");
        assert!(logs.get("start_time").is_none(), "{body}");
    }
    for path in ["/status", "/status?verbose=false"] {
        let body = without_times(&get(&at, path).await.1);
        assert!(body.get("components").is_none(), "{path} {body}");
    }
    let of_pipeline = without_times(&get(&at, "/status?verbose&pipeline=logs").await.1);
    assert_eq!(of_pipeline["components"]["receiver:otlp"]["status"], "StatusPermanentError");
    host.shutdown(&*extension, LIMIT).await;
}

#[tokio::test]
async fn problems_of_components_count_as_configured() {
    let now = clock::now();
    let old = now - Duration::from_secs(400);
    for (rules, fresh, late, gone) in [
        ("{include_permanent_errors: true}", 200, 200, 500),
        ("{include_recoverable_errors: true, recovery_duration: 5m}", 200, 500, 200),
        ("{include_recoverable_errors: true}", 500, 500, 200),
        ("{recovery_duration: 1s}", 200, 200, 200),
    ] {
        let (extension, host, at) = with_http(&format!("}}, component_health: {rules}}}")).await;
        for (view, code) in
            [(recoverable(now), fresh), (recoverable(old), late), (permanent(), gone)]
        {
            host.show(view);
            let (got, body) = get(&at, "/status").await;
            let body = without_times(&body);
            assert_eq!((got, &body["healthy"]), (code, &(code == 200).into()), "{rules} {body}");
        }
        host.shutdown(&*extension, LIMIT).await;
    }
}

#[tokio::test]
async fn the_configuration_has_a_page_of_its_own() {
    let pages = ", status: {path: /health}, config: {enabled: true, path: /conf}}}";
    let (extension, host, at) = with_http(pages).await;
    host.show(view(Phase::Running, &[]));
    assert_eq!(get(&at, "/conf").await, (200, r#"{"receivers":{}}"#.to_owned()));
    assert_eq!(get(&at, "/health").await.0, 200);
    assert_eq!(get(&at, "/status").await.0, 404);
    host.shutdown(&*extension, LIMIT).await;
}

#[tokio::test]
async fn the_first_version_answers_ready_or_not_by_the_status_of_components() {
    let (extension, host, at) = started(|at| format!("{{endpoint: '{at}', path: /}}")).await;
    host.show(view(Phase::Starting, &[]));
    let not_ready =
        r#"{"status":"Server not available","upSince":"0001-01-01T00:00:00Z","uptime":""}"#;
    assert_eq!(get(&at, "/any").await, (503, not_ready.to_owned()));
    host.show(permanent());
    let (code, body) = get(&at, "/").await;
    assert!(code == 200 && body.starts_with(r#"{"status":"Server available","upSince":"20"#));
    host.shutdown(&*extension, LIMIT).await;
    let bodies = "response_body: {healthy: yes!, unhealthy: no!}";
    let (extension, host, at) =
        started(|at| format!("{{endpoint: '{at}', path: /ready, {bodies}}}")).await;
    assert_eq!(get(&at, "/ready").await, (503, "no!".to_owned()));
    host.show(view(Phase::Running, &[]));
    assert_eq!(get(&at, "/ready").await, (200, "yes!".to_owned()));
    assert_eq!(get(&at, "/").await.0, 404);
    host.shutdown(&*extension, LIMIT).await;
}

/// `HealthCheckRequest`.
fn request(service: &str) -> Bytes {
    let mut message = vec![0x0a, u8::try_from(service.len()).unwrap()];
    message.extend_from_slice(service.as_bytes());
    message.into()
}

async fn check(at: &str, service: &str) -> Result<u8, (i32, String)> {
    let mut section = ClientConfig { endpoint: format!("http://{at}"), ..ClientConfig::default() };
    section.compression = compression::Type::NONE.into();
    let client = Client::new(&section, "test", LIMIT).unwrap();
    let path = "/grpc.health.v1.Health/Check".parse().unwrap();
    let answer = client.call(&Context::default(), &path, &[request(service)]).await;
    answer.map(|it| it[1]).map_err(|it| (it.code, it.message))
}

#[tokio::test]
async fn grpc_says_whether_a_service_serves() {
    let (extension, host, at) =
        with_grpc(", component_health: {include_permanent_errors: true}").await;
    for (shown, all, extensions) in [
        (view(Phase::Starting, &[]), 2, 2),
        (view(Phase::Running, &[]), 1, 1),
        (recoverable(SystemTime::UNIX_EPOCH), 1, 1),
        (permanent(), 2, 1),
        (view(Phase::Stopping, &[]), 2, 2),
    ] {
        host.show(shown);
        assert_eq!(check(&at, "").await, Ok(all));
        assert_eq!(check(&at, "logs").await, Ok(all));
        assert_eq!(check(&at, "extensions").await, Ok(extensions));
    }
    assert_eq!(check(&at, "traces").await, Err((5, "Service not found.".to_owned())));
    host.shutdown(&*extension, LIMIT).await;
}

/// A call of `Watch`.
struct Watch {
    body: h2::RecvStream,
    _send: h2::client::SendRequest<Bytes>,
}

impl Watch {
    async fn call(at: &str, service: &str) -> Self {
        let stream = tokio::net::TcpStream::connect(at).await.unwrap();
        let (mut send, connection) = h2::client::handshake(stream).await.unwrap();
        componenttest::spawn(async move {
            let _ = connection.await;
        });
        let head = http::Request::post(format!("http://{at}/grpc.health.v1.Health/Watch"))
            .header("content-type", "application/grpc")
            .body(())
            .unwrap();
        poll_fn(|cx| send.poll_ready(cx)).await.unwrap();
        let (response, mut body) = send.send_request(head, false).unwrap();
        let message = request(service);
        let mut frame = vec![0, 0, 0, 0, u8::try_from(message.len()).unwrap()];
        frame.extend_from_slice(&message);
        body.send_data(frame.into(), true).unwrap();
        let body = tokio::time::timeout(LIMIT, response).await.unwrap().unwrap().into_body();
        Self { body, _send: send }
    }

    /// The next answer; `None` at the end.
    async fn next(&mut self) -> Option<u8> {
        let data = tokio::time::timeout(LIMIT, self.body.data()).await.expect("an answer in time");
        let data = data?.unwrap();
        let _ = self.body.flow_control().release_capacity(data.len());
        assert_eq!((data.len(), &data[..6]), (7, &[0, 0, 0, 0, 2, 8][..]));
        Some(data[6])
    }
}

#[tokio::test]
async fn watch_tells_each_change_until_the_collector_stops() {
    let rules = ", component_health: {include_recoverable_errors: true, recovery_duration: 300ms}";
    let (extension, host, at) = with_grpc(rules).await;
    host.show(view(Phase::Starting, &[]));
    let (mut all, mut unknown) = (Watch::call(&at, "").await, Watch::call(&at, "metrics").await);
    assert_eq!((all.next().await, unknown.next().await), (Some(2), Some(3)));
    host.show(view(Phase::Running, &[]));
    assert_eq!(all.next().await, Some(1));
    // It recovers in time: nothing is said.
    host.show(recoverable(clock::now()));
    host.show(view(Phase::Running, &[]));
    let begun = clock::now();
    host.show(recoverable(begun));
    assert_eq!(all.next().await, Some(2));
    assert!(clock::now().duration_since(begun).unwrap() >= Duration::from_millis(300));
    host.show(view(Phase::Running, &[]));
    assert_eq!(all.next().await, Some(1));
    let stop = async { host.shutdown(&*extension, LIMIT).await };
    let end = async {
        let end = (all.next().await, unknown.next().await);
        (end, all.body.trailers().await.unwrap().unwrap())
    };
    let ((), (end, trailers)) = tokio::join!(stop, end);
    assert_eq!(end, (None, None));
    assert_eq!(trailers["grpc-status"], "1");
    assert_eq!(trailers["grpc-message"], "Server shutting down.");
}

#[test]
fn mistakes_are_named_in_the_collectors_words() {
    let check = |section: &str, want: &str| {
        let found = problems::<Config>(section);
        assert_eq!(found.first().map(String::as_str), Some(want), "{section}");
    };
    check("{endpoint: ''}", "http endpoint required");
    check("{path: invalid}", "path must start with /");
    check("{use_v2: true}", "must specify at least one protocol");
    check("{use_v2: true, http: {endpoint: ''}}", "http endpoint required");
    check("{use_v2: true, grpc: {endpoint: ''}}", "grpc endpoint required");
    check("{use_v2: true, http: {status: {path: x}}}", "path must start with /");
    check("{use_v2: true, http: {config: {enabled: true, path: x}}}", "path must start with /");
    for good in [
        "{}",
        "{use_v2: true, http: , grpc: , component_health: {recovery_duration: 5m}}",
        "{use_v2: true, http: {config: {path: x}}}",
        "{endpoint: '', use_v2: true, grpc: }",
    ] {
        assert_eq!(problems::<Config>(good), [""; 0], "{good}");
    }
}
