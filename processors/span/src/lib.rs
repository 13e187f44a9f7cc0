//! Names spans after their attributes, makes attributes of their names, and sets their status. Stateless.

mod config;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use component::{
    Component, ConsumeError, Context, Data, Next, Problems, Processor, ProcessorSettings, Signal,
    Stability, Stateless,
};
use matching::Selection;
use pdata::{Depth, Field, Keep, Place, Value, ValueRef};
use regex::Regex;

pub use config::{Config, Name, Status, ToAttributes};

/// The processor.
pub struct Span {
    plan: Arc<Plan>,
    next: Next,
}

/// The section, compiled.
pub struct Plan {
    config: Config,
    selection: Selection,
    rules: Vec<Regex>,
    code: i64,
}

impl Processor for Span {
    type Config = Config;
    type Plan = Plan;
    const TYPE: &'static str = "span";
    const SIGNALS: &'static [(Signal, Stability)] = &[(Signal::Traces, Stability::Beta)];

    fn plan(config: Config, found: &mut Problems) -> Option<Plan> {
        let (include, exclude) = (config.include.as_ref(), config.exclude.as_ref());
        let selection = Selection::new(include, exclude, Signal::Traces);
        let selection = selection.map_err(|fault| found.add(fault).text.clone()).ok()?;
        let mut rules = Vec::new();
        let patterns = config.name.to_attributes.iter().flat_map(|it| &it.rules);
        for (at, pattern) in patterns.enumerate() {
            let Ok(rule) = golang::regexp::compile(pattern) else {
                let text = format!("invalid regexp pattern {pattern}");
                found.late("", text).about(&format!("name::to_attributes::rules::{at}"));
                return None;
            };
            rules.push(rule);
        }
        let code = config.status.as_ref().map(|it| it.code.as_str());
        let code = config::CODES.iter().find(|it| Some(it.0) == code).map_or(0, |it| it.1);
        Some(Plan { config, selection, rules, code })
    }

    fn create(_settings: ProcessorSettings, plan: Arc<Plan>, next: Next) -> Self {
        Self { plan, next }
    }
}

impl Component for Span {}

impl Stateless for Span {
    fn map(&self, _ctx: &Context, data: &Data) -> Result<Data, ConsumeError> {
        let plan = &*self.plan;
        let mut walk = plan.selection.walk();
        Ok(data.edit(Depth::Item, |place| {
            let meant = walk.means(place);
            if meant && place.depth() == Depth::Item {
                plan.change(place);
            }
            if meant { Keep::Enter } else { Keep::Whole }
        }))
    }

    fn next(&self) -> &Next {
        &self.next
    }
}

impl Plan {
    fn change(&self, place: &mut Place<'_>) {
        if let Some(name) = self.name_from_attributes(place) {
            set(place, Field::SPAN_NAME, &name);
        }
        self.attributes_from_name(place);
        if let Some(status) = &self.config.status {
            let _ = place.set(Field::SPAN_STATUS_CODE, &[], Value::Int(self.code));
            set(place, Field::SPAN_STATUS_MESSAGE, &status.description);
        }
    }

    /// `None` without keys, and if one of them is not there.
    fn name_from_attributes(&self, place: &Place<'_>) -> Option<String> {
        let Name { from_attributes: keys, separator, .. } = &self.config.name;
        let values = keys.iter().map(|key| {
            Some(match place.entry(Field::SPAN_ATTRIBUTES, key)? {
                ValueRef::Str(it) => it.to_owned(),
                ValueRef::Bool(it) => it.to_string(),
                ValueRef::Int(it) => it.to_string(),
                ValueRef::Double(it) => it.to_string(),
                _ => "<unknown-attribute-type>".to_owned(),
            })
        });
        let values = values.collect::<Option<Vec<String>>>()?;
        (!values.is_empty()).then(|| values.join(separator))
    }

    /// Each rule works on the name that the one before has made.
    fn attributes_from_name(&self, place: &mut Place<'_>) {
        let Some(to) = &self.config.name.to_attributes else { return };
        for rule in &self.rules {
            let old = match place.get(Field::SPAN_NAME, &[]) {
                Ok(Some(ValueRef::Str(name))) if !name.is_empty() => name.to_owned(),
                _ => return,
            };
            let Some(found) = rule.captures(&old) else { continue };
            let (mut name, mut done) = (String::new(), 0);
            for (key, part) in rule.capture_names().zip(found.iter()).skip(1) {
                let (key, text) = (key.unwrap_or_default(), part.map_or("", |it| it.as_str()));
                let _ = place.set(Field::SPAN_ATTRIBUTES, &[key.into()], Value::Str(text));
                // A group within a group, and one that took no part, stand nowhere in the name.
                if let Some(part) = part.filter(|it| it.start() >= done) {
                    name.push_str(old.get(done..part.start()).unwrap_or_default());
                    name.push('{');
                    name.push_str(key);
                    name.push('}');
                    done = part.end();
                }
            }
            name.push_str(old.get(done..).unwrap_or_default());
            if !to.keep_original_name {
                set(place, Field::SPAN_NAME, &name);
            }
            if to.break_after_match {
                return;
            }
        }
    }
}

fn set(place: &mut Place<'_>, field: Field, text: &str) {
    let _ = place.set(field, &[], Value::Str(text));
}
