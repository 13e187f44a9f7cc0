//! What exporters of document stores have in common: telemetry as JSON, written straight from its OTLP bytes, and bulk requests in
//! which a document that the backend refuses does not take the others with it.

pub mod bulk;
mod clients;
mod dropped;
pub mod flat;
pub mod json;
mod names;
mod retry;
mod time;

pub use clients::Clients;
pub use dropped::Dropped;
pub use names::{SPAN_KIND_NAMES, SPAN_KINDS, STATUS_CODE_NAMES, STATUS_CODES, named};
pub use retry::{Attempts, Pauses, Rest};
pub use time::{Parts, rfc3339_nanos, time_of};
