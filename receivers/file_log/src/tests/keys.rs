//! What keys of the section do, seen from the records of real files.

use super::*;

/// Reads files by a section until so many records have come. `DIR` in the section is the folder of the files.
async fn read(keys: &str, files: &[(&str, &[u8])], wanted: usize) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let (sink, host) = (Sink::new(), TestHost::new());
    let keys = keys.replace("DIR", folder.path().to_str().unwrap());
    let section = format!(
        "{{include: ['{}/**/*.log'], start_at: beginning, {keys}}}",
        folder.path().display()
    );
    Arc::new(create(&section, &sink).unwrap()).start(&host).await.unwrap();
    let arrived = async {
        while bodies(&sink).len() < wanted {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let all_came = tokio::time::timeout(Duration::from_secs(20), arrived).await;
    assert!(all_came.is_ok(), "{keys}: {:?}", bodies(&sink));
    host.stop().await;
    bodies(&sink)
}

fn gzip(text: &str) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

fn wide(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

#[tokio::test]
async fn files_are_read_in_their_encoding() {
    let line = b"\xc4\xe3\xba\xc3\nab\n";
    for (encoding, bytes, want) in [
        ("gbk", &line[..], ["\u{4f60}\u{597d}", "ab"]),
        ("big5", b"\xa7\x41\xa6\x6e\r\nab\n", ["\u{4f60}\u{597d}", "ab"]),
        ("shift_jis", b"\x83\x65\x83\x58\x83\x67\nab\n", ["\u{30c6}\u{30b9}\u{30c8}", "ab"]),
        ("windows-1251", b" \xcf\xf0\nab\n", ["\u{41f}\u{440}", "ab"]),
        ("ibm037", b"\xc1\x81\x25\x40\xf1\x25", ["Aa", "1"]),
        ("ascii", b"a\xe9\nab\n", ["a\u{fffd}", "ab"]),
    ] {
        let got = read(&format!("encoding: {encoding}"), &[("a.log", bytes)], 2).await;
        assert_eq!(got, want, "{encoding}");
    }
}

#[tokio::test]
async fn patterns_are_about_characters_in_every_encoding() {
    let text = "2024-01-01 first\n  \u{e4}t \u{4f60}\n2024-01-02 second\nmore\n2024-01-03 last";
    let wants = [
        ["2024-01-01 first\n  \u{e4}t \u{4f60}", "2024-01-02 second\nmore", "2024-01-03 last"],
        ["first\n  \u{e4}t \u{4f60}", "second\nmore", "last"],
    ];
    let le = wide(text, u16::to_le_bytes);
    let be = wide(text, u16::to_be_bytes);
    let (gb, ..) = encoding_rs::GB18030.encode(text);
    for (encoding, bytes) in [("utf-16le", &le[..]), ("utf-16be", &be), ("gb18030", &gb)] {
        for (omit, want) in [false, true].into_iter().zip(&wants) {
            let pattern = r"line_start_pattern: '^\d{4}-\d\d-\d\d '";
            let keys =
                format!("encoding: {encoding}, multiline: {{{pattern}, omit_pattern: {omit}}}");
            assert_eq!(read(&keys, &[("a.log", bytes)], 3).await, want, "{keys}");
        }
    }
    let ends = wide("a\u{20ac};b\nc;", u16::to_le_bytes);
    for (omit, want) in [(true, ["a\u{20ac}", "b\nc"]), (false, ["a\u{20ac};", "b\nc;"])] {
        let keys = format!(
            "encoding: utf-16le, multiline: {{line_end_pattern: ';', omit_pattern: {omit}}}"
        );
        assert_eq!(read(&keys, &[("a.log", &ends)], 2).await, want);
    }
    // A limit that lies within a character or half of one at the end must not stop the reader.
    let odd = [&wide("x\u{20ac}\u{20ac}", u16::to_le_bytes)[..], b"y"].concat();
    let keys = "encoding: utf-16le, max_log_size: 5, multiline: {line_start_pattern: '^NO'}";
    let got = read(keys, &[("a.log", &odd)], 2).await;
    assert_eq!(got, ["x\u{20ac}\u{20ac}", "\u{fffd}"]);
}

#[tokio::test]
async fn a_character_that_the_runtime_has_cut_is_whole_again() {
    let lines = [
        &b"2026-11-23T06:18:46.6Z stdout P {\"m\":\"caf\xc3\n"[..],
        b"2026-11-23T06:18:46.7Z stdout P \xa9 \xe2\x82\n",
        b"2026-11-23T06:18:46.8Z stdout F \xac\xff\"}\n",
    ]
    .concat();
    let path = "shop_cart-0_49cc7c1fd3702c40b2686ea7486091d3/app/0.log";
    let keys = |encoding: &str| {
        format!(
            "encoding: {encoding}, include_file_path: true, operators: [{{type: container}}, \
             {{type: json_parser}}, {{type: move, from: attributes.m, to: body}}]"
        )
    };
    let raw = read(&keys("utf-8-raw"), &[(path, &lines)], 1).await;
    assert_eq!(raw, ["caf\u{e9} \u{20ac}\u{fffd}"]);
    // As upstream: plain utf-8 is decoded line by line.
    let plain = read(&keys("utf-8"), &[(path, &lines)], 1).await;
    assert_eq!(plain, ["caf\u{fffd}\u{fffd} \u{fffd}\u{fffd}\u{fffd}"]);
    let other = "encoding: utf8-raw, operators: [{type: sanitize_utf8}, \
                 {type: regex_replace, field: body, regex: '\u{fffd}', replace_with: '?'}]";
    assert_eq!(read(other, &[("a.log", b"a\xffb\n")], 1).await, ["a?b"]);
}

#[tokio::test]
async fn compressed_files_are_told_by_what_is_in_them() {
    let files: [(&str, &[u8]); 3] =
        [("a.log", &gzip("packed\n")), ("b.gz.log", b"plain\n"), ("c.log", b"x\n")];
    let mut got = read("compression: auto", &files, 3).await;
    got.sort();
    assert_eq!(got, ["packed", "plain", "x"]);
    let got = read("compression: gzip", &[("a.log", &gzip("one\ntwo"))], 2).await;
    assert_eq!(got, ["one", "two"]);
    assert_eq!(read("compression: none", &[("a.log", b"x\n")], 1).await, ["x"]);
    let refused = create("{include: [x], compression: zstd}", &Sink::new());
    assert_eq!(refused.err().unwrap(), "unsupported compression 'zstd': use gzip or auto");
}

#[tokio::test]
async fn max_batches_leaves_later_files_alone() {
    let files: [(&str, &[u8]); 4] =
        [("a.log", b"one\n"), ("b.log", b"two\n"), ("c.log", b"3\n"), ("d.log", b"4\n")];
    for (keys, want) in [
        ("max_concurrent_files: 4, max_batches: 1", &["one", "two"][..]),
        ("max_concurrent_files: 2, max_batches: 3", &["3", "one", "two"]),
        ("max_concurrent_files: 1, max_batches: 1", &["one"]),
        ("max_concurrent_files: 1", &["3", "4", "one", "two"]),
    ] {
        let mut got = read(keys, &files, want.len()).await;
        got.sort();
        assert_eq!(got, want, "{keys}");
    }
}

#[tokio::test]
async fn records_go_to_the_operators_that_output_names() {
    let operators = "operators: [{type: add, field: body, value: first}, \
                     {type: noop, id: second}, {type: add, field: attributes.x, value: 1}]";
    let keys = format!("output: [second], {operators}");
    assert_eq!(read(&keys, &[("a.log", b"as written\n")], 1).await, ["as written"]);
    assert_eq!(read(operators, &[("a.log", b"as written\n")], 1).await, ["first"]);
}

#[test]
fn a_key_that_can_have_no_effect_is_told() {
    let warned = |section: &str| {
        let (_, found) = planned::<Plan>(section);
        found.warnings().iter().any(|it| it.1.text.starts_with("polls_to_archive has no effect"))
    };
    assert!(warned("{include: [x], polls_to_archive: 5}"));
    assert!(!warned("{include: [x], polls_to_archive: 0}"));
}
