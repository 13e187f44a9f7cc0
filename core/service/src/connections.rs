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

    /// Each connector needs a pipeline before it and one behind it that fit together.
    ///
    /// # Errors
    /// The first that has not.
    pub fn check(&self) -> Result<(), Issue> {
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
                .find(|from| !behind.iter().any(|to| entry.connects(from.signal(), to.signal())));
            if let Some(id) = lonely {
                let text = format!(
                    "connector \"{connector}\" used as exporter in [{}] pipeline but not used in any \
                     supported receiver pipeline",
                    names(&before, id.signal())
                );
                return Err(issue(&["service", "pipelines", id.as_str(), "exporters"], &text));
            }
            let lonely = behind
                .iter()
                .find(|to| !before.iter().any(|from| entry.connects(from.signal(), to.signal())));
            if let Some(id) = lonely {
                let text = format!(
                    "connector \"{connector}\" used as receiver in [{}] pipeline but not used in any \
                     supported exporter pipeline",
                    names(&behind, id.signal())
                );
                return Err(issue(&["service", "pipelines", id.as_str(), "receivers"], &text));
            }
        }
        Ok(())
    }
}

/// Pipelines of one signal, as the Collector lists them.
fn names(pipelines: &[&PipelineId], signal: Signal) -> String {
    let same = pipelines.iter().filter(|it| it.signal() == signal);
    same.map(|it| it.as_str()).collect::<Vec<_>>().join(" ")
}
