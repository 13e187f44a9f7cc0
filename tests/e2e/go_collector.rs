//! Ours -> Go Collector -> ours: all three signals over gRPC and HTTP, compressed and not, at once. One
//! chain per protocol and compression; both ends of each are the same process of ours.

#![expect(
    clippy::cast_possible_truncation,
    reason = "the numbers of tests are small, or drawn by chance"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use component::{ConsumeError, Consumer, Context, Data, Next, Signal, async_trait};
use componenttest::Generator;
use configgrpc::client::{Client, ClientConfig};
use ledger::Oracle;

use super::logs::pod;
use crate::support::{Endpoint, Process, SLUICE, eventually, own_address, part};

const COMPRESSIONS: [&str; 4] = ["none", "gzip", "zstd", "snappy"];
/// Tells this test's addresses from those of others.
const ADDRESS: u8 = 100;
const LINES: usize = 2_000;
/// Requests with spans, and as many with points.
const REQUESTS: usize = 20;
/// Items in each of them.
const ITEMS: usize = 50;
/// Text in each item: a request is larger than a block of any compression.
const TEXT_BYTES: usize = 2_000;

/// The end of a chain: counts each line, span and point.
#[derive(Default)]
struct Arrived {
    lines: Oracle,
    others: Mutex<BTreeMap<(Signal, String), usize>>,
}

#[async_trait]
impl Consumer for Arrived {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let texts: Vec<String> = match &data {
            Data::Logs(_) => return self.lines.consume(ctx, data).await,
            Data::Traces(traces) => traces.spans().map(|it| it.name().to_owned()).collect(),
            Data::Metrics(metrics) => {
                let points = metrics.metrics().flat_map(pdata::Metric::points);
                points
                    .map(|it| it.attributes().get("text").unwrap_or_default().to_string())
                    .collect()
            }
        };
        let mut others = self.others.lock().unwrap();
        for text in texts {
            *others.entry((data.signal(), text)).or_default() += 1;
        }
        Ok(())
    }
}

impl Arrived {
    /// Different lines, spans and points.
    fn counts(&self) -> [usize; 3] {
        let others = self.others.lock().unwrap();
        let of = |signal| others.keys().filter(|it| it.0 == signal).count();
        [self.lines.tally().delivered as usize, of(Signal::Traces), of(Signal::Metrics)]
    }

    /// How often something came that had come already, or that nobody sent.
    fn surplus(&self) -> usize {
        let tally = self.lines.tally();
        let again: usize = self.others.lock().unwrap().values().map(|it| it - 1).sum();
        (tally.doubled + tally.torn + tally.foreign) as usize + again
    }
}

struct Chain {
    /// `otlp_grpc/gzip`: our exporter and theirs.
    name: String,
    is_grpc: bool,
    compression: &'static str,
    /// Where the Go Collector listens.
    go: String,
    /// Where we listen for what it sends.
    back: String,
    arrived: Arc<Arrived>,
    end: Endpoint,
}

impl Chain {
    async fn new(exporter: &str, compression: &'static str, number: usize) -> Self {
        let arrived = Arc::new(Arrived::default());
        let end = Endpoint::start(Arc::clone(&arrived) as Next).await;
        let address = |base| format!("{}:{}", own_address(ADDRESS), base + number);
        let is_grpc = exporter == "otlp_grpc";
        let name = format!("{exporter}/{compression}");
        Self { name, is_grpc, compression, go: address(4100), back: address(4200), arrived, end }
    }

    /// Entry of `receivers:` that listens at `address`.
    fn receiver(&self, address: &str) -> String {
        let protocol = if self.is_grpc { "grpc" } else { "http" };
        format!("  otlp/{}: {{protocols: {{{protocol}: {{endpoint: '{address}'}}}}}}\n", self.id())
    }

    /// Entry of `exporters:` that sends to `address`.
    fn exporter(&self, address: &str) -> String {
        let Self { name, compression, is_grpc, .. } = self;
        let scheme = if *is_grpc { "" } else { "http://" };
        format!(
            "  {name}: {{endpoint: '{scheme}{address}', compression: {compression}, tls: {{insecure: true}}}}\n"
        )
    }

    /// What its receiver has received goes to `exporter`.
    fn pipelines(&self, exporter: &str) -> String {
        let id = self.id();
        let of = |signal: Signal| {
            format!("    {signal}/{id}: {{receivers: [otlp/{id}], exporters: [{exporter}]}}\n")
        };
        Signal::ALL.map(of).concat()
    }

    fn id(&self) -> String {
        self.name.replace('/', "_")
    }
}

fn ours(folder: &Path, input: &str, chains: &[Chain]) -> String {
    let mut receivers = format!(
        "receivers:\n  otlp: {{protocols: {{grpc: {{endpoint: '{input}'}}}}}}\n  file_log:\n    include: \
         ['{}/pods/*/*/*.log']\n    start_at: beginning\n    include_file_path: true\n    operators: \
         [{{type: container}}]\n",
        folder.display()
    );
    let mut exporters = "exporters:\n".to_owned();
    let names: Vec<&str> = chains.iter().map(|it| it.name.as_str()).collect();
    let names = names.join(", ");
    let mut pipelines = format!(
        "    logs: {{receivers: [file_log], processors: [batch], exporters: [{names}]}}\n    traces: \
         {{receivers: [otlp], processors: [batch], exporters: [{names}]}}\n    metrics: {{receivers: [otlp], \
         processors: [batch], exporters: [{names}]}}\n"
    );
    for chain in chains {
        receivers += &chain.receiver(&chain.back);
        exporters += &chain.exporter(&chain.go);
        let end = format!("otlp_grpc/end_{}", chain.id());
        let _ = writeln!(
            exporters,
            "  {end}: {{endpoint: '{}', tls: {{insecure: true}}}}",
            chain.end.grpc
        );
        pipelines += &chain.pipelines(&end);
    }
    collector(&receivers, "processors: {batch: {timeout: 50ms}}\n", &exporters, &pipelines)
}

fn theirs(chains: &[Chain]) -> String {
    let (mut receivers, mut exporters, mut pipelines) =
        ("receivers:\n".to_owned(), "exporters:\n".to_owned(), String::new());
    for chain in chains {
        receivers += &chain.receiver(&chain.go);
        exporters += &chain.exporter(&chain.back);
        pipelines += &chain.pipelines(&chain.name);
    }
    collector(&receivers, "", &exporters, &pipelines)
}

fn collector(receivers: &str, processors: &str, exporters: &str, pipelines: &str) -> String {
    format!(
        "{receivers}{processors}{exporters}service:\n  telemetry: {{metrics: {{level: none}}}}\n  pipelines:\n{pipelines}"
    )
}

/// Sends spans and points to `input`.
async fn push(input: &str) {
    let config = ClientConfig { endpoint: format!("http://{input}"), ..ClientConfig::default() };
    let client = Client::new(&config, "test", Duration::ZERO).unwrap();
    for signal in [Signal::Traces, Signal::Metrics] {
        let mut generator = Generator::new(signal).text_bytes(TEXT_BYTES);
        for _ in 0..REQUESTS {
            let data = generator.next(ITEMS);
            client
                .call(&component::Context::default(), &otlp::grpc_path(signal), data.chunks())
                .await
                .unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_span_and_point_passes_through_the_go_collector_and_back_once() {
    let Some(otelcol) = part("otelcol") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut chains = Vec::new();
    for exporter in ["otlp_grpc", "otlp_http"] {
        for compression in COMPRESSIONS {
            chains.push(Chain::new(exporter, compression, chains.len()).await);
        }
    }
    let input = format!("{}:4317", own_address(ADDRESS));
    let pod = pod(&folder.path().join("pods"), 1, LINES);
    let mut go = Process::collector(&otelcol, folder.path(), &theirs(&chains));
    go.ready().await;
    let yaml = ours(folder.path(), &input, &chains);
    let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
    sluice.ready().await;
    push(&input).await;
    let want = [pod.written() as usize, REQUESTS * ITEMS, REQUESTS * ITEMS];
    eventually(|| chains.iter().all(|it| it.arrived.counts() == want)).await;
    assert!(sluice.terminate().await.success(), "{}", sluice.output());
    go.terminate().await;
    for Chain { name, arrived, .. } in &chains {
        let outputs = format!("{name}\nours:\n{}\ntheirs:\n{}", sluice.output(), go.output());
        assert_eq!((arrived.counts(), arrived.surplus()), (want, 0), "{outputs}");
        println!("{name}: {} lines, {} spans, {} points, each once", want[0], want[1], want[2]);
    }
    for chain in chains {
        chain.end.stop().await;
    }
}
