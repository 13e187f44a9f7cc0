//! Stable codes of mistakes; `explain.rs` says more about each. A code is never reused.

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
/// A time span that cannot be read.
pub const DURATION: &str = "SL0109";
/// A text that is none of those allowed.
pub const BAD_VALUE: &str = "SL0110";
/// A processor twice in one pipeline.
pub const TWICE: &str = "SL0111";
/// Two components with the same id where that cannot be.
pub const AMBIGUOUS: &str = "SL0112";
/// Behind a feature gate.
pub const GATED: &str = "SL0113";
/// A key without which a component cannot work.
pub const MISSING: &str = "SL0114";
/// A key that belongs elsewhere.
pub const NESTING: &str = "SL0115";
/// A component that exists no more.
pub const REMOVED: &str = "SL0116";

/// A component that nothing uses.
pub const UNUSED: &str = "SL0301";
/// `memory_limiter` behind another processor.
pub const LIMITER_NOT_FIRST: &str = "SL0302";
/// `batch` before a processor that drops.
pub const BATCH_BEFORE_SAMPLING: &str = "SL0303";
/// A scheme in the endpoint of a gRPC client.
pub const GRPC_SCHEME: &str = "SL0304";
/// No TLS to another machine.
pub const PLAINTEXT: &str = "SL0305";
/// An old name.
pub const DEPRECATED: &str = "SL0306";
/// A server on every network.
pub const EVERYWHERE: &str = "SL0307";
/// A pattern that matches no file.
pub const NO_FILES: &str = "SL0308";
/// A time span in nanoseconds.
pub const NO_UNIT: &str = "SL0309";
/// A variable that is not set.
pub const UNSET: &str = "SL0310";
/// A variable that is empty.
pub const EMPTY: &str = "SL0311";

/// An endpoint with a scheme too many or too few.
pub const ENDPOINT_FORM: &str = "SL0312";

/// A key that is not known where such keys are ignored.
pub const IGNORED_KEY: &str = "SL0313";
/// Something that has no effect.
pub const NO_EFFECT: &str = "SL0314";
/// A document behind the first.
pub const IGNORED_DOCUMENT: &str = "SL0321";
/// A place for a value that nothing fills.
pub const PLACEHOLDER: &str = "SL0322";
/// A value that a comment cuts off.
pub const CUT_OFF: &str = "SL0323";
/// A number that was probably meant as a text.
pub const NUMBER_FOR_TEXT: &str = "SL0324";
/// A list that replaces another and drops what protects the pipeline.
pub const DROPPED_PROCESSORS: &str = "SL0325";
/// Quotes that YAML does not know.
pub const ODD_QUOTES: &str = "SL0326";

/// Offsets that die with the process.
pub const FORGETFUL: &str = "SL0331";
/// A file that is needed and not there.
pub const ABSENT_FILE: &str = "SL0332";
/// A certificate whose time is over, or has not come.
pub const EXPIRED: &str = "SL0333";

/// A component that does not start.
pub const START: &str = "SL0400";
