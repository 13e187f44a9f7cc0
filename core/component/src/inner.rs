//! Receivers that a component starts while it runs: those of the receiver creator.

use std::sync::Arc;

use pdata::Signal;

use crate::{BoxError, Component, Host};

/// What a type of receivers is like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReceiverType {
    /// What it can produce.
    pub signals: Vec<Signal>,
    /// The keys of its section.
    pub keys: Vec<String>,
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
    }
}
