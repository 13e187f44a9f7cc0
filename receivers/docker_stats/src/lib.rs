//! What containers use, as the Docker daemon says it.
//!
//! Each scrape asks which containers run, and for each of them what it is and what it has used. Nothing is kept from one scrape to
//! the next.

mod config;
mod record;
mod stats;
mod table;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use component::{
    BoxError, Component, Host, Outputs, Receiver, Settings, Signal, Stability, async_trait, clock,
};
use docker::{Container, Daemon, Failed, Listed};
use futures_util::StreamExt as _;
use futures_util::stream;
use scraping::{Builder, Controller, Errors, Schedule, Scraped, Scraper};

pub use config::{Config, Plan};
pub use table::Table;

use stats::Stats;

/// Most containers that are asked for at the same time.
const AT_ONCE_MAX: usize = 64;
/// Most containers of a daemon.
const CONTAINERS_MAX: usize = 10_000;

/// The receiver.
pub struct DockerStats {
    settings: Settings,
    plan: Plan,
    out: Outputs,
}

impl Receiver for DockerStats {
    type Config = Plan;
    const TYPE: &'static str = "docker_stats";
    const SIGNALS: &'static [(Signal, Stability)] = &[(Signal::Metrics, Stability::Beta)];

    fn create(settings: Settings, plan: Plan, out: Outputs) -> Result<Self, BoxError> {
        Ok(Self { settings, plan, out })
    }
}

#[async_trait]
impl Component for DockerStats {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let build = &self.settings.build;
        let config = &self.plan.config;
        let (tls, timeout) =
            (config.tls.clone().unwrap_or_default(), config.schedule.timeout.std());
        let (endpoint, version) = (&self.plan.endpoint, &config.api_version);
        let daemon = Daemon::new(endpoint, version, timeout, &tls, &build.user_agent())?;
        let mut builder = Builder::new(&config.metrics, &config.resource_attributes, build.version);
        builder.start(clock::unix_nanos());
        let plan = self.plan.clone();
        // `timeout` is for one request.
        let schedule =
            Schedule { timeout: component::config::Duration::ZERO, ..config.schedule.clone() };
        let mut controller = Controller::new(&self.settings, schedule, self.out.clone());
        controller.add("docker_stats", DockerScraper { plan, daemon, builder });
        controller.start(host);
        Ok(())
    }
}

struct DockerScraper {
    plan: Plan,
    daemon: Daemon,
    builder: Builder<Table>,
}

#[async_trait]
impl Scraper for DockerScraper {
    async fn scrape(&mut self, errors: &mut Errors) -> Scraped {
        let running = match self.daemon.running().await {
            Ok(it) => it,
            Err(why) => {
                errors.total(why);
                return Scraped::default();
            }
        };
        let wanted = running.into_iter().filter(|it| !self.plan.excluded.matches(&it.image));
        let wanted: Vec<Listed> = wanted.take(CONTAINERS_MAX).collect();
        let asked = stream::iter(wanted).map(|it| self.ask(it.id)).buffered(AT_ONCE_MAX);
        let answers: Vec<Result<Option<(Container, Stats)>, String>> = asked.collect().await;
        for answer in answers {
            match answer {
                Ok(Some((container, stats))) => {
                    let of = (&container, &stats);
                    record::container(&mut self.builder, &self.plan.config, of, errors);
                }
                Ok(None) => {}
                Err(why) => errors.partial(0, why),
            }
        }
        self.builder.finish()
    }
}

impl DockerScraper {
    /// It takes the daemon a second or two: it measures twice.
    async fn stats(&self, id: &str) -> Result<Stats, Failed> {
        self.daemon.get(&format!("/containers/{id}/stats?stream=0")).await
    }

    /// What is known of a container; `None` if it is not to be known.
    async fn ask(&self, id: String) -> Result<Option<(Container, Stats)>, String> {
        let wanted = async {
            let container = self.daemon.inspect(&id).await?;
            let state = &container.state;
            if !state.running || state.paused || self.plan.excluded.matches(&container.config.image)
            {
                return Ok(None);
            }
            let stats = self.stats(&id).await?;
            Ok(Some((container, stats)))
        };
        match wanted.await {
            Ok(it) => Ok(it),
            // It has ended meanwhile.
            Err(Failed::Gone) => Ok(None),
            Err(Failed::Otherwise(why)) => Err(why),
        }
    }
}
