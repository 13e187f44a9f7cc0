//! Alerts of policies as fields of objects in Kubernetes: the keys in force by a template, each until its time is over, applied on the
//! server (server-side apply), so that fields of others stay theirs. Which objects may be changed is said in the configuration,
//! and every change is told in the log.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use alerts::{Alert, Entries, Intake, Refusal};
use async_trait::async_trait;
use component::{
    BoxError, Component, ConsumeError, Consumer, Context, Data, Delivery, Exporter,
    ExporterSettings, Host, Signal, Stability, clock,
};
use kube::Client;

mod config;
mod objects;
#[cfg(test)]
mod tests;

pub use config::Config;
use objects::{Objects, Target};

/// How often it is looked for entries whose time is over, and for what could not be applied.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long the loop leaves an API server alone that did not take something.
const PAUSE: Duration = Duration::from_secs(10);

/// The exporter.
pub struct K8sPatch {
    settings: ExporterSettings,
    config: Config,
    intake: Intake,
    entries: Entries,
    objects: Objects,
    client: OnceLock<Client>,
    /// One applies at a time, and what was applied last is told here.
    turn: tokio::sync::Semaphore,
}

impl Exporter for K8sPatch {
    type Config = Config;
    const TYPE: &'static str = "k8s_patch";
    const SIGNALS: &'static [(Signal, Stability)] = &[(Signal::Logs, Stability::Alpha)];

    fn create(settings: ExporterSettings, config: Config) -> Result<Self, BoxError> {
        Ok(Self {
            intake: Intake::new(&settings),
            entries: Entries::new(&config.entries)?,
            objects: Objects::new(&config)?,
            client: OnceLock::new(),
            turn: tokio::sync::Semaphore::new(1),
            settings,
            config,
        })
    }

    fn delivery(config: &Config) -> Delivery {
        Delivery {
            // A change may wait for its turn.
            timeout: component::config::Duration::ZERO,
            retry: Some(config.retry_on_failure.clone()),
            queue: config.sending_queue.get().cloned(),
        }
    }
}

#[async_trait]
impl Component for K8sPatch {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let id = &self.settings.id;
        let agent = self.settings.build.user_agent();
        let client = Client::new(&self.config.api, &agent).await;
        let client = client.map_err(|why| format!("exporters::{id}: {why}"))?;
        self.client.get_or_init(|| client);
        self.entries.open(host, id).await?;
        let stopping = host.stopping().clone();
        host.spawn(async move {
            // An API server that is away does not keep the collector from starting.
            let mut pause = LOOK_EVERY;
            while stopping.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
                pause = match stopping.run_until_cancelled(self.look()).await {
                    Some(Err(why)) => {
                        tracing::warn!(error = why, "what is in force is not in the cluster yet");
                        PAUSE
                    }
                    _ => LOOK_EVERY,
                };
            }
            Ok(())
        });
        Ok(())
    }
}

impl K8sPatch {
    /// Takes out what has ended, and applies what the cluster does not have.
    async fn look(&self) -> Result<(), String> {
        for it in self.entries.expire(clock::unix_nanos()) {
            tracing::info!(key = %it["key"], "an entry has ended");
        }
        self.apply().await
    }

    /// Brings all objects to what is in force.
    async fn apply(&self) -> Result<(), String> {
        let _turn = self.turn.acquire().await.map_err(|error| error.to_string())?;
        let client = self.client.get().ok_or("the exporter is not started")?;
        for (target, object) in self.objects.changed(&self.entries.documents())? {
            self.objects.pace.turn().await;
            let path = self.objects.path(&target);
            let (manager, dry_run) = (&self.config.field_manager, self.config.dry_run);
            let bytes = object.to_string().into_bytes();
            let applied = client.apply(&path, manager, dry_run, &bytes).await;
            applied.map_err(|error| {
                let rule = self.objects.right();
                let remedy = error.remedy(&rule).map(|it| format!("; {it}")).unwrap_or_default();
                format!("cannot apply {target}: {error}{remedy}")
            })?;
            tracing::info!(object = %target, dry_run, "applied what is in force");
            self.objects.applied(target, object);
        }
        self.entries.store().map_err(|error| format!("cannot store the entries: {error}"))
    }

    /// Puts an alert in force, if its object may be changed.
    fn add(&self, alert: &Alert) -> Result<Target, Refusal> {
        let target = self.objects.target(&alert.document()).ok_or(Refusal::TargetNotAllowed)?;
        self.entries.add(alert, clock::unix_nanos())?;
        Ok(target)
    }
}

#[async_trait]
impl Consumer for K8sPatch {
    async fn consume(&self, _ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let Data::Logs(logs) = &data else { return Ok(()) };
        let mut added = Vec::new();
        for alert in self.intake.take(logs) {
            match self.add(&alert) {
                Ok(target) => added.push((alert, target)),
                Err(why) => self.intake.refused(&alert, why),
            }
        }
        if added.is_empty() {
            return Ok(());
        }
        self.apply().await.map_err(ConsumeError::retryable)?;
        for (alert, target) in &added {
            let (key, rule, dry_run) = (&alert.key, &alert.rule, self.config.dry_run);
            tracing::info!(object = %target, key, rule, dry_run, "an entry is in force");
            if dry_run {
                self.intake.refused(alert, Refusal::DryRun);
            } else {
                self.intake.sent(alert);
            }
        }
        Ok(())
    }
}
