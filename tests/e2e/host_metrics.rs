//! Metrics of this machine: by the chart's preset, and beside the Go Collector, which has to see the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use component::{ConsumeError, Consumer, Context, Data, Next, async_trait};
use pdata::{MetricData, PointRef};

use crate::configs::{ENVIRONMENT, folder as configurations};
use crate::support::{Endpoint, Process, SLUICE, eventually, own_address, part, skipped};

/// Scrapers with all of their metrics that 0.149 has as well, but those of the file of a process that has ended.
const SCRAPERS: &str = "
      cpu:
        metrics:
          system.cpu.utilization: {enabled: true}
          system.cpu.physical.count: {enabled: true}
          system.cpu.logical.count: {enabled: true}
          system.cpu.frequency: {enabled: true}
      disk:
      filesystem: {include_virtual_filesystems: true, metrics: {system.filesystem.utilization: {enabled: true}}}
      load: {cpu_average: true}
      memory:
        metrics:
          system.memory.utilization: {enabled: true}
          system.memory.limit: {enabled: true}
          system.memory.page_size: {enabled: true}
          system.linux.memory.available: {enabled: true}
          system.linux.memory.dirty: {enabled: true}
      network:
      paging: {metrics: {system.paging.utilization: {enabled: true}}}
      processes:
      process:
        mute_process_all_errors: true
        metrics:
          process.cpu.utilization: {enabled: true}
          process.memory.utilization: {enabled: true}
          process.disk.operations: {enabled: true}
          process.paging.faults: {enabled: true}
          process.threads: {enabled: true}
          process.open_file_descriptors: {enabled: true}
          process.context_switches: {enabled: true}
          process.signals_pending: {enabled: true}
          process.uptime: {enabled: true}
      system:
";

/// Keeps what each metric looks like, and the values of those that do not change.
#[derive(Default)]
struct Seen {
    shapes: Mutex<BTreeSet<String>>,
    points: Mutex<BTreeMap<String, String>>,
}

/// Metrics that are the same whenever they are measured.
const CONSTANT: [&str; 5] = [
    "system.cpu.physical.count",
    "system.cpu.logical.count",
    "system.memory.limit",
    "system.memory.page_size",
    "system.paging.usage",
];
/// Metrics whose points tell apart what there is on the machine.
const LISTS: [&str; 4] =
    ["system.filesystem.usage", "system.disk.io", "system.network.io", "system.paging.faults"];

#[async_trait]
impl Consumer for Seen {
    async fn consume(&self, _ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let Data::Metrics(metrics) = data else { return Ok(()) };
        for resource in metrics.resources() {
            for scope in resource.scopes() {
                let place = scope.scope().name().rsplit('/').next().unwrap_or_default();
                for metric in scope.metrics() {
                    self.see(place, resource.schema_url(), metric);
                }
            }
        }
        Ok(())
    }
}

impl Seen {
    fn see(&self, scope: &str, schema: &str, metric: pdata::Metric<'_>) {
        let kind = match metric.data() {
            MetricData::Gauge(_) => "gauge".to_owned(),
            MetricData::Sum(it) => {
                format!("sum {} {}", it.aggregation_temporality(), it.is_monotonic())
            }
            _ => "other".to_owned(),
        };
        let (name, unit) = (metric.name(), metric.unit());
        for point in metric.points() {
            let mut attributes: Vec<(String, String)> = point
                .attributes()
                .iter()
                .map(|(key, value)| (key.to_owned(), value.to_string()))
                .collect();
            attributes.sort();
            let keys: Vec<&str> = attributes.iter().map(|it| &*it.0).collect();
            let shape = format!("{scope} {name} {unit} {kind} {keys:?} {schema}");
            self.shapes.lock().unwrap().insert(shape);
            let value = match point {
                PointRef::Number(it) if CONSTANT.contains(&name) => format!("{:?}", it.value()),
                _ => String::new(),
            };
            if CONSTANT.contains(&name) || LISTS.contains(&name) {
                self.points.lock().unwrap().insert(format!("{name} {attributes:?}"), value);
            }
        }
    }

    fn names(&self) -> BTreeSet<String> {
        let shapes = self.shapes.lock().unwrap();
        shapes.iter().filter_map(|it| it.split(' ').nth(1)).map(str::to_owned).collect()
    }
}

/// Lets `program` measure the machine twice, and says what it saw.
async fn measured(program: &Path, scrapers: &str) -> Arc<Seen> {
    let folder = tempfile::tempdir().unwrap();
    let seen = Arc::new(Seen::default());
    let end = Endpoint::start(Arc::clone(&seen) as Next).await;
    let yaml = format!(
        "receivers:\n  hostmetrics:\n    collection_interval: 1s\n    initial_delay: 0s\n    scrapers:{scrapers}\
         exporters:\n  otlp_grpc: {{endpoint: '{}', tls: {{insecure: true}}}}\n\
         service:\n  telemetry: {{metrics: {{level: none}}}}\n  pipelines: {{metrics: {{receivers: [hostmetrics], \
         exporters: [otlp_grpc]}}}}\n",
        end.grpc
    );
    let process = Process::collector(program, folder.path(), &yaml);
    // What is compared with the scrape before comes with the second one.
    let is_whole = || {
        let names = seen.names();
        ["system.cpu.utilization", "process.cpu.utilization", "system.uptime"]
            .iter()
            .all(|it| names.contains(*it))
    };
    assert!(eventually(is_whole).await, "{}", process.output());
    drop(process);
    end.stop().await;
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn we_and_the_go_collector_see_the_same_machine() {
    let Some(otelcol) = part("otelcol") else { return };
    let theirs = measured(&otelcol, SCRAPERS).await;
    // Since 0.157 the attribute `cpu` is only there if it is asked for.
    let wanted = "system.cpu.utilization: {enabled: true";
    let ours = SCRAPERS.replace(
        wanted,
        "system.cpu.time: {attributes: [cpu, state]}\n          system.cpu.utilization: {enabled: true, \
         attributes: [cpu, state]",
    );
    let ours = measured(Path::new(SLUICE), &ours).await;
    let (ours_shapes, theirs_shapes) = (ours.shapes.lock().unwrap(), theirs.shapes.lock().unwrap());
    let only =
        |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect::<Vec<_>>();
    let none: [String; 0] = [];
    assert_eq!(only(&theirs_shapes, &ours_shapes), none, "only theirs");
    assert_eq!(only(&ours_shapes, &theirs_shapes), none, "only ours");
    assert_eq!(*ours.points.lock().unwrap(), *theirs.points.lock().unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_host_metrics_preset_of_the_chart_measures_this_machine() {
    let file = configurations().join("helm/preset-hostMetrics-daemonset.yaml");
    let Ok(preset) = fs::read_to_string(&file) else {
        skipped(format_args!("no configuration at {} (set SLUICE_CONFIGS)", file.display()));
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let seen = Arc::new(Seen::default());
    let end = Endpoint::start(Arc::clone(&seen) as Next).await;
    // The chart mounts the host at /hostfs; this machine is its own host.
    let overlay = format!(
        "receivers: {{hostmetrics: {{root_path: /}}}}\n\
         exporters: {{otlp_grpc/backend: {{endpoint: '{}', tls: {{insecure: true}}}}}}\n\
         service: {{pipelines: {{metrics: {{exporters: [debug, otlp_grpc/backend]}}}}}}\n",
        end.grpc
    );
    fs::write(folder.path().join("preset.yaml"), preset).unwrap();
    fs::write(folder.path().join("overlay.yaml"), overlay).unwrap();
    let address = own_address(90);
    let mut environment = ENVIRONMENT.to_vec();
    environment.push(("MY_POD_IP", &address));
    let arguments = ["--config", "preset.yaml", "--config", "overlay.yaml"];
    let program = Path::new(SLUICE);
    let mut sluice = Process::start_with(program, folder.path(), &arguments, &environment);
    sluice.ready().await;
    let want = [
        "system.cpu.time",
        "system.cpu.load_average.1m",
        "system.memory.usage",
        "system.network.io",
        "system.network.connections",
    ];
    let is_measured = || want.iter().all(|it| seen.names().contains(*it));
    assert!(eventually(is_measured).await, "{:?}\n{}", seen.names(), sluice.output());
    assert!(sluice.terminate().await.success(), "{}", sluice.output());
    end.stop().await;
}
