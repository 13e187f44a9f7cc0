//! Changes spans, their events and links.

use super::groups::{resource_attributes, scope_attributes};
use super::level::Cut;
use super::logs::finish;
use super::{AttributesEdit, ITEM_LEVEL, ResourceEdit, ScopeEdit, Scratch, message_edit};
use crate::batch::count;
use crate::data::{Signal, Traces};
use crate::fields::{event, link, span, status};
use crate::view::{ResourceRef, ResourceSpans, ScopeRef, Span, SpanEvent, SpanLink};
use crate::wire::Reader;

impl Traces {
    /// Rewrites it resource by resource. Without changes nothing is copied.
    #[must_use]
    pub fn rewrite(
        &self,
        scratch: &mut Scratch,
        mut visit: impl FnMut(ResourceSpans<'_>, &mut ResourceEdit<'_, Traces>),
    ) -> Traces {
        let (chunks, dropped) = super::rewrite(&self.chunks, scratch, |chunk, scratch, field| {
            let mut edit = ResourceEdit::new(chunk, scratch, field);
            visit(ResourceSpans::new(field.payload.bytes()), &mut edit);
            edit.group.finish();
        });
        let items = dropped.left(self.items, || count(Signal::Traces, &chunks));
        Traces { chunks, items }
    }

    /// Keeps the spans for which `keep` says true.
    #[must_use]
    pub fn retain_spans(&self, mut keep: impl FnMut(Span<'_>) -> bool) -> Traces {
        self.rewrite(&mut Scratch::new(), |_, edit| {
            edit.spans(|span, edit| {
                if !keep(span) {
                    edit.drop();
                }
            });
        })
    }
}

impl ResourceEdit<'_, Traces> {
    /// Visits the spans of all scopes. To be called at most once.
    pub fn spans(&mut self, mut visit: impl FnMut(Span<'_>, &mut SpanEdit<'_>)) {
        self.scopes(|scope| scope.spans(&mut visit));
    }
}

impl ScopeEdit<'_, Traces> {
    /// Visits the spans. To be called at most once.
    pub fn spans(&mut self, mut visit: impl FnMut(Span<'_>, &mut SpanEdit<'_>)) {
        let (resource, scope) = (self.resource(), self.scope());
        self.group.walk(|chunk, scratch, field| {
            let src = field.payload.bytes();
            scratch.level(ITEM_LEVEL).begin();
            let mut edit = SpanEdit { src, from: 0, scratch, resource, scope };
            visit(Span::new(src), &mut edit);
            finish(chunk, scratch, field)
        });
    }
}

/// Visits the children `number` of the message `src`, whose edits are at level `parent`.
pub(super) fn children(
    src: &[u8],
    scratch: &mut Scratch,
    parent: usize,
    number: u32,
    mut visit: impl FnMut(&[u8], &mut Scratch),
) {
    for field in Reader::new(src) {
        if field.number != number {
            continue;
        }
        let body = field.payload.bytes();
        scratch.level(parent + 1).begin();
        visit(body, scratch);
        let Some((parent, child)) = scratch.pair(parent) else { return };
        let source = (field.start as u32, field.end as u32);
        if child.dropped {
            parent.cuts.push(Cut { source, arena: (0, 0) });
            parent.touch();
        } else if child.is_edited() {
            let open = parent.arena.open(number, 2);
            child.render(body, &mut parent.arena);
            parent.arena.close(open);
            let arena = (open.start as u32, parent.arena.len() as u32);
            parent.cuts.push(Cut { source, arena });
            parent.touch();
        }
    }
}

/// Changes one span.
pub struct SpanEdit<'e> {
    src: &'e [u8],
    from: usize,
    scratch: &'e mut Scratch,
    resource: ResourceRef<'e>,
    scope: ScopeRef<'e>,
}

message_edit!(SpanEdit, Span, span, ITEM_LEVEL);

impl<'e> SpanEdit<'e> {
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

    /// 16 bytes; anything else means none.
    pub fn trace_id(&mut self, id: &[u8]) {
        self.level().set_id(span::TRACE_ID, 16, id);
    }

    /// 8 bytes; anything else means none.
    pub fn span_id(&mut self, id: &[u8]) {
        self.level().set_id(span::SPAN_ID, 8, id);
    }

    /// 8 bytes; anything else means none.
    pub fn parent_span_id(&mut self, id: &[u8]) {
        self.level().set_id(span::PARENT, 8, id);
    }

    /// W3C trace state.
    pub fn trace_state(&mut self, value: &str) {
        self.level().set_bytes(span::TRACE_STATE, value.as_bytes());
    }

    /// Its name.
    pub fn name(&mut self, value: &str) {
        self.level().set_bytes(span::NAME, value.as_bytes());
    }

    /// `SpanKind`.
    pub fn kind(&mut self, value: i32) {
        self.level().set_varint(span::KIND, i64::from(value) as u64);
    }

    /// Trace flags and whether the parent is remote.
    pub fn flags(&mut self, value: u32) {
        self.level().set_fixed32(span::FLAGS, value);
    }

    /// When it began.
    pub fn start_time_unix_nano(&mut self, value: u64) {
        self.level().set_fixed64(span::START, value);
    }

    /// When it ended.
    pub fn end_time_unix_nano(&mut self, value: u64) {
        self.level().set_fixed64(span::END, value);
    }

    /// Attributes that were dropped.
    pub fn dropped_attributes_count(&mut self, value: u32) {
        self.level().set_varint(span::DROPPED_ATTRIBUTES, u64::from(value));
    }

    /// Events that were dropped.
    pub fn dropped_events_count(&mut self, value: u32) {
        self.level().set_varint(span::DROPPED_EVENTS, u64::from(value));
    }

    /// Links that were dropped.
    pub fn dropped_links_count(&mut self, value: u32) {
        self.level().set_varint(span::DROPPED_LINKS, u64::from(value));
    }

    /// How it ended: code (0 unset, 1 ok, 2 error) and message.
    pub fn status(&mut self, code: i32, message: &str) {
        self.level().set(1 << span::STATUS, |out| {
            let open = out.open(span::STATUS, 1);
            if !message.is_empty() {
                out.bytes_field(status::MESSAGE, message.as_bytes());
            }
            if code != 0 {
                out.varint_field(status::CODE, i64::from(code) as u64);
            }
            out.close(open);
        });
    }

    /// Visits its events. To be called at most once.
    pub fn events(&mut self, mut visit: impl FnMut(SpanEvent<'_>, &mut EventEdit<'_>)) {
        children(self.src, self.scratch, ITEM_LEVEL, span::EVENTS, |src, scratch| {
            visit(SpanEvent::new(src), &mut EventEdit { src, from: 0, scratch });
        });
    }

    /// Visits its links. To be called at most once.
    pub fn links(&mut self, mut visit: impl FnMut(SpanLink<'_>, &mut LinkEdit<'_>)) {
        children(self.src, self.scratch, ITEM_LEVEL, span::LINKS, |src, scratch| {
            visit(SpanLink::new(src), &mut LinkEdit { src, from: 0, scratch });
        });
    }
}

/// Changes one event of a span.
pub struct EventEdit<'e> {
    src: &'e [u8],
    from: usize,
    scratch: &'e mut Scratch,
}

message_edit!(EventEdit, SpanEvent, event, CHILD_LEVEL);

impl EventEdit<'_> {
    /// When it happened.
    pub fn time_unix_nano(&mut self, value: u64) {
        self.level().set_fixed64(event::TIME, value);
    }

    /// Its name.
    pub fn name(&mut self, value: &str) {
        self.level().set_bytes(event::NAME, value.as_bytes());
    }

    /// Attributes that were dropped.
    pub fn dropped_attributes_count(&mut self, value: u32) {
        self.level().set_varint(event::DROPPED, u64::from(value));
    }
}

/// Changes one link of a span.
pub struct LinkEdit<'e> {
    src: &'e [u8],
    from: usize,
    scratch: &'e mut Scratch,
}

message_edit!(LinkEdit, SpanLink, link, CHILD_LEVEL);

impl LinkEdit<'_> {
    /// 16 bytes; anything else means none.
    pub fn trace_id(&mut self, id: &[u8]) {
        self.level().set_id(link::TRACE_ID, 16, id);
    }

    /// 8 bytes; anything else means none.
    pub fn span_id(&mut self, id: &[u8]) {
        self.level().set_id(link::SPAN_ID, 8, id);
    }

    /// W3C trace state.
    pub fn trace_state(&mut self, value: &str) {
        self.level().set_bytes(link::TRACE_STATE, value.as_bytes());
    }

    /// Trace flags and whether the linked span is remote.
    pub fn flags(&mut self, value: u32) {
        self.level().set_fixed32(link::FLAGS, value);
    }

    /// Attributes that were dropped.
    pub fn dropped_attributes_count(&mut self, value: u32) {
        self.level().set_varint(link::DROPPED, u64::from(value));
    }
}
