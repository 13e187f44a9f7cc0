//! The table: what is known, by key. It knows no tasks and no sockets; time is handed in.
//!
//! A pod that is deleted, and a key that a pod no longer has, stay for a while: what it wrote last is still on the way. They go
//! when their time is over, and only if the key still leads to the same pod.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use kube::{Object, Owner};
use pdata::AttributeBuf;
use tokio::time::Instant;

use crate::api::ApiPod;
use crate::extract::{Extracted, Known, Owners, encode, extract};
use crate::identity::Key;
use crate::merge::merge;
use crate::origin::Origin;
use crate::owners::Wanted;
use crate::pod::Pod;
use crate::rules::{Attributes, From, Rules};

/// Most pods, those that are gone and still known included.
pub(crate) const PODS_MAX: usize = 20_000;
/// Most bytes of all pods together: 2 KiB for each.
pub(crate) const BYTES_MAX: usize = PODS_MAX * 2048;
/// Most namespaces, nodes or workloads of one kind.
const OBJECTS_MAX: usize = 100_000;
/// Most replica sets that were asked for one by one.
const ANSWERS_MAX: usize = 10_000;
/// Most pods that wait for an owner to come.
const WAITING_MAX: usize = 1_000;

/// What is known of a namespace, node or workload.
#[derive(Debug)]
pub struct Extra {
    /// Its uid.
    pub uid: Box<str>,
    /// What is added to resources of its pods.
    pub attributes: Box<[AttributeBuf]>,
}

/// A kind of objects beside pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// What labels and annotations are read of. Workloads are known by uid, the others by name.
    Of(From),
    /// Only for their owners.
    ReplicaSets,
}

/// What the table did with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Added,
    Updated,
    Deleted,
    /// There is no room.
    Refused,
    /// Nothing was to be done.
    Nothing,
}

/// Where a key leads.
#[derive(Debug, Clone)]
pub struct Led {
    /// To this pod.
    pub pod: Arc<Pod>,
    /// Since when the pod is gone or does not have the key any more; another one may have it by now.
    pub left: Option<Instant>,
}

/// A pod that exists.
struct Live {
    /// What its sources say of it, the one with the last word first.
    parts: Vec<Part>,
    /// All of it.
    pod: Arc<Pod>,
    /// By all of them.
    keys: Box<[Key]>,
}

/// What one source says of a pod.
struct Part {
    origin: Origin,
    pod: Arc<Pod>,
    keys: Box<[Key]>,
    /// The list in which it came last.
    round: u32,
    /// The source does not have it any more. What it has said is right until all say so: they learn of an end at different
    /// times, and who knows most is the first to forget.
    gone: bool,
}

/// Keys that go when their time is over.
struct Leaving {
    at: Instant,
    uid: Box<str>,
    keys: Box<[Key]>,
    /// All of a pod, and not only some keys.
    whole: bool,
    bytes: usize,
}

#[derive(Default)]
struct Objects {
    known: HashMap<Box<str>, (Arc<Extra>, u32)>,
    /// Owners of the objects, by uid, and the list in which they came last.
    owners: Owners,
    rounds: HashMap<Box<str>, u32>,
    round: u32,
}

/// What is known.
pub(crate) struct Table {
    rules: Arc<Rules>,
    grace: Duration,
    index: HashMap<Key, Led>,
    live: HashMap<Box<str>, Live>,
    leaving: VecDeque<Leaving>,
    /// Of each source the list that it tells.
    rounds: [u32; Origin::ALL.len()],
    bytes: usize,
    /// Pods among those that leave.
    gone: usize,
    objects: HashMap<Kind, Objects>,
    /// Pods by the uid of an owner that is not known yet, and who told of them.
    waiting: HashMap<Box<str>, Vec<(Origin, ApiPod)>>,
    /// No room was said.
    pub(crate) is_full: bool,
}

impl Table {
    pub(crate) fn new(rules: Arc<Rules>, grace: Duration) -> Self {
        Self {
            rules,
            grace,
            index: HashMap::new(),
            live: HashMap::new(),
            leaving: VecDeque::new(),
            rounds: [0; Origin::ALL.len()],
            bytes: 0,
            gone: 0,
            objects: HashMap::new(),
            waiting: HashMap::new(),
            is_full: false,
        }
    }

    /// Where this key leads, be it to a pod of which nothing is to be known.
    pub(crate) fn find(&self, key: Key) -> Option<&Led> {
        self.index.get(&key)
    }

    /// A namespace or node by name, a workload by uid.
    pub(crate) fn extra(&self, of: From, id: &str) -> Option<Arc<Extra>> {
        Some(Arc::clone(&self.objects.get(&Kind::Of(of))?.known.get(id)?.0))
    }

    /// How many keys lead to pods.
    pub(crate) fn keys(&self) -> usize {
        self.index.len()
    }

    /// How many pods exist.
    #[cfg(test)]
    pub(crate) fn pods(&self) -> usize {
        self.live.len()
    }

    /// A list of pods begins.
    pub(crate) fn restart_pods(&mut self, origin: Origin) {
        self.rounds[origin.at()] += 1;
    }

    /// A list of pods has ended: what was not in it is gone. Returns how many were.
    pub(crate) fn sync_pods(&mut self, origin: Origin, now: Instant) -> usize {
        let round = self.rounds[origin.at()];
        let is_gone = |it: &Part| it.origin == origin && it.round != round && !it.gone;
        let gone = self.live.iter().filter(|it| it.1.parts.iter().any(is_gone));
        let gone: Vec<Box<str>> = gone.map(|it| it.0.clone()).collect();
        gone.iter().for_each(|uid| _ = self.delete_pod(origin, uid, now));
        gone.len()
    }

    pub(crate) fn apply_pod(&mut self, origin: Origin, api: &ApiPod, now: Instant) -> Outcome {
        if api.metadata.uid.is_empty() {
            return Outcome::Nothing;
        }
        let none = Owners::new();
        let owners = |kind| self.objects.get(&kind).map_or(&none, |it| &it.owners);
        let known =
            Known { replica_sets: owners(Kind::ReplicaSets), jobs: owners(Kind::Of(From::Job)) };
        let Extracted { pod, keys, missing } = extract(origin, api, &self.rules, &known);
        if let Some(owner) = missing {
            self.wait(owner, origin, api);
        }
        let (pod, keys) = (Arc::new(pod), keys.into_boxed_slice());
        let round = self.rounds[origin.at()];
        self.put(Part { origin, pod, keys, round, gone: false }, now)
    }

    fn put(&mut self, part: Part, now: Instant) -> Outcome {
        let uid = part.pod.uid.clone();
        let known = self.live.get(&uid);
        let is_new = known.is_none();
        let adds = known.is_none_or(|it| it.parts.iter().all(|it| it.origin != part.origin));
        if adds && !self.make_room(part.bytes()) {
            return Outcome::Refused;
        }
        let (origin, before) = (part.origin, self.live.remove(&uid));
        let (mut parts, keys_before, bytes_before) = match before {
            Some(it) => {
                let bytes = it.bytes();
                (it.parts, it.keys, bytes)
            }
            None => (Vec::new(), Box::default(), 0),
        };
        parts.retain(|it| it.origin != origin);
        let at = parts.iter().position(|it| it.origin < origin).unwrap_or(parts.len());
        parts.insert(at, part);
        let Some(live) = Live::of(parts) else { return Outcome::Nothing };
        let (pod, keys) = (Arc::clone(&live.pod), live.keys.clone());
        for key in &keys {
            // An address goes from pod to pod, and events of two pods come in any order: who started later has it.
            let is_older = self.index.get(key).is_some_and(|it| {
                let starts = pod.start.zip(it.pod.start);
                it.pod.uid != uid && starts.is_some_and(|(ours, theirs)| ours < theirs)
            });
            if !is_older {
                self.index.insert(*key, Led { pod: Arc::clone(&pod), left: None });
            }
        }
        self.bytes = (self.bytes + live.bytes()).saturating_sub(bytes_before);
        self.live.insert(uid.clone(), live);
        if is_new {
            return Outcome::Added;
        }
        let lost: Box<[Key]> =
            keys_before.iter().filter(|it| !keys.contains(it)).copied().collect();
        if !lost.is_empty() {
            self.leave(&uid, &lost, now);
            let at = now + self.grace;
            self.leaving.push_back(Leaving { at, uid, keys: lost, whole: false, bytes: 0 });
        }
        Outcome::Updated
    }

    /// Lets those go that have left first, until there is room.
    fn make_room(&mut self, bytes: usize) -> bool {
        let fits = |it: &Self| it.live.len() + it.gone < PODS_MAX && it.bytes + bytes <= BYTES_MAX;
        while !fits(self) {
            let Some(first) = self.leaving.pop_front() else { return false };
            self.forget(&first);
        }
        true
    }

    /// A source does not have a pod any more. When none has, it stays known for a while.
    pub(crate) fn delete_pod(&mut self, origin: Origin, uid: &str, now: Instant) -> Outcome {
        let Some(live) = self.live.get_mut(uid) else { return Outcome::Nothing };
        let Some(part) = live.parts.iter_mut().find(|it| it.origin == origin && !it.gone) else {
            return Outcome::Nothing;
        };
        part.gone = true;
        if live.parts.iter().any(|it| !it.gone) {
            return Outcome::Updated;
        }
        let Some(live) = self.live.remove(uid) else { return Outcome::Nothing };
        self.waiting.retain(|_, pods| {
            pods.retain(|it| it.1.uid() != uid);
            !pods.is_empty()
        });
        self.leave(uid, &live.keys, now);
        let (at, bytes) = (now + self.grace, live.bytes());
        self.gone += 1;
        self.leaving.push_back(Leaving {
            at,
            uid: uid.into(),
            keys: live.keys,
            whole: true,
            bytes,
        });
        Outcome::Deleted
    }

    /// A pod does not have these keys any more.
    fn leave(&mut self, uid: &str, keys: &[Key], now: Instant) {
        for key in keys {
            if let Some(it) = self.index.get_mut(key).filter(|it| &*it.pod.uid == uid) {
                it.left = Some(now);
            }
        }
    }

    /// Lets go what has been gone for long enough.
    pub(crate) fn sweep(&mut self, now: Instant) {
        while self.leaving.front().is_some_and(|it| it.at <= now) {
            if let Some(first) = self.leaving.pop_front() {
                self.forget(&first);
            }
        }
        if self.index.capacity() > 4 * self.index.len() + 1024 {
            self.index.shrink_to_fit();
            self.live.shrink_to_fit();
        }
    }

    fn forget(&mut self, it: &Leaving) {
        for key in &it.keys {
            // The pod may have come back since, and may have left again.
            let is_it = |led: &Led| {
                led.pod.uid == it.uid && led.left.is_some_and(|left| left + self.grace <= it.at)
            };
            if self.index.get(key).is_some_and(is_it) {
                self.index.remove(key);
            }
        }
        if it.whole {
            self.gone = self.gone.saturating_sub(1);
            self.bytes = self.bytes.saturating_sub(it.bytes);
        }
    }

    /// Extracts the pod again when the owner comes. What waits was counted as known, so nothing is lost if there is no room.
    fn wait(&mut self, owner: String, origin: Origin, api: &ApiPod) {
        let count: usize = self.waiting.values().map(Vec::len).sum();
        let waiting = self.waiting.entry(owner.into()).or_default();
        waiting.retain(|it| it.0 != origin || it.1.metadata.uid != api.metadata.uid);
        if count < WAITING_MAX {
            waiting.push((origin, api.clone()));
        }
    }

    /// Pods wait for owners.
    pub(crate) fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Replica sets for which pods wait.
    pub(crate) fn wanted(&self) -> Vec<Wanted> {
        let wanted = self.waiting.iter().filter_map(|(uid, pods)| {
            let meta = &pods.first()?.1.metadata;
            let is_it = |it: &&Owner| it.kind == "ReplicaSet" && *it.uid == **uid;
            let owner = meta.owner_references.iter().find(is_it)?;
            let (namespace, name) = (meta.namespace.clone(), owner.name.clone());
            Some(Wanted { namespace, name, uid: uid.to_string() })
        });
        wanted.collect()
    }

    /// Takes in a replica set that was asked for. Those of pods that are gone are of no use, so when there are many the table
    /// begins anew.
    pub(crate) fn answer(&mut self, object: &Object, now: Instant) {
        let sets = self.objects.entry(Kind::ReplicaSets).or_default();
        if sets.owners.len() >= ANSWERS_MAX {
            sets.owners.clear();
            sets.rounds.clear();
        }
        self.apply(Kind::ReplicaSets, object, now);
    }

    /// A list of objects begins.
    pub(crate) fn restart(&mut self, kind: Kind) {
        self.objects.entry(kind).or_default().round += 1;
    }

    /// A list has ended: what was not in it is gone.
    pub(crate) fn sync(&mut self, kind: Kind) {
        let objects = self.objects.entry(kind).or_default();
        let round = objects.round;
        objects.known.retain(|_, it| it.1 == round);
        objects.rounds.retain(|_, it| *it == round);
        let rounds = &objects.rounds;
        objects.owners.retain(|uid, _| rounds.contains_key(uid));
    }

    pub(crate) fn apply(&mut self, kind: Kind, object: &Object, now: Instant) -> Outcome {
        let meta = &object.metadata;
        let objects = self.objects.entry(kind).or_default();
        let owner = match kind {
            Kind::ReplicaSets => Some("Deployment"),
            Kind::Of(From::Job) => Some("CronJob"),
            Kind::Of(_) => None,
        };
        let count = objects.known.len().max(objects.owners.len());
        let is_new = match kind {
            Kind::ReplicaSets => !objects.owners.contains_key(&*meta.uid),
            Kind::Of(from) => !objects.known.contains_key(id(from, object)),
        };
        if is_new && count >= OBJECTS_MAX {
            return Outcome::Refused;
        }
        if let Some(owner) = owner {
            let owner = meta.controller(owner).map(|it| Arc::new(it.clone()));
            objects.owners.insert((&*meta.uid).into(), owner);
            objects.rounds.insert((&*meta.uid).into(), objects.round);
        }
        if let Kind::Of(from) = kind {
            let mut attributes = Attributes::new();
            self.rules.fields(from, false, &meta.labels, &mut attributes);
            self.rules.fields(from, true, &meta.annotations, &mut attributes);
            let uid = (&*meta.uid).into();
            let extra = Extra { uid, attributes: encode(&attributes) };
            objects.known.insert(id(from, object).into(), (Arc::new(extra), objects.round));
        }
        for (origin, pod) in self.waiting.remove(&*meta.uid).unwrap_or_default() {
            // It may be gone, or another one now.
            let has = |it: &Live| it.parts.iter().any(|it| it.origin == origin && !it.gone);
            if self.live.get(&*pod.metadata.uid).is_some_and(has) {
                self.apply_pod(origin, &pod, now);
            }
        }
        if is_new { Outcome::Added } else { Outcome::Updated }
    }

    pub(crate) fn delete(&mut self, kind: Kind, object: &Object) -> Outcome {
        let objects = self.objects.entry(kind).or_default();
        let uid = &*object.metadata.uid;
        let known = match kind {
            Kind::ReplicaSets => false,
            Kind::Of(from) => {
                let id = id(from, object);
                // One of the same name may have come already.
                let same = objects.known.get(id).is_some_and(|it| &*it.0.uid == uid);
                same && objects.known.remove(id).is_some()
            }
        };
        objects.rounds.remove(uid);
        let owner = objects.owners.remove(uid).is_some();
        if known || owner { Outcome::Deleted } else { Outcome::Nothing }
    }
}

impl Live {
    /// What the sources say, the one with the last word first; `None` without any.
    fn of(parts: Vec<Part>) -> Option<Self> {
        let pod = merge(parts.iter().map(|it| &it.pod))?;
        let mut keys: Vec<Key> = parts.iter().flat_map(|it| it.keys.iter().copied()).collect();
        keys.sort_unstable();
        keys.dedup();
        Some(Self { parts, pod, keys: keys.into() })
    }

    fn bytes(&self) -> usize {
        let parts: usize = self.parts.iter().map(Part::bytes).sum();
        // One part is the whole.
        let whole = if self.parts.len() > 1 { bytes(&self.pod, &self.keys) } else { 0 };
        parts + whole
    }
}

impl Part {
    fn bytes(&self) -> usize {
        bytes(&self.pod, &self.keys)
    }
}

fn bytes(pod: &Pod, keys: &[Key]) -> usize {
    pod.bytes() + keys.len() * size_of::<(Key, Led)>()
}

/// By what an object is known.
fn id(from: From, object: &Object) -> &str {
    match from {
        From::Namespace | From::Node => &object.metadata.name,
        _ => &object.metadata.uid,
    }
}

#[cfg(test)]
mod tests;
