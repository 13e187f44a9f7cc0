//! The floor: a bare `h2` relay. It moves the frames of each request and of each answer and looks at
//! nothing.

use std::net::SocketAddr;

use anyhow::Context as _;
use bytes::Bytes;
use h2::{RecvStream, SendStream, client, server};
use http::{Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Windows as large as the collector's own, so that flow control is not what is compared.
const WINDOW_BYTES: u32 = 16 << 20;
const FRAME_BYTES: u32 = 1 << 20;

/// Relays until killed.
pub async fn run(listen: SocketAddr, to: SocketAddr) -> anyhow::Result<()> {
    let listener = TcpListener::bind(listen).await.context("relay: listen")?;
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        connections.spawn(async move {
            if let Err(error) = connection(stream, to).await {
                eprintln!("relay: {error:#}");
            }
        });
    }
}

async fn connection(stream: TcpStream, to: SocketAddr) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut inbound = server::Builder::new()
        .initial_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_frame_size(FRAME_BYTES)
        .handshake::<_, Bytes>(stream)
        .await?;
    let outbound = TcpStream::connect(to).await?;
    outbound.set_nodelay(true)?;
    let (sender, driver) = client::Builder::new()
        .initial_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_frame_size(FRAME_BYTES)
        .handshake::<_, Bytes>(outbound)
        .await?;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        // The end of a connection is not news.
        let _ = driver.await;
    });
    while let Some(request) = inbound.accept().await {
        let (request, respond) = request?;
        let sender = sender.clone();
        tasks.spawn(async move {
            if let Err(error) = exchange(request, respond, sender).await {
                eprintln!("relay: {error:#}");
            }
        });
    }
    Ok(())
}

async fn exchange(
    request: Request<RecvStream>,
    mut respond: server::SendResponse<Bytes>,
    sender: client::SendRequest<Bytes>,
) -> anyhow::Result<()> {
    let (head, body) = request.into_parts();
    let mut sender = sender.ready().await?;
    let (response, out) = sender.send_request(Request::from_parts(head, ()), false)?;
    pump(body, out).await?;
    let (head, body) = response.await?.into_parts();
    let out = respond.send_response(Response::from_parts(head, ()), false)?;
    pump(body, out).await
}

/// Moves data and trailers.
async fn pump(mut from: RecvStream, mut to: SendStream<Bytes>) -> anyhow::Result<()> {
    while let Some(data) = from.data().await {
        let mut data = data?;
        from.flow_control().release_capacity(data.len())?;
        while !data.is_empty() {
            to.reserve_capacity(data.len());
            let room =
                std::future::poll_fn(|cx| to.poll_capacity(cx)).await.context("closed")??;
            let part = data.split_to(room.min(data.len()));
            // The end travels with the last data, as it came.
            let end = data.is_empty() && from.is_end_stream();
            to.send_data(part, end)?;
            if end {
                return Ok(());
            }
        }
    }
    match from.trailers().await? {
        Some(trailers) => to.send_trailers(trailers)?,
        None => to.send_data(Bytes::new(), true)?,
    }
    Ok(())
}
