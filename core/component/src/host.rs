//! The host owns every task. Shutdown = cancel, wait, then [`crate::Component::shutdown`].

use std::future::Future;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use config::{Side, Value};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::capability::{self, Capability, Offered, Offers};
use crate::inner::ReceiverType;
use crate::middleware::ServerMiddleware;
use crate::view::{ServiceView, Status};
use crate::{
    BoxError, DefaultStorage, Handover, Id, InFlight, Outputs, Ownership, RemoteConfiguration,
    Settings,
};

/// A life: created inert, started once, shut down once.
///
/// When the configuration is reloaded, the next instance of the same component lives beside this one for a
/// moment: what only one can have is owned by one after the other ([`Host::ownership`]) or taken over
/// ([`Host::take_socket`]). A consumer is called for a little longer than its tasks run; it passes on what it
/// does not gather any more.
#[async_trait]
pub trait Component: Send + Sync + 'static {
    /// Acquires what can fail (ports, files), spawns tasks on `host`, returns.
    ///
    /// # Errors
    /// Stops the collector. The text says what was attempted.
    async fn start(self: Arc<Self>, _host: &Host) -> Result<(), BoxError> {
        Ok(())
    }

    /// Flushes what is left, after every task spawned on `host` has ended.
    async fn shutdown(&self) -> Result<(), BoxError> {
        Ok(())
    }
}

/// What the service provides to one component. Cloning counts references.
#[derive(Clone)]
pub struct Host {
    stopping: CancellationToken,
    tasks: Arc<Mutex<JoinSet<()>>>,
    services: Arc<dyn Services>,
    used: Arc<Mutex<Vec<Id>>>,
    /// Tells instances of one component apart that live side by side, one per signal or pipeline.
    instance: Arc<str>,
    leaving: Arc<AtomicBool>,
    /// It is a part of another component, which goes on without it.
    is_inner: bool,
    handover: Handover,
}

/// The service's side of [`Host`].
pub trait Services: Send + Sync {
    /// An instance of a component ([`instance_name`](crate::instance_name)) reports how it is.
    fn report(&self, instance: &str, status: Status);
    /// What an extension offers; `None` for one that is not listed in `service::extensions`.
    fn offers(&self, id: &Id) -> Option<Vec<Capability>>;
    /// What runs at the moment.
    fn view(&self) -> ServiceView {
        ServiceView::default()
    }
    /// Told of each change of the view.
    fn changes(&self) -> watch::Receiver<()> {
        watch::channel(()).1
    }
    /// The configuration in force as JSON, without secrets.
    fn configuration(&self) -> Arc<str> {
        Arc::default()
    }
    /// The same as YAML.
    fn configuration_yaml(&self) -> Arc<str> {
        Arc::default()
    }
    /// Runs what came over the network in the place of what runs.
    fn run_configuration(&self, remote: RemoteConfiguration) {
        remote.answer(Err("there is nobody here who runs it".to_owned()));
    }
    /// Where state is kept for which no storage is named.
    fn default_storage(&self) -> DefaultStorage {
        DefaultStorage::default()
    }
    /// What a type of receivers is like; `None` if there is no such type.
    fn receiver_type(&self, _type_name: &str) -> Option<ReceiverType> {
        None
    }
    /// Makes a receiver of a section that is in no configuration.
    ///
    /// # Errors
    /// There is no such type, or the section is wrong.
    fn make_receiver(
        &self,
        settings: Settings,
        _section: &Value,
        _out: Outputs,
    ) -> Result<Arc<dyn Component>, BoxError> {
        Err(format!("there is no receiver \"{}\" here", settings.id.type_name()).into())
    }
    /// An instance that has reported how it is will not do so any more.
    fn forget(&self, _instance: &str) {}
    /// Reads a text as the YAML of a section.
    ///
    /// # Errors
    /// It is none.
    fn read_yaml(&self, _text: &str) -> Result<Value, BoxError> {
        Err("there is nobody who reads YAML here".into())
    }
}

impl Host {
    /// For the service and for tests. `component` names the component in reports: `receiver/otlp`.
    pub fn new(component: &str, stopping: CancellationToken, services: Arc<dyn Services>) -> Self {
        Self {
            stopping,
            tasks: Arc::default(),
            services,
            used: Arc::default(),
            instance: component.into(),
            leaving: Arc::default(),
            is_inner: false,
            handover: Handover::default(),
        }
    }

    /// What outlives the instance goes through `handover`; only the `instance` of that name takes it over.
    #[must_use]
    pub fn with_handover(self, handover: &Handover, instance: &str) -> Self {
        Self { instance: instance.into(), handover: handover.clone(), ..self }
    }

    /// Runs a task that ends with the component. One that fails or panics stops the collector.
    /// What it logs carries the component's name.
    pub fn spawn<F>(&self, task: F)
    where
        F: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let (instance, services) = (Arc::clone(&self.instance), Arc::clone(&self.services));
        let (leaving, is_inner) = (Arc::clone(&self.leaving), self.is_inner);
        let mut guard = PanicReport { instance, services, leaving, is_inner, armed: true };
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        let task = async move {
            let result = task.await;
            guard.armed = false;
            if let Err(error) = result {
                guard.report(error.to_string());
            }
        };
        tasks.spawn(task.in_current_span());
    }

    /// Cancelled when the component has to stop.
    pub fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    /// True when the collector goes on without this instance: another one has its place, or none is
    /// wanted any more. Nobody has to be sent away in a hurry.
    pub fn is_leaving(&self) -> bool {
        self.leaving.load(Relaxed)
    }

    /// Says whether the collector goes on without this instance. For the service and for tests.
    pub fn set_leaving(&self, leaving: bool) {
        self.leaving.store(leaving, Relaxed);
    }

    /// Says how the component is.
    pub fn report(&self, status: Status) {
        self.services.report(&self.instance, status);
    }

    /// The extensions that the component has asked for something.
    pub fn used(&self) -> Vec<Id> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the extension `id` offers: `host.uses::<dyn Storage>(&id)`.
    ///
    /// # Errors
    /// In the Collector's words, when there is no such extension or it offers something else.
    pub fn uses<C: Offered + ?Sized>(&self, id: &Id) -> Result<Arc<C>, BoxError> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).push(id.clone());
        capability::find(self.services.offers(id), id.as_str(), (C::KIND, C::of))
    }

    /// The same for an id as it stands in a section, which may be none.
    ///
    /// # Errors
    /// As [`uses`](Self::uses).
    pub fn uses_named<C: Offered + ?Sized>(&self, name: &str) -> Result<Arc<C>, BoxError> {
        let id: Id = name.parse().map_err(|_| C::KIND.not_listed(name))?;
        self.uses(&id)
    }

    /// The extension that a section names in `middlewares`.
    ///
    /// # Errors
    /// As [`uses`](Self::uses). There is none for clients yet.
    pub fn uses_middleware(
        &self,
        name: &str,
        side: Side,
    ) -> Result<Arc<dyn ServerMiddleware>, BoxError> {
        let kind = Offers::Middleware(side);
        let id: Id = name.parse().map_err(|_| kind.not_listed(name))?;
        self.used.lock().unwrap_or_else(PoisonError::into_inner).push(id.clone());
        let of = |it: &Capability| capability::middleware(it, side);
        capability::find(self.services.offers(&id), name, (kind, of))
    }

    /// What runs at the moment, for extensions with pages.
    pub fn view(&self) -> ServiceView {
        self.services.view()
    }

    /// Told of each change of the view.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.services.changes()
    }

    /// The configuration in force as JSON, without secrets.
    pub fn configuration(&self) -> Arc<str> {
        self.services.configuration()
    }

    /// The same as YAML.
    pub fn configuration_yaml(&self) -> Arc<str> {
        self.services.configuration_yaml()
    }

    /// Lays YAML over the configuration of the files and runs that, as a reload does: after an error everything runs as
    /// before. `by` is the extension that was sent it, whose own section it cannot change.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn run_configuration(
        &self,
        by: &Id,
        texts: Vec<String>,
    ) -> impl Future<Output = Result<(), String>> + Send + use<> {
        let leaving = Arc::clone(&self.leaving);
        let (remote, told) = RemoteConfiguration::new(by.clone(), texts, leaving);
        self.services.run_configuration(remote);
        async { told.await.unwrap_or_else(|_| Err("the collector is stopping".to_owned())) }
    }

    /// Where state is kept for which the configuration names no storage.
    pub fn default_storage(&self) -> DefaultStorage {
        self.services.default_storage()
    }

    /// What a type of receivers is like; `None` if there is no such type.
    pub fn receiver_type(&self, type_name: &str) -> Option<ReceiverType> {
        self.services.receiver_type(type_name)
    }

    /// Reads a text as the YAML of a section.
    ///
    /// # Errors
    /// It is none.
    pub fn read_yaml(&self, text: &str) -> Result<Value, BoxError> {
        self.services.read_yaml(text)
    }

    /// Starts a receiver that is in no configuration, as a part of this component. Whoever starts it stops it; its tasks are told to
    /// end with this component. The collector goes on when it fails.
    ///
    /// # Errors
    /// There is no such type, the section is wrong, or the receiver does not start.
    pub async fn start_receiver(
        &self,
        settings: Settings,
        section: &Value,
        out: Outputs,
    ) -> Result<InnerReceiver, BoxError> {
        let span = tracing::error_span!(
            "component",
            "otelcol.component.id" = settings.id.as_str(),
            "otelcol.component.kind" = "receiver"
        );
        let instance = format!("receiver/{}", settings.id);
        let made = span.in_scope(|| self.services.make_receiver(settings, section, out));
        let component = made?;
        let host = Self {
            stopping: self.stopping.child_token(),
            tasks: Arc::default(),
            leaving: Arc::default(),
            is_inner: true,
            instance: instance.into(),
            ..self.clone()
        };
        let started = Arc::clone(&component).start(&host).instrument(span).await;
        let inner = InnerReceiver::new(component, host);
        match started {
            Ok(()) => Ok(inner),
            Err(error) => {
                inner.abort();
                Err(error)
            }
        }
    }

    /// The bytes of requests under way in all components.
    pub fn in_flight(&self) -> &InFlight {
        self.handover.in_flight()
    }

    /// The listening socket at `address`, from an instance that makes way for a new one. Two components
    /// that just have the same address do not share it.
    pub fn take_socket(&self, address: &str) -> Option<Arc<OwnedFd>> {
        self.handover.take_socket(address)
    }

    /// Every listening socket of instances that make way.
    pub fn leaving_sockets(&self) -> Vec<Arc<OwnedFd>> {
        self.handover.leaving_sockets()
    }

    /// Offers a listening socket to the instance that will follow.
    pub fn offer_socket(&self, address: String, fd: &Arc<OwnedFd>) {
        self.handover.offer_socket(address, fd, &self.leaving);
    }

    /// Waits until the instance before has ended its ownership. That one knows from now on that it is awaited.
    pub fn ownership(&self) -> impl Future<Output = Ownership> + Send + use<> {
        self.handover.ownership(&self.instance)
    }

    /// The ownership, unless another instance still has it.
    pub fn try_ownership(&self) -> Option<Ownership> {
        self.handover.try_ownership(&self.instance)
    }

    /// Cancels the tasks and waits for them. For the service and for tests.
    pub async fn stop(&self) {
        self.stopping.cancel();
        let mut tasks = std::mem::take(&mut *self.lock());
        while tasks.join_next().await.is_some() {}
    }

    /// What this component has said of itself does not matter any more.
    pub(crate) fn forget(&self) {
        self.services.forget(&self.instance);
    }

    /// Ends the tasks at once: their time is over. For the service.
    pub fn abort(&self) {
        self.stopping.cancel();
        self.lock().abort_all();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A receiver that runs inside another component.
pub struct InnerReceiver {
    component: Arc<dyn Component>,
    host: Host,
}

impl InnerReceiver {
    pub(crate) fn new(component: Arc<dyn Component>, host: Host) -> Self {
        Self { component, host }
    }

    /// Stops it as the service stops a receiver: its tasks end, then it is shut down.
    ///
    /// # Errors
    /// What the receiver says of its shutdown.
    pub async fn stop(&self) -> Result<(), BoxError> {
        self.host.stop().await;
        let ended = self.component.shutdown().await;
        self.host.forget();
        ended
    }

    /// Ends its tasks at once.
    pub fn abort(&self) {
        self.host.abort();
        self.host.forget();
    }
}

/// Reports a task that unwinds instead of returning.
struct PanicReport {
    instance: Arc<str>,
    services: Arc<dyn Services>,
    leaving: Arc<AtomicBool>,
    is_inner: bool,
    armed: bool,
}

impl PanicReport {
    /// An instance that leaves does not take the collector with it.
    fn report(&self, error: String) {
        let goes_on = self.is_inner || self.leaving.load(Relaxed);
        let status = if goes_on { Status::Permanent(error) } else { Status::Fatal(error) };
        self.services.report(&self.instance, status);
    }
}

impl Drop for PanicReport {
    fn drop(&mut self) {
        if self.armed && std::thread::panicking() {
            self.report("a task panicked".into());
        }
    }
}
