//! The far end of a test: records what arrives and answers as told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use component::{ConsumeError, Consumer, Context, Data, Next, Outputs, async_trait};
use tokio::sync::watch;

/// How long [`Sink::wait_for`] waits, on tokio's clock.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a [`Sink`] does with a call.
#[derive(Debug, Clone, Default)]
pub enum Answer {
    /// Takes the data.
    #[default]
    Ok,
    /// Refuses it.
    Fail(ConsumeError),
    /// Takes it after a while.
    Delay(Duration),
    /// Does not answer until [`Sink::release`] says what.
    Hang,
}

impl Answer {
    /// A retryable refusal.
    pub fn retryable(message: &'static str) -> Self {
        Self::Fail(ConsumeError::retryable(message))
    }

    /// A permanent refusal.
    pub fn permanent(message: &'static str) -> Self {
        Self::Fail(ConsumeError::permanent(message))
    }
}

/// Records what arrives; can fail, hang and delay on demand. Clones share everything.
#[derive(Clone, Default)]
pub struct Sink {
    state: Arc<Mutex<State>>,
    changes: Arc<watch::Sender<u64>>,
}

#[derive(Default)]
struct State {
    attempts: Vec<(Context, Data)>,
    delivered: Vec<Data>,
    script: VecDeque<Answer>,
    always: Answer,
    in_flight: usize,
    in_flight_max: usize,
    withdrawn: usize,
    releases: Vec<Answer>,
    answers_only: bool,
}

impl Sink {
    /// One that takes everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// This sink as a next step.
    pub fn next(&self) -> Next {
        Arc::new(self.clone())
    }

    /// This sink behind the named pipelines (`logs`, `traces/2`).
    pub fn outputs(&self, pipelines: &[&str]) -> Outputs {
        let pipeline = |name: &&str| (name.parse().expect("a pipeline id"), self.next());
        Outputs::new(pipelines.iter().map(pipeline).collect())
    }

    /// From now on every call is answered so.
    pub fn answer(&self, answer: Answer) {
        self.state().always = answer;
    }

    /// The next calls are answered so, in this order, before [`Sink::answer`] holds again.
    pub fn script(&self, answers: impl IntoIterator<Item = Answer>) {
        self.state().script.extend(answers);
    }

    /// Gives `answer` to all calls that hang now.
    pub fn release(&self, answer: Answer) {
        self.state().releases.push(answer);
        self.changed();
    }

    /// What was taken, in the order of the answers.
    pub fn received(&self) -> Vec<Data> {
        self.state().delivered.clone()
    }

    /// What was offered, taken or not, in the order of arrival.
    pub fn attempts(&self) -> Vec<(Context, Data)> {
        self.state().attempts.clone()
    }

    /// Stores nothing: what comes next in an order has to wait for the answer. Otherwise it keeps the order
    /// as a queue does.
    pub fn answers_only(&self) {
        self.state().answers_only = true;
    }

    /// Number of calls so far.
    pub fn calls(&self) -> usize {
        self.state().attempts.len()
    }

    /// Number of items taken.
    pub fn items(&self) -> usize {
        self.state().delivered.iter().map(Data::items).sum()
    }

    /// Number of items in each request that was taken.
    pub fn sizes(&self) -> Vec<usize> {
        self.state().delivered.iter().map(Data::items).collect()
    }

    /// Number of calls without an answer.
    pub fn in_flight(&self) -> usize {
        self.state().in_flight
    }

    /// Most calls that were without an answer at the same time.
    pub fn in_flight_max(&self) -> usize {
        self.state().in_flight_max
    }

    /// Number of calls that were dropped before they had an answer.
    pub fn withdrawn(&self) -> usize {
        self.state().withdrawn
    }

    /// Forgets what has arrived.
    pub fn clear(&self) {
        let mut state = self.state();
        state.attempts.clear();
        state.delivered.clear();
    }

    /// Waits until `n` items or more were taken. Panics after ten seconds.
    pub async fn wait_for_items(&self, n: usize) {
        self.wait_for(&format!("{n} items"), |it| n <= it.items()).await;
    }

    /// Waits until there were `n` calls or more. Panics after ten seconds.
    pub async fn wait_for_calls(&self, n: usize) {
        self.wait_for(&format!("{n} calls"), |it| n <= it.calls()).await;
    }

    /// Waits until `done`. Panics with `what` after ten seconds (of tokio's clock).
    pub async fn wait_for(&self, what: &str, done: impl Fn(&Sink) -> bool) {
        self.wait_within(PATIENCE, what, done).await;
    }

    /// Waits until `done`. Panics with `what` after `patience` (of tokio's clock).
    pub async fn wait_within(&self, patience: Duration, what: &str, done: impl Fn(&Sink) -> bool) {
        let mut changes = self.changes.subscribe();
        let wait = async {
            while !done(self) {
                let _ = changes.changed().await;
            }
        };
        let waited = tokio::time::timeout(patience, wait).await;
        let (calls, items) = (self.calls(), self.items());
        assert!(waited.is_ok(), "no {what} after {patience:?}: {calls} calls, {items} items taken");
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        self.changes.send_modify(|n| *n += 1);
    }

    async fn released(&self, since: usize) -> Answer {
        let mut changes = self.changes.subscribe();
        loop {
            if let Some(answer) = self.state().releases.get(since).cloned() {
                return answer;
            }
            let _ = changes.changed().await;
        }
    }

    fn arrive(&self, ctx: &Context, data: &Data) -> (Answer, usize, InFlight) {
        let mut state = self.state();
        state.attempts.push((ctx.clone(), data.clone()));
        state.in_flight += 1;
        state.in_flight_max = state.in_flight_max.max(state.in_flight);
        let answer = state.script.pop_front().unwrap_or_else(|| state.always.clone());
        let since = state.releases.len();
        if !state.answers_only {
            ctx.keep_place();
        }
        drop(state);
        self.changed();
        (answer, since, InFlight { sink: self.clone(), answered: false })
    }
}

/// Notices calls that are dropped without an answer.
struct InFlight {
    sink: Sink,
    answered: bool,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.sink.state();
        state.in_flight -= 1;
        state.withdrawn += usize::from(!self.answered);
        drop(state);
        self.sink.changed();
    }
}

#[async_trait]
impl Consumer for Sink {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let (mut answer, since, mut call) = self.arrive(ctx, &data);
        if matches!(answer, Answer::Hang) {
            answer = self.released(since).await;
        }
        if let Answer::Delay(wait) = answer {
            tokio::time::sleep(wait).await;
        }
        call.answered = true;
        match answer {
            Answer::Fail(error) => Err(error),
            Answer::Ok | Answer::Delay(_) | Answer::Hang => {
                self.state().delivered.push(data);
                Ok(())
            }
        }
    }
}
