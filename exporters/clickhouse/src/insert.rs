//! Requests to ClickHouse, what its answers mean, and how a row that it refuses is found.

use bytes::Bytes;
use component::{ConsumeError, Context, ExporterSettings};
use confighttp::client::Reply;
use documents::{Attempts, Clients, Pauses, Rest};
use http::HeaderValue;
use tokio::sync::Mutex;
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
    stopping: CancellationToken,
    /// What makes the tables.
    statements: Vec<String>,
    /// Those that have to be sent before the next rows; none when the tables are there.
    missing: Mutex<Vec<String>>,
}

/// Rows from one to another, of those of a request.
type Range = (usize, usize);

impl Inserter {
    pub(crate) fn new(
        clients: Clients,
        pauses: Pauses,
        statements: Vec<String>,
        (settings, stopping): (&ExporterSettings, CancellationToken),
    ) -> Self {
        let missing = Mutex::new(statements.clone());
        let rest = Rest::new(settings);
        Self { clients, pauses, rest, stopping, statements, missing }
    }

    pub(crate) fn close(&self) {
        self.clients.close();
    }

    /// Sends a statement, with rows behind it.
    async fn ask(&self, ctx: &Context, statement: String, rows: Bytes) -> Said {
        let Some(client) = self.clients.next() else {
            return Said::Failed(ConsumeError::retryable("there is no endpoint"));
        };
        let mut body = compression::Chunks::default();
        body.push(Bytes::from(statement));
        if !rows.is_empty() {
            body.push(rows);
        }
        match client.post(ctx, HeaderValue::from_static("text/plain"), body).await {
            Err(why) => {
                let text = format!("failed to execute the request to ClickHouse: {why}");
                Said::Failed(ConsumeError::retryable(text))
            }
            Ok(reply) => understood(&reply),
        }
    }

    /// Makes the tables before the first rows, and again when they are gone.
    async fn make_tables(&self, ctx: &Context) -> Result<(), ConsumeError> {
        let mut missing = self.missing.lock().await;
        while let Some(statement) = missing.first() {
            match self.ask(ctx, statement.clone(), Bytes::new()).await {
                Said::Ok => drop(missing.remove(0)),
                Said::Row { error, .. } | Said::Absent(error) | Said::Failed(error) => {
                    return Err(error.within("cannot make the tables"));
                }
            }
        }
        Ok(())
    }

    /// Inserts all rows. What has been inserted before, in another table of the same data, is not taken back.
    ///
    /// # Errors
    /// Nothing was inserted, or a part could not be for a long time, for a caller that can read the data again.
    pub(crate) async fn insert(
        &self,
        ctx: &Context,
        table: &str,
        mut rows: Rows,
        any_taken: &mut bool,
    ) -> Result<(), ConsumeError> {
        let body = Bytes::from(std::mem::take(&mut rows.body));
        let mut open: Vec<Range> = vec![(0, rows.len())];
        let mut bad = 0;
        while let Some((from, to)) = open.pop() {
            if from >= to {
                continue;
            }
            let part = body.slice(rows.range(from, to));
            match self.insert_range(ctx, table, part, (to - from, *any_taken)).await? {
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
        rows: Bytes,
        (items, any_taken): (usize, bool),
    ) -> Result<Option<(Option<usize>, u32, ConsumeError)>, ConsumeError> {
        let mut attempts = Attempts::new(&self.pauses, &self.stopping);
        loop {
            let statement = format!("INSERT INTO {table} FORMAT JSONEachRow\n");
            let said = match self.make_tables(ctx).await {
                Ok(()) => self.ask(ctx, statement, rows.clone()).await,
                Err(why) => Said::Failed(why),
            };
            let why = match said {
                Said::Ok => return Ok(None),
                Said::Row { number, code, error } => return Ok(Some((number, code, error))),
                Said::Absent(why) => {
                    self.missing.lock().await.clone_from(&self.statements);
                    why
                }
                Said::Failed(why) => why,
            };
            if !any_taken {
                return Err(why);
            }
            if why.is_permanent() {
                self.rest.lose_refused(items, &why);
                return Ok(None);
            }
            if !attempts.wait(why.retry_after()).await {
                self.rest.given_up(ctx, items, &why, &self.stopping)?;
                return Ok(None);
            }
        }
    }

    fn refused(&self, rows: usize, code: u32, error: &ConsumeError) {
        self.rest.refused(rows, &format!("code_{code}"));
        let (exporter, error) = (self.rest.exporter(), error.message());
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
    let said = text.get(..text.floor_char_boundary(SAID_BYTES_MAX)).unwrap_or_default().trim();
    let text_of = format!("ClickHouse answered {}: {said}", status.as_u16());
    let retryable = || reply.retryable(text_of.clone());
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
