//! OTLP/JSON text to OTLP bytes, in one pass. Fields are written in the order of the text: protobuf
//! gives a scalar that comes twice its last value and joins lists, which is what the Collector does
//! with duplicate keys. Only a second member of a oneof has to replace the first one by hand.

use bytes::Bytes;

use super::scan::{Scanner, Start};
use super::{JsonError, number};
use crate::bits::extended;
use crate::buffer;
use crate::schema::{Field, Kind, Label, Message, Role};
use crate::text::{Base64, hex_value};
use crate::wire::{BYTES, Writer, field_len, zigzag};

/// Deepest nesting of values whatever the configured limit: bounds the stack.
const DEPTH_MAX: usize = 256;

/// The bytes of the request that `text` holds.
pub(super) fn transcode(
    schema: &'static Message,
    text: &[u8],
    depth: usize,
) -> Result<Bytes, JsonError> {
    // OTLP/JSON is about one and a half times to three times as long as OTLP. One that is not makes
    // the buffer twice as large.
    let writer = Writer { buf: buffer::take(text.len() / 4 * 3) };
    let mut reader = Reader {
        scan: Scanner::new(text),
        out: writer,
        scratch: Vec::new(),
        depth: depth.min(DEPTH_MAX),
    };
    reader.message(schema)?;
    Ok(buffer::freeze(reader.out.buf))
}

struct Reader<'a> {
    scan: Scanner<'a>,
    out: Writer,
    /// Decoded base64.
    scratch: Vec<u8>,
    /// Levels of values that may still open.
    depth: usize,
}

impl Reader<'_> {
    /// The members of one object, as the body of a message.
    fn message(&mut self, schema: &'static Message) -> Result<(), JsonError> {
        if self.scan.object()? == Start::Nothing {
            return Ok(());
        }
        if schema.role == Role::AnyValue {
            let Some(left) = self.depth.checked_sub(1) else {
                return Err(self.scan.fail("incrementDepth", "exceeded max depth"));
            };
            self.depth = left;
        }
        // Where the next field is expected in the schema, and where the member of a oneof stands.
        let (mut expected, mut oneof) = (0, None);
        loop {
            match self.member(schema, &mut expected)? {
                None => self.scan.skip()?,
                Some(field) if field.label == Label::Oneof => {
                    let start = self.out.len();
                    self.field(field)?;
                    let end = self.out.len();
                    if let Some((from, to)) = oneof.replace((start, end)) {
                        self.out.buf.drain(from..to);
                        oneof = Some((start - (to - from), end - (to - from)));
                    }
                }
                Some(field) => self.field(field)?,
            }
            if !self.scan.another_member()? {
                break;
            }
        }
        self.depth += usize::from(schema.role == Role::AnyValue);
        Ok(())
    }

    /// The field that the next key names. Senders write fields in the order of the schema, mostly.
    #[inline]
    fn member(
        &mut self,
        schema: &'static Message,
        expected: &mut usize,
    ) -> Result<Option<&'static Field>, JsonError> {
        if self.scan.peek() == b'"' {
            let mut index = *expected;
            while let Some(field) = schema.fields.get(index) {
                index += 1;
                if self.scan.takes_key(field.name) {
                    *expected = index;
                    return Ok(Some(field));
                }
            }
        }
        Ok(find(schema, self.scan.key()?, expected))
    }

    /// The value of one member.
    fn field(&mut self, field: &'static Field) -> Result<(), JsonError> {
        match (field.label, field.kind) {
            (Label::Repeated, Kind::Message(schema)) => self.messages(field.number, schema),
            (Label::Repeated, Kind::Str) => self.strings(field.number),
            (Label::Repeated, kind) => self.packed(field.number, kind),
            (_, Kind::Message(schema)) => self.nested(field.number, schema),
            (_, kind) => self.scalar(field.number, kind),
        }
    }

    fn nested(&mut self, number: u32, schema: &'static Message) -> Result<(), JsonError> {
        if self.text(number, schema) {
            return Ok(());
        }
        let open = self.out.open(number, schema.width);
        self.message(schema)?;
        self.out.close(open);
        Ok(())
    }

    /// A value that is a text, or an attribute whose value is one: most are, and their lengths are
    /// known before they are written. False when it is something else, or not written as usual; then
    /// nothing has been read.
    #[inline]
    fn text(&mut self, number: u32, schema: &'static Message) -> bool {
        if self.depth == 0 {
            return false;
        }
        match schema.role {
            Role::AnyValue => {
                let Some((text, end)) = self.scan.text_value(self.scan.at) else { return false };
                self.scan.at = end;
                self.out.text_value(number, text);
            }
            Role::KeyValue => {
                let Some((key, text, end)) = self.scan.text_pair() else { return false };
                self.scan.at = end;
                let value = field_len(1, text.len());
                self.out.tag(number, BYTES);
                self.out.varint((field_len(1, key.len()) + field_len(2, value)) as u64);
                self.out.bytes_field(1, key);
                self.out.text_value(2, text);
            }
            Role::Plain | Role::Item | Role::Map => return false,
        }
        true
    }

    fn messages(&mut self, number: u32, schema: &'static Message) -> Result<(), JsonError> {
        let mut more = self.scan.array()? == Start::Members;
        while more {
            self.nested(number, schema)?;
            more = self.scan.another_element()?;
        }
        Ok(())
    }

    fn strings(&mut self, number: u32) -> Result<(), JsonError> {
        let mut more = self.scan.array()? == Start::Members;
        while more {
            let text = self.scan.string()?;
            self.out.bytes_field(number, text);
            more = self.scan.another_element()?;
        }
        Ok(())
    }

    fn packed(&mut self, number: u32, kind: Kind) -> Result<(), JsonError> {
        if self.scan.array()? == Start::Nothing {
            return Ok(());
        }
        let open = self.out.open(number, 1);
        loop {
            match kind {
                Kind::Fixed64 => {
                    let value = number::uint64(&mut self.scan)?;
                    self.out.raw(&value.to_le_bytes());
                }
                Kind::Double => {
                    let value = number::double(&mut self.scan)?;
                    self.out.raw(&value.to_le_bytes());
                }
                _ => {
                    let value = number::uint64(&mut self.scan)?;
                    self.out.varint(value);
                }
            }
            if !self.scan.another_element()? {
                break;
            }
        }
        self.out.close(open);
        Ok(())
    }

    fn scalar(&mut self, number: u32, kind: Kind) -> Result<(), JsonError> {
        let scan = &mut self.scan;
        match kind {
            Kind::Str => {
                let text = scan.string()?;
                self.out.bytes_field(number, text);
            }
            Kind::Bytes => self.base64(number)?,
            Kind::Id(length) => self.id(number, length)?,
            Kind::Bool => {
                let value = scan.boolean()?;
                self.out.varint_field(number, u64::from(value));
            }
            Kind::Double => {
                let value = number::double(scan)?;
                self.out.fixed64_field(number, value.to_bits());
            }
            Kind::Fixed64 => {
                let value = number::uint64(scan)?;
                self.out.fixed64_field(number, value);
            }
            Kind::Sfixed64 => {
                let value = number::int64(scan)?;
                self.out.fixed64_field(number, value.cast_unsigned());
            }
            Kind::Uint64 => {
                let value = number::uint64(scan)?;
                self.out.varint_field(number, value);
            }
            Kind::Int64 => {
                let value = number::int64(scan)?;
                self.out.varint_field(number, value.cast_unsigned());
            }
            Kind::Fixed32 => {
                let value = number::uint32(scan)?;
                self.out.fixed32_field(number, value);
            }
            Kind::Uint32 => {
                let value = number::uint32(scan)?;
                self.out.varint_field(number, u64::from(value));
            }
            Kind::Int32 => {
                let value = number::int32(scan)?;
                self.out.varint_field(number, extended(value));
            }
            Kind::Sint32 => {
                let value = number::int32(scan)?;
                self.out.varint_field(number, u64::from(zigzag(value)));
            }
            Kind::Enum(names) => {
                let value = number::enumeration(scan, names)?;
                self.out.varint_field(number, extended(value));
            }
            Kind::Message(schema) => self.nested(number, schema)?,
        }
        Ok(())
    }

    /// A trace or span id: hexadecimal of exactly its length, or empty.
    fn id(&mut self, number: u32, length: usize) -> Result<(), JsonError> {
        const OPERATION: &str = "ID.UnmarshalJSONIter";
        let text = self.scan.plain_string()?;
        if text.is_empty() {
            self.out.bytes_field(number, &[]);
            return Ok(());
        }
        if text.len() / 2 != length {
            return Err(self.scan.fail(OPERATION, "length mismatch"));
        }
        self.out.tag(number, BYTES);
        self.out.varint(length as u64);
        for pair in text.chunks(2) {
            let mut byte = 0;
            for &digit in pair {
                let Some(value) = hex_value(digit) else {
                    let reason = hex_issue(digit);
                    return Err(self.scan.fail(OPERATION, &reason));
                };
                byte = byte << 4 | value;
            }
            if pair.len() != 2 {
                let reason = "encoding/hex: odd length hex string";
                return Err(self.scan.fail(OPERATION, reason));
            }
            self.out.buf.push(byte);
        }
        Ok(())
    }

    fn base64(&mut self, number: u32) -> Result<(), JsonError> {
        let text = self.scan.plain_string()?;
        self.scratch.clear();
        if let Err(at) = Base64::STANDARD.decode_to(text, &mut self.scratch) {
            let reason = format!("illegal base64 data at input byte {at}");
            return Err(self.scan.fail("base64.Decode", &reason));
        }
        self.out.bytes_field(number, &self.scratch);
        Ok(())
    }
}

/// The field with this name.
fn find(schema: &'static Message, key: &[u8], expected: &mut usize) -> Option<&'static Field> {
    let (before, after) = schema.fields.split_at_checked(*expected)?;
    let of = |field: &&Field| field.name.as_bytes() == key || field.snake.as_bytes() == key;
    let index = match after.iter().position(|field| of(&field)) {
        Some(index) => before.len() + index,
        None => before.iter().position(|field| of(&field))?,
    };
    *expected = index + 1;
    schema.fields.get(index)
}

#[cold]
fn hex_issue(digit: u8) -> String {
    let it = char::from(digit);
    if it.is_control() {
        return format!("encoding/hex: invalid byte: U+{digit:04X}");
    }
    format!("encoding/hex: invalid byte: U+{digit:04X} '{it}'")
}
