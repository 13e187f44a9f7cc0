//! The operators of the log receivers: parse, move, filter, route, recombine.
