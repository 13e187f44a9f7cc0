//! Buckets of exponential histograms (data model of OpenTelemetry, "ExponentialHistogram").

use pdata::{Field, Place, Value};

use crate::{set, write_counts};

/// Buckets of one sign.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Buckets {
    /// The number of the first one. Wider than on the wire, so that sums need no care.
    pub offset: i64,
    /// How many values are in each.
    pub counts: Vec<u64>,
}

impl From<Option<pdata::Buckets<'_>>> for Buckets {
    fn from(it: Option<pdata::Buckets<'_>>) -> Self {
        let it = it.unwrap_or_default();
        Self { offset: it.offset().into(), counts: it.bucket_counts().collect() }
    }
}

/// The number of the bucket with this value; a bound belongs to the bucket below it (data model of OpenTelemetry, "All Scales:
/// Use the Logarithm Function").
pub fn bucket_of(value: f64, scale: i32) -> f64 {
    (value.log2() * f64::from(scale).exp2()).ceil() - 1.0
}

impl Buckets {
    /// How many values are in a bucket.
    pub fn at(&self, index: i64) -> u64 {
        let at = index.checked_sub(self.offset).and_then(|it| usize::try_from(it).ok());
        at.and_then(|it| self.counts.get(it)).copied().unwrap_or_default()
    }

    /// The numbers of the first and the last bucket with values.
    pub fn ends(&self) -> Option<(i64, i64)> {
        let mut filled = (self.offset..).zip(&self.counts).filter(|it| *it.1 > 0).map(|it| it.0);
        let first = filled.next()?;
        Some((first, filled.last().unwrap_or(first)))
    }

    /// Removes the buckets up to the one with this number: how many values were in them.
    pub fn take_up_to(&mut self, last: f64) -> u64 {
        let below = self.counts.iter().zip(self.offset..).take_while(|it| it.1 as f64 <= last);
        let (mut taken, mut gone) = (0_u64, 0);
        for (count, index) in below {
            taken = taken.saturating_add(*count);
            gone = index + 1 - self.offset;
        }
        self.counts.drain(..usize::try_from(gone).unwrap_or_default());
        self.offset += gone;
        taken
    }

    /// With 2^`by` buckets joined to one.
    #[must_use]
    pub fn coarser(self, by: u32) -> Self {
        if by == 0 || self.counts.is_empty() {
            return self;
        }
        // Beyond that all buckets of a sign are one already.
        let by = by.min(i32::BITS);
        let offset = self.offset >> by;
        let mut joined: Vec<u64> = Vec::new();
        for (index, count) in (self.offset..).zip(self.counts) {
            let at = usize::try_from((index >> by) - offset).unwrap_or_default();
            if joined.len() <= at {
                joined.resize(at + 1, 0);
            }
            if let Some(slot) = joined.get_mut(at) {
                *slot = slot.saturating_add(count);
            }
        }
        Self { offset, counts: joined }
    }

    /// Whether in no bucket are less values than in the same one of `old`.
    pub fn has_all_of(&self, old: &Self) -> bool {
        (old.offset..).zip(&old.counts).all(|(index, count)| *count <= self.at(index))
    }

    /// What the buckets have grown by, without empty ones before and behind. One with less than before has not grown.
    #[must_use]
    pub fn since(&self, old: &Self) -> Self {
        let grown = (self.offset..).zip(&self.counts);
        let counts = grown.map(|(index, count)| count.saturating_sub(old.at(index))).collect();
        Self { offset: self.offset, counts }.trimmed()
    }

    /// Both added, without empty buckets before and behind. There are as many as from the first to the last one of both.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let ends = match (self.ends(), other.ends()) {
            (Some(one), Some(two)) => (one.0.min(two.0), one.1.max(two.1)),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => return Self::default(),
        };
        let add = |index| self.at(index).saturating_add(other.at(index));
        Self { offset: ends.0, counts: (ends.0..=ends.1).map(add).collect() }
    }

    fn trimmed(mut self) -> Self {
        let Some((first, last)) = self.ends() else { return Self::default() };
        let at = |index: i64| usize::try_from(index - self.offset).unwrap_or_default();
        let (first_at, last_at) = (at(first), at(last));
        self.counts.truncate(last_at + 1);
        self.counts.drain(..first_at);
        Self { offset: first, counts: self.counts }
    }
}

/// Makes these the buckets of the point that is visited, which is one of an exponential histogram.
pub fn write_buckets(place: &mut Place<'_>, positive: &Buckets, negative: &Buckets) {
    let (offset, counts) = (Field::POINT_POSITIVE_OFFSET, Field::POINT_POSITIVE_COUNTS);
    write_side(place, (Field::POINT_POSITIVE, offset, counts), positive);
    let (offset, counts) = (Field::POINT_NEGATIVE_OFFSET, Field::POINT_NEGATIVE_COUNTS);
    write_side(place, (Field::POINT_NEGATIVE, offset, counts), negative);
}

fn write_side(place: &mut Place<'_>, (side, offset, counts): (Field, Field, Field), to: &Buckets) {
    // A side without buckets is not made, and one that is there stays.
    if !to.counts.is_empty() || place.messages(side).next().is_some() {
        set(place, offset, Value::Int(to.offset));
        write_counts(place, counts, &to.counts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(offset: i64, counts: &[u64]) -> Buckets {
        Buckets { offset, counts: counts.to_vec() }
    }

    #[test]
    fn buckets_are_joined_whatever_their_sign() {
        let all = buckets(-3, &[1, 2, 4, 8, 16]);
        assert_eq!(all.clone().coarser(1), buckets(-2, &[1, 6, 24]));
        assert_eq!(all.clone().coarser(2), buckets(-1, &[7, 24]));
        assert_eq!(all.coarser(u32::MAX), buckets(-1, &[7, 24]));
    }

    #[test]
    fn buckets_are_added_and_taken_by_their_numbers() {
        let (one, two) = (buckets(2, &[0, 1, 2]), buckets(-1, &[3, 0]));
        assert_eq!(one.plus(&two), buckets(-1, &[3, 0, 0, 0, 1, 2]));
        assert_eq!(one.plus(&Buckets::default()), buckets(3, &[1, 2]));
        assert_eq!(one.plus(&two).since(&two), buckets(3, &[1, 2]));
        let mut rest = one.plus(&two);
        assert_eq!((rest.take_up_to(3.0), rest), (4, buckets(4, &[2])));
        let mut none = buckets(2, &[1]);
        assert_eq!((none.take_up_to(1.0), none.take_up_to(f64::NAN)), (0, 0));
        assert_eq!((none.take_up_to(f64::INFINITY), none), (1, buckets(3, &[])));
    }

    #[test]
    fn a_bound_belongs_to_the_bucket_below_it() {
        for (value, scale, want) in
            [(1.0, 0, -1.0), (2.0, 0, 0.0), (2.1, 0, 1.0), (2.0, 3, 7.0), (4.0, -1, 0.0)]
        {
            assert_eq!(bucket_of(value, scale).to_bits(), f64::to_bits(want), "{value} {scale}");
        }
    }
}
