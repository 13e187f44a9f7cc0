//! What is known of pods and of what is around them: namespaces, nodes, workloads.
//!
//! [`Rules`] say what is extracted of an object, and by what a pod is found. A [`View`] watches what its rules need ([`kube::Feed`],
//! shared with all other views of the same server and filter; or the page of one kubelet, for pods) and keeps a table: attributes are encoded when an object comes, and
//! added to a resource by copying them. What is not extracted is not kept.
//!
//! ```text
//!   feeds --events--> extract (rules) --> table:  key -> pod     key: 128 bits of hash of what identifies it
//!                                                 name or uid -> attributes of a namespace, node, workload
//! ```

#![cfg_attr(
    not(test),
    warn(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        clippy::cast_lossless
    )
)]

mod api;
mod containers;
mod extract;
mod identity;
mod image;
mod kubelet;
mod meter;
mod owners;
mod pod;
mod rules;
mod table;
mod view;

pub use containers::{Container, Run};
pub use identity::{Association, Key, Source};
pub use image::Image;
pub use kubelet::Polled;
pub use meter::Formats;
pub use pod::Pod;
pub use rules::{Conventions, FieldRule, From, Keys, Metadata, Pick, Rules};
pub use table::Extra;
pub use view::{Filter, Servers, View, Waiting};
