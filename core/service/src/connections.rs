//! How connectors join the pipelines of a configuration.

use component::{Id, Kind, PipelineId, Signal};

use crate::issue::{Issue, issue};
use crate::registry::{Entry, Registry};
use crate::settings::{PipelineConfig, Settings};

/// Who feeds whom, by the configuration alone.
#[derive(Clone, Copy)]
pub(crate) struct Connections<'a> {
    pub settings: &'a Settings,
    pub registry: &'a Registry,
}

impl<'a> Connections<'a> {
    /// The type of a component.
    pub fn entry(&self, kind: Kind, id: &Id) -> Option<&'a Entry> {
        self.registry.find(kind, id.type_name())
    }

    /// True for the id of a connector.
    pub fn is_connector(&self, id: &Id) -> bool {
        self.settings.section(Kind::Connector, id).is_some()
    }

    /// Pipelines that a connector feeds when it is fed with `from`.
    pub fn fed_by<'b>(
        &self,
        connector: &'b Id,
        from: Signal,
    ) -> impl Iterator<Item = &'a (PipelineId, PipelineConfig)> + use<'a, 'b> {
        let entry = self.entry(Kind::Connector, connector);
        self.settings.service.pipelines.iter().filter(move |(id, config)| {
            config.receivers.contains(connector)
                && entry.is_some_and(|it| it.connects(from, id.signal()))
        })
    }

    /// Connectors without a pipeline before them and one behind them that fit together.
    pub fn lonely(&self) -> Vec<Issue> {
        let mut found = Vec::new();
        for (connector, _) in self.settings.of(Kind::Connector) {
            let Some(entry) = self.entry(Kind::Connector, connector) else { continue };
            let users = |list: fn(&PipelineConfig) -> &Vec<Id>| {
                let all = self.settings.service.pipelines.iter();
                all.filter(move |(_, it)| list(it).contains(connector)).map(|(id, _)| id)
            };
            let before: Vec<&PipelineId> = users(|it| &it.exporters).collect();
            let behind: Vec<&PipelineId> = users(|it| &it.receivers).collect();
            let lonely = before
                .iter()
                .filter(|from| !behind.iter().any(|to| entry.connects(from.signal(), to.signal())));
            for id in lonely {
                let text = format!(
                    "connector \"{connector}\" used as exporter in [{}] pipeline but not used in any \
                     supported receiver pipeline",
                    names(&before, id.signal())
                );
                let cause = format!(
                    "the connector `{connector}` takes {} in, but no pipeline that it could feed has it as a receiver",
                    id.signal()
                );
                let issue = issue(&["service", "pipelines", id.as_str(), "exporters"], &text);
                found.push(self.settings.listed(id, "exporters", connector, issue.cause(cause)));
            }
            let lonely = behind
                .iter()
                .filter(|to| !before.iter().any(|from| entry.connects(from.signal(), to.signal())));
            for id in lonely {
                let text = format!(
                    "connector \"{connector}\" used as receiver in [{}] pipeline but not used in any \
                     supported exporter pipeline",
                    names(&behind, id.signal())
                );
                let cause = format!(
                    "the connector `{connector}` should bring {} here, but no pipeline that could feed it has it as an \
                     exporter",
                    id.signal()
                );
                let issue = issue(&["service", "pipelines", id.as_str(), "receivers"], &text);
                found.push(self.settings.listed(id, "receivers", connector, issue.cause(cause)));
            }
        }
        found
    }

    /// Everything in the pipelines that cannot be built, whatever the Collector would stop at.
    pub fn mistakes(&self) -> Vec<Issue> {
        let mut found = self.lonely();
        for (pipeline, config) in &self.settings.service.pipelines {
            let signal = pipeline.signal();
            let lists = [
                (Kind::Receiver, &config.receivers),
                (Kind::Processor, &config.processors),
                (Kind::Exporter, &config.exporters),
            ];
            for (kind, ids) in lists {
                let wrong = ids
                    .iter()
                    .filter(|id| !self.is_connector(id))
                    .filter(|id| self.entry(kind, id).is_some_and(|entry| !entry.accepts(signal)));
                found.extend(wrong.map(|id| {
                    let cause = unsupported(id, signal);
                    let issue = issue(&[], &cause).cause(cause.as_str());
                    self.settings.listed(pipeline, kind.section(), id, issue)
                }));
            }
        }
        found
    }
}

/// Why a component cannot be in a pipeline.
pub(crate) fn unsupported(id: &Id, signal: Signal) -> String {
    format!("`{id}` does not support {signal}, which this pipeline carries")
}

/// Pipelines of one signal, as the Collector lists them.
fn names(pipelines: &[&PipelineId], signal: Signal) -> String {
    let same = pipelines.iter().filter(|it| it.signal() == signal);
    same.map(|it| it.as_str()).collect::<Vec<_>>().join(" ")
}
