//! What receivers have in common that ask for metrics at an interval: `scraper/scraperhelper` of the Collector, and
//! what `mdatagen` generates there from `metadata.yaml`.
//!
//! A receiver declares its metrics as a table ([`catalog!`]), takes the sections of that table into its own
//! ([`MetricsSection`], [`ResourceSection`]), records points with a [`Builder`] and lets a [`Controller`] call its
//! [`Scraper`]s:
//!
//! ```ignore
//! scraping::catalog! {
//!     /// What a dog does.
//!     pub(crate) enum Dog: "github.com/example/dogreceiver", "https://opentelemetry.io/schemas/1.9.0";
//!     resource {
//!         "dog.name": "How it is called.", true;
//!     }
//!     metrics {
//!         Barks = Metric::counter("dog.barks", "{bark}", "How often it has barked.", Int).by(&["mood"]);
//!         Weight = Metric::gauge("dog.weight", "kg", "How heavy it is.", Double).off();
//!     }
//! }
//!
//! let mut builder = Builder::<Dog>::new(&config.metrics, &config.resource_attributes, version);
//! builder.start(born).time(now);
//! builder.int(Dog::Barks, 3, &["angry".into()]);
//! builder.resource("dog.name", "Rex");
//! builder.emit();
//! let scraped = builder.finish();
//! ```

mod blocking;
mod builder;
mod catalog;
mod controller;
mod errors;
mod points;
mod schedule;
mod section;
#[cfg(test)]
mod tests;

pub use blocking::{Blocking, BlockingScraper};
pub use builder::{Builder, Scraped};
pub use catalog::{Catalog, Kind, Metric, NumberKind, ResourceAttribute};
pub use controller::{Controller, Scraper};
pub use errors::Errors;
pub use schedule::Schedule;
/// What the rows of a [`catalog!`] are written with.
pub mod rows {
    pub use crate::catalog::Metric;
    pub use crate::catalog::NumberKind::{Double, Int};
}

pub use section::{FilterConfig, MetricsSection, ResourceSection};
