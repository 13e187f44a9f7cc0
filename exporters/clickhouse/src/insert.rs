//! Requests to ClickHouse, what its answers mean, and how a row that it refuses is found.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use bytes::Bytes;
use component::{ConsumeError, Context, ExporterSettings, LostReason, Meter};
use confighttp::client::Reply;
use documents::bulk::REFUSED;
use documents::{Attempts, Clients, Pauses, Rest};
use http::HeaderValue;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::rows::Rows;

/// Rows of a request that are looked for one by one; when there are more, the rest of the request is refused with them.
const BAD_ROWS_MAX: usize = 100;
/// Of what ClickHouse says, in the log, in bytes.
const SAID_BYTES_MAX: usize = 400;
/// Where the number of an error stands.
const CODE: &str = "x-clickhouse-exception-code";

/// Errors of `ErrorCodes.cpp` that are about what is in a row: text that cannot be parsed, types, constraints.
const OF_ROWS: [u32; 19] =
    [6, 25, 26, 27, 32, 38, 41, 53, 69, 70, 72, 85, 117, 128, 130, 131, 190, 349, 469];
/// Errors that pass: too busy, too much memory, read-only replicas, the keeper, timeouts.
const PASSING: [u32; 21] = [
    159, 164, 173, 202, 203, 209, 210, 236, 241, 242, 243, 252, 285, 319, 394, 425, 439, 473, 745,
    999, 1000,
];
/// Errors of tables and databases that are not there.
const ABSENT: [u32; 2] = [60, 81];

/// What ClickHouse said to a request.
#[derive(Debug)]
pub(crate) enum Said {
    /// All of it is there.
    Ok,
    /// A row cannot be; the number of the row, from 0, if it is known.
    Row { number: Option<usize>, code: u32, error: ConsumeError },
    /// A table is not there.
    Absent(ConsumeError),
    /// Something else.
    Failed(ConsumeError),
}

pub(crate) struct Inserter {
    clients: Clients,
    pauses: Pauses,
    rest: Rest,
    meter: Meter,
    exporter: String,
    stopping: CancellationToken,
    is_absent: AtomicBool,
}

/// Rows from one to another, of those of a request.
type Range = (usize, usize);

impl Inserter {
    pub(crate) fn new(
        clients: Clients,
        pauses: Pauses,
        settings: &ExporterSettings,
        stopping: CancellationToken,
    ) -> Self {
        Self {
            clients,
            pauses,
            rest: Rest::new(settings),
            meter: settings.meter.clone(),
            exporter: settings.id.to_string(),
            stopping,
            is_absent: AtomicBool::new(false),
        }
    }

    /// True once after a table was found to be gone.
    pub(crate) fn found_absent(&self) -> bool {
        self.is_absent.swap(false, Relaxed)
    }

    pub(crate) fn close(&self) {
        self.clients.close();
    }

    /// Sends a statement, with rows behind it.
    pub(crate) async fn ask(&self, ctx: &Context, statement: String, rows: &[u8]) -> Said {
        let Some(client) = self.clients.next() else {
            return Said::Failed(ConsumeError::retryable("there is no endpoint"));
        };
        let mut body = compression::Chunks::default();
        body.push(Bytes::from(statement));
        if !rows.is_empty() {
            body.push(Bytes::copy_from_slice(rows));
        }
        match client.post(ctx, HeaderValue::from_static("text/plain"), body).await {
            Err(why) => {
                let text = format!("failed to execute the request to ClickHouse: {why}");
                Said::Failed(ConsumeError::retryable(text))
            }
            Ok(reply) => understood(&reply),
        }
    }

    /// Inserts all rows. What has been inserted before, in another table of the same data, is not taken back.
    ///
    /// # Errors
    /// Nothing was inserted, or a part could not be for a long time, for a caller that can read the data again.
    pub(crate) async fn insert(
        &self,
        ctx: &Context,
        table: &str,
        rows: &Rows,
        any_taken: &mut bool,
    ) -> Result<(), ConsumeError> {
        let mut open: Vec<Range> = vec![(0, rows.len())];
        let mut bad = 0;
        while let Some((from, to)) = open.pop() {
            if from >= to {
                continue;
            }
            match self
                .insert_range(ctx, table, rows.bytes(from, to), (to - from, *any_taken))
                .await?
            {
                None => *any_taken = true,
                Some((number, code, error)) => {
                    // What was looked at is counted below, and the rest is told of.
                    *any_taken = true;
                    if to - from == 1 {
                        self.refused(1, code, &error);
                        bad += 1;
                    } else if bad >= BAD_ROWS_MAX {
                        self.refused(to - from, code, &error);
                    } else if let Some(at) = number.map(|it| from + it).filter(|it| *it < to) {
                        self.refused(1, code, &error);
                        bad += 1;
                        open.extend([(at + 1, to), (from, at)]);
                    } else {
                        let middle = from + (to - from) / 2;
                        open.extend([(middle, to), (from, middle)]);
                    }
                }
            }
        }
        Ok(())
    }

    /// One request, again and again where others have arrived already. What it gives is a row that is refused.
    async fn insert_range(
        &self,
        ctx: &Context,
        table: &str,
        rows: &[u8],
        (items, any_taken): (usize, bool),
    ) -> Result<Option<(Option<usize>, u32, ConsumeError)>, ConsumeError> {
        let mut attempts = Attempts::new(&self.pauses, &self.stopping);
        loop {
            let statement = format!("INSERT INTO {table} FORMAT JSONEachRow\n");
            let why = match self.ask(ctx, statement, rows).await {
                Said::Ok => return Ok(None),
                Said::Row { number, code, error } => return Ok(Some((number, code, error))),
                Said::Absent(why) => {
                    self.is_absent.store(true, Relaxed);
                    why
                }
                Said::Failed(why) => why,
            };
            if !any_taken {
                return Err(why);
            }
            if why.is_permanent() {
                self.rest.lose(items, LostReason::RejectedByBackend, &why);
                return Ok(None);
            }
            if !attempts.wait(why.retry_after()).await {
                self.rest.given_up(ctx, items, &why, &self.stopping)?;
                return Ok(None);
            }
        }
    }

    fn refused(&self, rows: usize, code: u32, error: &ConsumeError) {
        let reason = format!("code_{code}");
        let labels = [("exporter", self.exporter.as_str()), ("reason", reason.as_str())];
        self.meter.counter(REFUSED, &labels).add(rows as u64);
        LostReason::RejectedByBackend.counter(&self.meter).add(rows as u64);
        let (exporter, error) = (&self.exporter, error.message());
        warn!(exporter, rows, error, "ClickHouse refused rows. Dropping them; the others go on.");
    }
}

/// `Code: 27. DB::Exception: Cannot parse input: ... (at row 3) ...`: the row, from 0.
fn row(text: &str) -> Option<usize> {
    let (_, rest) = text.split_once("(at row ")?;
    let digits = rest.split(|it: char| !it.is_ascii_digit()).next()?;
    digits.parse::<usize>().ok()?.checked_sub(1)
}

fn understood(reply: &Reply) -> Said {
    let status = reply.status;
    let code = reply.headers.get(CODE).and_then(|it| it.to_str().ok()?.parse::<u32>().ok());
    // An error that comes when the answer has begun stands in its body.
    let text = String::from_utf8_lossy(&reply.body);
    let code = code.or_else(|| {
        let (_, rest) = text.split_once("Code: ")?;
        rest.split(|it: char| !it.is_ascii_digit()).next()?.parse().ok()
    });
    if status.is_success() && code.is_none() {
        return Said::Ok;
    }
    let end = text.char_indices().map(|it| it.0).take_while(|it| *it <= SAID_BYTES_MAX).last();
    let end = end.filter(|_| text.len() > SAID_BYTES_MAX).unwrap_or(text.len());
    let said = text.get(..end);
    let said = said.unwrap_or_default().trim();
    let text_of = format!("ClickHouse answered {}: {said}", status.as_u16());
    let retryable = || match reply.retry_after(component::clock::now()) {
        Some(wait) => ConsumeError::retryable(text_of.clone()).after(wait),
        None => ConsumeError::retryable(text_of.clone()),
    };
    match code {
        Some(code) if OF_ROWS.contains(&code) => {
            Said::Row { number: row(&text), code, error: ConsumeError::permanent(text_of) }
        }
        Some(code) if ABSENT.contains(&code) => Said::Absent(retryable()),
        Some(code) if PASSING.contains(&code) => Said::Failed(retryable()),
        _ if status.as_u16() == 413 => Said::Failed(ConsumeError::permanent(text_of).too_large()),
        _ if status.is_server_error() || matches!(status.as_u16(), 408 | 429) => {
            Said::Failed(retryable())
        }
        _ => Said::Failed(ConsumeError::permanent(text_of)),
    }
}
