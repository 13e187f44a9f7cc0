//! Any receiver, run by itself in front of any consumer: a backend for tests and for the demo.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use component::config::{self, Value};
use component::{
    BoxError, BuildInfo, Capability, Component, Host, Id, Meter, Next, Outputs, PipelineId,
    Planned, Receiver, Services, Settings, Signal, Status,
};
use tokio_util::sync::CancellationToken;

/// A receiver that runs by itself.
pub struct Backend {
    receiver: Arc<dyn Component>,
    host: Host,
}

/// It stands alone: nobody hears its reports, and it has no extensions.
struct Alone;

impl Services for Alone {
    fn report(&self, _component: &str, _status: Status) {}

    fn offers(&self, _id: &Id) -> Option<Vec<Capability>> {
        None
    }
}

impl Backend {
    /// Runs `R` with this section; every signal goes to `consumer`.
    ///
    /// # Errors
    /// The section is wrong, or the receiver does not start.
    pub async fn start<R: Receiver>(section: &Value, consumer: &Next) -> Result<Self, BoxError> {
        let read = config::check(section).map_err(|issues| format!("{}: {issues:?}", R::TYPE));
        let (section, mut found) = read?;
        let config = R::Config::plan(section, &mut found)
            .ok_or_else(|| format!("{}: {found:?}", R::TYPE))?;
        let mut pipelines: Vec<(PipelineId, Next)> = Vec::new();
        for signal in Signal::ALL {
            pipelines.push((signal.name().parse()?, Arc::clone(consumer)));
        }
        let build = BuildInfo { command: "ledger", description: "Ledger", version: "0" };
        let id: Id = R::TYPE.parse()?;
        let settings = Settings { id, build, meter: Meter::default() };
        let receiver = Arc::new(R::create(settings, config, Outputs::new(pipelines))?);
        let host = Host::new("receiver", CancellationToken::new(), Arc::new(Alone));
        Arc::clone(&receiver).start(&host).await?;
        Ok(Self { receiver, host })
    }

    /// Ends it.
    ///
    /// # Errors
    /// The receiver's own.
    pub async fn stop(self) -> Result<(), BoxError> {
        self.host.stop().await;
        self.receiver.shutdown().await
    }
}

/// A port of the loopback that was free a moment ago.
///
/// # Errors
/// There is none.
pub fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
