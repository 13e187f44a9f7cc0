//! Keeps component state in files.
