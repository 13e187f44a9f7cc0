//! Scrapers that read files: they may wait long, so they run in a thread of their own.

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
/// same scraper begins.
pub struct Blocking<S> {
    state: State<S>,
}

enum State<S> {
    Idle(S),
    Running(JoinHandle<(S, Scraped, Errors)>),
    /// Between the two others, and after a panic, which ends the collector.
    Gone,
}

impl<S> Blocking<S> {
    /// Has not run yet.
    pub fn new(scraper: S) -> Self {
        Self { state: State::Idle(scraper) }
    }
}

impl<S: BlockingScraper> Blocking<S> {
    /// The scraper, if it does not run; what a scrape came to for which nobody waited any more is forgotten.
    async fn take(&mut self) -> Option<S> {
        match std::mem::replace(&mut self.state, State::Gone) {
            State::Idle(scraper) => Some(scraper),
            State::Running(job) if job.is_finished() => Some(ended(job.await)?.0),
            running => {
                self.state = running;
                None
            }
        }
    }
}

#[async_trait]
impl<S: BlockingScraper> Scraper for Blocking<S> {
    async fn scrape(&mut self, errors: &mut Errors) -> Scraped {
        let Some(mut scraper) = self.take().await else {
            errors.total("the scrape before has not ended");
            return Scraped::default();
        };
        let job = tokio::task::spawn_blocking(move || {
            let mut errors = Errors::default();
            let scraped = scraper.scrape(&mut errors);
            (scraper, scraped, errors)
        });
        self.state = State::Running(job);
        let State::Running(job) = &mut self.state else { return Scraped::default() };
        let Some((scraper, scraped, found)) = ended(job.await) else { return Scraped::default() };
        self.state = State::Idle(scraper);
        *errors = found;
        scraped
    }
}

/// What the job came to. Its panic is that of who waits for it.
fn ended<T>(job: Result<T, tokio::task::JoinError>) -> Option<T> {
    match job {
        Ok(it) => Some(it),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => None,
    }
}
