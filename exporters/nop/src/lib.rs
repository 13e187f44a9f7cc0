//! Accepts telemetry and forgets it.
