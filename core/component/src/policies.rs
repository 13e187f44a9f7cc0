//! Where telemetry policies come from: what policy extensions offer.

use std::sync::Arc;

use tokio::sync::watch;

/// A text with telemetry policies, YAML or JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyDocument {
    /// The file, for messages.
    pub name: String,
    /// All of it.
    pub text: String,
}

/// All documents of one provider.
pub type PolicyDocuments = Arc<[PolicyDocument]>;

/// Has telemetry policies, and may come to have others while it runs.
pub trait PolicyProvider: Send + Sync {
    /// The documents that count now, and those that will.
    fn policies(&self) -> watch::Receiver<PolicyDocuments>;
}
