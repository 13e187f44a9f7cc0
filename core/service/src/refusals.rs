//! Authenticators of servers, with what they refuse counted and said: each cause at most once in ten seconds, so that a
//! client with a wrong password does not fill the log.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use component::meter::{Counter, Descriptor, Level, OURS};
use component::{AuthData, Capability, Id, Meter, Refusal, ServerAuth, async_trait};
use http::HeaderMap;
use tokio::time::Instant;
use tracing::warn;

const REFUSED: Descriptor = Descriptor {
    scope: OURS,
    name: "sluice_auth_refused_requests_total",
    unit: "{request}",
    description: "Requests of clients that an authenticator did not let in: it does not know them, or cannot check them now.",
    level: Level::Basic,
};

/// The shortest time between two lines about one cause.
const PAUSE: Duration = Duration::from_secs(10);
/// Most causes of one authenticator that are told apart; clients can make up some.
const CAUSES_MAX: usize = 16;
/// What stands for the causes beyond them.
const OTHERS: &str = "other reasons";

/// What an extension offers, with its refusals watched.
pub(crate) fn watched(offered: Vec<Capability>, id: &Id, meter: &Meter) -> Vec<Capability> {
    let watched = |it| match it {
        Capability::ServerAuth(auth) => Capability::ServerAuth(Arc::new(Watched {
            auth,
            id: id.clone(),
            refused: ["unauthenticated", "unavailable"].map(|reason| {
                let labels = [("authenticator", id.as_str()), ("reason", reason)];
                meter.counter(REFUSED, &labels)
            }),
            causes: Mutex::default(),
        })),
        other => other,
    };
    offered.into_iter().map(watched).collect()
}

struct Watched {
    auth: Arc<dyn ServerAuth>,
    id: Id,
    refused: [Counter; 2],
    causes: Mutex<Causes>,
}

#[async_trait]
impl ServerAuth for Watched {
    async fn authenticate(&self, headers: &HeaderMap) -> Result<AuthData, Refusal> {
        self.auth.authenticate(headers).await
    }

    async fn admit(
        &self,
        headers: &HeaderMap,
        peer: Option<SocketAddr>,
    ) -> Result<AuthData, Refusal> {
        let answer = self.auth.authenticate(headers).await;
        if let Err(why) = &answer {
            let [unknown, later] = &self.refused;
            match why {
                Refusal::Unknown(_) => unknown.add(1),
                Refusal::Later(_) => later.add(1),
            }
            let mut causes = self.causes.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((error, times)) = causes.due(why.text(), Instant::now()) {
                let authenticator = self.id.as_str();
                warn!(authenticator, ?peer, times, error, "a client was refused");
            }
        }
        answer
    }
}

/// When each cause was said last, and how often it came since.
#[derive(Default)]
struct Causes(BTreeMap<String, (Instant, u64)>);

impl Causes {
    /// What has to be said now, and how many requests that is about.
    fn due<'a>(&mut self, cause: &'a str, now: Instant) -> Option<(&'a str, u64)> {
        let is_over = |since: Instant| now.duration_since(since) >= PAUSE;
        let mut cause = cause;
        if !self.0.contains_key(cause) && self.0.len() >= CAUSES_MAX {
            self.0.retain(|_, it| !is_over(it.0));
            if self.0.len() >= CAUSES_MAX {
                cause = OTHERS;
            }
        }
        match self.0.get_mut(cause) {
            None => {
                self.0.insert(cause.to_owned(), (now, 0));
                Some((cause, 1))
            }
            Some((since, times)) if is_over(*since) => {
                *since = now;
                Some((cause, std::mem::take(times) + 1))
            }
            Some((_, times)) => {
                *times += 1;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once_in_ten_seconds_with_how_often_it_came() {
        let (mut causes, start) = (Causes::default(), Instant::now());
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        assert_eq!(causes.due("a", at(0)), Some(("a", 1)));
        assert_eq!(causes.due("a", at(1)), None);
        assert_eq!(causes.due("b", at(2)), Some(("b", 1)));
        assert_eq!(causes.due("a", at(9)), None);
        assert_eq!(causes.due("a", at(10)), Some(("a", 3)));
        assert_eq!(causes.due("a", at(19)), None);
        assert_eq!(causes.due("b", at(30)), Some(("b", 1)));
    }

    #[test]
    fn causes_that_clients_make_up_share_a_line() {
        let (mut causes, now) = (Causes::default(), Instant::now());
        for n in 0..CAUSES_MAX {
            let cause = n.to_string();
            assert_eq!(causes.due(&cause, now), Some((cause.as_str(), 1)));
        }
        assert_eq!(causes.due("one more", now), Some((OTHERS, 1)));
        assert_eq!(causes.due("and another", now), None);
        assert_eq!(causes.due("0", now), None);
        let later = now + PAUSE;
        assert_eq!(causes.due("another one", later), Some(("another one", 1)), "there is room");
        assert!(causes.0.len() <= CAUSES_MAX + 1);
    }
}
