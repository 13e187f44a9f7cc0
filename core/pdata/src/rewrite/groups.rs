//! Walks resources and scopes, which look the same in all signals: a head (`Resource`,
//! `InstrumentationScope`), children, a schema URL.

use std::marker::PhantomData;

use super::attributes::AttributesEdit;
use super::level::Level;
use super::splice::{Frame, body_at};
use super::{RESOURCE_LEVEL, SCOPE_LEVEL, Scratch};
use crate::fields::{group, resource, scope};
use crate::view::{ResourceRef, ScopeRef, last_text};
use crate::wire::{Field, Reader};

/// A resource or scope that is being rewritten.
pub(super) struct Group<'e> {
    chunk: &'e [u8],
    pub(super) scratch: &'e mut Scratch,
    /// Which of the levels holds the edits of the head.
    level: usize,
    frame: Frame,
    /// The head in the chunk: field and body.
    head: Option<(usize, usize, usize)>,
    /// Where the head went, once it has been passed, and how many edits it had then.
    head_out: Option<(usize, usize, u32)>,
    schema_url: Option<String>,
    dropped: bool,
    walked: bool,
    children: usize,
    kept: usize,
}

impl<'e> Group<'e> {
    #[inline]
    pub(super) fn new(
        chunk: &'e [u8],
        scratch: &'e mut Scratch,
        level: usize,
        field: &Field<'_>,
    ) -> Self {
        let frame = scratch.splice.open(chunk, field);
        scratch.level(level).begin();
        let content = chunk.get(..frame.end).unwrap_or_default();
        let head = Reader::starting_at(content, frame.body_at)
            .find(|field| field.number == group::HEAD)
            .map(|field| (field.start, body_at(&field), field.end));
        Self {
            chunk,
            scratch,
            level,
            frame,
            head,
            head_out: None,
            schema_url: None,
            dropped: false,
            walked: false,
            children: 0,
            kept: 0,
        }
    }

    /// Body of the head in the source.
    #[inline]
    pub(super) fn head(&self) -> &'e [u8] {
        let (_, from, to) = self.head.unwrap_or_default();
        self.chunk.get(from..to).unwrap_or_default()
    }

    /// The schema URL in the source.
    fn source_schema_url(&self) -> &'e str {
        let body = self.chunk.get(self.frame.body_at..self.frame.end);
        last_text(body.unwrap_or_default(), group::SCHEMA_URL)
    }

    fn attributes(&mut self, number: u32) -> AttributesEdit<'_> {
        let src = self.head();
        AttributesEdit::new(self.scratch.level(self.level), src, 0, number)
    }

    fn edits(&mut self) -> &mut Level {
        self.scratch.level(self.level)
    }

    /// Visits the children, once: `child` says whether it kept one.
    #[inline]
    pub(super) fn walk(
        &mut self,
        mut child: impl FnMut(&'e [u8], &mut Scratch, &Field<'e>) -> bool,
    ) {
        debug_assert!(!self.walked, "children of one resource or scope are visited once");
        if self.walked {
            return;
        }
        self.walked = true;
        let chunk = self.chunk;
        let content = chunk.get(..self.frame.end).unwrap_or_default();
        for field in Reader::starting_at(content, self.frame.body_at) {
            match field.number {
                group::CHILDREN => {
                    self.children += 1;
                    self.kept += usize::from(child(chunk, self.scratch, &field));
                }
                group::HEAD => self.pass_head(&field),
                _ => {}
            }
        }
    }

    /// Copies the head with the edits so far.
    fn pass_head(&mut self, field: &Field<'_>) {
        let from = self.scratch.splice.position(field.start);
        let head = self.head();
        let Scratch { splice, levels, .. } = &mut *self.scratch;
        let Some(level) = levels.get_mut(self.level) else { return };
        if level.is_edited() {
            let frame = splice.open(self.chunk, field);
            level.apply(head, self.chunk, frame.body_at, splice);
            splice.close(self.chunk, &frame);
        }
        let edits = level.edits;
        self.head_out = Some((from, splice.position(field.end), edits));
    }

    /// Writes what the visitor changed; false if nothing of it is left.
    #[inline]
    pub(super) fn finish(mut self) -> bool {
        let emptied = self.children > 0 && self.kept == 0 && !self.scratch.keep_empty;
        if self.dropped || emptied {
            // Children that were dropped one by one have been counted.
            self.scratch.dropped.uncounted |= !(self.walked && self.kept == 0);
            self.scratch.splice.abandon(self.chunk, &self.frame);
            return false;
        }
        let edits = self.scratch.level(self.level).edits;
        match (self.head, self.head_out) {
            (Some(head), None) if edits != 0 => self.pass_late_head(head),
            (Some(_), Some((from, to, seen))) if edits != seen => self.replace_head(from, to),
            (None, _) if edits != 0 => {
                self.scratch.splice.copy(self.chunk, self.frame.end);
                let at = self.scratch.splice.out.len();
                self.replace_head(at, at);
            }
            _ => {}
        }
        if let Some(url) = self.schema_url.take() {
            self.write_schema_url(&url);
        }
        self.scratch.splice.close(self.chunk, &self.frame);
        true
    }

    /// The head of a group whose children were not visited.
    fn pass_late_head(&mut self, head: (usize, usize, usize)) {
        let content = self.chunk.get(..head.2).unwrap_or_default();
        if let Some(field) = Reader::starting_at(content, head.0).next() {
            self.pass_head(&field);
        }
    }

    /// Writes the head again, over the output range `from..to`.
    fn replace_head(&mut self, from: usize, to: usize) {
        let head = self.head();
        self.scratch.splice.copy(self.chunk, self.frame.end);
        let Scratch { splice, levels, .. } = &mut *self.scratch;
        let Some(level) = levels.get_mut(self.level) else { return };
        let mut written = std::mem::take(&mut level.rendered);
        written.buf.clear();
        let open = written.open(group::HEAD, 2);
        level.render(head, &mut written);
        written.close(open);
        splice.out.buf.splice(from..to, written.buf.iter().copied());
        level.rendered = written;
    }

    /// Replaces the schema URL: rare, so it is done in the output.
    fn write_schema_url(&mut self, url: &str) {
        self.scratch.splice.copy(self.chunk, self.frame.end);
        let out = &mut self.scratch.splice.out;
        let body_at = self.frame.body_out();
        let found: Vec<(usize, usize)> = Reader::starting_at(&out.buf, body_at)
            .filter(|field| field.number == group::SCHEMA_URL)
            .map(|field| (field.start, field.end))
            .collect();
        for (start, end) in found.into_iter().rev() {
            out.buf.drain(start..end);
        }
        if !url.is_empty() {
            out.bytes_field(group::SCHEMA_URL, url.as_bytes());
        }
    }
}

/// Changes one resource and what came from it. `S` is the signal.
pub struct ResourceEdit<'e, S> {
    pub(super) group: Group<'e>,
    signal: PhantomData<S>,
}

impl<'e, S> ResourceEdit<'e, S> {
    #[inline]
    pub(super) fn new(chunk: &'e [u8], scratch: &'e mut Scratch, field: &Field<'_>) -> Self {
        Self { group: Group::new(chunk, scratch, RESOURCE_LEVEL, field), signal: PhantomData }
    }

    /// The resource as it was.
    pub fn resource(&self) -> ResourceRef<'e> {
        ResourceRef::new(self.group.head())
    }

    /// Its attributes.
    #[inline]
    pub fn attributes(&mut self) -> AttributesEdit<'_> {
        self.group.attributes(resource::ATTRIBUTES)
    }

    /// Attributes that were dropped.
    pub fn dropped_attributes_count(&mut self, count: u32) {
        self.group.edits().set_varint(resource::DROPPED, u64::from(count));
    }

    /// Schema of the resource.
    pub fn schema_url(&mut self, url: &str) {
        self.group.schema_url = Some(url.to_owned());
    }

    /// Leaves out the resource and everything in it.
    pub fn drop(&mut self) {
        self.group.dropped = true;
    }

    /// Visits the scopes. To be called at most once.
    pub fn scopes(&mut self, mut visit: impl FnMut(&mut ScopeEdit<'_, S>)) {
        let resource = self.resource();
        self.group.walk(|chunk, scratch, field| {
            let mut edit = ScopeEdit::new(chunk, scratch, field, resource);
            visit(&mut edit);
            edit.group.finish()
        });
    }
}

/// Changes one scope and what it wrote. `S` is the signal.
pub struct ScopeEdit<'e, S> {
    pub(super) group: Group<'e>,
    resource: ResourceRef<'e>,
    signal: PhantomData<S>,
}

impl<'e, S> ScopeEdit<'e, S> {
    #[inline]
    fn new(
        chunk: &'e [u8],
        scratch: &'e mut Scratch,
        field: &Field<'_>,
        resource: ResourceRef<'e>,
    ) -> Self {
        let group = Group::new(chunk, scratch, SCOPE_LEVEL, field);
        Self { group, resource, signal: PhantomData }
    }

    /// Where it came from, as it was.
    pub fn resource(&self) -> ResourceRef<'e> {
        self.resource
    }

    /// The scope as it was.
    pub fn scope(&self) -> ScopeRef<'e> {
        ScopeRef::new(self.group.head())
    }

    /// Its attributes.
    pub fn attributes(&mut self) -> AttributesEdit<'_> {
        self.group.attributes(scope::ATTRIBUTES)
    }

    /// The attributes of the resource.
    pub fn resource_attributes(&mut self) -> AttributesEdit<'_> {
        resource_attributes(self.group.scratch, self.resource)
    }

    /// Schema of what it wrote, as it was. All of it is passed over to find this.
    pub fn source_schema_url(&self) -> &'e str {
        self.group.source_schema_url()
    }

    /// Its name.
    pub fn name(&mut self, name: &str) {
        self.group.edits().set_bytes(scope::NAME, name.as_bytes());
    }

    /// Its version.
    pub fn version(&mut self, version: &str) {
        self.group.edits().set_bytes(scope::VERSION, version.as_bytes());
    }

    /// Schema of what it wrote.
    pub fn schema_url(&mut self, url: &str) {
        self.group.schema_url = Some(url.to_owned());
    }

    /// Leaves out the scope and everything in it.
    pub fn drop(&mut self) {
        self.group.dropped = true;
    }
}

/// The attributes of the resource that is being walked.
#[inline]
pub(super) fn resource_attributes<'x>(
    scratch: &'x mut Scratch,
    resource: ResourceRef<'x>,
) -> AttributesEdit<'x> {
    AttributesEdit::new(scratch.level(RESOURCE_LEVEL), resource.encoded(), 0, resource::ATTRIBUTES)
}

/// The attributes of the scope that is being walked.
#[inline]
pub(super) fn scope_attributes<'x>(
    scratch: &'x mut Scratch,
    scope: ScopeRef<'x>,
) -> AttributesEdit<'x> {
    AttributesEdit::new(scratch.level(SCOPE_LEVEL), scope.encoded(), 0, scope::ATTRIBUTES)
}
