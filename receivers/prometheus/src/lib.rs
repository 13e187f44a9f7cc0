//! Scrapes targets as Prometheus does: service discovery finds them, rules change them, and each is asked for its
//! metrics at its interval. Pages are parsed straight into OTLP.

#![cfg_attr(
    not(test),
    warn(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        clippy::cast_lossless
    )
)]

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use component::{
    BoxError, Component, Host, Outputs, Planned, Problems, Received, Receiver, Settings, Signal,
    Stability, async_trait,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

mod client;
mod config;
mod discovery;
mod exposition;
mod families;
mod labels;
mod names;
mod relabel;
mod scrape;
mod target;
#[cfg(test)]
mod tests;
mod text;
mod write;

use client::Client;
use config::duration;
pub use config::{Config, PrometheusConfig, ScrapeConfig};
use discovery::Source;
use exposition::Format;
use labels::Labels;
use relabel::{Rule, Rules};
use scrape::Shared;
use target::{Job, Target};

/// Reads a page as it would be scraped, and says how many samples it has.
///
/// # Errors
/// The line that cannot be read, and why.
pub fn read_page(text: &str, open_metrics: bool) -> Result<usize, String> {
    let format = if open_metrics { Format::OpenMetrics } else { Format::Text };
    exposition::parse(text, format).map(|it| it.samples.len()).map_err(|why| why.to_string())
}

/// Longest pause of the discovery when nothing has to be asked again.
const IDLE: Duration = Duration::from_secs(3600);

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

#[async_trait]
impl Component for Prometheus {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let Plan { config, rules } = &self.plan;
        for (job, rules) in config.config.scrape_configs.iter().zip(&**rules) {
            let pool = Pool::new(&self, job, rules.clone());
            let host_of_it = host.clone();
            host.spawn(async move {
                pool.run(host_of_it).await;
                Ok(())
            });
            info!(job = &*job.job_name, "Scrape job added");
        }
        Ok(())
    }
}

/// The targets of one job.
struct Pool {
    shared: Arc<Shared>,
    rules: Arc<[Rule]>,
    interval: String,
    timeout: String,
    sources: Vec<Source>,
    running: HashMap<Arc<Target>, CancellationToken>,
}

impl Pool {
    fn new(receiver: &Prometheus, job: &ScrapeConfig, rules: Rules) -> Self {
        let Settings { id, build, meter } = &receiver.settings;
        let config = &receiver.plan.config;
        let global = &config.config.global;
        let of = |own: &str, global: &str| if own.is_empty() { global } else { own }.to_owned();
        let interval = of(&job.scrape_interval, &global.scrape_interval);
        let mut timeout = of(&job.scrape_timeout, &global.scrape_timeout);
        // As Prometheus: a timeout that is only the default gives way.
        if duration(&timeout) > duration(&interval) {
            timeout.clone_from(&interval);
        }
        let external = global.external_labels.iter();
        let external = external.map(|(name, it)| (name.clone().into(), it.to_string().into()));
        let external = Labels::from_list(external.collect()).unwrap_or_default();
        let protocols = [&job.scrape_protocols, &global.scrape_protocols];
        let protocols = protocols.into_iter().find(|it| !it.is_empty());
        let shared = Shared {
            metric_rules: rules.metrics,
            client: Client::new(&job.client, &build.user_agent()),
            limits: job.limits.or(&global.limits),
            open_metrics: protocols
                .is_none_or(|it| it.iter().any(|name| name.starts_with("OpenMetrics"))),
            external,
            trim_suffixes: config.trim_metric_suffixes,
            version: build.version,
            out: receiver.out.clone(),
            received: Received::new(meter, id.as_str(), "http", Signal::Metrics),
            config: job.clone(),
        };
        Self {
            shared: Arc::new(shared),
            rules: rules.targets,
            interval,
            timeout,
            sources: Source::of(job, &build.user_agent()),
            running: HashMap::new(),
        }
    }

    /// Asks the sources, and scrapes what they find, until the host stops.
    async fn run(mut self, host: Host) {
        let stopping = host.stopping().clone();
        loop {
            let asked = async {
                for source in &mut self.sources {
                    source.refresh().await;
                }
            };
            if stopping.run_until_cancelled(asked).await.is_none() {
                return;
            }
            self.follow(&host);
            let idle = Instant::now() + IDLE;
            let next = self.sources.iter().filter_map(Source::next).min().unwrap_or(idle);
            if stopping.run_until_cancelled(tokio::time::sleep_until(next)).await.is_none() {
                return;
            }
        }
    }

    /// Starts to scrape new targets, and ends with those that are gone.
    fn follow(&mut self, host: &Host) {
        let targets = self.targets();
        self.running.retain(|target, stop| {
            let stays = targets.contains(target);
            if !stays {
                stop.cancel();
            }
            stays
        });
        for target in targets {
            if self.running.contains_key(&target) {
                continue;
            }
            let stop = host.stopping().child_token();
            let (shared, its, its_stop) =
                (Arc::clone(&self.shared), Arc::clone(&target), stop.clone());
            let stopping = host.stopping().clone();
            host.spawn(async move {
                scrape::run(shared, its, its_stop, stopping).await;
                Ok(())
            });
            self.running.insert(target, stop);
        }
    }

    /// What the sources have found, after the rules.
    fn targets(&self) -> HashSet<Arc<Target>> {
        let job = Job {
            config: &self.shared.config,
            interval: &self.interval,
            timeout: &self.timeout,
            rules: &self.rules,
        };
        let mut targets = HashSet::new();
        for found in self.sources.iter().flat_map(Source::found) {
            match job.target(found) {
                Ok(Some(target)) => drop(targets.insert(Arc::new(target))),
                Ok(None) => {}
                Err(error) => {
                    let job = &*self.shared.config.job_name;
                    warn!(error, job, "a target cannot be scraped: correct its labels");
                }
            }
        }
        let limit = self.shared.limits.target_limit;
        if limit > 0 && targets.len() as u64 > limit {
            let (job, targets_found) = (&*self.shared.config.job_name, targets.len());
            warn!(job, targets_found, limit, "target_limit exceeded: none of the job is scraped");
            targets.clear();
        }
        targets
    }
}
