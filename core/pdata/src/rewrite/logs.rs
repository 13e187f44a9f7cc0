//! Changes log records.

use super::groups::{resource_attributes, scope_attributes};
use super::splice::body_at;
use super::{AttributesEdit, ITEM_LEVEL, ResourceEdit, ScopeEdit, Scratch, message_edit};
use crate::batch::count;
use crate::build::ValueWriter;
use crate::data::{Logs, Signal};
use crate::fields::log;
use crate::value::Value;
use crate::view::{LogRecord, ResourceLogs, ResourceRef, ScopeRef};
use crate::wire::Field;

impl Logs {
    /// Rewrites it resource by resource. Without changes nothing is copied.
    #[must_use]
    pub fn rewrite(
        &self,
        scratch: &mut Scratch,
        mut visit: impl FnMut(ResourceLogs<'_>, &mut ResourceEdit<'_, Logs>),
    ) -> Logs {
        let (chunks, dropped) = super::rewrite(&self.chunks, scratch, |chunk, scratch, field| {
            let mut edit = ResourceEdit::new(chunk, scratch, field);
            visit(ResourceLogs::new(field.payload.bytes()), &mut edit);
            edit.group.finish();
        });
        let items = dropped.left(self.items, || count(Signal::Logs, &chunks));
        Logs { chunks, items }
    }

    /// Keeps the records for which `keep` says true.
    #[must_use]
    pub fn retain_records(&self, mut keep: impl FnMut(LogRecord<'_>) -> bool) -> Logs {
        self.rewrite(&mut Scratch::new(), |_, edit| {
            edit.records(|record, edit| {
                if !keep(record) {
                    edit.drop();
                }
            });
        })
    }
}

impl ResourceEdit<'_, Logs> {
    /// Visits the records of all scopes. To be called at most once.
    #[inline]
    pub fn records(&mut self, mut visit: impl FnMut(LogRecord<'_>, &mut RecordEdit<'_>)) {
        self.scopes(|scope| scope.records(&mut visit));
    }
}

impl ScopeEdit<'_, Logs> {
    /// Visits the records. To be called at most once.
    #[inline]
    pub fn records(&mut self, mut visit: impl FnMut(LogRecord<'_>, &mut RecordEdit<'_>)) {
        let (resource, scope) = (self.resource(), self.scope());
        self.group.walk(|chunk, scratch, field| {
            let src = field.payload.bytes();
            let record = LogRecord::new(src);
            scratch.level(ITEM_LEVEL).begin();
            let mut edit = RecordEdit { src, from: 0, scratch, resource, scope };
            visit(record, &mut edit);
            finish(chunk, scratch, field)
        });
    }
}

/// Writes a record or span: false if it was dropped.
#[inline]
pub(super) fn finish(chunk: &[u8], scratch: &mut Scratch, field: &Field<'_>) -> bool {
    let Scratch { splice, levels, dropped, .. } = scratch;
    let Some(level) = levels.get_mut(ITEM_LEVEL) else { return true };
    if level.dropped {
        dropped.items += 1;
        splice.skip(chunk, field.start, field.end);
        return false;
    }
    if level.is_edited() {
        let frame = splice.open(chunk, field);
        level.apply(field.payload.bytes(), chunk, body_at(field), splice);
        splice.close(chunk, &frame);
    }
    true
}

/// Changes one log record.
pub struct RecordEdit<'e> {
    src: &'e [u8],
    from: usize,
    scratch: &'e mut Scratch,
    resource: ResourceRef<'e>,
    scope: ScopeRef<'e>,
}

message_edit!(RecordEdit, LogRecord, log, ITEM_LEVEL);

impl<'e> RecordEdit<'e> {
    /// Where it came from, as it was.
    pub fn resource(&self) -> ResourceRef<'e> {
        self.resource
    }

    /// What wrote it, as it was.
    pub fn scope(&self) -> ScopeRef<'e> {
        self.scope
    }

    /// The attributes of the resource.
    pub fn resource_attributes(&mut self) -> AttributesEdit<'_> {
        resource_attributes(self.scratch, self.resource)
    }

    /// The attributes of the scope.
    pub fn scope_attributes(&mut self) -> AttributesEdit<'_> {
        scope_attributes(self.scratch, self.scope)
    }

    /// When it happened.
    pub fn time_unix_nano(&mut self, value: u64) {
        self.level().set_fixed64(log::TIME, value);
    }

    /// When it was seen.
    pub fn observed_time_unix_nano(&mut self, value: u64) {
        self.level().set_fixed64(log::OBSERVED, value);
    }

    /// 1 (TRACE) to 24 (FATAL4).
    pub fn severity_number(&mut self, value: i32) {
        self.level().set_varint(log::SEVERITY_NUMBER, i64::from(value) as u64);
    }

    /// The severity as the source wrote it.
    pub fn severity_text(&mut self, value: &str) {
        self.level().set_bytes(log::SEVERITY_TEXT, value.as_bytes());
    }

    /// The body.
    pub fn body<'v>(&mut self, value: impl Into<Value<'v>>) {
        let value = value.into();
        self.level().set(1 << log::BODY, |out| value.write_field(log::BODY, out));
    }

    /// The body, streamed by `write`.
    pub fn body_with(&mut self, write: impl FnOnce(&mut ValueWriter<'_>)) {
        self.level().set(1 << log::BODY, |out| {
            let body = out.open(log::BODY, 2);
            write(&mut ValueWriter::new(out));
            out.close(body);
        });
    }

    /// Sets the value at a path through maps in the body.
    pub fn body_path<'v>(&mut self, keys: &[&str], value: impl Into<Value<'v>>) {
        let value = value.into();
        self.change_body(|old, out| {
            super::path::set(old, keys, &value, out);
            true
        });
    }

    /// Removes the value at a path through maps in the body: true if there was one.
    pub fn remove_body_path(&mut self, keys: &[&str]) -> bool {
        self.change_body(|old, out| super::path::remove(old, keys, out))
    }

    fn change_body(
        &mut self,
        change: impl FnOnce(&[u8], &mut crate::wire::Writer) -> bool,
    ) -> bool {
        let old = self.current().body_encoded().unwrap_or_default().to_vec();
        let mut written = crate::wire::Writer::default();
        let changed = change(&old, &mut written);
        if changed {
            self.body(Value::Encoded(&written.buf));
        }
        changed
    }

    /// Attributes that were dropped.
    pub fn dropped_attributes_count(&mut self, value: u32) {
        self.level().set_varint(log::DROPPED, u64::from(value));
    }

    /// Trace flags.
    pub fn flags(&mut self, value: u32) {
        self.level().set_fixed32(log::FLAGS, value);
    }

    /// 16 bytes; anything else means none.
    pub fn trace_id(&mut self, id: &[u8]) {
        self.level().set_id(log::TRACE_ID, 16, id);
    }

    /// 8 bytes; anything else means none.
    pub fn span_id(&mut self, id: &[u8]) {
        self.level().set_id(log::SPAN_ID, 8, id);
    }

    /// Name of the kind of event.
    pub fn event_name(&mut self, value: &str) {
        self.level().set_bytes(log::EVENT_NAME, value.as_bytes());
    }
}
