//! For the records of one signal: how each query is answered in the quickest way that gives the interpreter's answer.
//!
//! ```text
//!   fields -> index: rules that a text in a field leaves -> guard: bodies that may hold -> program
//!                                                                                       -> memo -> interpreter
//! ```

use std::collections::HashMap;

use component::Signal;
use rego::compiled::Program;
use rego::syntax::Module;
use rego::{Policy, Value};

use crate::closure::Closure;
use crate::config::Speed;
use crate::fields::{Fields, Record};
use crate::guards::Guard;
use crate::memo::Inputs;
use crate::path::Path;
use crate::reads::Reads;
use crate::values::holds;

/// The plan of one signal.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) fields: Fields,
    /// In the order of the queries.
    pub(crate) queries: Vec<Asked>,
    rules: Rules,
    /// Of each query, whether one rule alone asks for it.
    once: Vec<bool>,
}

/// How a query is answered.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) guard: Option<Guard>,
    pub(crate) program: Option<Compiled>,
    /// Why there is none.
    refused: String,
    /// What the interpreter's answer depends on, if it can be remembered.
    pub(crate) inputs: Option<Inputs>,
}

/// A program and the fields that it reads.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) program: Program,
    pub(crate) fields: Vec<usize>,
}

/// Which rules of the section may hold, by texts in fields.
#[derive(Debug, Default)]
struct Rules {
    always: Vec<usize>,
    by_field: Vec<(usize, HashMap<Box<str>, Vec<usize>>)>,
}

/// What a plan is made of.
pub(crate) struct Making<'m> {
    pub(crate) policy: &'m Policy,
    pub(crate) queries: &'m [String],
    /// Rules of the section: a query and the answer that is wanted.
    pub(crate) rules: &'m [(usize, bool)],
    pub(crate) aliases: &'m [(Vec<String>, Path)],
    /// Paths below `data` that the host answers.
    pub(crate) hosts: &'m [Vec<String>],
    pub(crate) data: &'m Value,
    pub(crate) speed: &'m Speed,
}

impl Plan {
    pub(crate) fn new(signal: Signal, making: &Making<'_>) -> Self {
        let mut fields = Fields::new(signal, making.aliases);
        let modules: Vec<&Module> = making.policy.modules().map(|it| it.2).collect();
        let asked = making.queries.iter().map(|it| making.asked(it, signal, &modules, &mut fields));
        let queries: Vec<Asked> = asked.collect();
        let rules = Rules::new(making.rules, &queries);
        let asked = |query| making.rules.iter().filter(|it| it.0 == query).count();
        let once = (0..queries.len()).map(|it| asked(it) == 1).collect();
        Self { fields, queries, rules, once }
    }

    /// One rule alone asks for it: the answer need not be kept. A window or a decision may ask as well, and asks anew.
    pub(crate) fn is_asked_once(&self, query: usize) -> bool {
        self.once.get(query).copied().unwrap_or_default()
    }

    /// How a query is evaluated, in words.
    pub(crate) fn how(&self, query: usize) -> String {
        match self.queries.get(query) {
            Some(it) if it.program.is_some() => "compiled".into(),
            Some(it) if it.inputs.is_some() => format!("interpreter, remembered: {}", it.refused),
            Some(it) => format!("interpreter: {}", it.refused),
            None => String::new(),
        }
    }

    /// The rules of the section that may hold for a record, in their order.
    pub(crate) fn rules(&self, record: &Record<'_, '_>, found: &mut Vec<usize>) {
        found.clear();
        found.extend_from_slice(&self.rules.always);
        for (field, texts) in &self.rules.by_field {
            if let Some(rules) = record.field(*field).text().and_then(|it| texts.get(it)) {
                found.extend_from_slice(rules);
            }
        }
        if !self.rules.by_field.is_empty() {
            found.sort_unstable();
        }
    }
}

impl Making<'_> {
    fn asked(
        &self,
        query: &str,
        signal: Signal,
        modules: &[&Module],
        fields: &mut Fields,
    ) -> Asked {
        let mut asked = Asked::default();
        if self.speed.guards {
            let is_data = |path: &[String]| has(self.data, path);
            asked.guard = Guard::new(query, modules, is_data, fields);
        }
        if self.speed.programs {
            let program = self.policy.program(query, &|path| fields.is_readable(path));
            match program {
                Ok(program) => asked.program = Compiled::new(program, fields),
                Err(why) => asked.refused = why,
            }
        }
        if self.speed.memo && asked.program.is_none() {
            asked.inputs = Closure::new(query, modules, self.hosts).and_then(|closure| {
                let reads = Reads::of_rules(closure.rules.iter().copied());
                let aliases: Vec<Vec<String>> =
                    self.aliases.iter().map(|it| it.0.clone()).collect();
                Inputs::new(signal, &reads, &aliases)
            });
        }
        asked
    }
}

impl Compiled {
    fn new(program: Program, fields: &mut Fields) -> Option<Self> {
        let paths = program.fields().iter();
        let places =
            paths.map(|path| fields.add(&path.iter().map(String::as_str).collect::<Vec<_>>()));
        let fields = places.collect::<Option<Vec<_>>>()?;
        Some(Self { program, fields })
    }
}

impl Rules {
    fn new(rules: &[(usize, bool)], queries: &[Asked]) -> Self {
        let mut made = Self::default();
        for (at, (query, is)) in rules.iter().enumerate() {
            let guard = queries.get(*query).and_then(|it| it.guard.as_ref());
            // The answer without any body that holds must not be the one that is wanted.
            let wants = guard.filter(|it| !holds(&it.answer, *is)).and_then(Guard::wants);
            let Some((field, texts)) = wants else {
                made.always.push(at);
                continue;
            };
            let known = made.by_field.iter().position(|it| it.0 == field);
            let known = known.unwrap_or_else(|| {
                made.by_field.push((field, HashMap::new()));
                made.by_field.len() - 1
            });
            if let Some((_, by_text)) = made.by_field.get_mut(known) {
                for text in texts {
                    by_text.entry(text.into()).or_default().push(at);
                }
            }
        }
        made
    }
}

/// Whether a document has something at a path.
fn has(data: &Value, path: &[String]) -> bool {
    let Some((first, rest)) = path.split_first() else { return true };
    let below = data.as_object().ok().and_then(|it| it.get(&first.as_str().into()));
    below.is_some_and(|it| has(it, rest))
}
