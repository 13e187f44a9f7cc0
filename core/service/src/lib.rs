//! Registry, graph, lifecycle and own telemetry.
