//! One connection after the other, for as long as the extension lives.

use std::future::pending;
use std::time::Duration;

use component::config::Duration as Time;
use component::{Backoff, BoxError, Host, Id, Ownership, RetryConfig, ServiceView};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::agent::{Agent, Order, PAUSE_MAX, State};
use crate::config::Transport;
use crate::link::{Failure, Link, Server};
use crate::messages::AgentToServer;

/// How long news are gathered before they are told: components report one after the other.
const GATHER: Duration = Duration::from_millis(500);
/// Something is said over WebSocket at least this often, unless the server wants it otherwise. The specification's.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// A connection that has lasted so long is replaced at once when it breaks.
const STEADY: Duration = Duration::from_secs(10);
/// Longest time for the last words of a stop.
const FAREWELL: Duration = Duration::from_secs(3);

/// What the tasks of the extension share.
pub(crate) struct Session {
    pub(crate) id: Id,
    pub(crate) host: Host,
    pub(crate) server: Server,
    pub(crate) transport: Transport,
    /// What is told, from what the service shows.
    pub(crate) look: Box<dyn Fn(&ServiceView, uuid::Uuid, &Host) -> State + Send + Sync>,
}

/// How a connection ended.
enum End {
    Stopped,
    Failed(Failure),
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

type Running = std::pin::Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// Configurations of the server: the one that is being run, and the one that came meanwhile. What came between is never run.
#[derive(Default)]
struct Runs {
    running: Option<Running>,
    next: Option<Vec<String>>,
}

impl Runs {
    /// What became of the one that is being run.
    async fn ended(&mut self) -> Result<(), String> {
        match &mut self.running {
            Some(running) => running.await,
            None => pending().await,
        }
    }
}

impl Session {
    /// Connects again and again until the extension has to stop.
    pub(crate) async fn run(self, mut agent: Agent) -> Result<(), BoxError> {
        let stopping = self.host.stopping().clone();
        // The instance before says goodbye first: a server does not want to see one agent twice.
        let mut owned: Ownership = tokio::select! {
            owned = self.host.ownership() => owned,
            () = stopping.cancelled() => return Ok(()),
        };
        agent.take_over(owned.received().as_ref());
        let retry = RetryConfig {
            initial_interval: Time::of(Duration::from_millis(500)),
            max_interval: Time::from_secs(60),
            max_elapsed_time: Time::ZERO,
            ..RetryConfig::default()
        };
        let (mut backoff, mut runs) = (Backoff::new(&retry), Runs::default());
        let mut is_down = false;
        loop {
            let begun = Instant::now();
            agent.begin();
            let failure = match self.connection(&mut agent, &mut runs, &mut is_down).await {
                End::Stopped => break,
                End::Failed(failure) => failure,
            };
            let (why, asked) = match failure {
                Failure::Lost(why, asked) => (why, asked.map(|it| it.min(PAUSE_MAX))),
                Failure::TooLong(why) => {
                    agent.was_too_long();
                    (format!("{why}: the effective configuration is left out from now on"), None)
                }
            };
            let pause = if begun.elapsed() >= STEADY && !is_down {
                backoff = Backoff::new(&retry);
                asked.unwrap_or_default()
            } else {
                backoff.next(Duration::ZERO, asked, fastrand::f64()).unwrap_or(HEARTBEAT)
            };
            let endpoint = self.server.url().host();
            if std::mem::replace(&mut is_down, true) {
                tracing::debug!(
                    endpoint,
                    error = why,
                    ?pause,
                    "Failed to connect to the OpAMP server"
                );
            } else {
                tracing::warn!(
                    endpoint,
                    error = why,
                    ?pause,
                    "No connection to the OpAMP server; it is tried again and again."
                );
            }
            // A configuration is run whether the server hears of it or not.
            let again = Instant::now() + pause;
            loop {
                tokio::select! {
                    () = sleep_until(again) => break,
                    result = runs.ended() => self.ran(result, &mut agent, &mut runs),
                    () = stopping.cancelled() => break,
                }
            }
            if stopping.is_cancelled() {
                break;
            }
        }
        owned.hand_over(agent.left());
        Ok(())
    }

    /// One connection, from its first message to its end.
    async fn connection(&self, agent: &mut Agent, runs: &mut Runs, is_down: &mut bool) -> End {
        let stopping = self.host.stopping();
        let connected = tokio::select! {
            connected = self.server.connect() => connected,
            () = stopping.cancelled() => return End::Stopped,
        };
        let mut link = match connected {
            Ok(link) => link,
            Err(failure) => return failure.into(),
        };
        let talked = tokio::select! {
            talked = self.talk(&mut link, agent, runs, is_down) => talked,
            // What is being sent gets a little time to be sent as a whole.
            () = async { stopping.cancelled().await; sleep(FAREWELL).await } => return End::Stopped,
        };
        match talked {
            Ok(()) => End::Stopped,
            Err(failure) => failure.into(),
        }
    }

    /// Tells what changes and does what is wanted, until the extension has to stop.
    async fn talk(
        &self,
        link: &mut Link<'_>,
        agent: &mut Agent,
        runs: &mut Runs,
        is_down: &mut bool,
    ) -> Result<(), Failure> {
        let mut changes: watch::Receiver<()> = self.host.changes();
        let mut beat = match self.transport {
            Transport::WebSocket => Some(HEARTBEAT),
            Transport::Http(interval) => Some(interval),
        };
        let mut spoken = self.tell(link, agent).await?;
        let mut news: Option<Instant> = None;
        loop {
            tokio::select! {
                // What the server has said over HTTP is heard before it is asked again: answers do not gather. What else there is
                // comes before that, whatever the server sends.
                biased;
                () = self.host.stopping().cancelled() => {
                    self.send(link, agent.farewell(), agent).await?;
                    link.close(CloseCode::Normal).await;
                    return Ok(());
                }
                Ok(()) = changes.changed() => {
                    news.get_or_insert(Instant::now() + GATHER);
                }
                () = at(news) => {
                    news = None;
                    spoken = self.tell(link, agent).await?.or(spoken);
                }
                result = runs.ended() => {
                    self.ran(result, agent, runs);
                    spoken = self.tell(link, agent).await?.or(spoken);
                }
                came = link.came() => {
                    let orders = agent.hear(link.taken(came).await?);
                    if std::mem::take(is_down) {
                        tracing::info!(endpoint = self.server.url().host(), "Connected to the OpAMP server.");
                    }
                    for order in orders {
                        match order {
                            Order::Run(files) => self.offer(files, runs),
                            Order::Restart => restart(),
                            Order::Beat(every) => beat = self.beat(every),
                            Order::Leave(pause) => {
                                self.send(link, agent.farewell(), agent).await?;
                                link.close(CloseCode::Normal).await;
                                let why = "the server is unavailable";
                                return Err(Failure::Lost(why.to_owned(), pause));
                            }
                        }
                    }
                    spoken = self.tell(link, agent).await?.or(spoken);
                }
                () = at(beat.zip(spoken).map(|(beat, spoken)| spoken + beat)) => {
                    self.send(link, agent.beat(), agent).await?;
                    spoken = Some(Instant::now());
                }
            }
        }
    }

    /// How often something is said when the server wants it so. Over HTTP, where it cannot speak by itself, never is as the section says.
    fn beat(&self, asked: Option<Duration>) -> Option<Duration> {
        match self.transport {
            Transport::WebSocket => asked,
            Transport::Http(interval) => Some(asked.unwrap_or(interval)),
        }
    }

    /// Tells what is new; when, if there was something.
    async fn tell(
        &self,
        link: &mut Link<'_>,
        agent: &mut Agent,
    ) -> Result<Option<Instant>, Failure> {
        let state = (self.look)(&self.host.view(), agent.uid(), &self.host);
        let Some(message) = agent.report(&state) else { return Ok(None) };
        self.send(link, message, agent).await?;
        Ok(Some(Instant::now()))
    }

    async fn send(
        &self,
        link: &mut Link<'_>,
        message: AgentToServer,
        agent: &Agent,
    ) -> Result<(), Failure> {
        link.send(&message, agent.uid()).await
    }

    /// A configuration has come.
    fn offer(&self, files: Vec<String>, runs: &mut Runs) {
        if runs.running.is_some() {
            runs.next = Some(files);
        } else {
            runs.running = Some(Box::pin(self.host.run_configuration(&self.id, files)));
        }
    }

    /// One has been run, or refused. The server hears of the last one that it has sent.
    fn ran(&self, result: Result<(), String>, agent: &mut Agent, runs: &mut Runs) {
        runs.running = None;
        match runs.next.take() {
            Some(files) => self.offer(files, runs),
            None => agent.ran(result),
        }
    }
}

/// Reads the configuration again, as the signal does that a person would send.
fn restart() {
    tracing::info!("received restart command, sending SIGHUP to reload");
    let own = rustix::process::getpid();
    if let Err(error) = rustix::process::kill_process(own, rustix::process::Signal::HUP) {
        tracing::error!(%error, "the configuration was not read again");
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}
