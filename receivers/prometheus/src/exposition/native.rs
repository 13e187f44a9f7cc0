//! Native histograms: buckets whose bounds follow from a schema, of which only those with something in them are told
//! (`prom_to_otlp` of upstream's receiver; <https://prometheus.io/docs/specs/native_histograms/>).

use wire::protobuf::{Field, fields, zigzag};

/// Most buckets of a histogram on one side of zero, with the empty ones between.
const BUCKETS_MAX: usize = 20_000;
/// Schemas whose bounds are powers of two.
const EXPONENTIAL: std::ops::RangeInclusive<i64> = -4..=8;

/// A native histogram as OTLP has it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Native {
    pub(crate) scale: i32,
    pub(crate) zero_threshold: f64,
    pub(crate) zero_count: u64,
    pub(crate) count: u64,
    /// The value that says that the series has ended, if it has.
    pub(crate) sum: f64,
    pub(crate) positive: Buckets,
    pub(crate) negative: Buckets,
}

/// Buckets on one side of zero.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Buckets {
    /// The number of the first.
    pub(crate) offset: i32,
    pub(crate) counts: Vec<u64>,
}

/// The fields of a histogram that make it a native one.
#[derive(Default)]
pub(super) struct Reader {
    schema: i64,
    zero_threshold: f64,
    zero_count: u64,
    positive: Side,
    negative: Side,
}

/// What is told of the buckets on one side.
#[derive(Default)]
struct Side {
    /// How far from the one before, and how many buckets.
    spans: Vec<(i64, u64)>,
    /// Each count as the difference to the one before.
    deltas: Vec<i64>,
    /// Or as it is.
    counts: Vec<f64>,
}

impl Native {
    pub(super) fn reader() -> Reader {
        Reader::default()
    }

    /// The marker of a series that has ended.
    pub(crate) fn ended(sum: f64) -> Self {
        Self { sum, ..Self::default() }
    }
}

impl Reader {
    /// Takes a field of a histogram.
    pub(super) fn field(&mut self, number: u32, field: Field<'_>) -> Result<(), String> {
        match number {
            5 => self.schema = field.sint(),
            6 => self.zero_threshold = field.double(),
            7 => self.zero_count = field.uint(),
            8 if field.double() > 0.0 => self.zero_count = whole(field.double())?,
            9 => self.negative.span(field.bytes())?,
            10 => self.negative.deltas(field)?,
            11 => self.negative.counts.extend(field.doubles()),
            12 => self.positive.span(field.bytes())?,
            13 => self.positive.deltas(field)?,
            14 => self.positive.counts.extend(field.doubles()),
            _ => {}
        }
        Ok(())
    }

    /// `isNativeHistogram`: an empty one has a span without buckets, or a width of zero.
    pub(super) fn is_native(&self) -> bool {
        !self.positive.spans.is_empty()
            || !self.negative.spans.is_empty()
            || self.zero_threshold > 0.0
            || self.zero_count > 0
    }

    /// # Errors
    /// What is wrong with it.
    pub(super) fn finish(self, count: u64, sum: f64) -> Result<Native, String> {
        if !EXPONENTIAL.contains(&self.schema) {
            return Err(format!("a native histogram has the unknown schema {}", self.schema));
        }
        Ok(Native {
            scale: i32::try_from(self.schema).unwrap_or_default(),
            zero_threshold: self.zero_threshold,
            zero_count: self.zero_count,
            count,
            sum,
            positive: self.positive.buckets()?,
            negative: self.negative.buckets()?,
        })
    }
}

impl Side {
    fn span(&mut self, message: &[u8]) -> Result<(), String> {
        let (mut offset, mut length) = (0, 0);
        for field in fields(message) {
            match field.map_err(|why| why.to_string())? {
                (1, it) => offset = zigzag(it.uint()),
                (2, it) => length = it.uint(),
                _ => {}
            }
        }
        self.spans.push((offset, length));
        if self.spans.len() > BUCKETS_MAX {
            return Err(too_many());
        }
        Ok(())
    }

    fn deltas(&mut self, field: Field<'_>) -> Result<(), String> {
        for delta in field.varints() {
            self.deltas.push(zigzag(delta.map_err(|why| why.to_string())?));
        }
        Ok(())
    }

    fn buckets(self) -> Result<Buckets, String> {
        let mut told = Vec::with_capacity(self.deltas.len().max(self.counts.len()));
        if self.counts.is_empty() {
            let mut count = 0_i64;
            for delta in self.deltas {
                count = count.saturating_add(delta);
                told.push(u64::try_from(count).map_err(|_| "a bucket has a negative count")?);
            }
        } else {
            for count in self.counts {
                told.push(whole(count)?);
            }
        }
        let mut all = Buckets::default();
        let mut told = told.into_iter();
        for (at, (offset, length)) in self.spans.into_iter().enumerate() {
            if at == 0 {
                // Prometheus names a bucket by its upper bound, OTLP by its lower one.
                let first = offset.checked_sub(1).and_then(|it| i32::try_from(it).ok());
                all.offset = first.ok_or("a bucket is out of range")?;
            } else {
                let gap = usize::try_from(offset).map_err(|_| "spans of buckets overlap")?;
                all.grow(gap)?;
            }
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            if all.counts.len().saturating_add(length) > BUCKETS_MAX {
                return Err(too_many());
            }
            for _ in 0..length {
                all.counts.push(told.next().ok_or("there are less buckets than spans say")?);
            }
        }
        match told.next() {
            None => Ok(all),
            Some(_) => Err("there are more buckets than spans say".to_owned()),
        }
    }
}

impl Buckets {
    /// Adds empty buckets.
    fn grow(&mut self, by: usize) -> Result<(), String> {
        let length = self.counts.len().saturating_add(by);
        if length > BUCKETS_MAX {
            return Err(too_many());
        }
        self.counts.resize(length, 0);
        Ok(())
    }
}

fn too_many() -> String {
    format!("a native histogram has more than {BUCKETS_MAX} buckets")
}

/// A count that was told as a floating point number.
pub(super) fn whole(count: f64) -> Result<u64, String> {
    if count.is_nan() || count < 0.0 {
        return Err(format!("a native histogram has the count {count}"));
    }
    Ok(golang::number::whole_unsigned(count))
}
