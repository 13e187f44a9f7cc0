//! gzip, zstd, snappy, zlib and lz4 with limits and pooled buffers.
