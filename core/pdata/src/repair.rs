//! Copies a message so that strict decoders can read it: strings are UTF-8, values nest no deeper than they can.
//! Needed rarely, so this is short rather than fast.

use std::borrow::Cow;

use crate::schema::{Kind, Message, Role};
use crate::wire::{Payload, Reader, Writer};

/// The text that stands for a value of this message.
pub(crate) type AsText = fn(&'static Message, &[u8]) -> Vec<u8>;

/// `body`, a validated message of `schema`, with U+FFFD in place of what is not a character; how many strings had to
/// be mended. Values below `depth`, if there is one, become text.
pub(crate) fn repair(
    schema: &'static Message,
    body: &[u8],
    depth: Option<(usize, AsText)>,
    out: &mut Writer,
) -> usize {
    let mut mended = 0;
    for raw in Reader::new(body) {
        let field = schema.fields.iter().find(|field| field.number == raw.number);
        match (field.map(|field| field.kind), raw.payload) {
            (Some(Kind::Str), Payload::Bytes(bytes)) => {
                let text = String::from_utf8_lossy(bytes);
                mended += usize::from(matches!(text, Cow::Owned(_)));
                out.bytes_field(raw.number, text.as_bytes());
            }
            (Some(Kind::Message(of)), Payload::Bytes(bytes)) => {
                let open = out.open(raw.number, of.width);
                match (depth, of.role) {
                    (Some((0, as_text)), Role::AnyValue) => out.bytes_field(1, &as_text(of, bytes)),
                    (Some((left, as_text)), Role::AnyValue) => {
                        mended += repair(of, bytes, Some((left - 1, as_text)), out);
                    }
                    _ => mended += repair(of, bytes, depth, out),
                }
                out.close(open);
            }
            _ => out.raw(body.get(raw.start..raw.end).unwrap_or_default()),
        }
    }
    mended
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{Data, Limits, NotUtf8, Signal, schema};

    const BAD: &[u8] = b"a\xff\xfeb";
    const MENDED: &str = "a\u{fffd}\u{fffd}b";

    /// Messages that hold one field each, from the request down to each string or field of bytes: its number, and those
    /// around it from the inside to the outside.
    fn fields(
        message: &'static Message,
        around: &[u32],
        levels: usize,
        found: &mut Vec<(bool, Vec<u32>)>,
    ) {
        for field in message.fields {
            let path = [&[field.number], around].concat();
            match field.kind {
                Kind::Str => found.push((true, path)),
                Kind::Bytes => found.push((false, path)),
                Kind::Message(of) => {
                    // Values hold values, without end.
                    let left = levels.checked_sub(usize::from(of.role == Role::AnyValue));
                    left.into_iter().for_each(|left| fields(of, &path, left, found));
                }
                _ => {}
            }
        }
    }

    fn field(number: u32, body: &[u8]) -> Vec<u8> {
        let mut out = Writer::default();
        out.bytes_field(number, body);
        out.buf
    }

    /// A request with `body` in the field that `path` leads to.
    fn request(path: &[u32], body: &[u8]) -> Bytes {
        path.iter().fold(body.to_vec(), |body, number| field(*number, &body)).into()
    }

    fn decode(
        signal: Signal,
        request: &Bytes,
        not_utf8: NotUtf8,
    ) -> Result<(Bytes, usize), crate::DecodeError> {
        let limits = Limits { not_utf8, ..Limits::default() };
        let decoded = Data::decode(signal, request.clone(), &limits)?;
        Ok((decoded.data.to_bytes(), decoded.repaired))
    }

    #[test]
    fn each_string_is_repaired_refused_or_passed_and_bytes_are_left_alone() {
        let (mut strings, mut blobs) = (0, 0);
        for signal in Signal::ALL {
            let mut found = Vec::new();
            fields(schema::of(signal), &[], 3, &mut found);
            for (is_text, path) in found {
                // Short, with a length of two bytes, with one of three.
                for filling in [0, 500, 40_000] {
                    let long = |text: &[u8]| [text, "x".repeat(filling).as_bytes()].concat();
                    let bad = request(&path, &long(BAD));
                    let passed = decode(signal, &bad, NotUtf8::Pass).unwrap();
                    assert_eq!(passed, (bad.clone(), 0), "{signal:?} {path:?}");
                    let good = request(&path, &long("\u{e9}\u{20ac}\u{1f600}".as_bytes()));
                    for policy in [NotUtf8::Replace, NotUtf8::Refuse] {
                        assert_eq!(
                            decode(signal, &good, policy),
                            Ok((good.clone(), 0)),
                            "{path:?}"
                        );
                    }
                    if !is_text {
                        assert_eq!(decode(signal, &bad, NotUtf8::Refuse), Ok((bad.clone(), 0)));
                        blobs += 1;
                        continue;
                    }
                    let mended = request(&path, &long(MENDED.as_bytes()));
                    let replaced = decode(signal, &bad, NotUtf8::Replace);
                    assert_eq!(replaced, Ok((mended, 1)), "{signal:?} {path:?}");
                    let refused = decode(signal, &bad, NotUtf8::Refuse).unwrap_err();
                    assert!(refused.not_utf8, "{refused}");
                    assert_eq!(refused.reason, "string field contains invalid UTF-8");
                    assert_eq!(refused.offset, bad.iter().position(|it| *it == 0xff).unwrap());
                    strings += 1;
                }
            }
        }
        assert!(strings > 300 && blobs > 100, "{strings} {blobs}");
    }

    #[test]
    fn a_character_that_is_cut_in_two_strings_is_none() {
        // LogRecord.attributes, KeyValue.key and .value.
        let value = field(1, b"\xa9b");
        let pair = [field(1, b"a\xc3"), field(2, &value)].concat();
        let record = [field(3, "\u{e9}".as_bytes()), field(6, &pair), field(12, b"name")].concat();
        let (bytes, repaired) =
            decode(Signal::Logs, &request(&[2, 2, 1], &record), NotUtf8::Replace).unwrap();
        assert_eq!(repaired, 2);
        let value = field(1, "\u{fffd}b".as_bytes());
        let pair = [field(1, "a\u{fffd}".as_bytes()), field(2, &value)].concat();
        let record = [field(3, "\u{e9}".as_bytes()), field(6, &pair), field(12, b"name")].concat();
        assert_eq!(bytes, request(&[2, 2, 1], &record));
    }

    #[test]
    fn what_is_repeated_is_merged_before_it_is_repaired() {
        // Two resources in one `ResourceLogs`, and an unknown field.
        let pair = |key: &[u8]| field(1, &field(1, &field(1, key)));
        let group = [pair(b"a\xff"), pair(b"b"), field(200, b"\xff")].concat();
        let merged = field(
            1,
            &[field(1, &field(1, "a\u{fffd}".as_bytes())), field(1, &field(1, b"b"))].concat(),
        );
        let want = request(&[1], &[merged, field(200, b"\xff")].concat());
        let request = request(&[1], &group);
        assert_eq!(decode(Signal::Logs, &request, NotUtf8::Replace), Ok((want, 1)));
    }
}
