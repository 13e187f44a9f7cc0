//! Sinks, generators and the conformance kit for component tests.
//!
//! A test hands a component a [`Sink`] in place of the next step, lets it live on a [`TestHost`], feeds it
//! from the generators and looks at what arrived. [`conformance!`] adds the tests that all components share.

#![expect(clippy::expect_used, reason = "only tests use this crate; a panic is how they fail")]

mod alerts;
pub mod bulk;
mod certificates;
mod clock;
pub mod conformance;
mod generate;
mod host;
mod logs;
mod pages;
mod part;
mod section;
mod server;
mod sink;
mod through;

pub use alerts::alert_logs;
pub use certificates::Authority;
pub use clock::set_clock;
pub use generate::{Generator, data, logs, metrics, traces};
pub use host::{
    TestHost, connector_settings, exporter_settings, metric, processor_settings, settings, spawn,
};
pub use logs::{Line, captured};
pub use pages::{ask, start_on_free_port};
pub use part::Part;
pub use section::{config, plan, planned, problems, processor, section, warnings};
pub use server::{HttpServer, Reply, Request};
pub use sink::{Answer, Sink};
pub use through::through;

/// The examples of CONTRIBUTING.md, compiled and run: what a newcomer copies works.
#[cfg(doctest)]
#[doc = include_str!("../../../../CONTRIBUTING.md")]
struct Contributing;
