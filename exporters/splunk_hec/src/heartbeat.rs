//! Events in the index `_internal` which say that this collector lives. `heartbeat.go`, v0.149.

use component::meter::{Counter, Descriptor, Level};
use component::{Context, Data, Host};
use machine::Machine;
use pdata::LogsBuilder;
use tracing::warn;

use crate::SplunkHec;

macro_rules! heartbeats {
    ($name:literal) => {
        Descriptor {
            scope: "github.com/open-telemetry/opentelemetry-collector-contrib/exporter/splunkhecexporter",
            level: Level::Basic,
            name: concat!("otelcol_exporter_splunkhec_heartbeats_", $name),
            unit: "1",
            description: concat!("number of heartbeats ", $name),
        }
    };
}

/// Whose heartbeats they are. Read once: a file is not for asynchronous code, and the kernel's name for the machine stays.
pub(crate) async fn host_name() -> String {
    let name = tokio::task::spawn_blocking(|| Machine::below("/").host_name());
    name.await.ok().flatten().unwrap_or_else(|| "unknownhost".to_owned())
}

impl SplunkHec {
    /// Sends heartbeats until the host stops.
    pub(crate) async fn beat(&self, host: &Host, host_name: &str) {
        let [sent, failed] = self.counters();
        let interval = self.config.heartbeat.interval.std();
        let work = async {
            loop {
                tokio::time::sleep(interval).await;
                let result = self.send(&Context::default(), &self.heartbeat(host_name)).await;
                match &result {
                    Ok(()) => sent.add(1),
                    Err(error) => {
                        failed.add(1);
                        warn!(%error, "a heartbeat could not be sent");
                    }
                }
            }
        };
        let _: Option<()> = host.stopping().run_until_cancelled(work).await;
    }

    fn counters(&self) -> [Counter; 2] {
        let telemetry = &self.config.telemetry;
        if !telemetry.enabled {
            return Default::default();
        }
        let labels = telemetry.extra_attributes.iter().map(|it| (it.0.as_str(), it.1.as_str()));
        let labels: Vec<_> = labels.collect();
        [heartbeats!("sent"), heartbeats!("failed")]
            .map(|it| self.settings.meter.counter(it, &labels))
    }

    pub(crate) fn heartbeat(&self, host_name: &str) -> Data {
        let (names, build) = (self.config.metadata(), &self.settings.build);
        let mut builder = LogsBuilder::new();
        builder.resource(|it| {
            it.put(&names.index, "_internal");
            it.put(&names.source, "otelcol");
            it.put(&names.sourcetype, "heartbeat");
            it.put(&names.host, host_name);
        });
        let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
        let text = format!(
            "HeartbeatInfo version={} description={} os={os} arch={arch}",
            build.version, build.description
        );
        builder.record(|record| {
            record.time_unix_nano(component::clock::unix_nanos());
            record.body(&text);
        });
        builder.finish().into()
    }
}
