//! `router`: sends a record to the outputs of the first route whose expression is true.

use std::collections::BTreeMap;

use config::{Described, Problems};
use serde::{Deserialize, Serialize};

use super::{Built, Cx, Failure, Flow, Operator, Warning};
use crate::entry::Entry;
use crate::keys::{condition, templates};
use crate::value::{Value, put};
use expr::{Program, Template};

#[derive(Debug)]
struct Router {
    routes: Vec<Route>,
    has_default: bool,
}

#[derive(Debug)]
struct Route {
    expression: Program,
    attributes: Vec<(String, Template)>,
}

/// The keys of `router`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Described)]
pub(crate) struct Config {
    /// Where records go: to the first of these whose expression is true for them. Default: none.
    routes: Vec<RouteConfig>,
    /// The ids of the operators that get the records that no route takes. Default: these records are dropped.
    default: Vec<String>,
}

/// One entry of `routes:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, Described)]
#[serde(default)]
pub(crate) struct RouteConfig {
    /// An expression that is true for the records of this route. Required.
    expr: String,
    /// The ids of the operators that get them. Required.
    output: Vec<String>,
    /// Attributes to add to them; a value may hold `EXPR(...)`. Default: none.
    #[config(go = "map[string]helper.ExprStringConfig")]
    attributes: BTreeMap<String, String>,
}

impl Config {
    /// Where records go, with the keys that say so.
    pub(crate) fn outputs(&self) -> Vec<(String, &[String])> {
        let routes = self.routes.iter().enumerate();
        let routes = routes.map(|(at, it)| (format!("routes::{at}::output"), it.output.as_slice()));
        routes.chain([("default".to_owned(), self.default.as_slice())]).collect()
    }

    /// Compiles. There is no `if` and no `on_error` here, as in the Collector.
    pub(crate) fn plan(&self, found: &mut Problems) -> Option<Built> {
        let routes = self.routes.iter().enumerate();
        let routes: Vec<Option<Route>> =
            routes.map(|(at, it)| it.plan(&format!("routes::{at}"), found)).collect();
        let routes = routes.into_iter().collect::<Option<Vec<Route>>>()?;
        let router = Router { routes, has_default: !self.default.is_empty() };
        Some(Built { router: true, ..Built::plain(router) })
    }
}

impl RouteConfig {
    fn plan(&self, place: &str, found: &mut Problems) -> Option<Route> {
        let text = &self.expr;
        let expression = condition(&format!("{place}::expr"), text, found, |why| {
            format!("failed to compile expression '{text}': {why}")
        });
        let attributes =
            templates(&format!("{place}::attributes"), &self.attributes, found, |why| {
                format!("failed to build attributer for route '{text}': {why}")
            });
        Some(Route { expression: expression?, attributes: attributes? })
    }
}

impl Operator for Router {
    fn process<'a>(&'a self, entry: &mut Entry<'a>, cx: &mut Cx<'a, '_>) -> Result<Flow, Failure> {
        for (at, route) in self.routes.iter().enumerate() {
            match route.expression.holds(entry, cx.arena) {
                Ok(true) => {}
                Ok(false) => continue,
                // A route whose expression fails is skipped, as in the Collector.
                Err(text) => {
                    let failure = Failure::Text(text);
                    cx.warning = Some(Warning::Route(failure));
                    continue;
                }
            }
            for (key, template) in &route.attributes {
                // Upstream drops the record here; it goes on without the attribute.
                match template.render(entry, cx.arena) {
                    Ok(text) => put(&mut entry.attributes, key, Value::Str(text)),
                    Err(text) => cx.warning = Some(Warning::Label(Failure::Text(text))),
                }
            }
            return Ok(Flow::To(at));
        }
        Ok(if self.has_default { Flow::To(self.routes.len()) } else { Flow::Stop })
    }
}
