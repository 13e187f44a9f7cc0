//! Encodings of protocols that are not OTLP: Thrift and protobuf, read from bytes in memory and without a
//! generated type for each message. Readers borrow; what they hand out is never longer than what is left of their
//! input, so a length that lies costs nothing.

#![cfg_attr(
    not(test),
    warn(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        clippy::cast_lossless
    )
)]

pub mod protobuf;
pub mod tags;
pub mod thrift;
