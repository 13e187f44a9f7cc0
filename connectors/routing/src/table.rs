//! The table, compiled.

use config::{Fault, Problems};
use ottl::{Context, Editors, Error, ErrorMode, Prefixes, Statement, infer_statements};

use component::PipelineId;

use crate::config::{Action, Config, Route};
use crate::request::Request;

/// What is put before a condition, as upstream does it.
const ROUTE: &str = "route() where ";

/// Contexts that conditions may be about.
const KNOWN: &[Context] =
    &[Context::Log, Context::DataPoint, Context::Metric, Context::Span, Context::Resource];

/// The table, compiled.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Row>,
    default_pipelines: Vec<PipelineId>,
    error_mode: ErrorMode,
}

/// A route, compiled.
#[derive(Debug)]
pub struct Row {
    pub(crate) when: When,
    pub(crate) action: Action,
    pub(crate) pipelines: Vec<PipelineId>,
    /// Its position in the table as written.
    at: usize,
}

/// What a route takes.
#[derive(Debug)]
pub(crate) enum When {
    /// All of a request.
    Request(Request),
    /// What the condition of the statement holds for.
    Statement { context: Context, statement: Statement },
}

impl Table {
    /// Compiles a table; says in `found` what is wrong.
    pub(crate) fn new(config: &Config, found: &mut Problems) -> Option<Self> {
        let default_pipelines = ids(&config.default_pipelines, "default_pipelines", found);
        let (mut rows, mut seen) = (Vec::new(), Vec::new());
        let mut good = default_pipelines.is_some();
        for (at, route) in config.table.iter().enumerate() {
            let key = route.key();
            let Some(row) = Row::new(route, at, found) else {
                good = false;
                continue;
            };
            if seen.contains(&key) {
                let pipelines = route.pipelines.join(", ");
                tracing::warn!(
                    "Statement {:?} already exists in the routing table, the route with target \
                     pipeline(s) {pipelines:?} will be ignored.",
                    key.1
                );
                continue;
            }
            seen.push(key);
            rows.push(row);
        }
        let default_pipelines = default_pipelines?;
        good.then_some(Self { rows, default_pipelines, error_mode: *config.error_mode })
    }

    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub(crate) fn default_pipelines(&self) -> &[PipelineId] {
        &self.default_pipelines
    }

    pub(crate) fn error_mode(&self) -> ErrorMode {
        self.error_mode
    }

    /// All pipelines that are named, with the place of each.
    pub(crate) fn pipelines(&self) -> impl Iterator<Item = (String, &PipelineId)> {
        let default = self.default_pipelines.iter().enumerate();
        let rows = self.rows.iter().flat_map(|row| {
            let ids = row.pipelines.iter().enumerate();
            ids.map(move |(at, id)| (format!("table::{}::pipelines::{at}", row.at), id))
        });
        default.map(|(at, id)| (format!("default_pipelines::{at}"), id)).chain(rows)
    }
}

impl Route {
    /// Context and statement: of routes with the same the first one counts.
    fn key(&self) -> (String, String) {
        let context = if self.context == "resource" { "" } else { &self.context };
        (context.to_owned(), self.whole_statement())
    }

    fn whole_statement(&self) -> String {
        if self.condition.is_empty() {
            self.statement.clone()
        } else {
            format!("{ROUTE}{}", self.condition)
        }
    }
}

impl Row {
    fn new(route: &Route, at: usize, found: &mut Problems) -> Option<Self> {
        let pipelines = ids(&route.pipelines, &format!("table::{at}::pipelines"), found);
        let when = if route.context == "request" {
            Request::new(&route.condition).ok().map(When::Request)
        } else {
            statement(route, at, found)
        };
        Some(Self { at, when: when?, action: *route.action, pipelines: pipelines? })
    }
}

fn statement(route: &Route, at: usize, found: &mut Problems) -> Option<When> {
    let whole = route.whole_statement();
    let texts = std::slice::from_ref(&whole);
    let context = match Context::named(&route.context) {
        Some(it) => it,
        // Paths without a context have always been those of the resource.
        None => infer_statements(texts, &[], Editors::Route, KNOWN).unwrap_or(Context::Resource),
    };
    match Statement::new(&whole, context, Prefixes::Optional, Editors::Route) {
        Ok(statement) => Some(When::Statement { context, statement }),
        Err(error) => {
            let Error { message, span, candidates } = error;
            let (key, before) = if route.condition.is_empty() {
                ("statement", 0)
            } else {
                ("condition", ROUTE.len())
            };
            let span = span.start.saturating_sub(before)..span.end.saturating_sub(before);
            let place = format!("table::{at}::{key}");
            found.late("", message).part(&place, span, candidates);
            None
        }
    }
}

fn ids(texts: &[String], key: &str, found: &mut Problems) -> Option<Vec<PipelineId>> {
    let mut all = Vec::new();
    for (at, text) in texts.iter().enumerate() {
        match text.parse::<PipelineId>() {
            Ok(id) => all.push(id),
            Err(error) => {
                let fault = Fault::read(error.to_string());
                found.add(fault.within_item(at).within(key));
            }
        }
    }
    (all.len() == texts.len()).then_some(all)
}
