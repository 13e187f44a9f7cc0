//! The points of one metric between two emissions, in buffers that are used again.

use pdata::{NumberWriter, PointsWriter, Value};

use crate::catalog::Metric;
use crate::section::MetricRow;

/// A value of a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    Int(i64),
    Double(f64),
}

/// The value of an attribute; its text is a part of a text that all share.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stored {
    Text {
        at: usize,
        len: usize,
    },
    /// Texts that end with a zero byte each.
    Texts {
        at: usize,
        len: usize,
    },
    Int(i64),
    Bool(bool),
    Double(f64),
    /// The point has no such attribute.
    Absent,
}

impl Stored {
    /// Keeps `value`; a list of texts as well. Maps and bytes, which no attribute here has, are kept as an empty text.
    pub(crate) fn new(value: &Value<'_>, text: &mut String) -> Self {
        match value {
            Value::Int(it) => Stored::Int(*it),
            Value::Bool(it) => Stored::Bool(*it),
            Value::Double(it) => Stored::Double(*it),
            Value::Empty => Stored::Absent,
            Value::Array(items) => {
                let at = text.len();
                for item in *items {
                    if let Value::Str(it) = item {
                        text.push_str(&it.replace('\0', " "));
                        text.push('\0');
                    }
                }
                Stored::Texts { at, len: text.len() - at }
            }
            value => {
                let at = text.len();
                if let Value::Str(it) = value {
                    text.push_str(it);
                }
                Stored::Text { at, len: text.len() - at }
            }
        }
    }

    pub(crate) fn value(self, text: &str) -> Value<'_> {
        match self {
            // Of a list all texts, which makes it the same as another one, and is not how it is written.
            Stored::Text { at, len } | Stored::Texts { at, len } => {
                Value::Str(text.get(at..at + len).unwrap_or_default())
            }
            Stored::Absent => Value::Empty,
            Stored::Int(it) => Value::Int(it),
            Stored::Bool(it) => Value::Bool(it),
            Stored::Double(it) => Value::Double(it),
        }
    }

    fn is_same(self, other: Self, text: &str) -> bool {
        match (self.value(text), other.value(text)) {
            (Value::Str(a), Value::Str(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Double(a), Value::Double(b)) => a.to_bits() == b.to_bits(),
            (Value::Empty, Value::Empty) => true,
            _ => false,
        }
    }

    fn hash(self, text: &str) -> u64 {
        match self.value(text) {
            Value::Str(it) => xxhash_rust::xxh3::xxh3_64(it.as_bytes()),
            Value::Int(it) => it.cast_unsigned(),
            Value::Bool(it) => u64::from(it),
            Value::Double(it) => it.to_bits(),
            _ => 0,
        }
    }
}

/// What becomes of points whose attributes are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strategy {
    Sum,
    Average,
    Least,
    Most,
}

#[derive(Debug, Clone, Copy)]
struct Point {
    time: u64,
    number: Number,
    /// How many points it stands for.
    of: u32,
}

/// The points of one metric.
#[derive(Debug)]
pub(crate) struct Points {
    pub(crate) is_enabled: bool,
    strategy: Strategy,
    /// Which of the attributes are kept.
    keeps: Vec<bool>,
    kept: usize,
    points: Vec<Point>,
    /// Of each point, to find its like.
    hashes: Vec<u64>,
    /// The attributes of all points, `kept` each.
    values: Vec<Stored>,
}

impl Points {
    pub(crate) fn new(metric: &Metric, row: &MetricRow) -> Self {
        let keeps: Vec<bool> =
            metric.attributes.iter().map(|it| row.attributes.iter().any(|own| own == it)).collect();
        Self {
            is_enabled: row.enabled,
            strategy: match row.aggregation_strategy.as_str() {
                "avg" => Strategy::Average,
                "min" => Strategy::Least,
                "max" => Strategy::Most,
                _ => Strategy::Sum,
            },
            kept: keeps.iter().filter(|it| **it).count(),
            keeps,
            points: Vec::new(),
            hashes: Vec::new(),
            values: Vec::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.points.clear();
        self.hashes.clear();
        self.values.clear();
    }

    /// Adds a point, or adds it to the one with the same attributes and time.
    pub(crate) fn add(
        &mut self,
        time: u64,
        number: Number,
        attributes: &[Value<'_>],
        text: &mut String,
    ) {
        debug_assert_eq!(attributes.len(), self.keeps.len(), "each attribute has a value");
        let (values, texts) = (self.values.len(), text.len());
        let mut hash = time;
        for (value, _) in attributes.iter().zip(&self.keeps).filter(|it| *it.1) {
            let stored = Stored::new(value, text);
            hash = hash.rotate_left(17).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ stored.hash(text);
            self.values.push(stored);
        }
        if !self.keeps.is_empty()
            && let Some(at) = self.find(hash, time, text)
        {
            self.values.truncate(values);
            text.truncate(texts);
            self.join(at, number);
            return;
        }
        self.points.push(Point { time, number, of: 1 });
        self.hashes.push(hash);
    }

    /// The point with the attributes that were stored last. There are few points, and numbers that stand side by side
    /// are compared fast: so there is no table.
    fn find(&self, hash: u64, time: u64, text: &str) -> Option<usize> {
        let own = &self.values[self.points.len() * self.kept..];
        let is_same = |at: &usize| {
            let other = &self.values[at * self.kept..][..self.kept];
            self.points[*at].time == time && own.iter().zip(other).all(|(a, b)| a.is_same(*b, text))
        };
        let with_hash = self.hashes.iter().enumerate().filter(|it| *it.1 == hash);
        with_hash.map(|it| it.0).find(is_same)
    }

    fn join(&mut self, at: usize, number: Number) {
        let Some(point) = self.points.get_mut(at) else { return };
        point.of += 1;
        point.number = match (self.strategy, point.number, number) {
            (Strategy::Sum | Strategy::Average, Number::Int(a), Number::Int(b)) => {
                Number::Int(a.wrapping_add(b))
            }
            (Strategy::Sum | Strategy::Average, Number::Double(a), Number::Double(b)) => {
                Number::Double(a + b)
            }
            (Strategy::Least, Number::Int(a), Number::Int(b)) => Number::Int(a.min(b)),
            (Strategy::Most, Number::Int(a), Number::Int(b)) => Number::Int(a.max(b)),
            // Not `min` and `max`, which prefer what is a number: upstream compares.
            (Strategy::Least, Number::Double(a), Number::Double(b)) if a > b => number,
            (Strategy::Most, Number::Double(a), Number::Double(b)) if a < b => number,
            (_, before, _) => before,
        };
    }

    /// Writes the points.
    pub(crate) fn write(
        &self,
        names: &[&'static str],
        start: u64,
        text: &str,
        out: &mut PointsWriter<'_, NumberWriter<'static>>,
    ) {
        let mut values = self.values.iter();
        for point in &self.points {
            out.point(|it| {
                for (name, _) in names.iter().zip(&self.keeps).filter(|it| *it.1) {
                    match values.next() {
                        None | Some(Stored::Absent) => {}
                        Some(value @ Stored::Texts { .. }) => {
                            let Value::Str(texts) = value.value(text) else { continue };
                            let texts = texts.split_terminator('\0').map(Value::Str);
                            it.attribute(name, Value::Array(&texts.collect::<Vec<_>>()));
                        }
                        Some(value) => it.attribute(name, value.value(text)),
                    }
                }
                it.start_time_unix_nano(start);
                it.time_unix_nano(point.time);
                match self.result(point) {
                    Number::Int(value) => it.int(value),
                    Number::Double(value) => it.double(value),
                }
            });
        }
    }

    fn result(&self, point: &Point) -> Number {
        match (self.strategy, point.number) {
            (Strategy::Average, Number::Int(sum)) => Number::Int(sum / i64::from(point.of)),
            (Strategy::Average, Number::Double(sum)) => Number::Double(sum / f64::from(point.of)),
            (_, number) => number,
        }
    }
}
