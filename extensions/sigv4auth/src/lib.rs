//! Signs the requests of HTTP exporters as AWS wants it (Signature Version 4), so that metrics can go to Amazon Managed
//! Prometheus, logs to OpenSearch, and OTLP to the endpoints of CloudWatch and X-Ray.

use std::sync::{Arc, OnceLock};

use component::config::Problems;
use component::{
    BoxError, Capability, ClientAuth, Component, Context, Extension, Host, Offers, Outgoing,
    Settings, async_trait,
};
use credentials::Fetched;
use http::header::{HOST, HeaderMap};
use serde::{Deserialize, Serialize};
use sigv4::{Credentials, Provider, Role, ToSign, WebIdentity, sign, time};

#[cfg(test)]
mod tests;

/// The task looks whether somebody has asked for credentials; it asks for none by itself.
const NEVER: std::time::Duration = std::time::Duration::from_secs(365 * 24 * 3600);

/// `extensions: sigv4auth:`
///
/// Upstream: `extension/sigv4authextension`, v0.149.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "sigv4authextension.Config")]
pub struct Config {
    /// The region that is signed for, such as `eu-west-1`. Default: read from the endpoint, where it has one.
    #[config(omit_empty)]
    pub region: String,
    /// The service that is signed for: `aps`, `es`, `logs`, `xray`. Default: read from the endpoint.
    #[config(omit_empty)]
    pub service: String,
    /// A role that is assumed with the credentials that are found.
    pub assume_role: Role,
    /// A role that is assumed with a token of an identity provider, instead of what is found.
    #[config(omit_empty)]
    pub assume_role_with_web_identity: Option<WebIdentity>,
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        if let Some(identity) = &self.assume_role_with_web_identity {
            for (key, value) in [("arn", &identity.arn), ("token_file", &identity.token_file)] {
                if value.is_empty() {
                    let text = format!("assume_role_with_web_identity needs {key}");
                    problems.at("assume_role_with_web_identity", text);
                }
            }
        }
        let role = &self.assume_role;
        if role.arn.is_empty() && !role.session_name.is_empty() {
            let text = "session_name has no effect without arn";
            problems.at("assume_role", text);
        }
    }
}

/// The extension.
pub struct SigV4 {
    config: Config,
    agent: String,
    credentials: Arc<Fetched<Credentials>>,
    /// That an endpoint tells no region or service is said once.
    warned: OnceLock<()>,
}

impl Extension for SigV4 {
    type Config = Config;
    const TYPE: &'static str = "sigv4auth";
    const OFFERS: &'static [Offers] = &[Offers::ClientAuth];

    fn create(settings: Settings, config: Config) -> Result<Self, BoxError> {
        let agent = settings.build.user_agent();
        let credentials = Fetched::new(std::time::Duration::ZERO);
        Ok(Self { config, agent, credentials, warned: OnceLock::new() })
    }

    fn offers(self: Arc<Self>) -> Vec<Capability> {
        vec![Capability::ClientAuth(self)]
    }
}

#[async_trait]
impl Component for SigV4 {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        self.run(host, |name| std::env::var(name).ok());
        Ok(())
    }
}

impl SigV4 {
    fn run(&self, host: &Host, variable: impl Fn(&str) -> Option<String> + Send + Sync + 'static) {
        let provider = Arc::new(Provider {
            variable: Box::new(variable),
            role: self.config.assume_role.clone(),
            web_identity: self.config.assume_role_with_web_identity.clone(),
            region: self.config.region.clone(),
            agent: self.agent.clone(),
        });
        self.credentials.run(host, NEVER, move || {
            let provider = Arc::clone(&provider);
            async move {
                let found = provider.credentials().await;
                if let Err(error) = &found {
                    tracing::warn!(error, "no credentials: exporters that need them cannot send");
                }
                found
            }
        });
        // The first request shall not wait, and what is missing is said at the start.
        self.credentials.ask();
    }

    /// For which service and region a host is signed: as configured, else as the host's name tells.
    fn scope(&self, host: &str) -> (String, String) {
        let known =
            [("aps-workspaces", "aps"), ("search-", "es"), ("logs", "logs"), ("xray", "xray")];
        let told = known.iter().find(|(start, _)| host.starts_with(start));
        let second = host.split('.').nth(1).filter(|_| told.is_some());
        let or = |given: &str, told: Option<&str>| {
            if given.is_empty() { told.unwrap_or_default().to_owned() } else { given.to_owned() }
        };
        (or(&self.config.service, told.map(|it| it.1)), or(&self.config.region, second))
    }
}

#[async_trait]
impl ClientAuth for SigV4 {
    async fn authorize(&self, _ctx: &Context, _headers: &mut HeaderMap) -> Result<(), String> {
        Err("sigv4auth signs requests over HTTP only: use an exporter that speaks it".into())
    }

    async fn sign(
        &self,
        _ctx: &Context,
        request: &Outgoing<'_>,
        headers: &mut HeaderMap,
    ) -> Result<(), String> {
        let credentials = self.credentials.current().await;
        let credentials =
            credentials.map_err(|why| format!("error retrieving credentials: {why}"))?;
        let host = headers.get(HOST).and_then(|it| it.to_str().ok()).unwrap_or_default();
        let (service, region) = self.scope(host);
        if (service.is_empty() || region.is_empty()) && self.warned.set(()).is_ok() {
            tracing::warn!(
                host,
                "Unable to infer region and/or service from the URL. Please provide values for region and/or \
                 service in the collector configuration."
            );
        }
        let (time, region, service) = (&time(), &region, &service);
        let Outgoing { method, path, body } = request;
        sign(&ToSign { method, path, body, region, service, time }, &credentials, headers)
    }
}
