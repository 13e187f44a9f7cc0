//! Changes data points and exemplars.

use super::traces::children;
use super::{AttributesEdit, CHILD_LEVEL, Scratch, message_edit};
use crate::fields::{exemplar, exponential, histogram, metric, number, summary};
use crate::view::{Exemplar, NumberValue, PointRef};

/// Field numbers that differ between the kinds of points.
#[derive(Clone, Copy)]
struct Numbers {
    attributes: u32,
    flags: u32,
    exemplars: u32,
}

/// Changes one data point.
pub struct PointEdit<'e> {
    src: &'e [u8],
    /// Field number of the kind of metric.
    kind: u32,
    scratch: &'e mut Scratch,
}

impl<'e> PointEdit<'e> {
    pub(super) fn new(point: PointRef<'e>, kind: u32, scratch: &'e mut Scratch) -> Self {
        Self { src: point.encoded(), kind, scratch }
    }

    fn numbers(&self) -> Numbers {
        let (attributes, flags, exemplars) = match self.kind {
            metric::HISTOGRAM => (histogram::ATTRIBUTES, histogram::FLAGS, histogram::EXEMPLARS),
            metric::EXPONENTIAL => {
                (exponential::ATTRIBUTES, exponential::FLAGS, exponential::EXEMPLARS)
            }
            metric::SUMMARY => (summary::ATTRIBUTES, summary::FLAGS, 0),
            _ => (number::ATTRIBUTES, number::FLAGS, number::EXEMPLARS),
        };
        Numbers { attributes, flags, exemplars }
    }

    fn is_number(&self) -> bool {
        matches!(self.kind, metric::GAUGE | metric::SUM)
    }

    /// Its attributes.
    #[inline]
    pub fn attributes(&mut self) -> AttributesEdit<'_> {
        let number = self.numbers().attributes;
        AttributesEdit::new(self.scratch.level(CHILD_LEVEL), self.src, 0, number)
    }

    /// Leaves it out.
    pub fn drop(&mut self) {
        self.scratch.level(CHILD_LEVEL).dropped = true;
    }

    /// It as it is now, with all edits so far.
    pub fn current(&mut self) -> Option<PointRef<'_>> {
        let kind = self.kind;
        PointRef::decode(kind, super::current(self.scratch.level(CHILD_LEVEL), self.src))
    }

    /// When the aggregation began.
    pub fn start_time_unix_nano(&mut self, value: u64) {
        // The field has the same number in all kinds.
        self.scratch.level(CHILD_LEVEL).set_fixed64(number::START, value);
    }

    /// When it was measured.
    pub fn time_unix_nano(&mut self, value: u64) {
        self.scratch.level(CHILD_LEVEL).set_fixed64(number::TIME, value);
    }

    /// Bit 0: no value was recorded.
    pub fn flags(&mut self, value: u32) {
        let number = self.numbers().flags;
        self.scratch.level(CHILD_LEVEL).set_varint(number, u64::from(value));
    }

    /// Value of a number point; other points do not change.
    pub fn value(&mut self, value: NumberValue) {
        if !self.is_number() {
            return;
        }
        let mask = 1 << number::DOUBLE | 1 << number::INT;
        self.scratch.level(CHILD_LEVEL).set(mask, |out| match value {
            NumberValue::None => {}
            NumberValue::Int(it) => out.fixed64_field(number::INT, it as u64),
            NumberValue::Double(it) => out.fixed64_field(number::DOUBLE, it.to_bits()),
        });
    }

    /// How many measurements; number points do not change.
    pub fn count(&mut self, value: u64) {
        if !self.is_number() {
            self.scratch.level(CHILD_LEVEL).set_fixed64(histogram::COUNT, value);
        }
    }

    /// Sum of the measurements; number points do not change.
    pub fn sum(&mut self, value: f64) {
        if !self.is_number() {
            // In histograms a sum of 0 is not the same as no sum.
            self.scratch.level(CHILD_LEVEL).set(1 << histogram::SUM, |out| {
                out.fixed64_field(histogram::SUM, value.to_bits());
            });
        }
    }

    /// Visits its exemplars. To be called at most once.
    pub fn exemplars(&mut self, mut visit: impl FnMut(Exemplar<'_>, &mut ExemplarEdit<'_>)) {
        let number = self.numbers().exemplars;
        if number != 0 {
            children(self.src, self.scratch, CHILD_LEVEL, number, |src, scratch| {
                visit(Exemplar::new(src), &mut ExemplarEdit { src, from: 0, scratch });
            });
        }
    }
}

/// Changes one exemplar.
pub struct ExemplarEdit<'e> {
    src: &'e [u8],
    from: usize,
    scratch: &'e mut Scratch,
}

message_edit!(ExemplarEdit, Exemplar, exemplar, GRANDCHILD_LEVEL);

impl ExemplarEdit<'_> {
    /// When it was measured.
    pub fn time_unix_nano(&mut self, value: u64) {
        self.level().set_fixed64(exemplar::TIME, value);
    }

    /// 16 bytes; anything else means none.
    pub fn trace_id(&mut self, id: &[u8]) {
        self.level().set_id(exemplar::TRACE_ID, 16, id);
    }

    /// 8 bytes; anything else means none.
    pub fn span_id(&mut self, id: &[u8]) {
        self.level().set_id(exemplar::SPAN_ID, 8, id);
    }
}
