//! `configs/backends-tls.yaml`: logs to Loki and traces to Tempo, each behind a proxy that speaks TLS and wants a token. Where
//! a backend is not there, its proxy says how much has come.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use component::config::Section;
use component::{Context, Meter, Signal, async_trait};
use componenttest::{Authority, TestHost};
use confighttp::client::{Client, ClientConfig, Url};
use confighttp::server::{Handler, ServerConfig, serve};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use ledger::free_port;
use pdata::{Data, Limits};
use serde_json::json;

use super::loki::{count, loki_config, streams};
use crate::support::{Process, SLUICE, eventually, get, own_address, part, repository};

/// Tells this test's addresses from those of others.
const ADDRESS: u8 = 221;
const TOKEN: &str = "hunter2canary";
const LINES: usize = 100;
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// Lets requests with the token through to a backend, if there is one.
struct Proxy {
    signal: Signal,
    backend: Option<Client>,
    items: Mutex<usize>,
    refused: Mutex<usize>,
}

#[async_trait]
impl Handler for Proxy {
    fn check(&self, head: &Parts) -> Option<Response<Bytes>> {
        let sent = head.headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
        if sent == Some(format!("Bearer {TOKEN}").as_bytes()) {
            return None;
        }
        *self.refused.lock().unwrap() += 1;
        Some(answer(StatusCode::UNAUTHORIZED, Bytes::new()))
    }

    async fn handle(&self, head: &Parts, ctx: &Context, body: Bytes) -> Response<Bytes> {
        let data = Data::decode(self.signal, body.clone(), &Limits::default()).unwrap().data;
        let kind = head.headers[CONTENT_TYPE].clone();
        let (status, reply) = match &self.backend {
            None => (StatusCode::OK, Bytes::new()),
            Some(backend) => {
                let reply = backend.post(ctx, kind, body.into()).await.unwrap();
                (reply.status, reply.body)
            }
        };
        if status.is_success() {
            *self.items.lock().unwrap() += data.items();
        }
        answer(status, reply)
    }
}

fn answer(status: StatusCode, body: Bytes) -> Response<Bytes> {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer
}

impl Proxy {
    /// Serves one, encrypted, in front of `backend`.
    fn serve(
        authority: &Authority,
        host: &TestHost,
        (address, signal): (&str, Signal),
        backend: Option<String>,
    ) -> Arc<Self> {
        let compression = compression::Type::NONE.into();
        let plain = ClientConfig { compression, ..ClientConfig::default() };
        let backend = backend.map(|it| Client::new(&plain, Url::parse(&it).unwrap(), "t").unwrap());
        let (items, refused) = (Mutex::default(), Mutex::default());
        let proxy = Arc::new(Self { signal, backend, items, refused });
        let mut config = ServerConfig::default();
        address.clone_into(&mut config.net.endpoint);
        let mut tls = configtls::ServerConfig::default();
        tls.common.cert_file = authority.path("server.pem");
        tls.common.key_file = authority.path("server.key");
        config.tls = Section::on(tls);
        serve(&config, Arc::clone(&proxy) as _, (host, &Meter::default())).unwrap();
        proxy
    }

    fn items(&self) -> usize {
        *self.items.lock().unwrap()
    }
}

/// A real Loki, and its port.
pub(super) async fn loki(folder: &Path) -> Option<(Process, u16)> {
    let (program, port) = (part("loki")?, free_port().unwrap());
    let config = folder.join("loki-config.yaml");
    fs::write(&config, loki_config(folder, port, free_port().unwrap())).unwrap();
    let server = Process::start(&program, folder, &[&format!("-config.file={}", config.display())]);
    assert!(eventually(|| get("127.0.0.1", port, "/ready").is_some()).await, "{}", server.output());
    Some((server, port))
}

/// A real Tempo, its port for queries and that for OTLP.
pub(super) async fn tempo(folder: &Path) -> Option<(Process, u16, u16)> {
    let program = part("tempo")?;
    let [port, grpc, otlp, gossip] = [(); 4].map(|()| free_port().unwrap());
    let (config, data) = (folder.join("tempo-config.yaml"), folder.join("tempo-data"));
    let text = format!(
        "usage_report: {{reporting_enabled: false}}
server: {{http_listen_address: 127.0.0.1, http_listen_port: {port}, grpc_listen_address: 127.0.0.1, grpc_listen_port: {grpc}}}
distributor: {{receivers: {{otlp: {{protocols: {{http: {{endpoint: '127.0.0.1:{otlp}'}}}}}}}}}}
ingester: {{lifecycler: {{address: 127.0.0.1, min_ready_duration: 0s, ring: {{kvstore: {{store: inmemory}}, replication_factor: 1}}}}}}
querier: {{frontend_worker: {{frontend_address: '127.0.0.1:{grpc}'}}}}
memberlist: {{bind_addr: [127.0.0.1], bind_port: {gossip}}}
storage: {{trace: {{backend: local, local: {{path: {data}/blocks}}, wal: {{path: {data}/wal}}}}}}
",
        data = data.display()
    );
    fs::write(&config, text).unwrap();
    let server = Process::start(&program, folder, &[&format!("-config.file={}", config.display())]);
    assert!(eventually(|| get("127.0.0.1", port, "/ready").is_some()).await, "{}", server.output());
    Some((server, port, otlp))
}

/// The status of a push of one span.
fn push(address: &str) -> Option<u16> {
    let span = json!({"traceId": TRACE, "spanId": "b7ad6b7169203331", "name": "checkout",
        "startTimeUnixNano": component::clock::unix_nanos().to_string(),
        "endTimeUnixNano": component::clock::unix_nanos().to_string()});
    let request = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).to_string();
    let mut stream = TcpStream::connect(address).ok()?;
    let head = "POST /v1/traces HTTP/1.0\r\nHost: h\r\nContent-Type: application/json\r\n";
    write!(stream, "{head}Content-Length: {}\r\n\r\n{request}", request.len()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split(' ').nth(1)?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loki_and_tempo_behind_tls_and_a_token_get_what_the_configuration_sends() {
    let (authority, host, address) = (Authority::new(), TestHost::new(), own_address(ADDRESS));
    authority.issue("server", &address);
    let folder = tempfile::tempdir().unwrap();
    let (loki, tempo) = (loki(folder.path()).await, tempo(folder.path()).await);
    let to_loki = loki.as_ref().map(|it| format!("http://127.0.0.1:{}/otlp/v1/logs", it.1));
    let to_tempo = tempo.as_ref().map(|it| format!("http://127.0.0.1:{}/v1/traces", it.2));
    let (at_loki, at_tempo) = (format!("{address}:3100"), format!("{address}:3200"));
    let logs = Proxy::serve(&authority, &host, (&at_loki, Signal::Logs), to_loki);
    let traces = Proxy::serve(&authority, &host, (&at_tempo, Signal::Traces), to_tempo);

    let (token, log) = (folder.path().join("token"), folder.path().join("shop.log"));
    fs::write(&token, format!("{TOKEN}\n")).unwrap();
    let text: String = (0..LINES).map(|n| format!("order {n} was placed\n")).collect();
    fs::write(&log, text).unwrap();
    let environment: BTreeMap<&str, String> = [
        ("BACKEND_TOKEN_FILE", token.display().to_string()),
        ("BACKEND_CA", authority.path("ca.pem")),
        ("LOG_FILES", log.display().to_string()),
        ("LISTEN", address.clone()),
        ("SERVICE_NAME", "shop".to_owned()),
        ("LOKI_URL", format!("https://{at_loki}")),
        ("TEMPO_URL", format!("https://{at_tempo}")),
    ]
    .into();
    let environment: Vec<(&str, &str)> =
        environment.iter().map(|it| (*it.0, it.1.as_str())).collect();
    let config = repository().join("configs/backends-tls.yaml").display().to_string();
    let quiet = ["--config", &config, "--set", "service.telemetry.metrics.level=none"];
    let mut sluice = Process::start_with(Path::new(SLUICE), folder.path(), &quiet, &environment);
    sluice.ready().await;
    assert_eq!(push(&format!("{address}:4318")), Some(200), "{}", sluice.output());
    eventually(|| logs.items() >= LINES && traces.items() >= 1).await;
    let said = sluice.output();
    assert_eq!((logs.items(), traces.items()), (LINES, 1), "{said}");
    if let Some((_, port)) = &loki {
        let stored = || count(&streams(*port, r#"{service_name="shop"}"#));
        assert!(eventually(|| stored() >= LINES).await, "{} lines", stored());
        assert_eq!(stored(), LINES);
    }
    if let Some((_, port, _)) = &tempo {
        let found = || get("127.0.0.1", *port, &format!("/api/traces/{TRACE}"));
        assert!(eventually(|| found().is_some_and(|it| it.contains("checkout"))).await);
    }
    // Who has another token gets in nowhere, and the new one counts as soon as the file has it.
    fs::write(&token, "another\n").unwrap();
    assert!(eventually(|| sluice.output().contains("credentials were read again")).await);
    assert_eq!(push(&format!("{address}:4318")), Some(200));
    assert!(eventually(|| *traces.refused.lock().unwrap() > 0).await, "{}", sluice.output());
    assert!(sluice.terminate().await.success(), "{}", sluice.output());
    assert!(!sluice.output().contains(TOKEN), "{}", sluice.output());
    host.stop().await;
}
