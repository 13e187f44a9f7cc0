//! Nothing that is written can cost more than its limit.

use super::*;
use crate::Lists;

#[test]
fn bombs_are_refused_quickly() {
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, before) in
        ["b", "c", "d", "e", "f", "g", "h"].iter().zip(["a", "b", "c", "d", "e", "f", "g"])
    {
        let aliases = vec![format!("*{before}"); 9].join(", ");
        bomb.extend([name, ": &", name, " [", &aliases, "]\n"]);
    }
    let errors = [
        (bomb, "excessive aliasing"),
        ("[".repeat(100) + &"]".repeat(100), "exceeded max depth"),
        (format!("a: [{}]", "1,".repeat(100_001)), "more than 100000 values"),
        (format!("a: '{}'", "x".repeat(1 << 20)), "longer than 1048576"),
    ];
    for (text, want) in errors {
        let error = yaml(&[&text]).unwrap_err().headline;
        assert!(error.contains(want), "{error}");
    }
    let doubling = |name: &str| {
        let depth = name.strip_prefix('D').and_then(|it| it.parse::<u32>().ok())?;
        Some(if depth == 0 { "x".repeat(99) } else { format!("${{D{0}}}${{D{0}}}", depth - 1) })
    };
    let environment = Environment::from_lookup(doubling);
    let error = resolve(&locations(&["yaml:a: ${D30}".to_owned()], &[]), &environment).unwrap_err();
    assert!(error.headline.ends_with("too many recursive expansions"), "{error}");
}

#[test]
fn keys_with_many_parts_are_refused_not_followed() {
    for text in [
        format!("? {}b\n: 1", "a::".repeat(300_000)),
        format!("{}b: {{{}c: 1}}", "a::".repeat(50), "a::".repeat(50)),
        (0..1001).fold(String::new(), |all, it| format!("{all}a::b{it}: 1\n")),
    ] {
        let error = yaml(&[&text]).unwrap_err().headline;
        assert!(
            error.contains("too many keys with `::`, or they exceed the max depth of 64"),
            "{error}"
        );
    }
    let deep = format!("k: '${{yaml:{}}}'", "a::".repeat(100) + "b: 1");
    let error = yaml(&[&deep]).unwrap_err().headline;
    assert!(error.contains("exceed the max depth"), "{error}");
}

#[test]
fn large_maps_are_merged_key_by_key_without_looking_through_all() {
    let text = (0..40_000).fold(String::new(), |all, it| format!("{all}k{it}: {it}\n"));
    let conf = yaml(&[&text, &text, "k5: x\nn::m: 1"]).unwrap();
    assert_eq!(conf.root.entries().len(), 40_001);
    assert_eq!(conf.root.get("k5").map(show), Some("\"x\"".to_owned()));
}

#[test]
fn a_file_that_is_included_again_and_again_is_counted_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.yaml");
    // No value, and much text: a reference keeps the text beside the value.
    std::fs::write(&path, format!("# {}\n", "x".repeat(1_000_000))).unwrap();
    let reference = format!("'${{file:{}}}',", path.display());
    let error = yaml(&[&format!("a: [{}]", reference.repeat(5_000))]).unwrap_err().headline;
    assert!(error.contains("references produce too many values"), "{error}");
    let reference = format!("'x${{file:{}}}',", path.display());
    let error = yaml(&[&format!("a: [{}]", reference.repeat(200))]).unwrap_err().headline;
    assert!(error.contains("expanded text is longer than"), "{error}");
}

#[test]
fn there_is_an_end_to_references() {
    let error = yaml(&[&format!("a: [{}]", "'x${A}',".repeat(20_001))]).unwrap_err().headline;
    assert!(error.contains("more than 20000 references"), "{error}");
}

#[test]
fn files_may_begin_with_a_mark_and_be_utf_16() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.yaml");
    let wide = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        "\u{feff}a: \u{e9}\r\n".encode_utf16().flat_map(bytes).collect()
    };
    let read = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let uri = path.to_str().unwrap().to_owned();
        resolve(&locations(&[uri], &[]), &environment()).map(|it| show(&it.root))
    };
    let want = "{a: \"\u{e9}\"}";
    for bytes in ["\u{feff}a: \u{e9}".as_bytes(), &wide(u16::to_le_bytes), &wide(u16::to_be_bytes)]
    {
        assert_eq!(read(bytes).unwrap(), want);
    }
    let error = read(b"a: \xff").unwrap_err().headline;
    assert!(error.ends_with("not UTF-8 at byte 3"), "{error}");
    assert!(read(b"\xff\xfea\0\0\xd8").is_err());
}

#[test]
fn lists_that_name_components_are_joined_when_asked() {
    let texts = [
        "service: {extensions: [a, b], pipelines: {logs: {receivers: [x], processors: [p], exporters: [e]}}}\nl: [1]",
        "service: {extensions: [b, c], pipelines: {logs: {receivers: [y, x], processors: [q], exporters: [f]}}}\nl: [2]",
    ];
    let uris = texts.map(|it| format!("yaml:{it}"));
    for (lists, want) in [
        (
            Lists::Replace,
            "{service: {extensions: [b, c], pipelines: {logs: {receivers: [y, x], processors: [q], exporters: \
             [f]}}}, l: [2]}",
        ),
        (
            Lists::Append,
            "{service: {extensions: [a, b, c], pipelines: {logs: {receivers: [x, y], processors: [q], \
             exporters: [e, f]}}}, l: [2]}",
        ),
    ] {
        let conf = resolve(&Locations { lists, ..locations(&uris, &[]) }, &environment()).unwrap();
        assert_eq!(show(&conf.root).replace('"', ""), want);
    }
}

#[test]
fn every_file_that_was_read_is_named_also_when_nothing_of_it_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("a"), format!("a: 'x${{file:{}}}'\n", path("b").display())).unwrap();
    std::fs::write(path("b"), "").unwrap();
    std::fs::write(path("c"), "d: 1").unwrap();
    let uris = ["c", "a"].map(|it| path(it).to_str().unwrap().to_owned());
    let conf = resolve(&locations(&uris, &["d=2"]), &environment()).unwrap();
    assert_eq!(conf.files, ["a", "b", "c"].map(path).into());
}
