//! Joins telemetry into larger requests.
