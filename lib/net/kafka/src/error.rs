//! What can go wrong, and whether it passes.

use std::fmt;

/// Why a request had no success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// No connection, or it broke; in words.
    Connection(String),
    /// The broker's answer makes no sense.
    Malformed(&'static str),
    /// The broker refuses; the number of its error.
    Broker(i16),
    /// Who connects is not let in; in words.
    Login(String),
    /// What is to be sent cannot be; in words.
    Unsendable(String),
}

/// Names of the errors that are met. <https://kafka.apache.org/protocol#protocol_error_codes>
const NAMES: [(i16, &str); 33] = [
    (-1, "UNKNOWN_SERVER_ERROR"),
    (1, "OFFSET_OUT_OF_RANGE"),
    (2, "CORRUPT_MESSAGE"),
    (3, "UNKNOWN_TOPIC_OR_PARTITION"),
    (5, "LEADER_NOT_AVAILABLE"),
    (6, "NOT_LEADER_OR_FOLLOWER"),
    (7, "REQUEST_TIMED_OUT"),
    (8, "BROKER_NOT_AVAILABLE"),
    (9, "REPLICA_NOT_AVAILABLE"),
    (10, "MESSAGE_TOO_LARGE"),
    (13, "NETWORK_EXCEPTION"),
    (14, "COORDINATOR_LOAD_IN_PROGRESS"),
    (15, "COORDINATOR_NOT_AVAILABLE"),
    (16, "NOT_COORDINATOR"),
    (17, "INVALID_TOPIC_EXCEPTION"),
    (18, "RECORD_LIST_TOO_LARGE"),
    (19, "NOT_ENOUGH_REPLICAS"),
    (20, "NOT_ENOUGH_REPLICAS_AFTER_APPEND"),
    (22, "ILLEGAL_GENERATION"),
    (23, "INCONSISTENT_GROUP_PROTOCOL"),
    (25, "UNKNOWN_MEMBER_ID"),
    (27, "REBALANCE_IN_PROGRESS"),
    (29, "TOPIC_AUTHORIZATION_FAILED"),
    (30, "GROUP_AUTHORIZATION_FAILED"),
    (31, "CLUSTER_AUTHORIZATION_FAILED"),
    (33, "UNSUPPORTED_SASL_MECHANISM"),
    (35, "UNSUPPORTED_VERSION"),
    (43, "INVALID_CONFIG"),
    (56, "KAFKA_STORAGE_ERROR"),
    (58, "SASL_AUTHENTICATION_FAILED"),
    (74, "FENCED_LEADER_EPOCH"),
    (76, "UNSUPPORTED_COMPRESSION_TYPE"),
    (87, "INVALID_RECORD"),
];
/// Errors that do not pass by waiting.
const FINAL: [i16; 10] = [10, 17, 18, 23, 29, 30, 31, 35, 76, 87];

impl Error {
    /// True when the same request can have success later.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Connection(_) | Self::Malformed(_) => true,
            Self::Broker(code) => !FINAL.contains(code),
            // A password can be set while we wait; nothing is lost meanwhile.
            Self::Login(_) => true,
            Self::Unsendable(_) => false,
        }
    }

    /// True when the request was too large.
    pub fn is_too_large(&self) -> bool {
        matches!(self, Self::Broker(10 | 18))
    }

    /// `Ok` without an error of the broker.
    ///
    /// # Errors
    /// The broker's.
    pub fn check(code: i16) -> Result<(), Self> {
        if code == 0 { Ok(()) } else { Err(Self::Broker(code)) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(why) | Self::Login(why) | Self::Unsendable(why) => f.write_str(why),
            Self::Malformed(what) => write!(f, "the broker's answer is malformed: {what}"),
            Self::Broker(code) => match NAMES.iter().find(|it| it.0 == *code) {
                Some((_, name)) => f.write_str(name),
                None => write!(f, "error {code} of the broker"),
            },
        }
    }
}

impl std::error::Error for Error {}
