//! An OTLP backend: our own receiver with the counting oracle behind it.

use std::sync::Arc;

use anyhow::anyhow;
use component::config::{self, Value};
use component::{
    BoxError, Component, Host, Id, Meter, Next, Outputs, Receiver, Services, Settings, Status,
    Storage,
};
use otlp_receiver::Otlp;
use testbed::{Fault, Oracle, Tally};
use tokio_util::sync::CancellationToken;

use super::node::Node;
use crate::BUILD;

/// A running backend.
pub struct Backend {
    oracle: Arc<Oracle>,
    fault: std::cell::Cell<Fault>,
    port: u16,
    receiver: Arc<Otlp>,
    host: Host,
}

/// The backend stands alone.
struct Alone;

impl Services for Alone {
    fn report(&self, _component: &str, _status: Status) {}

    fn storage(&self, _id: &Id) -> Result<Option<Arc<dyn Storage>>, BoxError> {
        Ok(None)
    }
}

impl Backend {
    /// Listens for gRPC on a free port of the loopback.
    pub async fn start() -> anyhow::Result<Self> {
        let port = free_port()?;
        let section = serde_json::json!({"protocols": {"grpc": {"endpoint": format!("127.0.0.1:{port}")}}});
        let section: Value = serde_json::from_value(section)?;
        let config = config::load(&section).map_err(|issues| anyhow!("backend: {issues:?}"))?;
        let oracle = Arc::new(Oracle::default());
        let logs = "logs".parse().map_err(|error| anyhow!("{error}"))?;
        let out = Outputs::new(vec![(logs, Arc::clone(&oracle) as Next)]);
        let id = "otlp".parse().map_err(|error| anyhow!("{error}"))?;
        let settings =
            Settings { id, signal: None, pipeline: None, build: BUILD, meter: Meter::default() };
        let receiver = Arc::new(Otlp::create(settings, config, out).map_err(|it| anyhow!(it))?);
        let host = Host::new("receiver/otlp", CancellationToken::new(), Arc::new(Alone));
        Arc::clone(&receiver).start(&host).await.map_err(|it| anyhow!(it))?;
        Ok(Self { oracle, fault: std::cell::Cell::default(), port, receiver, host })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// True when this is a change.
    pub fn set_fault(&self, fault: Fault) -> bool {
        let changed = self.fault.replace(fault) != fault;
        if changed {
            self.oracle.set_fault(fault);
        }
        changed
    }

    /// What has arrived.
    pub fn tally(&self) -> Tally {
        self.oracle.tally()
    }

    /// Lines written and not arrived.
    pub fn missing(&self, node: &Node) -> u64 {
        let pods = node.written();
        pods.map(|(writer, written)| written - self.oracle.delivered(writer)).sum()
    }

    /// Ends it.
    pub async fn stop(&self) {
        self.host.stop().await;
        // Nothing is left to flush in a receiver; the demo is over either way.
        let _ = self.receiver.shutdown().await;
    }
}

/// A port that was free a moment ago.
fn free_port() -> std::io::Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
