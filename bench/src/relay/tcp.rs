//! Bytes from socket to socket. The kernel's share of any OTLP pipeline.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use anyhow::Context as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Bytes moved at a time.
const BLOCK_BYTES: usize = 256 * 1024;

/// Relays until dropped; `forward` counts the bytes that went towards `to`.
pub async fn run(
    listener: TcpListener,
    to: SocketAddr,
    forward: Arc<AtomicU64>,
) -> anyhow::Result<()> {
    let mut connections = JoinSet::new();
    loop {
        let (near, _) = listener.accept().await.context("relay: accept")?;
        let forward = Arc::clone(&forward);
        connections.spawn(async move {
            let Ok(far) = TcpStream::connect(to).await else { return };
            // Latency is the client's business; an error here ends the connection, which both see.
            let _ = (near.set_nodelay(true), far.set_nodelay(true));
            let (near_read, near_write) = near.into_split();
            let (far_read, far_write) = far.into_split();
            let back = AtomicU64::new(0);
            let _ = tokio::join!(
                pump(near_read, far_write, &forward),
                pump(far_read, near_write, &back)
            );
        });
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    count: &AtomicU64,
) -> std::io::Result<()> {
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        let length = from.read(&mut block).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        count.fetch_add(length as u64, Relaxed);
        to.write_all(&block[..length]).await?;
    }
}
