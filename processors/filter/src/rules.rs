//! The section, compiled for one signal.

use component::config::Fault;
use component::{Problems, Signal};
use matching::{MatchProperties, Selection};
use ottl::{Conditions, Context, Error, ErrorMode, Prefixes, infer};
use pdata::Depth;

use crate::config::{Config, Entry, LogMatch, MetricMatch};
use crate::expression::Expressions;

/// The contexts of a signal, from the outside.
pub(crate) const TRACES: &[Context] =
    &[Context::Resource, Context::Scope, Context::Span, Context::SpanEvent];
pub(crate) const METRICS: &[Context] =
    &[Context::Resource, Context::Scope, Context::Metric, Context::DataPoint];
pub(crate) const LOGS: &[Context] = &[Context::Resource, Context::Scope, Context::Log];

/// What is dropped. Of several conditions one is enough.
#[derive(Debug, Default)]
pub struct Rules {
    pub(crate) resource: Vec<Conditions>,
    pub(crate) scope: Vec<Conditions>,
    /// On log records, spans, metrics.
    pub(crate) item: Vec<Conditions>,
    /// On events and points.
    pub(crate) child: Vec<Conditions>,
    /// What these do not mean is dropped.
    pub(crate) selections: Vec<Selection>,
    /// Metrics that these do not mean are dropped.
    pub(crate) expressions: Expressions,
}

/// Position and problem of conditions that are wrong.
type Wrong = Vec<(usize, Error)>;

/// A list of conditions; none if it is empty.
pub(crate) fn list(
    texts: &[String],
    context: Context,
    prefixes: Prefixes,
    mode: ErrorMode,
) -> Result<Option<Conditions>, Wrong> {
    if texts.is_empty() {
        return Ok(None);
    }
    Conditions::new(texts, context, prefixes, mode).map(Some)
}

/// Conditions that are looked at in one context.
#[derive(Debug)]
pub(crate) struct GroupOf {
    /// Where the entry stands, and whether it is nothing but a text.
    at: usize,
    is_text: bool,
    context: String,
    mode: Option<ErrorMode>,
    texts: Vec<String>,
}

/// The groups of a list: each text is one.
pub(crate) fn groups(entries: &[Entry]) -> Vec<GroupOf> {
    let group = |(at, entry): (usize, &Entry)| match entry {
        Entry::Text(text) => GroupOf {
            at,
            is_text: true,
            context: String::new(),
            mode: None,
            texts: vec![text.clone()],
        },
        Entry::Map(it) => GroupOf {
            at,
            is_text: false,
            context: it.context.to_lowercase(),
            mode: it.error_mode.as_ref().map(|it| **it),
            texts: it.conditions.clone(),
        },
    };
    entries.iter().enumerate().map(group).collect()
}

impl GroupOf {
    /// Where the condition `at` stands below `key`.
    pub(crate) fn place(&self, key: &str, at: usize) -> String {
        let entry = self.at;
        if self.is_text {
            format!("{key}::{entry}")
        } else {
            format!("{key}::{entry}::conditions::{at}")
        }
    }

    /// The context and the conditions.
    pub(crate) fn compile(
        &self,
        known: &[Context],
        mode: ErrorMode,
    ) -> Result<(Context, Option<Conditions>), Wrong> {
        let texts = &self.texts;
        let mode = self.mode.unwrap_or(mode);
        if self.context.is_empty() {
            let context = infer(texts, known).map_err(|it| vec![it])?;
            return Ok((context, list(texts, context, Prefixes::Required, mode)?));
        }
        let named = Context::named(&self.context).filter(|it| known.contains(it));
        let Some(context) = named else {
            let what = &self.context;
            let texts = texts.join(" ");
            let message = format!("unknown context \"{what}\" for conditions: [{texts}]");
            return Err(vec![(0, Error { message, span: 0..0, candidates: Vec::new() })]);
        };
        Ok((context, list(texts, context, Prefixes::Optional, mode)?))
    }
}

impl Rules {
    /// Compiles what a section says of a signal. What is wrong is said in `found` and left out.
    pub(crate) fn new(config: &Config, signal: Signal, found: &mut Problems) -> Self {
        let mut rules = Self::default();
        rules.add_inferred(config, signal, found);
        rules.add_lists(config, signal, found);
        if signal == Signal::Metrics {
            rules.add_expressions(config, found);
        }
        match selections(config, signal) {
            Ok(it) => rules.selections = it,
            Err(fault) => {
                found.add(fault).only_for(signal.name());
            }
        }
        rules
    }

    /// `trace_conditions:` and its like.
    fn add_inferred(&mut self, config: &Config, signal: Signal, found: &mut Problems) {
        let (key, entries, known) = match signal {
            Signal::Traces => ("trace_conditions", &config.trace_conditions, TRACES),
            Signal::Metrics => ("metric_conditions", &config.metric_conditions, METRICS),
            Signal::Logs => ("log_conditions", &config.log_conditions, LOGS),
        };
        for group in groups(entries) {
            match group.compile(known, *config.error_mode) {
                Ok((context, conditions)) => self.add(context, conditions),
                Err(wrong) => say(found, wrong, |at| group.place(key, at)),
            }
        }
    }

    /// The lists by what the conditions are about.
    fn add_lists(&mut self, config: &Config, signal: Signal, found: &mut Problems) {
        let (traces, metrics, logs) = (&config.traces, &config.metrics, &config.logs);
        let lists: &[(&str, Context, &Vec<String>)] = match signal {
            Signal::Traces => &[
                ("traces::resource", Context::Resource, &traces.resource),
                ("traces::span", Context::Span, &traces.span),
                ("traces::spanevent", Context::SpanEvent, &traces.spanevent),
            ],
            Signal::Metrics => &[
                ("metrics::resource", Context::Resource, &metrics.resource),
                ("metrics::metric", Context::Metric, &metrics.metric),
                ("metrics::datapoint", Context::DataPoint, &metrics.datapoint),
            ],
            Signal::Logs => &[
                ("logs::resource", Context::Resource, &logs.resource),
                ("logs::log_record", Context::Log, &logs.log_record),
            ],
        };
        for (key, context, texts) in lists {
            match list(texts, *context, Prefixes::Optional, *config.error_mode) {
                Ok(conditions) => self.add(*context, conditions),
                Err(wrong) => say(found, wrong, |at| format!("{key}::{at}")),
            }
        }
    }

    /// `match_type: expr` of metrics.
    fn add_expressions(&mut self, config: &Config, found: &mut Problems) {
        let (include, exclude) = (config.metrics.include.as_ref(), config.metrics.exclude.as_ref());
        match Expressions::new(include, exclude) {
            Ok(it) => self.expressions = it,
            Err((key, at, problem)) => {
                let place = format!("metrics::{key}::expressions::{at}");
                found.late("", problem).only_for(Signal::Metrics.name()).about(&place);
            }
        }
    }

    fn add(&mut self, context: Context, conditions: Option<Conditions>) {
        let Some(conditions) = conditions else { return };
        match context {
            Context::Resource => self.resource.push(conditions),
            Context::Scope => self.scope.push(conditions),
            Context::Log | Context::Span | Context::Metric => self.item.push(conditions),
            // There are no conditions about exemplars.
            Context::SpanEvent | Context::DataPoint | Context::Exemplar => {
                self.child.push(conditions);
            }
        }
    }

    /// True if nothing is ever dropped.
    pub(crate) fn is_empty(&self) -> bool {
        self.resource.is_empty() && self.scope.is_empty() && !self.looks_at_items()
    }

    /// How deep anything is looked at.
    pub(crate) fn depth(&self) -> Depth {
        if !self.child.is_empty() {
            Depth::Child
        } else if self.looks_at_items() {
            Depth::Item
        } else if !self.scope.is_empty() {
            Depth::Scope
        } else {
            Depth::Resource
        }
    }

    /// Items or their children are looked at.
    fn looks_at_items(&self) -> bool {
        !self.item.is_empty()
            || !self.child.is_empty()
            || !self.selections.is_empty()
            || !self.expressions.is_empty()
    }
}

/// Says where in the section and in its text each condition is wrong.
fn say(found: &mut Problems, wrong: Wrong, place: impl Fn(usize) -> String) {
    for (at, error) in wrong {
        found.at("", &error.message).part(&place(at), error.span, error.candidates);
    }
}

/// What `include` and `exclude` say.
fn selections(config: &Config, signal: Signal) -> Result<Vec<Selection>, Fault> {
    match signal {
        Signal::Traces => {
            let (include, exclude) = (&config.spans.include, &config.spans.exclude);
            selection(include.clone(), exclude.clone(), signal)
        }
        Signal::Logs => {
            let logs = |it: &Option<LogMatch>| it.as_ref().and_then(of_logs);
            let (include, exclude) = (logs(&config.logs.include), logs(&config.logs.exclude));
            selection(include, exclude, signal).map_err(|it| Fault {
                text: format!("failed to build skip matcher: {}", it.text),
                ..it
            })
        }
        Signal::Metrics => {
            let (include, exclude) = (&config.metrics.include, &config.metrics.exclude);
            // What is excluded by its resource or by its name is dropped: each is a selection.
            let part = |of: fn(&MetricMatch) -> Option<MatchProperties>| {
                selection(include.as_ref().and_then(of), exclude.as_ref().and_then(of), signal)
            };
            let mut all = part(by_resource)?;
            all.extend(part(by_name)?);
            Ok(all)
        }
    }
}

fn selection(
    include: Option<MatchProperties>,
    exclude: Option<MatchProperties>,
    signal: Signal,
) -> Result<Vec<Selection>, Fault> {
    if include.is_none() && exclude.is_none() {
        return Ok(Vec::new());
    }
    let made = Selection::new(include.as_ref(), exclude.as_ref(), signal);
    Ok(vec![made.map_err(|fault| in_section(fault, signal))?])
}

/// The place of a fault in the section of a signal, whose keys have other names for logs and metrics.
fn in_section(mut fault: Fault, signal: Signal) -> Fault {
    const NAMES: [(&str, &str); 4] = [
        ("attributes", "record_attributes"),
        ("resources", "resource_attributes"),
        ("log_bodies", "bodies"),
        ("log_severity_texts", "severity_texts"),
    ];
    let section = if signal == Signal::Traces { "spans" } else { signal.name() };
    let steps = fault.place.iter().map(ToString::to_string);
    let named = steps.map(|step| match NAMES.iter().find(|it| it.0 == step) {
        Some((_, name)) if signal != Signal::Traces => (*name).to_owned(),
        _ => step,
    });
    let path = std::iter::once(section.to_owned()).chain(named).collect::<Vec<_>>().join("::");
    fault.about(&path);
    fault
}

/// Nothing if there are no properties. A severity that is none is refused by the section's own rules.
fn of_logs(it: &LogMatch) -> Option<MatchProperties> {
    let severity_number = it.severity_number.as_ref().map(|it| matching::SeverityNumber {
        min: it.number().unwrap_or_default(),
        match_undefined: it.match_undefined,
    });
    let empty = it.resource_attributes.is_empty()
        && it.record_attributes.is_empty()
        && it.severity_texts.is_empty()
        && it.bodies.is_empty()
        && severity_number.is_none();
    (!empty).then(|| MatchProperties {
        match_type: it.match_type.clone(),
        resources: it.resource_attributes.clone(),
        attributes: it.record_attributes.clone(),
        log_severity_texts: it.severity_texts.clone(),
        log_severity_number: severity_number,
        log_bodies: it.bodies.clone(),
        ..MatchProperties::default()
    })
}

fn by_resource(it: &MetricMatch) -> Option<MatchProperties> {
    (it.match_type != "expr" && !it.resource_attributes.is_empty()).then(|| MatchProperties {
        match_type: it.match_type.clone(),
        resources: it.resource_attributes.clone(),
        ..MatchProperties::default()
    })
}

fn by_name(it: &MetricMatch) -> Option<MatchProperties> {
    (it.match_type != "expr" && !it.metric_names.is_empty()).then(|| MatchProperties {
        match_type: it.match_type.clone(),
        metric_names: it.metric_names.clone(),
        ..MatchProperties::default()
    })
}
