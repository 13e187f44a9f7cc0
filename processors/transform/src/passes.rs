//! The section, compiled for one signal: one walk over the payload per group of statements.

use component::{Data, Problems, Signal};
use ottl::{
    Conditions, Context, Editors, Error, ErrorMode, Part, Prefixes, Request, Scratch, Statements,
    infer_statements,
};
use pdata::{Empty, Keep, Place};

use crate::config::{Config, ContextName, Entry, Group};

/// The contexts of a signal, from the outside.
fn contexts(signal: Signal) -> &'static [Context] {
    match signal {
        Signal::Traces => &[Context::Resource, Context::Scope, Context::Span, Context::SpanEvent],
        Signal::Metrics => &[
            Context::Resource,
            Context::Scope,
            Context::Metric,
            Context::DataPoint,
            Context::Exemplar,
        ],
        Signal::Logs => &[Context::Resource, Context::Scope, Context::Log],
    }
}

/// Statements that run at the same places.
#[derive(Debug)]
struct Pass {
    context: Context,
    /// Of which one has to hold; none if the statements always run.
    conditions: Option<Conditions>,
    statements: Statements,
}

/// What is done with the payloads of a signal.
#[derive(Debug, Default)]
pub struct Passes {
    list: Vec<Pass>,
}

impl Passes {
    /// Compiles what a section says of a signal. What is wrong is said in `found` and left out.
    pub(crate) fn new(config: &Config, signal: Signal, found: &mut Problems) -> Self {
        let (key, entries) = match signal {
            Signal::Traces => ("trace_statements", &config.trace_statements),
            Signal::Metrics => ("metric_statements", &config.metric_statements),
            Signal::Logs => ("log_statements", &config.log_statements),
        };
        let mut passes = Self::default();
        let mut texts = Vec::new();
        for (at, entry) in entries.iter().enumerate() {
            match entry {
                Entry::Text(text) => texts.push((at, text.clone())),
                Entry::Map(group) if !is_there(group, signal) => {
                    let message = format!(
                        "unknown context \"{}\" for statements: [{}]",
                        group.context.name(),
                        group.statements.join(" ")
                    );
                    let names: Vec<&str> = contexts(signal).iter().map(|it| it.name()).collect();
                    found.at("", message).one_of(&format!("{key}::{at}::context"), &names);
                }
                Entry::Map(group) => {
                    let place = |part| match part {
                        Part::Statement(it) => format!("{key}::{at}::statements::{it}"),
                        Part::Condition(it) => format!("{key}::{at}::conditions::{it}"),
                    };
                    passes.add(group, *config.error_mode, signal, place, found);
                }
            }
        }
        // The texts of a list are one group: they run one after the other at each place.
        let place = |part| match part {
            Part::Statement(it) => {
                let at = texts.get(it).map_or(0, |it| it.0);
                format!("{key}::{at}")
            }
            Part::Condition(_) => key.to_owned(),
        };
        let statements = texts.iter().map(|it| it.1.clone()).collect();
        let group = Group { statements, ..Group::default() };
        passes.add(&group, *config.error_mode, signal, place, found);
        passes
    }

    fn add(
        &mut self,
        group: &Group,
        mode: ErrorMode,
        signal: Signal,
        place: impl Fn(Part) -> String,
        found: &mut Problems,
    ) {
        if group.statements.is_empty() {
            return;
        }
        match compile(group, group.error_mode.as_ref().map_or(mode, |it| **it), signal) {
            Ok(pass) => self.list.push(pass),
            Err(wrong) => {
                for (part, error) in wrong {
                    let place = place(part);
                    found.at("", &error.message).part(&place, error.span, error.candidates);
                }
            }
        }
    }

    /// Nothing is ever changed.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The payload after all statements.
    ///
    /// # Errors
    /// Why it has to be refused, in the Collector's words.
    pub(crate) fn run(&self, data: &Data, request: &Request<'_>) -> Result<Data, String> {
        let mut scratch = Scratch::default();
        let mut data = data.clone();
        for pass in &self.list {
            data = pass.run(&data, request, &mut scratch)?;
        }
        Ok(data)
    }
}

/// The signal has the context that a group names, if it names one.
fn is_there(group: &Group, signal: Signal) -> bool {
    match *group.context {
        ContextName::None => true,
        ContextName::Known(it) => contexts(signal).contains(&it),
        ContextName::Profile => false,
    }
}

fn compile(group: &Group, mode: ErrorMode, signal: Signal) -> Result<Pass, Vec<(Part, Error)>> {
    let editors = Editors::Transform;
    let (statements, conditions) = (&group.statements, &group.conditions);
    let (context, prefixes) = if let ContextName::Known(it) = *group.context {
        (it, Prefixes::Optional)
    } else {
        let context = infer_statements(statements, conditions, editors, contexts(signal));
        (context.map_err(|it| vec![it])?, Prefixes::Required)
    };
    let of_statements = Statements::new(statements, context, prefixes, editors, mode);
    let mut wrong = Vec::new();
    let statements = of_statements.map_err(|it| {
        wrong.extend(it.into_iter().map(|(at, error)| (Part::Statement(at), error)));
    });
    let conditions = if conditions.is_empty() {
        Ok(None)
    } else {
        Conditions::new(conditions, context, prefixes, mode).map(Some).map_err(|it| {
            wrong.extend(it.into_iter().map(|(at, error)| (Part::Condition(at), error)));
        })
    };
    match (statements, conditions) {
        (Ok(statements), Ok(conditions)) => Ok(Pass { context, conditions, statements }),
        _ => Err(wrong),
    }
}

impl Pass {
    fn run(
        &self,
        data: &Data,
        request: &Request<'_>,
        scratch: &mut Scratch,
    ) -> Result<Data, String> {
        let depth = self.context.depth();
        let mut result = Ok(());
        let edited = data.edit_with(depth, Empty::Keep, |place| {
            if place.depth() < depth {
                return if result.is_ok() { Keep::Enter } else { Keep::Whole };
            }
            if result.is_ok() {
                result = self.at(place, request, scratch);
            }
            Keep::Whole
        });
        result.map(|()| edited)
    }

    #[inline]
    fn at(
        &self,
        place: &mut Place<'_>,
        request: &Request<'_>,
        scratch: &mut Scratch,
    ) -> Result<(), String> {
        if let Some(conditions) = &self.conditions
            && !conditions.any(place, request)?
        {
            return Ok(());
        }
        self.statements.run(place, request, scratch)
    }
}
