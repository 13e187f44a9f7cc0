//! The collector: arguments, signals, exit codes, and the list of components.

fn main() {}
