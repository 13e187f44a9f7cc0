//! What a component finds in its own section.

use std::fmt;

use crate::fault::{Fault, Stage, Step};

/// What [`crate::Config::validate`] and the plan of a component found.
#[derive(Debug, Default)]
pub struct Problems {
    faults: Vec<Fault>,
    warnings: Vec<(Caution, Fault)>,
    needs: Vec<(String, Need)>,
}

/// What a section needs that only the whole configuration can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// A storage extension, by its id.
    Storage(String),
    /// An extension that checks credentials, by its id.
    ServerAuth(String),
    /// An extension that gives credentials, by its id.
    ClientAuth(String),
    /// An extension around requests, by its place and its id.
    Middleware(Side, String),
    /// An extension that has telemetry policies, by its id.
    Policies(String),
    /// An extension that knows which of several collectors leads, by its id.
    LeaderElection(String),
    /// An extension that finds endpoints, by its id.
    Observer(String),
    /// An address to listen at: `host:port`, or the path of a unix socket.
    Address(String),
    /// A right at the API server of Kubernetes.
    Right(Right),
}

/// A rule of a role in Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// Empty for the core group.
    pub group: String,
    /// `pods`, `nodes/stats`.
    pub resource: String,
    /// `get`, `list`, `watch`.
    pub verbs: Vec<&'static str>,
}

impl fmt::Display for Right {
    /// As an entry of `rules:`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { group, resource, verbs } = self;
        let verbs = verbs.join(", ");
        write!(f, "{{apiGroups: [\"{group}\"], resources: [\"{resource}\"], verbs: [{verbs}]}}")
    }
}

/// Where a middleware stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Before the handlers of an HTTP server.
    HttpServer,
    /// Before the methods of a gRPC server.
    GrpcServer,
    /// Behind an HTTP client.
    HttpClient,
    /// Behind a gRPC client.
    GrpcClient,
}

impl Side {
    /// As the Collector names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::HttpServer => "HTTP server",
            Self::GrpcServer => "gRPC server",
            Self::HttpClient => "HTTP client",
            Self::GrpcClient => "gRPC client",
        }
    }
}

/// Legal, and probably not what was meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caution {
    /// A server on every network.
    Everywhere,
    /// No TLS to another machine.
    Plaintext,
    /// A scheme in the endpoint of a gRPC client.
    GrpcScheme,
    /// An endpoint that is not of the form wanted.
    EndpointForm,
    /// A pattern that matches no file.
    NoFiles,
    /// A time span in nanoseconds.
    NoUnit,
    /// A key that is not known where the Collector ignores such keys.
    IgnoredKey,
    /// A value that has no effect.
    NoEffect,
    /// A key that upstream has replaced by another one.
    Deprecated,
    /// A file that is needed and not there.
    AbsentFile,
    /// A certificate whose time is over, or has not come.
    Expired,
}

/// What the Collector writes above the mistakes of a part that it reads on its own.
const PART: &str = "decoding failed due to the following error(s):";

impl Problems {
    /// A broken rule. `key` is the path below the component's section with `::` between keys, empty
    /// for the section.
    pub fn at(&mut self, key: impl AsRef<str>, rule: impl Into<String>) -> &mut Fault {
        self.add(Fault::check(rule).within(key.as_ref()))
    }

    /// What upstream says only when it creates the component: the component is not created then.
    pub fn late(&mut self, key: impl AsRef<str>, rule: impl Into<String>) -> &mut Fault {
        self.add(Fault::create(rule).within(key.as_ref()))
    }

    /// What keeps the component from starting, although upstream says so only then.
    pub fn at_start(&mut self, key: impl AsRef<str>, why: impl Into<String>) -> &mut Fault {
        self.add(Fault::new(Stage::Start, why).within(key.as_ref()))
    }

    /// What the value of `key` names has to be there, or to be free, when the component starts.
    pub fn needs(&mut self, key: impl Into<String>, need: Need) {
        self.needs.push((key.into(), need));
    }

    /// What somebody else found.
    pub fn add(&mut self, fault: Fault) -> &mut Fault {
        push(&mut self.faults, fault)
    }

    /// Something legal that is probably not what was meant.
    pub fn warn(
        &mut self,
        caution: Caution,
        key: impl AsRef<str>,
        text: impl Into<String>,
    ) -> &mut Fault {
        &mut push(&mut self.warnings, (caution, Fault::check(text).within(key.as_ref()))).1
    }

    /// Takes over what was found in a part of the section; `place` says of each where it is.
    pub fn take(&mut self, part: Problems, place: impl Fn(Fault) -> Fault) {
        self.faults.extend(part.faults.into_iter().map(&place));
        self.warnings.extend(part.warnings.into_iter().map(|(caution, it)| (caution, place(it))));
    }

    /// Changes each mistake.
    pub fn each(&mut self, change: impl FnMut(&mut Fault)) {
        self.faults.iter_mut().for_each(change);
    }

    /// Puts the mistakes of a part in order that the Collector reads on its own: those of reading come first, in the order of
    /// `keys`, below `intro`. `alone` says of a key at which depth a part begins that is read on its own as well. What only
    /// follows from one of them goes.
    pub(crate) fn settle(
        &mut self,
        keys: &[&str],
        alone: impl Fn(&str) -> Option<usize>,
        intro: &str,
    ) {
        let (mut unread, mut others): (Vec<Fault>, Vec<Fault>) =
            std::mem::take(&mut self.faults).into_iter().partition(|it| it.stage == Stage::Read);
        let key = |it: &Fault| match it.place.first() {
            Some(Step::Key(key)) => keys.iter().position(|it| it == key),
            _ => None,
        };
        unread.sort_by_key(key);
        others.retain(|it| {
            let same = |unread: &Fault| {
                it.place.starts_with(&unread.place) || unread.place.starts_with(&it.place)
            };
            !unread.iter().any(same)
        });
        let depth = |it: &Fault| {
            key(it).and_then(|it| alone(keys[it])).filter(|depth| *depth < it.place.len())
        };
        for part in unread.chunk_by_mut(|a, b| depth(a) == depth(b)) {
            if let Some(depth) = depth(&part[0]) {
                Fault::enclose(part, depth, PART);
            }
        }
        Fault::enclose(&mut unread, 0, intro);
        self.faults = unread;
        self.faults.append(&mut others);
    }

    /// The mistakes of one stage, in the order found.
    pub fn of(&self, stage: Stage) -> impl Iterator<Item = &Fault> {
        self.faults.iter().filter(move |it| it.stage == stage)
    }

    /// Everything that is wrong.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// What has to be there: keys, and what they name.
    pub fn needed(&self) -> &[(String, Need)] {
        &self.needs
    }

    /// Warnings, in the order found.
    pub fn warnings(&self) -> &[(Caution, Fault)] {
        &self.warnings
    }
}

fn push<T>(list: &mut Vec<T>, it: T) -> &mut T {
    let at = list.len();
    list.push(it);
    &mut list[at]
}
