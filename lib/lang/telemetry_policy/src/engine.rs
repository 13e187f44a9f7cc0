//! Policies, compiled: conditions on numbered fields, an index, and what counts between records.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use pdata::Signal;

use crate::index::{Builder, Index};
use crate::keep::Keep;
use crate::limiter::Limiter;
use crate::literal::Atom;
use crate::model::{Field, Policy, Transform};
use crate::slots::Extent;

/// Most buffers that are kept for the next payloads.
const SCRATCHES_MAX: usize = 64;

/// Policies that can be applied, by any number of threads.
#[derive(Debug)]
pub struct Engine {
    logs: Set,
    metrics: Set,
    traces: Set,
}

/// The policies of one signal, by id.
#[derive(Debug, Default)]
pub(crate) struct Set {
    pub(crate) policies: Vec<Compiled>,
    pub(crate) fields: Vec<(Field, Extent)>,
    /// Those that concern items.
    pub(crate) items: Index,
    /// Those that concern single data points.
    pub(crate) points: Index,
    /// How many texts are looked for.
    texts: usize,
    scratches: Mutex<Vec<Scratch>>,
}

#[derive(Debug)]
pub(crate) struct Compiled {
    id: Arc<str>,
    pub(crate) atoms: Vec<Atom>,
    pub(crate) keep: Keep,
    pub(crate) limiter: Option<Arc<Limiter>>,
    pub(crate) sample_key: Option<usize>,
    pub(crate) is_of_point: bool,
    pub(crate) transform: Transform,
}

/// Memory for one payload after the other.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// The number of the record, through all payloads.
    pub(crate) record: u32,
    /// In which record each policy was asked, and each text found, last.
    pub(crate) asked: Vec<u32>,
    pub(crate) found: Vec<u32>,
    pub(crate) hits: Vec<u32>,
    /// What each policy did, and which did anything.
    pub(crate) tallies: Vec<[u64; 3]>,
    pub(crate) touched: Vec<u32>,
}

impl Engine {
    /// Compiles policies. A rate that stands in `before` as it does now goes on counting.
    pub fn new(policies: &[Policy], before: Option<&Engine>) -> Self {
        let set = |signal| {
            let of_signal = policies.iter().filter(|it| it.target.signal == signal);
            Set::new(of_signal, before.map(|it| it.set(signal)))
        };
        let (logs, metrics, traces) =
            (set(Signal::Logs), set(Signal::Metrics), set(Signal::Traces));
        Self { logs, metrics, traces }
    }

    pub(crate) fn set(&self, signal: Signal) -> &Set {
        match signal {
            Signal::Logs => &self.logs,
            Signal::Metrics => &self.metrics,
            Signal::Traces => &self.traces,
        }
    }

    /// The id of the policy of a signal that a [`Tally`](crate::Tally) is about.
    pub fn id(&self, signal: Signal, policy: usize) -> Option<&Arc<str>> {
        self.set(signal).policies.get(policy).map(|it| &it.id)
    }

    /// True if no policy concerns the signal.
    pub fn is_empty(&self, signal: Signal) -> bool {
        self.set(signal).policies.is_empty()
    }
}

impl Set {
    fn new<'p>(policies: impl Iterator<Item = &'p Policy>, before: Option<&Set>) -> Self {
        let mut limiters: HashMap<&str, (&Keep, &Arc<Limiter>)> = HashMap::new();
        for it in before.map_or(&[][..], |it| &it.policies) {
            if let Some(limiter) = &it.limiter {
                limiters.insert(&it.id, (&it.keep, limiter));
            }
        }
        let mut numbers: HashMap<Field, usize> = HashMap::new();
        let mut fields = Vec::new();
        let mut number = |field: &Field| {
            *numbers.entry(field.clone()).or_insert_with(|| {
                fields.push((field.clone(), Extent::of(field)));
                fields.len() - 1
            })
        };
        let mut compiled = Vec::new();
        for Policy { id, target, .. } in policies {
            let limiter = match target.keep {
                Keep::Rate { records, seconds } => {
                    let same = limiters.get(id.as_str()).filter(|it| *it.0 == target.keep);
                    let new = || Arc::new(Limiter::new(records, seconds));
                    Some(same.map_or_else(new, |it| Arc::clone(it.1)))
                }
                _ => None,
            };
            let atoms = target.matchers.iter();
            compiled.push(Compiled {
                id: id.as_str().into(),
                atoms: atoms.map(|it| Atom::new(number(&it.field), it)).collect(),
                keep: target.keep,
                limiter,
                sample_key: target.sample_key.as_ref().map(&mut number),
                is_of_point: target.matchers.iter().any(|it| it.field.is_of_point()),
                transform: target.transform.clone(),
            });
        }
        Self::indexed(compiled, fields)
    }

    fn indexed(policies: Vec<Compiled>, fields: Vec<(Field, Extent)>) -> Self {
        let mut builder = Builder::new(policies.iter().map(|it| it.atoms.as_slice()));
        let of = |wanted: bool| {
            let all = policies.iter().zip(0_u32..);
            all.filter(move |it| it.0.is_of_point == wanted).map(|it| it.1)
        };
        let (items, points) = (builder.index(of(false)), builder.index(of(true)));
        let texts = builder.texts;
        Self { policies, fields, items, points, texts, scratches: Mutex::default() }
    }

    /// Memory that nobody else uses now.
    pub(crate) fn take(&self) -> Scratch {
        let kept = self.scratches.lock().unwrap_or_else(PoisonError::into_inner).pop();
        kept.unwrap_or_else(|| Scratch {
            asked: vec![0; self.policies.len()],
            found: vec![0; self.texts],
            tallies: vec![[0; 3]; self.policies.len()],
            ..Scratch::default()
        })
    }

    pub(crate) fn give_back(&self, scratch: Scratch) {
        let mut kept = self.scratches.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < SCRATCHES_MAX {
            kept.push(scratch);
        }
    }
}

impl Scratch {
    /// Begins with the next record.
    pub(crate) fn next(&mut self) {
        self.record = self.record.checked_add(1).unwrap_or_else(|| {
            self.asked.fill(0);
            self.found.fill(0);
            1
        });
    }

    /// Counts something for a policy: hits, misses or drops.
    pub(crate) fn count(&mut self, policy: u32, what: usize) {
        let Some(tally) = self.tallies.get_mut(policy as usize) else { return };
        if *tally == [0; 3] {
            self.touched.push(policy);
        }
        if let Some(number) = tally.get_mut(what) {
            *number += 1;
        }
    }
}
