//! What becomes of a record that policies match: the most restrictive one decides, and counts a hit; when it drops the
//! record, the others count a miss. Of policies that are equally restrictive the first by id decides.

use pdata::ValueRef;

use crate::engine::{Compiled, Set};
use crate::keep::Keep;
use crate::sampling::{Verdict, keeps_by_chance, keeps_log, keeps_span};
use crate::slots::{Item, Slots, View};

/// The decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// The policy drops the record.
    Drop(u32),
    Keep,
    /// A span stays and says with which threshold: the threshold and its digits.
    KeepWith(u64, usize),
}

impl Set {
    /// Decides; `matched` are the policies in order.
    pub(crate) fn decide<'a>(
        &self,
        matched: &[u32],
        slots: &mut Slots<'a>,
        view: &View<'a>,
        now: u64,
    ) -> Decision {
        let policies =
            || matched.iter().filter_map(|at| Some((*at, self.policies.get(*at as usize)?)));
        let strictest = policies().min_by(|a, b| a.1.keep.share().total_cmp(&b.1.keep.share()));
        let Some((at, policy)) = strictest else { return Decision::Keep };
        let decision = match policy.keep {
            Keep::None => return Decision::Drop(at),
            Keep::Percent(share) => {
                if self.keeps_log(policy, share, slots, view) {
                    Decision::Keep
                } else {
                    return Decision::Drop(at);
                }
            }
            Keep::Probability(of) => {
                let Item::Span(span) = view.item else { return Decision::Keep };
                match keeps_span(span.trace_id(), span.trace_state(), &of) {
                    Verdict::Drop => return Decision::Drop(at),
                    Verdict::Keep => Decision::Keep,
                    Verdict::KeepWith(threshold) => Decision::KeepWith(threshold, of.precision),
                }
            }
            Keep::All | Keep::Rate { .. } => keep_whole(view),
        };
        // Each rate counts for itself, the strictest first, and all after the shares: what is dropped anyway uses
        // none up.
        let rates = policies().filter_map(|(at, it)| Some((at, it.limiter.as_ref()?)));
        let mut rates: Vec<_> = rates.collect();
        rates.sort_by(|a, b| a.1.per_second().total_cmp(&b.1.per_second()));
        let over = rates.iter().find(|(_, limiter)| !limiter.allows(now));
        over.map_or(decision, |(at, _)| Decision::Drop(*at))
    }

    fn keeps_log<'a>(
        &self,
        policy: &Compiled,
        share: f64,
        slots: &mut Slots<'a>,
        view: &View<'a>,
    ) -> bool {
        let Some(at) = policy.sample_key else { return keeps_by_chance(share) };
        let Some(field) = self.fields.get(at) else { return true };
        let value: Option<ValueRef<'a>> = slots.value(at, field, view);
        keeps_log(value, field.0 == crate::model::Field::TraceId, share)
    }
}

/// A span of which all are kept says so, unless it stands for more already.
fn keep_whole(view: &View<'_>) -> Decision {
    match view.item {
        Item::Span(span) if !crate::sampling::has_threshold(span.trace_state()) => {
            Decision::KeepWith(0, crate::keep::PRECISION)
        }
        _ => Decision::Keep,
    }
}
