//! `router`: sends a record to the outputs of the first route whose expression is true.

use config::Fault;
use config::Value as Setting;

use super::{Built, Cx, Failure, Flow, Operator};
use crate::entry::Entry;
use crate::section::Section;
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

/// Makes it. `if` and `on_error` have no meaning here, as in the Collector.
pub(crate) fn build(section: &mut Section<'_>) -> Result<Built, Fault> {
    let mut outputs = Vec::new();
    let mut routes = Vec::new();
    let list = match section.value("routes") {
        Some(Setting::List(list)) => list.as_slice(),
        _ => &[],
    };
    let default = section.texts("default");
    section.check()?;
    for value in list {
        let mut route = Section::new(value);
        let text = route.text("expr").unwrap_or_default();
        let output = route.texts("output");
        let attributes = attributes(&mut route)?;
        route.check()?;
        let expression = Program::condition(text).map_err(|problem| {
            format!("failed to compile routing expression '{text}': {problem}")
        })?;
        outputs.push(output);
        routes.push(Route { expression, attributes });
    }
    let has_default = !default.is_empty();
    outputs.push(default);
    let mut built = Built::plain(Router { routes, has_default });
    built.routes = outputs;
    Ok(built)
}

fn attributes(route: &mut Section<'_>) -> Result<Vec<(String, Template)>, Fault> {
    let Some(Setting::Map(pairs)) = route.value("attributes") else { return Ok(Vec::new()) };
    let mut all = Vec::with_capacity(pairs.len());
    for (key, value) in pairs {
        let Some(text) = value.as_str() else {
            route.complain(&format!("attributes[{key}]"), "expected type 'string'");
            continue;
        };
        all.push((key.clone(), Template::new(text)?));
    }
    Ok(all)
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
                    cx.warning = Some(failure.at("Running expression returned an error"));
                    continue;
                }
            }
            for (key, template) in &route.attributes {
                // Upstream drops the record here; it goes on without the attribute.
                match template.render(entry, cx.arena) {
                    Ok(text) => put(&mut entry.attributes, key, Value::Str(text)),
                    Err(text) => cx.warning = Some(Failure::Text(text)),
                }
            }
            return Ok(Flow::To(at));
        }
        Ok(if self.has_default { Flow::To(self.routes.len()) } else { Flow::Stop })
    }
}
