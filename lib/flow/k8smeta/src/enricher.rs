//! What components do that add metadata of pods: they find the pod of each resource, wait a little for one that is not known yet,
//! and add what is known.

use std::cell::LazyCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use component::config::Need;
use component::meter::{Counter, Descriptor, Level, OURS};
use component::{
    BoxError, BuildInfo, Data, Finish, Host, Meter, Phase, Problems, Signal, async_trait,
};
use kube::Client;
use pdata::{
    Depth, Field, Keep, LogRecord, Metric, PointRef, ResourceMetrics, ResourceSpans, Span,
};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::finder::{Finder, text};
use crate::hold::Hold;
use crate::identity::Key;
use crate::meter::Formats;
use crate::origin::Origin;
use crate::path;
use crate::pod::Pod;
use crate::rules::{Conventions, Rules};
use crate::section::{Config, KubeletConfig, RuntimeConfig};
use crate::view::{Filter, Servers, View, Waiting};

const EMIT_NEW: &str = "processor.k8sattributes.EmitV1K8sConventions";
const OMIT_OLD: &str = "processor.k8sattributes.DontEmitV0K8sConventions";
const NEW_METRICS: &str = "processor.k8sattributes.telemetry.enableNewFormatMetrics";
const NO_OLD_METRICS: &str = "processor.k8sattributes.telemetry.disableOldFormatMetrics";

/// Most pods that one call waits for; what it brings of others goes on with it.
const MISSING_MAX: usize = 100;

/// A section, worked out: what all who use it share. What is known of pods is known once.
pub struct Plan {
    config: Config,
    rules: Rules,
    filter: Filter,
    /// Made by the first that starts.
    view: OnceCell<View>,
    hold: Hold,
}

impl Plan {
    /// Works out a section, or says what is wrong.
    pub fn new(config: Config, found: &mut Problems) -> Option<Self> {
        let rules = config.rules(found)?;
        let (filter, hold) = (config.selectors(), Hold::new(config.metadata_timeout.std()));
        Some(Self { config, rules, filter, view: OnceCell::new(), hold })
    }

    /// What has to be allowed, and by which key it is wanted.
    pub fn needs(&self) -> Vec<(&'static str, Need)> {
        if self.config.passthrough {
            return Vec::new();
        }
        let rights = View::rights(&self.rules, &self.filter).into_iter();
        let rights = rights.map(|it| ("auth_type", Need::Right(it)));
        let kubelet = self.kubelet().as_ref().and_then(KubeletConfig::need);
        rights.chain(kubelet.map(|it| ("kubelet", it))).collect()
    }

    fn kubelet(&self) -> Option<KubeletConfig> {
        let asked = self.config.asks("kubelet");
        asked.then(|| self.config.kubelet.clone().unwrap_or_default())
    }

    fn runtime(&self) -> Option<RuntimeConfig> {
        let asked = self.config.asks("cri");
        asked.then(|| self.config.cri.clone().unwrap_or_default())
    }

    async fn servers(&self, agent: &str) -> Result<Servers, String> {
        let mut servers = Servers::default();
        if View::asks_server(&self.rules, &self.filter) {
            servers.api = Some(Client::new(&self.config.api, agent).await?);
        }
        if let Some(it) = self.kubelet() {
            servers.kubelet = Some((it.client(agent).await?, it.interval.std()));
        }
        if let Some(it) = self.runtime() {
            servers.runtime = Some((it.client()?, it.interval.std()));
        }
        Ok(servers)
    }

    async fn view(
        &self,
        conventions: Conventions,
        formats: Formats,
        build: &BuildInfo,
        meter: &Meter,
    ) -> Result<&View, BoxError> {
        let make = || async {
            let rules = Rules { conventions, ..self.rules.clone() };
            let grace = self.config.pod_delete_grace_period.std();
            let servers = self.servers(&build.user_agent()).await?;
            Ok::<_, String>(View::new(servers, rules, &self.filter, grace, (meter, formats)))
        };
        Ok(self.view.get_or_try_init(make).await?)
    }
}

/// What the feature gates ask for.
///
/// # Errors
/// They ask for no names at all.
fn gates(host: &Host) -> Result<(Conventions, Formats), String> {
    let gates = host.view().gates;
    let is_on = |id: &str| gates.iter().any(|it| it.id == id && it.is_on);
    let conventions = Conventions { old: !is_on(OMIT_OLD), new: is_on(EMIT_NEW) };
    if !conventions.old && !conventions.new {
        return Err(format!("{OMIT_OLD} cannot be enabled without enabling {EMIT_NEW}"));
    }
    Ok((conventions, Formats { old: !is_on(NO_OLD_METRICS), new: is_on(NEW_METRICS) }))
}

/// Adds metadata to the telemetry of one signal.
pub struct Enricher {
    plan: Arc<Plan>,
    finder: Finder,
    /// For each way to find a pod: found, and not found.
    associated: Vec<[Counter; 2]>,
    /// Resources by who has had the last word on their pod: the sources, the path of the log file, nobody.
    sources: [Counter; Origin::ALL.len() + 2],
    held: Counter,
    unknown: Counter,
}

/// What happened to the resources of one payload.
#[derive(Default)]
struct Pass {
    /// Pods that are not known, and are worth waiting for, with how many resources are of each.
    missing: HashMap<Key, u64>,
    /// Of each resource: the way, whether a pod was found, and the source.
    resources: Vec<(usize, bool, usize)>,
}

/// Which look at a payload it is. A pod that is not known counts once as missed, before the wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// There is no other.
    Once,
    /// There is another one if it is worth waiting for a pod.
    First,
    /// The one after the wait.
    Again,
}

impl Enricher {
    /// For telemetry of one signal.
    pub fn new(plan: Arc<Plan>, meter: &Meter, signal: Signal) -> Self {
        let finder = Finder::new(&plan.rules, plan.config.passthrough);
        let associated = finder.ways().map(|way| {
            ["success", "error"].map(|status| {
                let labels = [
                    ("otelcol.signal", signal.name()),
                    ("pod_identifier", &*way),
                    ("status", status),
                ];
                meter.counter(ASSOCIATED, &labels)
            })
        });
        let [a, b, c] = Origin::ALL.map(Origin::name);
        let sources =
            [a, b, c, "path", "none"].map(|name| meter.counter(SOURCES, &[("source", name)]));
        Self {
            associated: associated.collect(),
            finder,
            sources,
            held: meter.counter(HELD, &[]),
            unknown: meter.counter(UNKNOWN, &[]),
            plan,
        }
    }

    /// Asks for pods while the component runs.
    ///
    /// # Errors
    /// A server or its credentials are not known; or not all pods are known in time, where that is asked for.
    pub async fn start(
        &self,
        host: &Host,
        build: &BuildInfo,
        meter: &Meter,
    ) -> Result<(), BoxError> {
        let config = &self.plan.config;
        let (conventions, formats) = gates(host)?;
        if config.passthrough {
            return Ok(());
        }
        let view = self.plan.view(conventions, formats, build, meter).await?;
        view.serve(host);
        self.release_at_end(host);
        if config.wait_for_metadata {
            view.wait(Waiting(config.wait_for_metadata_timeout.std())).await?;
        } else if config.extract.metadata.is_empty() && self.plan.rules.fields.is_empty() {
            tracing::warn!(
                "nothing is extracted: extract.metadata is an empty list, and there are no rules"
            );
        }
        Ok(())
    }

    /// The shut-down does not wait for pods. It begins at the receivers, long before this component is told to stop.
    fn release_at_end(&self, host: &Host) {
        let (plan, own) = (Arc::clone(&self.plan), host.clone());
        host.spawn(async move {
            let mut changes = own.changes();
            while own.view().phase != Phase::Stopping {
                tokio::select! {
                    () = own.stopping().cancelled() => return Ok(()),
                    changed = changes.changed() => if changed.is_err() {
                        own.stopping().cancelled().await;
                        return Ok(());
                    }
                }
            }
            plan.hold.released.cancel();
            Ok(())
        });
    }

    /// Adds what is known now. Nothing waits.
    pub fn add(&self, peer: Option<&str>, data: &Data) -> Data {
        self.look(peer, data, Look::Once)
    }

    fn look(&self, peer: Option<&str>, data: &Data, look: Look) -> Data {
        let (after, pass) = self.pass(peer, data, look);
        self.count(&pass);
        after
    }

    /// Adds what is known, or comes to be known in time.
    pub async fn enrich(&self, peer: Option<&str>, data: Data) -> Data {
        let (after, pass) = self.pass(peer, &data, Look::First);
        let Some(view) = self.plan.view.get().filter(|_| !pass.missing.is_empty()) else {
            self.count(&pass);
            return after;
        };
        drop(after);
        view.missed(pass.missing.values().sum(), true);
        let is_known = |key| view.is_current(key);
        let changes = view.changes();
        if self.plan.hold.wait(&pass.missing, data.bytes(), changes, is_known).await {
            self.held.add(1);
        }
        let unknown = pass.missing.iter().filter(|it| !is_known(*it.0)).map(|it| it.1);
        self.unknown.add(unknown.sum());
        self.look(peer, &data, Look::Again)
    }

    /// Adds what is known.
    fn pass(&self, peer: Option<&str>, data: &Data, look: Look) -> (Data, Pass) {
        let view = self.plan.view.get();
        let (mut pass, mut at) = (Pass::default(), 0);
        // Few payloads name a pod that is gone.
        let ages = LazyCell::new(|| ages(data));
        let after = data.edit(Depth::Resource, |place| {
            let resource = at;
            at += 1;
            let Some(mut attributes) = place.attributes(Field::RESOURCE_ATTRIBUTES) else {
                return Keep::Whole;
            };
            if self.plan.config.asks("path") {
                path::add(&mut attributes);
            }
            let found = self.finder.find(&mut attributes, peer);
            let Some(view) = view else { return Keep::Whole };
            let pod = found.key.and_then(|key| {
                // The address of a pod that is gone may be that of a new one, of which nobody has told yet. What is older than the
                // end of the old one is still its own.
                let is_its = |left: Instant| {
                    found.is_unique || ages.get(resource).is_some_and(|it| *it >= left.elapsed())
                };
                if let Some(led) = view.find(key).filter(|it| it.left.is_none_or(is_its)) {
                    return Some(led.pod).filter(|it| !it.ignored);
                }
                let room = pass.missing.len() < MISSING_MAX || pass.missing.contains_key(&key);
                let waits = look == Look::First && room && found.may_be_pod();
                if waits && self.plan.hold.waits_for(key) {
                    *pass.missing.entry(key).or_default() += 1;
                } else if look != Look::Again {
                    view.missed(1, false);
                }
                None
            });
            let source = pod.as_deref().map_or_else(
                || {
                    let named = text(&attributes, "k8s.pod.uid").is_some_and(|it| !it.is_empty());
                    Origin::ALL.len() + usize::from(!named)
                },
                |it: &Pod| it.origin.at(),
            );
            pass.resources.push((found.way, pod.is_some(), source));
            self.finder.add(&mut attributes, pod.as_deref(), view);
            Keep::Whole
        });
        (after, pass)
    }

    fn count(&self, pass: &Pass) {
        for (way, is_found, source) in &pass.resources {
            if let Some([found, missed]) = self.associated.get(*way) {
                if *is_found { found.add(1) } else { missed.add(1) }
            }
            if let Some(counter) = self.sources.get(*source) {
                counter.add(1);
            }
        }
    }
}

/// For how long everything of each resource has been written; nothing where something does not say when.
fn ages(data: &Data) -> Vec<Duration> {
    let now = component::clock::unix_nanos();
    let age = |newest: u64| Duration::from_nanos(now.saturating_sub(newest));
    match data {
        Data::Logs(all) => {
            let time = |it: LogRecord<'_>| match it.time_unix_nano() {
                0 => it.observed_time_unix_nano(),
                time => time,
            };
            all.resources().map(|it| age(newest(it.records().map(time)))).collect()
        }
        Data::Traces(all) => {
            let times = |it: ResourceSpans<'_>| newest(it.spans().map(Span::end_time_unix_nano));
            all.resources().map(|it| age(times(it))).collect()
        }
        Data::Metrics(all) => {
            let points = |it: ResourceMetrics<'_>| {
                newest(it.metrics().flat_map(Metric::points).map(PointRef::time_unix_nano))
            };
            all.resources().map(|it| age(points(it))).collect()
        }
    }
}

fn newest(times: impl Iterator<Item = u64>) -> u64 {
    times.map(|it| if it == 0 { u64::MAX } else { it }).max().unwrap_or_default()
}

#[async_trait]
impl Finish for Enricher {
    async fn finish(&self, data: Data) -> Data {
        self.enrich(None, data).await
    }
}

const ASSOCIATED: Descriptor = Descriptor {
    scope: "github.com/open-telemetry/opentelemetry-collector-contrib/processor/k8sattributesprocessor",
    name: "otelcol_k8s_pod_association",
    unit: "{resources}",
    description: "Number of pod associations' evaluations [Development]",
    level: Level::Basic,
};
const SOURCES: Descriptor = Descriptor {
    scope: OURS,
    name: "sluice_k8s_metadata_sources_total",
    unit: "{resource}",
    description: "Resources by the source that had the last word on their pod",
    level: Level::Basic,
};
const HELD: Descriptor = Descriptor {
    scope: OURS,
    name: "sluice_k8s_held_total",
    unit: "{call}",
    description: "Payloads that waited because a pod was not known yet",
    level: Level::Basic,
};
const UNKNOWN: Descriptor = Descriptor {
    scope: OURS,
    name: "sluice_k8s_without_metadata_total",
    unit: "{resource}",
    description: "Resources that went on without the metadata of their pod after they had waited for it",
    level: Level::Basic,
};
