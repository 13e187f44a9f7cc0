//! The service's side, as far as one component sees it.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use component::config::Value;
use component::meter::Sample;
use component::{
    BoxError, BuildInfo, Capability, Component, ConnectorSettings, ExporterSettings, Handover,
    Host, Id, Meter, Outputs, ProcessorSettings, ReceiverType, RemoteConfiguration, ServiceView,
    Services, Settings, Signal, Status,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A [`Host`] that collects reports and can offer storage.
pub struct TestHost {
    host: Host,
    handover: Handover,
    services: Arc<Recorder>,
}

/// Makes a receiver of a section.
type Make = dyn Fn(Settings, &Value, Outputs) -> Result<Arc<dyn Component>, BoxError> + Send + Sync;

#[derive(Default)]
struct Recorder {
    reports: Mutex<Vec<Status>>,
    offered: Mutex<BTreeMap<String, Capability>>,
    view: Mutex<ServiceView>,
    changed: watch::Sender<()>,
    receivers: Mutex<BTreeMap<&'static str, (ReceiverType, Arc<Make>)>>,
    configuration: Mutex<Option<Arc<str>>>,
    remote: Mutex<Vec<RemoteConfiguration>>,
    forgotten: Mutex<Vec<String>>,
}

impl Services for Recorder {
    fn report(&self, _component: &str, status: Status) {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner).push(status);
    }

    fn offers(&self, id: &Id) -> Option<Vec<Capability>> {
        let offered = self.offered.lock().unwrap_or_else(PoisonError::into_inner);
        offered.get(id.as_str()).map(|it| vec![it.clone()])
    }

    fn view(&self) -> ServiceView {
        self.view.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    fn configuration(&self) -> Arc<str> {
        r#"{"receivers":{}}"#.into()
    }

    fn configuration_yaml(&self) -> Arc<str> {
        let shown = self.configuration.lock().unwrap_or_else(PoisonError::into_inner);
        shown.clone().unwrap_or_else(|| "receivers: {}\n".into())
    }

    fn run_configuration(&self, remote: RemoteConfiguration) {
        self.remote.lock().unwrap_or_else(PoisonError::into_inner).push(remote);
        self.changed.send_replace(());
    }

    fn receiver_type(&self, type_name: &str) -> Option<ReceiverType> {
        let receivers = self.receivers.lock().unwrap_or_else(PoisonError::into_inner);
        receivers.get(type_name).map(|it| it.0.clone())
    }

    fn make_receiver(
        &self,
        settings: Settings,
        section: &Value,
        out: Outputs,
    ) -> Result<Arc<dyn Component>, BoxError> {
        let receivers = self.receivers.lock().unwrap_or_else(PoisonError::into_inner);
        let found = receivers.get(settings.id.type_name()).map(|it| Arc::clone(&it.1));
        drop(receivers);
        found.ok_or("there is no such receiver")?(settings, section, out)
    }

    fn forget(&self, instance: &str) {
        self.forgotten.lock().unwrap_or_else(PoisonError::into_inner).push(instance.to_owned());
    }

    fn read_yaml(&self, text: &str) -> Result<Value, BoxError> {
        crate::section::read(text).map_err(Into::into)
    }
}

impl Default for TestHost {
    fn default() -> Self {
        Self::new()
    }
}

impl TestHost {
    /// One without storage.
    pub fn new() -> Self {
        Self::with(Handover::default(), Arc::default())
    }

    fn with(handover: Handover, services: Arc<Recorder>) -> Self {
        let host = Host::new("test", CancellationToken::new(), Arc::clone(&services) as _);
        Self { host: host.with_handover(&handover, "test"), handover, services }
    }

    /// The host of the next instance of the same component.
    #[must_use]
    pub fn successor(&self) -> Self {
        Self::with(self.handover.clone(), Arc::clone(&self.services))
    }

    /// From now on this is what runs.
    pub fn show(&self, view: ServiceView) {
        *self.services.view.lock().unwrap_or_else(PoisonError::into_inner) = view;
        self.services.changed.send_replace(());
    }

    /// From now on this is the configuration, as YAML.
    pub fn configure(&self, yaml: &str) {
        let mut shown = self.services.configuration.lock().unwrap_or_else(PoisonError::into_inner);
        *shown = Some(yaml.into());
        drop(shown);
        self.services.changed.send_replace(());
    }

    /// The next configuration that came over the network.
    pub async fn remote_configuration(&self) -> RemoteConfiguration {
        let mut changes = self.services.changed.subscribe();
        let next = || {
            let mut all = self.services.remote.lock().unwrap_or_else(PoisonError::into_inner);
            (!all.is_empty()).then(|| all.remove(0))
        };
        loop {
            if let Some(remote) = next() {
                return remote;
            }
            // The sender is the host's own.
            let _ = changes.changed().await;
        }
    }

    /// An extension `id` offers this.
    pub fn offer(&self, id: &str, capability: Capability) {
        let mut offered = self.services.offered.lock().unwrap_or_else(PoisonError::into_inner);
        offered.insert(id.to_owned(), capability);
    }

    /// There is a type of receivers, which `make` makes.
    pub fn offer_receiver(
        &self,
        type_name: &'static str,
        like: ReceiverType,
        make: impl Fn(Settings, &Value, Outputs) -> Result<Arc<dyn Component>, BoxError>
        + Send
        + Sync
        + 'static,
    ) {
        let mut all = self.services.receivers.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(type_name, (like, Arc::new(make)));
    }

    /// What was reported so far.
    pub fn reports(&self) -> Vec<Status> {
        self.services.reports.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Instances of which nothing is to be said any more.
    pub fn forgotten(&self) -> Vec<String> {
        self.services.forgotten.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stops a component as the service does: ends its tasks, then shuts it down. Panics when that
    /// takes longer than `grace` or fails.
    pub async fn shutdown(&self, component: &dyn Component, grace: Duration) {
        let end = async {
            self.host.stop().await;
            component.shutdown().await
        };
        let ended = tokio::time::timeout(grace, end).await;
        ended.expect("the component stops within the grace").expect("the component stops cleanly");
    }
}

impl Deref for TestHost {
    type Target = Host;

    fn deref(&self) -> &Host {
        &self.host
    }
}

const BUILD: BuildInfo = BuildInfo { command: "test", description: "Test", version: "0.0.0" };

/// What a receiver or an extension `id` is told about itself, with a meter of its own.
pub fn settings(id: &str) -> Settings {
    Settings { id: id.parse().expect("an id"), build: BUILD, meter: Meter::default() }
}

/// What a processor `id` in the first pipeline of `signal` is told.
pub fn processor_settings(id: &str, signal: Signal) -> ProcessorSettings {
    let Settings { id, build, meter } = settings(id);
    let pipeline = signal.name().parse().expect("a pipeline id");
    ProcessorSettings { id, signal, pipeline, build, meter }
}

/// What an exporter `id` is told.
pub fn exporter_settings(id: &str, signal: Signal) -> ExporterSettings {
    let Settings { id, build, meter } = settings(id);
    ExporterSettings { id, signal, build, meter }
}

/// What a connector `id` behind pipelines of `signal` is told.
pub fn connector_settings(id: &str, signal: Signal) -> ConnectorSettings {
    let Settings { id, build, meter } = settings(id);
    ConnectorSettings { id, signal, build, meter }
}

/// The value of one series; of a histogram its sum. `None` when it was never touched.
pub fn metric(meter: &Meter, name: &str, attributes: &[(&str, &str)]) -> Option<f64> {
    let mut want: Vec<_> = attributes.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
    want.sort();
    let all = meter.registry().snapshot();
    let series = &all.iter().find(|it| it.name == name)?.series;
    series.iter().find(|(key, _)| *key == want).map(|(_, sample)| match sample {
        Sample::Int(value) => *value as f64,
        Sample::Float(value) => *value,
        Sample::Histogram { sum, .. } => *sum,
    })
}

/// Runs a caller beside the test, as a receiver's task would. It ends with the test's runtime.
#[expect(clippy::disallowed_methods, reason = "the task is the test's, not a component's")]
pub fn spawn<F>(task: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    tokio::spawn(task)
}
