//! The floors: relays that look at nothing.

pub mod h2;
pub mod tcp;
