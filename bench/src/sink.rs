//! Where the program under test sends to: counts, and fails as the row says.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{anyhow, bail};
use component::Next;
use componenttest::Authority;
use ledger::{Backend, Fault, Oracle, free_port};
use otlp_receiver::Otlp;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::push::{self, Kind};
use crate::relay::tcp;
use crate::table::{FaultPlan, Output};
use crate::{loki, remote_write};

/// Largest request that it takes.
const REQUEST_MIB_MAX: u64 = 1024;

/// A sink that listens on one port.
pub struct Sink {
    pub port: u16,
    pub oracle: Arc<Oracle>,
    /// Bytes that came, when they are counted.
    pub wire: Arc<AtomicU64>,
    backend: Option<Backend>,
    tasks: JoinSet<()>,
}

impl Sink {
    /// With `certificates` it speaks TLS.
    pub async fn start(
        output: Output,
        count_bytes: bool,
        certificates: Option<&Authority>,
    ) -> anyhow::Result<Self> {
        let oracle = Arc::new(Oracle::default());
        let wire = Arc::new(AtomicU64::new(0));
        let mut tasks = JoinSet::new();
        let mut port = free_port()?;
        let backend = match output {
            Output::Lines => {
                let listener = TcpListener::bind(("127.0.0.1", port)).await?;
                tasks.spawn(lines(listener, Arc::clone(&oracle)));
                None
            }
            Output::Loki | Output::RemoteWrite => {
                let kind: Kind =
                    if output == Output::Loki { loki::KIND } else { remote_write::KIND };
                let listener = TcpListener::bind(("127.0.0.1", port)).await?;
                tasks.spawn(push::run(kind, listener, Arc::clone(&oracle)));
                None
            }
            Output::Grpc | Output::Http => Some(otlp(output, port, &oracle, certificates).await?),
        };
        if count_bytes {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
            let to = SocketAddr::from(([127, 0, 0, 1], port));
            port = listener.local_addr()?.port();
            let relay = tcp::run(listener, to, Arc::clone(&wire));
            tasks.spawn(async move { drop(relay.await) });
        }
        Ok(Self { port, oracle, wire, backend, tasks })
    }

    /// From now on the sink fails as the plan says.
    pub fn plan(&mut self, plan: &FaultPlan) -> anyhow::Result<()> {
        let fault = match plan.kind.as_str() {
            "503" => Fault::Dead,
            "429" => Fault::Busy,
            "400" => Fault::Malformed,
            "500" => Fault::Reject,
            "hang" => Fault::Hang,
            "slow" => Fault::Slow(Duration::from_millis(plan.delay_ms)),
            "lose-answer" => Fault::LoseAnswer,
            other => bail!("no sink fails by {other:?}"),
        };
        let (after, time) = (plan.after_seconds, plan.for_seconds);
        let oracle = Arc::clone(&self.oracle);
        if after <= 0.0 {
            oracle.set_fault(fault);
        }
        self.tasks.spawn(async move {
            tokio::time::sleep(Duration::from_secs_f64(after)).await;
            oracle.set_fault(fault);
            if time > 0.0 {
                tokio::time::sleep(Duration::from_secs_f64(time)).await;
                oracle.set_fault(Fault::None);
            }
        });
        Ok(())
    }

    pub fn wire_bytes(&self) -> u64 {
        self.wire.load(Relaxed)
    }

    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.tasks.shutdown().await;
        match self.backend {
            Some(backend) => backend.stop().await.map_err(|error| anyhow!(error)),
            None => Ok(()),
        }
    }
}

async fn otlp(
    output: Output,
    port: u16,
    oracle: &Arc<Oracle>,
    certificates: Option<&Authority>,
) -> anyhow::Result<Backend> {
    let endpoint = format!("127.0.0.1:{port}");
    let (protocol, mut server) = match output {
        Output::Http => (
            "http",
            serde_json::json!({"endpoint": endpoint, "max_request_body_size": REQUEST_MIB_MAX << 20}),
        ),
        _ => (
            "grpc",
            serde_json::json!({"endpoint": endpoint, "max_recv_msg_size_mib": REQUEST_MIB_MAX}),
        ),
    };
    if let Some(authority) = certificates {
        server["tls"] = serde_json::json!({"cert_file": authority.path("server.pem"),
            "key_file": authority.path("server.key")});
    }
    let section = serde_json::json!({"protocols": {protocol: server}});
    let section = serde_json::from_value(section)?;
    let consumer = Arc::clone(oracle) as Next;
    Backend::start::<Otlp>(&section, &consumer).await.map_err(|error| anyhow!(error))
}

async fn lines(listener: TcpListener, oracle: Arc<Oracle>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let oracle = Arc::clone(&oracle);
        connections.spawn(async move {
            let mut lines = BufReader::with_capacity(256 * 1024, stream).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                loki::count_line(&oracle, &line);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use ledger::Line;
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[tokio::test]
    async fn a_line_over_tcp_is_counted_also_inside_of_json() {
        let sink = Sink::start(Output::Lines, true, None).await.unwrap();
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", sink.port)).await.unwrap();
        let line = |seq| Line::now(1, seq).text(10);
        let text = format!("x stdout F {{\"ledger\":\"{}\"}}\n{}\n", line(0), line(1));
        stream.write_all(text.as_bytes()).await.unwrap();
        while sink.oracle.tally().delivered < 2 {
            tokio::task::yield_now().await;
        }
        assert_eq!((sink.oracle.tally().torn, sink.wire_bytes()), (0, text.len() as u64));
        sink.stop().await.unwrap();
    }
}
