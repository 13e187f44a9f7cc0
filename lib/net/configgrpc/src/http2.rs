//! How much of an HTTP/2 frame has come that is not whole yet. The h2 library keeps it until it is, and says nothing
//! of it: a thousand clients that send all but the last byte of a frame of 1 MiB would hold a gigabyte.

/// What a client sends first. RFC 9113, 3.4.
const PREFACE_BYTES: usize = 24;
/// Length, type, flags and stream of a frame. RFC 9113, 4.1.
const HEAD_BYTES: usize = 9;
/// The length is in the first of these.
const LENGTH_BYTES: usize = 3;

/// Follows the frames of a client, in pieces of any size.
#[derive(Debug)]
pub struct Frames {
    preface_left: usize,
    length: usize,
    head_bytes: usize,
    body_left: usize,
}

impl Default for Frames {
    /// At the beginning of a connection.
    fn default() -> Self {
        Self { preface_left: PREFACE_BYTES, length: 0, head_bytes: 0, body_left: 0 }
    }
}

impl Frames {
    /// These have come.
    pub fn came(&mut self, mut bytes: &[u8]) {
        bytes = skip(bytes, &mut self.preface_left);
        while !bytes.is_empty() {
            bytes = self.head(bytes);
            bytes = skip(bytes, &mut self.body_left);
            if self.head_bytes == HEAD_BYTES && self.body_left == 0 {
                (self.head_bytes, self.length) = (0, 0);
            }
        }
    }

    /// Bytes of the frame that is not whole yet.
    pub fn partial(&self) -> usize {
        self.head_bytes + self.length.saturating_sub(self.body_left)
    }

    /// Takes what is missing of the head of a frame.
    fn head<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let (head, rest) = bytes.split_at(bytes.len().min(HEAD_BYTES - self.head_bytes));
        for byte in head {
            self.head_bytes += 1;
            if self.head_bytes <= LENGTH_BYTES {
                self.length = self.length << 8 | usize::from(*byte);
                self.body_left = self.length;
            }
        }
        rest
    }
}

fn skip<'a>(bytes: &'a [u8], left: &mut usize) -> &'a [u8] {
    let (skipped, rest) = bytes.split_at(bytes.len().min(*left));
    *left -= skipped.len();
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(body: usize) -> Vec<u8> {
        let length = u32::try_from(body).unwrap().to_be_bytes();
        [&length[1..], &[7; 6], &vec![9; body]].concat()
    }

    #[test]
    fn what_is_partial_is_the_same_however_it_is_cut() {
        let sizes = [0, 1, 300, 0, 5];
        let preface = vec![0; PREFACE_BYTES];
        let wire = [preface, sizes.iter().flat_map(|it| frame(*it)).collect()].concat();
        // After each byte: how much of a frame is there.
        let mut want = vec![0; PREFACE_BYTES];
        for body in sizes {
            want.extend(1..HEAD_BYTES + body);
            want.push(0);
        }
        for step in 1..wire.len() {
            let (mut frames, mut at) = (Frames::default(), 0);
            for piece in wire.chunks(step) {
                frames.came(piece);
                at += piece.len();
                assert_eq!(frames.partial(), want[at - 1], "step {step}, byte {at}");
            }
        }
    }
}
