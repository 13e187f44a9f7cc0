//! Bodies of Zipkin's requests. The first byte says in which format.
#![no_main]

use zipkin_receiver::Format;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((first, body)) = bytes.split_first() else { return };
    let format = match first % 4 {
        0 => Format::V1Json,
        1 => Format::V1Thrift,
        2 => Format::V2Json,
        _ => Format::V2Proto,
    };
    let _ = format.read(body, first & 4 != 0);
});
