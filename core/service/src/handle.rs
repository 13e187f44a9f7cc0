//! The service as components see it: what extensions offer, what runs, and what they say of themselves.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use component::{
    Capability, DefaultStorage, Id, Phase, Reported, ServiceView, Services, Status, component_of,
};
use tokio::sync::{mpsc, watch};
use tracing::{error, info, warn};

use crate::effective;
use crate::node::Key;
use crate::registry::Registry;
use crate::settings::Settings;

/// What components may ask of the service.
pub(crate) struct ServiceHandle {
    offered: Mutex<HashMap<Id, Vec<Capability>>>,
    storage: DefaultStorage,
    fatal: mpsc::Sender<String>,
    last: Mutex<BTreeMap<String, Reported>>,
    /// Without what components say of themselves.
    shown: Mutex<ServiceView>,
    configuration: Mutex<Arc<str>>,
    changed: watch::Sender<()>,
}

impl ServiceHandle {
    /// One that shows nothing yet; reports of components that cannot go on are sent to `fatal`.
    pub fn new(registry: &Registry, fatal: mpsc::Sender<String>) -> Self {
        let gates = registry.gates().to_vec();
        Self {
            offered: Mutex::default(),
            storage: registry.default_storage().clone(),
            fatal,
            last: Mutex::default(),
            shown: Mutex::new(ServiceView { gates, ..ServiceView::default() }),
            configuration: Mutex::default(),
            changed: watch::Sender::new(()),
        }
    }

    /// Components that start from now on find what these offer.
    pub fn offer(&self, all: impl Iterator<Item = (Id, Vec<Capability>)>) {
        *self.offered.lock().unwrap_or_else(PoisonError::into_inner) = all.collect();
    }

    /// From now on this is what runs.
    pub fn show(&self, settings: &Settings, registry: &Registry) {
        let configuration = effective::json(settings, registry);
        *self.configuration.lock().unwrap_or_else(PoisonError::into_inner) = configuration.into();
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let now = component::clock::now();
        shown.started.get_or_insert(now);
        shown.phase_since.get_or_insert(now);
        shown.pipelines = settings.pipelines();
        shown.extensions.clone_from(&settings.service.extensions);
        drop(shown);
        self.changed.send_replace(());
    }

    /// The collector is in another part of its life.
    pub fn enter(&self, phase: Phase) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        (shown.phase, shown.phase_since) = (phase, Some(component::clock::now()));
        drop(shown);
        self.changed.send_replace(());
    }

    /// The next report under this name is about another instance.
    pub fn forget(&self, key: &Key) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.remove(&key.to_string());
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
        Arc::clone(&self.configuration.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn default_storage(&self) -> DefaultStorage {
        self.storage.clone()
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
