//! Exporters that do not take what they are given, by the calls in front of them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use component::{ConsumeError, Context};
use tokio::time::Instant;

/// Since when an exporter has calls and has taken nothing. Only those count whose callers wait until the data has
/// arrived: for others a queue answers, whatever the backend does.
#[derive(Default)]
pub(crate) struct Unanswered(Mutex<State>);

#[derive(Default)]
struct State {
    open: usize,
    since: Option<Instant>,
}

/// A call; it may also be withdrawn.
pub(crate) struct Call<'a>(Option<&'a Unanswered>);

impl Unanswered {
    pub(crate) fn begin(&self, ctx: &Context) -> Call<'_> {
        if !ctx.wants_delivered() {
            return Call(None);
        }
        self.with(|it| {
            it.open += 1;
            it.since.get_or_insert_with(Instant::now);
        });
        Call(Some(self))
    }

    /// True when nothing was taken for so long.
    pub(crate) fn lasts(&self, longer_than: Duration) -> bool {
        self.with(|it| it.since.is_some_and(|it| it.elapsed() >= longer_than))
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Call<'_> {
    /// What was refused and may be tried again is not an answer.
    pub(crate) fn end(self, answer: &Result<(), ConsumeError>) {
        if answer.as_ref().is_err_and(|it| !it.is_permanent()) {
            return;
        }
        if let Some(all) = self.0 {
            all.with(|it| it.since = (it.open > 1).then(Instant::now));
        }
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if let Some(all) = self.0 {
            all.with(|it| it.open -= 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_refused_is_not_taken_and_what_a_queue_answers_does_not_count() {
        let all = Unanswered::default();
        let (pushed, read) = (Context::default(), Context::delivered());
        let second = Duration::from_secs(1);
        let refused = Err(ConsumeError::retryable("busy"));
        let _hangs = all.begin(&pushed);
        tokio::time::advance(second).await;
        assert!(!all.lasts(second));
        all.begin(&read).end(&refused);
        tokio::time::advance(second).await;
        assert!(all.lasts(second) && !all.lasts(2 * second));
        let hangs = all.begin(&read);
        all.begin(&read).end(&Ok(()));
        assert!(!all.lasts(second));
        tokio::time::advance(second).await;
        assert!(all.lasts(second), "one has no answer yet");
        hangs.end(&Ok(()));
        tokio::time::advance(second).await;
        assert!(!all.lasts(second));
    }
}
