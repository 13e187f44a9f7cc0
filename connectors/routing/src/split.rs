//! Takes out of a payload what a statement matches. The statement is run once per place; which places it
//! matched is noted, and what is taken and what is left are then copied without looking at it again.

use component::Data;
use ottl::{Context, Request, Scratch, Statement};
use pdata::{Depth, Keep, Place};

/// Most errors of one payload that are told.
const ERRORS_MAX: usize = 16;

/// A payload, apart.
pub(crate) struct Parts {
    /// What the statement matched.
    pub(crate) taken: Data,
    /// What it did not.
    pub(crate) rest: Data,
    /// Both, with what the statement changed.
    pub(crate) all: Data,
    pub(crate) errors: Vec<String>,
}

/// Runs `statement` on each place of the context.
pub(crate) fn split(
    data: &Data,
    request: &Request<'_>,
    context: Context,
    statement: &Statement,
) -> Parts {
    let depth = context.depth();
    let (mut matched, mut errors) = (Vec::new(), Vec::new());
    let mut scratch = Scratch::default();
    let all = data.edit(depth, |place| {
        if place.depth() == depth {
            let found = statement.run(place, request, &mut scratch).unwrap_or_else(|error| {
                if errors.len() < ERRORS_MAX {
                    errors.push(error);
                }
                false
            });
            matched.push(found);
        }
        Keep::Enter
    });
    let count = matched.iter().filter(|it| **it).count();
    let nothing = || Data::empty(data.signal());
    let (taken, rest) = match count {
        0 => (nothing(), all.clone()),
        _ if count == matched.len() => (all.clone(), nothing()),
        _ => (only(&all, depth, &matched, true), only(&all, depth, &matched, false)),
    };
    Parts { taken, rest, all, errors }
}

/// The places at `depth` whose verdict is `wanted`. Parents without any are left out.
fn only(data: &Data, depth: Depth, verdicts: &[bool], wanted: bool) -> Data {
    let mut verdicts = verdicts.iter();
    data.edit(depth, |place: &mut Place<'_>| {
        if place.depth() < depth {
            return Keep::Enter;
        }
        let is_wanted = verdicts.next().is_some_and(|it| *it == wanted);
        if is_wanted { Keep::Whole } else { Keep::Drop }
    })
}
