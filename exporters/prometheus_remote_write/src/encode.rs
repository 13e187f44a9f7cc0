//! Series as requests: `prometheus.WriteRequest` of version 1, `io.prometheus.write.v2.Request` of version 2. A request
//! is closed before it is longer than the configured size.

use std::collections::HashMap;

use wire::protobuf::Writer;

use crate::config::Message;
use crate::native::{Layout, Native};
use crate::series::{Converted, Example, INFO, Labels, Metadata, Series};

/// The requests of a payload.
pub(crate) fn requests(
    mut all: Converted,
    message: Message,
    bytes_max: usize,
    metadata: bool,
) -> Vec<Vec<u8>> {
    for it in &mut all.series {
        // Prometheus refuses what is older than what it has.
        it.samples.sort_by_key(|it| it.1);
    }
    match message {
        Message::V1 => first(&all, bytes_max, metadata),
        Message::V2 => second(&all, bytes_max),
    }
}

fn first(all: &Converted, bytes_max: usize, metadata: bool) -> Vec<Vec<u8>> {
    let (mut requests, mut request, mut one) = (Vec::new(), Writer::default(), Writer::default());
    let mut add = |number: u32, message: &Writer| {
        if !request.is_empty() && request.len() + message.len() >= bytes_max {
            requests.push(std::mem::take(&mut request).finish());
        }
        request.bytes_field(number, message.bytes());
    };
    for it in &all.series {
        one.clear();
        for label in &it.labels {
            one.message(1, |out| write_label(label, out));
        }
        for (value, time) in &it.samples {
            one.message(2, |out| {
                out.double(1, *value);
                out.int(2, *time);
            });
        }
        for it in &it.exemplars {
            one.message(3, |out| {
                it.labels.iter().for_each(|it| out.message(1, |out| write_label(it, out)));
                out.double(2, it.value);
                out.int(3, it.timestamp);
            });
        }
        it.natives.iter().for_each(|it| one.message(4, |out| write_native(it, out)));
        add(1, &one);
    }
    // As upstream none of target_info.
    for it in all.metadata.iter().filter(|it| metadata && it.of_type != INFO) {
        one.clear();
        one.uint(1, it.of_type);
        one.text(2, &it.name);
        one.text(4, &it.help);
        one.text(5, &it.unit);
        add(3, &one);
    }
    if !request.is_empty() {
        requests.push(request.finish());
    }
    requests
}

fn write_label((name, value): &(String, String), out: &mut Writer) {
    out.text(1, name);
    out.text(2, value);
}

/// Both versions have the same message.
fn write_native(it: &Native, out: &mut Writer) {
    out.uint(1, it.count);
    out.double(3, it.sum);
    out.sint(4, it.schema.into());
    out.double(5, it.zero_threshold);
    out.uint(6, it.zero_count);
    write_layout(&it.negative, (8, 9), out);
    write_layout(&it.positive, (11, 12), out);
    out.int(15, it.timestamp);
}

fn write_layout(layout: &Layout, (spans, deltas): (u32, u32), out: &mut Writer) {
    for (offset, length) in &layout.spans {
        out.message(spans, |out| {
            out.sint(1, (*offset).into());
            out.uint(2, (*length).into());
        });
    }
    if !layout.deltas.is_empty() {
        out.message(deltas, |out| {
            for delta in &layout.deltas {
                out.raw_varint((delta << 1).cast_unsigned() ^ (delta >> 63).cast_unsigned());
            }
        });
    }
}

/// Texts by number; number 0 is the empty one.
struct Symbols<'a> {
    numbers: HashMap<&'a str, u64>,
    list: Vec<&'a str>,
    bytes: usize,
}

impl<'a> Symbols<'a> {
    fn new() -> Self {
        Self { numbers: HashMap::from([("", 0)]), list: vec![""], bytes: 2 }
    }

    fn number(&mut self, text: &'a str) -> u64 {
        let (list, bytes) = (&mut self.list, &mut self.bytes);
        *self.numbers.entry(text).or_insert_with(|| {
            list.push(text);
            // Tag and length take four bytes at most, but for very long texts.
            *bytes += text.len() + 4;
            list.len() as u64 - 1
        })
    }

    fn labels(&mut self, labels: &'a Labels) -> Vec<u64> {
        labels.iter().flat_map(|(name, value)| [self.number(name), self.number(value)]).collect()
    }
}

fn second(all: &Converted, bytes_max: usize) -> Vec<Vec<u8>> {
    let mut requests = Vec::new();
    let (mut symbols, mut series, mut one) = (Symbols::new(), Writer::default(), Writer::default());
    for it in &all.series {
        let metadata = all.metadata.get(it.metadata);
        write_second(it, metadata, &mut symbols, &mut one);
        if !series.is_empty() && series.len() + one.len() + symbols.bytes >= bytes_max {
            // The numbers of this one are of the request that is closed: it is written again.
            requests.push(close(&symbols, &series));
            symbols = Symbols::new();
            series.clear();
            write_second(it, metadata, &mut symbols, &mut one);
        }
        series.bytes_field(5, one.bytes());
    }
    if !series.is_empty() {
        requests.push(close(&symbols, &series));
    }
    requests
}

fn close(symbols: &Symbols<'_>, series: &Writer) -> Vec<u8> {
    let mut request = Writer::default();
    symbols.list.iter().for_each(|it| request.bytes_field(4, it.as_bytes()));
    request.raw(series.bytes());
    request.finish()
}

fn write_second<'a>(
    it: &'a Series,
    metadata: Option<&'a Metadata>,
    symbols: &mut Symbols<'a>,
    out: &mut Writer,
) {
    out.clear();
    let labels = symbols.labels(&it.labels);
    write_numbers(1, &labels, out);
    for (value, time) in &it.samples {
        out.message(2, |out| {
            out.double(1, *value);
            out.int(2, *time);
        });
    }
    it.natives.iter().for_each(|it| out.message(3, |out| write_native(it, out)));
    for Example { labels, value, timestamp } in &it.exemplars {
        let labels = symbols.labels(labels);
        out.message(4, |out| {
            write_numbers(1, &labels, out);
            out.double(2, *value);
            out.int(3, *timestamp);
        });
    }
    if let Some(metadata) = metadata {
        let (help, unit) = (symbols.number(&metadata.help), symbols.number(&metadata.unit));
        // Its list of types has the same numbers.
        out.message(5, |out| {
            out.uint(1, metadata.of_type);
            out.uint(3, help);
            out.uint(4, unit);
        });
    }
}

fn write_numbers(number: u32, numbers: &[u64], out: &mut Writer) {
    out.message(number, |out| numbers.iter().for_each(|it| out.raw_varint(*it)));
}
