//! Encodings of protocols that are not OTLP: Thrift and protobuf, read from bytes in memory and without a
//! generated type for each message. Readers borrow; what they hand out is never longer than what is left of their
//! input, so a length that lies costs nothing.

pub mod protobuf;
pub mod tags;
pub mod thrift;
