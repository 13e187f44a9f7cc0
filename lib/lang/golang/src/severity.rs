//! The short names of severities (pdata's `SeverityNumber`), which conditions and mappings are written with.

/// Short names by number, as `severity_text` shows them.
pub const NAMES: [&str; 25] = [
    "DEFAULT", "TRACE", "TRACE2", "TRACE3", "TRACE4", "DEBUG", "DEBUG2", "DEBUG3", "DEBUG4",
    "INFO", "INFO2", "INFO3", "INFO4", "WARN", "WARN2", "WARN3", "WARN4", "ERROR", "ERROR2",
    "ERROR3", "ERROR4", "FATAL", "FATAL2", "FATAL3", "FATAL4",
];

/// The number of a short name: `INFO2` is 10.
pub fn severity_number(name: &str) -> Option<i32> {
    let mut named = (1..).zip(NAMES.iter().skip(1));
    named.find(|(_, it)| **it == name).map(|(number, _)| number)
}
