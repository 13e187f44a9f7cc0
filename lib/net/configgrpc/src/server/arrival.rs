//! A connection that counts what has come of a frame and is in no call yet, and ends when a frame comes too slowly
//! or there is no room for it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use component::UnderWay;
use confignet::Pace;
use confignet::server::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::http2::Frames;

/// Bytes of a frame that are not worth counting: what every connection may hold.
const FREE_BYTES: usize = 16 * 1024;

/// A connection whose reads are noticed.
pub(super) struct Arriving {
    connection: Stream,
    frames: Frames,
    /// Of the frame that is not whole, if there is one.
    pace: Pace,
    is_partial: bool,
    under_way: UnderWay,
}

impl Arriving {
    pub(super) fn new(connection: Stream, under_way: UnderWay) -> Self {
        let (frames, pace) = (Frames::default(), Pace::new(None));
        Self { connection, frames, pace, is_partial: false, under_way }
    }

    fn came(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.frames.came(bytes);
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

impl AsyncRead for Arriving {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.connection).poll_read(cx, buffer)?;
        match buffer.filled().get(before..) {
            Some(new) if read.is_ready() && !new.is_empty() => self.came(new)?,
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
