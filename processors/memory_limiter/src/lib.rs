//! Refuses telemetry while memory is short.
