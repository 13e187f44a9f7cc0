//! A histogram with exponential bounds as Prometheus' native histogram (`histograms.go` of the translator, v0.149).

use pdata::ExponentialHistogramPoint;

/// Finest resolution of Prometheus.
const SCALE_MAX: i32 = 8;
/// Coarsest resolution of Prometheus.
const SCALE_MIN: i32 = -4;
/// Values up to this far from zero count as zero where a point does not say.
const ZERO_THRESHOLD: f64 = 1e-128;
/// A longer row of empty buckets ends a span.
const GAP_MAX: i32 = 2;

/// A native histogram.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Native {
    pub(crate) count: u64,
    pub(crate) sum: f64,
    pub(crate) schema: i32,
    pub(crate) zero_threshold: f64,
    pub(crate) zero_count: u64,
    pub(crate) negative: Layout,
    pub(crate) positive: Layout,
    pub(crate) timestamp: i64,
}

/// Buckets in a row, and how far it is to the row before; each count as its difference to the one before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) spans: Vec<(i32, u32)>,
    pub(crate) deltas: Vec<i64>,
}

/// Converts a point; `None` when it is coarser than Prometheus can say. `ended` is the sum of a series that has ended.
pub(crate) fn native(point: &ExponentialHistogramPoint<'_>, ended: Option<f64>) -> Option<Native> {
    let scale = point.scale();
    if scale < SCALE_MIN {
        return None;
    }
    let down = (scale - SCALE_MAX).max(0).cast_unsigned();
    let timestamp = (point.time_unix_nano() / 1_000_000).cast_signed();
    let schema = scale.min(SCALE_MAX);
    if let Some(sum) = ended {
        return Some(Native { sum, schema, timestamp, ..Native::default() });
    }
    let layout_of = |buckets: Option<pdata::Buckets<'_>>| {
        buckets.map_or_else(Layout::default, |it| layout(it.offset(), it.bucket_counts(), down))
    };
    let threshold = point.zero_threshold();
    Some(Native {
        count: point.count(),
        sum: point.sum().unwrap_or(0.0),
        schema,
        zero_threshold: if threshold == 0.0 { ZERO_THRESHOLD } else { threshold },
        zero_count: point.zero_count(),
        negative: layout_of(point.negative()),
        positive: layout_of(point.positive()),
        timestamp,
    })
}

fn layout(offset: i32, counts: impl Iterator<Item = u64>, down: u32) -> Layout {
    let mut layout = Layout::default();
    let (mut next, mut before) = (0_i32, 0_i64);
    let mut pending: Option<(i32, u64)> = None;
    let mut put = |index: i32, count: u64| {
        let gap = index.saturating_sub(next);
        if layout.spans.is_empty() || gap > GAP_MAX {
            layout.spans.push((gap, 0));
        } else {
            for _ in 0..gap {
                layout.deltas.push(-before);
                before = 0;
                if let Some(span) = layout.spans.last_mut() {
                    span.1 += 1;
                }
            }
        }
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        layout.deltas.push(count.wrapping_sub(before));
        if let Some(span) = layout.spans.last_mut() {
            span.1 += 1;
        }
        (next, before) = (index.saturating_add(1), count);
    };
    for (at, count) in (0_i32..).zip(counts) {
        // Prometheus numbers a bucket by its upper bound.
        let index = (offset.saturating_add(at) >> down.min(31)).saturating_add(1);
        match &mut pending {
            Some((known, sum)) if *known == index => *sum = sum.saturating_add(count),
            _ => {
                if let Some((index, count)) = pending.take().filter(|it| it.1 > 0) {
                    put(index, count);
                }
                pending = Some((index, count));
            }
        }
    }
    if let Some((index, count)) = pending.filter(|it| it.1 > 0) {
        put(index, count);
    }
    layout
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_empty_buckets_end_a_span_when_they_are_long() {
        let got = layout(1, [4, 0, 2, 0, 0, 0, 1].into_iter(), 0);
        assert_eq!(got, Layout { spans: vec![(2, 3), (3, 1)], deltas: vec![4, -4, 2, -1] });
    }

    #[test]
    fn finer_buckets_are_joined() {
        let got = layout(0, [1, 2, 3, 4].into_iter(), 1);
        assert_eq!(got, Layout { spans: vec![(1, 2)], deltas: vec![3, 4] });
        assert_eq!(layout(-1, [1].into_iter(), 0).spans, [(0, 1)]);
    }
}
