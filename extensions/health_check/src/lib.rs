//! Answers on HTTP whether the collector is ready.
