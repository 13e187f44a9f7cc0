//! Connections over TCP and unix sockets, and heartbeats over UDP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use component::meter::{Counter, Descriptor, Gauge, Level};
use component::{
    BoxError, Client, Context, Data, Host, InFlight, Outputs, Received, Settings, Signal, UnderWay,
};
use confignet::{AddrConfig, Connection, Datagrams, Listener};
use pdata::LogsBuilder;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;
use tracing::{debug, warn};

use crate::event::{Event, UNPACKED_BYTES_MAX};
use crate::msgpack::Framer;

/// Most bytes of one event. Fluentd's file buffer sends 256 MiB at most by default, and the tag and the options.
const EVENT_BYTES_MAX: usize = UNPACKED_BYTES_MAX + (1 << 20);
/// How much is read at once, in bytes.
const READ_BYTES: usize = 64 * 1024;
/// Longest silence in the middle of an event. Between events a client may be silent for ever.
const SILENCE_MAX: Duration = Duration::from_mins(1);
/// How long a client may take to read its acknowledgements: its next events wait for it meanwhile.
const WRITE_MAX: Duration = Duration::from_secs(10);
/// Events that came compressed are handed on once so many of their bytes are there, however many wait behind them.
pub(crate) const BATCH_UNPACKED_BYTES: usize = 16 << 20;
/// Pause before records are offered again that nobody else has, when no other is asked for.
const OFFER_PAUSE: Duration = Duration::from_secs(1);
/// Pause after an error of the heartbeats' socket.
const ERROR_PAUSE: Duration = Duration::from_millis(100);

macro_rules! counter {
    ($name:literal, $about:literal) => {
        Descriptor {
            scope: "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/fluentforwardreceiver",
            name: concat!("otelcol_fluent_", $name),
            unit: "1",
            description: concat!("Number of ", $about, " [Development]"),
            level: Level::Basic,
        }
    };
}

/// What connections share.
pub(crate) struct Intake {
    out: Outputs,
    received: Received,
    opened: Gauge,
    closed: Gauge,
    parsed: Gauge,
    failures: Gauge,
    records: Gauge,
    in_flight: InFlight,
    no_room: Counter,
}

impl Intake {
    pub(crate) fn new(settings: &Settings, out: Outputs, host: &Host) -> Self {
        let Settings { meter, id, .. } = settings;
        // Upstream they could go down, which shows in their type.
        let counter = |what| meter.up_down(what, &[]);
        Self {
            out,
            // The transport is upstream's.
            received: Received::new(meter, id.as_str(), "http", Signal::Logs),
            opened: counter(counter!(
                "opened_connections",
                "connections opened to the fluentforward receiver"
            )),
            closed: counter(counter!(
                "closed_connections",
                "connections closed to the fluentforward receiver"
            )),
            parsed: counter(counter!("events_parsed", "Fluent events parsed successfully")),
            failures: counter(counter!(
                "parse_failures",
                "times Fluent messages failed to be decoded"
            )),
            records: counter(counter!(
                "records_generated",
                "log records generated from Fluent forward input"
            )),
            in_flight: host.in_flight().clone(),
            no_room: InFlight::refused(meter),
        }
    }
}

/// Binds the endpoint, for TCP also that of the heartbeats, and serves it until the host stops.
pub(crate) fn serve(
    address: &AddrConfig,
    intake: Intake,
    host: &Host,
) -> Result<Option<SocketAddr>, BoxError> {
    let listener = Listener::bind(address, host)?;
    let bound = listener.local_addr();
    if let Some(bound) = bound {
        let socket = Datagrams::bind(&bound.to_string(), 0, host)?;
        let stopping = host.stopping().clone();
        host.spawn(async move {
            stopping.run_until_cancelled(heartbeats(&socket)).await;
            Ok(())
        });
    }
    let (its_host, intake) = (host.clone(), Arc::new(intake));
    host.spawn(async move {
        let stopping = its_host.stopping();
        while let Some(connection) = stopping.run_until_cancelled(listener.accept()).await {
            let (intake, host) = (Arc::clone(&intake), its_host.clone());
            its_host.spawn(async move {
                intake.opened.add(1);
                serve_one(connection, &intake, &host).await;
                intake.closed.add(1);
                Ok(())
            });
        }
        Ok(())
    });
    Ok(bound)
}

/// Answers each heartbeat with its first byte.
async fn heartbeats(socket: &Datagrams) {
    let mut buffer = [0; 1];
    loop {
        let answered = match socket.receive(&mut buffer).await {
            Ok((0, _)) => Ok(()),
            Ok((_, client)) => socket.send(&buffer, client).await,
            Err(error) => Err(error),
        };
        if let Err(error) = answered {
            debug!(%error, "a heartbeat could not be answered");
            tokio::time::sleep(ERROR_PAUSE).await;
        }
    }
}

async fn serve_one(mut connection: Connection, intake: &Intake, host: &Host) {
    let peer = connection.peer();
    let client = Client { peer, ..Client::default() };
    let ctx = Context { client: Some(Arc::new(client)), ..Context::default() };
    let (mut buffer, mut under_way) = (BytesMut::new(), intake.in_flight.enter());
    let mut framer = Framer::new();
    loop {
        let read = read(&mut connection, &mut buffer);
        let Some(read) = host.stopping().run_until_cancelled(read).await else { return };
        match read {
            Ok(0) => return,
            Ok(_) => {}
            Err(why) => return debug!(?peer, why, "closing a connection"),
        }
        if !under_way.holds(buffer.len()) {
            intake.no_room.add(1);
            let why = intake.in_flight.refusal();
            return debug!(?peer, why = why.message(), "closing a connection");
        }
        loop {
            let batch = intake.batch(&mut buffer, &mut framer, &mut under_way);
            let is_last = !batch.has_more;
            let mistake = batch.mistake.clone();
            let Some(acknowledgement) = intake.deliver(&ctx, batch, host).await else { return };
            if let Err(why) = write(&mut connection, &acknowledgement).await {
                return debug!(?peer, why, "closing a connection");
            }
            if let Some(mistake) = mistake {
                return debug!(?peer, mistake, "closing a connection");
            }
            // What was unpacked has gone.
            let _ = under_way.holds(buffer.len());
            if is_last {
                break;
            }
        }
    }
}

async fn write(connection: &mut Connection, acknowledgement: &[u8]) -> Result<(), String> {
    let late = |_| format!("the client did not read its acknowledgements for {WRITE_MAX:?}");
    let written = timeout(WRITE_MAX, connection.write_all(acknowledgement)).await.map_err(late)?;
    written.map_err(|it| it.to_string())
}

async fn read(connection: &mut Connection, buffer: &mut BytesMut) -> Result<usize, String> {
    let is_between = buffer.is_empty();
    buffer.reserve(READ_BYTES);
    let read = connection.read_buf(buffer);
    let read = if is_between {
        read.await
    } else {
        let late = |_| format!("nothing came for {SILENCE_MAX:?} in the middle of an event");
        timeout(SILENCE_MAX, read).await.map_err(late)?
    };
    read.map_err(|it| it.to_string())
}

/// Events that have come, one behind the other.
struct Batch {
    data: Data,
    /// The answer to those that want one.
    acknowledgement: Vec<u8>,
    /// Some want none: nobody sends them again.
    has_forgotten: bool,
    /// What follows cannot be read.
    mistake: Option<String>,
    /// Whole events may be left in the buffer.
    has_more: bool,
}

impl Intake {
    /// Takes the whole events from the beginning of the buffer.
    fn batch(&self, buffer: &mut BytesMut, framer: &mut Framer, under_way: &mut UnderWay) -> Batch {
        let (mut builder, mut acknowledgement, mut mistake) =
            (LogsBuilder::new(), Vec::new(), None);
        let (mut has_forgotten, mut has_more) = (false, true);
        let held = buffer.len();
        let mut unpacked = 0;
        while unpacked < BATCH_UNPACKED_BYTES {
            let end = match framer.end(buffer) {
                Ok(Some(end)) => end,
                Ok(None) if buffer.len() > EVENT_BYTES_MAX => {
                    self.failures.add(1);
                    mistake = Some(format!("an event of more than {EVENT_BYTES_MAX} bytes"));
                    break;
                }
                Ok(None) => {
                    has_more = false;
                    break;
                }
                Err(error) => {
                    self.failures.add(1);
                    mistake = Some(error.to_string());
                    break;
                }
            };
            *framer = Framer::new();
            let bytes: Bytes = buffer.split_to(end).freeze();
            let mut room = |more: usize| under_way.holds(held + unpacked + more);
            let read = Event::read(&bytes, &mut room).and_then(|event| {
                event.write(&mut builder)?;
                Ok((event.chunk.to_vec(), event.records, event.unpacked_bytes()))
            });
            match read {
                Ok((chunk, records, bytes)) => {
                    self.parsed.add(1);
                    self.records.add(i64::try_from(records).unwrap_or(i64::MAX));
                    unpacked += bytes;
                    if chunk.is_empty() {
                        has_forgotten = true;
                    } else {
                        acknowledge(&chunk, &mut acknowledgement);
                    }
                }
                Err(error) => {
                    self.failures.add(1);
                    mistake = Some(error.to_string());
                    break;
                }
            }
        }
        Batch { data: builder.finish().into(), acknowledgement, has_forgotten, mistake, has_more }
    }

    /// Hands records on. `None` when they were not taken, and the client has to send them again.
    async fn deliver(&self, ctx: &Context, batch: Batch, host: &Host) -> Option<Vec<u8>> {
        let Batch { data, acknowledgement, has_forgotten, .. } = batch;
        let mut said = false;
        while data.items() > 0 {
            let Err(error) = self.received.consume(&self.out, ctx, data.clone()).await else {
                break;
            };
            if error.is_permanent() {
                warn!(%error, records = data.items(), "records are lost: they were refused for good");
                break;
            }
            if !has_forgotten {
                debug!(%error, "not acknowledging events, so that they are sent again");
                return None;
            }
            if !std::mem::replace(&mut said, true) {
                warn!(%error, "offering records again until they are taken: their client wants no acknowledgement and has forgotten them");
            }
            let pause = tokio::time::sleep(error.retry_after().unwrap_or(OFFER_PAUSE));
            if host.stopping().run_until_cancelled(pause).await.is_none() {
                warn!(
                    records = data.items(),
                    "records are lost: they were not taken until the end"
                );
                return None;
            }
        }
        Some(acknowledgement)
    }
}

/// `{"ack": chunk}`.
fn acknowledge(chunk: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"\x81\xa3ack");
    match (u8::try_from(chunk.len()), u16::try_from(chunk.len())) {
        (Ok(length @ 0..32), _) => out.push(0xa0 | length),
        (Ok(length), _) => out.extend_from_slice(&[0xd9, length]),
        (_, Ok(length)) => {
            out.push(0xda);
            out.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            out.push(0xdb);
            let length = u32::try_from(chunk.len()).unwrap_or(u32::MAX);
            out.extend_from_slice(&length.to_be_bytes());
        }
    }
    out.extend_from_slice(chunk);
}
