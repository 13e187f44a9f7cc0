//! What is fed to the program under test: OTLP requests, or pod log files. Same seed, same bytes.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use compression::Type;
use configgrpc::client::{Client, ClientConfig};
use http::uri::PathAndQuery;
use pdata::LogsBuilder;
use testbed::{Line, Pod, PodName};
use tokio::task::JoinSet;

const EXPORT: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

/// A closed loop of OTLP/gRPC requests.
#[derive(Debug, Clone, Copy)]
pub struct OtlpLoad {
    pub connections: u32,
    pub in_flight: u32,
    pub records_per_request: u64,
    pub requests: u64,
}

impl OtlpLoad {
    pub fn records(&self) -> u64 {
        self.records_per_request * self.requests
    }

    /// Sends everything to `port`, trying again what is refused.
    pub async fn send(self, port: u16) -> anyhow::Result<()> {
        let next = Arc::new(AtomicU64::new(0));
        let mut tasks = JoinSet::new();
        for _ in 0..self.connections {
            let config = ClientConfig {
                endpoint: format!("http://127.0.0.1:{port}"),
                compression: Type::NONE,
                ..ClientConfig::default()
            };
            let client = Client::new(&config, "bench", Duration::from_secs(60));
            let client = Arc::new(client.map_err(|error| anyhow!(error))?);
            client.start();
            for _ in 0..self.in_flight {
                tasks.spawn(self.worker(Arc::clone(&client), Arc::clone(&next)));
            }
        }
        while let Some(done) = tasks.join_next().await {
            done??;
        }
        Ok(())
    }

    async fn worker(self, client: Arc<Client>, next: Arc<AtomicU64>) -> anyhow::Result<()> {
        let path = PathAndQuery::from_static(EXPORT);
        let mut builder = LogsBuilder::new();
        loop {
            let request = next.fetch_add(1, Relaxed);
            if request >= self.requests {
                return Ok(());
            }
            let first = request * self.records_per_request;
            let logs = requests_logs(&mut builder, first, self.records_per_request);
            while let Err(status) = client.call(&path, logs.chunks()).await {
                anyhow::ensure!(status.code == 14 || status.code == 8, "refused: {status:?}");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
}

/// Records of about 500 bytes with three attributes and a ledger line.
pub fn requests_logs(builder: &mut LogsBuilder, first: u64, records: u64) -> pdata::Logs {
    builder.resource(|it| {
        it.put("service.name", "checkout");
        it.put("service.version", "1.14.2");
        it.put("k8s.pod.name", "checkout-6c5f8d9b7-x2x9z");
    });
    builder.scope("bench", "1");
    for seq in first..first + records {
        let line = Line::now(0, seq);
        builder.record(|it| {
            it.time_unix_nano(line.time);
            it.observed_time_unix_nano(line.time);
            it.severity_number(if seq % 2 == 0 { 9 } else { 5 });
            it.severity_text(if seq % 2 == 0 { "INFO" } else { "DEBUG" });
            it.body(line.text(270).as_str());
            it.attribute("http.request.method", "GET");
            it.attribute("http.route", "/api/v1/orders/{id}");
            it.attribute("http.response.status_code", 200_i64);
        });
    }
    builder.finish()
}

/// Pod log files that are there before the program starts.
#[derive(Debug, Clone, Copy)]
pub struct Backlog {
    pub pods: u32,
    pub lines_per_pod: u64,
}

impl Backlog {
    /// Writes JSON application lines of 300 to 1,200 bytes, 2 % of them 20 kB, in CRI format.
    pub fn write(self, root: &Path) -> anyhow::Result<u64> {
        let mut bytes = 0;
        for writer in 0..self.pods {
            let name = PodName {
                namespace: "shop".into(),
                pod: format!("checkout-{writer}"),
                uid: format!("4f2b9c1e-0000-4000-8000-{writer:012}"),
                container: "app".into(),
            };
            let mut pod = Pod::create(root, &name, writer, 1).context("cannot write log files")?;
            let mut random = fastrand::Rng::with_seed(u64::from(writer));
            for seq in 0..self.lines_per_pod {
                let long = random.u32(..100) < 2;
                let length = if long { 20_000 } else { random.usize(60..900) };
                let text = json_line(&Line::now(writer, seq), length, &mut random);
                bytes += text.len() as u64;
                pod.write_text(testbed::Stream::Stdout, &text)?;
            }
        }
        Ok(bytes)
    }
}

pub fn json_line(line: &Line, length: usize, random: &mut fastrand::Rng) -> String {
    let text = line.text(length);
    let status = *random.choice([200, 201, 404, 500].iter()).unwrap_or(&200);
    format!(
        "{{\"level\":\"info\",\"logger\":\"http\",\"msg\":\"request done\",\"method\":\"GET\",\"status\":{status},\
         \"duration_ms\":{}.{},\"http\":{{\"route\":\"/api/v1/orders/{{id}}\",\"peer\":\"10.0.{}.{}\"}},\
         \"user_id\":{},\"cached\":{},\"ledger\":\"{text}\"}}",
        random.u32(0..900),
        random.u32(1..10),
        random.u8(..),
        random.u8(..),
        random.u32(..),
        random.bool(),
    )
}
