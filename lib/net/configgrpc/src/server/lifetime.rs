//! When a connection is pinged, asked to leave, and closed. No clock of its own: the caller says what
//! time it is.

use std::time::Duration;

use confignet::server::STOP_GRACE;
use tokio::time::Instant;

use super::config::ServerParameters;

/// Pause between pings. `defaultServerKeepaliveTime`, grpc-go 1.80.
const PING_PAUSE: Duration = Duration::from_secs(2 * 60 * 60);
/// Wait for a ping's answer. `defaultServerKeepaliveTimeout`, grpc-go 1.80.
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// Longest time for a client to read its answers.
const READ_WAIT: Duration = Duration::from_secs(30);
/// Shortest pause between pings. `keepalive.ServerParameters`, grpc-go 1.80.
const PING_PAUSE_MIN: Duration = Duration::from_secs(1);

/// What to do now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Nothing until [`Lifetime::next`].
    Wait,
    /// Send a ping.
    Ping,
    /// Send GOAWAY and go on with the calls in flight.
    Leave,
    /// Give up.
    Close,
}

/// The life of one connection.
#[derive(Debug)]
pub(super) struct Lifetime {
    idle: Option<Duration>,
    grace: Option<Duration>,
    ping_pause: Duration,
    ping_timeout: Duration,
    leave_at: Option<Instant>,
    idle_at: Option<Instant>,
    ping_at: Instant,
    pong_by: Option<Instant>,
    close_at: Option<Instant>,
    read_by: Option<Instant>,
    leaving: bool,
}

impl Lifetime {
    /// Begins without calls. `spread` in 0 to 1 keeps connections of one age from leaving together.
    pub(super) fn new(parameters: &ServerParameters, spread: f64, now: Instant) -> Self {
        let set = |it: component::config::Duration| Some(it.std()).filter(|it| !it.is_zero());
        // A tenth earlier or later. `getJitter`, grpc-go 1.80.
        let age = set(parameters.max_connection_age).map(|it| it.mul_f64(0.9 + 0.2 * spread));
        let ping_pause = set(parameters.time).unwrap_or(PING_PAUSE).max(PING_PAUSE_MIN);
        let idle = set(parameters.max_connection_idle);
        Self {
            idle,
            grace: set(parameters.max_connection_age_grace),
            ping_pause,
            ping_timeout: set(parameters.timeout).unwrap_or(PING_TIMEOUT),
            leave_at: age.and_then(|it| now.checked_add(it)),
            idle_at: idle.and_then(|it| now.checked_add(it)),
            ping_at: now + ping_pause,
            pong_by: None,
            close_at: None,
            read_by: None,
            leaving: false,
        }
    }

    /// Calls are in flight, or not.
    pub(super) fn set_busy(&mut self, busy: bool, now: Instant) {
        match (busy, self.idle_at) {
            (true, _) => self.idle_at = None,
            (false, None) => self.idle_at = self.idle.and_then(|it| now.checked_add(it)),
            (false, Some(_)) => {}
        }
    }

    /// There are answers that the client does not read, and nothing else is under way; or not.
    pub(super) fn set_unread(&mut self, unread: bool, now: Instant) {
        self.read_by = unread.then(|| self.read_by.unwrap_or(now + READ_WAIT));
    }

    /// The client answered a ping.
    pub(super) fn pong(&mut self) {
        self.pong_by = None;
    }

    /// The server stops.
    pub(super) fn stop(&mut self, now: Instant) {
        self.leaving = true;
        let close_at = now + self.grace.unwrap_or(STOP_GRACE).min(STOP_GRACE);
        self.close_at = Some(self.close_at.map_or(close_at, |it| it.min(close_at)));
    }

    /// True once the connection was asked to leave.
    pub(super) fn is_leaving(&self) -> bool {
        self.leaving
    }

    /// When to look again.
    pub(super) fn next(&self) -> Instant {
        let asked =
            if self.leaving { None } else { self.leave_at.into_iter().chain(self.idle_at).min() };
        let due = [asked, self.pong_by, self.close_at, self.read_by].into_iter().flatten();
        due.fold(self.ping_at, Instant::min)
    }

    /// What is due.
    pub(super) fn check(&mut self, now: Instant) -> Action {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if due(self.close_at) || due(self.pong_by) || due(self.read_by) {
            return Action::Close;
        }
        if !self.leaving && (due(self.leave_at) || due(self.idle_at)) {
            self.leaving = true;
            self.close_at = self.grace.and_then(|it| now.checked_add(it));
            return Action::Leave;
        }
        if self.ping_at <= now {
            self.ping_at = now + self.ping_pause;
            if self.pong_by.is_none() {
                self.pong_by = Some(now + self.ping_timeout);
                return Action::Ping;
            }
        }
        Action::Wait
    }
}

#[cfg(test)]
mod tests {
    use component::config::Duration as GoDuration;

    use super::*;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn by_default_a_connection_is_only_pinged() {
        let now = Instant::now();
        let mut life = Lifetime::new(&ServerParameters::default(), 0.5, now);
        assert_eq!(life.next(), now + PING_PAUSE);
        assert_eq!(life.check(now + seconds(7199)), Action::Wait);
        let ping = now + PING_PAUSE;
        assert_eq!(life.check(ping), Action::Ping);
        assert_eq!(life.next(), ping + PING_TIMEOUT);
        life.pong();
        assert_eq!(life.check(ping + PING_TIMEOUT), Action::Wait);
    }

    #[test]
    fn a_client_that_does_not_answer_a_ping_is_given_up() {
        let now = Instant::now();
        let parameters = ServerParameters {
            time: GoDuration::from_secs(10),
            timeout: GoDuration::from_secs(3),
            ..ServerParameters::default()
        };
        let mut life = Lifetime::new(&parameters, 0.5, now);
        assert_eq!(life.check(now + seconds(10)), Action::Ping);
        assert_eq!(life.check(now + seconds(12)), Action::Wait);
        assert_eq!(life.check(now + seconds(13)), Action::Close);
    }

    #[test]
    fn an_old_connection_leaves_and_is_closed_after_its_grace() {
        let now = Instant::now();
        let parameters = ServerParameters {
            max_connection_age: GoDuration::from_secs(100),
            max_connection_age_grace: GoDuration::from_secs(5),
            ..ServerParameters::default()
        };
        let mut life = Lifetime::new(&parameters, 0.0, now);
        life.set_busy(true, now);
        assert_eq!(life.check(now + seconds(89)), Action::Wait);
        assert_eq!(life.check(now + seconds(90)), Action::Leave);
        assert!(life.is_leaving());
        assert_eq!(life.next(), now + seconds(95));
        assert_eq!(life.check(now + seconds(95)), Action::Close);
    }

    #[test]
    fn only_a_connection_without_calls_is_idle() {
        let now = Instant::now();
        let parameters = ServerParameters {
            max_connection_idle: GoDuration::from_secs(60),
            ..ServerParameters::default()
        };
        let mut life = Lifetime::new(&parameters, 0.5, now);
        life.set_busy(true, now + seconds(1));
        assert_eq!(life.check(now + seconds(61)), Action::Wait);
        life.set_busy(false, now + seconds(70));
        life.set_busy(false, now + seconds(80));
        assert_eq!(life.check(now + seconds(129)), Action::Wait);
        assert_eq!(life.check(now + seconds(130)), Action::Leave);
        assert_eq!(life.check(now + seconds(1000)), Action::Wait);
    }

    #[test]
    fn answers_are_read_in_thirty_seconds_or_the_connection_ends() {
        let now = Instant::now();
        let mut life = Lifetime::new(&ServerParameters::default(), 0.5, now);
        life.set_unread(true, now);
        life.set_unread(true, now + seconds(20));
        assert_eq!(life.next(), now + seconds(30));
        assert_eq!(life.check(now + seconds(30)), Action::Close);
        life.set_unread(false, now + seconds(30));
        assert_eq!(life.check(now + seconds(31)), Action::Wait);
    }

    #[test]
    fn a_server_that_stops_gives_a_bounded_grace() {
        let now = Instant::now();
        let mut life = Lifetime::new(&ServerParameters::default(), 0.5, now);
        life.stop(now);
        assert_eq!(life.next(), now + STOP_GRACE);
        assert_eq!(life.check(now + STOP_GRACE), Action::Close);
    }
}
