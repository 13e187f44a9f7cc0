//! Metrics of programs that speak StatsD.
//!
//! Whoever reads a socket adds its lines to what was gathered since the last interval; at its end this is sent, a request
//! for each client. Nobody is answered: StatsD has no answers.

mod config;
mod gather;
mod line;
mod series;
mod serve;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use component::meter::{Counter, Descriptor, Level};
use component::{
    BoxError, Component, Context, Host, Outputs, Received, Receiver, Settings, Signal, Stability,
    async_trait,
};
use tokio::time::{Instant, MissedTickBehavior};
use tracing::{debug, warn};

pub use config::{Config, ExplicitBucket, HistogramConfig, Mapping, SummaryConfig};

use gather::Gathered;

const RECEIVED: Descriptor = Descriptor {
    scope: "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/statsdreceiver",
    name: "otelcol_receiver_received_statsd_metrics",
    unit: "1",
    description: "Number of statsd metrics received. [Development]",
    level: Level::Basic,
};

/// The receiver.
pub struct Statsd {
    config: Config,
    out: Outputs,
    version: &'static str,
    shared: Arc<Shared>,
    received: Received,
    bound: Mutex<Option<SocketAddr>>,
}

/// What readers and the interval share.
struct Shared {
    gathered: Mutex<Gathered>,
    right: Counter,
    wrong: Counter,
}

impl Shared {
    /// Adds lines.
    fn add(&self, lines: &[u8], client: gather::Client) {
        let now = component::clock::unix_nanos();
        let text = String::from_utf8_lossy(lines);
        let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        for line in text.split('\n').filter(|it| !it.is_empty()) {
            match gathered.add(line, client, now) {
                Ok(()) => self.right.add(1),
                Err(error) => {
                    self.wrong.add(1);
                    debug!(error, "Error aggregating pmetric");
                }
            }
        }
    }

    /// Something came that is no line.
    fn dropped(&self) {
        self.wrong.add(1);
    }
}

impl Receiver for Statsd {
    type Config = Config;
    const TYPE: &'static str = "statsd";
    const SIGNALS: &'static [(Signal, Stability)] = &[(Signal::Metrics, Stability::Beta)];

    fn create(settings: Settings, config: Config, out: Outputs) -> Result<Self, BoxError> {
        let Settings { id, build, meter } = settings;
        let count = |is_right: &str| {
            meter.counter(RECEIVED, &[("receiver", id.as_str()), ("parse_success", is_right)])
        };
        let gathered = Gathered::new(&config, component::clock::unix_nanos());
        let transport = config.transport.word();
        Ok(Self {
            shared: Arc::new(Shared {
                gathered: Mutex::new(gathered),
                right: count("true"),
                wrong: count("false"),
            }),
            received: Received::new(&meter, id.as_str(), transport, Signal::Metrics),
            version: build.version,
            config,
            out,
            bound: Mutex::default(),
        })
    }
}

impl Statsd {
    /// Where it listens, once started: tells the port when the endpoint's is 0.
    pub fn bound(&self) -> Option<SocketAddr> {
        *self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what was gathered.
    async fn flush(&self) {
        let now = component::clock::unix_nanos();
        let taken = {
            let gathered = self.shared.gathered.lock();
            gathered.unwrap_or_else(PoisonError::into_inner).take(self.version, now)
        };
        for (peer, metrics) in taken {
            let client = component::Client { peer, ..component::Client::default() };
            let ctx = Context { client: Some(Arc::new(client)), ..Context::default() };
            if let Err(error) = self.received.consume(&self.out, &ctx, metrics.into()).await {
                warn!(%error, "the metrics of an interval are lost: nobody can be told to send them again");
            }
        }
    }
}

#[async_trait]
impl Component for Statsd {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let bound = serve::serve(&self.config, &self.shared, host)?;
        *self.bound.lock().unwrap_or_else(PoisonError::into_inner) = bound;
        let (receiver, stopping) = (Arc::clone(&self), host.stopping().clone());
        host.spawn(async move {
            let interval = receiver.config.aggregation_interval.std();
            let mut ticks = tokio::time::interval_at(Instant::now() + interval, interval);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            while stopping.run_until_cancelled(ticks.tick()).await.is_some() {
                receiver.flush().await;
            }
            Ok(())
        });
        Ok(())
    }

    /// What was gathered in an interval that has not ended goes on as well.
    async fn shutdown(&self) -> Result<(), BoxError> {
        self.flush().await;
        Ok(())
    }
}
