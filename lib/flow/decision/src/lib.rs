//! What a Rego policy decides about telemetry: the engine of the processor and the connector `rego`.
//!
//! ```text
//!   record -> input document -> does it count in a window? -> queries -> actions -> edited record, alerts, routes
//!             (project)         (windows, state)              (policy)   (action)   (apply, alert)
//! ```
//!
//! An [`Engine`] is what came of a section, once for all pipelines of an id; an [`Instance`] is its use in one of them.

mod action;
mod alert;
mod apply;
mod bundle;
#[cfg(test)]
mod bundle_kit;
mod bundles;
mod calm;
mod cells;
mod closure;
mod config;
mod decision_log;
mod engine;
mod fields;
mod guards;
mod inspect;
mod instance;
mod layout;
mod memo;
mod path;
mod plan;
mod policy;
mod project;
mod reads;
mod remote;
#[cfg(test)]
mod remote_tests;
mod run;
mod signed;
mod sources;
mod state;
#[cfg(test)]
mod tests;
mod tier;
mod values;
mod watch;
mod windows;

pub use alert::{Alert, EVENT_NAME, records};
pub use bundle::files as tar_files;
pub use bundles::{BundleConfig, KeyConfig, Polling, Signing};
pub use config::{
    Action, AlertConfig, BlockConfig, Clock, Config, Input, OnError, Redact, Rule, Speed, Version,
    WindowConfig,
};
pub use decision_log::{DECISION_EVENT, Decision, DecisionLogs, Mode, decision_records};
pub use engine::Engine;
pub use inspect::{Unknown, documents, only, unknown_paths};
pub use instance::Instance;
pub use run::{Outcome, Routes};
pub use tier::{Tier, tiers};
