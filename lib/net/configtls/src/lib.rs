//! TLS with the upstream keys (`config/configtls`, v0.159), spoken by rustls.
//!
//! A section becomes a [`Connector`] or an [`Acceptor`] once, at start; what it reads from files is checked by
//! `validate` with the same code. What rustls cannot do (TLS 1.0 and 1.1, suites with CBC, the curves P521 and
//! X25519MLKEM768, keys in a TPM) is a warning as long as something of what was asked for is left, and refused
//! with the reason when nothing is.

mod check;
mod choices;
mod client;
mod identity;
mod material;
mod section;
mod server;
mod stream;
mod trust;
mod words;

#[cfg(test)]
mod tests;

pub use client::Connector;
pub use section::{ClientConfig, CommonConfig, ServerConfig, TpmConfig};
pub use server::{Acceptor, Refused};
pub use stream::MaybeTls;
