//! A query, prepared once and evaluated often.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use regorus::{Engine, QueryResult, QueryResults, Value};

use crate::builtins::signatures;
use crate::engine_error::{self, Loaded};
use crate::error::{Error, Errors, Location, code};
use crate::policy::Policy;
use crate::syntax::{self, ExprKind, Lines, LiteralKind};
use crate::translate;

/// Where a query of one value gets its rule.
const QUERY_PACKAGE: &str = "sluice_query";

/// A prepared query; workers are made of it.
#[derive(Clone)]
pub struct Query {
    engine: Engine,
    /// The query as the engine reads it.
    text: String,
    /// Its expressions.
    written: Arc<[Written]>,
    /// The rule that has its value, if it is a query of one value.
    rule: Option<String>,
    loaded: Arc<[Loaded]>,
}

/// An expression of a query as it was written.
struct Written {
    text: Arc<str>,
    place: Location,
    /// It is negated or has `and`, `or`: the engine has a comparison instead, which is false where it does not hold.
    is_condition: bool,
}

impl std::fmt::Debug for Query {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Query").field("text", &self.text).finish_non_exhaustive()
    }
}

/// Evaluates a query; each thread has its own.
#[derive(Debug)]
pub struct Worker {
    query: Query,
}

/// What a query found: all its solutions.
pub type Results = QueryResults;
/// One of them: the values of its expressions, and what its variables are bound to.
pub type Solution = QueryResult;

impl Policy {
    /// Prepares a query: a reference such as `data.a.allow`, or any body.
    ///
    /// # Errors
    /// If it is no query.
    pub fn query(&self, text: &str) -> Result<Query, Errors> {
        Query::prepare(self, text)
    }
}

impl Query {
    fn prepare(policy: &Policy, text: &str) -> Result<Self, Errors> {
        let body = syntax::query(text, policy.0.is_v1)?;
        let (mut engine, loaded, world) = policy.engine_for(&body)?;
        let edited = translate::query(&body, text, &world);
        let rule = rule_of(policy, &body, &edited.text).map(|it| match it {
            Rule::There(path) => Ok(path),
            Rule::New(module) => {
                engine.set_rego_v0(false);
                let added = engine.add_policy(QUERY_PACKAGE.to_owned(), module);
                engine.set_rego_v0(!policy.0.is_v1);
                added.map(|_| format!("data.{QUERY_PACKAGE}.value"))
            }
        });
        let rule = rule.transpose().map_err(|it| engine_error::of_loading(&it, &loaded))?;
        let lines = Lines::new("", text);
        let written = body.literals.iter().map(|it| {
            let is_condition = matches!(
                it.kind,
                LiteralKind::Not(_) | LiteralKind::NotBody(_) | LiteralKind::Logic { .. }
            );
            let own = text.get(it.span.clone()).unwrap_or_default();
            Written { text: own.into(), place: lines.location(it.span.start), is_condition }
        });
        let query = Self { engine, text: edited.text, written: written.collect(), rule, loaded };
        if query.rule.is_some() {
            let mut engine = query.engine.clone();
            let prepared = engine.eval_query("true".to_owned(), false);
            prepared.map_err(|it| engine_error::of_evaluation(&it, &query.loaded))?;
            return Ok(Self { engine, ..query });
        }
        Ok(query)
    }

    /// A worker of its own.
    pub fn worker(&self) -> Worker {
        Worker { query: self.clone() }
    }
}

enum Rule {
    There(String),
    New(String),
}

/// A query of one expression has a value; a rule gives it without parsing the query again.
fn rule_of(policy: &Policy, body: &syntax::Body, text: &str) -> Option<Rule> {
    let [literal] = body.literals.as_slice() else { return None };
    let LiteralKind::Expr(expr) = &literal.kind else { return None };
    if matches!(&expr.kind, ExprKind::Infix("=" | ":=", ..)) {
        return None;
    }
    if let ExprKind::Call(name, args) = &expr.kind
        && signatures::of(&name.dotted()?).is_none_or(|it| it.args.len() != args.len())
    {
        return None;
    }
    let path = expr.constant_path();
    if path == ["data"] {
        // Within a rule it would be all but what is being evaluated.
        return None;
    }
    if let Some(path) = path.strip_prefix(&["data"])
        && literal.with.is_empty()
        && expr.dotted().is_some()
        && policy.has_rule(path)
    {
        return Some(Rule::There(text.trim().to_owned()));
    }
    Some(Rule::New(format!("package {QUERY_PACKAGE}\nvalue := v if {{ v = {text} }}\n")))
}

impl Worker {
    /// The value of a query of one expression; `None` if it is undefined.
    ///
    /// # Errors
    /// OPA's codes and texts with the place.
    pub fn evaluate(&mut self, input: Value) -> Result<Option<Value>, Error> {
        let rule = self.query.rule.clone();
        let Some(rule) = rule else {
            let results = self.results(input)?;
            let last = results.result.first().and_then(|it| it.expressions.last());
            return Ok(last.map(|it| it.value.clone()));
        };
        match self.guarded(input, |engine| engine.eval_rule(rule))? {
            Value::Undefined => Ok(None),
            value => Ok(Some(value)),
        }
    }

    /// All solutions of the query, with what its variables are bound to.
    ///
    /// # Errors
    /// OPA's codes and texts with the place.
    pub fn results(&mut self, input: Value) -> Result<Results, Error> {
        let text = self.query.text.clone();
        let mut results = self.guarded(input, |engine| engine.eval_query(text, false))?;
        let written = &self.query.written;
        results.result.retain_mut(|solution| {
            if solution.expressions.len() != written.len() {
                return true;
            }
            for (expression, own) in solution.expressions.iter_mut().zip(written.iter()) {
                if own.is_condition && expression.value == Value::from(false) {
                    return false;
                }
                expression.text = Arc::clone(&own.text);
                (expression.location.row, expression.location.col) = (own.place.row, own.place.col);
            }
            true
        });
        Ok(results)
    }

    /// Gives the data document anew, below what the policy was compiled with.
    ///
    /// # Errors
    /// If it conflicts with what is there.
    pub fn add_data(&mut self, data: Value) -> Result<(), Error> {
        let added = self.query.engine.add_data(data);
        added.map_err(|it| Error::new(code::CONFLICT, it.to_string()))
    }

    /// What `print` printed since the last call, if the options gather it: `file:row: text`.
    pub fn take_prints(&mut self) -> Vec<String> {
        self.query.engine.take_prints().unwrap_or_default()
    }

    /// Which lines with code were evaluated since the query was prepared, by file.
    pub fn coverage(&self) -> Vec<(String, BTreeMap<u32, bool>)> {
        let Ok(report) = self.query.engine.get_coverage_report() else { return Vec::new() };
        let lines = |it: &regorus::coverage::File| {
            let missed = it.not_covered.iter().map(|line| (*line, false));
            missed.chain(it.covered.iter().map(|line| (*line, true))).collect()
        };
        let file = |it: &regorus::coverage::File| {
            let loaded = self.query.loaded.iter().find(|loaded| loaded.engine_name == it.path)?;
            Some((loaded.file.clone(), lines(it)))
        };
        report.files.iter().filter_map(file).collect()
    }

    /// A panic of the engine on some value is that value's error, not the end of the process.
    fn guarded<T>(
        &mut self,
        input: Value,
        evaluate: impl FnOnce(&mut Engine) -> anyhow::Result<T>,
    ) -> Result<T, Error> {
        let engine = &mut self.query.engine;
        engine.set_input(input);
        let caught = catch_unwind(AssertUnwindSafe(|| evaluate(engine)));
        match caught {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(engine_error::of_evaluation(&error, &self.query.loaded)),
            Err(_) => Err(Error::new(code::INTERNAL, "the engine panicked")),
        }
    }
}
