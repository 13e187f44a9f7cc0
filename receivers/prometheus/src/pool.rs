//! The targets of a job: found, changed by rules, and each scraped by a task of its own.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use component::{Host, Outputs, Received, Settings, Signal};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::client::{Accepts, Client};
use crate::config::{Config, Naming, ScrapeConfig, duration};
use crate::discovery::{self, Source};
use crate::exposition::protobuf::Histograms;
use crate::labels::Labels;
use crate::relabel::{Rule, Rules};
use crate::scrape::{self, Shared};
use crate::target::{Job, Target};

/// Longest pause of the discovery when nothing has to be asked again.
const IDLE: Duration = Duration::from_secs(3600);
/// Shortest pause between two looks at sources that tell changes, as in Prometheus.
const CHANGES_PAUSE: Duration = Duration::from_secs(5);
/// The same while they tell everything for the first time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Most reasons that are remembered why targets cannot be scraped.
const REASONS_MAX: usize = 1000;

/// The receiver of a job.
pub(crate) struct Around<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) config: &'a Config,
    pub(crate) out: &'a Outputs,
}

/// The targets of one job.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    rules: Arc<[Rule]>,
    interval: String,
    timeout: String,
    sources: Vec<Source>,
    running: HashMap<Arc<Target>, CancellationToken>,
    /// Why targets could not be scraped when they were last looked at: each is told once.
    reasons: HashSet<String>,
}

impl Pool {
    pub(crate) fn new(receiver: Around<'_>, job: &ScrapeConfig, rules: Rules) -> Self {
        let Around { settings: Settings { id, build, meter }, config, out } = receiver;
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
        let wanted = |of: fn(&Naming) -> bool| of(&job.naming) || of(&global.naming);
        let histograms = Histograms {
            native: wanted(|it| it.scrape_native_histograms),
            classic: wanted(|it| {
                it.always_scrape_classic_histograms || it.scrape_classic_histograms
            }),
        };
        let protocols = [&job.scrape_protocols, &global.scrape_protocols];
        let protocols = protocols.into_iter().find(|it| !it.is_empty());
        let has =
            |begin: &str| protocols.is_none_or(|it| it.iter().any(|name| name.starts_with(begin)));
        let accepts = if has("PrometheusProto") && (protocols.is_some() || histograms.native) {
            Accepts::Protobuf
        } else if has("OpenMetrics") {
            Accepts::OpenMetrics
        } else {
            Accepts::Text
        };
        let shared = Shared {
            metric_rules: rules.metrics,
            client: Client::new(&job.client, &build.user_agent()),
            limits: job.limits.or(&global.limits),
            accepts,
            histograms,
            external,
            trim_suffixes: config.trim_metric_suffixes,
            version: build.version,
            out: out.clone(),
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
            reasons: HashSet::new(),
        }
    }

    /// Asks the sources, and scrapes what they find, until `stop`: a token of the host's, or one below it.
    pub(crate) async fn run(mut self, host: Host, stop: CancellationToken) {
        let changed = Arc::new(Notify::new());
        loop {
            let around = discovery::Around { host: &host, changed: &changed };
            let asked = async {
                for source in &mut self.sources {
                    source.refresh(&around).await;
                }
            };
            if stop.run_until_cancelled(asked).await.is_none() {
                return;
            }
            self.follow(&host, &stop);
            let now = Instant::now();
            let next = self.sources.iter().filter_map(Source::next).min().unwrap_or(now + IDLE);
            let is_ready = self.sources.iter().all(Source::is_ready);
            let quiet = now + if is_ready { CHANGES_PAUSE } else { FIRST_PAUSE };
            let wait = async {
                tokio::select! {
                    () = tokio::time::sleep_until(next) => {}
                    () = changed.notified() => tokio::time::sleep_until(quiet.min(next)).await,
                }
            };
            if stop.run_until_cancelled(wait).await.is_none() {
                return;
            }
        }
    }

    /// Starts to scrape new targets, and ends with those that are gone.
    fn follow(&mut self, host: &Host, stop_all: &CancellationToken) {
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
            let stop = stop_all.child_token();
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
    fn targets(&mut self) -> HashSet<Arc<Target>> {
        let job = Job {
            config: &self.shared.config,
            interval: &self.interval,
            timeout: &self.timeout,
            rules: &self.rules,
        };
        let name = &*self.shared.config.job_name;
        let (mut targets, mut reasons) = (HashSet::new(), HashSet::new());
        for source in &self.sources {
            source.each(&mut |found| match job.target(found) {
                Ok(Some(target)) => drop(targets.insert(Arc::new(target))),
                Ok(None) => {}
                Err(error) if reasons.len() < REASONS_MAX => {
                    if !self.reasons.contains(&error) && !reasons.contains(&error) {
                        let job = name;
                        warn!(error, job, "a target cannot be scraped: correct its labels");
                    }
                    reasons.insert(error);
                }
                Err(_) => {}
            });
        }
        self.reasons = reasons;
        let limit = self.shared.limits.target_limit;
        if limit > 0 && targets.len() as u64 > limit {
            let (job, targets_found) = (name, targets.len());
            warn!(job, targets_found, limit, "target_limit exceeded: none of the job is scraped");
            targets.clear();
        }
        targets
    }
}
