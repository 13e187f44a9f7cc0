//! Registry, graph, lifecycle and own telemetry: what turns a resolved configuration into a running
//! collector. The only crate that knows the graph.

mod advise;
mod cause;
mod complete;
mod config;
mod connections;
mod decode;
mod effective;
mod graph;
mod habits;
mod handle;
mod headline;
mod issue;
pub mod lint;
pub mod load;
mod meant;
mod node;
mod observe;
mod refusals;
mod registry;
mod reload;
mod reloads;
mod run;
pub mod schema;
mod settings;
mod start;
mod telemetry;
mod unanswered;
mod unknown;
mod upstream;

pub use effective::Effective;
pub use graph::Graph;
pub use issue::{Hint, Issue, Late, Problem, Said};
pub use registry::{Entry, Registry, Signals};
pub use reload::Changes;
pub use run::{Collector, Event, Exit, RunError};
pub use settings::{PipelineConfig, ServiceConfig, Settings};
pub use telemetry::{Logging, TelemetryConfig};
