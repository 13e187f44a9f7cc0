//! Queue, batch, retry and timeout in front of an exporter.
