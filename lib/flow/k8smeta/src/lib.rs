//! What is known of pods and of what is around them: namespaces, nodes, workloads.
//!
//! A section ([`Config`]) becomes a [`Plan`], which its users share: rules that say what is extracted of an object and by what a
//! pod is found, and a view that keeps a table current. Attributes are encoded when an object comes, and added to a resource by
//! copying them. What is not extracted is not kept. An [`Enricher`] adds them to the telemetry of one component.
//!
//! ```text
//!   API server (feeds, shared with other views) --+
//!   kubelet (its page of pods) -------------------+-> extract (rules) -> merge -> table:  key -> pod
//!   container runtime (its socket) ---------------+                                       name or uid -> what is around pods
//!                                                          key: 128 bits of hash of what identifies a pod
//! ```
//!
//! What several sources know of a pod is one ([`merge`]): the API server has the last word, then the kubelet, then the runtime, and at
//! last the path of a log file. Telemetry whose pod nobody knows yet waits a little ([`hold`]).

mod api;
mod containers;
mod enricher;
mod extract;
mod finder;
mod hold;
mod identity;
mod image;
mod merge;
mod meter;
mod origin;
mod owners;
mod page;
mod path;
mod pod;
mod poll;
mod rules;
mod runtime;
mod section;
mod table;
mod view;

pub use enricher::{Enricher, Plan};
pub use hold::{HELD_BYTES_MAX, HELD_CALLS_MAX};
pub use image::Image;
pub use section::{Config, KubeletConfig, RuntimeConfig};
pub use view::{Filter, Server};
