//! Decoders under a byte limit, with the error texts of the libraries that the Collector uses.
//!
//! A whole body goes in, a whole body comes out: the exact size is often known beforehand, and then
//! one allocation and the fastest decoder do. Whatever the fast way does not settle is read again by
//! a streaming decoder, which alone decides what is wrong.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, Read};

use bytes::Bytes;
use pdata::buffer;
use zstd::zstd_safe::{DCtx, DParameter, ResetDirective, get_frame_content_size};

use crate::Encoding;

/// The zstd window that every frame may have, as a power of two: 8 MiB, what RFC 8878, 3.1.1.1.2 recommends to support.
const ZSTD_WINDOW_LOG: u32 = 23;
/// The largest window, where the limit of the body allows for more than that: 128 MiB, what `zstd -22` wants.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;
/// A thread keeps a decoder that holds no more than this, in bytes: a window that every frame may have, and buffers.
const ZSTD_KEPT_BYTES_MAX: usize = 10 << 20;
/// Deflate cannot expand more. `zlib` technical details, "Maximum Compression Factor".
const DEFLATE_RATIO_MAX: usize = 1032;
/// First bytes of a gzip member: magic and method. RFC 1952, 2.3.1.
const GZIP_MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
/// Size of a gzip member's header without options.
const GZIP_HEADER_BYTES: usize = 10;
/// Size of a gzip member's trailer: checksum and length.
const GZIP_TRAILER_BYTES: usize = 8;
/// First bytes of a framed snappy stream. `framing_format.txt`, 4.1.
const SNAPPY_FRAMED_MAGIC: &[u8] = b"\xff\x06\x00\x00sNaPpY";
/// First bytes of a zstd frame. RFC 8878, 3.1.1.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// First bytes of an lz4 frame. `lz4_Frame_format.md`.
const LZ4_MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];
/// Magic, flags, size of the blocks, and a checksum of these. `lz4_Frame_format.md`.
const LZ4_HEADER_BYTES_MIN: usize = 7;
/// First guess at the size of a decoded body, as a multiple of the encoded one.
const RATIO_GUESS: usize = 4;

/// Why a body cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecompressError {
    /// There is more than the limit allows.
    TooLarge,
    /// A snappy block declares more than the limit allows.
    DeclaredTooLarge,
    /// Who was asked had no room for it.
    NoRoom,
    /// The data is damaged, in the words of Go's decoder.
    Corrupt(&'static str),
}

impl fmt::Display for DecompressError {
    /// As the Collector's HTTP server answers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "http: request body too large",
            Self::DeclaredTooLarge => "snappy: decoded size exceeds max request body size",
            Self::NoRoom => "there is no room for the decoded body",
            Self::Corrupt(text) => text,
        })
    }
}

impl std::error::Error for DecompressError {}

const EOF: DecompressError = DecompressError::Corrupt("EOF");
const UNEXPECTED_EOF: DecompressError = DecompressError::Corrupt("unexpected EOF");
const SNAPPY_CORRUPT: DecompressError = DecompressError::Corrupt("snappy: corrupt input");

/// Asked whether there is room for a decoded body of so many bytes, before it is there: once when the size is known
/// beforehand, else again and again as it grows.
pub type Room<'a> = &'a mut dyn FnMut(usize) -> bool;

/// Decodes a whole body of at most `limit` bytes.
///
/// # Errors
/// Never allocates more than the limit and a decoder's window.
pub fn decompress(encoding: Encoding, body: &[u8], limit: usize) -> Result<Bytes, DecompressError> {
    decompress_within(encoding, body, limit, &mut |_| true)
}

/// Decodes a whole body of at most `limit` bytes, as far as there is room.
///
/// # Errors
/// As [`decompress`], and [`DecompressError::NoRoom`].
pub fn decompress_within(
    encoding: Encoding,
    body: &[u8],
    limit: usize,
    room: Room<'_>,
) -> Result<Bytes, DecompressError> {
    let decoded = match encoding {
        Encoding::Gzip => gzip(body, limit, room),
        Encoding::Zlib | Encoding::Deflate => zlib(body, limit, room),
        Encoding::Zstd => zstd(body, limit, room),
        Encoding::Snappy if body.starts_with(SNAPPY_FRAMED_MAGIC) => {
            snappy_framed(body, limit, room)
        }
        Encoding::Snappy => snappy_block(body, limit, room),
        Encoding::SnappyFramed => snappy_framed(body, limit, room),
        Encoding::Lz4 => lz4(body, limit, room),
    };
    decoded.map(buffer::freeze)
}

fn gzip(body: &[u8], limit: usize, room: Room<'_>) -> Result<Vec<u8>, DecompressError> {
    match body.len() {
        0 => return Err(EOF),
        1..GZIP_HEADER_BYTES => return Err(UNEXPECTED_EOF),
        _ => {}
    }
    if !body.starts_with(&GZIP_MAGIC) {
        return Err(DecompressError::Corrupt("gzip: invalid header"));
    }
    if let Some(decoded) = gzip_at_once(body, limit, room) {
        return decoded;
    }
    read_all(flate2::bufread::MultiGzDecoder::new(body), body.len(), (limit, room), |error| {
        match error.to_string() {
            it if it.contains("checksum") => DecompressError::Corrupt("gzip: invalid checksum"),
            it if it.contains("header") => DecompressError::Corrupt("gzip: invalid header"),
            _ => DecompressError::Corrupt("flate: corrupt input"),
        }
    })
}

/// One member whose trailer tells the size; `None` for all that is less simple.
fn gzip_at_once(
    body: &[u8],
    limit: usize,
    room: Room<'_>,
) -> Option<Result<Vec<u8>, DecompressError>> {
    thread_local! {
        static DECODER: RefCell<libdeflater::Decompressor> =
            RefCell::new(libdeflater::Decompressor::new());
    }
    let trailer = body.len().checked_sub(GZIP_TRAILER_BYTES)?;
    let size = u32::from_le_bytes(*body.get(trailer + 4..)?.first_chunk()?) as usize;
    if size > limit || size > body.len().saturating_mul(DEFLATE_RATIO_MAX) {
        return None;
    }
    // The decoder does not say where it stopped, so a second member must not be possible.
    if memchr::memmem::find(body.get(GZIP_MAGIC.len()..)?, &GZIP_MAGIC).is_some() {
        return None;
    }
    if !room(size) {
        return Some(Err(DecompressError::NoRoom));
    }
    let mut decoded = buffer::take(size);
    decoded.resize(size, 0);
    let written = DECODER.with_borrow_mut(|it| it.gzip_decompress(body, &mut decoded));
    let checksum = u32::from_le_bytes(*body.get(trailer..)?.first_chunk()?);
    // Bytes after the member would have shown another size or checksum at the end.
    let whole = written == Ok(size) && libdeflater::crc32(&decoded) == checksum;
    whole.then_some(Ok(decoded))
}

fn zlib(body: &[u8], limit: usize, room: Room<'_>) -> Result<Vec<u8>, DecompressError> {
    const DEFLATE: u8 = 8;
    const DICTIONARY: u8 = 0x20;
    let [cmf, flags, ..] = *body else { return Err(UNEXPECTED_EOF) };
    if cmf & 15 != DEFLATE || cmf >> 4 > 7 || u16::from_be_bytes([cmf, flags]) % 31 != 0 {
        return Err(DecompressError::Corrupt("zlib: invalid header"));
    }
    if flags & DICTIONARY != 0 {
        return Err(DecompressError::Corrupt("zlib: invalid dictionary"));
    }
    read_all(flate2::bufread::ZlibDecoder::new(body), body.len(), (limit, room), |_| {
        DecompressError::Corrupt("flate: corrupt input")
    })
}

fn zstd(body: &[u8], limit: usize, room: Room<'_>) -> Result<Vec<u8>, DecompressError> {
    thread_local! {
        static CONTEXT: RefCell<Option<DCtx<'static>>> = const { RefCell::new(None) };
    }
    match body.first_chunk() {
        None if body.is_empty() => return Ok(Vec::new()),
        None => return Err(UNEXPECTED_EOF),
        // Skippable frames have other first bytes: 0x50 to 0x5f.
        Some(magic) if *magic != ZSTD_MAGIC && !is_skippable(*magic) => {
            return Err(DecompressError::Corrupt("invalid input: magic number mismatch"));
        }
        Some(_) => {}
    }
    let window_log = zstd_window_log(limit);
    CONTEXT.with_borrow_mut(|slot| {
        let context = match slot {
            Some(it) => it,
            None => slot.insert(zstd_context()?),
        };
        if let Some(decoded) = zstd_at_once(context, body, limit, room) {
            return decoded;
        }
        let exceeded = DecompressError::Corrupt("window size exceeded");
        // Parameters can be set between two frames only, and the one before may have ended in the middle.
        let limited = context
            .reset(ResetDirective::SessionOnly)
            .and_then(|_| context.set_parameter(DParameter::WindowLogMax(window_log)));
        limited.map_err(|_| exceeded.clone())?;
        let decoder = zstd::stream::read::Decoder::with_context(body, context);
        let read = read_all(decoder, body.len(), (limit, room), |error| match error.to_string() {
            it if it.contains("checksum") => DecompressError::Corrupt("CRC check failed"),
            it if it.contains("memory") => exceeded.clone(),
            it if it.contains("descriptor") => {
                DecompressError::Corrupt("invalid input: magic number mismatch")
            }
            _ => DecompressError::Corrupt("corrupt zstd input"),
        });
        if context.sizeof() > ZSTD_KEPT_BYTES_MAX {
            // Few senders have such windows, and each thread would keep the memory for ever.
            *slot = None;
        }
        read
    })
}

/// No frame that fits into the limit needs a larger window; the library knows powers of two only. Upstream, too, bounds
/// the window by what it receives at most, since v0.165.
fn zstd_window_log(limit: usize) -> u32 {
    let needed = limit.checked_next_power_of_two().map_or(ZSTD_WINDOW_LOG_MAX, usize::ilog2);
    needed.clamp(ZSTD_WINDOW_LOG, ZSTD_WINDOW_LOG_MAX)
}

fn is_skippable(magic: [u8; 4]) -> bool {
    magic[0] & 0xf0 == 0x50 && magic[1..] == [0x2a, 0x4d, 0x18]
}

fn zstd_context() -> Result<DCtx<'static>, DecompressError> {
    DCtx::try_create().ok_or(DecompressError::Corrupt("out of memory"))
}

/// One frame whose header tells the size; `None` for all that is less simple.
fn zstd_at_once(
    context: &mut DCtx<'static>,
    body: &[u8],
    limit: usize,
    room: Room<'_>,
) -> Option<Result<Vec<u8>, DecompressError>> {
    let size = usize::try_from(get_frame_content_size(body).ok()??).ok()?;
    if size > limit {
        return None;
    }
    if !room(size) {
        return Some(Err(DecompressError::NoRoom));
    }
    let mut decoded = buffer::take(size);
    let written = context.decompress(&mut decoded, body).ok()?;
    (written == size).then_some(Ok(decoded))
}

#[expect(clippy::disallowed_methods, reason = "the length that is claimed is checked before")]
fn snappy_block(body: &[u8], limit: usize, room: Room<'_>) -> Result<Vec<u8>, DecompressError> {
    if body.is_empty() {
        return Err(SNAPPY_CORRUPT);
    }
    let size = snap::raw::decompress_len(body).map_err(|_| SNAPPY_CORRUPT)?;
    if size > limit {
        return Err(DecompressError::DeclaredTooLarge);
    }
    if !room(size) {
        return Err(DecompressError::NoRoom);
    }
    snap::raw::Decoder::new().decompress_vec(body).map_err(|_| SNAPPY_CORRUPT)
}

fn snappy_framed(body: &[u8], limit: usize, room: Room<'_>) -> Result<Vec<u8>, DecompressError> {
    read_all(snap::read::FrameDecoder::new(body), body.len(), (limit, room), |error| {
        match error.to_string() {
            it if it.contains("unsupported chunk type") => {
                DecompressError::Corrupt("snappy: unsupported input")
            }
            _ => SNAPPY_CORRUPT,
        }
    })
    .map_err(|error| if error == UNEXPECTED_EOF { SNAPPY_CORRUPT } else { error })
}

fn lz4(body: &[u8], limit: usize, room: Room<'_>) -> Result<Vec<u8>, DecompressError> {
    // The decoder takes what is shorter than a header for the end of the frames.
    if (1..LZ4_HEADER_BYTES_MIN).contains(&body.len()) && !body.starts_with(&LZ4_MAGIC) {
        let is_cut = LZ4_MAGIC.starts_with(body);
        let bad = DecompressError::Corrupt("lz4: bad magic number");
        return Err(if is_cut { UNEXPECTED_EOF } else { bad });
    }
    // The decoder takes a body that was cut between two blocks for a whole one.
    if body.starts_with(&LZ4_MAGIC) && !has_lz4_end(body) {
        return Err(UNEXPECTED_EOF);
    }
    read_all(lz4_flex::frame::FrameDecoder::new(body), body.len(), (limit, room), |error| {
        match error.to_string().as_str() {
            "WrongMagicNumber" => DecompressError::Corrupt("lz4: bad magic number"),
            it if it.contains("Checksum") => DecompressError::Corrupt("lz4: invalid checksum"),
            _ => DecompressError::Corrupt("lz4: invalid source"),
        }
    })
}

/// True when the blocks of the first frame lead to its end mark. `lz4_Frame_format.md`.
fn has_lz4_end(body: &[u8]) -> bool {
    const FLAGS_AT: usize = 4;
    const UNCOMPRESSED: u32 = 1 << 31;
    let flags = body.get(FLAGS_AT).copied().unwrap_or(0);
    let block_checksum = if flags & 0x10 != 0 { 4 } else { 0 };
    let content_size = if flags & 0x08 != 0 { 8 } else { 0 };
    let content_checksum = if flags & 0x04 != 0 { 4 } else { 0 };
    let dictionary = if flags & 0x01 != 0 { 4 } else { 0 };
    let mut at = LZ4_HEADER_BYTES_MIN + content_size + dictionary;
    while let Some(size) = body.get(at..).and_then(|it| it.first_chunk()) {
        let size = u32::from_le_bytes(*size);
        if size == 0 {
            return body.len() >= at + 4 + content_checksum;
        }
        at += 4 + (size & !UNCOMPRESSED) as usize + block_checksum;
    }
    false
}

/// Reads to the end, but never more than one byte beyond the limit.
fn read_all(
    reader: impl Read,
    encoded: usize,
    (limit, room): (usize, Room<'_>),
    corrupt: impl Fn(&io::Error) -> DecompressError,
) -> Result<Vec<u8>, DecompressError> {
    let mut decoded = buffer::take(encoded.saturating_mul(RATIO_GUESS).min(limit));
    let beyond = (limit as u64).saturating_add(1);
    let mut reader = Roomed { reader: reader.take(beyond), bytes: 0, room, full: false };
    let read = reader.read_to_end(&mut decoded);
    match read {
        _ if reader.full => Err(DecompressError::NoRoom),
        Ok(_) if decoded.len() > limit => Err(DecompressError::TooLarge),
        Ok(_) => Ok(decoded),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(UNEXPECTED_EOF),
        Err(error) => Err(corrupt(&error)),
    }
}

/// A reader that ends when there is no room for what it has read.
struct Roomed<'a, R> {
    reader: R,
    bytes: usize,
    room: Room<'a>,
    full: bool,
}

impl<R: Read> Read for Roomed<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.bytes += read;
        self.full = !(self.room)(self.bytes);
        Ok(if self.full { 0 } else { read })
    }
}

#[cfg(test)]
mod tests;
