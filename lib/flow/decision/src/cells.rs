//! What a window knows of one key: a ring of steps. Event times need not come in order.

use std::collections::VecDeque;

use rego::Value;

/// Most different values that are told apart for a key; a window that has more says this number.
pub(crate) const DISTINCT_MAX: usize = 1_000;
/// Longest text that is kept as a first or last value, in bytes.
const KEPT_BYTES_MAX: usize = 256;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Records,
    Rate,
    Distinct,
    Sum,
    Max,
    First,
    Last,
}

/// What a record brings.
#[derive(Debug)]
pub(crate) enum Sample {
    One,
    Number(f64),
    /// The hash of a value.
    Hash(u64),
    Value(Value),
}

/// The measures of a window, in steps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measure {
    pub(crate) kind: Kind,
    /// Steps in the window.
    pub(crate) steps: u32,
    /// Nanoseconds of a step.
    pub(crate) step: u64,
    /// Nanoseconds that a record may come late.
    pub(crate) lateness: u64,
}

/// One key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cells {
    /// Time of the newest record, nanoseconds since 1970.
    newest: u64,
    ring: Ring,
}

#[derive(Debug, Clone, PartialEq)]
enum Ring {
    Counts(Box<[u32]>),
    /// `NaN` where there is none.
    Numbers(Box<[f64]>),
    /// Hashes, and the last step in which each was seen.
    Hashes(Vec<(u64, u64)>),
    /// One value for each step that has one, in order.
    Values(VecDeque<(u64, Value)>),
}

impl Cells {
    pub(crate) fn new(measure: &Measure) -> Self {
        let steps = measure.steps as usize;
        let ring = match measure.kind {
            Kind::Records | Kind::Rate => Ring::Counts(vec![0; steps].into()),
            Kind::Sum | Kind::Max => Ring::Numbers(vec![f64::NAN; steps].into()),
            Kind::Distinct => Ring::Hashes(Vec::new()),
            Kind::First | Kind::Last => Ring::Values(VecDeque::new()),
        };
        Self { newest: 0, ring }
    }

    /// Adds a record of this time: false if it comes too late to count.
    pub(crate) fn add(&mut self, measure: &Measure, time: u64, sample: &Sample) -> bool {
        if time.saturating_add(measure.lateness) < self.newest {
            return false;
        }
        let step = time / measure.step;
        let newest = self.newest / measure.step;
        if step > newest {
            self.advance(measure, newest, step);
        }
        self.newest = self.newest.max(time);
        let oldest = (self.newest / measure.step).saturating_sub(u64::from(measure.steps) - 1);
        if step < oldest {
            return false;
        }
        let at = slot(step, measure);
        match (&mut self.ring, sample) {
            (Ring::Counts(counts), _) => {
                if let Some(it) = counts.get_mut(at) {
                    *it = it.saturating_add(1);
                }
            }
            (Ring::Numbers(numbers), Sample::Number(number)) => {
                if let Some(it) = numbers.get_mut(at) {
                    *it = match measure.kind {
                        _ if it.is_nan() => *number,
                        Kind::Max => it.max(*number),
                        _ => *it + *number,
                    };
                }
            }
            (Ring::Hashes(hashes), Sample::Hash(hash)) => add_hash(hashes, *hash, step, oldest),
            (Ring::Values(values), Sample::Value(value)) => {
                add_value(values, measure.kind, step, value);
            }
            _ => {}
        }
        true
    }

    /// Forgets what has left the window.
    fn advance(&mut self, measure: &Measure, newest: u64, step: u64) {
        let gone = (newest + 1..=step).rev().take(measure.steps as usize);
        let slots = gone.map(|it| slot(it, measure));
        match &mut self.ring {
            Ring::Counts(counts) => slots.for_each(|it| set(counts, it, 0)),
            Ring::Numbers(numbers) => slots.for_each(|it| set(numbers, it, f64::NAN)),
            Ring::Hashes(_) => {}
            Ring::Values(values) => {
                let oldest = step.saturating_sub(u64::from(measure.steps) - 1);
                values.retain(|it| it.0 >= oldest);
            }
        }
    }

    /// The value of the window that ends at this time. For a record that comes a little late it ends at the newest one, so
    /// that a count does not go down in between.
    pub(crate) fn value(&self, measure: &Measure, time: u64) -> Value {
        let late = time.saturating_add(measure.lateness) >= self.newest;
        let end = if late { time.max(self.newest) } else { time } / measure.step;
        let newest = self.newest / measure.step;
        let first = end.saturating_sub(u64::from(measure.steps) - 1);
        let kept = newest.saturating_sub(u64::from(measure.steps) - 1);
        let steps = first.max(kept)..=end.min(newest);
        let slots = steps.clone().map(|it| slot(it, measure));
        match &self.ring {
            Ring::Counts(counts) => {
                let sum: u64 = slots.filter_map(|it| counts.get(it)).map(|it| u64::from(*it)).sum();
                if measure.kind == Kind::Rate {
                    let seconds = measure.step as f64 * f64::from(measure.steps) / 1e9;
                    return Value::from(sum as f64 / seconds);
                }
                sum.into()
            }
            Ring::Numbers(numbers) => {
                let found = slots.filter_map(|it| numbers.get(it)).filter(|it| !it.is_nan());
                match measure.kind {
                    Kind::Sum => whole(found.sum()),
                    _ => found.copied().reduce(f64::max).map_or(Value::Undefined, whole),
                }
            }
            Ring::Hashes(hashes) => hashes.iter().filter(|it| steps.contains(&it.1)).count().into(),
            Ring::Values(values) => {
                let mut inside = values.iter().filter(|it| steps.contains(&it.0));
                let found =
                    if measure.kind == Kind::First { inside.next() } else { inside.next_back() };
                found.map_or(Value::Undefined, |it| it.1.clone())
            }
        }
    }
}

fn set<T>(slots: &mut [T], at: usize, value: T) {
    if let Some(it) = slots.get_mut(at) {
        *it = value;
    }
}

/// Where the counts of a step are in the ring.
fn slot(step: u64, measure: &Measure) -> usize {
    usize::try_from(step % u64::from(measure.steps)).unwrap_or_default()
}

/// Whole numbers as such: what a policy writes is `== 3`.
#[expect(clippy::cast_possible_truncation, reason = "it is whole and small enough")]
fn whole(number: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        Value::from(number as i64)
    } else {
        Value::from(number)
    }
}

fn add_hash(hashes: &mut Vec<(u64, u64)>, hash: u64, step: u64, oldest: u64) {
    if let Some(it) = hashes.iter_mut().find(|it| it.0 == hash) {
        it.1 = it.1.max(step);
        return;
    }
    if hashes.len() == hashes.capacity() || hashes.len() >= DISTINCT_MAX {
        hashes.retain(|it| it.1 >= oldest);
    }
    if hashes.len() < DISTINCT_MAX {
        hashes.push((hash, step));
    }
}

fn add_value(values: &mut VecDeque<(u64, Value)>, kind: Kind, step: u64, value: &Value) {
    if value.as_string().is_ok_and(|it| it.len() > KEPT_BYTES_MAX) {
        return;
    }
    let at = values.iter().position(|it| it.0 >= step).unwrap_or(values.len());
    match values.get_mut(at) {
        Some(it) if it.0 == step => {
            if kind == Kind::Last {
                it.1 = value.clone();
            }
        }
        _ => values.insert(at, (step, value.clone())),
    }
}

/// How a key is kept in a store.
impl Cells {
    const COUNTS: u8 = 1;
    const NUMBERS: u8 = 2;
    const HASHES: u8 = 3;
    const VALUES: u8 = 4;

    /// Writes it; the measure of the window stands before, since a window of other steps cannot go on with it.
    pub(crate) fn write(&self, measure: &Measure, out: &mut Vec<u8>) {
        let numbers = [measure.step, u64::from(measure.steps), self.newest];
        numbers.iter().for_each(|it| out.extend_from_slice(&it.to_le_bytes()));
        match &self.ring {
            Ring::Counts(counts) => {
                out.push(Self::COUNTS);
                counts.iter().for_each(|it| out.extend_from_slice(&it.to_le_bytes()));
            }
            Ring::Numbers(numbers) => {
                out.push(Self::NUMBERS);
                numbers.iter().for_each(|it| out.extend_from_slice(&it.to_le_bytes()));
            }
            Ring::Hashes(hashes) => {
                out.push(Self::HASHES);
                for (hash, step) in hashes {
                    out.extend_from_slice(&hash.to_le_bytes());
                    out.extend_from_slice(&step.to_le_bytes());
                }
            }
            Ring::Values(values) => {
                out.push(Self::VALUES);
                for (step, value) in values {
                    let text = value.to_json_str().unwrap_or_default();
                    out.extend_from_slice(&step.to_le_bytes());
                    out.extend_from_slice(&(text.len() as u64).to_le_bytes());
                    out.extend_from_slice(text.as_bytes());
                }
            }
        }
    }

    /// Reads it; `None` for a window of another measure, and for what makes no sense.
    pub(crate) fn read(measure: &Measure, bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let (step, steps, newest) = (take(&mut rest)?, take(&mut rest)?, take(&mut rest)?);
        let (kind, mut rest) = rest.split_first()?;
        if step != measure.step || steps != u64::from(measure.steps) {
            return None;
        }
        let mut cells = Self { newest, ..Self::new(measure) };
        match (&mut cells.ring, *kind) {
            (Ring::Counts(counts), Self::COUNTS) => {
                let (read, _) = rest.as_chunks::<4>();
                counts.iter_mut().zip(read).for_each(|(it, read)| *it = u32::from_le_bytes(*read));
            }
            (Ring::Numbers(numbers), Self::NUMBERS) => {
                let (read, _) = rest.as_chunks::<8>();
                numbers.iter_mut().zip(read).for_each(|(it, read)| *it = f64::from_le_bytes(*read));
            }
            (Ring::Hashes(hashes), Self::HASHES) => {
                while let (Some(hash), Some(step)) = (take(&mut rest), take(&mut rest)) {
                    if hashes.len() < DISTINCT_MAX {
                        hashes.push((hash, step));
                    }
                }
            }
            (Ring::Values(values), Self::VALUES) => {
                while let (Some(step), Some(length)) = (take(&mut rest), take(&mut rest)) {
                    let (text, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
                    let text = std::str::from_utf8(text).ok()?;
                    values.push_back((step, Value::from_json_str(text).ok()?));
                    rest = after;
                }
            }
            _ => return None,
        }
        Some(cells)
    }
}

fn take(rest: &mut &[u8]) -> Option<u64> {
    let (number, after) = rest.split_first_chunk::<8>()?;
    *rest = after;
    Some(u64::from_le_bytes(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn measure(kind: Kind) -> Measure {
        Measure { kind, steps: 6, step: 10 * SECOND, lateness: 30 * SECOND }
    }

    /// Adds samples at seconds, and gives the value after each.
    fn check(kind: Kind, samples: Vec<(u64, Sample)>) -> Vec<Value> {
        let measure = measure(kind);
        let mut cells = Cells::new(&measure);
        let mut values = Vec::new();
        for (second, sample) in samples {
            cells.add(&measure, second * SECOND, &sample);
            values.push(cells.value(&measure, second * SECOND));
            let mut bytes = Vec::new();
            cells.write(&measure, &mut bytes);
            // A NaN is not equal to itself.
            let read = Cells::read(&measure, &bytes).unwrap();
            assert_eq!(format!("{read:?}"), format!("{cells:?}"));
        }
        values
    }

    fn counts(seconds: &[u64]) -> Vec<Value> {
        check(Kind::Records, seconds.iter().map(|it| (*it, Sample::One)).collect())
    }

    fn ints(values: &[i64]) -> Vec<Value> {
        values.iter().map(|it| Value::from(*it)).collect()
    }

    #[test]
    fn records_leave_the_window_step_by_step() {
        assert_eq!(counts(&[100, 101, 111, 155, 160, 171, 1000]), ints(&[1, 2, 3, 4, 3, 3, 1]));
    }

    #[test]
    fn a_record_that_is_a_little_late_sees_all_that_came_before() {
        assert_eq!(counts(&[100, 120, 95, 121]), ints(&[1, 2, 3, 4]));
    }

    #[test]
    fn a_record_that_is_too_late_does_not_count() {
        // It sees the window as it was at its own time.
        assert_eq!(counts(&[100, 140, 100, 141]), ints(&[1, 2, 1, 3]));
    }

    #[test]
    fn different_values_are_counted_once() {
        let samples = [(0, 1), (1, 1), (2, 2), (59, 3), (61, 3), (90, 4)];
        let samples = samples.into_iter().map(|(at, it)| (at, Sample::Hash(it))).collect();
        assert_eq!(check(Kind::Distinct, samples), ints(&[1, 1, 2, 3, 1, 2]));
    }

    #[test]
    fn so_many_different_values_are_told_apart_and_no_more() {
        let samples = (0..DISTINCT_MAX as u64 + 10).map(|it| (1, Sample::Hash(it))).collect();
        let values = check(Kind::Distinct, samples);
        assert_eq!(values.last(), Some(&Value::from(DISTINCT_MAX)));
    }

    #[test]
    fn sums_and_maxima_follow_the_window() {
        let samples = || {
            let all = [(0, 1.5), (1, 2.5), (65, 10.0), (70, -1.0), (200, 0.5)];
            all.into_iter().map(|(at, it)| (at, Sample::Number(it))).collect()
        };
        let half = Value::from(0.5);
        let sums = [Value::from(1.5), 4.into(), 10.into(), 9.into(), half.clone()];
        assert_eq!(check(Kind::Sum, samples()), sums);
        let maxima = [Value::from(1.5), Value::from(2.5), 10.into(), 10.into(), half];
        assert_eq!(check(Kind::Max, samples()), maxima);
    }

    #[test]
    fn first_and_last_values_are_those_of_the_window() {
        let samples = || {
            let all = [(0, "a"), (1, "b"), (30, "c"), (60, "d"), (35, "e")];
            all.into_iter().map(|(at, it)| (at, Sample::Value(it.into()))).collect()
        };
        let texts = |it: &[&str]| it.iter().map(|it| Value::from(*it)).collect::<Vec<_>>();
        assert_eq!(check(Kind::First, samples()), texts(&["a", "a", "a", "c", "c"]));
        assert_eq!(check(Kind::Last, samples()), texts(&["a", "b", "c", "d", "d"]));
    }

    #[test]
    fn what_a_store_has_of_another_window_is_not_taken() {
        let records = measure(Kind::Records);
        let mut bytes = Vec::new();
        Cells::new(&records).write(&records, &mut bytes);
        assert!(Cells::read(&Measure { steps: 7, ..records }, &bytes).is_none());
        assert!(Cells::read(&measure(Kind::Sum), &bytes).is_none());
        assert!(Cells::read(&records, &bytes[..20]).is_none());
    }

    #[test]
    fn a_time_in_the_far_future_is_no_long_loop() {
        let measure = measure(Kind::Records);
        let mut cells = Cells::new(&measure);
        assert!(cells.add(&measure, u64::MAX, &Sample::One));
        assert_eq!(cells.value(&measure, u64::MAX), Value::from(1));
    }
}
