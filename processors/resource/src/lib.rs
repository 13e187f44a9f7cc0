//! Changes resource attributes.
