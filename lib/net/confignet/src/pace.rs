//! How slowly a client may send: a body that stands still, or comes by the byte, holds memory and a connection.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// Slowest client, in bytes per second.
const RATE_MIN: usize = 1024;
/// The time over which its bytes are counted, in seconds.
const WINDOW_SECS: usize = 30;
const WINDOW: Duration = Duration::from_secs(WINDOW_SECS as u64);

/// The pace of one body. Bytes are counted in windows: the next one begins when this one has what it needs, so that
/// what came fast does not pay for a standstill later.
#[derive(Debug)]
pub struct Pace {
    /// When this window ends.
    due: Instant,
    /// Bytes of this window; `None` when the whole body has to be there in time, however it comes.
    bytes: Option<usize>,
    /// Made by the first wait: most bodies are there at once.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    /// 1 KiB per second, over 30 seconds each; or all within `limit`.
    pub fn new(limit: Option<Duration>) -> Self {
        let due = Instant::now() + limit.unwrap_or(WINDOW);
        Self { due, bytes: limit.is_none().then_some(0), timer: None }
    }

    /// Another body begins.
    pub fn restart(&mut self) {
        self.due = Instant::now() + WINDOW;
        self.bytes = self.bytes.map(|_| 0);
    }

    /// So many bytes have come.
    pub fn came(&mut self, bytes: usize) {
        let Some(all) = &mut self.bytes else { return };
        *all = all.saturating_add(bytes);
        if *all >= RATE_MIN * WINDOW_SECS {
            (*all, self.due) = (0, Instant::now() + WINDOW);
        }
    }

    /// What `next` brings; `None` when it comes too slowly.
    pub async fn keep<T>(&mut self, next: impl Future<Output = T>) -> Option<T> {
        let mut next = pin!(next);
        poll_fn(|cx| match next.as_mut().poll(cx) {
            Poll::Ready(it) => Poll::Ready(Some(it)),
            Poll::Pending => self.poll_late(cx).map(|()| None),
        })
        .await
    }

    /// Ready once the client is too slow.
    pub fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(self.due)));
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline() >= self.due {
                return Poll::Ready(());
            }
            // Another window has begun since the timer was set.
            timer.as_mut().reset(self.due);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::sleep;

    use super::*;

    /// Feeds `bytes` every `pause` and says after how many seconds that was too slow.
    async fn check(limit: Option<Duration>, bytes: usize, pause: Duration, want: Option<u64>) {
        let (start, mut pace) = (Instant::now(), Pace::new(limit));
        for _ in 0..1_000 {
            if pace.keep(sleep(pause)).await.is_none() {
                assert_eq!(Some(start.elapsed().as_secs()), want, "{bytes} bytes");
                return;
            }
            pace.came(bytes);
        }
        assert_eq!(want, None, "{bytes} bytes");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_comes_at_a_kibibyte_per_second_or_ends_after_thirty_seconds() {
        let second = Duration::from_secs(1);
        check(None, 1, second, Some(30)).await;
        check(None, 500, second, Some(30)).await;
        check(None, 1100, second, None).await;
        check(Some(90 * second), 1, second, Some(90)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_came_fast_does_not_pay_for_a_standstill() {
        let (start, mut pace) = (Instant::now(), Pace::new(None));
        for _ in 0..2 {
            assert!(pace.keep(sleep(Duration::from_secs(20))).await.is_some());
            pace.came(100 << 20);
        }
        assert_eq!(pace.keep(pending::<()>()).await, None);
        assert_eq!(start.elapsed().as_secs(), 20 + 20 + 30);
    }
}
