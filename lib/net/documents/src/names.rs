//! Numbers of OTLP as words.

/// Kinds of spans, as the Collector's `pdata` prints them.
pub const SPAN_KINDS: [&str; 6] =
    ["Unspecified", "Internal", "Server", "Client", "Producer", "Consumer"];
/// Statuses of spans, likewise.
pub const STATUS_CODES: [&str; 3] = ["Unset", "Ok", "Error"];

/// The word for a number; empty if there is none.
pub fn named<'a>(names: &[&'a str], number: i32) -> &'a str {
    usize::try_from(number).ok().and_then(|at| names.get(at)).copied().unwrap_or_default()
}
