//! gRPC message framing: one byte "compressed", four bytes length, then the message. Bodies stay
//! `Bytes`: a message that lies in one DATA frame is not copied, one that spans several is copied once.
//! `PROTOCOL-HTTP2.md` of gRPC, "Length-Prefixed-Message".

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

/// Reads messages from a stream, giving flow control back as it reads.
pub struct Reader {
    stream: RecvStream,
    limit: usize,
    pending: Bytes,
    announced: Option<(bool, usize)>,
}

impl Reader {
    /// `limit` is the longest message in bytes, as sent.
    pub fn new(stream: RecvStream, limit: usize) -> Self {
        Self { stream, limit, pending: Bytes::new(), announced: None }
    }

    /// The size in bytes of the next message, before it has come; `None` at the end of the stream.
    ///
    /// # Errors
    /// [`FrameError`]; the stream is of no more use then.
    pub async fn announced(&mut self) -> Result<Option<usize>, FrameError> {
        if self.announced.is_none() {
            self.announced = self.read_prefix().await?;
        }
        Ok(self.announced.map(|(_, size)| size))
    }

    /// The next message; `None` at the end of the stream.
    ///
    /// # Errors
    /// [`FrameError`]; the stream is of no more use then.
    pub async fn next(&mut self) -> Result<Option<Message>, FrameError> {
        self.announced().await?;
        let Some((compressed, size)) = self.announced.take() else { return Ok(None) };
        let body = self.read_body(size).await?;
        Ok(Some(Message { compressed, body }))
    }

    /// What comes after the messages; to be called after [`Reader::next`] has said `None`.
    ///
    /// # Errors
    /// When the connection broke.
    pub async fn trailers(&mut self) -> Result<Option<http::HeaderMap>, FrameError> {
        poll_fn(|cx| self.stream.poll_trailers(cx)).await.map_err(FrameError::Transport)
    }

    async fn read_prefix(&mut self) -> Result<Option<(bool, usize)>, FrameError> {
        let mut prefix = [0; PREFIX_BYTES];
        let mut have = 0;
        while have < PREFIX_BYTES {
            if self.pending.is_empty() && !self.fill().await? {
                return if have == 0 { Ok(None) } else { Err(FrameError::Truncated) };
            }
            let part = self.pending.len().min(PREFIX_BYTES - have);
            self.pending.copy_to_slice(&mut prefix[have..have + part]);
            have += part;
        }
        let [flag, a, b, c, d] = prefix;
        if flag > 1 {
            return Err(FrameError::Flag(flag));
        }
        let size = u32::from_be_bytes([a, b, c, d]) as usize;
        if size > self.limit {
            return Err(FrameError::TooLarge { size, limit: self.limit });
        }
        Ok(Some((flag == 1, size)))
    }

    async fn read_body(&mut self, size: usize) -> Result<Bytes, FrameError> {
        if self.pending.is_empty() && size > 0 && !self.fill().await? {
            return Err(FrameError::Truncated);
        }
        if self.pending.len() >= size {
            return Ok(self.pending.split_to(size));
        }
        let mut body = buffer::take(size);
        loop {
            let part = self.pending.len().min(size - body.len());
            body.extend_from_slice(&self.pending[..part]);
            self.pending.advance(part);
            if body.len() == size {
                return Ok(buffer::freeze(body));
            }
            if !self.fill().await? {
                return Err(FrameError::Truncated);
            }
        }
    }

    /// Waits for a DATA frame with content; false at the end.
    async fn fill(&mut self) -> Result<bool, FrameError> {
        loop {
            let Some(data) = poll_fn(|cx| self.stream.poll_data(cx)).await else {
                return Ok(false);
            };
            let data = data.map_err(FrameError::Transport)?;
            if !data.is_empty() {
                self.stream
                    .flow_control()
                    .release_capacity(data.len())
                    .map_err(FrameError::Transport)?;
                self.pending = data;
                return Ok(true);
            }
        }
    }
}
