//! A call of `Agent` in each datagram. Nobody is answered: what is not taken is counted.
//!
//! One task reads the socket and puts datagrams into a queue, workers take them out. So a pipeline that waits
//! costs datagrams only when the queue is full, and its memory is `queue_size` times the longest datagram.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use component::meter::{Counter, Descriptor, Level, OURS};
use component::{BoxError, Context, Host, Settings};
use confignet::Datagrams;
use tokio::sync::{Mutex, mpsc};
use tracing::{debug, warn};
use wire::thrift::Protocol;

use crate::UdpConfig;
use crate::intake::Intake;
use crate::thrift::{Call, call};

/// Pause after an error of the socket.
const ERROR_PAUSE: Duration = Duration::from_millis(100);

const DROPPED: Descriptor = Descriptor {
    scope: OURS,
    level: Level::Basic,
    name: "sluice_receiver_dropped_packets",
    unit: "{packet}",
    description: "Datagrams that were not read as spans, by reason.",
};

/// What became of datagrams that gave no spans.
struct Dropped {
    too_long: Counter,
    queue_full: Counter,
    malformed: Counter,
    unknown_method: Counter,
}

impl Dropped {
    fn new(settings: &Settings, transport: &str) -> Self {
        let (meter, id) = (&settings.meter, settings.id.as_str());
        let of = |reason| {
            let labels = [("receiver", id), ("transport", transport), ("reason", reason)];
            meter.counter(DROPPED, &labels)
        };
        Self {
            too_long: of("too_long"),
            queue_full: of("queue_full"),
            malformed: of("malformed"),
            unknown_method: of("unknown_method"),
        }
    }
}

struct Shared {
    intake: Intake,
    protocol: Protocol,
    dropped: Dropped,
    queue: Mutex<mpsc::Receiver<Bytes>>,
}

/// Binds the endpoint and serves it until the host stops. Returns the address bound.
pub(crate) fn serve(
    config: &UdpConfig,
    protocol: Protocol,
    intake: Intake,
    (transport, settings): (&'static str, &Settings),
    host: &Host,
) -> Result<Option<SocketAddr>, BoxError> {
    let count = |it: i64| usize::try_from(it).unwrap_or(1).max(1);
    let buffer = usize::try_from(config.socket_buffer_size).unwrap_or(0);
    let socket = Datagrams::bind(&config.endpoint, buffer, host)?;
    let address = socket.local_addr();
    let (to, queue) = mpsc::channel(count(config.queue_size));
    let dropped = Dropped::new(settings, transport);
    let shared = Arc::new(Shared { intake, protocol, dropped, queue: Mutex::new(queue) });
    for _ in 0..count(config.workers) {
        let shared = Arc::clone(&shared);
        host.spawn(async move {
            work(&shared).await;
            Ok(())
        });
    }
    let (bytes_max, stopping) = (count(config.max_packet_size), host.stopping().clone());
    host.spawn(async move {
        stopping.run_until_cancelled(read(&socket, bytes_max, &to, &shared.dropped)).await;
        Ok(())
    });
    Ok(address)
}

/// Moves datagrams from the socket to the queue. The end of the queue's sender is the end of the workers.
async fn read(socket: &Datagrams, bytes_max: usize, to: &mpsc::Sender<Bytes>, dropped: &Dropped) {
    // One more, so that a longer one shows.
    let mut buffer = vec![0; bytes_max + 1];
    loop {
        let length = match socket.receive(&mut buffer).await {
            Ok((length, _)) => length,
            Err(error) => {
                warn!(%error, "a datagram could not be read; going on with the next");
                tokio::time::sleep(ERROR_PAUSE).await;
                continue;
            }
        };
        let Some(datagram) = buffer.get(..length).filter(|_| length <= bytes_max) else {
            dropped.too_long.add(1);
            continue;
        };
        if to.try_send(Bytes::copy_from_slice(datagram)).is_err() {
            dropped.queue_full.add(1);
        }
    }
}

async fn work(shared: &Shared) {
    loop {
        let next = shared.queue.lock().await.recv().await;
        let Some(datagram) = next else { return };
        match call(shared.protocol, &datagram) {
            Ok(Call::Spans(traces)) => {
                drop(datagram);
                if let Err(error) = shared.intake.consume(&Context::default(), traces).await {
                    warn!(%error, "spans of a datagram are lost: nobody can be told to send them again");
                }
            }
            Ok(Call::Unknown(method)) => {
                debug!(method, "a datagram calls a method that is not known");
                shared.dropped.unknown_method.add(1);
            }
            Err(error) => {
                debug!(%error, "a datagram is not what the protocol says");
                shared.dropped.malformed.add(1);
            }
        }
    }
}
