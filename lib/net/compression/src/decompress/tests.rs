#![expect(
    clippy::cast_possible_truncation,
    reason = "the numbers of tests are small, or drawn by chance"
)]

use std::io::Write;

use super::*;

fn encode(encoding: Encoding, plain: &[u8]) -> Vec<u8> {
    let level = flate2::Compression::default();
    match encoding {
        Encoding::Gzip => {
            let mut it = flate2::write::GzEncoder::new(Vec::new(), level);
            it.write_all(plain).unwrap();
            it.finish().unwrap()
        }
        Encoding::Zlib | Encoding::Deflate => {
            let mut it = flate2::write::ZlibEncoder::new(Vec::new(), level);
            it.write_all(plain).unwrap();
            it.finish().unwrap()
        }
        Encoding::Zstd => zstd::bulk::compress(plain, 3).unwrap(),
        Encoding::Snappy => snap::raw::Encoder::new().compress_vec(plain).unwrap(),
        Encoding::SnappyFramed => {
            let mut it = snap::write::FrameEncoder::new(Vec::new());
            it.write_all(plain).unwrap();
            it.into_inner().unwrap()
        }
        Encoding::Lz4 => {
            let mut it = lz4_flex::frame::FrameEncoder::new(Vec::new());
            it.write_all(plain).unwrap();
            it.finish().unwrap()
        }
    }
}

/// Compressible, but not trivially.
fn sample(length: usize) -> Vec<u8> {
    (0..length).map(|n| ((n * n / 7) % 61) as u8 + b' ').collect()
}

#[track_caller]
fn check_error(encoding: Encoding, body: &[u8], limit: usize, want: &str) {
    assert_eq!(decompress(encoding, body, limit).unwrap_err().to_string(), want);
}

#[test]
fn every_encoding_comes_back() {
    for encoding in Encoding::ALL {
        for length in [1, 100, 70_000, 300_000] {
            let plain = sample(length);
            let decoded = decompress(encoding, &encode(encoding, &plain), length);
            assert_eq!(decoded.unwrap(), plain, "{} {length}", encoding.name());
        }
    }
}

#[test]
fn nothing_is_decoded_beyond_the_room_that_there_is() {
    for encoding in Encoding::ALL {
        let (plain, mut asked) = (sample(300_000), 0);
        let body = encode(encoding, &plain);
        // Streams, whose size is not known beforehand, too.
        for body in [body.clone(), [body.clone(), body].concat()] {
            let room = &mut |bytes: usize| {
                asked = bytes;
                bytes < 200_000
            };
            let decoded = decompress_within(encoding, &body, 1 << 20, room);
            assert_eq!(decoded, Err(DecompressError::NoRoom), "{}", encoding.name());
            assert!((200_000..=300_000).contains(&asked), "{} {asked}", encoding.name());
        }
    }
}

#[test]
fn one_byte_more_than_the_limit_is_too_large() {
    for encoding in Encoding::ALL {
        let body = encode(encoding, &sample(1001));
        let want = match encoding {
            Encoding::Snappy => DecompressError::DeclaredTooLarge,
            _ => DecompressError::TooLarge,
        };
        assert_eq!(decompress(encoding, &body, 1000), Err(want), "{}", encoding.name());
    }
}

#[test]
fn cut_bodies_are_refused_and_never_panic() {
    for encoding in Encoding::ALL {
        let body = encode(encoding, &sample(5000));
        for length in 1..body.len() {
            let decoded = decompress(encoding, &body[..length], 10_000);
            // Framed snappy has no end mark; a cut behind the first chunk leaves nothing.
            assert!(decoded.is_err() || decoded.is_ok_and(|it| it.is_empty()), "{length}");
        }
    }
}

#[test]
fn damaged_bodies_never_panic_and_stay_under_the_limit() {
    for encoding in Encoding::ALL {
        let body = encode(encoding, &sample(3000));
        for at in 0..body.len() {
            let mut damaged = body.clone();
            damaged[at] ^= 0x55;
            if let Ok(decoded) = decompress(encoding, &damaged, 4000) {
                assert!(decoded.len() <= 4000);
            }
        }
    }
}

#[test]
fn several_gzip_members_are_one_body() {
    let member = encode(Encoding::Gzip, b"same");
    let body = [member.clone(), member].concat();
    assert_eq!(decompress(Encoding::Gzip, &body, 100).unwrap(), "samesame");
}

#[test]
fn several_zstd_frames_are_one_body() {
    let body = [encode(Encoding::Zstd, b"one"), encode(Encoding::Zstd, b"two")].concat();
    assert_eq!(decompress(Encoding::Zstd, &body, 100).unwrap(), "onetwo");
}

#[test]
fn a_zstd_frame_without_a_size_is_read_too() {
    let plain = sample(200_000);
    let body = zstd::stream::encode_all(&plain[..], 1).unwrap();
    assert_eq!(decompress(Encoding::Zstd, &body, plain.len()).unwrap(), plain);
    check_error(Encoding::Zstd, &body, plain.len() - 1, "http: request body too large");
}

#[test]
fn a_zstd_window_may_be_what_the_limit_allows_and_a_huge_one_is_refused_before_there_is_memory_for_it()
 {
    // RFC 8878, 3.1.1.1.2: the exponent, above 10, is in the upper five bits. One raw block, which is the last, follows.
    let frame = |window_log: u8| {
        [&[0x28, 0xb5, 0x2f, 0xfd, 0, (window_log - 10) << 3, 41, 0, 0], &b"hello"[..]].concat()
    };
    let (mib, exceeded) = (1 << 20, "window size exceeded");
    for (window_log, limit) in [(23, 5), (23, mib), (24, 9 * mib), (25, 20 * mib), (27, usize::MAX)]
    {
        let decoded = decompress(Encoding::Zstd, &frame(window_log), limit);
        assert_eq!(decoded.unwrap(), b"hello"[..], "{window_log} {limit}");
    }
    for (window_log, limit) in
        [(24, mib), (24, 8 * mib), (26, 20 * mib), (31, 20 * mib), (31, usize::MAX), (41, mib)]
    {
        check_error(Encoding::Zstd, &frame(window_log), limit, exceeded);
        // The thread's decoder goes on with others.
        let small = decompress(Encoding::Zstd, &frame(20), limit);
        assert_eq!(small.unwrap(), b"hello"[..]);
    }
    // A frame of one segment has its size for a window, and is refused for that.
    let segment =
        [&[0x28, 0xb5, 0x2f, 0xfd, 0xe0][..], &(2_u64 << 30).to_le_bytes(), &[41, 0, 0], b"hello"]
            .concat();
    check_error(Encoding::Zstd, &segment, 20 * mib, exceeded);
}

#[test]
fn snappy_takes_both_formats() {
    let body = encode(Encoding::SnappyFramed, b"framed");
    assert_eq!(decompress(Encoding::Snappy, &body, 100).unwrap(), "framed");
}

#[test]
fn the_texts_are_those_of_gos_decoders() {
    check_error(Encoding::Gzip, b"", 10, "EOF");
    check_error(Encoding::Gzip, b"\x1f\x8b", 10, "unexpected EOF");
    check_error(Encoding::Gzip, b"plain text", 10, "gzip: invalid header");
    check_error(Encoding::Zlib, b"plain text", 10, "zlib: invalid header");
    check_error(Encoding::Deflate, b"plain text", 10, "zlib: invalid header");
    check_error(Encoding::Zstd, b"plain text", 10, "invalid input: magic number mismatch");
    check_error(Encoding::Zstd, &ZSTD_MAGIC, 10, "unexpected EOF");
    check_error(Encoding::Snappy, b"\xff\xff\xff\xff\xff\xff", 10, "snappy: corrupt input");
    check_error(Encoding::Snappy, b"", 10, "snappy: corrupt input");
    check_error(Encoding::SnappyFramed, b"plain text", 10, "snappy: corrupt input");
    check_error(Encoding::Lz4, b"plain text", 10, "lz4: bad magic number");
    check_error(Encoding::Lz4, b"nope", 10, "lz4: bad magic number");
    check_error(Encoding::Lz4, &LZ4_MAGIC[..2], 10, "unexpected EOF");
    check_error(Encoding::Lz4, &LZ4_MAGIC, 10, "unexpected EOF");
    let mut damaged = encode(Encoding::Gzip, b"some text");
    let checksum = damaged.len() - 5;
    damaged[checksum] ^= 1;
    check_error(Encoding::Gzip, &damaged, 100, "gzip: invalid checksum");
}

#[test]
fn a_bomb_is_stopped_at_the_limit() {
    let body = encode(Encoding::Gzip, &vec![0; 50 << 20]);
    check_error(Encoding::Gzip, &body, 1 << 20, "http: request body too large");
}

#[test]
fn what_is_shorter_than_a_header_is_never_an_empty_body() {
    use Encoding::{Deflate, Gzip, Lz4, Snappy, SnappyFramed, Zlib, Zstd};
    for encoding in [Deflate, Gzip, Lz4, Snappy, SnappyFramed, Zlib, Zstd] {
        for body in [&b"x"[..], b"no", b"nope", b"nope!!"] {
            assert!(decompress(encoding, body, 100).is_err(), "{encoding:?} {body:?}");
        }
    }
}
