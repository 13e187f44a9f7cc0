//! A server's end of an HTTP/2 connection that counts what has come of a frame and is in no call yet, and ends when a frame
//! comes too slowly, there is no room for it, or the client pings too often.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use component::UnderWay;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::Pace;
use crate::http2::{self, Frames};
use crate::server::Stream;

/// Bytes of a frame that are not worth counting: what every connection may hold.
const FREE_BYTES: usize = 16 * 1024;

/// `ENHANCE_YOUR_CALM`. RFC 9113, section 7.
const CALM: u32 = 11;
/// What gRPC's clients understand: they ping half as often from then on. gRPC's proposal A8.
const TOO_MANY_PINGS: &[u8] = b"too_many_pings";

/// Says of a ping, and of the newest stream when it came, whether it was one too many.
pub type PingPolicy = Box<dyn FnMut(u32) -> bool + Send>;

/// A connection whose reads are noticed.
pub struct Arriving {
    connection: Stream,
    frames: Frames,
    /// Of the frame that is not whole, if there is one.
    pace: Pace,
    is_partial: bool,
    under_way: UnderWay,
    policy: Option<PingPolicy>,
    is_too_loud: bool,
}

impl Arriving {
    /// At the beginning of a connection; what has come is a part of `under_way`.
    pub fn new(connection: Stream, under_way: UnderWay) -> Self {
        let (frames, pace) = (Frames::default(), Pace::new(None));
        Self {
            connection,
            frames,
            pace,
            is_partial: false,
            under_way,
            policy: None,
            is_too_loud: false,
        }
    }

    /// Closes a connection of which `policy` says that it pings too often.
    #[must_use]
    pub fn with_pings(self, policy: PingPolicy) -> Self {
        Self { policy: Some(policy), ..self }
    }

    fn came(&mut self, bytes: &[u8]) -> io::Result<()> {
        let pings = self.frames.pings();
        self.frames.came(bytes);
        if let Some(policy) = &mut self.policy {
            let last = self.frames.last_stream();
            if (pings..self.frames.pings()).any(|_| policy(last)) {
                self.is_too_loud = true;
                return Err(io::Error::other("too many pings from the client"));
            }
        }
        let partial = self.frames.partial();
        self.is_partial = partial > 0;
        if partial > bytes.len() {
            self.pace.came(bytes.len());
        } else if self.is_partial {
            // It began in these bytes.
            self.pace.restart();
        }
        let counts = if partial > FREE_BYTES { partial } else { 0 };
        let fits = self.under_way.holds(counts);
        fits.then_some(()).ok_or_else(|| io::Error::other("there is no room for a frame"))
    }
}

impl Arriving {
    /// The client reads it if there is nothing before it that it does not read.
    fn say_why(&mut self, cx: &mut Context<'_>) {
        if self.is_too_loud {
            let frame = http2::goaway(self.frames.last_stream(), CALM, TOO_MANY_PINGS);
            let _ = Pin::new(&mut self.connection).poll_write(cx, &frame);
            let _ = Pin::new(&mut self.connection).poll_flush(cx);
        }
    }
}

impl AsyncRead for Arriving {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.connection).poll_read(cx, buffer)?;
        match buffer.filled().get(before..) {
            Some(new) if read.is_ready() && !new.is_empty() => {
                if let Err(error) = self.came(new) {
                    self.say_why(cx);
                    return Poll::Ready(Err(error));
                }
            }
            _ if read.is_pending() && self.is_partial && self.pace.poll_late(cx).is_ready() => {
                return Poll::Ready(Err(io::Error::other("a frame came too slowly")));
            }
            _ => {}
        }
        read.map(Ok)
    }
}

impl AsyncWrite for Arriving {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write(cx, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write_vectored(cx, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_shutdown(cx)
    }
}
