//! Which receivers an endpoint wants: what rules and annotations make of it.

use std::collections::BTreeMap;

use component::config::Value;
use component::{Endpoint, Id, Problems, Signal};

use crate::config::{Config, DiscoveryConfig};
use crate::discovery::asked;
use crate::pattern::{Pattern, Text};
use crate::rule::Rule;

/// Longest name of a receiver that is started, in bytes: it becomes a part of metrics and of stored offsets.
const NAME_BYTES_MAX: usize = 512;

/// A receiver that is to run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) id: Id,
    pub(crate) section: Value,
    /// Put under `endpoint` if the section has none and the receiver has such a key.
    pub(crate) target: String,
    /// Of its resources.
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) signals: Vec<Signal>,
}

/// The compiled section.
pub(crate) struct Templates {
    pub(crate) templates: Vec<Template>,
    /// By type of endpoint.
    attributes: BTreeMap<String, Vec<(String, Text)>>,
    discovery: DiscoveryConfig,
}

/// A compiled entry of `receivers:`.
pub(crate) struct Template {
    pub(crate) id: Id,
    rule: Rule,
    section: Pattern,
    attributes: Vec<(String, Text)>,
}

impl Templates {
    pub(crate) fn new(config: &Config, found: &mut Problems) -> Option<Self> {
        let mut templates = Vec::new();
        let mut is_right = true;
        let mut wrong = |place: &str, text: String| {
            found.at("", text).about(place);
            is_right = false;
        };
        for (name, it) in &config.receivers {
            let place = format!("receivers::{name}");
            let id = name.parse::<Id>().map_err(|error| wrong(&place, error.to_string()));
            let rule = Rule::new(&it.rule).map_err(|error| {
                wrong(
                    &format!("{place}::rule"),
                    format!("subreceiver \"{name}\" rule is invalid: {error}"),
                );
            });
            let section = it.config.clone().unwrap_or(Value::Map(Vec::new()));
            let section = Pattern::new(&section).map_err(|error| {
                wrong(
                    &format!("{place}::config"),
                    format!("failed evaluating config expression: {error}"),
                );
            });
            let attributes = texts(&it.resource_attributes, |key, error| {
                wrong(&format!("{place}::resource_attributes::{key}"), error);
            });
            if let (Ok(id), Ok(rule), Ok(section)) = (id, rule, section) {
                templates.push(Template { id, rule, section, attributes });
            }
        }
        let mut attributes = BTreeMap::new();
        for (kind, all) in &config.resource_attributes {
            let all = texts(all, |key, error| {
                wrong(&format!("resource_attributes::{kind}::{key}"), error);
            });
            attributes.insert(kind.clone(), all);
        }
        let discovery = config.discovery.clone();
        is_right.then_some(Self { templates, attributes, discovery })
    }

    /// The receivers that are to run for an endpoint. What is wrong is told to `wrong`.
    pub(crate) fn wanted(
        &self,
        endpoint: &Endpoint,
        yaml: impl Fn(&str) -> Result<Value, String>,
        mut wrong: impl FnMut(&str, String),
    ) -> Vec<Wanted> {
        if self.discovery.enabled {
            let asked = asked(endpoint, &self.discovery, yaml).and_then(|it| {
                let Some(it) = it else { return Ok(None) };
                let id: Id =
                    it.id.parse().map_err(|error: component::IdError| error.to_string())?;
                let section = Pattern::new(&it.section)?;
                let signals = vec![it.signal];
                self.made(endpoint, (&id, &section, &[]), signals).map(Some)
            });
            match asked {
                Ok(Some(one)) => return vec![one],
                Ok(None) => {}
                Err(error) => {
                    wrong("annotations", error);
                    return Vec::new();
                }
            }
        }
        let mut all = Vec::new();
        for it in &self.templates {
            let own = (&it.id, &it.section, it.attributes.as_slice());
            match it.rule.matches(endpoint) {
                Ok(false) => {}
                Ok(true) => match self.made(endpoint, own, Signal::ALL.to_vec()) {
                    Ok(one) => all.push(one),
                    Err(error) => wrong(it.id.as_str(), error),
                },
                Err(error) => wrong(it.id.as_str(), error),
            }
        }
        all
    }

    fn made(
        &self,
        endpoint: &Endpoint,
        (id, section, own): (&Id, &Pattern, &[(String, Text)]),
        signals: Vec<Signal>,
    ) -> Result<Wanted, String> {
        let mut attributes = BTreeMap::new();
        let usual = self.attributes.get(endpoint.kind()).into_iter().flatten();
        for (key, value) in usual.chain(own) {
            let value = value.text(endpoint)?;
            // Nothing takes away what was there.
            if value.is_empty() {
                attributes.remove(key);
            } else {
                attributes.insert(key.clone(), value);
            }
        }
        Ok(Wanted {
            id: named(id, &endpoint.id)?,
            section: match section.expand(endpoint)? {
                Value::Null => Value::Map(Vec::new()),
                it => it,
            },
            target: endpoint.target.clone(),
            attributes: attributes.into_iter().collect(),
            signals,
        })
    }
}

/// The id of a receiver for an endpoint: the same one after a restart, so that a reader of files finds its offsets.
fn named(id: &Id, endpoint: &str) -> Result<Id, String> {
    let name = if id.name().is_empty() { String::new() } else { format!("{}/", id.name()) };
    let plain =
        |it: char| if it.is_ascii_alphanumeric() || "-_./()".contains(it) { it } else { '_' };
    let mut name: String = format!("{name}{endpoint}").chars().map(plain).collect();
    name.truncate(NAME_BYTES_MAX);
    let full = format!("{}/{name}", id.type_name());
    full.parse().map_err(|error: component::IdError| error.to_string())
}

fn texts(
    all: &BTreeMap<String, String>,
    mut wrong: impl FnMut(&str, String),
) -> Vec<(String, Text)> {
    let mut compiled = Vec::new();
    for (key, text) in all {
        match Text::new(text) {
            Ok(it) => compiled.push((key.clone(), it)),
            Err(error) => wrong(key, error),
        }
    }
    compiled
}
