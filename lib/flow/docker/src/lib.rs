//! A Docker daemon: where it is, what it is asked, which images are meant.

mod container;
mod daemon;
mod images;

pub use container::{
    Binding, Container, ContainerConfig, ContainerState, HostConfig, Listed, Network,
    NetworkSettings,
};
pub use daemon::{Daemon, Endpoint, Failed, check_version, plan};
pub use images::Images;
