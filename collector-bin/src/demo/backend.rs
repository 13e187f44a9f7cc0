//! An OTLP backend: our own receiver with the counting oracle behind it.

use std::cell::Cell;
use std::sync::Arc;

use anyhow::anyhow;
use component::Next;
use ledger::{Fault, Oracle, Tally, free_port};
use otlp_receiver::Otlp;

use super::node::Node;

/// A running backend.
pub struct Backend {
    oracle: Arc<Oracle>,
    fault: Cell<Fault>,
    port: u16,
    server: ledger::Backend,
}

impl Backend {
    /// Listens for gRPC on a free port of the loopback.
    pub async fn start() -> anyhow::Result<Self> {
        let port = free_port()?;
        let endpoint = format!("127.0.0.1:{port}");
        let section = serde_json::json!({"protocols": {"grpc": {"endpoint": endpoint}}});
        let oracle = Arc::new(Oracle::default());
        let consumer = Arc::clone(&oracle) as Next;
        let section = serde_json::from_value(section)?;
        let server = ledger::Backend::start::<Otlp>(&section, &consumer).await;
        let server = server.map_err(|error| anyhow!("backend: {error}"))?;
        Ok(Self { oracle, fault: Cell::default(), port, server })
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
    pub async fn stop(self) {
        // Nothing is left to flush in a receiver; the demo is over either way.
        let _ = self.server.stop().await;
    }
}
