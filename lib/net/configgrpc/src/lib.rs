//! gRPC over h2 with the upstream keys: messages are bytes.

#![cfg_attr(
    not(test),
    warn(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        clippy::cast_lossless
    )
)]

pub mod client;
pub mod frame;
mod metrics;
pub mod server;
