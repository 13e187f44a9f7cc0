//! Receives nothing.
