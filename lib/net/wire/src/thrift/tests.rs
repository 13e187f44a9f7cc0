use super::*;

/// Field 1 is the number 7, field 3 is true, field 20 is a list of two texts, field 21 a map of one pair.
const BINARY: &[u8] = b"\x08\x00\x01\x00\x00\x00\x07\x02\x00\x03\x01\x0f\x00\x14\x0b\x00\x00\x00\x02\
    \x00\x00\x00\x01a\x00\x00\x00\x02bc\x0d\x00\x15\x0b\x08\x00\x00\x00\x01\x00\x00\x00\x01k\x00\x00\x00\x05\x00";
const COMPACT: &[u8] = b"\x15\x0e\x21\x09\x28\x28\x01a\x02bc\x1b\x01\x85\x01k\x0a\x00";

fn walk(protocol: Protocol, bytes: &[u8]) -> Result<Vec<String>, Error> {
    let mut seen = Vec::new();
    let mut reader = Reader::new(protocol, bytes);
    reader.structure("*t.S", |reader, id, kind| {
        match (id, kind) {
            (1, Kind::I32) => seen.push(format!("1 = {}", reader.i32()?)),
            (3, Kind::Bool) => seen.push(format!("3 = {}", reader.bool()?)),
            (20, Kind::List) => reader.list(|reader, _| {
                seen.push(String::from_utf8_lossy(reader.binary()?).into_owned());
                Ok(())
            })?,
            _ => {
                seen.push(format!("{id} is {kind:?}"));
                reader.skip(kind)?;
            }
        }
        Ok(())
    })?;
    Ok(seen)
}

#[test]
fn both_protocols_say_the_same() {
    let want = ["1 = 7", "3 = true", "a", "bc", "21 is Map"];
    assert_eq!(walk(Protocol::Binary, BINARY).unwrap(), want);
    assert_eq!(walk(Protocol::Compact, COMPACT).unwrap(), want);
}

#[test]
fn every_beginning_of_a_message_is_an_error_and_no_panic() {
    for (protocol, bytes) in [(Protocol::Binary, BINARY), (Protocol::Compact, COMPACT)] {
        for end in 0..bytes.len() {
            assert!(walk(protocol, &bytes[..end]).is_err(), "{protocol:?} {end}");
        }
    }
}

#[test]
fn every_byte_may_be_wrong() {
    for (protocol, bytes) in [(Protocol::Binary, BINARY), (Protocol::Compact, COMPACT)] {
        for at in 0..bytes.len() {
            for value in 0..=255 {
                let mut bytes = bytes.to_vec();
                bytes[at] = value;
                let _ = walk(protocol, &bytes);
                let _ = Reader::new(protocol, &bytes).message();
            }
        }
    }
}

#[test]
fn lengths_that_lie_are_refused_before_anything_is_reserved() {
    let list = b"\x0f\x00\x14\x0b\x7f\xff\xff\xff";
    let error = walk(Protocol::Binary, list).unwrap_err();
    assert_eq!(
        error.to_string(),
        "error reading field 20: length 2147483647 is more than the 0 bytes that are left"
    );
    let negative = b"\x0f\x00\x14\x0b\xff\xff\xff\xff";
    let error = walk(Protocol::Binary, negative).unwrap_err();
    assert_eq!(error.to_string(), "error reading field 20: negative size");
}

#[test]
fn nesting_has_a_limit() {
    let nested = [&[0x1c; 200][..], &[0; 200]].concat();
    let error = walk(Protocol::Compact, &nested).unwrap_err();
    assert!(error.to_string().ends_with("depth limit exceeded"), "{error}");
    let nested = [&[0x1c; 60][..], &[0; 61]].concat();
    assert_eq!(walk(Protocol::Compact, &nested).unwrap(), ["1 is Struct"]);
}

#[test]
fn an_empty_message_has_the_text_of_gos_library() {
    let error = walk(Protocol::Binary, b"").unwrap_err();
    assert_eq!(error.to_string(), "*t.S field 0 read error: EOF");
}

#[test]
fn heads_of_calls_are_read_with_and_without_a_version() {
    for (protocol, bytes) in [
        (Protocol::Binary, &b"\x80\x01\x00\x04\x00\x00\x00\x02ab\x00\x00\x00\x09"[..]),
        (Protocol::Binary, b"\x00\x00\x00\x02ab\x04\x00\x00\x00\x09"),
        (Protocol::Compact, b"\x82\x81\x09\x02ab"),
    ] {
        let mut reader = Reader::new(protocol, bytes);
        assert_eq!(reader.message(), Ok(Message { name: b"ab" }));
        assert_eq!(reader.left(), 0);
    }
    assert_eq!(Reader::new(Protocol::Binary, b"\x80\x02\x00\x04").message(), Err(Error::Version));
    assert_eq!(Reader::new(Protocol::Compact, b"\x81\x81").message(), Err(Error::Version));
}

#[test]
fn numbers_of_the_compact_protocol_are_zigzag() {
    for (bytes, want) in [(&b"\x00"[..], 0), (b"\x01", -1), (b"\x02", 1), (b"\xac\x02", 150)] {
        assert_eq!(Reader::new(Protocol::Compact, bytes).i64(), Ok(want));
    }
    let most = b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01";
    assert_eq!(Reader::new(Protocol::Compact, most).i64(), Ok(i64::MAX));
    assert_eq!(Reader::new(Protocol::Compact, &[0xff; 11]).i64(), Err(Error::Varint));
}
