//! W3C's trace state, and what OpenTelemetry's probability sampling says in it.

#![cfg_attr(
    not(test),
    warn(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        clippy::cast_lossless
    )
)]

mod sampling;
mod trace_state;

pub use sampling::{DIGITS, PROBABILITY_MIN, Randomness, Threshold};
pub use trace_state::{TraceState, member};
