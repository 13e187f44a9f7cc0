//! Applies policies to a payload: all records are matched as they came, then the decisions are carried out.

use std::collections::BTreeSet;
use std::sync::Arc;

use pdata::{Data, Depth, Place, PointRef, Signal, Value};

use crate::decide::Decision;
use crate::engine::{Engine, Scratch, Set};
use crate::index::{Index, Search};
use crate::number::place;
use crate::sampling::with_threshold;
use crate::slots::{Extent, Item, Slots, View, each};
use crate::transform::Shared;

/// What came of a payload.
#[derive(Debug)]
pub struct Applied {
    /// What is left, changed.
    pub data: Data,
    /// What each policy that matched something did.
    pub tallies: Vec<Tally>,
}

/// What one policy did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Its number, for [`Engine::id`].
    pub policy: usize,
    /// Records that became what it wanted.
    pub hits: u64,
    /// Records that another policy dropped.
    pub misses: u64,
    /// Records that it dropped.
    pub dropped: u64,
}

const HITS: usize = 0;
const MISSES: usize = 1;
const DROPS: usize = 2;

/// What becomes of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Stay,
    Drop,
    /// Of a metric: the next `n` of the list of points.
    Points(u32),
    /// The policies with changes, as a range of the list.
    Change(u32, u32),
    /// The threshold, and its digits.
    Threshold(u64, u8),
}

/// What becomes of all items, in order.
#[derive(Default)]
struct Outcomes {
    items: Vec<Outcome>,
    /// Whether each point of metrics of which some points go stays.
    points: Vec<bool>,
    /// Policies whose changes are made.
    changes: Vec<u32>,
    any: bool,
}

impl Engine {
    /// Applies the policies.
    pub fn apply(&self, data: &Data) -> Applied {
        let set = self.set(data.signal());
        if set.policies.is_empty() {
            return Applied { data: data.clone(), tallies: Vec::new() };
        }
        let mut scratch = set.take();
        let outcomes = Pass::run(set, data, &mut scratch);
        let tallies = drain(&mut scratch);
        set.give_back(scratch);
        let data = if outcomes.any { carry_out(set, data, &outcomes) } else { data.clone() };
        Applied { data, tallies }
    }

    /// The ids with what each did, by id.
    pub fn named<'e>(
        &'e self,
        signal: Signal,
        tallies: &'e [Tally],
    ) -> impl Iterator<Item = (&'e Arc<str>, Tally)> {
        tallies.iter().filter_map(move |it| Some((self.id(signal, it.policy)?, *it)))
    }
}

fn drain(scratch: &mut Scratch) -> Vec<Tally> {
    let mut touched = std::mem::take(&mut scratch.touched);
    touched.sort_unstable();
    let read = |policy: u32| {
        let tally = scratch.tallies.get_mut(policy as usize)?;
        let [hits, misses, dropped] = std::mem::take(tally);
        Some(Tally { policy: policy as usize, hits, misses, dropped })
    };
    let tallies = touched.drain(..).filter_map(read).collect();
    scratch.touched = touched;
    tallies
}

/// The pass that matches.
struct Pass<'s, 'a> {
    set: &'s Set,
    slots: Slots<'a>,
    scratch: &'s mut Scratch,
    matched: Vec<u32>,
    now: u64,
    out: Outcomes,
}

impl<'s, 'a> Pass<'s, 'a> {
    fn run(set: &'s Set, data: &'a Data, scratch: &'s mut Scratch) -> Outcomes {
        let slots = Slots::new(set.fields.len());
        let now = clock::unix_nanos();
        let out = Outcomes::default();
        let mut pass = Pass { set, slots, scratch, matched: Vec::new(), now, out };
        pass.out.items.reserve(data.items());
        each(data, |view, new| {
            pass.slots.next(new);
            let outcome = pass.item(&view);
            pass.out.any |= outcome != Outcome::Stay;
            pass.out.items.push(outcome);
        });
        pass.out
    }

    /// Adds the policies of `index` that match to `matched`, and sorts it.
    #[inline]
    fn search(&mut self, index: &Index, view: &View<'a>) {
        let Scratch { record, asked, found, hits, .. } = &mut *self.scratch;
        let (set, matched, record) = (self.set, &mut self.matched, *record);
        let mut search =
            Search { fields: &set.fields, slots: &mut self.slots, view, found, record, hits };
        index.search(&mut search, &mut |search, policy| {
            let Some(asked) = asked.get_mut(policy as usize).filter(|it| **it != record) else {
                return;
            };
            *asked = record;
            let Some(compiled) = set.policies.get(policy as usize) else { return };
            let mut atoms = compiled.atoms.iter();
            if atoms.all(|it| it.holds(search.fields, search.slots, search.view)) {
                matched.push(policy);
            }
        });
        matched.sort_unstable();
    }

    #[inline]
    fn item(&mut self, view: &View<'a>) -> Outcome {
        self.scratch.next();
        self.matched.clear();
        let set = self.set;
        self.search(&set.items, view);
        if let Item::Metric(metric) = view.item
            && !set.points.is_empty()
        {
            let points = metric.points();
            return self.metric(view, points);
        }
        if self.matched.is_empty() {
            return Outcome::Stay;
        }
        let matched = std::mem::take(&mut self.matched);
        let decision = set.decide(&matched, &mut self.slots, view, self.now);
        self.count(&matched, decision);
        let outcome = self.outcome(&matched, decision);
        self.matched = matched;
        outcome
    }

    fn outcome(&mut self, matched: &[u32], decision: Decision) -> Outcome {
        match decision {
            Decision::Drop(_) => Outcome::Drop,
            Decision::KeepWith(threshold, digits) => {
                Outcome::Threshold(threshold, u8::try_from(digits).unwrap_or(u8::MAX))
            }
            Decision::Keep => {
                let from = self.out.changes.len();
                let changes = |at: &&u32| {
                    let policy = self.set.policies.get(**at as usize);
                    policy.is_some_and(|it| !it.transform.is_empty())
                };
                self.out.changes.extend(matched.iter().filter(changes));
                let to = self.out.changes.len();
                if from == to { Outcome::Stay } else { Outcome::Change(place(from), place(to)) }
            }
        }
    }

    fn count(&mut self, matched: &[u32], decision: Decision) {
        for policy in matched {
            match decision {
                Decision::Drop(by) if by == *policy => {
                    self.scratch.count(*policy, HITS);
                    self.scratch.count(*policy, DROPS);
                }
                Decision::Drop(_) => self.scratch.count(*policy, MISSES),
                _ => self.scratch.count(*policy, HITS),
            }
        }
    }

    /// A metric, of which policies drop the whole or single points. Those that concern the whole count once; those
    /// that concern points count per point.
    fn metric(&mut self, view: &View<'a>, points: impl Iterator<Item = PointRef<'a>>) -> Outcome {
        let of_metric = std::mem::take(&mut self.matched);
        let whole = self.set.decide(&of_metric, &mut self.slots, view, self.now);
        let mut of_points = Vec::new();
        let from = self.out.points.len();
        for point in points {
            self.slots.next(Extent::Point);
            self.scratch.next();
            self.matched.clear();
            let set = self.set;
            self.search(&set.points, &View { point: Some(point), ..*view });
            let decision = set.decide(&self.matched, &mut self.slots, view, self.now);
            self.out.points.push(!matches!(decision, Decision::Drop(_)));
            if matches!(whole, Decision::Drop(_)) {
                of_points.append(&mut self.matched);
            } else {
                let matched = std::mem::take(&mut self.matched);
                self.count(&matched, decision);
                self.matched = matched;
            }
        }
        let stay = self.out.points.iter().skip(from).filter(|it| **it).count();
        let all = self.out.points.len() - from;
        if let Decision::Drop(_) = whole {
            // The first by id of all that drop it has done it.
            self.out.points.truncate(from);
            of_points.extend(&of_metric);
            of_points.sort_unstable();
            of_points.dedup();
            let by = self.set.decide(&of_points, &mut self.slots, view, self.now);
            self.count(&of_points, by);
            return Outcome::Drop;
        }
        if all > 0 && stay == 0 {
            for policy in &of_metric {
                self.scratch.count(*policy, MISSES);
            }
        } else {
            self.count(&of_metric, Decision::Keep);
        }
        self.matched = of_metric;
        if stay == all {
            self.out.points.truncate(from);
            return Outcome::Stay;
        }
        Outcome::Points(place(all))
    }
}

/// The pass that drops and changes. Items come in the order in which they were matched.
fn carry_out(set: &Set, data: &Data, outcomes: &Outcomes) -> Data {
    let to = if outcomes.points.is_empty() { Depth::Item } else { Depth::Child };
    let mut items = outcomes.items.iter();
    let mut points = outcomes.points.iter();
    // What a resource or scope has got already: for each of its records once would be too often.
    let mut resource = BTreeSet::new();
    let mut scope = BTreeSet::new();
    data.edit(to, |place| match place.depth() {
        Depth::Resource => {
            resource.clear();
            pdata::Keep::Enter
        }
        Depth::Scope => {
            scope.clear();
            pdata::Keep::Enter
        }
        Depth::Child | Depth::Exemplar => {
            if points.next().is_none_or(|it| *it) {
                pdata::Keep::Whole
            } else {
                pdata::Keep::Drop
            }
        }
        Depth::Item => match items.next().copied().unwrap_or(Outcome::Stay) {
            Outcome::Stay => pdata::Keep::Whole,
            Outcome::Drop => pdata::Keep::Drop,
            Outcome::Points(_) => pdata::Keep::Enter,
            Outcome::Threshold(threshold, digits) => {
                write_threshold(place, threshold, digits.into());
                pdata::Keep::Whole
            }
            Outcome::Change(from, to) => {
                let policies = outcomes.changes.get(from as usize..to as usize);
                change(set, policies.unwrap_or_default(), place, &mut resource, &mut scope);
                pdata::Keep::Whole
            }
        },
    })
}

fn write_threshold(place: &mut Place<'_>, threshold: u64, digits: usize) {
    let before = place.span().map_or("", |it| it.trace_state());
    let Some(after) = with_threshold(before, threshold, digits) else { return };
    // A span has this field, and it holds any text.
    let _ = place.set(pdata::Field::SPAN_TRACE_STATE, &[], Value::Str(&after));
}

/// Makes the changes of all policies, one after the other.
fn change(
    set: &Set,
    policies: &[u32],
    place: &mut Place<'_>,
    resource: &mut BTreeSet<u32>,
    scope: &mut BTreeSet<u32>,
) {
    for at in policies {
        let Some(policy) = set.policies.get(*at as usize) else { continue };
        let operations = &policy.transform.operations;
        let any = |what| operations.iter().any(|it| it.shared() == what);
        let new_resource = any(Shared::Resource) && resource.insert(*at);
        let new_scope = any(Shared::Scope) && scope.insert(*at);
        for operation in operations {
            let is_new = match operation.shared() {
                Shared::No => true,
                Shared::Resource => new_resource,
                Shared::Scope => new_scope,
            };
            if is_new {
                operation.apply(place);
            }
        }
    }
}
