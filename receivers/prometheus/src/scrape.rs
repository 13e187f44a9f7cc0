//! The scrapes of one target: what it answers becomes metrics, together with what the scraper knows of the scrape,
//! and what it no longer exposes is said to have ended (`scrape/scrape.go` of Prometheus 3).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use component::{Context, Outputs, Received};
use confighttp::client::{Fetcher, Url};
use pdata::{Data, Metrics, MetricsBuilder};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::client::{Accepts, Answer, Client, Request, scrape};
use crate::config::{Limits, ScrapeConfig, bytes};
use crate::exposition::native::Native;
use crate::exposition::protobuf::{self, Histograms};
use crate::exposition::{Format, More, Page, Sample, parse};
use crate::families::{Families, STALE, Setting};
use crate::labels::{Labels, NAME};
use crate::relabel::{self, Rule};
use crate::target::{Target, with_target};
use crate::write;

/// Longest page when `body_size_limit` says nothing, in bytes.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// A longer page is read in a thread of its own, so that it keeps nobody waiting, in bytes.
const INLINE_BYTES_MAX: usize = 1024 * 1024;

/// What all targets of a job share.
pub(crate) struct Shared {
    pub(crate) config: ScrapeConfig,
    pub(crate) metric_rules: Arc<[Rule]>,
    pub(crate) client: Client,
    pub(crate) limits: Limits,
    pub(crate) accepts: Accepts,
    pub(crate) histograms: Histograms,
    pub(crate) external: Labels<'static>,
    pub(crate) trim_suffixes: bool,
    pub(crate) version: &'static str,
    pub(crate) out: Outputs,
    pub(crate) received: Received,
}

/// A series that was there at the last scrape.
#[derive(Clone)]
struct Series {
    labels: Labels<'static>,
    seen: u64,
    is_native: bool,
}

/// What is kept of a target from scrape to scrape.
#[derive(Default)]
pub(crate) struct Memory {
    series: HashMap<u64, Series>,
    scrapes: u64,
}

/// When a scrape began, and how long it took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Took {
    pub(crate) at_ms: i64,
    pub(crate) duration: Duration,
}

/// Scrapes a target until `stop`: its series have ended then. They have not when the collector is `stopping`, or goes
/// on with another instance of this receiver.
pub(crate) async fn run(
    shared: Arc<Shared>,
    target: Arc<Target>,
    stop: CancellationToken,
    stopping: CancellationToken,
) {
    let mut memory = Memory::default();
    let made = Url::parse(&target.url).and_then(|url| {
        let fetcher = shared.client.fetcher(&url, target.timeout)?;
        Ok((url, fetcher))
    });
    // Spread over the interval, by what the target is.
    let interval = target.interval;
    let nanos = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
    let spread = target.labels.hash_of(|_| true) % nanos.max(1);
    let first = Instant::now() + Duration::from_nanos(spread);
    let mut ticks = tokio::time::interval_at(first, interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let once = once(&shared, &target, &made, memory);
        match stopping.run_until_cancelled(once).await {
            Some(kept) => memory = kept,
            None => return,
        }
    }
    if !stopping.is_cancelled() {
        let took = Took { at_ms: now_ms(), duration: Duration::ZERO };
        let metrics = ended(&shared, &target, &memory, took);
        deliver(&shared, metrics).await;
    }
}

fn now_ms() -> i64 {
    (component::clock::unix_nanos() / 1_000_000).cast_signed()
}

/// One scrape.
async fn once(
    shared: &Arc<Shared>,
    target: &Arc<Target>,
    made: &Result<(Url, Fetcher), String>,
    memory: Memory,
) -> Memory {
    let (at_ms, begun) = (now_ms(), Instant::now());
    let answer = ask(shared, target, made).await;
    let took = Took { at_ms, duration: begun.elapsed() };
    if let Err(error) = &answer {
        let labels = target.labels.shown();
        warn!(%error, target_labels = labels, "Failed to scrape Prometheus endpoint");
    }
    let long = answer.as_ref().is_ok_and(|it| it.body.len() > INLINE_BYTES_MAX);
    let (memory, metrics) = if long {
        let (shared, target) = (Arc::clone(shared), Arc::clone(target));
        let read = move || read(&shared, &target, memory, answer, took);
        let nothing = |_| (Memory::default(), MetricsBuilder::new().finish());
        tokio::task::spawn_blocking(read).await.unwrap_or_else(nothing)
    } else {
        read(shared, target, memory, answer, took)
    };
    deliver(shared, metrics).await;
    memory
}

async fn ask(
    shared: &Shared,
    target: &Target,
    made: &Result<(Url, Fetcher), String>,
) -> Result<Answer, String> {
    let (url, fetcher) = made.as_ref().map_err(Clone::clone)?;
    let request = Request {
        url,
        headers: shared.client.headers().await?,
        timeout: target.timeout,
        compressed: shared.config.enable_compression,
        accepts: shared.accepts,
        bytes_max: match bytes(&shared.limits.body_size_limit) {
            None | Some(0) => BODY_BYTES_MAX,
            Some(limit) => limit,
        },
    };
    scrape(fetcher, request).await
}

async fn deliver(shared: &Shared, metrics: Metrics) {
    let data = Data::from(metrics);
    if data.items() == 0 {
        return;
    }
    let answer = shared.received.consume(&shared.out, &Context::default(), data).await;
    if let Err(error) = answer {
        warn!(%error, "the metrics of a scrape are lost: the next scrape brings newer ones");
    }
}

/// The samples of a page that stay, after the rules and limits of the job.
#[derive(Default)]
struct Kept<'a> {
    samples: Vec<Sample<'a>>,
    /// Read until there was a mistake, and left of them by the rules. As `append` of Prometheus' `scrape/scrape.go` counts.
    exposed: usize,
    post: usize,
    /// Why nothing of the page counts.
    failed: Option<String>,
}

fn keep<'a>(shared: &'a Shared, target: &'a Target, samples: Vec<Sample<'a>>) -> Kept<'a> {
    let mut kept = Kept { samples: Vec::with_capacity(samples.len()), ..Kept::default() };
    for mut sample in samples {
        kept.exposed += 1;
        with_target(&mut sample.labels, &target.labels, shared.config.honor_labels);
        if !relabel::apply(&shared.metric_rules, &mut sample.labels) || sample.labels.len() == 0 {
            continue;
        }
        if sample.labels.get(NAME).is_empty() {
            kept.failed = Some("metric name label missing or invalid".to_owned());
            break;
        }
        if let Err(why) = check_labels(&sample.labels, &shared.limits) {
            kept.failed = Some(why);
            break;
        }
        kept.post += 1;
        let limit = shared.limits.sample_limit;
        if limit > 0 && kept.post as u64 > limit {
            // It is read to its end, so that it is known how many samples there are.
            kept.failed = Some("sample limit exceeded".to_owned());
            continue;
        }
        if !shared.config.honor_timestamps {
            sample.timestamp = None;
        }
        kept.samples.push(sample);
    }
    if kept.failed.is_some() {
        kept.samples.clear();
    }
    kept
}

/// `verifyLabelLimits`.
fn check_labels(labels: &Labels<'_>, limits: &Limits) -> Result<(), String> {
    let metric: String = labels.get(NAME).chars().take(50).collect();
    let above = |size: usize, limit: u64| limit > 0 && size as u64 > limit;
    if above(labels.len(), limits.label_limit) {
        let (count, limit) = (labels.len(), limits.label_limit);
        return Err(format!(
            "label_limit exceeded (metric: {metric}, number of labels: {count}, limit: {limit})"
        ));
    }
    for (name, value) in labels.iter() {
        for (what, size, limit) in [
            ("label_name_length_limit", name.len(), limits.label_name_length_limit),
            ("label_value_length_limit", value.len(), limits.label_value_length_limit),
        ] {
            if above(size, limit) {
                let name: String = name.chars().take(50).collect();
                return Err(format!(
                    "{what} exceeded (metric: {metric}, label name: {name}, length: {size}, limit: {limit})"
                ));
            }
        }
    }
    Ok(())
}

/// Makes metrics of an answer. Of a scrape that failed nothing is taken, and all series have ended.
fn read(
    shared: &Shared,
    target: &Target,
    mut memory: Memory,
    answer: Result<Answer, String>,
    took: Took,
) -> (Memory, Metrics) {
    let is_binary = answer.as_ref().is_ok_and(|it| it.format == Format::Protobuf);
    let text = answer.as_ref().ok().filter(|_| !is_binary);
    let text = text.map(|it| String::from_utf8_lossy(&it.body)).unwrap_or_default();
    let page = match &answer {
        Ok(it) if is_binary => {
            protobuf::parse(&it.body, shared.histograms).map_err(|why| why.to_string())
        }
        Ok(it) => parse(&text, it.format).map_err(|why| why.to_string()),
        // Why has been said.
        Err(_) => Err(String::new()),
    };
    let (page, mut failed) = match page {
        Ok(page) => (page, None),
        Err(why) => (Page::default(), Some(why)),
    };
    let Page { metadata, samples } = page;
    let kept = keep(shared, target, samples);
    failed = failed.or(kept.failed);
    if let (Ok(_), Some(error)) = (&answer, &failed) {
        let labels = target.labels.shown();
        warn!(error, target_labels = labels, "the page of a target was refused");
    }
    let setting = setting(shared, target);
    let mut families = Families::new(&setting, &metadata);
    memory.scrapes += 1;
    let mut added = 0;
    for sample in kept.samples {
        let tracked = sample.timestamp.is_none() || shared.config.track_timestamps_staleness;
        if tracked {
            let key = sample.labels.hash_of(|_| true);
            let seen = memory.scrapes;
            if let Some(known) = memory.series.get_mut(&key) {
                known.seen = seen;
            } else {
                added += 1;
                let labels = sample.labels.clone().into_owned();
                let is_native = sample.more.as_ref().is_some_and(|it| it.native.is_some());
                memory.series.insert(key, Series { labels, seen, is_native });
            }
        }
        families.add(external(sample, shared), took.at_ms);
    }
    let seen = memory.scrapes;
    let gone: Vec<Series> =
        memory.series.extract_if(|_, it| it.seen != seen).map(|it| it.1).collect();
    for it in gone {
        families.add(external(marker(it), shared), took.at_ms);
    }
    let report = [
        ("up", f64::from(u8::from(failed.is_none()))),
        ("scrape_duration_seconds", took.duration.as_secs_f64()),
        ("scrape_samples_scraped", kept.exposed as f64),
        ("scrape_samples_post_metric_relabeling", kept.post as f64),
        ("scrape_series_added", f64::from(added)),
    ];
    for (name, value) in report {
        families.add(own(name, value, shared, target), took.at_ms);
    }
    if families.rejected > 0 {
        let rejected = families.rejected;
        debug!(rejected, "samples of a scrape fit into no point");
    }
    let metrics = write::all(families);
    (memory, metrics)
}

/// Says that all series of a target have ended.
fn ended(shared: &Shared, target: &Target, memory: &Memory, took: Took) -> Metrics {
    let (setting, metadata) = (setting(shared, target), HashMap::new());
    let mut families = Families::new(&setting, &metadata);
    for it in memory.series.values() {
        families.add(external(marker(it.clone()), shared), took.at_ms);
    }
    if memory.scrapes > 0 {
        families.add(own("up", f64::from_bits(STALE), shared, target), took.at_ms);
    }
    write::all(families)
}

fn setting<'a>(shared: &'a Shared, target: &'a Target) -> Setting<'a> {
    Setting {
        job: target.job(),
        instance: target.instance(),
        scheme: &target.scheme,
        discovered: &target.attributes,
        trim_suffixes: shared.trim_suffixes,
        version: shared.version,
    }
}

fn marker<'a>(series: Series) -> Sample<'a> {
    let value = f64::from_bits(STALE);
    let native = series.is_native.then(|| Native::ended(value));
    let more = native.map(|it| Box::new(More { native: Some(it), ..More::default() }));
    Sample { labels: series.labels, value, timestamp: None, exemplar: None, more }
}

/// A series of the scraper's own.
fn own<'a>(name: &'a str, value: f64, shared: &'a Shared, target: &'a Target) -> Sample<'a> {
    let mut labels = Labels::default();
    labels.set(NAME.into(), name.into());
    with_target(&mut labels, &target.labels, false);
    external(Sample { labels, value, timestamp: None, exemplar: None, more: None }, shared)
}

fn external<'a>(mut sample: Sample<'a>, shared: &'a Shared) -> Sample<'a> {
    for (name, value) in shared.external.iter() {
        sample.labels.set(name.into(), value.into());
    }
    sample
}

#[cfg(test)]
mod tests;
