//! The receivers that run: started and stopped as endpoints come and go.
//!
//! What an endpoint wants is compared with what runs for it, so a change that makes no difference (a label that nobody reads)
//! stops nothing. One that does not start is tried again when its endpoint changes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use component::config::Value;
use component::meter::{Counter, Descriptor, Gauge, Level, OURS};
use component::{Endpoint, Endpoints, Host, InnerReceiver, Outputs, Settings, Signal};
use futures_util::future::join_all;

use crate::attributes::Attributes;
use crate::wanted::{Templates, Wanted};

/// Most receivers that run.
pub(crate) const RECEIVERS_MAX: usize = 2_000;
/// How long the end of one is waited for.
pub(crate) const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// A receiver of an endpoint; it does not run if it did not start.
struct One {
    wanted: Wanted,
    receiver: Option<InnerReceiver>,
}

/// What runs.
pub(crate) struct Running {
    pub(crate) settings: Settings,
    pub(crate) templates: Arc<Templates>,
    pub(crate) out: Outputs,
    pub(crate) host: Host,
    /// By the number of the observer: what it has found up to now.
    seen: HashMap<usize, Endpoints>,
    /// By the number of the observer and the endpoint's id.
    all: HashMap<(usize, String), Vec<One>>,
    count: Gauge,
    failures: Counter,
    /// Too many was said.
    is_full: bool,
}

impl Running {
    pub(crate) fn new(
        settings: Settings,
        templates: Arc<Templates>,
        out: Outputs,
        host: Host,
    ) -> Self {
        let what = |name, unit, description| Descriptor {
            scope: OURS,
            name,
            unit,
            description,
            level: Level::Basic,
        };
        let count =
            what("sluice_receiver_creator_receivers", "{receiver}", "Receivers that run now");
        let failures = what(
            "sluice_receiver_creator_failures_total",
            "{receiver}",
            "Receivers that were wanted for an endpoint and did not start",
        );
        let labels = [("receiver", settings.id.as_str())];
        let (count, failures) =
            (settings.meter.gauge(count, &labels), settings.meter.counter(failures, &labels));
        let (seen, all) = (HashMap::new(), HashMap::new());
        Self { templates, out, host, seen, all, count, failures, is_full: false, settings }
    }

    /// An observer has found something else than before.
    pub(crate) async fn update(&mut self, observer: usize, found: Endpoints) {
        let before = self.seen.insert(observer, Arc::clone(&found)).unwrap_or_default();
        let gone = before.keys().filter(|it| !found.contains_key(*it));
        let gone: Vec<One> = gone
            .filter_map(|id| self.all.remove(&(observer, id.clone())))
            .inspect(|_| self.is_full = false)
            .flatten()
            .collect();
        stop(gone).await;
        for (id, endpoint) in found.iter() {
            // A thousand endpoints take a while, and whoever stops the collector does not wait for them.
            if self.host.stopping().is_cancelled() {
                break;
            }
            let is_same = before.get(id).is_some_and(|it| Arc::ptr_eq(it, endpoint));
            if !is_same {
                self.change(observer, endpoint).await;
            }
        }
        self.show();
    }

    fn show(&self) {
        self.count.set(i64::try_from(self.running()).unwrap_or(i64::MAX));
    }

    fn running(&self) -> usize {
        self.all.values().flatten().filter(|it| it.receiver.is_some()).count()
    }

    async fn change(&mut self, observer: usize, endpoint: &Endpoint) {
        let (host, failures) = (&self.host, &self.failures);
        let yaml = |text: &str| host.read_yaml(text).map_err(|error| error.to_string());
        let wrong = |template: &str, error: String| {
            failures.add(1);
            tracing::error!(
                template,
                endpoint = endpoint.id,
                error,
                "no receiver can be made for this endpoint"
            );
        };
        let wanted = self.templates.wanted(endpoint, yaml, wrong);
        let key = (observer, endpoint.id.clone());
        let before = self.all.remove(&key).unwrap_or_default();
        let (stay, go): (Vec<One>, Vec<One>) =
            before.into_iter().partition(|it| it.receiver.is_some() && wanted.contains(&it.wanted));
        stop(go).await;
        let mut ones = stay;
        for wanted in wanted {
            if ones.iter().any(|it| it.wanted == wanted) {
                continue;
            }
            let room = self.running() + ones.len() < RECEIVERS_MAX;
            let receiver = if room { self.start(&wanted).await } else { self.refuse() };
            ones.push(One { wanted, receiver });
        }
        if !ones.is_empty() {
            self.all.insert(key, ones);
        }
    }

    fn refuse(&mut self) -> Option<InnerReceiver> {
        self.failures.add(1);
        if !std::mem::replace(&mut self.is_full, true) {
            tracing::error!(
                receivers_max = RECEIVERS_MAX,
                "too many receivers: narrow the rules, or set node of the observer"
            );
        }
        None
    }

    async fn start(&self, wanted: &Wanted) -> Option<InnerReceiver> {
        let (id, endpoint) = (wanted.id.as_str(), wanted.target.as_str());
        match self.try_start(wanted).await {
            Ok(it) => {
                if it.is_some() {
                    tracing::info!(name = id, endpoint, "starting receiver");
                }
                it
            }
            Err(error) => {
                self.failures.add(1);
                tracing::error!(receiver = id, endpoint, error, "failed to start receiver");
                None
            }
        }
    }

    /// `None` if no pipeline takes what it produces.
    async fn try_start(&self, wanted: &Wanted) -> Result<Option<InnerReceiver>, String> {
        let name = wanted.id.type_name();
        let like = self.host.receiver_type(name);
        let like =
            like.ok_or_else(|| format!("there is no receiver \"{name}\" in this program"))?;
        let carries = |it: &Signal| like.signals.contains(it) && self.out.wants(*it);
        let signals: Vec<Signal> = wanted.signals.iter().copied().filter(carries).collect();
        if signals.is_empty() {
            return Ok(None);
        }
        let meter = self.settings.meter.clone().as_receiver(self.settings.id.as_str());
        let settings =
            Settings { id: wanted.id.clone(), build: self.settings.build.clone(), meter };
        let attributes = Arc::new(Attributes::new(&wanted.attributes));
        let out = self.out.clone().only_signals(&signals).finished_by(attributes);
        // Not every receiver has an endpoint.
        let has_endpoint = like.keys.iter().any(|it| it == "endpoint");
        let with = has_endpoint.then(|| with_endpoint(&wanted.section, &wanted.target)).flatten();
        let section = with.as_ref().unwrap_or(&wanted.section);
        let started = self.host.start_receiver(settings, section, out).await;
        started.map(Some).map_err(|error| error.to_string())
    }

    /// Stops all.
    pub(crate) async fn end(&mut self) {
        stop(self.all.drain().flat_map(|it| it.1).collect()).await;
        self.show();
    }
}

/// The section with the target under `endpoint`, if it has none.
fn with_endpoint(section: &Value, target: &str) -> Option<Value> {
    let Value::Map(entries) = section.plain() else { return None };
    if entries.iter().any(|it| it.0 == "endpoint") {
        return None;
    }
    let mut entries = entries.clone();
    entries.push(("endpoint".to_owned(), Value::String(target.to_owned())));
    Some(Value::Map(entries))
}

/// Stops them beside each other: one that hangs does not hold up the others.
async fn stop(ones: Vec<One>) {
    join_all(ones.into_iter().map(stop_one)).await;
}

async fn stop_one(One { wanted, receiver }: One) {
    let Some(receiver) = receiver else { return };
    let name = wanted.id.as_str();
    tracing::info!(name, endpoint = wanted.target, "stopping receiver");
    match tokio::time::timeout(STOP_TIMEOUT, receiver.stop()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(name, %error, "failed to stop receiver"),
        Err(_) => {
            tracing::error!(name, "the receiver did not stop in time, and is ended");
            receiver.abort();
        }
    }
}
