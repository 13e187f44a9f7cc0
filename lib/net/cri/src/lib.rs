//! A client of container runtimes: the Container Runtime Interface, `runtime.v1`, on a socket of this machine.
//!
//! It has no code for any call but those that read. What a runtime does not know, the owner of a pod, is told from the
//! pod's name and the labels of its controller ([`workload`]).

mod events;
mod image;
mod messages;
mod runtime;
mod workload;

pub use events::are_safe as events_are_safe;
pub use image::{is_id, name_and_tag};
pub use messages::{
    Container, ContainerMetadata, ContainerStatus, EXITED, Image, ImageSpec, PodSandbox,
    PodSandboxMetadata, RUNNING, VersionResponse,
};
pub use runtime::{Runtime, check_endpoint, endpoint};
pub use workload::workload;
