//! W3C's trace state, and what OpenTelemetry's probability sampling says in it.

mod sampling;
mod trace_state;

pub use sampling::{DIGITS, PROBABILITY_MIN, Randomness, Threshold};
pub use trace_state::{TraceState, member};
