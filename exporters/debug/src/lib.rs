//! Writes telemetry to the console as text.
