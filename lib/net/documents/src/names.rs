//! Numbers of OTLP as words.

/// Kinds of spans, as the protocol names them.
pub const SPAN_KIND_NAMES: [&str; 6] = [
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];
/// Statuses of spans, likewise.
pub const STATUS_CODE_NAMES: [&str; 3] =
    ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];
/// Kinds of spans, as the Collector's `pdata` prints them.
pub const SPAN_KINDS: [&str; 6] =
    ["Unspecified", "Internal", "Server", "Client", "Producer", "Consumer"];
/// Statuses of spans, likewise.
pub const STATUS_CODES: [&str; 3] = ["Unset", "Ok", "Error"];

/// The word for a number; empty if there is none.
pub fn named<'a>(names: &[&'a str], number: i32) -> &'a str {
    usize::try_from(number).ok().and_then(|at| names.get(at)).copied().unwrap_or_default()
}
