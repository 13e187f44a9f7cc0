//! What a connection is doing, so that a head that comes too slowly ends it, an answer that nobody reads ends it,
//! and an idle client, which may take its time, does not. The first head is awaited from the beginning on, as
//! net/http does: a connection that never says anything is nobody's. What has come of a head that is not whole counts
//! as under way: hyper keeps it, and says nothing of it.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use component::UnderWay;
use confignet::server::Stream;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf, Take};
use tokio::time::Instant;

/// Most bytes read at once. hyper doubles its buffers, up to the limit of a head, when one was filled:
/// this is just below 64 KiB, so that what it reads a body into stays in the processor's cache.
const READ_BYTES_MAX: u64 = 63 * 1024;

/// Bytes of a head that are not worth counting: what every connection may hold.
const FREE_BYTES: usize = 16 * 1024;

/// Shared by the connection, its requests and the one who watches.
#[derive(Debug)]
pub(super) struct Pulse {
    born: Instant,
    busy: AtomicBool,
    /// Milliseconds after `born` when the last answer was made.
    idle_since: AtomicU64,
    /// Milliseconds after `born`, plus one, when the head being read began; 0 is none.
    head_since: AtomicU64,
    /// The same for an answer that the socket does not take.
    stalled_since: AtomicU64,
    /// What has come since the last request, and what of it counts.
    head_bytes: AtomicUsize,
    head: Mutex<UnderWay>,
}

impl Pulse {
    pub(super) fn new(head: UnderWay) -> Arc<Self> {
        Arc::new(Self {
            born: Instant::now(),
            busy: AtomicBool::new(false),
            idle_since: AtomicU64::new(0),
            head_since: AtomicU64::new(1),
            stalled_since: AtomicU64::new(0),
            head_bytes: AtomicUsize::new(0),
            head: Mutex::new(head),
        })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// A request has come. It ends when what is returned is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Busy {
        self.busy.store(true, Relaxed);
        self.head_since.store(0, Relaxed);
        if self.head_bytes.swap(0, Relaxed) > FREE_BYTES {
            // From here on the request counts what it has.
            let _ = self.head_holds(0);
        }
        Busy(Arc::clone(self))
    }

    /// So many bytes have come. False when there is no room for a head of so many.
    fn heard(&self, bytes: usize) -> bool {
        if self.busy.load(Relaxed) {
            return true;
        }
        if self.head_since.load(Relaxed) == 0 {
            self.head_since.store(self.now() + 1, Relaxed);
        }
        let all = self.head_bytes.fetch_add(bytes, Relaxed) + bytes;
        all <= FREE_BYTES || self.head_holds(all)
    }

    fn head_holds(&self, bytes: usize) -> bool {
        self.head.lock().unwrap_or_else(PoisonError::into_inner).holds(bytes)
    }

    /// Notes that the socket does not take what we write.
    fn wrote<T>(&self, written: Poll<T>) -> Poll<T> {
        if written.is_pending() && self.stalled_since.load(Relaxed) == 0 {
            self.stalled_since.store(self.now() + 1, Relaxed);
        }
        written
    }

    /// True while a request is served or its answer waits to be read.
    pub(super) fn owes_an_answer(&self) -> bool {
        self.busy.load(Relaxed) || self.stalled_since.load(Relaxed) != 0
    }

    fn age(&self, since: &AtomicU64) -> Option<Duration> {
        let since = since.load(Relaxed).checked_sub(1)?;
        Some(Duration::from_millis(self.now().saturating_sub(since)))
    }

    /// For how long a head has been coming.
    pub(super) fn head_age(&self) -> Option<Duration> {
        self.age(&self.head_since)
    }

    /// For how long an answer has waited for the client to read it.
    pub(super) fn stall_age(&self) -> Option<Duration> {
        self.age(&self.stalled_since)
    }

    /// For how long nothing has come.
    pub(super) fn idle_age(&self) -> Option<Duration> {
        let idle = !self.owes_an_answer() && self.head_since.load(Relaxed) == 0;
        let age = self.now().saturating_sub(self.idle_since.load(Relaxed));
        idle.then(|| Duration::from_millis(age))
    }
}

/// A request is being served.
pub(super) struct Busy(Arc<Pulse>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.idle_since.store(self.0.now(), Relaxed);
        self.0.busy.store(false, Relaxed);
    }
}

/// A connection whose reads and writes are noticed.
pub(super) struct Watched {
    connection: Take<Stream>,
    pulse: Arc<Pulse>,
}

impl Watched {
    pub(super) fn new(connection: Stream, pulse: Arc<Pulse>) -> Self {
        Self { connection: connection.take(READ_BYTES_MAX), pulse }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        self.connection.set_limit(READ_BYTES_MAX);
        let read = Pin::new(&mut self.connection).poll_read(cx, buffer);
        let came = buffer.filled().len() - before;
        if came > 0 && !self.pulse.heard(came) {
            let error = io::Error::other("there is no room for the head of a request");
            return Poll::Ready(Err(error));
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(self.connection.get_mut()).poll_write(cx, data);
        self.pulse.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(self.connection.get_mut()).poll_write_vectored(cx, data);
        self.pulse.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.get_ref().is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(self.connection.get_mut()).poll_flush(cx);
        // hyper flushes when it has written all it had.
        if flushed.is_ready() {
            self.pulse.stalled_since.store(0, Relaxed);
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.connection.get_mut()).poll_shutdown(cx)
    }
}
