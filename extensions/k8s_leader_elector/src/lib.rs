//! Elects one of several collectors: the one that holds a lease in Kubernetes, and renews it in time.
//!
//! Receivers that only one may run ask for [`LeaderElection`] and stop when the lease is lost. It counts as lost before
//! another collector can have it: who cannot renew it for `renew_deadline` stops, and only after `lease_duration` without a
//! renewal does somebody else take it.

use std::sync::Arc;
use std::time::Duration;

use component::config::{Duration as Time, Need, Problems, Right};
use component::{
    BoxError, Capability, Component, Extension, Host, Lead, LeaderElection, Offers, Settings,
    Stability, async_trait,
};
use kube::{ApiConfig, Client};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

mod election;
mod lease;
#[cfg(test)]
mod tests;

use election::{Candidate, Times};

/// How much longer than `retry_period` the deadline has to be: pauses are spread by it. `JitterFactor` of client-go.
const JITTER: f64 = 1.2;

/// `extensions: k8s_leader_elector:`
///
/// Upstream: `extension/k8sleaderelector`, v0.156.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "k8sleaderelector.Config")]
pub struct Config {
    /// The API server.
    #[serde(flatten)]
    pub api: ApiConfig,
    /// Name of the lease. Required.
    #[config(omit_empty)]
    pub lease_name: String,
    /// Its namespace. Required.
    #[config(omit_empty)]
    pub lease_namespace: String,
    /// After so long without a renewal another collector takes the lease. Default 15s.
    pub lease_duration: Time,
    /// The leader stops when it could not renew the lease for so long. Default 10s.
    pub renew_deadline: Time,
    /// How often the lease is looked at and renewed. Default 2s.
    pub retry_period: Time,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            api: ApiConfig::default(),
            lease_name: String::new(),
            lease_namespace: String::new(),
            lease_duration: Time::from_secs(15),
            renew_deadline: Time::from_secs(10),
            retry_period: Time::from_secs(2),
        }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        self.api.validate("apiconfig", problems);
        if self.lease_name.is_empty() || self.lease_namespace.is_empty() {
            let fault = problems.at("", "lease name and namespace must be set");
            if self.lease_name.is_empty() {
                fault.require("lease_name", "sluice-leader");
            } else {
                fault.require("lease_namespace", "default");
            }
        }
        // In the words of client-go's `NewLeaderElector`, which upstream says at the start.
        let (lease, renew, retry) =
            (self.lease_duration.std(), self.renew_deadline.std(), self.retry_period.std());
        let wrong = if retry.is_zero() {
            Some(("retry_period", "retryPeriod must be greater than zero"))
        } else if renew.is_zero() {
            Some(("renew_deadline", "renewDeadline must be greater than zero"))
        } else if lease.is_zero() {
            Some(("lease_duration", "leaseDuration must be greater than zero"))
        } else if lease <= renew {
            Some(("lease_duration", "leaseDuration must be greater than renewDeadline"))
        } else if renew <= retry.mul_f64(JITTER) {
            Some(("renew_deadline", "renewDeadline must be greater than retryPeriod*JitterFactor"))
        } else {
            None
        };
        if let Some((key, text)) = wrong {
            problems.at_start("", text).about(key);
        }
        problems.needs(
            "lease_name",
            Need::Right(Right {
                group: "coordination.k8s.io".into(),
                resource: "leases".into(),
                verbs: vec!["get", "create", "update"],
            }),
        );
    }
}

/// The extension.
pub struct K8sLeaderElector {
    settings: Settings,
    config: Config,
    lead: watch::Sender<Lead>,
}

impl Extension for K8sLeaderElector {
    type Config = Config;
    const TYPE: &'static str = "k8s_leader_elector";
    const STABILITY: Stability = Stability::Alpha;
    const OFFERS: &'static [Offers] = &[Offers::LeaderElection];

    fn create(settings: Settings, config: Config) -> Result<Self, BoxError> {
        Ok(Self { settings, config, lead: watch::Sender::default() })
    }

    fn offers(self: Arc<Self>) -> Vec<Capability> {
        vec![Capability::LeaderElection(self)]
    }
}

impl LeaderElection for K8sLeaderElector {
    fn leads(&self) -> watch::Receiver<Lead> {
        self.lead.subscribe()
    }
}

#[async_trait]
impl Component for K8sLeaderElector {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let client = Client::new(&self.config.api, &self.settings.build.user_agent()).await?;
        let identity = uuid::Uuid::new_v4().to_string();
        let lease = (self.config.lease_namespace.as_str(), self.config.lease_name.as_str());
        tracing::info!(identity, lease = lease.1, "Starting k8s leader elector");
        let times = Times {
            lease: self.config.lease_duration.std(),
            renew: self.config.renew_deadline.std(),
            retry: self.config.retry_period.std(),
        };
        let mut candidate = Candidate::new(client, lease, identity, times);
        let (stopping, elector) = (host.stopping().clone(), Arc::clone(&self));
        host.spawn(async move {
            stopping.run_until_cancelled(candidate.run(&elector.lead)).await;
            elector.lead.send_replace(Lead::No);
            // Others need not wait until the lease is over.
            let _ = tokio::time::timeout(RELEASE_TIMEOUT, candidate.release()).await;
            Ok(())
        });
        Ok(())
    }
}

/// How long giving the lease back may take.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(3);
