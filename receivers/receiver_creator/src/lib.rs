//! Starts and stops receivers as what they read from comes and goes.
//!
//! Observers say which endpoints there are ([`component::Observer`]); rules, or annotations of pods, say which receivers each of
//! them wants; these run inside this one ([`component::Host::start_receiver`]) and deliver to its pipelines.

use std::sync::Arc;

use component::{
    BoxError, Component, Host, Observer, Outputs, Planned, Problems, Receiver, Settings, Signal,
    Stability, async_trait,
};
use futures_util::future::select_all;

mod attributes;
mod config;
mod discovery;
mod environment;
mod pattern;
mod rule;
mod running;
#[cfg(test)]
mod tests;
mod wanted;

pub use config::{Config, DiscoveryConfig, TemplateConfig};

use running::Running;
use wanted::Templates;

/// The receiver.
pub struct ReceiverCreator {
    settings: Settings,
    plan: Plan,
    out: Outputs,
}

/// The section, with its rules and expressions compiled.
#[derive(Clone)]
pub struct Plan {
    config: Config,
    templates: Arc<Templates>,
}

impl Planned for Plan {
    type Section = Config;

    fn plan(config: Config, found: &mut Problems) -> Option<Self> {
        let templates = Arc::new(Templates::new(&config, found)?);
        Some(Self { config, templates })
    }
}

impl Receiver for ReceiverCreator {
    type Config = Plan;
    const TYPE: &'static str = "receiver_creator";
    const SIGNALS: &'static [(Signal, Stability)] = &[
        (Signal::Traces, Stability::Alpha),
        (Signal::Metrics, Stability::Alpha),
        (Signal::Logs, Stability::Alpha),
    ];

    fn create(settings: Settings, plan: Plan, out: Outputs) -> Result<Self, BoxError> {
        Ok(Self { settings, plan, out })
    }
}

#[async_trait]
impl Component for ReceiverCreator {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let observers = self.plan.config.watch_observers.iter();
        let observers = observers.map(|id| host.uses::<dyn Observer>(id));
        let observers = observers.collect::<Result<Vec<_>, _>>()?;
        for it in &self.plan.templates.templates {
            if host.receiver_type(it.id.type_name()).is_none() {
                let (id, name) = (&it.id, it.id.type_name());
                return Err(format!(
                    "receivers::{id}: there is no receiver \"{name}\" in this program: remove it, or use one of those that \
                     `sluice components` lists"
                )
                .into());
            }
        }
        if observers.is_empty() {
            return Ok(());
        }
        let (settings, out, own) = (self.settings.clone(), self.out.clone(), host.clone());
        let mut running = Running::new(settings, Arc::clone(&self.plan.templates), out, own);
        let mut found: Vec<_> = observers.iter().map(|it| it.endpoints()).collect();
        found.iter_mut().for_each(tokio::sync::watch::Receiver::mark_changed);
        let stopping = host.stopping().clone();
        host.spawn(async move {
            // The observers are kept: what they have found is theirs.
            let _observers = observers;
            loop {
                let changes = found.iter_mut().map(|it| Box::pin(it.changed()));
                let changed = stopping.run_until_cancelled(select_all(changes)).await;
                let Some((Ok(()), observer)) = changed.map(|it| (it.0, it.1)) else { break };
                let Some(now) = found.get_mut(observer).map(|it| it.borrow_and_update().clone())
                else {
                    break;
                };
                running.update(observer, now).await;
            }
            running.end().await;
            Ok(())
        });
        Ok(())
    }
}
