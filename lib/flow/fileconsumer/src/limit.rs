//! At most one log line per cause and ten seconds.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Time between two lines of the same cause.
const PERIOD: Duration = Duration::from_secs(10);
/// Most causes remembered.
const CAUSES_MAX: usize = 1000;

/// Remembers when each cause was last spoken of.
#[derive(Default)]
pub(crate) struct OncePer {
    last: Mutex<HashMap<String, Instant>>,
}

impl OncePer {
    /// True when it is time to speak of this cause again.
    pub(crate) fn allows(&self, cause: &str) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if last.get(cause).is_some_and(|it| now < *it + PERIOD) {
            return false;
        }
        if last.len() >= CAUSES_MAX {
            last.clear();
        }
        last.insert(cause.to_owned(), now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_cause_is_spoken_of_once_in_ten_seconds() {
        let limit = OncePer::default();
        assert!(limit.allows("a") && limit.allows("b") && !limit.allows("a"));
        tokio::time::advance(PERIOD).await;
        assert!(limit.allows("a"));
    }
}
