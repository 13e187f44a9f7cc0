//! gzip, zstd, snappy, zlib and lz4 with limits and pooled buffers.

mod chunks;
mod compress;
mod decompress;

pub use chunks::Chunks;
pub use compress::{Compressor, INLINE_BYTES_MAX, Params, Type};
pub use decompress::{DecompressError, Room, decompress, decompress_within};

/// A content encoding, by the names that the Collector's configuration and HTTP headers use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// `gzip`.
    Gzip,
    /// `zlib`.
    Zlib,
    /// `deflate`: zlib too, as upstream.
    Deflate,
    /// `zstd`.
    Zstd,
    /// `snappy`: the block format; reading also accepts the framed one.
    Snappy,
    /// `x-snappy-framed`.
    SnappyFramed,
    /// `lz4`: the frame format.
    Lz4,
}

impl Encoding {
    /// All of them.
    pub const ALL: [Encoding; 7] = [
        Encoding::Gzip,
        Encoding::Zlib,
        Encoding::Deflate,
        Encoding::Zstd,
        Encoding::Snappy,
        Encoding::SnappyFramed,
        Encoding::Lz4,
    ];

    /// The name, case-sensitive as in the Collector.
    pub const fn name(self) -> &'static str {
        match self {
            Encoding::Gzip => "gzip",
            Encoding::Zlib => "zlib",
            Encoding::Deflate => "deflate",
            Encoding::Zstd => "zstd",
            Encoding::Snappy => "snappy",
            Encoding::SnappyFramed => "x-snappy-framed",
            Encoding::Lz4 => "lz4",
        }
    }

    /// The encoding of that name.
    pub fn from_name(name: &str) -> Option<Encoding> {
        Encoding::ALL.into_iter().find(|it| it.name() == name)
    }
}
