//! Splits a payload into parts of limited size, greedily and in order.

use bytes::Bytes;

use crate::data::{Chunks, Data};
use crate::fields::RESOURCES;
use crate::nesting::{children, header, is_child, item_depth, items_in};
use crate::signal::Signal;
use crate::wire::{Field, Open, Reader, Writer, field_len};

/// How large a part may be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Limit {
    /// In log records, spans or data points.
    Items(usize),
    /// In encoded bytes.
    Bytes(usize),
}

/// Parts of at most `limit` each.
pub(crate) fn split(data: Data, limit: Limit) -> Vec<Data> {
    let (limit, fits) = match limit {
        Limit::Items(max) => (Limit::Items(max.max(1)), data.items() <= max),
        Limit::Bytes(max) => (limit, data.bytes() <= max),
    };
    if fits {
        return vec![data];
    }
    Splitter::new(data.signal(), limit, limit).run(data)
}

/// The first `max` items and the rest.
pub(crate) fn split_first(data: Data, max: usize) -> (Data, Option<Data>) {
    if data.items() <= max {
        return (data, None);
    }
    let signal = data.signal();
    if max == 0 {
        return (Data::empty(signal), Some(data));
    }
    let splitter = Splitter::new(signal, Limit::Items(max), Limit::Items(usize::MAX));
    let mut parts = splitter.run(data).into_iter();
    (parts.next().unwrap_or_else(|| Data::empty(signal)), Data::concat(parts))
}

/// A message that is torn apart: it is opened again in every part that has something of it.
struct Frame {
    /// Its field number in the message around it.
    number: u32,
    /// All its fields but the children.
    header: Vec<u8>,
    /// Where it is in the current part, if it is there.
    open: Option<Open>,
    /// Bytes of its body in the current part, without a child that is open.
    content: usize,
}

struct Splitter {
    signal: Signal,
    limit: Limit,
    /// Limit from the second part on.
    next_limit: Limit,
    frames: Vec<Frame>,
    parts: Vec<Data>,
    /// The current part: finished chunks, what is being written, what is being sliced.
    chunks: Chunks,
    out: Writer,
    slice: Option<(Bytes, usize, usize)>,
    items: usize,
    /// Bytes of the current part, without a resource that is open.
    bytes: usize,
}

impl Splitter {
    fn new(signal: Signal, limit: Limit, next_limit: Limit) -> Self {
        Self {
            signal,
            limit,
            next_limit,
            frames: Vec::new(),
            parts: Vec::new(),
            chunks: Chunks::new(),
            out: Writer::default(),
            slice: None,
            items: 0,
            bytes: 0,
        }
    }

    fn run(mut self, data: Data) -> Vec<Data> {
        for chunk in data.into_chunks() {
            for field in Reader::new(&chunk) {
                if field.number == RESOURCES {
                    self.place(&chunk, &chunk, &field, 0);
                } else {
                    // Unknown to us; a newer receiver may know it.
                    let raw = chunk.get(field.start..field.end).unwrap_or_default();
                    self.add(&chunk, &field, raw, 0);
                }
            }
            self.end_slice();
        }
        self.end_part();
        self.parts
    }

    /// Puts a field of `message` into the current part, or tears it apart. It is a message at `depth`.
    fn place(&mut self, chunk: &Bytes, message: &[u8], field: &Field<'_>, depth: usize) {
        let body = field.payload.bytes();
        let items = items_in(self.signal, body, depth);
        let raw = message.get(field.start..field.end).unwrap_or_default();
        if items > 0 && matches!(self.limit, Limit::Items(max) if self.items >= max) {
            self.end_part();
        }
        if self.has_room(items, raw.len()) {
            return self.add(chunk, field, raw, items);
        }
        if depth == item_depth(self.signal) || items == 0 {
            self.end_part();
            return self.add(chunk, field, raw, items);
        }
        self.frames.push(Frame {
            number: field.number,
            header: header(body, depth).collect::<Vec<_>>().concat(),
            open: None,
            content: 0,
        });
        for child in children(body, depth) {
            debug_assert!(is_child(depth, child.number), "only children are placed");
            self.place(chunk, body, &child, depth + 1);
        }
        self.close_frame();
        self.frames.pop();
    }

    /// True if a field of `length` bytes fits into the innermost frame.
    fn has_room(&self, items: usize, length: usize) -> bool {
        match self.limit {
            Limit::Items(max) => self.items + items <= max,
            Limit::Bytes(max) => {
                let nested = self.frames.iter().rev().fold(length, |inner, frame| {
                    let own = frame.open.map_or(frame.header.len(), |_| frame.content);
                    field_len(frame.number, own + inner)
                });
                self.bytes + nested <= max
            }
        }
    }

    /// Adds a field to the innermost frame, or as a slice at the top.
    fn add(&mut self, chunk: &Bytes, field: &Field<'_>, raw: &[u8], items: usize) {
        self.items += items;
        if self.frames.is_empty() {
            self.bytes += raw.len();
            return self.add_slice(chunk, field);
        }
        self.end_slice();
        for frame in &mut self.frames {
            if frame.open.is_none() {
                frame.open = Some(self.out.open(frame.number, 3));
                frame.content = frame.header.len();
                self.out.raw(&frame.header);
            }
        }
        self.out.raw(raw);
        if let Some(frame) = self.frames.last_mut() {
            frame.content += raw.len();
        }
    }

    /// Adds a whole resource: a slice, together with the one before if they touch.
    fn add_slice(&mut self, chunk: &Bytes, field: &Field<'_>) {
        match &mut self.slice {
            Some((_, _, end)) if *end == field.start => *end = field.end,
            _ => {
                self.end_slice();
                self.end_out();
                self.slice = Some((chunk.clone(), field.start, field.end));
            }
        }
    }

    fn end_slice(&mut self) {
        if let Some((chunk, start, end)) = self.slice.take() {
            self.chunks.push(chunk.slice(start..end));
        }
    }

    fn end_out(&mut self) {
        if self.out.len() > 0 {
            self.chunks.push(std::mem::take(&mut self.out.buf).into());
        }
    }

    /// Ends the innermost frame that is open; the frames stay listed.
    fn close_frame(&mut self) {
        let Some(frame) = self.frames.last_mut() else { return };
        let Some(open) = frame.open.take() else { return };
        self.out.close(open);
        let length = field_len(frame.number, frame.content);
        let outer = self.frames.len() - 1;
        match outer.checked_sub(1).and_then(|outer| self.frames.get_mut(outer)) {
            Some(around) => around.content += length,
            None => self.bytes += length,
        }
    }

    /// Ends the current part, if there is anything in it.
    fn end_part(&mut self) {
        self.end_slice();
        for frame in self.frames.iter_mut().rev() {
            if let Some(open) = frame.open.take() {
                self.out.close(open);
            }
        }
        self.end_out();
        let chunks = std::mem::take(&mut self.chunks);
        if !chunks.is_empty() {
            self.parts.push(Data::from_chunks(self.signal, chunks, self.items));
            self.limit = self.next_limit;
        }
        self.items = 0;
        self.bytes = 0;
    }
}
