//! Compressing what is sent. A warm sender allocates nothing: contexts stay with their compressor,
//! large buffers come from the pool and go back when the last byte has left the socket.

use std::fmt;
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Buf as _;
use component::config::Choices;
use libdeflater::{CompressionLvl, Compressor as Deflater};
use pdata::buffer;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::{Chunks, Encoding};

/// Larger requests are compressed on a blocking thread, in bytes: about a millisecond of gzip.
pub const INLINE_BYTES_MAX: usize = 256 * 1024;
/// Workers kept for the next request.
const WORKERS_KEPT_MAX: usize = 4;
/// A worker with more room than this for its output is not kept, in bytes.
const WORKER_BYTES_KEPT_MAX: usize = 16 * 1024 * 1024;
/// Level of gzip and zlib when none is configured: 351 MB/s, where level 6 does 180 MB/s for 9 %
/// less size (measured on 500-byte log records).
const DEFLATE_LEVEL_DEFAULT: i32 = 1;
/// Level of zstd when none is configured: 886 MB/s on the same records.
const ZSTD_LEVEL_DEFAULT: i32 = 1;

/// `compression:` as upstream spells it (`config/configcompression`, v0.159); `None` for `none` and
/// the empty text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Type(pub Option<Encoding>);

impl Default for Type {
    /// gzip, the default of clients.
    fn default() -> Self {
        Self(Some(Encoding::Gzip))
    }
}

impl Type {
    /// No compression.
    pub const NONE: Type = Type(None);
    /// One block of snappy.
    pub const SNAPPY: Type = Type(Some(Encoding::Snappy));

    /// The name in YAML; `none` for no compression.
    pub fn name(self) -> &'static str {
        self.0.map_or("none", Encoding::name)
    }

    /// Checks the level, in the Collector's words.
    ///
    /// # Errors
    /// A level that the format does not have.
    pub fn check(self, params: Params) -> Result<(), String> {
        let fits = match self.0 {
            Some(Encoding::Gzip | Encoding::Zlib | Encoding::Deflate) => {
                (-2..=9).contains(&params.level)
            }
            Some(Encoding::Zstd) | None => true,
            Some(_) => params.level == 0,
        };
        if fits {
            return Ok(());
        }
        let Params { level } = params;
        let name = self.name();
        Err(format!("unsupported parameters {{Level:{level}}} for compression type {name:?}"))
    }
}

impl Choices for Type {
    const GO: &'static str = "configcompression.Type";
    const NAMES: &'static [(&'static str, Self)] = &[
        ("gzip", Self(Some(Encoding::Gzip))),
        ("zlib", Self(Some(Encoding::Zlib))),
        ("deflate", Self(Some(Encoding::Deflate))),
        ("zstd", Self(Some(Encoding::Zstd))),
        ("snappy", Self(Some(Encoding::Snappy))),
        ("x-snappy-framed", Self(Some(Encoding::SnappyFramed))),
        ("lz4", Self(Some(Encoding::Lz4))),
        ("none", Self::NONE),
        ("", Self::NONE),
    ];
    const SHOWN: usize = Encoding::ALL.len();

    fn unknown(word: &str) -> String {
        format!("unsupported compression type {word:?}")
    }
}

/// `compression_params:`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, config::Described)]
pub struct Params {
    /// gzip, zlib, deflate: -2 to 9; zstd: 1 to 22; others: none. Default 0: the fast one.
    #[config(go = "configcompression.Level")]
    pub level: i64,
}

/// Compresses requests of one exporter.
pub struct Compressor {
    encoding: Option<Encoding>,
    framed: bool,
    level: i32,
    workers: Mutex<Vec<Worker>>,
    /// One permit for each CPU: more at once would only hold more memory.
    room: Arc<Semaphore>,
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Compressor");
        out.field("encoding", &self.encoding).field("level", &self.level).finish_non_exhaustive()
    }
}

impl Compressor {
    /// For HTTP: `snappy` is one block, `x-snappy-framed` is frames.
    pub fn http(kind: Type, params: Params) -> Self {
        Self::new(kind, params, kind.0 == Some(Encoding::SnappyFramed))
    }

    /// For gRPC: `snappy` is frames, as Go's `go-grpc-compression` writes it.
    pub fn grpc(kind: Type) -> Self {
        Self::new(kind, Params::default(), true)
    }

    fn new(kind: Type, params: Params, framed: bool) -> Self {
        let level = match (kind.0, params.level) {
            (Some(Encoding::Zstd), 0) => ZSTD_LEVEL_DEFAULT,
            (Some(Encoding::Zstd), level) => {
                i32::try_from(level.clamp(-7, 22)).unwrap_or(ZSTD_LEVEL_DEFAULT)
            }
            // -2 is "Huffman only", -1 "the default" of Go's compress/flate.
            (_, -1) => 6,
            (_, level @ 1..=9) => i32::try_from(level).unwrap_or(DEFLATE_LEVEL_DEFAULT),
            _ => DEFLATE_LEVEL_DEFAULT,
        };
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        let (workers, room) = (Mutex::default(), Arc::new(Semaphore::new(cpus)));
        Self { encoding: kind.0, framed, level, workers, room }
    }

    /// The format; `None` when bytes leave as they are.
    pub fn encoding(&self) -> Option<Encoding> {
        self.encoding
    }

    /// As [`Compressor::compress`], but what is large is done on a blocking thread, so that others
    /// go on, and only as much at once as there are CPUs.
    ///
    /// # Errors
    /// Out of memory, in effect.
    pub async fn compress_aside(self: &Arc<Self>, chunks: Chunks) -> io::Result<Chunks> {
        if self.encoding.is_none() || chunks.remaining() <= INLINE_BYTES_MAX {
            return self.compress(chunks);
        }
        let permit = Arc::clone(&self.room).acquire_owned().await.map_err(io::Error::other)?;
        let this = Arc::clone(self);
        let work = tokio::task::spawn_blocking(move || {
            // Held to the end also when nobody waits for the result any more.
            let _permit = permit;
            this.compress(chunks)
        });
        work.await.unwrap_or_else(|error| Err(io::Error::other(error)))
    }

    /// One compressed piece out of several that follow each other; the pieces as they are for `none`.
    ///
    /// # Errors
    /// Out of memory, in effect.
    pub fn compress(&self, chunks: Chunks) -> io::Result<Chunks> {
        let Some(encoding) = self.encoding else { return Ok(chunks) };
        let joined;
        let source: &[u8] = if chunks.chunk().len() == chunks.remaining() {
            chunks.chunk()
        } else {
            let mut all = buffer::take(chunks.remaining());
            chunks.pieces().for_each(|it| all.extend_from_slice(it));
            joined = buffer::freeze(all);
            &joined
        };
        let kept = self.workers().pop();
        let mut worker = match kept {
            Some(it) => it,
            None => Worker::new(encoding, self.framed, self.level)?,
        };
        let length = worker.compress(source)?;
        let mut out = buffer::take(length);
        out.extend_from_slice(&worker.packed[..length]);
        let mut workers = self.workers();
        if workers.len() < WORKERS_KEPT_MAX && worker.packed.len() <= WORKER_BYTES_KEPT_MAX {
            workers.push(worker);
        }
        Ok(Chunks::from(buffer::freeze(out)))
    }

    fn workers(&self) -> std::sync::MutexGuard<'_, Vec<Worker>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What compresses one request at a time.
struct Worker {
    engine: Engine,
    /// Room for the output. Of what was never written, the kernel makes no memory.
    packed: Vec<u8>,
}

enum Engine {
    Gzip(Deflater),
    Zlib(Deflater),
    Zstd(zstd::bulk::Compressor<'static>),
    Lz4,
    Snappy,
    SnappyFramed,
}

impl Worker {
    fn new(encoding: Encoding, framed: bool, level: i32) -> io::Result<Self> {
        let deflater = || Deflater::new(CompressionLvl::new(level).unwrap_or_default());
        let engine = match encoding {
            Encoding::Gzip => Engine::Gzip(deflater()),
            Encoding::Zlib | Encoding::Deflate => Engine::Zlib(deflater()),
            Encoding::Zstd => Engine::Zstd(zstd::bulk::Compressor::new(level)?),
            Encoding::Lz4 => Engine::Lz4,
            Encoding::Snappy | Encoding::SnappyFramed if framed => Engine::SnappyFramed,
            Encoding::Snappy | Encoding::SnappyFramed => Engine::Snappy,
        };
        Ok(Self { engine, packed: Vec::new() })
    }

    /// Writes to the beginning of `packed`; says how much.
    fn compress(&mut self, source: &[u8]) -> io::Result<usize> {
        let bound = self.bound(source);
        // Telemetry shrinks to a fifth. Once something did not fit, the room is kept.
        let room = bound.div_ceil(2);
        if self.packed.len() < room {
            self.packed = vec![0; room];
        }
        match self.attempt(source) {
            Err(_) if self.packed.len() < bound => {
                self.packed = vec![0; bound];
                self.attempt(source)
            }
            done => done,
        }
    }

    /// The most that may come out; 0 where the room grows by itself.
    fn bound(&mut self, source: &[u8]) -> usize {
        match &mut self.engine {
            Engine::Gzip(it) => it.gzip_compress_bound(source.len()),
            Engine::Zlib(it) => it.zlib_compress_bound(source.len()),
            Engine::Zstd(_) => zstd::zstd_safe::compress_bound(source.len()),
            Engine::Snappy => snap::raw::max_compress_len(source.len()),
            Engine::Lz4 | Engine::SnappyFramed => 0,
        }
    }

    fn attempt(&mut self, source: &[u8]) -> io::Result<usize> {
        let out = &mut self.packed;
        match &mut self.engine {
            Engine::Gzip(it) => it.gzip_compress(source, out).map_err(full),
            Engine::Zlib(it) => it.zlib_compress(source, out).map_err(full),
            Engine::Zstd(it) => it.compress_to_buffer(source, &mut out[..]),
            Engine::Snappy => Ok(snap::raw::Encoder::new().compress(source, out)?),
            Engine::Lz4 => {
                out.clear();
                let mut writer = lz4_flex::frame::FrameEncoder::new(out);
                writer.write_all(source)?;
                Ok(writer.finish()?.len())
            }
            Engine::SnappyFramed => {
                out.clear();
                let mut writer = snap::write::FrameEncoder::new(out);
                writer.write_all(source)?;
                let out = writer.into_inner();
                out.map(|it| it.len()).map_err(|error| io::Error::other(error.to_string()))
            }
        }
    }
}

fn full(error: libdeflater::CompressionError) -> io::Error {
    io::Error::other(format!("{error:?}"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "the tests read what they have written")]

    use bytes::Bytes;

    use super::*;

    fn text() -> Vec<u8> {
        (0..5000u32).flat_map(|it| format!("line {} of many\n", it % 97).into_bytes()).collect()
    }

    fn compress(compressor: &Compressor, data: &[u8]) -> Vec<u8> {
        let (head, tail) = data.split_at(data.len() / 3);
        let pieces = [Bytes::copy_from_slice(head), Bytes::copy_from_slice(tail)];
        let mut out = compressor.compress(pieces.into_iter().collect()).unwrap();
        out.copy_to_bytes(out.remaining()).to_vec()
    }

    fn read(mut reader: impl std::io::Read) -> Vec<u8> {
        let mut out = Vec::new();
        reader.read_to_end(&mut out).unwrap();
        out
    }

    #[track_caller]
    fn check(compressor: &Compressor, decompress: impl Fn(&[u8]) -> Vec<u8>) {
        for data in [text(), Vec::new(), b"x".to_vec(), text()] {
            assert!(decompress(&compress(compressor, &data)) == data, "{compressor:?}");
        }
    }

    #[test]
    fn every_format_is_read_by_another_implementation_or_its_own_decoder() {
        let http = |kind| Compressor::http(Type(Some(kind)), Params::default());
        check(&http(Encoding::Gzip), |it| read(flate2::read::GzDecoder::new(it)));
        check(&http(Encoding::Zlib), |it| read(flate2::read::ZlibDecoder::new(it)));
        check(&http(Encoding::Deflate), |it| read(flate2::read::ZlibDecoder::new(it)));
        check(&http(Encoding::Zstd), |it| zstd::stream::decode_all(it).unwrap());
        check(&http(Encoding::Lz4), |it| read(lz4_flex::frame::FrameDecoder::new(it)));
        check(&http(Encoding::Snappy), |it| snap::raw::Decoder::new().decompress_vec(it).unwrap());
        check(&http(Encoding::SnappyFramed), |it| read(snap::read::FrameDecoder::new(it)));
        let none = Compressor::http(Type::NONE, Params::default());
        check(&none, <[u8]>::to_vec);
    }

    #[tokio::test]
    async fn requests_that_are_compressed_at_once_do_not_mix() {
        let compressor = Arc::new(Compressor::grpc(Type(Some(Encoding::Zstd))));
        let body = |at: u8| [text(), vec![at; INLINE_BYTES_MAX]].concat();
        let mut tasks = tokio::task::JoinSet::new();
        for at in 0..20 {
            let (compressor, body) = (Arc::clone(&compressor), body(at));
            tasks.spawn(
                async move { (at, compressor.compress_aside(Bytes::from(body).into()).await) },
            );
        }
        while let Some(done) = tasks.join_next().await {
            let (at, packed) = done.unwrap();
            assert!(zstd::stream::decode_all(packed.unwrap().chunk()).unwrap() == body(at));
        }
        assert!(compressor.workers().len() <= compressor.room.available_permits());
    }

    #[test]
    fn what_does_not_shrink_fits_nevertheless() {
        let mut random = fastrand::Rng::with_seed(1);
        let noise: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(100_000).collect();
        for kind in [Encoding::Gzip, Encoding::Zlib, Encoding::Zstd, Encoding::Snappy] {
            let compressor = Compressor::http(Type(Some(kind)), Params::default());
            let packed = compress(&compressor, &noise);
            assert!(packed.len() > noise.len(), "{kind:?}");
            let unpacked = crate::decompress(kind, &packed, noise.len()).unwrap();
            assert!(unpacked == noise, "{kind:?}");
        }
    }

    #[test]
    fn snappy_is_framed_over_grpc() {
        check(&Compressor::grpc(Type(Some(Encoding::Snappy))), |it| {
            read(snap::read::FrameDecoder::new(it))
        });
    }

    #[test]
    fn a_higher_level_makes_less() {
        let size =
            |level| compress(&Compressor::http(Type::default(), Params { level }), &text()).len();
        assert!(size(9) < size(1), "{} {}", size(9), size(1));
        assert_eq!(size(0), size(1));
    }

    #[test]
    fn levels_are_checked_in_the_collectors_words() {
        assert_eq!(Type::default().check(Params { level: 9 }), Ok(()));
        let want = "unsupported parameters {Level:5} for compression type \"snappy\"";
        assert_eq!(Type(Some(Encoding::Snappy)).check(Params { level: 5 }), Err(want.to_owned()));
        assert!(Type(Some(Encoding::Zlib)).check(Params { level: 10 }).is_err());
    }

    #[test]
    fn no_compression_hands_the_same_bytes_on() {
        let data = Bytes::from_static(b"abc");
        let compressor = Compressor::http(Type::NONE, Params::default());
        let out = compressor.compress(data.clone().into()).unwrap();
        assert_eq!(out.chunk().as_ptr(), data.as_ptr());
    }
}
