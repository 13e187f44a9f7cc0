//! Tests of the crate through its public interface; prost is the reference.

mod rewriting;
