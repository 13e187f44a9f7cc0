//! Events of the Forward protocol, version 1, and the records in them.
//!
//! An event is read twice: one that has a mistake anywhere gives no record at all, and so its client may send it again.

use std::borrow::Cow;

use bytes::Bytes;
use compression::{Encoding, decompress_within};
use pdata::{AttributesWriter, LogsBuilder, RecordWriter, ValueWriter};

use crate::Error;
use crate::msgpack::{Item, Reader};

/// Most levels of maps and arrays in a record.
const NESTING_MAX: usize = 64;
/// Most bytes of entries once they are unpacked: what `chunk_limit_size` of Fluentd's file buffer is by default.
pub(crate) const UNPACKED_BYTES_MAX: usize = 256 << 20;
/// The attribute that holds the tag.
const TAG: &str = "fluent.tag";
/// Time with nanoseconds: an extension of this type.
const EVENT_TIME: i8 = 0;
const SECOND_NANOS: i64 = 1_000_000_000;

/// An event without mistakes.
#[derive(Debug)]
pub(crate) struct Event<'a> {
    tag: &'a [u8],
    entries: Entries<'a>,
    /// What the client wants to hear once the event is safe; empty when it wants nothing.
    pub chunk: &'a [u8],
    /// How many records there are.
    pub records: usize,
}

#[derive(Debug)]
enum Entries<'a> {
    /// Message mode: a time and a record.
    One(Reader<'a>),
    /// Forward mode: pairs of them, of which so many are there.
    Many(Reader<'a>, u32),
    /// Packed forward mode: pairs up to the end.
    Packed(&'a [u8]),
    /// The same, compressed.
    Unpacked(Bytes),
}

#[derive(Debug, Default)]
struct Options<'a> {
    chunk: &'a [u8],
    compressed: &'a [u8],
}

impl<'a> Event<'a> {
    /// Reads an event. `room` is asked whether there is memory for so many bytes.
    pub(crate) fn read(
        event: &'a [u8],
        room: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Self, Error> {
        let mut reader = Reader(event);
        let length = reader.array("an event")?;
        let Item::Str(tag) = reader.next()? else { return Err(Error::Kind("the tag", "text")) };
        let start = reader;
        let (entries, needed, mut records) = match reader.next()? {
            Item::Int(_) | Item::Large(_) | Item::Ext(..) => {
                reader = start;
                record(&mut reader)?;
                (Entries::One(start), 3, 1)
            }
            Item::Array(count) => {
                let entries = Entries::Many(reader, count);
                (entries, 2, pairs(&mut reader, Some(count), &mut record)?)
            }
            Item::Str(packed) | Item::Bin(packed) => (Entries::Packed(packed), 2, 0),
            _ => return Err(Error::Mode),
        };
        let options = match length {
            it if it == needed => Options::default(),
            it if it == needed + 1 => options(&mut reader)?,
            _ => return Err(Error::Length(length)),
        };
        let entries = match entries {
            Entries::Packed(packed) => {
                let entries = unpacked(packed, options.compressed, room)?;
                records = entries.each(&mut record)?;
                entries
            }
            other => other,
        };
        Ok(Self { tag, entries, chunk: options.chunk, records })
    }

    /// Writes the records.
    pub(crate) fn write(&self, out: &mut LogsBuilder) -> Result<(), Error> {
        let tag = String::from_utf8_lossy(self.tag);
        // A record may have the key itself: in message mode it wins, in the others the tag does, as upstream.
        let record_wins = matches!(self.entries, Entries::One(_));
        self.entries.each(&mut |reader| {
            let mut written = Ok(());
            out.record(|it| written = write_record(reader, &tag, record_wins, it));
            written
        })?;
        Ok(())
    }

    /// How many bytes its entries took that came compressed.
    pub(crate) fn unpacked_bytes(&self) -> usize {
        match &self.entries {
            Entries::Unpacked(bytes) => bytes.len(),
            _ => 0,
        }
    }
}

/// What is done with a time and a record.
type Work<'w> = &'w mut dyn FnMut(&mut Reader<'_>) -> Result<(), Error>;

impl Entries<'_> {
    /// Calls `work` at each time and record. Returns how many there are.
    fn each(&self, work: Work<'_>) -> Result<usize, Error> {
        match self {
            Self::One(reader) => {
                work(&mut { *reader })?;
                Ok(1)
            }
            Self::Many(reader, count) => pairs(&mut { *reader }, Some(*count), work),
            Self::Packed(packed) => pairs(&mut Reader(packed), None, work),
            Self::Unpacked(packed) => pairs(&mut Reader(packed), None, work),
        }
    }
}

/// So many pairs, or those up to the end.
fn pairs(reader: &mut Reader<'_>, count: Option<u32>, work: Work<'_>) -> Result<usize, Error> {
    let mut done = 0;
    while count.map_or(!reader.is_empty(), |it| done < it as usize) {
        match reader.array("an entry")? {
            2 => work(reader)?,
            other => return Err(Error::Length(other)),
        }
        done += 1;
    }
    Ok(done)
}

fn options<'a>(reader: &mut Reader<'a>) -> Result<Options<'a>, Error> {
    let mut options = Options::default();
    let count = match reader.next()? {
        Item::Nil => 0,
        Item::Map(count) => count,
        _ => return Err(Error::Kind("the options", "a map")),
    };
    for _ in 0..count {
        let key = reader.key()?;
        let value = reader.value(NESTING_MAX)?;
        let (Item::Str(text) | Item::Bin(text)) = Reader(value).next()? else { continue };
        match key {
            b"chunk" => options.chunk = text,
            b"compressed" => options.compressed = text,
            _ => {}
        }
    }
    Ok(options)
}

fn unpacked<'a>(
    packed: &'a [u8],
    compressed: &[u8],
    room: &mut dyn FnMut(usize) -> bool,
) -> Result<Entries<'a>, Error> {
    let encoding = match compressed {
        b"gzip" => Encoding::Gzip,
        b"zstd" => Encoding::Zstd,
        _ => return Ok(Entries::Packed(packed)),
    };
    Ok(Entries::Unpacked(decompress_within(encoding, packed, UNPACKED_BYTES_MAX, room)?))
}

/// Goes over a time and a record.
fn record(reader: &mut Reader<'_>) -> Result<(), Error> {
    time_unix_nano(reader)?;
    for _ in 0..reader.map("a record")? {
        reader.key()?;
        reader.value(NESTING_MAX)?;
    }
    Ok(())
}

fn time_unix_nano(reader: &mut Reader<'_>) -> Result<u64, Error> {
    match reader.next()? {
        Item::Int(seconds) => Ok(seconds.wrapping_mul(SECOND_NANOS).cast_unsigned()),
        Item::Ext(EVENT_TIME, bytes) => event_time(bytes).ok_or(Error::Time),
        _ => Err(Error::Time),
    }
}

/// Seconds and nanoseconds, four bytes each.
fn event_time(bytes: &[u8]) -> Option<u64> {
    let (seconds, nanos) = bytes.split_first_chunk()?;
    let nanos: [u8; 4] = nanos.try_into().ok()?;
    let seconds = u64::from(u32::from_be_bytes(*seconds));
    Some(seconds * SECOND_NANOS.cast_unsigned() + u64::from(u32::from_be_bytes(nanos)))
}

fn write_record(
    reader: &mut Reader<'_>,
    tag: &str,
    record_wins: bool,
    out: &mut RecordWriter<'_>,
) -> Result<(), Error> {
    out.time_unix_nano(time_unix_nano(reader)?);
    let count = reader.map("a record")?;
    let mut fields = Fields::read(reader, count)?;
    let (mut body, mut has_tag) = (None, false);
    fields.0.retain(|(key, value)| match &**key {
        // Fluentd has `message`, Fluent Bit `log`.
        "message" | "log" => {
            body = (!matches!(Reader(value).next(), Ok(Item::Nil))).then_some(*value).or(body);
            false
        }
        TAG => {
            has_tag = record_wins;
            record_wins
        }
        _ => true,
    });
    if let Some(body) = body {
        let mut written = Ok(());
        out.body_with(|it| written = write_value(&mut Reader(body), it));
        written?;
    }
    if !has_tag {
        out.attribute(TAG, tag);
    }
    let mut written = Ok(());
    out.attributes(|it| written = fields.write(it));
    written
}

fn write_value(reader: &mut Reader<'_>, out: &mut ValueWriter<'_>) -> Result<(), Error> {
    let mut written = Ok(());
    match reader.next()? {
        Item::Nil => {}
        Item::Bool(it) => out.put(it),
        Item::Int(it) => out.put(it),
        Item::Double(it) => out.put(it),
        Item::Large(it) => out.put(it.to_string().as_str()),
        Item::Str(it) | Item::Bin(it) => out.put(&*String::from_utf8_lossy(it)),
        Item::Ext(EVENT_TIME, bytes) if bytes.len() == 8 => {
            let nanos = event_time(bytes).unwrap_or_default();
            let second = SECOND_NANOS.cast_unsigned();
            out.put(format!("{}.{:09}", nanos / second, nanos % second).as_str());
        }
        // In Go's words.
        Item::Ext(kind, bytes) => {
            let bytes: Vec<String> = bytes.iter().map(u8::to_string).collect();
            out.put(format!("&{{[{}] {kind}}}", bytes.join(" ")).as_str());
        }
        Item::Array(count) => out.array(|out| {
            for _ in 0..count {
                out.value(|out| {
                    if written.is_ok() {
                        written = write_value(reader, out);
                    }
                });
            }
        }),
        Item::Map(count) => {
            let fields = Fields::read(reader, count)?;
            out.map(|out| written = fields.write(out));
        }
    }
    written
}

/// The entries of a map, each key once: with the value that came last, at the place where it came first.
struct Fields<'a>(Vec<(Cow<'a, str>, &'a [u8])>);

impl<'a> Fields<'a> {
    fn read(reader: &mut Reader<'a>, count: u32) -> Result<Self, Error> {
        let mut fields = Vec::new();
        for _ in 0..count {
            let key = String::from_utf8_lossy(reader.key()?);
            fields.push((key, reader.value(NESTING_MAX)?));
        }
        Ok(Self(unique(fields)))
    }

    fn write(&self, out: &mut AttributesWriter<'_>) -> Result<(), Error> {
        let mut written = Ok(());
        for (key, value) in &self.0 {
            out.value(key, |out| {
                let wrote = write_value(&mut Reader(value), out);
                written = std::mem::replace(&mut written, Ok(())).and(wrote);
            });
        }
        written
    }
}

fn unique<'a>(fields: Vec<(Cow<'a, str>, &'a [u8])>) -> Vec<(Cow<'a, str>, &'a [u8])> {
    let mut order: Vec<usize> = (0..fields.len()).collect();
    let key = |at: usize| fields.get(at).map(|it| &it.0);
    order.sort_by(|a, b| key(*a).cmp(&key(*b)));
    if !order.windows(2).any(|it| matches!(it, [a, b] if key(*a) == key(*b))) {
        return fields;
    }
    let mut kept: Vec<(usize, (Cow<'a, str>, &'a [u8]))> = Vec::new();
    for group in order.chunk_by(|a, b| key(*a) == key(*b)) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        kept.extend(fields.get(*last).map(|it| (*first, it.clone())));
    }
    kept.sort_by_key(|it| it.0);
    kept.into_iter().map(|it| it.1).collect()
}
