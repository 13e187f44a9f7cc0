//! Records that were seen in this interval, each once.

use std::collections::HashMap;

use component::meter::Counter;
use component::{Context, Data};
use exporterhelper::Batch;
use golang::time::Zone;
use pdata::{Depth, Field, Keep, Place, Value};

use crate::fields::{Fingerprint, of_resource, of_scope};

/// Most bytes of records that differ. With more they are sent before the interval is over, and callers have to come again.
pub(crate) const BYTES_MAX: usize = 64 << 20;

/// The attributes with the times.
const FIRST: &str = "first_observed_timestamp";
const LAST: &str = "last_observed_timestamp";

/// A record, and how often it came.
struct Row {
    /// The first of them.
    record: Data,
    count: usize,
    /// When the first and the last came, in nanoseconds since 1970.
    first: u64,
    last: u64,
}

/// What one interval has seen.
pub(crate) struct Gathered {
    known: HashMap<Fingerprint, usize>,
    rows: Vec<Row>,
    bytes: usize,
    /// Whose records they are.
    pub(crate) batch: Batch,
}

impl Gathered {
    /// Nothing yet. `lost` counts the records of one that is dropped.
    pub(crate) fn new(lost: &Counter) -> Self {
        let ctx = Context { flush: true, ..Context::default() };
        let (known, rows) = (HashMap::new(), Vec::new());
        Self { known, rows, bytes: 0, batch: Batch::new(ctx, lost) }
    }

    pub(crate) fn add_all(&mut self, parts: Vec<(Fingerprint, Data)>, now: u64) {
        for (fingerprint, records) in parts {
            self.add(fingerprint, records, now);
        }
    }

    /// Adds records that are all the same.
    fn add(&mut self, fingerprint: Fingerprint, records: Data, now: u64) {
        let count = records.items();
        let known = self.known.get(&fingerprint).and_then(|at| self.rows.get_mut(*at));
        if let Some(row) = known {
            row.count += count;
            row.last = now;
            return;
        }
        let record = records.split_first(1).0;
        self.bytes += fingerprint.len() + record.bytes();
        self.known.insert(fingerprint, self.rows.len());
        self.rows.push(Row { record, count, first: now, last: now });
    }

    pub(crate) fn is_full(&self) -> bool {
        self.bytes >= BYTES_MAX
    }

    /// How often each record came.
    pub(crate) fn counts(&self) -> impl Iterator<Item = usize> {
        self.rows.iter().map(|it| it.count)
    }

    /// Takes the records, with the attribute `count_key` and the times.
    pub(crate) fn data(&mut self, count_key: &str, zone: &Zone, now: u64) -> Option<Data> {
        let rows = std::mem::take(&mut self.rows);
        self.known.clear();
        let data = Data::concat(rows.iter().map(|it| it.data(count_key, zone, now)))?;
        Some(data.merge(head))
    }
}

impl Row {
    fn data(&self, count_key: &str, zone: &Zone, now: u64) -> Data {
        let shown =
            |nanos: u64| zone.rfc3339(i64::try_from(nanos / 1_000_000_000).unwrap_or_default());
        let time = |nanos: u64| Value::Int(i64::try_from(nanos).unwrap_or(i64::MAX));
        self.record.edit(Depth::Item, |place| {
            if place.depth() != Depth::Item {
                return Keep::Enter;
            }
            let _ = place.set(Field::LOG_TIME, &[], time(now));
            let _ = place.set(Field::LOG_OBSERVED_TIME, &[], time(self.first));
            if let Some(mut attributes) = place.attributes(Field::LOG_ATTRIBUTES) {
                attributes.set(count_key, i64::try_from(self.count).unwrap_or(i64::MAX));
                attributes.set(FIRST, shown(self.first).as_str());
                attributes.set(LAST, shown(self.last).as_str());
            }
            Keep::Whole
        })
    }
}

/// Resources and scopes that are the same become one.
fn head(place: &Place<'_>) -> Fingerprint {
    let mut out = Fingerprint::new();
    match place.depth() {
        Depth::Resource => of_resource(place.resource(), &mut out),
        _ => of_scope(place.scope(), &mut out),
    }
    out
}
