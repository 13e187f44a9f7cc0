//! What a message of OTLP is, as data; the messages themselves stand in `fields`. A row of that
//! table says what JSON needs to know. What `check` and `normalise` need is less, but they look it
//! up by number for every field of every record: so it is worked out from the rows at compile time,
//! as an array by number and as bit masks.

use crate::Signal;
use crate::bits::short_tag;
use crate::fields;
use crate::wire::{BYTES, FIXED32, FIXED64, VARINT};

/// A message.
#[derive(Debug)]
pub(crate) struct Message {
    /// In the order of the .proto file.
    pub(crate) fields: &'static [Field],
    pub(crate) role: Role,
    /// Bytes that its length usually takes.
    pub(crate) width: usize,
    /// By wire type, bit n: field n is a scalar in which nothing can be wrong but its length, and that what is in it
    /// is not text.
    plain: [u32; 3],
    /// Bit n: field n may occur once.
    pub(crate) once: u32,
    /// The tag of its attributes, or of the entries of a map; 0 if it has none.
    pub(crate) attribute_tag: u8,
    by_number: [Known; FIELDS_MAX],
}

/// What a message is beyond its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Nothing special.
    Plain,
    /// Counted: a log record, span or data point.
    Item,
    /// `KeyValue`.
    KeyValue,
    /// `AnyValue`, which may nest: counts as a level of depth.
    AnyValue,
    /// A list of `KeyValue` that is a value, so its length is not limited by the attribute count.
    Map,
}

/// A field of a message.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) number: u32,
    /// Lower camel case, as JSON is written.
    pub(crate) name: &'static str,
    /// Snake case, as in the .proto file and in paths of errors; JSON may be read with it too.
    pub(crate) snake: &'static str,
    pub(crate) label: Label,
    pub(crate) kind: Kind,
}

/// How often a field stands in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Label {
    /// Once; not written when it holds the default.
    Plain,
    /// Once; JSON has it even if it is absent (messages only).
    Always,
    /// Once; presence counts.
    Optional,
    /// One of several: the last one wins.
    Oneof,
    /// Any number of times; scalars are packed.
    Repeated,
}

/// The type of a field, as the .proto files name it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Str,
    Bytes,
    /// Bytes of exactly this length, or none.
    Id(usize),
    Bool,
    Double,
    Fixed64,
    Sfixed64,
    Uint64,
    Int64,
    Fixed32,
    Uint32,
    Int32,
    Sint32,
    Enum(&'static [(&'static str, i32)]),
    Message(&'static Message),
}

/// What of a field counts on the wire.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    pub(crate) name: &'static str,
    pub(crate) kind: Wire,
    pub(crate) rule: Rule,
}

/// What a field holds on the wire.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wire {
    /// Not in the schema: any wire type but groups.
    Unknown,
    /// Integer, boolean or enum.
    Varint,
    /// Eight-byte scalar.
    Fixed64,
    /// Four-byte scalar.
    Fixed32,
    /// String.
    Text,
    /// Bytes.
    Blob,
    /// Nothing or 16 bytes.
    TraceId,
    /// Nothing or 8 bytes.
    SpanId,
    /// Repeated varints, packed or not.
    Varints,
    /// Repeated eight-byte scalars, packed or not.
    Fixed64s,
    /// A message.
    Message(&'static Message),
}

/// How often a field may occur on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Once: repeated messages are merged, of repeated scalars the last one counts.
    Once,
    /// Any number of times.
    Repeated,
    /// Once, and only one of the fields with this rule.
    OneOf,
}

/// Highest field number in use, plus one.
const FIELDS_MAX: usize = 17;

const UNKNOWN: Known = Known { name: "unknown field", kind: Wire::Unknown, rule: Rule::Repeated };

/// The request of a signal.
pub(crate) fn of(signal: Signal) -> &'static Message {
    match signal {
        Signal::Traces => &fields::TRACES,
        Signal::Metrics => &fields::METRICS,
        Signal::Logs => &fields::LOGS,
    }
}

impl Message {
    /// For the table, at compile time. A number that stands in a message twice, or that is too high,
    /// does not compile.
    #[expect(
        clippy::indexing_slicing,
        reason = "runs at compile time, where it is a compile error"
    )]
    pub(crate) const fn new(role: Role, width: usize, fields: &'static [Field]) -> Self {
        let (mut by_number, mut plain) = ([UNKNOWN; FIELDS_MAX], [0; 3]);
        let (mut once, mut attribute_tag) = (0, 0);
        let mut index = 0;
        while index < fields.len() {
            let field = &fields[index];
            let number = field.number as usize;
            let (kind, rule) = (field.wire(), field.rule());
            assert!(matches!(by_number[number].kind, Wire::Unknown), "a number stands twice");
            by_number[number] = Known { name: field.snake, kind, rule };
            let wire = match kind {
                Wire::Varint => VARINT,
                Wire::Fixed64 => FIXED64,
                Wire::Text => BYTES,
                _ => FIXED32,
            };
            if wire != FIXED32 && !matches!(rule, Rule::OneOf) {
                plain[wire as usize] |= 1 << number;
            }
            if matches!(rule, Rule::Once) {
                once |= 1 << number;
            }
            // By name: what the message behind it is cannot be asked while the tables are made.
            let names_attributes = is(field.snake, "attributes") || is(field.snake, "metadata");
            if names_attributes || matches!(role, Role::Map) {
                attribute_tag = short_tag(field.number, BYTES);
            }
            index += 1;
        }
        Self { fields, role, width, plain, once, attribute_tag, by_number }
    }

    /// What the field `number` is on the wire.
    #[inline]
    pub(crate) fn field(&self, number: u64) -> Known {
        let known = usize::try_from(number).ok().and_then(|it| self.by_number.get(it));
        known.copied().unwrap_or(UNKNOWN)
    }

    /// The end of the field at `at` and its tag, if it is a scalar that is whole and in which nothing can be
    /// wrong but its text; `None` also for lengths and varints of more than a byte.
    #[inline]
    pub(crate) fn plain_end(&self, buf: &[u8], at: usize) -> Option<(usize, u8)> {
        let &[tag @ ..0x80, first, ..] = buf.get(at..)? else { return None };
        let (fields, length) = match tag & 7 {
            VARINT if first < 0x80 => (self.plain[VARINT as usize], 2),
            FIXED64 => (self.plain[FIXED64 as usize], 9),
            BYTES if first < 0x80 => (self.plain[BYTES as usize], 2 + usize::from(first)),
            _ => return None,
        };
        let whole = length <= buf.len() - at;
        (whole && fields & 1 << (tag >> 3) != 0).then_some((at + length, tag))
    }

    /// True if `number` is one of several of which only one may be set.
    pub(crate) fn is_one_of(&self, number: u32) -> bool {
        self.field(u64::from(number)).rule == Rule::OneOf
    }
}

/// Whether two names are the same.
#[expect(clippy::indexing_slicing, reason = "runs at compile time, where it is a compile error")]
const fn is(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}

impl Field {
    const fn wire(&self) -> Wire {
        let repeated = matches!(self.label, Label::Repeated);
        match self.kind {
            Kind::Message(of) => Wire::Message(of),
            Kind::Str => Wire::Text,
            Kind::Bytes => Wire::Blob,
            Kind::Id(16) => Wire::TraceId,
            Kind::Id(_) => Wire::SpanId,
            Kind::Fixed32 => Wire::Fixed32,
            Kind::Double | Kind::Fixed64 | Kind::Sfixed64 if repeated => Wire::Fixed64s,
            Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => Wire::Fixed64,
            _ if repeated => Wire::Varints,
            _ => Wire::Varint,
        }
    }

    const fn rule(&self) -> Rule {
        match self.label {
            Label::Plain | Label::Always | Label::Optional => Rule::Once,
            Label::Oneof => Rule::OneOf,
            Label::Repeated => Rule::Repeated,
        }
    }
}

/// Bytes of a name in lower camel case.
#[expect(clippy::indexing_slicing, reason = "runs at compile time, where it is a compile error")]
pub(crate) const fn camel_len(snake: &str) -> usize {
    let (mut index, mut length) = (0, 0);
    while index < snake.len() {
        if snake.as_bytes()[index] != b'_' {
            length += 1;
        }
        index += 1;
    }
    length
}

/// A name in lower camel case, as proto3 makes the name in JSON from that in the .proto file.
#[expect(clippy::indexing_slicing, reason = "runs at compile time, where it is a compile error")]
pub(crate) const fn camel<const N: usize>(snake: &str) -> [u8; N] {
    let (snake, mut out) = (snake.as_bytes(), [0; N]);
    let (mut from, mut to, mut upper) = (0, 0, false);
    while from < snake.len() {
        if snake[from] == b'_' {
            upper = true;
        } else {
            out[to] = if upper { snake[from].to_ascii_uppercase() } else { snake[from] };
            (to, upper) = (to + 1, false);
        }
        from += 1;
    }
    out
}

/// Reads the table in `fields`: makes a module with the numbers of each group of messages, and a
/// static `Message` for each message.
macro_rules! messages {
    ($(
        $(#[$about:meta])*
        mod $module:ident {$(
            $message:ident: $role:expr, $width:expr, {$(
                $NUMBER:ident $(= $number:literal)?, $name:ident, $label:expr, $kind:expr;
            )*}
        )*}
    )*) => {$(
        $(#[$about])*
        pub(crate) mod $module {
            $($($(pub(crate) const $NUMBER: u32 = $number;)?)*)*
        }
        $(
            pub(crate) static $message: $crate::schema::Message = {
                static FIELDS: &[$crate::schema::Field] = &[$($crate::schema::Field {
                    number: $module::$NUMBER,
                    name: {
                        const SNAKE: &str = stringify!($name);
                        const CAMEL: [u8; $crate::schema::camel_len(SNAKE)] =
                            $crate::schema::camel(SNAKE);
                        match str::from_utf8(&CAMEL) {
                            Ok(camel) => camel,
                            Err(_) => SNAKE,
                        }
                    },
                    snake: stringify!($name),
                    label: $label,
                    kind: $kind,
                }),*];
                $crate::schema::Message::new($role, $width, FIELDS)
            };
        )*
    )*};
}

pub(crate) use messages;

#[cfg(test)]
mod attribute_tags {
    use super::*;

    fn look(message: &'static Message, depth: usize) {
        let number = u64::from(message.attribute_tag >> 3);
        if message.attribute_tag != 0 {
            let Wire::Message(of) = message.field(number).kind else { panic!("field {number}") };
            assert!(of.role == Role::KeyValue, "field {number}");
        }
        for number in 0..FIELDS_MAX as u64 {
            if let Wire::Message(of) = message.field(number).kind
                && depth > 0
            {
                look(of, depth - 1);
            }
        }
    }

    #[test]
    fn what_is_taken_for_attributes_by_name_is_attributes() {
        for signal in crate::Signal::ALL {
            look(of(signal), 7);
        }
    }
}
