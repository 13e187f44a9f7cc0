//! Calls the scrapers of a receiver at its interval, and hands what they found to the pipelines.

use component::meter::{Counter, Descriptor, Level};
use component::{Context, Data, Host, Meter, Outputs, Received, Settings, Signal, async_trait};
use tokio::time::{Instant, MissedTickBehavior};
use tracing::{error, warn};

use crate::builder::Scraped;
use crate::errors::Errors;
use crate::schedule::Schedule;

/// Measures one kind of thing.
#[async_trait]
pub trait Scraper: Send + 'static {
    /// What there is now. What is wrong goes into `errors`; if nothing at all could be measured, the answer is not used.
    async fn scrape(&mut self, errors: &mut Errors) -> Scraped;
}

/// The scrapers of a receiver. They are called one after another, and what all have found is delivered at once.
pub struct Controller {
    schedule: Schedule,
    scrapers: Vec<Counted>,
    out: Outputs,
    received: Received,
    receiver: String,
    meter: Meter,
}

/// A scraper, and what is counted of it.
struct Counted {
    name: String,
    scraper: Box<dyn Scraper>,
    scraped: Counter,
    errored: Counter,
}

impl Controller {
    /// Without scrapers.
    pub fn new(settings: &Settings, schedule: Schedule, out: Outputs) -> Self {
        let Settings { id, meter, .. } = settings;
        Self {
            schedule,
            scrapers: Vec::new(),
            received: Received::new(meter, id.as_str(), "", Signal::Metrics),
            out,
            receiver: id.as_str().to_owned(),
            meter: meter.clone(),
        }
    }

    /// Adds a scraper. `name` is its type upstream, or that of the receiver if it has only one.
    pub fn add(&mut self, name: &str, scraper: impl Scraper) -> &mut Self {
        let attributes = [("receiver", self.receiver.as_str()), ("scraper", name)];
        self.scrapers.push(Counted {
            name: name.to_owned(),
            scraper: Box::new(scraper),
            scraped: self.meter.counter(SCRAPED, &attributes),
            errored: self.meter.counter(ERRORED, &attributes),
        });
        self
    }

    /// Scrapes until the host stops.
    pub fn start(mut self, host: &Host) {
        let stopping = host.stopping().clone();
        host.spawn(async move {
            let delay = self.schedule.initial_delay.std();
            let mut ticks = tokio::time::interval_at(
                Instant::now() + delay,
                self.schedule.collection_interval.std(),
            );
            // Of the ticks that go by during a scrape one counts, as in Go.
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            while stopping.run_until_cancelled(ticks.tick()).await.is_some() {
                let Some(data) = stopping.run_until_cancelled(self.scrape()).await else { break };
                self.deliver(data).await;
            }
            Ok(())
        });
    }

    /// Asks each scraper.
    async fn scrape(&mut self) -> Option<Data> {
        let timeout = self.schedule.timeout.std();
        let deadline = (!timeout.is_zero()).then(|| Instant::now() + timeout);
        let mut found = Vec::with_capacity(self.scrapers.len());
        for counted in &mut self.scrapers {
            found.extend(counted.scrape(deadline).await);
        }
        Data::concat(found)
    }

    async fn deliver(&mut self, data: Option<Data>) {
        let Some(data) = data.filter(|it| it.items() > 0) else { return };
        let answer = self.received.consume(&self.out, &Context::default(), data).await;
        if let Err(error) = answer {
            warn!(%error, "the metrics of a scrape are lost: the next scrape brings newer ones");
        }
    }
}

impl Counted {
    async fn scrape(&mut self, deadline: Option<Instant>) -> Option<Data> {
        let mut errors = Errors::default();
        let scraped = self.scraper.scrape(&mut errors);
        let scraped = match deadline {
            None => Some(scraped.await),
            Some(deadline) => tokio::time::timeout_at(deadline, scraped).await.ok(),
        };
        if scraped.is_none() {
            errors = Errors::default();
            errors.total("context deadline exceeded");
        }
        let scraped = scraped.filter(|_| !errors.is_total());
        if !errors.is_empty() {
            error!(scraper = self.name, error = %errors, "Error scraping metrics");
        }
        self.scraped.add(scraped.as_ref().map_or(0, |it| it.count));
        self.errored.add(errors.failed());
        scraped.map(|it| Data::from(it.metrics))
    }
}

const SCRAPED: Descriptor = Descriptor {
    scope: "go.opentelemetry.io/collector/scraper/scraperhelper",
    name: "otelcol_scraper_scraped_metric_points",
    unit: "{datapoint}",
    description: "Number of metric points successfully scraped. [Alpha]",
    level: Level::Basic,
};

const ERRORED: Descriptor = Descriptor {
    scope: "go.opentelemetry.io/collector/scraper/scraperhelper",
    name: "otelcol_scraper_errored_metric_points",
    unit: "{datapoint}",
    description: "Number of metric points that were unable to be scraped. [Alpha]",
    level: Level::Basic,
};
