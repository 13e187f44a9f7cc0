//! Merges fields that a sender repeated although they may occur once. Proto3 says a repeated
//! singular message is merged field by field, which is what decoding the concatenated bodies does;
//! of a oneof the last member counts, merged with what directly precedes it of the same member.
//! Views can then stop at the first occurrence. Senders do this practically never, so this is
//! short rather than fast.

use std::iter;

use crate::schema::{Message, Rule, Wire};
use crate::wire::{Field, Reader, Writer};

/// `buf`, a validated message of `schema`, with every such message merged.
pub(crate) fn normalise(schema: &'static Message, buf: &[u8]) -> Vec<u8> {
    let fields: Vec<Field<'_>> = Reader::new(buf).collect();
    let mut out = Writer::default();
    // Bit n: the messages n have been merged. Only known fields, all below 32, are.
    let mut merged = 0u32;
    for (index, field) in fields.iter().enumerate() {
        let known = schema.field(u64::from(field.number));
        let (before, after) = (fields.get(..index), fields.get(index + 1..));
        let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
        match (known.kind, known.rule) {
            (_, Rule::OneOf) if after.iter().any(|it| schema.is_one_of(it.number)) => {}
            (Wire::Message(child), Rule::OneOf) => {
                let members = before.iter().rev().filter(|it| schema.is_one_of(it.number));
                let same = members.take_while(|it| it.number == field.number);
                let mut bodies: Vec<&Field<'_>> = iter::once(field).chain(same).collect();
                bodies.reverse();
                out.bytes_field(field.number, &normalise(child, &concatenated(&bodies)));
            }
            (Wire::Message(_), Rule::Once) if merged & (1 << field.number) != 0 => {}
            (Wire::Message(child), Rule::Once) => {
                merged |= 1 << field.number;
                let bodies: Vec<&Field<'_>> =
                    fields.iter().filter(|it| it.number == field.number).collect();
                out.bytes_field(field.number, &normalise(child, &concatenated(&bodies)));
            }
            (Wire::Message(child), Rule::Repeated) => {
                out.bytes_field(field.number, &normalise(child, field.payload.bytes()));
            }
            // Of a scalar the last one counts.
            (_, Rule::Once) if after.iter().any(|it| it.number == field.number) => {}
            _ => out.raw(buf.get(field.start..field.end).unwrap_or_default()),
        }
    }
    out.buf
}

fn concatenated(fields: &[&Field<'_>]) -> Vec<u8> {
    fields.iter().flat_map(|field| field.payload.bytes().iter().copied()).collect()
}
