//! A client for Kafka, 2.1 and later: requests of the classic versions of its protocol
//! (<https://kafka.apache.org/protocol>), which brokers of today and of years ago speak alike.

mod cluster;
mod config;
mod connection;
mod consume;
mod error;
mod group;
mod partition;
mod produce;
mod records;
mod sasl;
#[cfg(test)]
mod tests;
mod wire;

pub use cluster::{Cluster, Place};
pub use config::{
    AuthConfig, ClientConfig, Mechanism, MetadataConfig, MetadataRetry, PlainText, Sasl,
};
pub use consume::{Fetch, Fetched, Start};
pub use error::Error;
pub use group::{Assignment, Group, Membership, Strategy};
pub use partition::{Hasher, fnv1a, murmur2};
pub use produce::{Acks, Message, Packed, Producer};
pub use records::{Codec, Header, Record, RecordError};
