//! Stable codes of mistakes. A code is never reused.

/// No `--config`.
pub const NO_LOCATION: &str = "SL0001";
/// `--set` without `=`.
pub const BAD_SET: &str = "SL0002";
/// A location or reference with a scheme that does not exist.
pub const SCHEME: &str = "SL0003";
/// A file that cannot be read.
pub const UNREADABLE: &str = "SL0004";
/// Text that is not YAML.
pub const SYNTAX: &str = "SL0005";
/// A key twice in one map.
pub const DUPLICATE_KEY: &str = "SL0006";
/// A location that does not hold a map.
pub const NOT_A_MAP: &str = "SL0007";
/// Larger, deeper or longer than allowed.
pub const LIMIT: &str = "SL0008";
/// A reference that cannot be read.
pub const REFERENCE: &str = "SL0009";
/// A variable name that cannot exist.
pub const VARIABLE_NAME: &str = "SL0010";
/// References that lead to themselves.
pub const RECURSION: &str = "SL0011";
/// A component type that does not exist.
pub const UNKNOWN_TYPE: &str = "SL0101";
/// A key that does not exist.
pub const UNKNOWN_KEY: &str = "SL0102";
/// A value that does not fit its type.
pub const WRONG_TYPE: &str = "SL0103";
/// A component or pipeline id that cannot be read.
pub const BAD_ID: &str = "SL0104";
/// A component that is listed and not configured.
pub const UNDEFINED: &str = "SL0105";
/// A value that breaks a rule of its component.
pub const RULE: &str = "SL0106";
/// A configuration that lacks something as a whole.
pub const INCOMPLETE: &str = "SL0107";
/// Pipelines that cannot be built.
pub const BUILD: &str = "SL0108";
