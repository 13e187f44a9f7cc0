//! Several `Bytes` as one buffer, so that a request leaves in vectored writes without being joined.

use std::io::IoSlice;

use bytes::{Buf, Bytes};
use smallvec::SmallVec;

/// Pieces that follow each other on the wire. Empty pieces are left out.
#[derive(Debug, Clone, Default)]
pub struct Chunks {
    pieces: SmallVec<[Bytes; 2]>,
    /// The first piece that is not used up.
    at: usize,
    remaining: usize,
}

impl Chunks {
    /// Adds a piece at the end.
    pub fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.remaining += piece.len();
            self.pieces.push(piece);
        }
    }

    /// What is left, piece by piece.
    pub fn pieces(&self) -> impl Iterator<Item = &Bytes> {
        self.pieces[self.at..].iter()
    }
}

impl FromIterator<Bytes> for Chunks {
    fn from_iter<I: IntoIterator<Item = Bytes>>(pieces: I) -> Self {
        let mut all = Self::default();
        pieces.into_iter().for_each(|it| all.push(it));
        all
    }
}

impl From<Bytes> for Chunks {
    fn from(piece: Bytes) -> Self {
        Self::from_iter([piece])
    }
}

impl From<&[Bytes]> for Chunks {
    fn from(pieces: &[Bytes]) -> Self {
        pieces.iter().cloned().collect()
    }
}

impl Buf for Chunks {
    fn remaining(&self) -> usize {
        self.remaining
    }

    fn chunk(&self) -> &[u8] {
        self.pieces.get(self.at).map_or(&[], |it| it)
    }

    fn chunks_vectored<'a>(&'a self, dst: &mut [IoSlice<'a>]) -> usize {
        let mut filled = 0;
        for (slot, piece) in dst.iter_mut().zip(self.pieces()) {
            *slot = IoSlice::new(piece);
            filled += 1;
        }
        filled
    }

    fn advance(&mut self, mut count: usize) {
        assert!(count <= self.remaining, "cannot advance past the end");
        self.remaining -= count;
        while let Some(piece) = self.pieces.get_mut(self.at) {
            if count < piece.len() {
                piece.advance(count);
                return;
            }
            count -= piece.len();
            // Written pieces go back to their pool at once, not with the last one.
            *piece = Bytes::new();
            self.at += 1;
        }
    }

    fn copy_to_bytes(&mut self, length: usize) -> Bytes {
        assert!(length <= self.remaining, "cannot copy past the end");
        match self.pieces.get_mut(self.at) {
            Some(first) if length <= first.len() => {
                let out = first.split_to(length);
                if first.is_empty() {
                    self.at += 1;
                }
                self.remaining -= length;
                out
            }
            _ => {
                let mut out = Vec::with_capacity(length);
                while out.len() < length {
                    let part = self.chunk();
                    let part = &part[..part.len().min(length - out.len())];
                    out.extend_from_slice(part);
                    let count = part.len();
                    self.advance(count);
                }
                out.into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Chunks {
        ["ab", "", "cde", "f"].into_iter().map(Bytes::from).collect()
    }

    #[test]
    fn pieces_read_as_one_buffer_at_every_split() {
        for split in 0..=6 {
            let mut chunks = three();
            let mut out = chunks.copy_to_bytes(split).to_vec();
            assert_eq!(chunks.remaining(), 6 - split);
            out.extend_from_slice(&chunks.copy_to_bytes(6 - split));
            assert_eq!(out, b"abcdef");
            let mut chunks = three();
            chunks.advance(split);
            let rest: Vec<u8> = chunks.pieces().flat_map(|it| it.to_vec()).collect();
            assert_eq!(rest, b"abcdef"[split..]);
        }
    }

    #[test]
    fn a_vectored_read_shows_all_pieces() {
        let chunks = three();
        let mut slots = [IoSlice::new(&[]); 2];
        assert_eq!(chunks.chunks_vectored(&mut slots), 2);
        assert_eq!(&*slots[1], b"cde");
        assert_eq!(slots.len(), 2);
    }

    #[test]
    fn an_empty_list_has_nothing() {
        let mut chunks = Chunks::default();
        assert!(!chunks.has_remaining());
        assert!(chunks.copy_to_bytes(0).is_empty());
        assert!(chunks.chunk().is_empty());
    }
}
