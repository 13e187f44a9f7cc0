//! What to add to a configuration that lacks something.

use component::config::{Remedy, Value};
use component::{Id, Kind, PipelineId, Signal};
use confmap::{closest, code};

use crate::issue::{Hint, Issue};
use crate::registry::Registry;
use crate::settings::Settings;
use crate::unknown::{an, missing_here};

impl Settings {
    /// A reference to nothing: what was meant, or what to define.
    pub(crate) fn undefined(
        &self,
        issue: Issue,
        id: &Id,
        kinds: &[Kind],
        registry: &Registry,
        pipeline: Option<&PipelineId>,
    ) -> Issue {
        let Some(first) = kinds.first() else { return issue };
        if *id == Id::default() {
            // `- ` with nothing behind it: upstream reads an id without a name.
            return issue.code(code::BAD_ID).cause("this item of the list is empty").remove();
        }
        let mut issue = issue.code(code::UNDEFINED);
        let defined = Kind::ALL.into_iter().find(|it| self.section(*it, id).is_some());
        if let Some(kind) = defined {
            issue = issue.cause(format!("`{id}` is {}, not {}", an(kind), an(*first)));
            if registry.find(*first, id.type_name()).is_none() {
                return issue.hinted(Hint::MoveItem(place_of(kind, pipeline)));
            }
        } else {
            let text = format!("the {first} `{id}` is listed here, but no section defines it");
            issue = issue.cause(text);
        }
        issue.candidates =
            kinds.iter().flat_map(|it| self.of(*it)).map(|it| it.0.to_string()).collect();
        if let Some(near) = nearest(id, &issue.candidates) {
            return issue.hinted(Hint::Rename(near));
        }
        if let Some(text) = missing_here(registry, kinds, id.type_name()) {
            return issue.advice(text);
        }
        let made = kinds.iter().find_map(|it| Some((it, smallest(*it, id.type_name(), registry)?)));
        if let Some((kind, section)) = made {
            issue.candidates.clear();
            return issue.set(&[kind.section(), id.as_str()], section);
        }
        issue
    }

    /// No component of a kind: those that the pipelines list, or one that needs nothing.
    pub(crate) fn without_section(&self, kind: Kind, registry: &Registry, issue: Issue) -> Issue {
        let issue = issue.code(code::INCOMPLETE);
        let pipelines = self.service.pipelines.iter();
        let listed = pipelines.flat_map(|(_, it)| match kind {
            Kind::Receiver => &it.receivers,
            _ => &it.exporters,
        });
        let mut ids: Vec<String> = Vec::new();
        let mut entries = Vec::new();
        for id in listed {
            if let Some(section) = smallest(kind, id.type_name(), registry)
                && !ids.contains(&id.to_string())
            {
                entries.push(format!("{id}: {section}").trim_end().to_owned());
                ids.push(id.to_string());
            }
        }
        if entries.is_empty() {
            return issue;
        }
        issue.set(&[kind.section()], format!("{{{}}}", entries.join(", ")))
    }

    /// No pipeline: one for the first signal that has a receiver and an exporter.
    pub(crate) fn with_pipeline(&self, registry: &Registry, issue: Issue) -> Issue {
        let found =
            [Signal::Traces, Signal::Metrics, Signal::Logs].into_iter().find_map(|signal| {
                let receiver = self.one_for(Kind::Receiver, signal, registry)?;
                let exporter = self.one_for(Kind::Exporter, signal, registry)?;
                Some(format!("{{{signal}: {{receivers: [{receiver}], exporters: [{exporter}]}}}}"))
            });
        match found {
            Some(pipeline) => issue.set(&["service", "pipelines"], pipeline),
            None => issue,
        }
    }

    /// An issue of a component, where a pipeline lists it.
    pub(crate) fn listed(&self, pipeline: &PipelineId, list: &str, id: &Id, issue: Issue) -> Issue {
        let found = self.service.pipelines.iter().find(|it| it.0 == *pipeline);
        let ids = found.map(|(_, it)| match list {
            "receivers" => &it.receivers,
            "exporters" => &it.exporters,
            _ => &it.processors,
        });
        let at = ids.and_then(|it| it.iter().position(|it| it == id));
        let Some(at) = at.map(|it| it.to_string()) else { return issue };
        let steps = ["service", "pipelines", pipeline.as_str(), list, &at];
        Issue { path: steps.map(str::to_owned).to_vec(), ..issue }
    }

    /// A configured component that carries a signal; one that no pipeline has, if there is one.
    pub(crate) fn one_for(&self, kind: Kind, signal: Signal, registry: &Registry) -> Option<&Id> {
        let fits =
            |id: &Id| registry.find(kind, id.type_name()).is_some_and(|it| it.accepts(signal));
        let is_used = |id: &Id| {
            let mut all = self.service.pipelines.iter();
            all.any(|(_, it)| it.receivers.contains(id) || it.exporters.contains(id))
        };
        let mut fitting: Vec<&Id> =
            self.of(kind).iter().map(|it| &it.0).filter(|it| fits(it)).collect();
        fitting.sort_by_key(|it| is_used(it));
        fitting.first().copied()
    }
}

/// Where a component of a kind is listed.
fn place_of(kind: Kind, pipeline: Option<&PipelineId>) -> Option<Vec<String>> {
    let steps = match (kind, pipeline) {
        (Kind::Extension, _) => vec!["service", "extensions"],
        (Kind::Connector, _) | (_, None) => return None,
        (_, Some(pipeline)) => vec!["service", "pipelines", pipeline.as_str(), kind.section()],
    };
    Some(steps.into_iter().map(str::to_owned).collect())
}

/// The id that was probably meant: nearly the same, or of nearly the same type with the same name.
pub(crate) fn nearest(id: &Id, candidates: &[String]) -> Option<String> {
    let whole = closest(id.as_str(), candidates.iter().map(String::as_str));
    let parts = |it: &str| {
        let (type_name, name) = it.split_once('/').unwrap_or((it, ""));
        (type_name.to_owned(), name.to_owned())
    };
    let (type_name, name) = parts(id.as_str());
    let near = |it: &&String| {
        let (other, other_name) = parts(it);
        let same_type = closest(&type_name, [other.as_str()]).is_some();
        same_type && (name == other_name || name.is_empty() || other_name.is_empty())
    };
    whole.map(str::to_owned).or_else(|| candidates.iter().find(near).cloned())
}

/// The smallest section of a type that is valid, in YAML; `None` where that cannot be known.
fn smallest(kind: Kind, type_name: &str, registry: &Registry) -> Option<String> {
    let entry = registry.find(kind, type_name)?;
    let problems = (entry.check)(&Value::Null).ok()?.problems;
    let needed: Option<Vec<String>> = problems
        .faults()
        .iter()
        .map(|it| match (&it.remedy, &it.place[..]) {
            (Some(Remedy::Set(value)), [key]) if it.named == 0 => Some(format!("{key}: {value}")),
            _ => None,
        })
        .collect();
    let needed = needed?;
    Some(if needed.is_empty() { String::new() } else { format!("{{{}}}", needed.join(", ")) })
}
