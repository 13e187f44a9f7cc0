//! Lines of files, through the operators of the file receiver, to encoded records.

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;

use component::Problems;
use component::config::{Tagged, Value};
use golang::json::Elements;
use ledger::Line;
use serde::Deserialize;
use stanza::{FileKey, FileMeta, OperatorConfig, Options, Pipeline};

use super::{Row, Work, usual};
use crate::load::files::json_line;

/// Lines between two takes, as a reader of 256 KiB blocks has them.
const LINES_PER_TAKE: u64 = 256;
/// Documents of the row that keeps all of them.
const DOCUMENTS: u64 = 10_000;
/// The array of the row that reads only some of it.
const ARRAY_BYTES: usize = 10_000_000;

pub fn rows() -> Vec<Row> {
    let mut random = fastrand::Rng::with_seed(1);
    let line = |length: usize, random: &mut fastrand::Rng| {
        json_line(&Line { writer: 1, seq: 7, time: 99 }, length, random)
    };
    let (short, long) = (line(40, &mut random), line(940, &mut random));
    let operator =
        |json: serde_json::Value| -> Value { serde_json::from_value(json).unwrap_or_default() };
    let container = operator(serde_json::json!({"type": "container", "format": "containerd"}));
    let json = operator(serde_json::json!({"type": "json_parser"}));
    let cri = |text: &str| format!("2026-11-23T06:18:46.508100199Z stdout F {text}");
    let plain = cri(&"x".repeat(600));
    let nested = nested();
    let (both, once) = ([container.clone(), json.clone()], [json.clone()]);
    vec![
        row("cri", "CRI line of 644 B to an encoded record", &[container], &plain)
            .beside(usual_lines(plain.clone(), usual::cri), 4.0),
        row("json-300", "JSON line of 300 B to encoded attributes", &once, &short)
            .beside(usual_lines(short.clone(), usual::json), 4.0),
        row("json-1200", "JSON line of 1,200 B to encoded attributes", &once, &long)
            .beside(usual_lines(long.clone(), usual::json), 4.0),
        row(
            "cri-json",
            "CRI line with JSON of 600 B to encoded attributes",
            &both,
            &cri(&line(340, &mut random)),
        ),
        Row::new(
            "nested",
            "10,000 nested JSON documents of 1.2 kB, all kept",
            DOCUMENTS,
            Box::new(through(&once, nested.into_bytes(), DOCUMENTS)),
        )
        // 8,210 documents a second.
        .most(121_800.0, None),
        array(),
    ]
}

/// What is read of a document, on demand.
#[derive(Deserialize)]
struct Order<'a> {
    #[serde(borrow)]
    note: &'a str,
}

/// Every element is kept as where it stands; some are then read.
fn array() -> Row {
    const READ: usize = 10;
    let document = nested();
    let text = format!("[{}]", vec![document.as_str(); ARRAY_BYTES / document.len()].join(","));
    let work = move || {
        let places: Vec<_> = Elements::new(&text).into_iter().flatten().flatten().collect();
        for place in places.iter().step_by(places.len().div_ceil(READ).max(1)) {
            let order: Option<Order<'_>> = serde_json::from_str(&text[place.clone()]).ok();
            black_box(order.map(|it| it.note));
        }
        black_box(places.len());
    };
    let what = "10 MB JSON array of documents of 1.2 kB, each found, ten read";
    Row::new("array", what, 1, Box::new(work)).most(8e6, Some(37))
}

fn row(id: &'static str, what: &'static str, operators: &[Value], line: &str) -> Row {
    let work = through(operators, line.as_bytes().to_vec(), LINES_PER_TAKE);
    Row::new(id, what, LINES_PER_TAKE, Box::new(work))
}

fn usual_lines(line: String, one: fn(&str) -> Vec<u8>) -> Work {
    Box::new(move || (0..LINES_PER_TAKE).for_each(|_| drop(black_box(one(&line)))))
}

/// `lines` times this line through the operators, then what they made is taken.
fn through(operators: &[Value], line: Vec<u8>, lines: u64) -> impl FnMut() + use<> {
    let operators: Vec<Tagged<OperatorConfig>> =
        operators.iter().map(|it| it.clone().into()).collect();
    let pipeline = Pipeline::plan(&operators, Options::default(), &mut Problems::default());
    let mut worker = pipeline.map(|it| it.worker());
    let path = "/var/log/pods/shop_cart-0_4f2b9c1e-0000-4000-8000-000000000001/app/0.log";
    let attributes = vec![("log.file.path".to_owned(), path.to_owned())];
    let file = Arc::new(FileMeta { key: FileKey(1), attributes, record_offset: false });
    let mut offset = 0;
    move || {
        let Some(worker) = &mut worker else { return };
        for _ in 0..lines {
            let end = offset + line.len() as u64 + 1;
            worker.line(&file, &line, offset..end, None);
            offset = end;
        }
        black_box(worker.take());
    }
}

/// A document of 1.2 kB, nested as an order is.
fn nested() -> String {
    let mut text = String::from(
        "{\"order\":{\"id\":4711,\"customer\":{\"name\":\"A. Person\",\"address\":{\"street\":\"Long Road 1\",\"city\":\"Somewhere\"}},\"items\":[",
    );
    for at in 1..10 {
        let comma = if at > 1 { "," } else { "" };
        let _ = write!(
            text,
            "{comma}{{\"sku\":\"SKU-{at:06}\",\"quantity\":{at},\"price\":{{\"amount\":{at}9.95,\"currency\":\"EUR\"}},\"tags\":[\"a\",\"b\"]}}"
        );
    }
    text.push_str(
        "]},\"trace\":{\"id\":\"0af7651916cd43dd8448eb211c80319c\",\"flags\":1},\"note\":\"",
    );
    text.push_str(&"n".repeat(1_195_usize.saturating_sub(text.len())));
    text.push_str("\"}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nested_document_is_json_of_1200_bytes() {
        let text = nested();
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
        assert!((1_190..1_210).contains(&text.len()), "{}", text.len());
        assert!(serde_json::from_str::<Order<'_>>(&text).is_ok());
        assert_eq!(Elements::new(&format!("[{text},{text}]")).unwrap().count(), 2);
    }
}
