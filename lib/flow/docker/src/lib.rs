//! A Docker daemon: where it is, what it is asked, which images are meant.

mod container;
mod daemon;
mod images;

pub use container::{
    Binding, Container, ContainerConfig, ContainerState, HostConfig, Listed, Network,
    NetworkSettings, null_is_default,
};
pub use daemon::{Daemon, Endpoint, Failed, check_version};
pub use images::Images;
