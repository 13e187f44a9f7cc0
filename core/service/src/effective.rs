//! The configuration that is in force: defaults filled in, secrets hidden, the place of each value kept.

use component::config::{self, Show, Stage, Value};
use component::{Id, Kind};
use confmap::{
    Conf, Data, Diagnostics, Entry, Node, Origin, REDACTED, hide_in_addresses, is_sensitive,
};

use crate::load;
use crate::registry::Registry;
use crate::settings::Settings;

/// What of a configuration is shown, and how.
#[derive(Debug, Clone, Copy)]
pub struct Effective {
    /// Values that nobody wrote as well. With secrets and without defaults it is what was written,
    /// whatever it amounts to.
    pub defaults: bool,
    /// Check the configuration first.
    pub validate: bool,
    /// Secrets and durations.
    pub show: Show,
}

impl Effective {
    /// The configuration in force.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of(self, conf: &Conf, registry: &Registry) -> Result<Node, Diagnostics> {
        let raw = self.show.secrets && !self.defaults;
        if raw && !self.validate {
            return Ok(conf.root.clone());
        }
        let root = load::value(&conf.root);
        let settings = if self.validate {
            Settings::read(&root, registry)
        } else {
            Settings::decode(&root, registry).map(|it| it.0)
        };
        let settings = settings
            .map_err(|problem| load::diagnose(conf, &problem, problem.stage == Stage::Check))?;
        if raw {
            return Ok(conf.root.clone());
        }
        let place =
            Placer { defaults: self.defaults, nulls: true, origin: Origin::default_value() };
        Ok(self.tree(&settings, registry, &place, Some(&conf.root)))
    }

    /// The whole of it, each value with its place in what the user wrote, if that is known.
    fn tree(
        self,
        settings: &Settings,
        registry: &Registry,
        place: &Placer,
        written: Option<&Node>,
    ) -> Node {
        let mut entries = Vec::new();
        for kind in Kind::ALL {
            let section = written.and_then(|it| it.get(kind.section()));
            if section.is_none() && !self.defaults {
                continue;
            }
            let components = settings.of(kind).iter().map(|(id, value)| {
                let user = section.and_then(|it| find(it, id));
                let shown = registry.find(kind, id.type_name());
                let shown = shown.and_then(|it| it.effective(value, self.show).ok());
                let node = place.node(shown.unwrap_or_default(), user.or(section));
                place.entry(id.as_str(), node)
            });
            let components = Node::new(Data::Map(components.collect()), place.origin.clone());
            entries.push(place.entry(kind.section(), components));
        }
        let own = Placer { nulls: false, ..place.clone() };
        let written = written.and_then(|it| it.get("service"));
        let mut service = own.node(self.service(settings), written);
        if !self.show.secrets {
            hide_below_sensitive_keys(&mut service);
        }
        entries.push(place.entry("service", service));
        let mut root = Node::new(Data::Map(entries), place.origin.clone());
        if !self.show.secrets {
            each_text(&mut root, &|it| *it = hide_in_addresses(it));
        }
        root
    }

    fn service(self, settings: &Settings) -> Value {
        let service = &settings.service;
        let ids =
            |ids: &[Id]| Value::List(ids.iter().map(|it| Value::String(it.to_string())).collect());
        let pipelines = service.pipelines.iter().map(|(id, it)| {
            let lists = [
                ("receivers", ids(&it.receivers)),
                ("processors", ids(&it.processors)),
                ("exporters", ids(&it.exporters)),
            ];
            (id.to_string(), map(lists))
        });
        map([
            ("extensions", ids(&service.extensions)),
            ("pipelines", Value::Map(pipelines.collect())),
            ("telemetry", config::to_value(&service.telemetry, self.show)),
        ])
    }
}

/// The configuration in force, with defaults and without secrets.
pub(crate) fn hidden(settings: &Settings, registry: &Registry) -> Node {
    let show = Show { secrets: false, ..Show::default() };
    let effective = Effective { defaults: true, validate: false, show };
    let place = Placer { defaults: true, nulls: true, origin: Origin::default_value() };
    effective.tree(settings, registry, &place, None)
}

fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Map(entries.into_iter().map(|(key, it)| (key.to_owned(), it)).collect())
}

/// The section of a component: ids may be written with blanks.
fn find<'a>(section: &'a Node, id: &Id) -> Option<&'a Node> {
    let is = |entry: &&Entry| entry.key.parse::<Id>().is_ok_and(|it| it == *id);
    section.entries().iter().find(is).map(|it| &it.value)
}

/// Free-form parts of `service:` have no type that says what is secret: there, keys do.
fn hide_below_sensitive_keys(node: &mut Node) {
    match &mut node.data {
        Data::Map(entries) => entries.iter_mut().for_each(|it| {
            if is_sensitive(&it.key) {
                each_text(&mut it.value, &|text| REDACTED.clone_into(text));
            } else {
                hide_below_sensitive_keys(&mut it.value);
            }
        }),
        Data::List(items) => items.iter_mut().for_each(hide_below_sensitive_keys),
        _ => {}
    }
}

/// Changes every text of a tree but the names of headers.
fn each_text(node: &mut Node, change: &impl Fn(&mut String)) {
    match &mut node.data {
        Data::Map(entries) => {
            let values = entries.iter_mut().filter(|it| it.key != "name");
            values.for_each(|it| each_text(&mut it.value, change));
        }
        Data::List(items) => items.iter_mut().for_each(|it| each_text(it, change)),
        Data::String(text) => change(text),
        _ => {}
    }
}

/// Gives each value its place in the user's tree.
#[derive(Clone)]
struct Placer {
    defaults: bool,
    /// Also nulls that nobody wrote.
    nulls: bool,
    origin: Origin,
}

impl Placer {
    fn entry(&self, key: &str, value: Node) -> Entry {
        Entry { key: key.to_owned(), key_origin: self.origin.clone(), value }
    }

    fn node(&self, value: Value, user: Option<&Node>) -> Node {
        let mut parts = Vec::new();
        let data = match value {
            Value::Sourced { value, .. } => return self.node(*value, user),
            Value::Map(entries) => Data::Map(self.entries(entries, user)),
            Value::List(items) => {
                let own = user.map_or(&[][..], Node::items);
                // Headers that are written as a map are shown as pairs.
                let named = |it: &Value| user?.get(it.get("name")?.as_str()?);
                let item = |(at, it)| {
                    let place = own.get(at).or_else(|| named(&it)).or(user);
                    self.node(it, place)
                };
                Data::List(items.into_iter().enumerate().map(item).collect())
            }
            Value::Null => Data::Null,
            Value::Bool(it) => Data::Bool(it),
            Value::Int(it) => Data::Int(it),
            Value::Float(it) => Data::Float(it),
            Value::String(it) => Data::String(it),
        };
        let origin = user.map_or(&self.origin, |it| &it.origin).clone();
        parts.extend(user.iter().flat_map(|it| it.parts.iter().cloned()));
        Node { parts, ..Node::new(data, origin) }
    }

    fn entries(&self, entries: Vec<(String, Value)>, user: Option<&Node>) -> Vec<Entry> {
        // What the user wrote in another form (a list of headers, say) is the place of all of it.
        let whole = user.filter(|it| !matches!(it.data, Data::Map(_) | Data::Null));
        let own = |key: &str| user.and_then(|it| it.get(key)).or(whole);
        entries
            .into_iter()
            .filter(|(key, _)| self.defaults || own(key).is_some())
            .map(|(key, it)| (self.node(it, own(&key)), key))
            .filter(|(node, key)| self.nulls || node.data != Data::Null || own(key).is_some())
            .map(|(node, key)| self.entry(&key, node))
            .collect()
    }
}
