//! The body of a request as one `Bytes` under a limit: not copied when it came in one piece, copied
//! once when in several.

use std::time::Duration;

use bytes::Bytes;
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
}

/// Reads all of `body`, as long as it keeps its pace.
pub(super) async fn collect(
    mut body: Incoming,
    limit: usize,
    mut pace: Pace,
) -> Result<Bytes, BodyError> {
    let announced = body.size_hint().exact().map(|it| usize::try_from(it).unwrap_or(usize::MAX));
    let result = match announced {
        Some(size) if size > limit => Err(BodyError::TooLarge),
        announced => read(&mut body, limit, announced.unwrap_or(0), &mut pace).await,
    };
    if result == Err(BodyError::TooLarge) {
        discard(body).await;
    }
    result
}

async fn read(
    body: &mut Incoming,
    limit: usize,
    announced: usize,
    pace: &mut Pace,
) -> Result<Bytes, BodyError> {
    let Some(first) = within(body, pace).await? else { return Ok(Bytes::new()) };
    if first.len() > limit {
        return Err(BodyError::TooLarge);
    }
    if body.is_end_stream() || first.len() == announced {
        return Ok(first);
    }
    let mut all = buffer::take(announced.max(first.len() * 2));
    all.extend_from_slice(&first);
    drop(first);
    while let Some(piece) = within(body, pace).await? {
        if all.len() + piece.len() > limit {
            return Err(BodyError::TooLarge);
        }
        all.extend_from_slice(&piece);
    }
    Ok(buffer::freeze(all))
}

/// The next piece, if it comes in time.
async fn within(body: &mut Incoming, pace: &mut Pace) -> Result<Option<Bytes>, BodyError> {
    let piece = pace.keep(next(body)).await.unwrap_or(Err(BodyError::Late))?;
    pace.came(piece.as_ref().map_or(0, Bytes::len));
    Ok(piece)
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
pub(super) async fn discard(mut body: Incoming) {
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
