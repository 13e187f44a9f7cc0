//! OTLP over HTTP.
