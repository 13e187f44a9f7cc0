//! The service as components see it: what extensions offer, what runs, and what they say of themselves.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use component::config::Value;
use component::{
    BoxError, Capability, Component, DefaultStorage, Id, Kind, Outputs, Phase, ReceiverType,
    RemoteConfiguration, Reported, ServiceView, Services, Signal, Status, TypeView, component_of,
};
use confmap::{Bounds, Source, SourceKind};
use serde_json::{Map, Value as Json};
use tokio::sync::{mpsc, watch};
use tracing::{error, info, warn};

use crate::effective;
use crate::load;
use crate::registry::{Plan, Registry};
use crate::settings::Settings;

/// A section that came from outside of the configuration: an annotation in Kubernetes has at most 256 KiB.
const SECTION_BOUNDS: Bounds = Bounds { text_bytes: 256 << 10, nodes: 10_000, tree_bytes: 1 << 20 };

/// What components may ask of the service.
pub(crate) struct ServiceHandle {
    offered: Mutex<HashMap<Id, Vec<Capability>>>,
    registry: Registry,
    fatal: mpsc::Sender<String>,
    last: Mutex<BTreeMap<String, Reported>>,
    /// Without what components say of themselves.
    shown: Mutex<ServiceView>,
    configuration: Mutex<Arc<Configuration>>,
    remote: mpsc::Sender<RemoteConfiguration>,
    changed: watch::Sender<()>,
}

/// The configuration in force. As a text, with defaults and without secrets, it is written when somebody asks for it.
#[derive(Default)]
struct Configuration {
    settings: Settings,
    json: OnceLock<Arc<str>>,
    yaml: OnceLock<Arc<str>>,
}

impl ServiceHandle {
    /// One that shows nothing yet; reports of components that cannot go on are sent to `fatal`, and configurations that come over
    /// the network to `remote`.
    pub fn new(
        registry: &Registry,
        fatal: mpsc::Sender<String>,
        remote: mpsc::Sender<RemoteConfiguration>,
    ) -> Self {
        let gates = registry.gates().to_vec();
        let types = Kind::ALL.into_iter().flat_map(|kind| registry.of(kind));
        let types =
            types.map(|it| TypeView { kind: it.kind, type_name: it.type_name, module: it.module });
        Self {
            offered: Mutex::default(),
            registry: registry.clone(),
            fatal,
            last: Mutex::default(),
            shown: Mutex::new(ServiceView {
                gates,
                types: types.collect(),
                ..ServiceView::default()
            }),
            configuration: Mutex::default(),
            remote,
            changed: watch::Sender::new(()),
        }
    }

    /// Components that start from now on find what these offer.
    pub fn offer(&self, all: impl Iterator<Item = (Id, Vec<Capability>)>) {
        *self.offered.lock().unwrap_or_else(PoisonError::into_inner) = all.collect();
    }

    /// From now on this is what runs, and what its own telemetry says of the process.
    pub fn show(&self, settings: &Settings, attributes: &Map<String, Json>) {
        let configuration =
            Configuration { settings: settings.clone(), ..Configuration::default() };
        *self.configuration.lock().unwrap_or_else(PoisonError::into_inner) =
            Arc::new(configuration);
        let attributes = attributes.iter().map(|(key, it)| {
            let text = it.as_str().map(str::to_owned);
            (key.clone(), text.unwrap_or_else(|| it.to_string()))
        });
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let now = component::clock::now();
        shown.started.get_or_insert(now);
        shown.phase_since.get_or_insert(now);
        shown.resource = attributes.collect();
        shown.pipelines = settings.pipelines();
        shown.extensions.clone_from(&settings.service.extensions);
        drop(shown);
        self.changed.send_replace(());
    }

    fn in_force(&self) -> Arc<Configuration> {
        Arc::clone(&self.configuration.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The collector is in another part of its life.
    pub fn enter(&self, phase: Phase) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        (shown.phase, shown.phase_since) = (phase, Some(component::clock::now()));
        drop(shown);
        self.changed.send_replace(());
    }
}

impl Services for ServiceHandle {
    fn report(&self, instance: &str, status: Status) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.get(instance).is_some_and(|it| it.status == status) {
            return;
        }
        let component = component_of(instance);
        // What one instance says, the others of its component say soon.
        let is_said = last.values().any(|it| it.component() == component && it.status == status);
        match &status {
            _ if is_said => {}
            Status::Ok => info!(component, "Component works again."),
            Status::Recoverable(error) => warn!(component, %error, "Component has a problem."),
            Status::Permanent(error) => error!(component, %error, "Component does not work."),
            Status::Fatal(error) => {
                error!(component, %error, "Asynchronous error received, terminating process");
                // A full channel means that the collector is stopping already.
                let _ = self.fatal.try_send(format!("{component}: {error}"));
            }
        }
        let (instance, since) = (instance.to_owned(), component::clock::now());
        last.insert(instance.clone(), Reported { instance, status, since });
        drop(last);
        self.changed.send_replace(());
    }

    fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    fn configuration(&self) -> Arc<str> {
        let it = self.in_force();
        let text = || confmap::write::json(&effective::hidden(&it.settings, &self.registry));
        Arc::clone(it.json.get_or_init(|| text().into()))
    }

    fn configuration_yaml(&self) -> Arc<str> {
        let it = self.in_force();
        let text = || confmap::write::yaml(&effective::hidden(&it.settings, &self.registry), false);
        Arc::clone(it.yaml.get_or_init(|| text().into()))
    }

    fn run_configuration(&self, remote: RemoteConfiguration) {
        use mpsc::error::TrySendError::{Closed, Full};
        match self.remote.try_send(remote) {
            Ok(()) => {}
            Err(Full(remote)) => {
                remote.answer(Err("other configurations are waiting to be run".to_owned()));
            }
            Err(Closed(remote)) => remote.answer(Err("the collector is stopping".to_owned())),
        }
    }

    fn default_storage(&self) -> DefaultStorage {
        self.registry.default_storage().clone()
    }

    fn receiver_type(&self, type_name: &str) -> Option<ReceiverType> {
        let entry = self.registry.find(Kind::Receiver, type_name)?;
        let schema = (entry.schema)();
        let keys = schema.get("properties").and_then(serde_json::Value::as_object);
        Some(ReceiverType {
            signals: Signal::ALL.into_iter().filter(|it| entry.accepts(*it)).collect(),
            keys: keys.into_iter().flat_map(|it| it.keys().cloned()).collect(),
        })
    }

    fn make_receiver(
        &self,
        settings: component::Settings,
        section: &Value,
        out: Outputs,
    ) -> Result<Arc<dyn Component>, BoxError> {
        let name = settings.id.type_name();
        let entry = self.registry.find(Kind::Receiver, name);
        let entry =
            entry.ok_or_else(|| format!("there is no receiver \"{name}\" in this program"))?;
        match entry.plan(section)? {
            Plan::Receiver(make) => make((settings, out)),
            _ => Err("its section has no plan".into()),
        }
    }

    fn forget(&self, instance: &str) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = last.remove(instance).is_some();
        drop(last);
        if is_known {
            self.changed.send_replace(());
        }
    }

    fn read_yaml(&self, text: &str) -> Result<Value, BoxError> {
        let source = Source::new(SourceKind::File, "the text", text);
        let documents = confmap::documents(&source, SECTION_BOUNDS).map_err(|it| it.to_string())?;
        match documents.as_slice() {
            [] => Ok(Value::Null),
            [one] => Ok(load::value(one)),
            _ => Err("it is more than one document".into()),
        }
    }

    fn view(&self) -> ServiceView {
        let mut view = self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        view.statuses = last.values().cloned().collect();
        view
    }

    fn offers(&self, id: &Id) -> Option<Vec<Capability>> {
        self.offered.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }
}
