#![expect(clippy::cast_sign_loss, reason = "the numbers of tests are small, or drawn by chance")]

use wire::protobuf::Writer;

use super::*;

const BOTH: Histograms = Histograms { native: true, classic: true };
const NATIVE: Histograms = Histograms { native: true, classic: false };
const CLASSIC: Histograms = Histograms { native: false, classic: false };

/// A page of one family with one metric.
fn page(name: &str, kind: u64, metric: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut family = Writer::default();
    family.text(1, name);
    family.text(2, "helps");
    family.uint(3, kind);
    family.message(4, |out| {
        out.message(1, |out| {
            out.text(1, "a");
            out.text(2, "b");
        });
        metric(out);
    });
    let mut page = Writer::default();
    page.raw_varint(family.len() as u64);
    page.raw(family.bytes());
    page.finish()
}

fn shown(page: &[u8], wanted: Histograms) -> Vec<String> {
    let page = parse(page, wanted).unwrap();
    let one = |it: &Sample<'_>| {
        let time = it.timestamp.map_or(String::new(), |it| format!(" @{it}"));
        let example = it.exemplar.as_ref().map_or(String::new(), |it| {
            format!(" # {} {} {:?}", it.labels.shown(), it.value, it.timestamp)
        });
        let more = it.more.as_ref().filter(|it| it.created_ms > 0);
        let created = more.map_or(String::new(), |it| format!(" since {}", it.created_ms));
        format!("{} {}{time}{example}{created}", it.labels.shown(), it.value)
    };
    page.samples.iter().map(one).collect()
}

fn time(out: &mut Writer, number: u32) {
    out.message(number, |out| {
        out.int(1, 1700);
        out.int(2, 500_000_000);
    });
}

fn example(out: &mut Writer, number: u32) {
    out.message(number, |out| {
        out.message(1, |out| {
            out.text(1, "trace_id");
            out.text(2, "ff");
        });
        out.double(2, 3.0);
        time(out, 3);
    });
}

#[test]
fn counters_gauges_and_summaries_are_read() {
    let counter = page("a_total", 0, |out| {
        out.message(3, |out| {
            out.double(1, 7.0);
            example(out, 2);
            time(out, 3);
        });
        out.int(6, 99);
    });
    let want =
        r#"{__name__="a_total", a="b"} 7 @99 # {trace_id="ff"} 3 Some(1700500) since 1700500"#;
    assert_eq!(shown(&counter, BOTH), [want]);
    let gauge = page("g", 1, |out| out.message(2, |out| out.double(1, -1.5)));
    assert_eq!(shown(&gauge, BOTH), [r#"{__name__="g", a="b"} -1.5"#]);
    let summary = page("s", 2, |out| {
        out.message(4, |out| {
            out.uint(1, 9);
            out.double(2, 4.5);
            out.message(3, |out| {
                out.double(1, 0.5);
                out.double(2, 2.0);
            });
        });
    });
    let want = [
        r#"{__name__="s_count", a="b"} 9"#,
        r#"{__name__="s_sum", a="b"} 4.5"#,
        r#"{__name__="s", a="b", quantile="0.5"} 2"#,
    ];
    assert_eq!(shown(&summary, BOTH), want);
    let page = parse(&summary, BOTH).unwrap();
    assert_eq!((page.metadata["s"].of_type, &*page.metadata["s"].help), ("summary", "helps"));
}

/// A histogram with classic buckets, and native ones where `native` says so.
fn histogram(native: impl FnOnce(&mut Writer)) -> Vec<u8> {
    page("h", 4, |out| {
        out.message(7, |out| {
            out.uint(1, 10);
            out.double(2, 12.5);
            out.message(3, |out| {
                out.uint(1, 4);
                out.double(2, 1.0);
                example(out, 3);
            });
            native(out);
        });
    })
}

fn span(out: &mut Writer, number: u32, offset: i64, length: u64) {
    out.message(number, |out| {
        out.sint(1, offset);
        out.uint(2, length);
    });
}

#[test]
fn a_histogram_is_classic_native_or_both() {
    let classic = [
        r#"{__name__="h_count", a="b"} 10"#,
        r#"{__name__="h_sum", a="b"} 12.5"#,
        r#"{__name__="h_bucket", a="b", le="1.0"} 4 # {trace_id="ff"} 3 Some(1700500)"#,
        r#"{__name__="h_bucket", a="b", le="+Inf"} 10"#,
    ];
    assert_eq!(shown(&histogram(|_| {}), NATIVE), classic);
    let native = histogram(|out| {
        out.sint(5, 3);
        out.double(6, 0.001);
        out.uint(7, 2);
        // Buckets 1 and 2, then 5: 3, 1 and 4.
        span(out, 12, 1, 2);
        span(out, 12, 2, 1);
        for delta in [3, -2, 3] {
            out.present(13, if delta < 0 { (-delta * 2 - 1) as u64 } else { (delta * 2) as u64 });
        }
    });
    assert_eq!(shown(&native, CLASSIC), classic);
    assert_eq!(shown(&native, NATIVE), [r#"{__name__="h", a="b"} 12.5"#]);
    assert_eq!(shown(&native, BOTH).len(), 5);
    let page = parse(&native, NATIVE).unwrap();
    let more = page.samples[0].more.as_ref().unwrap();
    assert_eq!(more.exemplars.len(), 1);
    let it = more.native.as_ref().unwrap();
    assert_eq!((it.scale, it.zero_count, it.count, it.sum), (3, 2, 10, 12.5));
    assert_eq!((it.positive.offset, &*it.positive.counts), (0, &[3, 1, 0, 0, 4][..]));
    assert_eq!(it.negative.counts, [0; 0]);
}

#[test]
fn what_lies_is_refused() {
    let refused = |page: &[u8]| parse(page, NATIVE).unwrap_err().to_string();
    assert_eq!(refused(&[5, 1]), "line 1: unexpected EOF");
    let far = histogram(|out| {
        span(out, 12, 0, 1);
        span(out, 12, i64::from(i32::MAX), 1);
        out.present(13, 2);
        out.present(13, 2);
    });
    assert!(refused(&far).contains("more than 20000 buckets"), "{}", refused(&far));
    let few = histogram(|out| span(out, 12, 0, 3));
    assert!(refused(&few).contains("less buckets than spans say"));
    let negative = histogram(|out| {
        span(out, 12, 0, 1);
        out.present(13, 1);
    });
    assert!(refused(&negative).contains("negative count"));
    let schema = histogram(|out| {
        out.sint(5, -53);
        span(out, 12, 0, 0);
    });
    assert!(refused(&schema).contains("unknown schema -53"));
    let twice = page("t", 1, |out| {
        out.message(1, |out| {
            out.text(1, "a");
            out.text(2, "c");
        });
        out.message(2, |out| out.double(1, 1.0));
    });
    assert!(refused(&twice).contains("twice"));
}
