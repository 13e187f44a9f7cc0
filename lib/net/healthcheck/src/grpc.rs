//! `grpc.health.v1.Health`: the state of everything (service ``), of `extensions`, or of a pipeline by its id.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use component::{BoxError, GrpcStatus, Meter, clock};
use configgrpc::server::{Answers, StreamRoute, Streaming, serve_streams};
use futures_util::stream;
use rpcstatus::code;
use tokio::sync::watch;

use crate::Health;
use crate::config::GrpcConfig;
use crate::status::{Event, State};

/// `HealthCheckResponse.ServingStatus`: `SERVING`, `NOT_SERVING`, `SERVICE_UNKNOWN`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Serving {
    Yes = 1,
    No = 2,
    Unknown = 3,
}

impl Serving {
    /// `HealthCheckResponse`, whose only field is the status.
    fn message(self) -> Bytes {
        Bytes::copy_from_slice(&[0x08, self as u8])
    }
}

pub(crate) fn serve(
    config: &GrpcConfig,
    health: &Arc<Health>,
    meter: &Meter,
) -> Result<(), BoxError> {
    let route = |method, handler| StreamRoute { service: "grpc.health.v1.Health", method, handler };
    let check = Arc::new(Check(Arc::clone(health)));
    let watch = Arc::new(Watch(Arc::clone(health)));
    let routes = vec![route("Check", check as Arc<dyn Streaming>), route("Watch", watch)];
    serve_streams(&config.server, (Vec::new(), routes), (&health.host, meter))?;
    Ok(())
}

/// Answers once.
struct Check(Arc<Health>);

impl Streaming for Check {
    fn call(&self, message: Bytes) -> Answers {
        let answer = service(&message).and_then(|name| {
            let found =
                self.0.status(&name).ok_or_else(|| no(code::NOT_FOUND, "Service not found."));
            Ok(self.0.serving(&found?.event).message())
        });
        Box::pin(stream::iter([answer]))
    }
}

/// Answers at once, and then whenever the answer is another one.
struct Watch(Arc<Health>);

impl Streaming for Watch {
    fn call(&self, message: Bytes) -> Answers {
        let watched = match service(&message) {
            Ok(name) => {
                let (health, changes) = (Arc::clone(&self.0), self.0.host.changes());
                Some(Watched { health, name, changes, said: None })
            }
            Err(status) => return Box::pin(stream::iter([Err(status)])),
        };
        Box::pin(stream::unfold(watched, |watched| async move {
            let mut watched = watched?;
            match watched.next().await {
                Some(serving) => Some((Ok(serving.message()), Some(watched))),
                None => Some((Err(no(code::CANCELED, "Server shutting down.")), None)),
            }
        }))
    }
}

/// A call of `Watch`.
struct Watched {
    health: Arc<Health>,
    name: String,
    changes: watch::Receiver<()>,
    said: Option<Serving>,
}

impl Watched {
    /// The next answer; `None` when the collector stops.
    async fn next(&mut self) -> Option<Serving> {
        let stopping = self.health.host.stopping().clone();
        loop {
            self.changes.mark_unchanged();
            let (now, until) = self.now();
            if self.said != Some(now) {
                self.said = Some(now);
                return Some(now);
            }
            let over = async {
                match until {
                    Some(until) => tokio::time::sleep(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stopping.cancelled() => return None,
                changed = self.changes.changed() => {
                    if changed.is_err() {
                        stopping.cancelled().await;
                    }
                }
                () = over => {}
            }
        }
    }

    /// The answer, and how long it holds if nothing changes.
    fn now(&self) -> (Serving, Option<Duration>) {
        let Some(found) = self.health.status(&self.name) else {
            return (Serving::Unknown, None);
        };
        let now = self.health.serving(&found.event);
        // A component that recovers in time has not failed, whatever was said before.
        match self.health.recovers_within(&found.event) {
            Some(left) => (self.said.unwrap_or(now), Some(left)),
            None => (now, None),
        }
    }
}

impl Health {
    fn serving(&self, event: &Event) -> Serving {
        match event.state {
            _ if self.has_failed(event) => Serving::No,
            State::Ok | State::Recoverable | State::Permanent => Serving::Yes,
            State::None | State::Starting | State::Fatal | State::Stopping => Serving::No,
        }
    }

    /// The time that a component has left to work again before it has failed; `None` where that plays no role.
    fn recovers_within(&self, event: &Event) -> Option<Duration> {
        let rules = self.rules.as_ref().filter(|it| it.include_recoverable_errors)?;
        if event.state != State::Recoverable {
            return None;
        }
        let end = event.since.checked_add(rules.recovery_duration.std())?;
        end.duration_since(clock::now()).ok().filter(|it| !it.is_zero())
    }
}

fn no(code: i32, message: &str) -> GrpcStatus {
    GrpcStatus { code, message: message.to_owned(), encoded: Bytes::new() }
}

/// `HealthCheckRequest`, whose only field is the name of the service (1). Others are left out.
fn service(message: &[u8]) -> Result<String, GrpcStatus> {
    let wrong =
        || no(code::INTERNAL, "grpc: error unmarshalling request: it is no HealthCheckRequest");
    let (mut rest, mut name) = (message, String::new());
    while !rest.is_empty() {
        let tag = varint(&mut rest).ok_or_else(wrong)?;
        let length = match tag & 7 {
            0 => varint(&mut rest).map(|_| 0),
            1 => Some(8),
            2 => varint(&mut rest),
            5 => Some(4),
            _ => None,
        };
        let length = length.and_then(|it| usize::try_from(it).ok()).ok_or_else(wrong)?;
        let (value, behind) = rest.split_at_checked(length).ok_or_else(wrong)?;
        if tag == 0x0a {
            name = String::from_utf8(value.to_vec()).map_err(|_| wrong())?;
        }
        rest = behind;
    }
    Ok(name)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, behind) = rest.split_first()?;
        *rest = behind;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}
