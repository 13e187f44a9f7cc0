//! A Docker daemon: where it is, what it is asked, which images are meant.

#![cfg_attr(
    not(test),
    warn(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        clippy::cast_lossless
    )
)]

mod container;
mod daemon;
mod images;

pub use container::{
    Binding, Container, ContainerConfig, ContainerState, HostConfig, Listed, Network,
    NetworkSettings, null_is_default,
};
pub use daemon::{Daemon, Endpoint, Failed, check_version};
pub use images::Images;
