//! Policies as they are after reading: every text is understood, every pattern compiled.

use std::borrow::Cow;

use pdata::{Key, Signal};
use regex::Regex;

use crate::keep::Keep;
use crate::redact::Pattern;

/// Steps into nested attributes; never empty.
pub type Path = Box<[Key<'static>]>;

/// One policy.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Unique among all policies.
    pub id: String,
    /// For people.
    pub name: String,
    /// What it concerns, and what it does.
    pub target: Target,
}

/// What a policy concerns, and what it does.
#[derive(Debug, Clone)]
pub struct Target {
    /// Log records, spans or metrics.
    pub signal: Signal,
    /// All have to hold.
    pub matchers: Vec<Matcher>,
    /// What becomes of a record for which they hold.
    pub keep: Keep,
    /// Of log records: which value decides about the sample.
    pub sample_key: Option<Field>,
    /// Of log records: what is changed in those that stay.
    pub transform: Transform,
}

/// A condition on one field.
#[derive(Debug, Clone, PartialEq)]
pub struct Matcher {
    /// What is looked at.
    pub field: Field,
    /// What has to hold of it.
    pub test: Test,
    /// Whether it must not hold.
    pub negate: bool,
}

/// Which attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Where {
    /// Of the resource.
    Resource,
    /// Of the scope.
    Scope,
    /// Of the log record or span.
    Item,
    /// Of a data point.
    Point,
    /// Of an event of the span.
    Event,
}

/// Something that can be asked of a record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Field {
    /// An attribute, or a value inside of one.
    Attribute(Where, Path),
    /// Schema of the resource.
    ResourceSchemaUrl,
    /// Schema of the scope.
    ScopeSchemaUrl,
    /// Name of the scope.
    ScopeName,
    /// Version of the scope.
    ScopeVersion,
    /// Body of a log record.
    Body,
    /// Severity of a log record, as text.
    SeverityText,
    /// Of a log record.
    EventName,
    /// Of a log record or span: 16 bytes.
    TraceId,
    /// Of a log record or span: 8 bytes.
    SpanId,
    /// Of a span: 8 bytes.
    ParentSpanId,
    /// Of a span.
    TraceState,
    /// Of a span or metric.
    Name,
    /// `internal`, `server` and so on.
    SpanKind,
    /// `unset`, `ok`, `error`.
    SpanStatus,
    /// Names of a span's events.
    SpanEventName,
    /// Trace ids of a span's links.
    LinkTraceId,
    /// Of a metric.
    Description,
    /// Of a metric.
    Unit,
    /// `gauge`, `sum` and so on.
    MetricType,
    /// `delta`, `cumulative`.
    Temporality,
}

impl Field {
    /// Whether its values are bytes that people write in hexadecimal digits.
    pub(crate) fn is_id(&self) -> bool {
        matches!(self, Self::TraceId | Self::SpanId | Self::ParentSpanId | Self::LinkTraceId)
    }

    /// Whether it is asked of a data point, not of the metric.
    pub(crate) fn is_of_point(&self) -> bool {
        matches!(self, Self::Attribute(Where::Point, _))
    }
}

/// What has to hold of a field.
#[derive(Debug, Clone)]
pub enum Test {
    /// It is there.
    Exists,
    /// It has this value.
    Equals(Literal),
    /// It is a number, and lies on this side of another.
    Compare(Order, Number),
    /// It is a text, and holds another.
    Text(TextTest, Text),
    /// It is a text in which the pattern is found: as written, and compiled.
    Regex(String, Regex),
}

impl PartialEq for Test {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Exists, Self::Exists) => true,
            (Self::Equals(a), Self::Equals(b)) => a == b,
            (Self::Compare(a, x), Self::Compare(b, y)) => a == b && x == y,
            (Self::Text(a, x), Self::Text(b, y)) => a == b && x == y,
            (Self::Regex(_, a), Self::Regex(_, b)) => a.as_str() == b.as_str(),
            _ => false,
        }
    }
}

/// Where a text has to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextTest {
    /// At the beginning.
    StartsWith,
    /// At the end.
    EndsWith,
    /// Anywhere.
    Contains,
}

/// A text to compare with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// As written; folded if case does not count.
    pub text: String,
    /// Whether case does not count.
    pub ignore_case: bool,
}

/// A value to compare with.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// A text.
    Text(Text),
    /// True or false.
    Bool(bool),
    /// A number of any kind.
    Number(Number),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// How a number compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// `gt`
    Greater,
    /// `gte`
    GreaterOrEqual,
    /// `lt`
    Less,
    /// `lte`
    LessOrEqual,
}

/// A whole number, exact, or one with a fraction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// Whole.
    Int(i64),
    /// With a fraction, or too large for the other.
    Double(f64),
}

impl Number {
    /// Compares the numbers themselves: no conversion loses a digit. `None` with NaN.
    pub(crate) fn compare(self, other: Self) -> Option<std::cmp::Ordering> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(&b)),
            (Self::Double(a), Self::Double(b)) => a.partial_cmp(&b),
            (Self::Int(a), Self::Double(b)) => int_and_double(a, b),
            (Self::Double(a), Self::Int(b)) => {
                int_and_double(b, a).map(std::cmp::Ordering::reverse)
            }
        }
    }
}

/// The first double that no `i64` reaches.
const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;

fn int_and_double(a: i64, b: f64) -> Option<std::cmp::Ordering> {
    use std::cmp::Ordering::{Greater, Less};
    if b.is_nan() {
        return None;
    }
    if b >= TWO_TO_63 {
        return Some(Less);
    }
    if b < -TWO_TO_63 {
        return Some(Greater);
    }
    let whole = b.trunc();
    Some(
        a.cmp(&golang::number::whole(whole))
            .then_with(|| 0.0_f64.partial_cmp(&(b - whole)).unwrap_or(Less)),
    )
}

/// The text with all letters that differ only in case made the same, as a pattern with `(?i)` sees them.
pub(crate) fn fold(text: &str) -> Cow<'_, str> {
    let is_folded = |it: &u8| it.is_ascii() && !it.is_ascii_uppercase();
    if text.as_bytes().iter().all(is_folded) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    fold_into(text, &mut out);
    Cow::Owned(out)
}

/// The same, in memory that is used again.
pub(crate) fn fold_into(text: &str, out: &mut String) {
    out.clear();
    out.extend(text.chars().map(fold_char));
}

fn fold_char(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    let upper = only(c.to_uppercase()).unwrap_or(c);
    only(upper.to_lowercase()).unwrap_or(upper)
}

/// The character, if it is just one.
fn only(mut it: impl Iterator<Item = char>) -> Option<char> {
    let first = it.next()?;
    it.next().is_none().then_some(first)
}

/// The number in a value.
pub(crate) fn number(value: pdata::ValueRef<'_>) -> Option<Number> {
    match value {
        pdata::ValueRef::Int(it) => Some(Number::Int(it)),
        pdata::ValueRef::Double(it) => Some(Number::Double(it)),
        _ => None,
    }
}

/// What a policy changes.
#[derive(Debug, Clone, Default)]
pub struct Transform {
    /// In order.
    pub(crate) operations: Vec<Operation>,
}

/// One change.
#[derive(Debug, Clone)]
pub struct Operation {
    /// What is changed.
    pub field: Field,
    /// How.
    pub(crate) change: Change,
}

#[derive(Debug, Clone)]
pub(crate) enum Change {
    Remove,
    /// The whole value, whatever it is.
    Mask(String),
    /// What a pattern finds in a text: the pattern and the template as written, and compiled.
    Redact {
        pattern: String,
        template: String,
        compiled: Pattern,
    },
    Rename {
        to: String,
        upsert: bool,
    },
    Add {
        value: String,
        upsert: bool,
    },
}
