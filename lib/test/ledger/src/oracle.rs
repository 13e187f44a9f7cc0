//! The last step in a backend: remembers which lines arrived, and fails on demand.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use component::{ConsumeError, Consumer, Context, Data, GrpcStatus, async_trait, clock};
use pdata::{AttributesRef, LogRecord, ValueRef};

use crate::{Latency, Line, Torn};

/// How the backend behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    /// Takes everything.
    #[default]
    None,
    /// Refuses everything for now: 503, UNAVAILABLE.
    Dead,
    /// Refuses everything for now because it comes too fast: 429, RESOURCE_EXHAUSTED with a delay.
    Busy,
    /// Refuses everything for good: 500, INTERNAL.
    Reject,
    /// Refuses everything as malformed: 400, INVALID_ARGUMENT.
    Malformed,
    /// Takes everything, late.
    Slow(Duration),
    /// Does not answer.
    Hang,
    /// Takes everything and says that it did not.
    LoseAnswer,
}

/// What has arrived.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Different lines.
    pub delivered: u64,
    /// Lines that came again, each time.
    pub doubled: u64,
    /// Lines that came after a later one of the same writer.
    pub reordered: u64,
    /// Lines that do not check.
    pub torn: u64,
    /// Records that are no ledger lines.
    pub foreign: u64,
    /// Requests taken.
    pub requests: u64,
    /// Requests refused by a fault.
    pub refused: u64,
    /// From writing a line to its first arrival.
    pub latency: Latency,
    /// One record as it arrived, for people.
    pub sample: Option<String>,
    /// A torn line, for people.
    pub torn_sample: Option<String>,
}

/// The last step in a backend.
#[derive(Default)]
pub struct Oracle {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    fault: Fault,
    tally: Tally,
    writers: BTreeMap<u32, Seen>,
}

/// The numbers of one writer: a bit each.
#[derive(Default)]
struct Seen {
    bits: Vec<u64>,
    count: u64,
    highest: Option<u64>,
}

/// Highest number that is believed: 2^31 lines of one writer are 256 MiB of bits.
const SEQ_MAX: u64 = 1 << 31;

impl Seen {
    /// True when the number is new.
    fn insert(&mut self, seq: u64) -> bool {
        let (word, bit) = ((seq / 64) as usize, 1 << (seq % 64));
        if self.bits.len() <= word {
            self.bits.resize(word + 1, 0);
        }
        let new = self.bits[word] & bit == 0;
        self.bits[word] |= bit;
        self.count += u64::from(new);
        new
    }

    fn contains(&self, seq: u64) -> bool {
        self.bits.get((seq / 64) as usize).is_some_and(|word| word & (1 << (seq % 64)) != 0)
    }
}

impl Oracle {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on behaves like this.
    pub fn set_fault(&self, fault: Fault) {
        self.lock().fault = fault;
    }

    /// What has arrived so far.
    pub fn tally(&self) -> Tally {
        self.lock().tally.clone()
    }

    /// Different lines that have arrived so far; cheaper than the whole tally.
    pub fn delivered_all(&self) -> u64 {
        self.lock().tally.delivered
    }

    /// Numbers of `writer` below `written` that have not arrived; at most `most` of them.
    pub fn missing(&self, writer: u32, written: u64, most: usize) -> Vec<u64> {
        let state = self.lock();
        let seen = state.writers.get(&writer);
        (0..written).filter(|seq| !seen.is_some_and(|it| it.contains(*seq))).take(most).collect()
    }

    /// How many different lines of `writer` have arrived.
    pub fn delivered(&self, writer: u32) -> u64 {
        self.lock().writers.get(&writer).map_or(0, |it| it.count)
    }

    /// Counts a request. Lines are read before anything is locked, so that requests are read side by
    /// side.
    pub fn count(&self, data: &Data) {
        let lines: Vec<Found> = match data {
            Data::Logs(it) => {
                it.records().map(|it| ledger_text(&it).and_then(Line::parse)).collect()
            }
            Data::Traces(it) => it.spans().map(|it| line(it.attributes())).collect(),
            Data::Metrics(it) => {
                let points = it.metrics().flat_map(pdata::Metric::points);
                points.map(|it| line(it.attributes())).collect()
            }
        };
        let now = clock::unix_nanos();
        let mut state = self.lock();
        state.tally.requests += 1;
        for (at, line) in lines.into_iter().enumerate() {
            state.record(line, now, || show(data, at));
        }
    }

    /// Counts one line that came without OTLP around it.
    pub fn count_text(&self, text: &str) {
        self.lock().record(Line::parse(text), clock::unix_nanos(), || text.to_owned());
    }
}

impl State {
    fn record(&mut self, line: Found, now: u64, show: impl Fn() -> String) {
        let tally = &mut self.tally;
        match line {
            None => tally.foreign += 1,
            Some(Ok(line)) if line.seq < SEQ_MAX => {
                let seen = self.writers.entry(line.writer).or_default();
                if !seen.insert(line.seq) {
                    tally.doubled += 1;
                    return;
                }
                tally.delivered += 1;
                tally.reordered += u64::from(seen.highest > Some(line.seq));
                seen.highest = seen.highest.max(Some(line.seq));
                if line.time > 0 {
                    tally.latency.record(Duration::from_nanos(now.saturating_sub(line.time)));
                }
                tally.sample.get_or_insert_with(show);
            }
            Some(_) => {
                tally.torn += 1;
                tally.torn_sample.get_or_insert_with(show);
            }
        }
    }
}

/// What a record's text is: no ledger line, one, or a torn one.
type Found = Option<Result<Line, Torn>>;

fn line(attributes: AttributesRef<'_>) -> Found {
    ledger(attributes).and_then(Line::parse)
}

/// The attribute `ledger`, else the body.
fn ledger_text<'a>(record: &LogRecord<'a>) -> Option<&'a str> {
    ledger(record.attributes()).or_else(|| match record.body() {
        Some(ValueRef::Str(text)) => Some(text),
        _ => None,
    })
}

fn ledger(attributes: AttributesRef<'_>) -> Option<&str> {
    match attributes.get("ledger") {
        Some(ValueRef::Str(text)) => Some(text),
        _ => None,
    }
}

/// The record at this place for people: resource, attributes, body, cut to the screen.
fn show(data: &Data, at: usize) -> String {
    let Data::Logs(logs) = data else { return format!("{} {at}", data.signal()) };
    let records = logs.resources().flat_map(|it| it.records().map(move |record| (it, record)));
    let Some((resource, record)) = { records }.nth(at) else { return String::new() };
    let mut out = String::new();
    let mut attributes = |title: &str, list: pdata::AttributesRef<'_>| {
        let _ = writeln!(out, "{title}");
        for (key, value) in list.iter() {
            let _ = match value {
                ValueRef::Str(text) => writeln!(out, "  {key}: {text}"),
                other => writeln!(out, "  {key}: {other:?}"),
            };
        }
    };
    attributes("resource", resource.attributes());
    attributes("attributes", record.attributes());
    let time = UNIX_EPOCH + Duration::from_nanos(record.time_unix_nano());
    let _ = writeln!(out, "time\n  {}", humantime::format_rfc3339_nanos(time));
    let body = match record.body() {
        Some(ValueRef::Str(text)) => text.chars().take(100).collect(),
        other => format!("{other:?}"),
    };
    let _ = write!(out, "body\n  {body}");
    out
}

/// How long a busy backend asks to be left alone.
const BUSY_DELAY: Duration = Duration::from_millis(100);

fn refusal(fault: Fault) -> ConsumeError {
    let status =
        |code, text: &str| GrpcStatus { code, message: text.to_owned(), encoded: Bytes::new() };
    match fault {
        Fault::Reject => ConsumeError::permanent("the backend refuses this for good"),
        Fault::Malformed => ConsumeError::permanent("the backend calls this malformed")
            .with_status(status(3, "the backend calls this malformed")),
        Fault::Busy => ConsumeError::retryable("the backend is busy")
            .after(BUSY_DELAY)
            .with_status(status(8, "the backend is busy")),
        _ => ConsumeError::retryable("the backend plays dead"),
    }
}

#[async_trait]
impl Consumer for Oracle {
    async fn consume(&self, _ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let fault = self.lock().fault;
        match fault {
            Fault::None | Fault::LoseAnswer => {}
            Fault::Slow(delay) => tokio::time::sleep(delay).await,
            Fault::Hang => std::future::pending().await,
            Fault::Dead | Fault::Busy | Fault::Reject | Fault::Malformed => {
                self.lock().tally.refused += 1;
                return Err(refusal(fault));
            }
        }
        self.count(&data);
        if fault == Fault::LoseAnswer {
            return Err(ConsumeError::retryable("the answer got lost"));
        }
        Ok(())
    }
}
