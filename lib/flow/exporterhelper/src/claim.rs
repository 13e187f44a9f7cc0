//! A caller's stake in outgoing requests.
//!
//! One caller may ride in several outgoing requests (its data was split) and one outgoing request may
//! carry several callers (theirs was joined). Each pair is a [`Claim`]; the caller is answered once, when
//! its last claim is. A claim that is dropped has failed: nobody is ever told that lost data arrived.
//!
//! The caller may also be a queue on disk, which keeps a request until it is told what became of all of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use component::ConsumeError;
use tokio::sync::oneshot;

use crate::disk::Receipt;

/// One caller's stake in one outgoing request.
#[derive(Debug)]
pub struct Claim {
    caller: Arc<Mutex<Caller>>,
    answered: bool,
}

#[derive(Debug)]
struct Caller {
    /// Claims without an answer.
    open: usize,
    /// What failed so far.
    failed: Option<ConsumeError>,
    /// `None` once answered.
    answer: Option<Answer>,
}

/// Who is told.
#[derive(Debug)]
enum Answer {
    Waiting(oneshot::Sender<Result<(), ConsumeError>>),
    Stored(Receipt),
}

/// The caller's end: resolves when all its claims are answered. Dropping it withdraws.
#[derive(Debug)]
pub struct Waiting(oneshot::Receiver<Result<(), ConsumeError>>);

impl Waiting {
    /// `Ok` when every part arrived; else what failed, retryable if any part is.
    pub async fn answer(self) -> Result<(), ConsumeError> {
        self.0.await.unwrap_or_else(|_| Err(unanswered()))
    }
}

impl Claim {
    /// A new caller, with one claim.
    pub fn new() -> (Self, Waiting) {
        let (answer, waiting) = oneshot::channel();
        (Self::of(Answer::Waiting(answer)), Waiting(waiting))
    }

    /// For a request that is on disk, and stays there unless it arrives or is refused for good.
    pub(crate) fn stored(receipt: Receipt) -> Self {
        Self::of(Answer::Stored(receipt))
    }

    fn of(answer: Answer) -> Self {
        let caller = Caller { open: 1, failed: None, answer: Some(answer) };
        Self { caller: Arc::new(Mutex::new(caller)), answered: false }
    }

    /// The same caller's claim on one more request.
    #[must_use]
    pub fn another(&self) -> Self {
        self.caller().open += 1;
        Self { caller: Arc::clone(&self.caller), answered: false }
    }

    /// True when the caller no longer waits.
    pub fn is_withdrawn(&self) -> bool {
        match &self.caller().answer {
            Some(Answer::Waiting(answer)) => answer.is_closed(),
            Some(Answer::Stored(_)) => false,
            None => true,
        }
    }

    /// The request that this claim is on was answered.
    pub fn answer(mut self, result: &Result<(), ConsumeError>) {
        self.settle(result);
    }

    fn settle(&mut self, result: &Result<(), ConsumeError>) {
        self.answered = true;
        let mut caller = self.caller();
        caller.open -= 1;
        if let Err(error) = result {
            let errors = caller.failed.take().into_iter().chain([error.clone()]);
            caller.failed = ConsumeError::combine(errors);
        }
        if caller.open > 0 {
            return;
        }
        let (failed, answer) = (caller.failed.take(), caller.answer.take());
        drop(caller);
        match answer {
            // A caller that has left needs no answer.
            Some(Answer::Waiting(answer)) => drop(answer.send(failed.map_or(Ok(()), Err))),
            Some(Answer::Stored(receipt)) if failed.is_none_or(|it| it.is_permanent()) => {
                receipt.done();
            }
            Some(Answer::Stored(_)) | None => {}
        }
    }

    fn caller(&self) -> MutexGuard<'_, Caller> {
        self.caller.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.answered {
            self.settle(&Err(unanswered()));
        }
    }
}

fn unanswered() -> ConsumeError {
    ConsumeError::retryable("the request was given up at shutdown, send the data again")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(answers: &[Result<(), ConsumeError>], want: Result<(), &str>) {
        let (first, waiting) = Claim::new();
        let mut claims = vec![first];
        while claims.len() < answers.len() {
            claims.push(claims[0].another());
        }
        for (claim, answer) in claims.into_iter().zip(answers) {
            claim.answer(answer);
        }
        let got = waiting.answer().await.map_err(|it| it.to_string());
        assert_eq!(got, want.map_err(str::to_owned));
    }

    #[tokio::test]
    async fn all_parts_have_to_arrive() {
        let (ok, bad) = (Ok(()), Err(ConsumeError::permanent("bad")));
        let later = Err(ConsumeError::retryable("later"));
        check(&[ok.clone(), ok.clone()], Ok(())).await;
        check(&[ok.clone(), bad.clone(), ok], Err("Permanent error: bad")).await;
        check(&[bad, later], Err("bad; later")).await;
    }

    #[tokio::test]
    async fn nothing_is_answered_before_the_last_part() {
        let (first, waiting) = Claim::new();
        let second = first.another();
        first.answer(&Err(ConsumeError::permanent("bad")));
        let mut answer = Box::pin(waiting.answer());
        tokio::select! {
            biased;
            _ = &mut answer => panic!("answered with a part open"),
            () = std::future::ready(()) => {}
        }
        second.answer(&Ok(()));
        assert!(answer.await.is_err());
    }

    #[tokio::test]
    async fn a_dropped_claim_has_failed() {
        let (claim, waiting) = Claim::new();
        drop(claim);
        assert!(!waiting.answer().await.unwrap_err().is_permanent());
    }

    #[test]
    fn a_caller_that_left_has_withdrawn() {
        let (claim, waiting) = Claim::new();
        assert!(!claim.is_withdrawn());
        drop(waiting);
        assert!(claim.is_withdrawn());
    }
}
