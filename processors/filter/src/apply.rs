//! The walk: resource, scope, item, child. A parent goes with the last of its children.

use component::Data;
use matching::{NarrowedMatcher, Selection};
use ottl::{Conditions, Item, Scene};
use pdata::{
    Logs, Metric, MetricData, MetricEdit, Metrics, ResourceRef, ScopeRef, Scratch, Span, SpanEdit,
    Traces,
};

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
pub(crate) fn apply(rules: &Rules, data: &Data) -> Outcome {
    let mut walk = Walk { rules, errors: Vec::new(), more: 0 };
    let data = match data {
        Data::Logs(it) => walk.logs(it).into(),
        Data::Traces(it) => walk.traces(it).into(),
        Data::Metrics(it) => walk.metrics(it).into(),
    };
    Outcome { data, error: walk.error() }
}

/// What is to be done with something.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Keep,
    Drop,
    /// It cannot be said: what is in it is not looked at.
    Unknown,
}

struct Walk<'r> {
    rules: &'r Rules,
    errors: Vec<String>,
    more: usize,
}

impl<'r> Walk<'r> {
    #[inline]
    fn judge<'a>(&mut self, list: &'a [Conditions], scene: &Scene<'a>) -> Verdict {
        for conditions in list {
            match conditions.any(scene) {
                Ok(true) => return Verdict::Drop,
                Ok(false) => {}
                Err(error) => {
                    self.failed(error);
                    return Verdict::Unknown;
                }
            }
        }
        Verdict::Keep
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

    /// What selections leave to decide below a resource; nothing if it is all dropped.
    fn matchers(&self, resource: ResourceRef<'_>) -> Option<Vec<NarrowedMatcher<'r>>> {
        let of = |it: &'r Selection| it.of_resource(resource);
        self.rules.selections.iter().map(of).collect()
    }
}

/// What selections leave to decide below a scope.
fn narrowed<'r>(
    matchers: &[NarrowedMatcher<'r>],
    scope: ScopeRef<'_>,
) -> Option<Vec<NarrowedMatcher<'r>>> {
    matchers.iter().map(|it| it.of_scope(scope)).collect()
}

/// Visits the scopes of a resource and what is in them: the same for all signals but for the items.
macro_rules! walk {
    ($walk:ident, $data:ident, $items:ident, |$item:ident, $edit:ident, $scene:ident, $matchers:ident| $visit:expr) => {{
        let rules = $walk.rules;
        $data.rewrite(&mut Scratch::new(), |group, edit| {
            let resource_schema_url = if rules.schema { group.schema_url() } else { "" };
            let resource = group.resource();
            let scene = Scene { resource, resource_schema_url, ..Scene::default() };
            match $walk.judge(&rules.resource, &scene) {
                Verdict::Keep => {}
                Verdict::Drop => return edit.drop(),
                Verdict::Unknown => return,
            }
            let Some(matchers) = $walk.matchers(resource) else { return edit.drop() };
            if group.scopes().next().is_none() {
                return edit.drop();
            }
            if rules.scope.is_empty() && !rules.looks_at_items() {
                return;
            }
            edit.scopes(|edit| {
                let scope_schema_url = if rules.schema { edit.source_schema_url() } else { "" };
                let scope = edit.scope();
                let scene = Scene { scope, scope_schema_url, ..scene };
                match $walk.judge(&rules.scope, &scene) {
                    Verdict::Keep => {}
                    Verdict::Drop => return edit.drop(),
                    Verdict::Unknown => return,
                }
                let Some($matchers) = narrowed(&matchers, scope) else { return edit.drop() };
                let mut items = 0_usize;
                edit.$items(|$item, $edit| {
                    items += 1;
                    let $scene = &scene;
                    $visit
                });
                if items == 0 {
                    edit.drop();
                }
            });
        })
    }};
}

impl Walk<'_> {
    fn logs(&mut self, logs: &Logs) -> Logs {
        walk!(self, logs, records, |record, edit, scene, matchers| {
            let scene = Scene { item: Item::Log(record), ..*scene };
            let meant = matchers.iter().all(|it| it.record(record));
            if !meant || self.judge(&self.rules.item, &scene) == Verdict::Drop {
                edit.drop();
            }
        })
    }

    fn traces(&mut self, traces: &Traces) -> Traces {
        walk!(self, traces, spans, |span, edit, scene, matchers| {
            if matchers.iter().all(|it| it.span(span)) {
                self.span(&span, edit, scene);
            } else {
                edit.drop();
            }
        })
    }

    fn span(&mut self, span: &Span<'_>, edit: &mut SpanEdit<'_>, scene: &Scene<'_>) {
        let scene = Scene { item: Item::Span(span), ..*scene };
        match self.judge(&self.rules.item, &scene) {
            Verdict::Keep if !self.rules.child.is_empty() => {}
            Verdict::Drop => return edit.drop(),
            _ => return,
        }
        let mut index = 0;
        edit.events(|event, edit| {
            let scene = Scene { item: Item::SpanEvent(span, &event, index), ..scene };
            index += 1;
            if self.judge(&self.rules.child, &scene) == Verdict::Drop {
                edit.drop();
            }
        });
    }

    fn metrics(&mut self, metrics: &Metrics) -> Metrics {
        walk!(self, metrics, metrics, |metric, edit, scene, matchers| {
            if matchers.iter().all(|it| it.metric(metric)) {
                self.metric(&metric, edit, scene);
            } else {
                edit.drop();
            }
        })
    }

    fn metric(&mut self, metric: &Metric<'_>, edit: &mut MetricEdit<'_>, scene: &Scene<'_>) {
        let scene = Scene { item: Item::Metric(metric), ..*scene };
        match self.judge(&self.rules.item, &scene) {
            Verdict::Keep if !self.rules.child.is_empty() => {}
            Verdict::Drop => return edit.drop(),
            _ => return,
        }
        let mut points = 0_usize;
        edit.points(|point, edit| {
            points += 1;
            let scene = Scene { item: Item::DataPoint(metric, &point), ..scene };
            if self.judge(&self.rules.child, &scene) == Verdict::Drop {
                edit.drop();
            }
        });
        if points == 0 && !matches!(metric.data(), MetricData::Empty) {
            edit.drop();
        }
    }
}
