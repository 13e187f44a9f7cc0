//! The last step in a backend: remembers which lines arrived, and fails on demand.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use component::{ConsumeError, Consumer, Context, Data, async_trait};
use pdata::{LogRecord, Logs, ValueRef};

use crate::{Latency, Line};

/// How the backend behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    /// Takes everything.
    #[default]
    None,
    /// Refuses everything for now: 503, UNAVAILABLE.
    Dead,
    /// Refuses everything for good: 500, INTERNAL.
    Reject,
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

    fn count(&self, logs: &Logs) {
        let now =
            SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64;
        let mut state = self.lock();
        state.tally.requests += 1;
        for resource in logs.resources() {
            for record in resource.records() {
                let line = ledger_text(&record).and_then(Line::parse);
                state.record(line, now, || show(&resource, &record));
            }
        }
    }
}

impl State {
    fn record(
        &mut self,
        line: Option<Result<Line, crate::Torn>>,
        now: u64,
        show: impl Fn() -> String,
    ) {
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
                tally.latency.record(Duration::from_nanos(now.saturating_sub(line.time)));
                tally.sample.get_or_insert_with(show);
            }
            Some(_) => {
                tally.torn += 1;
                tally.torn_sample.get_or_insert_with(show);
            }
        }
    }
}

/// The attribute `ledger`, else the body.
fn ledger_text<'a>(record: &LogRecord<'a>) -> Option<&'a str> {
    match record.attributes().get("ledger").or_else(|| record.body()) {
        Some(ValueRef::Str(text)) => Some(text),
        _ => None,
    }
}

/// A record for people: resource, attributes, body, cut to the screen.
fn show(resource: &pdata::ResourceLogs<'_>, record: &LogRecord<'_>) -> String {
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

#[async_trait]
impl Consumer for Oracle {
    async fn consume(&self, _ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let fault = self.lock().fault;
        match fault {
            Fault::None | Fault::LoseAnswer => {}
            Fault::Slow(delay) => tokio::time::sleep(delay).await,
            Fault::Hang => std::future::pending().await,
            Fault::Dead | Fault::Reject => {
                self.lock().tally.refused += 1;
                return Err(match fault {
                    Fault::Reject => ConsumeError::permanent("the backend refuses this for good"),
                    _ => ConsumeError::retryable("the backend plays dead"),
                });
            }
        }
        if let Data::Logs(logs) = &data {
            self.count(logs);
        }
        if fault == Fault::LoseAnswer {
            return Err(ConsumeError::retryable("the answer got lost"));
        }
        Ok(())
    }
}
