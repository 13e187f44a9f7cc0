//! What a policy says of a trace. `processor/tailsamplingprocessor/internal/sampling`, v0.149, with the feature gate
//! `disableinvertdecisions` on, as it is there by default.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

use ottl::{Conditions, Request};
use pdata::{AttributesRef, Data, Depth, Empty, Keep, Traces, ValueRef};
use regex::Regex;

use crate::rate::{Bucket, Moment, PerSecond};

/// 16 bytes; all zero for spans without one.
pub(crate) type TraceId = [u8; 16];

/// What is decided about.
pub(crate) struct Subject<'a> {
    pub(crate) id: &'a TraceId,
    pub(crate) traces: &'a Traces,
    /// All spans so far, also those that are not in `traces`.
    pub(crate) spans: u64,
    pub(crate) now: Moment,
}

/// A policy, compiled, with what it counts.
#[derive(Debug, Clone)]
pub(crate) enum Check {
    Always,
    Latency(Latency),
    Attribute(Attribute),
    Probabilistic { salt: String, threshold: u64 },
    StatusCode(Vec<i32>),
    TraceFlags,
    TraceState { key: String, values: HashSet<String> },
    SpanCount(RangeInclusive<u64>),
    Ottl(Arc<Ottl>),
    SpansPerSecond(PerSecond),
    SpanBucket(Bucket),
    ByteBucket(Bucket),
    And(Vec<Check>),
    Not(Box<Check>),
    Composite(Composite),
}

impl Check {
    /// Whether the trace is kept, and the sub-policy of a composite one that keeps it.
    ///
    /// # Errors
    /// Why nothing can be said.
    pub(crate) fn keeps(&mut self, subject: &Subject<'_>) -> Result<Kept, String> {
        let traces = subject.traces;
        Ok(Kept::from(match self {
            Self::Always => true,
            Self::Latency(latency) => latency.keeps(traces),
            Self::Attribute(attribute) => attribute.keeps(traces),
            Self::Probabilistic { salt, threshold } => {
                golang::fnv::fnv1a_64(&[salt.as_bytes(), subject.id]) <= *threshold
            }
            Self::StatusCode(codes) => traces.spans().any(|it| codes.contains(&it.status().code)),
            // The W3C flag `sampled`.
            Self::TraceFlags => traces.spans().any(|it| it.flags() & 1 != 0),
            Self::TraceState { key, values } => traces.spans().any(|it| {
                let value = tracestate::member(it.trace_state(), key);
                value.is_some_and(|it| values.contains(it))
            }),
            Self::SpanCount(range) => range.contains(&subject.spans),
            Self::Ottl(conditions) => conditions.hold(traces)?,
            Self::SpansPerSecond(rate) => rate.keeps(subject.now, subject.spans),
            Self::SpanBucket(bucket) => bucket.takes(subject.now, subject.spans),
            Self::ByteBucket(bucket) => bucket.takes(subject.now, traces.bytes() as u64),
            Self::And(all) => {
                for check in all {
                    if !check.keeps(subject)?.is_kept {
                        return Ok(Kept::from(false));
                    }
                }
                true
            }
            Self::Not(inner) => !inner.keeps(subject)?.is_kept,
            Self::Composite(composite) => return composite.keeps(subject),
        }))
    }

    /// Whether what it says depends on the traces before.
    pub(crate) fn is_stateful(&self) -> bool {
        match self {
            Self::SpansPerSecond(_) | Self::SpanBucket(_) | Self::ByteBucket(_) => true,
            Self::And(all) => all.iter().any(Self::is_stateful),
            Self::Not(inner) => inner.is_stateful(),
            Self::Composite(it) => it.parts.iter().any(|it| it.check.is_stateful()),
            _ => false,
        }
    }
}

/// The answer of a policy.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept {
    pub(crate) is_kept: bool,
    /// The sub-policy of a composite policy.
    pub(crate) by: Option<Arc<str>>,
}

impl From<bool> for Kept {
    fn from(is_kept: bool) -> Self {
        Self { is_kept, by: None }
    }
}

/// The time from the first start to the last end.
#[derive(Debug, Clone)]
pub(crate) struct Latency {
    pub(crate) over_ms: i64,
    pub(crate) upto_ms: i64,
}

impl Latency {
    /// As upstream it looks at the spans one after the other: a trace that is too long as a whole may have been long enough
    /// with its first spans.
    fn keeps(&self, traces: &Traces) -> bool {
        let (mut first, mut last) = (0_u64, 0_u64);
        traces.spans().any(|span| {
            let (start, end) = (span.start_time_unix_nano(), span.end_time_unix_nano());
            if first == 0 || start < first {
                first = start;
            }
            if last == 0 || end > last {
                last = end;
            }
            let nanos = i128::from(last.cast_signed()) - i128::from(first.cast_signed());
            let ms = i64::try_from(nanos / 1_000_000).unwrap_or(i64::MAX);
            match self.upto_ms {
                0 => ms >= self.over_ms,
                upto => self.over_ms < ms && ms <= upto,
            }
        })
    }
}

/// An attribute of a resource or a span.
#[derive(Debug, Clone)]
pub(crate) struct Attribute {
    pub(crate) key: String,
    pub(crate) test: Test,
    /// Keeps what has no such attribute.
    pub(crate) invert: bool,
}

impl Attribute {
    fn keeps(&self, traces: &Traces) -> bool {
        let holds = |attributes: AttributesRef<'_>, of_span| {
            attributes.get(&self.key).is_some_and(|it| self.test.holds(it, of_span))
        };
        let any = traces.resources().any(|resource| {
            holds(resource.attributes(), false)
                || resource.spans().any(|span| holds(span.attributes(), true))
        });
        any != self.invert
    }
}

/// What a value has to be. A value of another type is the zero value of the type that is wanted, as upstream.
#[derive(Debug, Clone)]
pub(crate) enum Test {
    Number(RangeInclusive<i64>),
    Bool(bool),
    Text(HashSet<String>),
    Pattern(Vec<Regex>),
}

impl Test {
    fn holds(&self, value: ValueRef<'_>, of_span: bool) -> bool {
        match self {
            Self::Number(range) => range.contains(&value.as_int().unwrap_or_default()),
            Self::Bool(wanted) => value.as_bool().unwrap_or_default() == *wanted,
            Self::Text(_) | Self::Pattern(_) => {
                let text = value.as_str().unwrap_or_default();
                // An empty text is looked at on resources only.
                (!of_span || !text.is_empty()) && self.matches(text)
            }
        }
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Text(values) => values.contains(text),
            Self::Pattern(patterns) => patterns.iter().any(|it| it.is_match(text)),
            Self::Number(_) | Self::Bool(_) => false,
        }
    }
}

/// Conditions on spans and on their events, of which one is enough.
#[derive(Debug)]
pub(crate) struct Ottl {
    pub(crate) span: Option<Conditions>,
    pub(crate) event: Option<Conditions>,
}

impl Ottl {
    fn hold(&self, traces: &Traces) -> Result<bool, String> {
        let depth = if self.event.is_some() { Depth::Child } else { Depth::Item };
        let (request, mut found) = (Request::default(), Ok(false));
        let data = Data::from(traces.clone());
        let _ = data.edit_with(depth, Empty::Keep, |place| {
            if found != Ok(false) {
                return Keep::Whole;
            }
            let conditions = match place.depth() {
                Depth::Item => &self.span,
                Depth::Child => &self.event,
                _ => return Keep::Enter,
            };
            if let Some(conditions) = conditions {
                found = conditions.any(place, &request);
            }
            Keep::Enter
        });
        found
    }
}

/// Policies in order, of which each may keep so many spans in a second.
#[derive(Debug, Clone, Default)]
pub(crate) struct Composite {
    pub(crate) spans_max: i64,
    pub(crate) second: u64,
    pub(crate) parts: Vec<Part>,
}

/// A policy of a composite one.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) name: Arc<str>,
    pub(crate) check: Check,
    pub(crate) spans_max: i64,
    /// Spans kept in this second.
    pub(crate) kept: i64,
}

impl Composite {
    /// The first policy that would keep the trace decides: there is no room with the others for what it has no room for.
    fn keeps(&mut self, subject: &Subject<'_>) -> Result<Kept, String> {
        if self.second != subject.now.second {
            self.second = subject.now.second;
            self.parts.iter_mut().for_each(|it| it.kept = 0);
        }
        for part in &mut self.parts {
            if !part.check.keeps(subject)?.is_kept {
                continue;
            }
            let spans = i64::try_from(subject.spans).unwrap_or(i64::MAX);
            let kept = part.kept.saturating_add(spans);
            if kept > part.spans_max || kept > self.spans_max {
                break;
            }
            part.kept = kept;
            return Ok(Kept { is_kept: true, by: Some(Arc::clone(&part.name)) });
        }
        Ok(Kept::from(false))
    }
}

/// Traces whose hash is at most this are kept. Upstream multiplies with 64 bits of precision.
pub(crate) fn threshold(percentage: f64) -> u64 {
    let ratio = percentage / 100.0;
    if ratio >= 1.0 {
        return u64::MAX;
    }
    let (bits, bias) = (ratio.to_bits(), 1075);
    let exponent = (bits >> 52) & 0x7ff;
    if ratio.is_nan() || ratio <= 0.0 || exponent == 0 {
        return 0;
    }
    let mantissa = (bits & ((1 << 52) - 1)) | (1 << 52);
    let product = u128::from(u64::MAX) * u128::from(mantissa);
    let excess = 64_u32.saturating_sub(product.leading_zeros());
    let (kept, half) = (product >> excess, 1_u128 << excess >> 1);
    let rest = product & ((1 << excess) - 1);
    let up = rest > half || (rest == half && rest > 0 && kept & 1 == 1);
    let shift = u32::try_from(bias - exponent).unwrap_or(u32::MAX).saturating_sub(excess);
    let whole = (kept + u128::from(up)).checked_shr(shift).unwrap_or(0);
    u64::try_from(whole).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of `calculateThreshold` in Go.
    #[test]
    fn thresholds_are_those_of_upstream() {
        for (percentage, want) in [
            (0.0, 0),
            (-1.0, 0),
            (f64::NAN, 0),
            (100.0, u64::MAX),
            (1000.0, u64::MAX),
            (50.0, 9_223_372_036_854_775_807),
            (10.0, 1_844_674_407_370_955_263),
            (0.1, 18_446_744_073_709_551),
            (33.3, 6_142_765_776_545_279_999),
            (99.999_999, 18_446_743_889_242_111_999),
            (1e-300, 0),
        ] {
            assert_eq!(threshold(percentage), want, "{percentage}");
        }
    }
}
