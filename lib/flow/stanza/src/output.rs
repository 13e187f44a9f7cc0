//! Records to OTLP. Consecutive records of one resource and scope share the group they are in.

use pdata::{Logs, LogsBuilder};

use crate::entry::Entry;
use crate::frozen;
use golang::severity::NAMES;

/// The records of a worker that have passed all operators.
#[derive(Debug, Default)]
pub(crate) struct Output {
    builder: LogsBuilder,
    open: Open,
    scope: String,
    /// Canonical bytes of the open resource, if it is a record's own.
    own: Vec<u8>,
    scratch: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Open {
    #[default]
    None,
    Shared(u32),
    Own,
}

impl Output {
    /// Adds a record.
    pub(crate) fn write(&mut self, entry: &Entry<'_>) {
        let opened = self.open_resource(entry);
        if opened || self.scope != entry.scope {
            entry.scope.clone_into(&mut self.scope);
            self.builder.scope(entry.scope, "");
        }
        self.builder.record(|record| {
            if let Some(time) = entry.timestamp {
                record.time_unix_nano(time.cast_unsigned());
            }
            record.observed_time_unix_nano(entry.observed);
            if entry.severity > 0 {
                record.severity_number(i32::from(entry.severity));
            }
            let name = match entry.severity_text {
                "" if entry.severity > 0 => {
                    NAMES.get(usize::from(entry.severity)).copied().unwrap_or_default()
                }
                text => text,
            };
            if !name.is_empty() {
                record.severity_text(name);
            }
            record.body(entry.body);
            entry.attributes.iter().for_each(|(key, value)| record.attribute(key, *value));
            if let Some(flags) = entry.trace_flags.first().filter(|it| **it != 0) {
                record.flags(u32::from(*flags));
            }
            if let Some(id) = fixed::<16>(entry.trace_id) {
                record.trace_id(&id);
            }
            if let Some(id) = fixed::<8>(entry.span_id) {
                record.span_id(&id);
            }
        });
    }

    /// Opens the resource of a record unless it is the open one. True if it was opened.
    fn open_resource(&mut self, entry: &Entry<'_>) -> bool {
        if let Some(shared) = entry.resource.as_shared() {
            if self.open == Open::Shared(shared.id) {
                return false;
            }
            self.open = Open::Shared(shared.id);
            self.builder.resource(|attributes| {
                shared.pairs.iter().for_each(|(key, value)| attributes.put(key, value));
            });
            return true;
        }
        let own = entry.resource.as_own();
        self.scratch.clear();
        frozen::pairs(&mut self.scratch, own);
        if self.open == Open::Own && self.own == self.scratch {
            return false;
        }
        self.open = Open::Own;
        std::mem::swap(&mut self.own, &mut self.scratch);
        self.builder.resource(|attributes| {
            for (key, value) in own {
                attributes.put(key, *value);
            }
        });
        true
    }

    /// Records so far.
    pub(crate) fn items(&self) -> usize {
        self.builder.items()
    }

    /// Bytes so far.
    pub(crate) fn bytes(&self) -> usize {
        self.builder.bytes()
    }

    /// Ends the payload.
    pub(crate) fn finish(&mut self) -> Logs {
        self.open = Open::None;
        if self.builder.items() == 0 { Logs::default() } else { self.builder.finish() }
    }
}

/// An id of `N` bytes, cut or padded with zeros; none if all are zero.
fn fixed<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    if bytes.iter().take(N).all(|it| *it == 0) {
        return None;
    }
    let mut id = [0; N];
    id.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    Some(id)
}
