//! The target allocator of the OpenTelemetry operator: which jobs there are is asked at an interval, and the targets of each are
//! found like those of any server that lists targets.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use component::{Host, Problems};
use confighttp::client::{Fetcher, Url, Ways, sent_headers};
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value as Json;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::Prometheus;
use crate::config::{self, Discovery, HttpSd, ScrapeConfig, TargetAllocator};
use crate::pool::Pool;
use crate::target::escaped;

/// Longest list of jobs, in bytes.
const JOBS_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most jobs.
const JOBS_MAX: usize = 10_000;
/// Longest pause before an allocator is asked again that did not answer.
const RETRY_PAUSE: Duration = Duration::from_secs(10);
/// The operator writes this where the number of the shard is to stand.
const SHARD: &str = "$(SHARD)";

/// What asks an allocator.
pub(crate) struct Allocator {
    section: TargetAllocator,
    url: Url,
    headers: HeaderMap,
    fetcher: Fetcher,
    /// The jobs that run: as they were told, and what stops them.
    running: HashMap<String, (Json, CancellationToken)>,
}

impl Allocator {
    /// # Errors
    /// When it cannot be asked with this section.
    pub(crate) fn new(section: &TargetAllocator, agent: &str) -> Result<Self, String> {
        let base = section.endpoint.trim_end_matches('/');
        let url = Url::parse(&format!("{base}/scrape_configs"))?;
        let proxy_url = section.proxy_url.clone();
        let ways = Ways { proxy_url, ..Ways::default() };
        let timeout =
            if section.timeout.nanos() > 0 { section.timeout } else { config::ALLOCATOR_TIMEOUT };
        let fetcher = Fetcher::by(&ways, &section.tls, &url, timeout.std(), agent)?;
        let headers = sent_headers(&section.headers)?;
        Ok(Self { section: section.clone(), url, headers, fetcher, running: HashMap::new() })
    }

    /// Follows what the allocator says, until the host stops.
    pub(crate) async fn run(mut self, receiver: Arc<Prometheus>, host: Host) {
        let stopping = host.stopping().clone();
        let interval = self.section.interval.std();
        let work = async {
            loop {
                let pause = match self.jobs().await {
                    Ok(jobs) => {
                        self.follow(jobs, &receiver, &host);
                        interval
                    }
                    Err(error) => {
                        warn!(%error, "Failed to retrieve job list: those that are known go on");
                        interval.min(RETRY_PAUSE)
                    }
                };
                tokio::time::sleep(pause).await;
            }
        };
        let _: Option<()> = stopping.run_until_cancelled(work).await;
    }

    async fn jobs(&self) -> Result<BTreeMap<String, Json>, String> {
        let url = &self.url;
        let fetched = self.fetcher.fetch(Method::GET, url, &self.headers, b"", JOBS_BYTES_MAX);
        let answer = fetched.await.map_err(|why| format!("Get \"{url}\": {why}"))?;
        if answer.status() != StatusCode::OK {
            return Err(format!("{url}: server returned HTTP status {}", answer.status()));
        }
        let text = String::from_utf8_lossy(answer.body());
        let text = match std::env::var("SHARD") {
            Ok(shard) => text.replace(SHARD, &shard),
            Err(_) => text.into_owned(),
        };
        let jobs: Option<BTreeMap<String, Json>> =
            serde_json::from_str(&text).map_err(|why| format!("{url}: {why}"))?;
        let jobs = jobs.unwrap_or_default();
        if jobs.len() > JOBS_MAX {
            return Err(format!("{url}: more than {JOBS_MAX} jobs"));
        }
        Ok(jobs)
    }

    /// Ends jobs that are gone or others now, and begins the new ones.
    fn follow(&mut self, jobs: BTreeMap<String, Json>, receiver: &Arc<Prometheus>, host: &Host) {
        self.running.retain(|name, (told, stop)| {
            let stays = jobs.get(name).is_some_and(|it| it == told);
            if !stays {
                stop.cancel();
            }
            stays
        });
        for (name, told) in jobs {
            if self.running.contains_key(&name) {
                continue;
            }
            let stop = host.stopping().child_token();
            match self.pool(&name, &told, receiver) {
                Ok(pool) => {
                    info!(job = name, "Scrape job added");
                    let (its_host, its_stop) = (host.clone(), stop.clone());
                    host.spawn(async move {
                        pool.run(its_host, its_stop).await;
                        Ok(())
                    });
                }
                Err(error) => {
                    warn!(error, job = name, "a job of the target allocator cannot be scraped");
                }
            }
            // One that cannot be scraped is tried again when it has changed.
            self.running.insert(name, (told, stop));
        }
        debug!(jobs = self.running.len(), "target allocator asked");
    }

    fn pool(&self, name: &str, told: &Json, receiver: &Prometheus) -> Result<Pool, String> {
        let mut job: ScrapeConfig =
            serde_json::from_value(told.clone()).map_err(|why| why.to_string())?;
        if job.job_name.is_empty() {
            job.job_name = name.into();
        }
        job.discovery =
            Discovery { http_sd_configs: vec![self.source(name)], ..Discovery::default() };
        if let Some(client) = &self.section.http_scrape_config {
            job.client = client.clone();
        }
        let mut problems = Problems::default();
        let prometheus = &receiver.config().config;
        let rules = config::check_job(&job, prometheus, name, &mut problems);
        match (rules, problems.faults().first()) {
            (Some(rules), None) => Ok(Pool::new(receiver.around(), &job, rules)),
            (_, Some(fault)) => Err(fault.text.clone()),
            (None, None) => Err("its rules cannot be read".to_owned()),
        }
    }

    /// Where the targets of a job are asked for.
    fn source(&self, job: &str) -> HttpSd {
        let section = &self.section;
        let default = || HttpSd { refresh_interval: "30s".to_owned(), ..HttpSd::default() };
        let mut source = section.http_sd_config.clone().unwrap_or_else(default);
        let base = section.endpoint.trim_end_matches('/');
        let (job, id) = (escaped(job), &section.collector_id);
        source.url = format!("{base}/jobs/{job}/targets?collector_id={id}");
        let (tls, its) = (&section.tls, &mut source.client.tls_config);
        its.ca_file.clone_from(&tls.common.ca_file);
        its.ca = tls.common.ca_pem.clone();
        its.cert_file.clone_from(&tls.common.cert_file);
        its.cert = tls.common.cert_pem.clone();
        its.key_file.clone_from(&tls.common.key_file);
        its.key = tls.common.key_pem.clone();
        its.min_version.clone_from(&tls.common.min_version);
        its.max_version.clone_from(&tls.common.max_version);
        its.insecure_skip_verify = tls.insecure_skip_verify;
        its.server_name.clone_from(&tls.server_name_override);
        source.client.proxy_url.clone_from(&section.proxy_url);
        source.client.follow_redirects = false;
        source
    }
}
