//! Scrapers that read files: they may wait long, so they run in a thread of their own.

use std::time::Duration;

use component::async_trait;
use tokio::task::JoinHandle;

use crate::builder::Scraped;
use crate::controller::Scraper;
use crate::errors::Errors;

/// Measures by calls that block.
pub trait BlockingScraper: Send + 'static {
    /// As [`Scraper::scrape`].
    fn scrape(&mut self, errors: &mut Errors) -> Scraped;
}

/// Runs such a scraper in a thread. While one scrape hangs (a network file system that does not answer), no other one of the
/// same scraper begins; what it finds at last is sent with the next scrape.
pub struct Blocking<S> {
    state: State<S>,
    patience: Option<Duration>,
}

enum State<S> {
    Idle(S),
    Running(JoinHandle<(S, Scraped, Errors)>),
    /// Between the two others, and after a panic, which ends the collector.
    Gone,
}

impl<S> Blocking<S> {
    /// Has not run yet. Its scrapes are waited for until they end.
    pub fn new(scraper: S) -> Self {
        Self { state: State::Idle(scraper), patience: None }
    }

    /// The same, but a scrape that takes longer than `patience` does not keep those of other scrapers waiting.
    pub fn patient(scraper: S, patience: Duration) -> Self {
        Self { patience: Some(patience), ..Self::new(scraper) }
    }
}

#[async_trait]
impl<S: BlockingScraper> Scraper for Blocking<S> {
    async fn scrape(&mut self, errors: &mut Errors) -> Scraped {
        let job = match std::mem::replace(&mut self.state, State::Gone) {
            State::Idle(mut scraper) => tokio::task::spawn_blocking(move || {
                let mut errors = Errors::default();
                let scraped = scraper.scrape(&mut errors);
                (scraper, scraped, errors)
            }),
            State::Running(job) if job.is_finished() => job,
            State::Running(job) => {
                self.state = State::Running(job);
                errors.total("the scrape before has not ended");
                return Scraped::default();
            }
            State::Gone => return Scraped::default(),
        };
        // It is found again here, should nobody wait any more.
        self.state = State::Running(job);
        let State::Running(job) = &mut self.state else { return Scraped::default() };
        let ended = match self.patience {
            None => Some(job.await),
            Some(patience) => tokio::time::timeout(patience, job).await.ok(),
        };
        let Some(ended) = ended else {
            errors.total("the scrape takes longer than the interval: it goes on beside the others");
            return Scraped::default();
        };
        let Some((scraper, scraped, found)) = finished(ended) else { return Scraped::default() };
        self.state = State::Idle(scraper);
        *errors = found;
        scraped
    }
}

/// What the job came to. Its panic is that of who waits for it.
fn finished<T>(job: Result<T, tokio::task::JoinError>) -> Option<T> {
    match job {
        Ok(it) => Some(it),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => None,
    }
}
