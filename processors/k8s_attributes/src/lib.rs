//! Adds to resources what Kubernetes knows of the pods that they come from.
//!
//! The plan holds the [`View`]: what is known of pods is known once, for all pipelines of the processor, and the watches behind it
//! are shared with other processors of the same server and filter. An instance adds nothing but the work on its pipeline.

#![cfg_attr(
    not(test),
    warn(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        clippy::cast_lossless
    )
)]

use std::sync::Arc;

use component::config::Need;
use component::meter::{Counter, Descriptor, Level};
use component::{
    BoxError, Component, ConsumeError, Context, Data, Host, Next, Problems, Processor,
    ProcessorSettings, Stateless, async_trait,
};
use k8smeta::{Conventions, Filter, Formats, Rules, Servers, View, Waiting};
use kube::Client;
use pdata::{Depth, Field, Keep};
use tokio::sync::OnceCell;
use tracing::warn;

mod config;
mod enrich;
mod kubelet;
#[cfg(test)]
mod tests;

pub use config::Config;
pub use kubelet::KubeletConfig;

use enrich::Finder;

const EMIT_NEW: &str = "processor.k8sattributes.EmitV1K8sConventions";
const OMIT_OLD: &str = "processor.k8sattributes.DontEmitV0K8sConventions";
const NEW_METRICS: &str = "processor.k8sattributes.telemetry.enableNewFormatMetrics";
const NO_OLD_METRICS: &str = "processor.k8sattributes.telemetry.disableOldFormatMetrics";

/// What the instances of all pipelines share.
pub struct Plan {
    config: Config,
    rules: Rules,
    filter: Filter,
    /// Made by the first that starts.
    view: OnceCell<View>,
}

impl Plan {
    async fn view(&self, host: &Host, settings: &ProcessorSettings) -> Result<&View, BoxError> {
        let gates = host.view().gates;
        let is_on = |id: &str| gates.iter().any(|it| it.id == id && it.is_on);
        let conventions = Conventions { old: !is_on(OMIT_OLD), new: is_on(EMIT_NEW) };
        if !conventions.old && !conventions.new {
            return Err(format!("{OMIT_OLD} cannot be enabled without enabling {EMIT_NEW}").into());
        }
        let formats = Formats { old: !is_on(NO_OLD_METRICS), new: is_on(NEW_METRICS) };
        let make = || async {
            let rules = Rules { conventions, ..self.rules.clone() };
            let grace = self.config.pod_delete_grace_period.std();
            Ok::<_, String>(View::new(
                self.servers(&settings.build.user_agent()).await?,
                rules,
                &self.filter,
                grace,
                (&settings.meter, formats),
            ))
        };
        Ok(self.view.get_or_try_init(make).await?)
    }

    async fn servers(&self, agent: &str) -> Result<Servers, String> {
        let kubelet = match &self.config.kubelet {
            Some(it) => Some(it.polled(agent).await?),
            None => None,
        };
        let api = match &kubelet {
            // There need not be one.
            Some(it) if !View::asks_server(&self.rules, &self.filter) => it.client.clone(),
            _ => Client::new(&self.config.api, agent).await?,
        };
        Ok(Servers { api, kubelet })
    }
}

/// The processor.
pub struct K8sAttributes {
    plan: Arc<Plan>,
    settings: ProcessorSettings,
    finder: Finder,
    /// For each way to find a pod: found, and not found.
    associated: Vec<[Counter; 2]>,
    next: Next,
}

impl Processor for K8sAttributes {
    type Config = Config;
    type Plan = Plan;
    const TYPE: &'static str = "k8s_attributes";
    const ALIASES: &'static [&'static str] = &["k8sattributes"];

    fn plan(config: Config, found: &mut Problems) -> Option<Plan> {
        let rules = config.rules(found)?;
        let filter = Filter { of_kubelet: config.kubelet.is_some(), ..config.filter.read() };
        if !config.passthrough {
            let rights = View::rights(&rules, &filter);
            rights.into_iter().for_each(|it| found.needs("auth_type", Need::Right(it)));
            let need = config.kubelet.as_ref().and_then(kubelet::KubeletConfig::need);
            need.into_iter().for_each(|it| found.needs("kubelet", it));
        }
        Some(Plan { config, rules, filter, view: OnceCell::new() })
    }

    fn create(settings: ProcessorSettings, plan: Arc<Plan>, next: Next) -> Self {
        let finder = Finder::new(&plan.rules, plan.config.passthrough);
        let what = Descriptor {
            scope: "github.com/open-telemetry/opentelemetry-collector-contrib/processor/k8sattributesprocessor",
            name: "otelcol_k8s_pod_association",
            unit: "{resource}",
            description: "Number of pod associations performed",
            level: Level::Basic,
        };
        let associated = finder.ways().map(|way| {
            ["success", "error"].map(|status| {
                let signal = settings.signal.name();
                let labels =
                    [("otelcol.signal", signal), ("pod_identifier", &*way), ("status", status)];
                settings.meter.counter(what, &labels)
            })
        });
        Self { associated: associated.collect(), plan, settings, finder, next }
    }
}

#[async_trait]
impl Component for K8sAttributes {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let config = &self.plan.config;
        if config.passthrough {
            return Ok(());
        }
        let view = self.plan.view(host, &self.settings).await?;
        view.serve(host);
        if config.wait_for_metadata {
            view.wait(Waiting(config.wait_for_metadata_timeout.std())).await?;
        } else if config.extract.metadata.is_empty() && self.plan.rules.fields.is_empty() {
            warn!(
                "nothing is extracted: extract.metadata is an empty list, and there are no rules"
            );
        }
        Ok(())
    }
}

impl Stateless for K8sAttributes {
    fn map(&self, ctx: &Context, data: &Data) -> Result<Data, ConsumeError> {
        let client = ctx.client.as_deref();
        let peer = client.and_then(|it| it.peer).map(|it| it.ip().to_canonical().to_string());
        let view = self.plan.view.get();
        Ok(data.edit(Depth::Resource, |place| {
            if let Some(mut attributes) = place.attributes(Field::RESOURCE_ATTRIBUTES) {
                let (way, pod) = self.finder.find(&mut attributes, peer.as_deref(), view);
                if let Some(view) = view {
                    let counters = self.associated.get(way);
                    if let Some([found, missed]) = counters {
                        if pod.is_some() { found.add(1) } else { missed.add(1) }
                    }
                    self.finder.add(&mut attributes, pod.as_deref(), view);
                }
            }
            Keep::Whole
        }))
    }

    fn next(&self) -> &Next {
        &self.next
    }
}
