//! The body of a request as one `Bytes` under a limit: not copied when it came in one piece, copied
//! once when in several.

use std::time::Duration;

use bytes::Bytes;
use component::UnderWay;
use confignet::Pace;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use pdata::buffer;
use tokio::time::timeout;

/// Surplus of a body that is read and thrown away, so that the client reads our answer instead of
/// a broken connection.
const SURPLUS_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Longest wait for that surplus. Go's server lingers as long.
const SURPLUS_WAIT: Duration = Duration::from_millis(500);

/// Why there is no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyError {
    /// Longer than the limit.
    TooLarge,
    /// The client went away or sent nonsense.
    Broken,
    /// The client is too slow.
    Late,
    /// There is no room for it now.
    NoRoom,
}

/// What watches over a body while it comes.
pub(super) struct Intake<'a> {
    /// Longest body in bytes.
    pub limit: usize,
    /// How slowly it may come.
    pub pace: Pace,
    /// Bytes of the head, which are held as well.
    pub head: usize,
    /// Counts what has come.
    pub under_way: &'a mut UnderWay,
}

/// Reads all of `body`.
pub(super) async fn collect(
    mut body: Incoming,
    mut intake: Intake<'_>,
) -> Result<Bytes, BodyError> {
    let announced = body.size_hint().exact().map(|it| usize::try_from(it).unwrap_or(usize::MAX));
    let result = match announced {
        Some(size) if size > intake.limit => Err(BodyError::TooLarge),
        announced => intake.read(&mut body, announced).await,
    };
    if matches!(result, Err(BodyError::TooLarge | BodyError::NoRoom)) {
        // None of it is held any more.
        let _ = intake.under_way.holds(0);
        discard(body).await;
    }
    result
}

impl Intake<'_> {
    async fn read(
        &mut self,
        body: &mut Incoming,
        announced: Option<usize>,
    ) -> Result<Bytes, BodyError> {
        // A request without a body is answered also while there is no room.
        if body.is_end_stream() {
            return Ok(Bytes::new());
        }
        if !self.under_way.holds(self.head) {
            return Err(BodyError::NoRoom);
        }
        let Some(first) = self.next(body, 0).await? else { return Ok(Bytes::new()) };
        if body.is_end_stream() || Some(first.len()) == announced {
            return Ok(first);
        }
        let mut all = Vec::new();
        buffer::gather(&mut all, &first, announced);
        drop(first);
        while let Some(piece) = self.next(body, all.len()).await? {
            buffer::gather(&mut all, &piece, announced);
        }
        Ok(buffer::freeze(all))
    }

    /// The next piece, if it comes in time and there is room for it behind the `held` bytes before it.
    async fn next(&mut self, body: &mut Incoming, held: usize) -> Result<Option<Bytes>, BodyError> {
        let piece = self.pace.keep(next(body)).await.unwrap_or(Err(BodyError::Late))?;
        let Some(piece) = piece else { return Ok(None) };
        self.pace.came(piece.len());
        let held = held + piece.len();
        if held > self.limit {
            return Err(BodyError::TooLarge);
        }
        if !self.under_way.holds(self.head + held) {
            return Err(BodyError::NoRoom);
        }
        Ok(Some(piece))
    }
}

async fn next(body: &mut Incoming) -> Result<Option<Bytes>, BodyError> {
    loop {
        let Some(frame) = body.frame().await else { return Ok(None) };
        let frame = frame.map_err(|_| BodyError::Broken)?;
        if let Ok(data) = frame.into_data()
            && !data.is_empty()
        {
            return Ok(Some(data));
        }
    }
}

/// Throws away what is not wanted, so that the client reads our answer.
async fn discard(mut body: Incoming) {
    let _ = timeout(SURPLUS_WAIT, throw_away(&mut body)).await;
}

async fn throw_away(body: &mut Incoming) {
    let mut left = SURPLUS_BYTES_MAX;
    while let Ok(Some(piece)) = next(body).await {
        left = left.saturating_sub(piece.len());
        if left == 0 {
            return;
        }
    }
}
