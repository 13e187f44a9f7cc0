//! A record that waits, as bytes of its own: the arena of its line is gone by the time it goes on.

use bumpalo::Bump;

use crate::entry::{Entry, Origin, Resource};
use crate::files::{File, Files};
use crate::value::{Pair, Pairs, Value};

/// Writes a record into `out`, which is emptied first. Its origins are not in it.
pub(crate) fn freeze(entry: &Entry<'_>, arena: &Bump, out: &mut Vec<u8>) {
    out.clear();
    number(out, u64::from(entry.timestamp.is_some()));
    number(out, entry.timestamp.unwrap_or(0).cast_unsigned());
    number(out, entry.observed);
    number(out, u64::from(entry.severity));
    bytes(out, entry.severity_text.as_bytes());
    bytes(out, entry.scope.as_bytes());
    for id in [entry.trace_id, entry.span_id, entry.trace_flags] {
        bytes(out, id);
    }
    value(out, &entry.body);
    pairs(out, &entry.attributes);
    number(out, entry.resource.as_shared().map_or(0, |it| u64::from(it.id) + 1));
    pairs(out, entry.resource.slice(arena));
}

/// Writes a map in a form in which equal maps have equal bytes.
pub(crate) fn pairs(out: &mut Vec<u8>, of: &[Pair<'_>]) {
    number(out, of.len() as u64);
    for (key, it) in of {
        bytes(out, key.as_bytes());
        value(out, it);
    }
}

fn number(out: &mut Vec<u8>, it: u64) {
    out.extend_from_slice(&it.to_le_bytes());
}

fn bytes(out: &mut Vec<u8>, it: &[u8]) {
    number(out, it.len() as u64);
    out.extend_from_slice(it);
}

fn value(out: &mut Vec<u8>, it: &Value<'_>) {
    match it {
        Value::Str(it) => {
            out.push(1);
            bytes(out, it.as_bytes());
        }
        Value::Bool(it) => out.extend_from_slice(&[2, u8::from(*it)]),
        Value::Int(it) => {
            out.push(3);
            number(out, it.cast_unsigned());
        }
        Value::Double(it) => {
            out.push(4);
            number(out, it.to_bits());
        }
        Value::Bytes(it) => {
            out.push(5);
            bytes(out, it);
        }
        Value::Array(list) => {
            out.push(6);
            number(out, list.len() as u64);
            list.iter().for_each(|it| value(out, it));
        }
        Value::Map(of) => {
            out.push(7);
            pairs(out, of);
        }
        _ => out.push(0),
    }
}

/// The record again, in an arena; `None` if the bytes are none of ours.
pub(crate) fn thaw<'a>(
    frozen: &[u8],
    origins: &'a [Origin],
    arena: &'a Bump,
    files: &'a Files,
) -> Option<Entry<'a>> {
    let mut reader = Reader { rest: arena.alloc_slice_copy(frozen), arena };
    let known = reader.number()? == 1;
    let timestamp = known.then_some(reader.number()?.cast_signed()).filter(|_| known);
    let observed = reader.number()?;
    let severity = u8::try_from(reader.number()?).ok()?;
    let (severity_text, scope) = (reader.text()?, reader.text()?);
    let (trace_id, span_id) = (reader.bytes()?, reader.bytes()?);
    let trace_flags = reader.bytes()?;
    let body = reader.value()?;
    let attributes = reader.pairs()?;
    let shared = reader.number()?;
    let own = reader.pairs()?;
    let pod = origins.first().and_then(|it| files.get(it.file)).and_then(File::pod);
    let known = [Some(files.base()), pod].into_iter().flatten();
    let shared = known.into_iter().find(|it| u64::from(it.id) + 1 == shared);
    let resource = match shared {
        Some(shared) => Resource::shared(shared, arena),
        None => Resource::new(own),
    };
    Some(Entry {
        timestamp,
        observed,
        body,
        attributes,
        resource,
        severity,
        severity_text,
        trace_id,
        span_id,
        trace_flags,
        scope,
        origins,
    })
}

struct Reader<'a> {
    rest: &'a [u8],
    arena: &'a Bump,
}

impl<'a> Reader<'a> {
    fn number(&mut self) -> Option<u64> {
        let (head, rest) = self.rest.split_first_chunk::<8>()?;
        self.rest = rest;
        Some(u64::from_le_bytes(*head))
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.number()?).ok()?;
        let (head, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(head)
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    fn byte(&mut self) -> Option<u8> {
        let (head, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*head)
    }

    fn pairs(&mut self) -> Option<Pairs<'a>> {
        let len = self.number()?;
        let mut all = Pairs::with_capacity_in(usize::try_from(len).ok()?.min(64) + 4, self.arena);
        for _ in 0..len {
            all.push((self.text()?, self.value()?));
        }
        Some(all)
    }

    fn value(&mut self) -> Option<Value<'a>> {
        Some(match self.byte()? {
            1 => Value::Str(self.text()?),
            2 => Value::Bool(self.byte()? == 1),
            3 => Value::Int(self.number()?.cast_signed()),
            4 => Value::Double(f64::from_bits(self.number()?)),
            5 => Value::Bytes(self.bytes()?),
            6 => {
                let len = self.number()?;
                let mut all = bumpalo::collections::Vec::new_in(self.arena);
                for _ in 0..len {
                    all.push(self.value()?);
                }
                Value::Array(all.into_bump_slice())
            }
            7 => Value::Map(self.pairs()?.into_bump_slice()),
            _ => Value::Empty,
        })
    }
}
