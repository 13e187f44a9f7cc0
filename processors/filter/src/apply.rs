//! The walk: resource, scope, item, child. A parent goes with the last of its children.

use component::Data;
use matching::{NarrowedMatcher, Selection};
use ottl::{Conditions, Request};
use pdata::{Depth, Empty, Keep, Place};

use crate::rules::Rules;

/// Most errors of one payload that are told.
const ERRORS_MAX: usize = 16;

/// What became of a payload.
pub(crate) struct Outcome {
    /// What is left of it.
    pub(crate) data: Data,
    /// Why it has to be refused.
    pub(crate) error: Option<String>,
}

/// Drops what the rules say.
pub(crate) fn apply(rules: &Rules, data: &Data, request: Request<'_>) -> Outcome {
    let (extents, narrowed, errors) = (Vec::new(), Vec::new(), Vec::new());
    let mut judge = Judge { rules, request, extents, narrowed, errors, more: 0 };
    let data = data.edit_with(rules.depth(), Empty::DropAll, |place| judge.visit(place));
    Outcome { data, error: judge.error() }
}

struct Judge<'r> {
    rules: &'r Rules,
    request: Request<'r>,
    /// What selections leave to decide below the resource, and below the scope.
    extents: Vec<NarrowedMatcher<'r>>,
    narrowed: Vec<NarrowedMatcher<'r>>,
    errors: Vec<String>,
    more: usize,
}

impl<'r> Judge<'r> {
    /// What is in something about which nothing can be said is not looked at.
    #[inline]
    fn visit(&mut self, place: &Place<'_>) -> Keep {
        let rules = self.rules;
        match place.depth() {
            Depth::Resource => match self.judge(&rules.resource, place) {
                Keep::Enter if place.is_empty() || !self.select_resource(place) => Keep::Drop,
                keep => keep,
            },
            Depth::Scope => match self.judge(&rules.scope, place) {
                Keep::Enter if place.is_empty() || !self.select_scope(place) => Keep::Drop,
                keep => keep,
            },
            Depth::Item if !self.narrowed.iter().all(|it| it.item(place)) => Keep::Drop,
            Depth::Item if !self.selected_by_expression(place) => Keep::Drop,
            Depth::Item => self.judge(&rules.item, place),
            Depth::Child | Depth::Exemplar => self.judge(&rules.child, place),
        }
    }

    fn select_resource(&mut self, place: &Place<'_>) -> bool {
        let of = |it: &'r Selection| it.of_resource(place.resource());
        self.extents.clear();
        self.extents.extend(self.rules.selections.iter().map_while(of));
        self.extents.len() == self.rules.selections.len()
    }

    fn select_scope(&mut self, place: &Place<'_>) -> bool {
        self.narrowed.clear();
        self.narrowed.extend(self.extents.iter().map_while(|it| it.of_scope(place.scope())));
        self.narrowed.len() == self.extents.len()
    }

    /// A metric of which nothing can be said stays.
    fn selected_by_expression(&mut self, place: &Place<'_>) -> bool {
        if self.rules.expressions.is_empty() {
            return true;
        }
        self.rules.expressions.keep(place).unwrap_or_else(|error| {
            self.failed(error);
            true
        })
    }

    #[inline]
    fn judge(&mut self, list: &[Conditions], place: &Place<'_>) -> Keep {
        for conditions in list {
            match conditions.any(place, &self.request) {
                Ok(true) => return Keep::Drop,
                Ok(false) => {}
                Err(error) => {
                    self.failed(error);
                    return Keep::Whole;
                }
            }
        }
        Keep::Enter
    }

    #[cold]
    fn failed(&mut self, error: String) {
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(error);
        } else {
            self.more += 1;
        }
    }

    fn error(self) -> Option<String> {
        let mut text = self.errors.join("; ");
        if self.more > 0 {
            text = format!("{text}; and {} more", self.more);
        }
        (!text.is_empty()).then_some(text)
    }
}
