//! Scaffold and tidy.

fn main() {}
