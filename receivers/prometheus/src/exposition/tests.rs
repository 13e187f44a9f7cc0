use super::*;

fn shown(page: &Page<'_>) -> Vec<String> {
    let sample = |it: &Sample<'_>| {
        let time = it.timestamp.map_or(String::new(), |it| format!(" @{it}"));
        format!("{} {}{time}", it.labels.shown(), it.value)
    };
    page.samples.iter().map(sample).collect()
}

fn text(page: &str) -> Vec<String> {
    shown(&parse(page, Format::Text).unwrap())
}

fn open(page: &str) -> Result<Vec<String>, Error> {
    parse(page, Format::OpenMetrics).map(|it| shown(&it))
}

#[track_caller]
fn refused(page: &str, format: Format, want: &str) {
    assert_eq!(parse(page, format).unwrap_err().to_string(), want);
}

#[test]
fn lines_of_the_older_format_are_read() {
    let page = "# HELP a Some\\nhelp with \\\\.\n# TYPE a counter\n# just a remark\n\na 1\n\
        a{b=\"x\\\"y\\\\z\\nw\",c=\"\"} -3.25 1700\n  b:c { d = \"e\" , } +Inf\nd NaN\ne 1e3\nf{}0x"
        .trim_end_matches("\nf{}0x");
    let read = parse(page, Format::Text).unwrap();
    let a = &read.metadata["a"];
    assert_eq!((a.of_type, &*a.help), ("counter", "Some\nhelp with \\."));
    assert_eq!(
        shown(&read),
        [
            r#"{__name__="a"} 1"#,
            r#"{__name__="a", b="x\"y\\z\nw"} -3.25 @1700"#,
            r#"{__name__="b:c", d="e"} inf"#,
            r#"{__name__="d"} NaN"#,
            r#"{__name__="e"} 1000"#,
        ]
    );
}

#[test]
fn names_may_be_any_text_in_quotes() {
    let want = [r#"{__name__="http.requests", "#.to_owned() + r#"a="1", svc.name="x"} 2"#];
    assert_eq!(text("{\"http.requests\", \"svc.name\"=\"x\", a=\"1\"} 2\n"), want);
    let read = parse("# TYPE \"http.requests\" counter\n", Format::Text).unwrap();
    assert_eq!(read.metadata["http.requests"].of_type, "counter");
}

#[test]
fn open_metrics_has_exemplars_units_and_an_end() {
    let page = "# TYPE a counter\n# UNIT a_seconds seconds\n\
        a_total{x=\"1\"} 17.0 1520879607.789 # {trace_id=\"0a\"} 0.67 1520870000.5\n# EOF\n";
    let read = parse(page, Format::OpenMetrics).unwrap();
    assert_eq!(read.metadata["a_seconds"].unit, "seconds");
    let exemplar = read.samples[0].exemplar.as_ref().unwrap();
    assert_eq!((exemplar.value, exemplar.timestamp), (0.67, Some(1_520_870_000_500)));
    assert_eq!(exemplar.labels.get("trace_id"), "0a");
    assert_eq!(shown(&read), [r#"{__name__="a_total", x="1"} 17 @1520879607789"#]);
    refused("a 1\n", Format::OpenMetrics, "data does not end with # EOF");
    refused("# EOF\na 1\n", Format::OpenMetrics, "line 2: text after # EOF");
    refused("a 1\n\n# EOF\n", Format::OpenMetrics, "line 2: empty lines are not allowed");
    assert_eq!(open("# EOF").unwrap(), Vec::<String>::new());
}

#[test]
fn a_line_that_cannot_be_read_refuses_the_page() {
    for (page, want) in [
        ("a\n", "line 1: value \"\" is no number"),
        ("a 1\nb{c=\"d\n", "line 2: a text whose quotes are not closed"),
        ("9a 1\n", "line 1: expected a metric name, found \" 1\""),
        ("a{b} 1\n", "line 1: expected '=', found \"} 1\""),
        ("a{b=\"1\" c=\"2\"} 1\n", "line 1: expected '}', found \"c=\\\"2\\\"} 1\""),
        ("a 1 2 3\n", "line 1: expected the end of the line, found \"3\""),
        ("a 1 x\n", "line 1: timestamp \"x\" is no number"),
        ("a{b=\"1\",b=\"2\"} 1\n", "line 1: label name \"b\" is not unique: invalid sample"),
        ("{b=\"1\"} 1\n", "line 1: a sample without a metric name"),
        ("# TYPE a thing\n", "line 1: invalid metric type \"thing\""),
        ("a 1_0\n", "line 1: value \"1_0\" is no number"),
    ] {
        refused(page, Format::Text, want);
    }
}

#[test]
fn any_piece_of_a_page_does_no_harm() {
    let page = "# HELP a b\n# TYPE a histogram\na_bucket{le=\"0.1\",x=\"\u{e4}\"} 3 # {t=\"u\"} 1\n# EOF\n";
    for (at, _) in page.char_indices() {
        for format in [Format::Text, Format::OpenMetrics] {
            let _ = parse(&page[..at], format);
            let _ = parse(&page[at..], format);
        }
    }
}

#[test]
fn what_is_printed_is_read_again() {
    // Every byte that has a meaning, in names, values and labels.
    for value in ["a\"b\\c\nd", "", " ", "{}", "\u{e4},=#", "\\\\n"] {
        let escaped = value.replace('\\', "\\\\").replace('\n', "\\n").replace('"', "\\\"");
        let page = format!("a{{b=\"{escaped}\"}} 1\n");
        let read = parse(&page, Format::Text).unwrap();
        assert_eq!(read.samples[0].labels.get("b"), value);
    }
}
