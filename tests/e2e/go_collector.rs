//! File -> ours -> Go Collector -> ours, over gRPC and HTTP, compressed and not: both directions, at
//! once, in one chain per protocol and compression.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use component::Next;
use testbed::{Oracle, free_port};

use super::logs::pod;
use crate::support::{Endpoint, Process, SLUICE, eventually, part};

const COMPRESSIONS: [&str; 4] = ["none", "gzip", "zstd", "snappy"];
const LINES: usize = 2_000;

struct Chain {
    name: String,
    exporter: &'static str,
    compression: &'static str,
    go: String,
    oracle: Arc<Oracle>,
    back: Endpoint,
}

impl Chain {
    async fn new(exporter: &'static str, compression: &'static str) -> Self {
        let oracle = Arc::new(Oracle::default());
        let back = Endpoint::start(Arc::clone(&oracle) as Next).await;
        let go = format!("127.0.0.1:{}", free_port().unwrap());
        Self { name: format!("{exporter}/{compression}"), exporter, compression, go, oracle, back }
    }

    fn is_grpc(&self) -> bool {
        self.exporter == "otlp_grpc"
    }

    /// `exporters:` entry towards `grpc` or `http`.
    fn exporter(&self, grpc: &str, http: &str) -> String {
        let endpoint = if self.is_grpc() { grpc } else { http };
        let Self { name, compression, .. } = self;
        format!(
            "  {name}: {{endpoint: '{endpoint}', compression: {compression}, tls: {{insecure: true}}}}\n"
        )
    }
}

fn ours(folder: &Path, chains: &[Chain]) -> String {
    let mut yaml = format!(
        "receivers:\n  file_log:\n    include: ['{}/pods/*/*/*.log']\n    start_at: beginning\n    include_file_path: true\n    \
         operators: [{{type: container}}]\nprocessors: {{batch: {{timeout: 50ms}}}}\nexporters:\n",
        folder.display()
    );
    let names: Vec<&str> = chains.iter().map(|it| it.name.as_str()).collect();
    for chain in chains {
        yaml += &chain.exporter(&chain.go, &format!("http://{}", chain.go));
    }
    let _ = write!(
        yaml,
        "service:\n  telemetry: {{metrics: {{level: none}}}}\n  pipelines:\n    logs: {{receivers: \
         [file_log], processors: [batch], exporters: [{}]}}\n",
        names.join(", ")
    );
    yaml
}

fn theirs(chains: &[Chain]) -> String {
    let (mut receivers, mut exporters, mut pipelines) =
        ("receivers:\n".to_owned(), "exporters:\n".to_owned(), String::new());
    for chain in chains {
        let protocol = if chain.is_grpc() { "grpc" } else { "http" };
        let name = chain.name.replace('/', "_");
        let _ = writeln!(
            receivers,
            "  otlp/{name}: {{protocols: {{{protocol}: {{endpoint: '{}'}}}}}}",
            chain.go
        );
        exporters += &chain.exporter(&chain.back.grpc, &chain.back.http);
        let _ = writeln!(
            pipelines,
            "    logs/{name}: {{receivers: [otlp/{name}], exporters: [{}]}}",
            chain.name
        );
    }
    format!(
        "{receivers}{exporters}service:\n  telemetry: {{metrics: {{level: none}}}}\n  pipelines:\n{pipelines}"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_passes_through_the_go_collector_and_back_once() {
    let Some(otelcol) = part("otelcol") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut chains = Vec::new();
    for exporter in ["otlp_grpc", "otlp_http"] {
        for compression in COMPRESSIONS {
            chains.push(Chain::new(exporter, compression).await);
        }
    }
    let pod = pod(&folder.path().join("pods"), 1, LINES);
    let mut go = Process::collector(&otelcol, folder.path(), &theirs(&chains));
    go.ready().await;
    let mut sluice =
        Process::collector(Path::new(SLUICE), folder.path(), &ours(folder.path(), &chains));
    sluice.ready().await;
    let done = || chains.iter().all(|it| it.oracle.delivered(1) == pod.written());
    eventually(done).await;
    assert!(sluice.terminate().await.success(), "{}", sluice.output());
    go.terminate().await;
    for chain in &chains {
        let tally = chain.oracle.tally();
        let seen = (tally.delivered, tally.doubled, tally.torn, tally.foreign);
        assert_eq!(
            seen,
            (LINES as u64, 0, 0, 0),
            "{}\nours:\n{}\ntheirs:\n{}",
            chain.name,
            sluice.output(),
            go.output()
        );
    }
    for chain in chains {
        chain.back.stop().await;
    }
}
