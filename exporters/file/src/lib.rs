//! Writes telemetry to files as JSON lines or protobuf.
