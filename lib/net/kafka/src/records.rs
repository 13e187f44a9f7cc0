//! Batches of records, in the second version of their format (`magic` 2): the only one that brokers still take.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use component::config::{Choices, Stage};
use compression::{Chunks, Compressor, Encoding, Params, Type};

use crate::error::Error;
use crate::wire::{Reader, Writer, count};

/// What stands before the checksum's bytes: offset, length, epoch, magic, checksum.
const HEAD_BYTES: usize = 8 + 4 + 4 + 1 + 4;
/// From the batch's own length field on.
const AFTER_LENGTH: usize = 4 + 1 + 4;
/// Bytes of a batch that is unpacked: ten times what a fetch asks for at most.
const UNPACKED_BYTES_MAX: usize = 256 << 20;
/// Before snappy's blocks as Java's library writes them (xerial): name, version, oldest version that can read it.
const XERIAL: &[u8] = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";
/// Headers of a record.
const HEADERS_MAX: i64 = 10_000;
/// Attributes of a batch: its records are of a transaction; it marks the end of one.
const TRANSACTIONAL: i16 = 0x10;
const CONTROL: i16 = 0x20;

/// A header of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub key: String,
    /// Its value; null is empty.
    pub value: Bytes,
}

/// A record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// In its partition; not used when it is sent.
    pub offset: i64,
    /// Milliseconds since 1970.
    pub timestamp: i64,
    /// Records with the same key go to the same partition.
    pub key: Option<Bytes>,
    /// What it is about.
    pub value: Bytes,
    /// Beside it.
    pub headers: Arc<[Header]>,
}

/// How a batch is compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Codec {
    /// Not at all.
    #[default]
    None,
    /// Gzip.
    Gzip,
    /// Snappy, in the framing of Java's library.
    Snappy,
    /// LZ4.
    Lz4,
    /// Zstandard.
    Zstd,
}

impl Choices for Codec {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("none", Self::None),
        ("gzip", Self::Gzip),
        ("snappy", Self::Snappy),
        ("lz4", Self::Lz4),
        ("zstd", Self::Zstd),
    ];
    const STAGE: Stage = Stage::Check;

    fn unknown(word: &str) -> String {
        format!(
            "compression should be one of 'none', 'gzip', 'snappy', 'lz4', or 'zstd'. configured value is {word:?}"
        )
    }
}

impl Codec {
    const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    fn number(self) -> i16 {
        self as i16
    }

    fn encoding(self) -> Option<Encoding> {
        match self {
            Self::None | Self::Snappy => None,
            Self::Gzip => Some(Encoding::Gzip),
            Self::Lz4 => Some(Encoding::Lz4),
            Self::Zstd => Some(Encoding::Zstd),
        }
    }

    fn pack(self, plain: Vec<u8>, params: Params) -> Result<Vec<u8>, Error> {
        let failed = |why: String| Error::Unsendable(format!("cannot compress: {why}"));
        if self == Self::Snappy {
            let block = snap::raw::Encoder::new().compress_vec(&plain);
            let block = block.map_err(|why| failed(why.to_string()))?;
            let mut out = Writer { out: XERIAL.to_vec() };
            out.bytes(&block);
            return Ok(out.out);
        }
        let Some(encoding) = self.encoding() else { return Ok(plain) };
        let compressor = Compressor::http(Type(Some(encoding)), params);
        let packed = compressor.compress(Chunks::from(Bytes::from(plain)));
        let packed = packed.map_err(|why| failed(why.to_string()))?;
        Ok(packed.pieces().flat_map(|it| it.iter().copied()).collect())
    }

    fn unpack(self, packed: &Bytes) -> Result<Bytes, Error> {
        let failed = Error::Malformed("a batch cannot be unpacked");
        if self == Self::Snappy {
            return unpack_snappy(packed).ok_or(failed);
        }
        let Some(encoding) = self.encoding() else { return Ok(packed.clone()) };
        compression::decompress(encoding, packed, UNPACKED_BYTES_MAX).map_err(|_| failed)
    }
}

/// Three bytes of a block say "64 bytes of before"; what claims more is a lie.
const SNAPPY_RATIO_MAX: usize = 22;

fn unpack_snappy(packed: &Bytes) -> Option<Bytes> {
    let block = |bytes: &[u8]| {
        let limit = UNPACKED_BYTES_MAX.min(bytes.len().saturating_mul(SNAPPY_RATIO_MAX));
        compression::decompress(Encoding::Snappy, bytes, limit).ok()
    };
    // Some clients write one block without the framing.
    if !packed.starts_with(XERIAL.get(..8).unwrap_or_default()) {
        return block(packed);
    }
    let mut reader = Reader::new(packed.slice(XERIAL.len().min(packed.len())..));
    let mut out = Vec::new();
    while !reader.is_empty() {
        out.extend(block(&reader.bytes().ok()?)?);
        if out.len() > UNPACKED_BYTES_MAX {
            return None;
        }
    }
    Some(out.into())
}

/// Writes a batch.
///
/// # Errors
/// It cannot be compressed.
pub(crate) fn encode(records: &[Record], codec: Codec, params: Params) -> Result<Vec<u8>, Error> {
    let first = records.iter().map(|it| it.timestamp).min().unwrap_or_default();
    let last = records.iter().map(|it| it.timestamp).max().unwrap_or_default();
    let bytes: usize = records.iter().map(|it| it.value.len() + 64).sum();
    let mut body = Writer { out: Vec::with_capacity(bytes) };
    let mut one = Writer::default();
    for (at, record) in (0..).zip(records) {
        one.out.clear();
        one.i8(0).varint(record.timestamp - first).varint(at);
        one.varbytes(record.key.as_deref()).varbytes(Some(&record.value));
        one.varint(count(record.headers.len()).into());
        for header in &*record.headers {
            one.varbytes(Some(header.key.as_bytes())).varbytes(Some(&header.value));
        }
        body.varbytes(Some(&one.out));
    }
    let body = codec.pack(body.out, params)?;
    let mut out = Writer { out: Vec::with_capacity(body.len() + 61) };
    out.i64(0).i32(0).i32(-1).i8(2).i32(0);
    out.i16(codec.number()).i32(count(records.len()) - 1).i64(first).i64(last);
    out.i64(-1).i16(-1).i32(-1).i32(count(records.len()));
    out.out.extend_from_slice(&body);
    let mut out = out.out;
    let length = count(out.len() - 12);
    let sum = crc32c::crc32c(out.get(HEAD_BYTES..).unwrap_or_default());
    if let Some(place) = out.get_mut(8..12) {
        place.copy_from_slice(&length.to_be_bytes());
    }
    if let Some(place) = out.get_mut(HEAD_BYTES - 4..HEAD_BYTES) {
        place.copy_from_slice(&sum.to_be_bytes());
    }
    Ok(out)
}

/// A batch that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordError {
    /// Its first offset, and the one after its last.
    pub offsets: (i64, i64),
    /// What is wrong with it.
    pub why: Error,
}

/// Transactions that were given up. A broker sends their records like all others, and says beside them whose they are.
#[derive(Debug, Default)]
pub(crate) struct Aborted {
    /// Producer and first offset of each, the last one first.
    ahead: Vec<(i64, i64)>,
    /// Producers whose records are of one, up to its mark.
    open: HashSet<i64>,
}

impl Aborted {
    /// Of an answer: producer and first offset of each.
    pub(crate) fn new(mut ahead: Vec<(i64, i64)>) -> Self {
        ahead.sort_unstable_by_key(|it| Reverse(it.1));
        Self { ahead, open: HashSet::new() }
    }

    /// Those that begin before the end of a batch have begun.
    fn reach(&mut self, last: i64) {
        while let Some((producer, _)) = self.ahead.pop_if(|it| it.1 <= last) {
            self.open.insert(producer);
        }
    }
}

/// Reads the batches of a fetch, whose last one may be cut. Records before `from` are left out, as a batch is fetched whole;
/// and those of transactions that were given up. What is given beside them is the offset after them.
pub(crate) fn decode(
    all: Bytes,
    from: i64,
    mut aborted: Aborted,
) -> (Vec<Record>, i64, Vec<RecordError>) {
    let (mut records, mut errors, mut next) = (Vec::new(), Vec::new(), from);
    let mut reader = Reader::new(all);
    while reader.remaining() >= 12 {
        let (Ok(base), Ok(length)) = (reader.i64(), reader.i32()) else { break };
        let Ok(batch) =
            usize::try_from(length).map_err(|_| ()).and_then(|it| reader.take(it).map_err(|_| ()))
        else {
            break;
        };
        match decode_batch(base, &batch, from, (&mut aborted, &mut records)) {
            Ok(after) => next = next.max(after),
            Err((last, why)) => {
                let after = base.saturating_add(last).saturating_add(1);
                errors.push(RecordError { offsets: (base, after), why });
                next = next.max(after);
            }
        }
    }
    (records, next, errors)
}

/// Gives the offset after the batch; with an error the last offset as far as it is known, from the first one on.
fn decode_batch(
    base: i64,
    batch: &Bytes,
    from: i64,
    (aborted, records): (&mut Aborted, &mut Vec<Record>),
) -> Result<i64, (i64, Error)> {
    let mut head = Reader::new(batch.clone());
    let mut start = || {
        let (_epoch, magic, sum) = (head.i32()?, head.i8()?, head.u32()?);
        if magic != 2 {
            return Err(Error::Malformed("a batch of records has an older format"));
        }
        Ok((sum, head.i16()?, head.i32()?, head.i64()?))
    };
    let (sum, attributes, last, first) = start().map_err(|why| (0, why))?;
    let last = i64::from(last.max(0));
    let checked = batch.get(AFTER_LENGTH..).unwrap_or_default();
    if crc32c::crc32c(checked) != sum {
        return Err((last, Error::Malformed("a batch of records has a wrong checksum")));
    }
    let after = base.saturating_add(last).saturating_add(1);
    let codec = Codec::ALL.into_iter().find(|it| it.number() == attributes & 7);
    let kept = records.len();
    let mut read = || {
        let (_max, producer, _epoch, _sequence) =
            (head.i64()?, head.i64()?, head.i16()?, head.i32()?);
        let count = head.i32()?;
        aborted.reach(base.saturating_add(last));
        if attributes & CONTROL != 0 {
            if is_abort(head.clone().rest())? {
                aborted.open.remove(&producer);
            }
            return Ok(());
        }
        if attributes & TRANSACTIONAL != 0 && aborted.open.contains(&producer) {
            return Ok(());
        }
        let codec = codec.ok_or(Error::Malformed("a batch has an unknown compression"))?;
        let mut body = Reader::new(codec.unpack(&head.clone().rest())?);
        for _ in 0..count {
            let record = body.varbytes()?.ok_or(Error::Malformed("a record is null"))?;
            let record = decode_record(base, first, Reader::new(record))?;
            if record.offset >= from {
                records.push(record);
            }
        }
        Ok(())
    };
    match read() {
        Ok(()) => Ok(after),
        Err(why) => {
            records.truncate(kept);
            Err((last, why))
        }
    }
}

/// Whether a mark says that a transaction was given up: `EndTxnMarker`, whose kind stands in the key.
fn is_abort(marks: Bytes) -> Result<bool, Error> {
    let mark = Reader::new(marks).varbytes()?.ok_or(Error::Malformed("a record is null"))?;
    let mut key = Reader::new(decode_record(0, 0, Reader::new(mark))?.key.unwrap_or_default());
    let (_version, kind) = (key.i16()?, key.i16()?);
    Ok(kind == 0)
}

fn decode_record(base: i64, first: i64, mut it: Reader) -> Result<Record, Error> {
    it.i8()?;
    let timestamp = first.wrapping_add(it.varint()?);
    let offset = base.wrapping_add(it.varint()?);
    let (key, value) = (it.varbytes()?, it.varbytes()?.unwrap_or_default());
    let count = it.varint()?;
    if count > HEADERS_MAX {
        return Err(Error::Malformed("a record has too many headers"));
    }
    let mut headers = Vec::new();
    for _ in 0..count {
        let key = it.varbytes()?.unwrap_or_default();
        let key = String::from_utf8_lossy(&key).into_owned();
        headers.push(Header { key, value: it.varbytes()?.unwrap_or_default() });
    }
    // Most records have none, and share the empty list.
    let headers = if headers.is_empty() { Arc::default() } else { headers.into() };
    Ok(Record { offset, timestamp, key, value, headers })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Vec<Record> {
        let record = |at: i64| Record {
            offset: at,
            timestamp: 1_718_000_000_000 + at,
            key: (at % 2 == 0).then(|| Bytes::from(format!("key {at}"))),
            value: Bytes::from(format!("value {at} ").repeat(20)),
            headers: [Header { key: "h".to_owned(), value: Bytes::from_static(b"v") }].into(),
        };
        (0..5).map(record).collect()
    }

    #[test]
    fn batches_come_back_with_every_compression() {
        for codec in Codec::ALL {
            let batch = encode(&some(), codec, Params::default()).unwrap();
            let (records, next, errors) = decode(batch.clone().into(), 0, Aborted::default());
            assert_eq!((records, next, errors), (some(), 5, vec![]), "{codec:?}");
            let (records, next, _) = decode(batch.into(), 3, Aborted::default());
            assert_eq!((records, next), (some()[3..].to_vec(), 5), "{codec:?}");
        }
    }

    #[test]
    fn a_damaged_batch_does_not_take_the_others_with_it() {
        let good = encode(&some(), Codec::None, Params::default()).unwrap();
        let mut bad = good.clone();
        *bad.last_mut().unwrap() ^= 1;
        bad[7] = 5;
        let mut later = good.clone();
        later[7] = 10;
        let mut all = [good, bad, later.clone()].concat();
        // The last one is cut, as in an answer of limited size.
        all.extend_from_slice(&later[..30]);
        let (records, next, errors) = decode(all.into(), 0, Aborted::default());
        let offsets: Vec<i64> = records.iter().map(|it| it.offset).collect();
        assert_eq!(offsets, [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]);
        assert_eq!((next, errors.len(), errors[0].offsets), (15, 1, (5, 10)));
    }

    /// A batch of one record, of a producer with transactions.
    fn of_producer(producer: u8, base: u8, attributes: i16, key: &'static [u8]) -> Vec<u8> {
        let record = Record { key: Some(Bytes::from_static(key)), ..Record::default() };
        let mut batch = encode(&[record], Codec::None, Params::default()).unwrap();
        (batch[7], batch[50]) = (base, producer);
        batch[43..50].fill(0);
        batch[21..23].copy_from_slice(&attributes.to_be_bytes());
        let sum = crc32c::crc32c(&batch[HEAD_BYTES..]);
        batch[17..21].copy_from_slice(&sum.to_be_bytes());
        batch
    }

    #[test]
    fn records_of_a_transaction_that_was_given_up_are_left_out() {
        let (abort, commit) = (b"\0\0\0\0", b"\0\0\0\x01");
        let all = [
            of_producer(1, 0, TRANSACTIONAL, b"given up"),
            of_producer(2, 1, TRANSACTIONAL, b"kept"),
            of_producer(1, 2, 0, b"of no transaction"),
            of_producer(1, 3, TRANSACTIONAL | CONTROL, abort),
            of_producer(2, 4, TRANSACTIONAL | CONTROL, commit),
            of_producer(1, 5, TRANSACTIONAL, b"the next one"),
            of_producer(1, 6, TRANSACTIONAL | CONTROL, commit),
        ];
        // The one of producer 3 began and ended before these batches.
        let aborted = Aborted::new(vec![(1, 0), (3, -5)]);
        let (records, next, errors) = decode(all.concat().into(), 0, aborted);
        let keys: Vec<_> = records.iter().map(|it| it.key.as_deref().unwrap()).collect();
        assert_eq!(keys, [&b"kept"[..], b"of no transaction", b"the next one"]);
        assert_eq!((next, errors), (7, vec![]));
    }

    #[test]
    fn no_bytes_make_a_panic() {
        let good = encode(&some(), Codec::Zstd, Params::default()).unwrap();
        for at in 0..good.len() {
            for change in [0xff, 0x80, 1] {
                let mut bad = good.clone();
                bad[at] ^= change;
                let _ = decode(bad.into(), 0, Aborted::new(vec![(1, 0)]));
            }
        }
    }
}
