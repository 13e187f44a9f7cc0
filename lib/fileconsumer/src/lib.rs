//! Finds files, follows them through rotation, and remembers what was acknowledged.
