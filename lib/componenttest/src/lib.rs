//! Sinks, generators and the conformance kit for component tests.
