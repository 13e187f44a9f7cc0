//! Bundles of a test.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use crate::bundle::{BLOCK, files};

/// A bundle of these files.
pub(crate) fn packed(files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, text) in files {
        let mut head = [0_u8; BLOCK];
        head[..name.len()].copy_from_slice(name.as_bytes());
        head[124..135].copy_from_slice(format!("{:011o}", text.len()).as_bytes());
        head[156] = b'0';
        archive.extend_from_slice(&head);
        archive.extend_from_slice(text.as_bytes());
        archive.resize(archive.len().div_ceil(BLOCK) * BLOCK, 0);
    }
    archive.resize(archive.len() + 2 * BLOCK, 0);
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(&archive).unwrap();
    out.finish().unwrap()
}

/// The files of a bundle.
pub(crate) fn unpacked(packed: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = Vec::new();
    GzDecoder::new(packed).read_to_end(&mut archive).unwrap();
    let all = files(&archive).unwrap();
    all.into_iter().map(|(name, bytes)| (name, bytes.to_vec())).collect()
}
