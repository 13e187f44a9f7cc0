//! Validates a payload once, so that nothing after has to: lengths, wire types, ids, nesting, limits.
//! The same pass counts items. Errors carry the byte offset and the path; both are worked out only
//! when there is an error, on the way back up.
//!
//! Text is looked at in runs, not string by string: what stands between short strings, tags and lengths below 128,
//! is ASCII. So a run of them is UTF-8 exactly if all of its strings are, and most of a record is one run.

use std::fmt;

use crate::bits::last_8;
use crate::schema::{Message, Role, Rule, Wire};
use crate::wire::{BYTES, FIXED32, FIXED64, VARINT, varint};

/// Deepest nesting of values whatever `Limits` say: the decoder recurses.
const DEPTH_MAX: usize = 256;

/// What a decoder accepts. Exceeding a limit is an error, never a truncation.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Deepest nesting of `AnyValue`. Default 128.
    pub depth: usize,
    /// Most attributes per record. Default unlimited, as in Go.
    pub attributes: usize,
    /// Longest attribute value in bytes. Default unlimited, as in Go.
    pub value_bytes: usize,
    /// What becomes of strings that are not UTF-8. Default [`NotUtf8::Replace`].
    pub not_utf8: NotUtf8,
}

/// What becomes of strings that are not UTF-8, which protobuf forbids and many senders and the Go Collector let pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NotUtf8 {
    /// What is not a character becomes U+FFFD: other receivers refuse the whole request for one such string.
    #[default]
    Replace,
    /// They are an error.
    Refuse,
    /// They stay as they are.
    Pass,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 128,
            attributes: usize::MAX,
            value_bytes: usize::MAX,
            not_utf8: NotUtf8::Replace,
        }
    }
}

/// Why bytes are not telemetry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// Where in the input, in bytes.
    pub offset: usize,
    /// Which field, as `resource_logs[2].scope_logs[0].log_records[7].body`; empty at the top.
    pub path: String,
    /// What is wrong, in the words of the Go Collector where it has any.
    pub reason: String,
    /// A string is not UTF-8, and all before it is right.
    pub not_utf8: bool,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{} at byte {}", self.reason, self.offset)
    }
}

impl std::error::Error for DecodeError {}

/// What `check` learned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Checked {
    /// Log records, spans or data points.
    pub(crate) items: usize,
    /// A message that may occur once occurs more often, which `normalise` must mend.
    pub(crate) repeats: bool,
    /// A string is not UTF-8, which `repair` must mend.
    pub(crate) not_utf8: bool,
}

/// Validates `buf` as a message of `schema`.
pub(crate) fn check(
    schema: &'static Message,
    buf: &[u8],
    limits: &Limits,
) -> Result<Checked, DecodeError> {
    let mut pass = Pass { limits, depth: limits.depth.min(DEPTH_MAX), seen: Checked::default() };
    match pass.message(schema, buf) {
        Ok(()) => Ok(pass.seen),
        Err(fault) => Err(fault.into_error()),
    }
}

/// An error on its way up.
struct Fault {
    offset: usize,
    /// Innermost first.
    path: Vec<String>,
    reason: String,
    not_utf8: bool,
}

impl Fault {
    #[cold]
    fn new(offset: usize, reason: impl Into<String>) -> Box<Self> {
        Box::new(Self { offset, path: Vec::new(), reason: reason.into(), not_utf8: false })
    }

    fn into_error(mut self) -> DecodeError {
        self.path.reverse();
        let path = self.path.join(".");
        let Self { offset, reason, not_utf8, .. } = self;
        DecodeError { offset, path, reason, not_utf8 }
    }
}

/// The end of the attribute at `at`, if it is what most are: short text. It is right at a glance.
#[inline]
fn text_attribute_end(buf: &[u8], at: usize) -> Option<usize> {
    let [_, length @ ..0x80, rest @ ..] = buf.get(at..)? else { return None };
    let usual = is_text_attribute(rest.get(..usize::from(*length))?);
    usual.then_some(at + 2 + usize::from(*length))
}

#[cold]
fn eof(offset: usize) -> Box<Fault> {
    Fault::new(offset, "unexpected EOF")
}

struct Pass<'l> {
    limits: &'l Limits,
    /// Values that may still nest.
    depth: usize,
    seen: Checked,
}

impl Pass<'_> {
    #[expect(clippy::too_many_lines, reason = "the hot loop reads best in one piece")]
    fn message(&mut self, schema: &'static Message, buf: &[u8]) -> Result<(), Box<Fault>> {
        if schema.role == Role::Item {
            self.seen.items += 1;
        }
        // Bit n: field n was there, and was there again.
        let (mut once, mut twice, mut one_of) = (0u32, 0u32, false);
        let roomy = self.depth > 0 && self.limits.value_bytes >= SHORT_BYTES;
        let mut attributes = 0usize;
        // What stands from `run` to `at` is short strings and ASCII.
        let (mut run, mut at) = (0, 0);
        while at < buf.len() {
            if buf.get(at) == Some(&schema.attribute_tag) {
                if roomy && let Some(end) = text_attribute_end(buf, at) {
                    attributes += 1;
                    at = end;
                    continue;
                }
            } else if let Some((end, tag)) = schema.plain_end(buf, at) {
                let bit = 1 << (tag >> 3);
                twice |= once & bit;
                once |= bit;
                if tag & 7 == FIXED64 {
                    self.text(buf, run, at)?;
                    run = end;
                }
                at = end;
                continue;
            }
            let start = at;
            self.text(buf, run, start)?;
            let (tag, after) = read_varint(buf, at)?;
            let (number, wire) = (tag >> 3, last_8(tag & 7));
            let (length, body_at) = if wire == BYTES {
                let (length, after) = read_varint(buf, after)?;
                (length, after)
            } else {
                (
                    scalar_len(buf, after, wire)
                        .ok_or_else(|| bad_scalar(buf, start, after, tag))?,
                    after,
                )
            };
            let end = usize::try_from(length)
                .ok()
                .and_then(|length| body_at.checked_add(length))
                .filter(|end| *end <= buf.len())
                .ok_or_else(|| eof(buf.len()))?;
            let body = buf.get(body_at..end).unwrap_or_default();
            let field = schema.field(number);
            let fits = match field.kind {
                Wire::Message(child) => {
                    if wire == BYTES {
                        if child.role == Role::KeyValue {
                            attributes += 1;
                        }
                        if let Some(text_at) = self.usual_text(child.role, body) {
                            self.text(body, text_at, body.len())
                        } else if child.role == Role::AnyValue {
                            self.value(schema, child, body)
                        } else {
                            self.message(child, body)
                        }
                        .map_err(|fault| located(fault, schema, buf, start, body_at, number))?;
                        true
                    } else {
                        false
                    }
                }
                Wire::Text => {
                    let fits = wire == BYTES;
                    if fits {
                        self.text(buf, body_at, end)?;
                    }
                    fits
                }
                Wire::Blob => wire == BYTES,
                Wire::Varint => wire == VARINT,
                Wire::Fixed64 => wire == FIXED64,
                Wire::Fixed32 => wire == FIXED32,
                Wire::Varints => {
                    wire == VARINT || wire == BYTES && check_packed_varints(body, body_at)?
                }
                Wire::Fixed64s => {
                    wire == FIXED64 || wire == BYTES && check_packed_fixed(body, body_at)?
                }
                Wire::TraceId => wire == BYTES && check_id(body, 16, "TraceID", body_at)?,
                Wire::SpanId => wire == BYTES && check_id(body, 8, "SpanID", body_at)?,
                Wire::Unknown => {
                    if number == 0 || number > u64::from(u32::MAX >> 3) {
                        return Err(illegal_tag(start, tag));
                    }
                    true
                }
            };
            if !fits {
                return Err(wrong_wire(start, wire, field.name));
            }
            if field.rule == Rule::OneOf {
                self.seen.repeats |= one_of;
                one_of = true;
            } else if field.rule == Rule::Once {
                // All known numbers are below 32.
                twice |= once & 1 << number;
                once |= 1 << number;
            }
            at = end;
            run = end;
        }
        self.text(buf, run, at)?;
        self.seen.repeats |= twice & schema.once != 0;
        if attributes > self.limits.attributes && schema.role != Role::Map {
            return Err(Fault::new(0, too_many(attributes, self.limits.attributes)));
        }
        Ok(())
    }

    /// Looks at what has to be text.
    #[inline]
    fn text(&mut self, buf: &[u8], from: usize, to: usize) -> Result<(), Box<Fault>> {
        let passes = from == to || self.limits.not_utf8 == NotUtf8::Pass;
        if passes { Ok(()) } else { self.some_text(buf, from, to) }
    }

    // Kept out of the hot loop, which has enough to keep in registers.
    #[inline(never)]
    fn some_text(&mut self, buf: &[u8], from: usize, to: usize) -> Result<(), Box<Fault>> {
        let text = buf.get(from..to).unwrap_or_default();
        if is_ascii(text) {
            return Ok(());
        }
        let Err(error) = str::from_utf8(text) else { return Ok(()) };
        if self.limits.not_utf8 == NotUtf8::Replace {
            self.seen.not_utf8 = true;
            return Ok(());
        }
        let at = from + error.valid_up_to();
        let fault = Fault::new(at, "string field contains invalid UTF-8");
        Err(Box::new(Fault { not_utf8: true, ..*fault }))
    }

    /// Where the text begins of what most bodies are: text. All else in it is right at a glance.
    #[inline]
    fn usual_text(&self, role: Role, body: &[u8]) -> Option<usize> {
        let usual =
            role == Role::AnyValue && self.depth > 0 && self.limits.value_bytes >= body.len();
        text_at(body).filter(|_| usual)
    }

    /// An `AnyValue` inside of a message of `parent`.
    fn value(
        &mut self,
        parent: &'static Message,
        schema: &'static Message,
        buf: &[u8],
    ) -> Result<(), Box<Fault>> {
        if parent.role == Role::KeyValue && buf.len() > self.limits.value_bytes {
            return Err(Fault::new(0, too_long(buf.len(), self.limits.value_bytes)));
        }
        if self.depth == 0 {
            return Err(Fault::new(0, "values nest too deep"));
        }
        self.depth -= 1;
        self.message(schema, buf)?;
        self.depth += 1;
        Ok(())
    }
}

/// Bytes that are looked at together: two vectors of SSE2, which every x86-64 has.
const BLOCK_BYTES: usize = 32;

/// `[u8]::is_ascii` looks at eight bytes at a time and stops at the first that is not; this is for text that is ASCII,
/// mostly, and takes a quarter of the instructions.
#[inline]
pub(crate) fn is_ascii(text: &[u8]) -> bool {
    if let Some(last) = text.last_chunk::<BLOCK_BYTES>() {
        // What the blocks leave is in the last bytes, some of which are looked at twice.
        let mut all = *last;
        for block in text.as_chunks::<BLOCK_BYTES>().0 {
            all.iter_mut().zip(block).for_each(|(all, byte)| *all |= byte);
        }
        return all.iter().fold(0, |all, byte| all | byte) < 0x80;
    }
    if let Some(last) = text.last_chunk::<8>() {
        let words = text.as_chunks::<8>().0.iter().map(|word| u64::from_ne_bytes(*word));
        let all = words.fold(u64::from_ne_bytes(*last), |all, word| all | word);
        return all & 0x8080_8080_8080_8080 == 0;
    }
    text.iter().fold(0, |all, byte| all | byte) < 0x80
}

/// Values shorter than this have lengths of one byte; 128 and what is around the text.
const SHORT_BYTES: usize = 0x80;
/// Tags of `KeyValue.key`, `KeyValue.value` and `AnyValue.string_value`.
const KEY: u8 = 1 << 3 | BYTES;
const VALUE: u8 = 2 << 3 | BYTES;
const TEXT: u8 = 1 << 3 | BYTES;

/// A key and a text, each shorter than 128 bytes, and nothing else.
#[inline]
fn is_text_attribute(body: &[u8]) -> bool {
    let [KEY, key @ ..0x80, rest @ ..] = body else { return false };
    match rest.get(usize::from(*key)..) {
        Some([VALUE, length @ ..0x80, value @ ..]) => {
            usize::from(*length) == value.len() && text_at(value).is_some()
        }
        _ => false,
    }
}

/// Where the text begins in a value that is a text shorter than 16 KiB and nothing else.
#[inline]
fn text_at(body: &[u8]) -> Option<usize> {
    let (length, text, at) = match body {
        [TEXT, length @ ..0x80, text @ ..] => (usize::from(*length), text, 2),
        [TEXT, low, high @ ..0x80, text @ ..] => {
            (usize::from(*low & 0x7f) | usize::from(*high) << 7, text, 3)
        }
        _ => return None,
    };
    (length == text.len()).then_some(at)
}

#[cold]
fn too_many(count: usize, limit: usize) -> String {
    format!("{count} attributes where at most {limit} are accepted")
}

#[cold]
fn too_long(length: usize, limit: usize) -> String {
    format!("an attribute value of {length} bytes where at most {limit} are accepted")
}

#[inline]
fn read_varint(buf: &[u8], at: usize) -> Result<(u64, usize), Box<Fault>> {
    varint(buf, at).ok_or_else(|| bad_varint(buf, at))
}

#[cold]
fn bad_varint(buf: &[u8], at: usize) -> Box<Fault> {
    let rest = buf.get(at..).unwrap_or_default();
    if rest.len() < 10 && rest.iter().all(|byte| *byte >= 0x80) {
        return eof(buf.len());
    }
    Fault::new(at, "proto: integer overflow")
}

/// Bytes of a scalar after its tag.
#[inline]
fn scalar_len(buf: &[u8], at: usize, wire: u8) -> Option<u64> {
    match wire {
        VARINT => varint(buf, at).map(|(_, end)| (end - at) as u64),
        FIXED64 => Some(8),
        FIXED32 => Some(4),
        _ => None,
    }
}

#[cold]
fn bad_scalar(buf: &[u8], start: usize, after: usize, tag: u64) -> Box<Fault> {
    match tag & 7 {
        0 => bad_varint(buf, after),
        3 if is_cut_group(buf, after) => eof(buf.len()),
        3 | 4 => Fault::new(start, "proto: groups are not supported"),
        _ => illegal_tag(start, tag),
    }
}

/// True when the fields of a group lead beyond the end of the input, which is what Go notices first.
/// Text sent as protobuf looks like this: `{` is the start of a group.
fn is_cut_group(buf: &[u8], mut at: usize) -> bool {
    while let Some((tag, after)) = varint(buf, at) {
        let end = match last_8(tag & 7) {
            4 => return false,
            3 => Some(after),
            BYTES => {
                varint(buf, after).and_then(|(len, at)| at.checked_add(usize::try_from(len).ok()?))
            }
            wire => match scalar_len(buf, after, wire) {
                Some(len) => usize::try_from(len).ok().and_then(|it| after.checked_add(it)),
                None if wire == VARINT => None,
                None => return false,
            },
        };
        match end {
            Some(end) if end <= buf.len() => at = end,
            _ => return true,
        }
    }
    true
}

#[cold]
fn illegal_tag(start: usize, tag: u64) -> Box<Fault> {
    Fault::new(start, format!("proto: illegal tag {} (wire type {})", tag >> 3, tag & 7))
}

#[cold]
fn wrong_wire(start: usize, wire: u8, name: &str) -> Box<Fault> {
    Fault::new(start, format!("proto: wrong wireType = {wire} for field {}", go_name(name)))
}

/// `time_unix_nano` as the Collector's generated code names it: `TimeUnixNano`.
fn go_name(name: &str) -> String {
    let capital = |word: &str| {
        let (first, rest) = word.split_at_checked(1).unwrap_or_default();
        first.to_ascii_uppercase() + rest
    };
    name.split('_').map(capital).collect()
}

fn check_packed_varints(body: &[u8], offset: usize) -> Result<bool, Box<Fault>> {
    let mut at = 0;
    while at < body.len() {
        (_, at) = read_varint(body, at).map_err(|mut fault| {
            fault.offset += offset;
            fault
        })?;
    }
    Ok(true)
}

fn check_packed_fixed(body: &[u8], offset: usize) -> Result<bool, Box<Fault>> {
    if body.len().is_multiple_of(8) { Ok(true) } else { Err(eof(offset + body.len())) }
}

fn check_id(body: &[u8], length: usize, name: &str, offset: usize) -> Result<bool, Box<Fault>> {
    if body.is_empty() || body.len() == length {
        return Ok(true);
    }
    Err(Fault::new(offset, format!("unmarshal: invalid {name} length")))
}

/// Adds a step to the way of an error: the field at `start` of `buf`.
#[cold]
fn located(
    mut fault: Box<Fault>,
    schema: &Message,
    buf: &[u8],
    start: usize,
    body_at: usize,
    number: u64,
) -> Box<Fault> {
    let field = schema.field(number);
    fault.offset += body_at;
    fault.path.push(if field.rule == Rule::Repeated {
        let before = crate::wire::Reader::new(buf.get(..start).unwrap_or_default());
        let index = before.filter(|it| u64::from(it.number) == number).count();
        format!("{}[{index}]", field.name)
    } else {
        field.name.to_owned()
    });
    fault
}
