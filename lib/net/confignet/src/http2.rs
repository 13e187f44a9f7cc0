//! What comes on an HTTP/2 connection and the h2 library says nothing of. It keeps a frame until it is whole: a thousand
//! clients that send all but the last byte of a frame of 1 MiB would hold a gigabyte. And it answers pings by itself.

/// What a client sends first. RFC 9113, 3.4.
const PREFACE_BYTES: usize = 24;
/// Length, type, flags and stream of a frame. RFC 9113, 4.1.
const HEAD_BYTES: usize = 9;
/// The length is in the first of these.
const LENGTH_BYTES: usize = 3;
/// Behind them: what kind of frame it is, its flags, and its stream. RFC 9113, 4.1 and 6.
const KIND_AT: usize = 3;
const FLAGS_AT: usize = 4;
const STREAM_AT: usize = 5;
const HEADERS: u8 = 1;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
/// A ping with this flag answers one of ours.
const ACK: u8 = 1;

/// Follows the frames of a client, in pieces of any size.
#[derive(Debug)]
pub struct Frames {
    preface_left: usize,
    length: usize,
    head: [u8; HEAD_BYTES],
    head_bytes: usize,
    body_left: usize,
    pings: u64,
    last_stream: u32,
}

impl Default for Frames {
    /// At the beginning of a connection.
    fn default() -> Self {
        Self {
            preface_left: PREFACE_BYTES,
            length: 0,
            head: [0; HEAD_BYTES],
            head_bytes: 0,
            body_left: 0,
            pings: 0,
            last_stream: 0,
        }
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

    /// How often the client has asked whether we live.
    pub fn pings(&self) -> u64 {
        self.pings
    }

    /// The newest stream that the client has begun.
    pub fn last_stream(&self) -> u32 {
        self.last_stream
    }

    /// Takes what is missing of the head of a frame.
    fn head<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let (head, rest) = bytes.split_at(bytes.len().min(HEAD_BYTES - self.head_bytes));
        for byte in head {
            if let Some(slot) = self.head.get_mut(self.head_bytes) {
                *slot = *byte;
            }
            self.head_bytes += 1;
            if self.head_bytes <= LENGTH_BYTES {
                self.length = self.length << 8 | usize::from(*byte);
                self.body_left = self.length;
            }
        }
        if !head.is_empty() && self.head_bytes == HEAD_BYTES {
            self.begin();
        }
        rest
    }

    /// The head of a frame is there.
    fn begin(&mut self) {
        match self.head[KIND_AT] {
            PING if self.head[FLAGS_AT] & ACK == 0 => self.pings += 1,
            HEADERS => {
                let stream = self.head[STREAM_AT..].iter();
                let stream = stream.fold(0, |id: u32, byte| id << 8 | u32::from(*byte));
                self.last_stream = self.last_stream.max(stream & (u32::MAX >> 1));
            }
            _ => {}
        }
    }
}

/// A GOAWAY frame with a reason for the client's log. RFC 9113, 6.8.
pub fn goaway(last_stream: u32, code: u32, reason: &[u8]) -> Vec<u8> {
    let length = u32::try_from(8 + reason.len()).unwrap_or(u32::MAX).to_be_bytes();
    let head = [length[1], length[2], length[3], GOAWAY, 0, 0, 0, 0, 0];
    [&head[..], &last_stream.to_be_bytes(), &code.to_be_bytes(), reason].concat()
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
    fn pings_and_streams_are_seen_however_they_are_cut() {
        let frame = |kind: u8, flags: u8, stream: u8, body: &[u8]| {
            let length = u8::try_from(body.len()).unwrap();
            [&[0, 0, length, kind, flags, 0, 0, 0, stream], body].concat()
        };
        let ping = |flags| frame(PING, flags, 0, &[PING; 8]);
        let wire = [
            vec![PING; PREFACE_BYTES],
            frame(4, 0, 0, &[]),
            frame(HEADERS, 4, 1, &[PING; 30]),
            ping(0),
            frame(0, 1, 1, &[PING; 20]),
            ping(ACK),
            frame(HEADERS, 5, 3, b"x"),
            ping(0),
        ];
        for step in 1..60 {
            let mut frames = Frames::default();
            wire.concat().chunks(step).for_each(|it| frames.came(it));
            assert_eq!((frames.pings(), frames.last_stream()), (2, 3), "step {step}");
        }
        let said = goaway(3, 11, b"too_many_pings");
        assert_eq!(said[..9], [0, 0, 22, GOAWAY, 0, 0, 0, 0, 0]);
        assert_eq!(said[9..17], [0, 0, 0, 3, 0, 0, 0, 11]);
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
