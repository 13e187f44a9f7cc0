//! gRPC message framing: one byte "compressed", four bytes length, then the message. Bodies stay
//! `Bytes`: a message that lies in one DATA frame is not copied, one that spans several is copied once.
//! `PROTOCOL-HTTP2.md` of gRPC, "Length-Prefixed-Message".
//!
//! [`Messages`] puts together what has come and knows no streams; [`Reader`] feeds it from one.

use std::fmt;
use std::future::poll_fn;

use bytes::{Buf, Bytes};
use h2::RecvStream;
use pdata::buffer;

/// Size of the prefix of a message.
pub const PREFIX_BYTES: usize = 5;

/// The prefix of a message of `length` bytes. The caller keeps messages below 4 GiB.
pub fn prefix(compressed: bool, length: usize) -> [u8; PREFIX_BYTES] {
    let [a, b, c, d] = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    [u8::from(compressed), a, b, c, d]
}

/// A message as it was on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Compressed with the stream's `grpc-encoding`.
    pub compressed: bool,
    /// Without its prefix.
    pub body: Bytes,
}

/// Why there is no message.
#[derive(Debug)]
pub enum FrameError {
    /// The prefix announces more than the limit.
    TooLarge {
        /// Announced.
        size: usize,
        /// Allowed.
        limit: usize,
    },
    /// The first byte of the prefix is neither 0 nor 1.
    Flag(u8),
    /// The stream ended inside a message.
    Truncated,
    /// The stream or its connection broke.
    Transport(h2::Error),
}

impl fmt::Display for FrameError {
    /// In the words of grpc-go 1.80.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { size, limit } => {
                write!(f, "grpc: received message larger than max ({size} vs. {limit})")
            }
            Self::Flag(flag) => write!(f, "grpc: received unexpected payload format {flag}"),
            Self::Truncated => f.write_str("unexpected EOF"),
            Self::Transport(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for FrameError {}

/// Puts messages together from pieces, however they are cut.
#[derive(Debug)]
pub struct Messages {
    limit: usize,
    /// Came, and is part of no message yet.
    pending: Bytes,
    prefix: [u8; PREFIX_BYTES],
    prefix_bytes: usize,
    /// The beginning of a message that came in several pieces.
    body: Vec<u8>,
}

impl Messages {
    /// `limit` is the longest message in bytes, as sent.
    pub fn new(limit: usize) -> Self {
        let (pending, prefix) = (Bytes::new(), [0; PREFIX_BYTES]);
        Self { limit, pending, prefix, prefix_bytes: 0, body: Vec::new() }
    }

    /// The next piece, to be called when [`Messages::take`] had no message.
    pub fn push(&mut self, piece: Bytes) {
        debug_assert!(self.pending.is_empty(), "all of the last piece was taken");
        self.pending = piece;
    }

    /// The next message, if all of it has come.
    ///
    /// # Errors
    /// [`FrameError`]; the stream is of no more use then.
    pub fn take(&mut self) -> Result<Option<Message>, FrameError> {
        let Some((compressed, size)) = self.announced()? else { return Ok(None) };
        let whole = self.body.is_empty() && self.pending.len() >= size;
        let body = if whole {
            self.pending.split_to(size)
        } else {
            self.gather(size);
            if self.body.len() < size {
                return Ok(None);
            }
            buffer::freeze(std::mem::take(&mut self.body))
        };
        self.prefix_bytes = 0;
        Ok(Some(Message { compressed, body }))
    }

    /// True when no message has begun.
    pub fn is_between(&self) -> bool {
        self.prefix_bytes == 0
    }

    /// What the prefix says, once it is there.
    fn announced(&mut self) -> Result<Option<(bool, usize)>, FrameError> {
        if self.prefix_bytes < PREFIX_BYTES {
            let part = self.pending.len().min(PREFIX_BYTES - self.prefix_bytes);
            let end = self.prefix_bytes + part;
            self.pending.copy_to_slice(&mut self.prefix[self.prefix_bytes..end]);
            self.prefix_bytes = end;
            if end < PREFIX_BYTES {
                return Ok(None);
            }
        }
        let [flag, a, b, c, d] = self.prefix;
        if flag > 1 {
            return Err(FrameError::Flag(flag));
        }
        let size = u32::from_be_bytes([a, b, c, d]) as usize;
        if size > self.limit {
            return Err(FrameError::TooLarge { size, limit: self.limit });
        }
        Ok(Some((flag == 1, size)))
    }

    /// Copies what has come of a message of `size` bytes.
    fn gather(&mut self, size: usize) {
        let part = self.pending.len().min(size - self.body.len());
        if part == 0 {
            return;
        }
        buffer::gather(&mut self.body, &self.pending[..part], Some(size));
        self.pending.advance(part);
    }
}

/// Reads messages from a stream, giving flow control back as it reads.
pub struct Reader {
    stream: RecvStream,
    messages: Messages,
}

impl Reader {
    /// `limit` is the longest message in bytes, as sent.
    pub fn new(stream: RecvStream, limit: usize) -> Self {
        Self { stream, messages: Messages::new(limit) }
    }

    /// The next message; `None` at the end of the stream.
    ///
    /// # Errors
    /// [`FrameError`]; the stream is of no more use then.
    pub async fn next(&mut self) -> Result<Option<Message>, FrameError> {
        loop {
            if let Some(message) = self.messages.take()? {
                return Ok(Some(message));
            }
            if self.fill().await? == 0 {
                return if self.messages.is_between() {
                    Ok(None)
                } else {
                    Err(FrameError::Truncated)
                };
            }
        }
    }

    /// The next message, if all of it has come.
    ///
    /// # Errors
    /// [`FrameError`]; the stream is of no more use then.
    pub fn take(&mut self) -> Result<Option<Message>, FrameError> {
        self.messages.take()
    }

    /// True when no message has begun.
    pub fn is_between(&self) -> bool {
        self.messages.is_between()
    }

    /// What comes after the messages; to be called after [`Reader::next`] has said `None`.
    ///
    /// # Errors
    /// When the connection broke.
    pub async fn trailers(&mut self) -> Result<Option<http::HeaderMap>, FrameError> {
        poll_fn(|cx| self.stream.poll_trailers(cx)).await.map_err(FrameError::Transport)
    }

    /// Waits for a DATA frame with content, of which so many bytes came; 0 at the end.
    ///
    /// # Errors
    /// When the connection broke.
    pub async fn fill(&mut self) -> Result<usize, FrameError> {
        loop {
            let Some(data) = poll_fn(|cx| self.stream.poll_data(cx)).await else {
                return Ok(0);
            };
            let data = data.map_err(FrameError::Transport)?;
            if !data.is_empty() {
                let came = data.len();
                self.stream.flow_control().release_capacity(came).map_err(FrameError::Transport)?;
                self.messages.push(data);
                return Ok(came);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of `pieces`: the messages, and whether the end is at a good place.
    fn split(pieces: &[&[u8]], limit: usize) -> Result<(Vec<Message>, bool), String> {
        let (mut messages, mut found) = (Messages::new(limit), Vec::new());
        for piece in pieces {
            messages.push(Bytes::copy_from_slice(piece));
            while let Some(message) = messages.take().map_err(|it| it.to_string())? {
                found.push(message);
            }
        }
        Ok((found, messages.is_between()))
    }

    fn message(compressed: bool, body: &'static [u8]) -> Message {
        Message { compressed, body: Bytes::from_static(body) }
    }

    #[test]
    fn messages_are_the_same_however_they_are_cut() {
        let wire = b"\0\0\0\0\x03abc\x01\0\0\0\0\0\0\0\0\x01d";
        let want = vec![message(false, b"abc"), message(true, b""), message(false, b"d")];
        for first in 0..=wire.len() {
            for second in first..=wire.len() {
                let pieces = [&wire[..first], &wire[first..second], &wire[second..]];
                assert_eq!(split(&pieces, 3), Ok((want.clone(), true)), "{first} {second}");
            }
        }
    }

    #[test]
    fn what_is_no_message_is_told_as_soon_as_it_is_known() {
        assert_eq!(split(&[b"\0\0\0\0\x03ab"], 3), Ok((vec![], false)));
        assert_eq!(split(&[b"\0\0"], 3), Ok((vec![], false)));
        let text = "grpc: received message larger than max (4 vs. 3)";
        assert_eq!(split(&[b"\0\0\0\0\x04"], 3), Err(text.into()));
        let text = "grpc: received unexpected payload format 2";
        assert_eq!(split(&[b"\x02\0\0\0\0"], 3), Err(text.into()));
    }
}
