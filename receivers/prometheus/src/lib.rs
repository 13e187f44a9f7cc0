//! Scrapes targets as Prometheus does: service discovery finds them, rules change them, and each is asked for its
//! metrics at its interval. Pages are parsed straight into OTLP.

use std::sync::Arc;

use component::{
    BoxError, Component, Host, Outputs, Planned, Problems, Receiver, Settings, Signal, Stability,
    async_trait,
};
use tracing::info;

mod allocator;
mod client;
mod config;
mod discovery;
mod dns;
mod exposition;
mod families;
mod kubernetes;
mod labels;
mod names;
mod pool;
mod relabel;
mod scrape;
mod target;
#[cfg(test)]
mod tests;
mod text;
mod write;

use allocator::Allocator;
pub use config::{Config, PrometheusConfig, ScrapeConfig};
use exposition::Format;
use pool::Pool;
use relabel::Rules;

/// Reads a page as it would be scraped, and says how many samples it has.
///
/// # Errors
/// The line that cannot be read, and why.
pub fn read_page(text: &str, open_metrics: bool) -> Result<usize, String> {
    let format = if open_metrics { Format::OpenMetrics } else { Format::Text };
    exposition::parse(text, format).map(|it| it.samples.len()).map_err(|why| why.to_string())
}

/// Reads a page of Protobuf as it would be scraped, and says how many samples it has.
///
/// # Errors
/// The family that cannot be read, and why.
pub fn read_protobuf(page: &[u8]) -> Result<usize, String> {
    let wanted = exposition::protobuf::Histograms { native: true, classic: true };
    let page = exposition::protobuf::parse(page, wanted);
    page.map(|it| it.samples.len()).map_err(|why| why.to_string())
}

/// The receiver.
pub struct Prometheus {
    settings: Settings,
    plan: Plan,
    out: Outputs,
}

/// The section, with the rules of its jobs compiled.
#[derive(Clone)]
pub struct Plan {
    config: Arc<Config>,
    /// In the order of `scrape_configs`.
    rules: Arc<[Rules]>,
}

impl Planned for Plan {
    type Section = Config;

    fn plan(config: Config, found: &mut Problems) -> Option<Self> {
        let rules = config::check(&config, found)?;
        Some(Self { config: Arc::new(config), rules: rules.into() })
    }
}

impl Receiver for Prometheus {
    type Config = Plan;
    const TYPE: &'static str = "prometheus";
    const SIGNALS: &'static [(Signal, Stability)] = &[(Signal::Metrics, Stability::Beta)];

    fn create(settings: Settings, plan: Plan, out: Outputs) -> Result<Self, BoxError> {
        Ok(Self { settings, plan, out })
    }
}

impl Prometheus {
    fn config(&self) -> &Config {
        &self.plan.config
    }

    fn around(&self) -> pool::Around<'_> {
        let (settings, out) = (&self.settings, &self.out);
        pool::Around { settings, config: &self.plan.config, out }
    }
}

#[async_trait]
impl Component for Prometheus {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let Plan { config, rules } = &self.plan;
        if let Some(section) = &config.target_allocator {
            let allocator = Allocator::new(section, &self.settings.build.user_agent())?;
            let (receiver, its_host) = (Arc::clone(&self), host.clone());
            host.spawn(async move {
                allocator.run(receiver, its_host).await;
                Ok(())
            });
        }
        for (job, rules) in config.config.scrape_configs.iter().zip(&**rules) {
            let pool = Pool::new(self.around(), job, rules.clone());
            let (its_host, stop) = (host.clone(), host.stopping().clone());
            host.spawn(async move {
                pool.run(its_host, stop).await;
                Ok(())
            });
            info!(job = &*job.job_name, "Scrape job added");
        }
        Ok(())
    }
}
