//! The connections of a client: to one address of the target, or to all of them in turn.
//!
//! A task looks the addresses up and has a [`Keeper`] for each. When a connection ends or cannot be made, it looks them up
//! again: that is how a server that has moved is found, and how new ones get their share.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use confignet::dial::{self, Target};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::config::Policy;
use super::link::{Keeper, Live, Road, State, To};

/// Most connections of a client. A name with more addresses than this is a mistake or a trap.
const CONNECTIONS_MAX: usize = 100;
/// Shortest pause between two look-ups. grpc-go waits 30 s, in which a server that has moved would not be found.
const LOOK_UP_PAUSE: Duration = Duration::from_secs(5);
/// Reports that wait to be read.
const REPORTS_MAX: usize = 16;

/// What calls see.
#[derive(Clone)]
pub(super) enum Link {
    /// Calls wait.
    Connecting,
    /// Calls use these in turn; there is at least one.
    Up(Arc<[Live]>),
    /// Calls fail with this text, unless they wait for readiness.
    Down(Arc<str>),
}

/// Finds the addresses of the target.
pub(super) type Resolve = Arc<dyn Fn() -> LookUp + Send + Sync>;
pub(super) type LookUp =
    std::pin::Pin<Box<dyn Future<Output = Result<Vec<SocketAddr>, String>> + Send>>;

/// The task of a client.
pub(super) struct Balancer {
    road: Arc<Road>,
    /// `None` where the target is dialed as it is.
    resolve: Option<Resolve>,
    look_up_pause: Duration,
    link: watch::Sender<Link>,
    members: Vec<Member>,
    tasks: JoinSet<()>,
}

struct Member {
    to: To,
    state: State,
    /// Its keeper goes when this does.
    _wanted: watch::Sender<()>,
}

impl Balancer {
    /// `is_resolved` says that the target is a name of servers to be looked up here.
    pub(super) fn new(
        road: Road,
        policy: Policy,
        is_resolved: bool,
        link: watch::Sender<Link>,
    ) -> Self {
        let resolve = match &road.target {
            Target::Tcp { host, port }
                if is_resolved && road.proxy.is_none() && policy == Policy::RoundRobin =>
            {
                Some(of_system(host.clone(), *port))
            }
            _ => None,
        };
        let (road, members, tasks) = (Arc::new(road), Vec::new(), JoinSet::new());
        Self { road, resolve, look_up_pause: LOOK_UP_PAUSE, link, members, tasks }
    }

    /// With other addresses than the system's resolver finds, and another shortest pause.
    #[cfg(test)]
    pub(super) fn resolved_by(self, resolve: Resolve, look_up_pause: Duration) -> Self {
        Self { resolve: Some(resolve), look_up_pause, ..self }
    }

    /// Whether it looks up all addresses of the name.
    #[cfg(test)]
    pub(super) fn resolves(&self) -> bool {
        self.resolve.is_some()
    }

    /// Runs until the client is dropped.
    pub(super) async fn run(mut self) {
        let (sender, mut reports) = mpsc::channel(REPORTS_MAX);
        let Some(resolve) = self.resolve.clone() else {
            self.settle(&[To::Target], &sender);
            while let Some(report) = reports.recv().await {
                self.take(report);
            }
            return;
        };
        let mut looking = Some(resolve());
        let mut due = None;
        let mut looked = Instant::now();
        loop {
            tokio::select! {
                () = self.link.closed() => return,
                report = reports.recv() => {
                    let Some(report) = report else { return };
                    let is_loss = matches!(report.1, State::Down(_))
                        || matches!(report.1, State::Connecting) && self.is_up(report.0);
                    self.take(report);
                    if is_loss && looking.is_none() {
                        due = due.or(Some(looked + self.look_up_pause));
                    }
                }
                found = async { Some(looking.as_mut()?.await) }, if looking.is_some() => {
                    (looking, looked) = (None, Instant::now());
                    let found = found.unwrap_or_else(|| Ok(Vec::new()));
                    if !self.found(found, &sender) {
                        due = Some(looked + self.look_up_pause);
                    }
                }
                () = sleep_until(due.unwrap_or(looked)), if due.is_some() => {
                    (due, looking) = (None, Some(resolve()));
                }
            }
        }
    }

    /// Takes the result of a look-up; false when it found nobody.
    fn found(
        &mut self,
        found: Result<Vec<SocketAddr>, String>,
        sender: &mpsc::Sender<(To, State)>,
    ) -> bool {
        let why = match found {
            Ok(addresses) if !addresses.is_empty() => {
                let mut wanted: Vec<To> = Vec::new();
                for to in addresses.into_iter().map(To::Address) {
                    if !wanted.contains(&to) && wanted.len() < CONNECTIONS_MAX {
                        wanted.push(to);
                    }
                }
                self.settle(&wanted, sender);
                return true;
            }
            Ok(_) => "no addresses".to_owned(),
            Err(why) => why,
        };
        tracing::debug!(target = %self.road.target, why, "the addresses of a target were not found");
        // As grpc-go: connections that stand are used further.
        if self.members.is_empty() {
            let text = format!("name resolver error: produced zero addresses: {why}");
            self.link.send_replace(Link::Down(text.into()));
        }
        false
    }

    /// Connections to these, and to nobody else.
    fn settle(&mut self, wanted: &[To], sender: &mpsc::Sender<(To, State)>) {
        self.members.retain(|member| wanted.contains(&member.to));
        for to in wanted {
            if !self.members.iter().any(|it| it.to == *to) {
                let (holder, wanted) = watch::channel(());
                let keeper = Keeper::new(Arc::clone(&self.road), *to, sender.clone(), wanted);
                self.tasks.spawn(keeper.run());
                self.members.push(Member { to: *to, state: State::Connecting, _wanted: holder });
            }
        }
        while self.tasks.try_join_next().is_some() {}
        self.publish();
    }

    fn is_up(&self, to: To) -> bool {
        self.members.iter().any(|it| it.to == to && matches!(it.state, State::Up(_)))
    }

    fn take(&mut self, (to, state): (To, State)) {
        if let Some(member) = self.members.iter_mut().find(|it| it.to == to) {
            member.state = state;
            self.publish();
        }
    }

    /// Calls go to those that are up, wait while one may come up, and fail when none does.
    fn publish(&self) {
        let up = self.members.iter().filter_map(|it| match &it.state {
            State::Up(live) => Some(live.clone()),
            _ => None,
        });
        let up: Arc<[Live]> = up.collect();
        let why = self.members.iter().find_map(|it| match &it.state {
            State::Down(why) => Some(Arc::clone(why)),
            _ => None,
        });
        let connects = self.members.iter().any(|it| matches!(it.state, State::Connecting));
        self.link.send_replace(match (up.is_empty(), why) {
            (false, _) => Link::Up(up),
            (true, Some(why)) if !connects => Link::Down(why),
            _ => Link::Connecting,
        });
    }
}

fn of_system(host: String, port: u16) -> Resolve {
    Arc::new(move || {
        let host = host.clone();
        Box::pin(async move { dial::look_up(&host, port).await })
    })
}
