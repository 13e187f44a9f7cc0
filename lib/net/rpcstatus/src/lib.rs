//! gRPC status on the wire: `grpc-message` escapes, `grpc-status-details-bin`, and the two protobuf
//! messages in it that OTLP knows, `google.rpc.Status` and `google.rpc.RetryInfo`.

use std::time::Duration;

use bytes::Bytes;
pub use component::grpc_code_name as code_name;
use pdata::text::{Base64, hex_digits, hex_value};

const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

/// gRPC status codes.
pub mod code {
    /// No error.
    pub const OK: i32 = 0;
    /// The caller withdrew.
    pub const CANCELED: i32 = 1;
    /// No better code.
    pub const UNKNOWN: i32 = 2;
    /// The request is wrong.
    pub const INVALID_ARGUMENT: i32 = 3;
    /// Too late.
    pub const DEADLINE_EXCEEDED: i32 = 4;
    /// Not there.
    pub const NOT_FOUND: i32 = 5;
    /// The caller may not.
    pub const PERMISSION_DENIED: i32 = 7;
    /// A quota or size is exceeded.
    pub const RESOURCE_EXHAUSTED: i32 = 8;
    /// A conflict; try again.
    pub const ABORTED: i32 = 10;
    /// Beyond the end.
    pub const OUT_OF_RANGE: i32 = 11;
    /// No such method.
    pub const UNIMPLEMENTED: i32 = 12;
    /// Broken.
    pub const INTERNAL: i32 = 13;
    /// Not now.
    pub const UNAVAILABLE: i32 = 14;
    /// Data is lost.
    pub const DATA_LOSS: i32 = 15;
    /// Who are you.
    pub const UNAUTHENTICATED: i32 = 16;
}

/// `grpc-message` on the wire: everything but printable ASCII, and `%`, is percent-encoded.
pub fn escape(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    for byte in message.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => out.push(byte as char),
            _ => {
                let digits = hex_digits(byte).map(|it| char::from(it.to_ascii_uppercase()));
                out.extend(['%'].into_iter().chain(digits));
            }
        }
    }
    out
}

/// The reverse of [`escape`]; what is no escape stays as it is.
pub fn unescape(message: &[u8]) -> String {
    let mut out = Vec::with_capacity(message.len());
    let mut rest = message;
    while let [first, after @ ..] = rest {
        let byte = match rest {
            [b'%', high, low, ..] => {
                hex_value(*high).zip(hex_value(*low)).map(|(h, l)| (h << 4) | l)
            }
            _ => None,
        };
        out.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// An encoded `google.rpc.Status`, with a `RetryInfo` when there is a delay.
pub fn encode(code: i32, message: &str, retry: Option<Duration>) -> Bytes {
    let mut out = Vec::with_capacity(message.len() + 16);
    if code != 0 {
        // A negative `int32` has ten bytes on the wire, as one of 64 bits.
        put_varint_field(&mut out, 1, i64::from(code).cast_unsigned());
    }
    if !message.is_empty() {
        put_bytes_field(&mut out, 2, message.as_bytes());
    }
    if let Some(delay) = retry {
        put_bytes_field(&mut out, 3, &any_retry_info(delay));
    }
    out.into()
}

/// An encoded `google.rpc.Status` with another code and message, the details kept, and a `RetryInfo`
/// more when there is a delay.
pub fn restate(status: &[u8], code: i32, message: &str, retry: Option<Duration>) -> Bytes {
    let mut out = Vec::from(encode(code, message, retry));
    for (number, detail) in fields(status) {
        if let (3, Some(detail)) = (number, detail.bytes()) {
            put_bytes_field(&mut out, 3, detail);
        }
    }
    out.into()
}

/// The delay of the `RetryInfo` in an encoded `google.rpc.Status`, if it is positive.
pub fn retry_delay(status: &[u8]) -> Option<Duration> {
    let mut detail = fields(status).filter(|(number, _)| *number == 3);
    detail.find_map(|(_, any)| {
        let any = any.bytes()?;
        let url = fields(any).find(|(number, _)| *number == 1)?.1.bytes()?;
        if !url.ends_with(b"google.rpc.RetryInfo") {
            return None;
        }
        let info = fields(any).find(|(number, _)| *number == 2)?.1.bytes()?;
        let delay = fields(info).find(|(number, _)| *number == 1)?.1.bytes()?;
        let part = |at| {
            let found = fields(delay).find(|(number, _)| *number == at);
            found.and_then(|(_, it)| it.number()).unwrap_or(0).cast_signed()
        };
        let nanos = u32::try_from(part(2)).ok().filter(|it| *it < 1_000_000_000)?;
        let delay = Duration::new(u64::try_from(part(1)).ok()?, nanos);
        (!delay.is_zero()).then_some(delay)
    })
}

/// Code and message of an encoded `google.rpc.Status`; `None` when it is none.
pub fn decode(status: &[u8]) -> Option<(i32, String)> {
    let (mut code, mut message) = (0, String::new());
    let mut it = Fields { rest: status, broken: false };
    for (number, value) in it.by_ref() {
        match (number, value) {
            // Protobuf takes the low 32 bits of a longer number.
            (1, Field::Number(it)) => code = low_half(it),
            (2, Field::Bytes(it)) => message = String::from_utf8_lossy(it).into_owned(),
            _ => {}
        }
    }
    (!it.broken).then_some((code, message))
}

fn low_half(number: u64) -> i32 {
    let [a, b, c, d, ..] = number.to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}

fn any_retry_info(delay: Duration) -> Vec<u8> {
    let mut duration = Vec::new();
    if delay.as_secs() > 0 {
        put_varint_field(&mut duration, 1, delay.as_secs());
    }
    if delay.subsec_nanos() > 0 {
        put_varint_field(&mut duration, 2, delay.subsec_nanos().into());
    }
    let mut info = Vec::new();
    put_bytes_field(&mut info, 1, &duration);
    let mut any = Vec::new();
    put_bytes_field(&mut any, 1, RETRY_INFO.as_bytes());
    put_bytes_field(&mut any, 2, &info);
    any
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

fn put_varint_field(out: &mut Vec<u8>, number: u64, value: u64) {
    put_varint(out, number << 3);
    put_varint(out, value);
}

fn put_bytes_field(out: &mut Vec<u8>, number: u64, value: &[u8]) {
    put_varint(out, number << 3 | 2);
    put_varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Field<'a> {
    fn bytes(&self) -> Option<&'a [u8]> {
        match self {
            Field::Bytes(it) => Some(it),
            Field::Number(_) => None,
        }
    }

    fn number(&self) -> Option<u64> {
        match self {
            Field::Number(it) => Some(*it),
            Field::Bytes(_) => None,
        }
    }
}

fn fields(message: &[u8]) -> Fields<'_> {
    Fields { rest: message, broken: false }
}

/// The fields of a protobuf message, up to the first that is malformed.
struct Fields<'a> {
    rest: &'a [u8],
    broken: bool,
}

impl<'a> Fields<'a> {
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(usize::try_from(length).ok()?)?;
        self.rest = rest;
        Some(taken)
    }

    fn field(&mut self) -> Option<(u64, Field<'a>)> {
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Field::Number(self.varint()?),
            1 => Field::Bytes(self.take(8)?),
            2 => {
                let length = self.varint()?;
                Field::Bytes(self.take(length)?)
            }
            5 => Field::Bytes(self.take(4)?),
            _ => return None,
        };
        Some((tag >> 3, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u64, Field<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() || self.broken {
            return None;
        }
        let field = self.field();
        self.broken = field.is_none();
        field
    }
}

/// Binary metadata (`-bin` keys) on the wire: base64 without padding, as grpc-go sends it.
pub fn encode_binary(bytes: &[u8]) -> String {
    Base64::RAW.encode(bytes)
}

/// The reverse of [`encode_binary`], with or without padding; `None` when it is no base64.
pub fn decode_binary(text: &[u8]) -> Option<Vec<u8>> {
    let form = if text.len().is_multiple_of(4) { Base64::STANDARD } else { Base64::RAW };
    form.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_escaped_as_grpc_go_does() {
        assert_eq!(escape("100% \u{e9}\n"), "100%25 %C3%A9%0A");
        assert_eq!(unescape(b"100%25 %C3%A9%0A%zz%4"), "100% \u{e9}\n%zz%4");
    }

    #[test]
    fn a_status_with_a_delay_comes_back() {
        let delay = Duration::new(7, 500_000_000);
        let status = encode(code::UNAVAILABLE, "busy", Some(delay));
        assert_eq!(decode(&status), Some((14, "busy".into())));
        assert_eq!(retry_delay(&status), Some(delay));
        assert_eq!(retry_delay(&encode(14, "busy", None)), None);
        assert_eq!(retry_delay(&encode(14, "busy", Some(Duration::ZERO))), None);
    }

    #[test]
    fn a_broken_status_is_none() {
        assert_eq!(decode(&[0x12, 9, b'x']), None);
        assert_eq!(retry_delay(&[0x1a, 3, 0x12, 9, b'x']), None);
        let long = Duration::new(i64::MAX.unsigned_abs(), 999_999_999);
        assert_eq!(retry_delay(&encode(14, "busy", Some(long))), Some(long));
    }

    #[test]
    fn binary_metadata_comes_back() {
        for length in 0..10 {
            let bytes: Vec<u8> = (0..length).map(|n: u8| n.wrapping_mul(37) | 0xc0).collect();
            let text = encode_binary(&bytes);
            assert_eq!(decode_binary(text.as_bytes()), Some(bytes));
        }
        assert_eq!(decode_binary(b"AQ=="), Some(vec![1]));
        assert_eq!(decode_binary(b"A"), None);
        assert_eq!(decode_binary(b"A*=="), None);
    }

    #[test]
    fn codes_have_the_names_of_grpc_go() {
        assert_eq!(code_name(code::UNAUTHENTICATED), "Unauthenticated");
        assert_eq!(code_name(42), "Code(42)");
    }
}
