//! Files when there is little of something: memory, descriptors, a backend.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use component::{ConsumeError, Consumer, Context, Data, async_trait};
use pdata::{ResourceLogs, ValueRef};

use crate::support::{Endpoint, Process, SLUICE, eventually};

const TELEMETRY: &str = "{metrics: {level: none}}";

/// A backend that counts records by the length of their body.
#[derive(Default)]
struct Lengths(Mutex<BTreeMap<usize, usize>>);

impl Lengths {
    fn get(&self) -> BTreeMap<usize, usize> {
        self.0.lock().unwrap().clone()
    }
}

#[async_trait]
impl Consumer for Lengths {
    async fn consume(&self, _: &Context, data: Data) -> Result<(), ConsumeError> {
        let logs = data.into_logs().unwrap();
        let mut all = self.0.lock().unwrap();
        for record in logs.resources().flat_map(ResourceLogs::records) {
            let Some(ValueRef::Str(text)) = record.body() else { continue };
            *all.entry(text.len()).or_default() += 1;
        }
        Ok(())
    }
}

/// Files, and how much memory it may take to read them.
const FILES: usize = 300;
/// Of the text without an end in each.
const LONG_BYTES: usize = 1_000_000;
/// What is in flight (16 MiB), what operators hold back (16 MiB), and what a request of these is on its way.
const RESIDENT_BYTES_MAX: u64 = 256 << 20;

/// Reads what `write` makes: each file has to become one record, in little memory.
async fn unfinished(write: fn(&Path), operators: &str) {
    let folder = tempfile::tempdir().unwrap();
    // Its own log is in the folder above.
    let logs = folder.path().join("logs");
    std::fs::create_dir(&logs).unwrap();
    (0..FILES).for_each(|n| write(&logs.join(format!("{n}.log"))));
    let arrived = Arc::new(Lengths::default());
    let backend = Endpoint::start(Arc::clone(&arrived) as _).await;
    let yaml = format!(
        "receivers:
  file_log:
    {{include: ['{}/*.log'], start_at: beginning, include_file_path: true, operators: {operators}}}
exporters: {{otlp_grpc: {{endpoint: {}, tls: {{insecure: true}}}}}}
service:
  telemetry: {TELEMETRY}
  pipelines: {{logs: {{receivers: [file_log], exporters: [otlp_grpc]}}}}
",
        logs.display(),
        backend.grpc
    );
    let mut sluice = Process::collector(SLUICE.as_ref(), folder.path(), &yaml);
    eventually(|| arrived.get().values().sum::<usize>() >= FILES).await;
    let peak = sluice.usage().resident_peak_bytes;
    println!("{FILES} records of {LONG_BYTES} bytes without an end: {peak} bytes resident");
    assert!(sluice.terminate().await.success(), "{}", sluice.output());
    assert_eq!(arrived.get(), BTreeMap::from([(LONG_BYTES, FILES)]));
    assert!(peak < RESIDENT_BYTES_MAX, "{peak} bytes resident");
    backend.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_without_an_end_in_many_files_are_one_record_each_in_little_memory() {
    unfinished(|path| std::fs::write(path, "x".repeat(LONG_BYTES)).unwrap(), "[]").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_of_container_lines_without_the_last_are_one_record_each_in_little_memory() {
    let parts = |path: &Path| {
        let part = format!("2026-11-30T09:00:00.000000001Z stdout P {}\n", "x".repeat(10_000));
        std::fs::write(path, part.repeat(LONG_BYTES / 10_000)).unwrap();
    };
    unfinished(parts, "[{type: container, add_metadata_from_filepath: false}]").await;
}
