//! The backends, and who gets what.
//!
//! Each backend has what an exporter has: a queue, retries and a connection. So one that is dead holds up nobody else. When
//! the resolver no longer names a backend, what waits for it goes to those that are left, by the same key.

use std::sync::{Arc, PoisonError, RwLock, Weak};

use async_trait::async_trait;
use component::meter::{Counter, Descriptor, Gauge, Histogram, Level};
use component::{
    Component as _, ConsumeError, Consumer, Context, Data, Delivery, ExporterSettings, Host, Meter,
    Next,
};
use configgrpc::client::ClientConfig;
use exporterhelper::{Helper, in_front_of};
use otlpgrpc::Sender;
use tokio::time::Instant;

use crate::keys::Key;
use crate::ring::Ring;

/// Where backends listen if nothing else is said.
const PORT: &str = "4317";
/// Bounds of latencies, in milliseconds: those of upstream's view.
const LATENCY_BOUNDS: &[f64] =
    &[5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0];

const fn descriptor(
    name: &'static str,
    description: &'static str,
    unit: &'static str,
) -> Descriptor {
    let scope =
        "github.com/open-telemetry/opentelemetry-collector-contrib/exporter/loadbalancingexporter";
    Descriptor { name, description, unit, scope, level: Level::Basic }
}

const LATENCY: Descriptor = descriptor(
    "otelcol_loadbalancer_backend_latency",
    "Response latency in ms for the backends. [Development]",
    "ms",
);
const OUTCOME: Descriptor = descriptor(
    "otelcol_loadbalancer_backend_outcome",
    "Number of successes and failures for each endpoint. [Development]",
    "{outcomes}",
);
const BACKENDS: Descriptor = descriptor(
    "otelcol_loadbalancer_num_backends",
    "Current number of backends in use. [Development]",
    "{backends}",
);
const UPDATES: Descriptor = descriptor(
    "otelcol_loadbalancer_num_backend_updates",
    "Number of times the list of backends was updated. [Development]",
    "{updates}",
);

/// A backend that is in use.
struct Backend {
    /// As the resolver names it: its places on the ring come from this.
    name: String,
    helper: Arc<Helper>,
    way: Arc<Way>,
}

/// The last step to a backend, and what is measured there.
struct Way {
    sender: Arc<Sender>,
    latency: Histogram,
    succeeded: Counter,
    failed: Counter,
}

#[async_trait]
impl Consumer for Way {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let begun = Instant::now();
        let result = self.sender.consume(ctx, data).await;
        self.latency.record(begun.elapsed().as_secs_f64() * 1e3);
        let outcome = if result.is_ok() { &self.succeeded } else { &self.failed };
        outcome.add(1);
        result
    }
}

#[derive(Default)]
struct Backends {
    ring: Ring,
    all: Vec<Arc<Backend>>,
}

/// Who gets what.
pub(crate) struct Balancer {
    settings: ExporterSettings,
    client: ClientConfig,
    /// Of each backend.
    delivery: Delivery,
    key: Key,
    resolver: &'static str,
    backends: RwLock<Arc<Backends>>,
    count: Gauge,
    updates: Counter,
    itself: Weak<Self>,
}

impl Balancer {
    pub(crate) fn new(
        settings: ExporterSettings,
        (client, delivery): (ClientConfig, Delivery),
        key: Key,
        resolver: &'static str,
    ) -> Arc<Self> {
        let labels = [("resolver", resolver)];
        let (count, updates) =
            (settings.meter.gauge(BACKENDS, &labels), settings.meter.counter(UPDATES, &labels));
        Arc::new_cyclic(|itself| Self {
            settings,
            client,
            delivery,
            key,
            resolver,
            backends: RwLock::default(),
            count,
            updates,
            itself: itself.clone(),
        })
    }

    pub(crate) fn meter(&self) -> &Meter {
        &self.settings.meter
    }

    pub(crate) fn resolver(&self) -> &'static str {
        self.resolver
    }

    fn backends(&self) -> Arc<Backends> {
        Arc::clone(&self.backends.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on these are the backends, in the order of their names. Those that stay keep their queue and connection.
    pub(crate) async fn update(&self, names: Vec<String>, host: &Host) {
        let before = self.backends();
        if before.all.iter().map(|it| &it.name).eq(&names) {
            return;
        }
        let mut all = Vec::with_capacity(names.len());
        for name in names {
            match before.all.iter().find(|it| it.name == name) {
                Some(known) => all.push(Arc::clone(known)),
                None => match self.open(&name, host).await {
                    Ok(backend) => all.push(Arc::new(backend)),
                    Err(error) => {
                        tracing::error!(endpoint = name, %error, "a backend cannot be used")
                    }
                },
            }
        }
        let ring = Ring::new(all.iter().map(|it| it.name.as_str()));
        tracing::info!(
            backends = all.len(),
            resolver = self.resolver,
            "the list of backends has changed"
        );
        self.count.set(i64::try_from(all.len()).unwrap_or(i64::MAX));
        self.updates.add(1);
        let gone: Vec<Arc<Backend>> = before
            .all
            .iter()
            .filter(|it| !all.iter().any(|new| Arc::ptr_eq(it, new)))
            .cloned()
            .collect();
        *self.backends.write().unwrap_or_else(PoisonError::into_inner) =
            Arc::new(Backends { ring, all });
        for backend in gone {
            self.retire(&backend, host);
        }
    }

    async fn open(&self, name: &str, host: &Host) -> Result<Backend, component::BoxError> {
        let endpoint = if name.contains(':') { name.to_owned() } else { format!("{name}:{PORT}") };
        let id = format!("otlp_grpc/{}_{endpoint}", self.settings.id).parse()?;
        let settings = ExporterSettings { id, ..self.settings.clone() };
        let client = ClientConfig { endpoint: endpoint.clone(), ..self.client.clone() };
        let timeout = self.delivery.timeout.std();
        let sender = Arc::new(Sender::new(settings.clone(), client, timeout));
        Arc::clone(&sender).start(host).await?;
        let meter = &self.settings.meter;
        let outcome = |success: &str| {
            meter.counter(OUTCOME, &[("endpoint", &endpoint), ("success", success)])
        };
        let way = Arc::new(Way {
            sender,
            latency: meter.histogram(LATENCY, LATENCY_BOUNDS, &[("endpoint", &endpoint)]),
            succeeded: outcome("true"),
            failed: outcome("false"),
        });
        let helper = in_front_of(&settings, self.delivery.clone(), Arc::clone(&way) as Next);
        Arc::clone(&helper).start(host).await?;
        Ok(Backend { name: name.to_owned(), helper, way })
    }

    /// What waits for a backend that is no longer named goes to the others; then it is closed.
    fn retire(&self, backend: &Arc<Backend>, host: &Host) {
        if let Some(itself) = self.itself.upgrade() {
            backend.helper.replace(itself);
        }
        let (backend, stopping) = (Arc::clone(backend), host.stopping().clone());
        host.spawn(async move {
            let _: Option<()> = stopping.run_until_cancelled(backend.helper.idle()).await;
            backend.close().await;
            Ok(())
        });
    }

    /// Closes all of them. What no worker could send within the grace is counted as lost by the helpers.
    pub(crate) async fn close(&self) {
        for backend in &self.backends().all {
            backend.close().await;
        }
    }
}

impl Backend {
    async fn close(&self) {
        for result in [self.helper.shutdown().await, self.way.sender.shutdown().await] {
            if let Err(error) = result {
                tracing::warn!(endpoint = self.name, %error, "a backend could not be closed");
            }
        }
    }
}

#[async_trait]
impl Consumer for Balancer {
    /// All parts are sent at the same time. What some backends have taken is sent to them again when others have not, and
    /// somebody waits for all: a copy is better than a loss.
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let backends = self.backends();
        if backends.all.is_empty() {
            return Err(ConsumeError::retryable(
                "no backend is known: the resolver has found none yet",
            ));
        }
        let (mut identifier, mut turn) = (Vec::new(), fastrand::u64(..));
        let parts = data.partition(self.key.depth(), |place| {
            turn = turn.wrapping_add(1);
            self.key.identify(place, turn, &mut identifier);
            backends.ring.find(&identifier).unwrap_or_default()
        });
        let sends = parts.into_iter().filter_map(|(at, part)| {
            let backend = backends.all.get(at)?;
            Some(backend.helper.consume(ctx, part))
        });
        let results = futures_util::future::join_all(sends).await;
        // An error that passes says that trying again can help, which is so if any part may arrive then.
        let (mut kept, mut refused) = (None, None);
        for error in results.into_iter().filter_map(Result::err) {
            if error.is_permanent() { refused = Some(error) } else { kept = Some(error) }
        }
        kept.or(refused).map_or(Ok(()), Err)
    }
}
