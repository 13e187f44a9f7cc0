//! Joins equal neighbours. Equal means equal bytes: head, schema URL and unknown fields.

use bytes::Bytes;

use super::{RESOURCE, SCOPE, children, header};
use crate::buffer;
use crate::data::{Data, chunks_of};
use crate::fields::{RESOURCES, group};
use crate::wire::{Messages, Open, Reader, Writer};

/// Joins equal resources that stand next to each other, and in them equal scopes.
pub(crate) fn merge_neighbours(data: Data) -> Data {
    if !has_equal_neighbours(data.chunks()) {
        return data;
    }
    let (signal, items) = (data.signal(), data.items());
    let mut merged =
        Merged { out: Writer { buf: buffer::take(data.bytes()) }, ..Merged::default() };
    let mut last: &[u8] = &[];
    let mut last_scope: &[u8] = &[];
    for resource in resources(data.chunks()) {
        if merged.resource.is_none() || !is_equal(last, resource, RESOURCE) {
            merged.open_resource(resource);
            last = resource;
        }
        for scope in scopes(resource) {
            if merged.scope.is_none() || !is_equal(last_scope, scope, SCOPE) {
                merged.open_scope(scope);
                last_scope = scope;
            }
            for item in children(scope, SCOPE) {
                merged.out.raw(scope.get(item.start..item.end).unwrap_or_default());
            }
        }
    }
    merged.close_resource();
    for chunk in data.chunks() {
        // Unknown to us; a newer receiver may know it.
        for field in Reader::new(chunk).filter(|field| field.number != RESOURCES) {
            merged.out.raw(chunk.get(field.start..field.end).unwrap_or_default());
        }
    }
    Data::from_chunks(signal, chunks_of(buffer::freeze(merged.out.buf)), items)
}

fn resources(chunks: &[Bytes]) -> impl Iterator<Item = &[u8]> {
    chunks.iter().flat_map(|chunk| Messages::new(chunk, RESOURCES))
}

fn scopes(resource: &[u8]) -> Messages<'_> {
    Messages::new(resource, group::CHILDREN)
}

fn is_equal(left: &[u8], right: &[u8], depth: usize) -> bool {
    header(left, depth).eq(header(right, depth))
}

/// True if there is anything to join.
fn has_equal_neighbours(chunks: &[Bytes]) -> bool {
    let mut last: Option<&[u8]> = None;
    for resource in resources(chunks) {
        if last.is_some_and(|last| is_equal(last, resource, RESOURCE)) {
            return true;
        }
        last = Some(resource);
        let mut last_scope: Option<&[u8]> = None;
        for scope in scopes(resource) {
            if last_scope.is_some_and(|last| is_equal(last, scope, SCOPE)) {
                return true;
            }
            last_scope = Some(scope);
        }
    }
    false
}

#[derive(Default)]
struct Merged {
    out: Writer,
    resource: Option<Open>,
    scope: Option<Open>,
}

impl Merged {
    fn open_resource(&mut self, resource: &[u8]) {
        self.close_resource();
        self.resource = Some(self.out.open(RESOURCES, 3));
        header(resource, RESOURCE).for_each(|raw| self.out.raw(raw));
    }

    fn open_scope(&mut self, scope: &[u8]) {
        self.close_scope();
        self.scope = Some(self.out.open(group::CHILDREN, 3));
        header(scope, SCOPE).for_each(|raw| self.out.raw(raw));
    }

    fn close_scope(&mut self) {
        if let Some(open) = self.scope.take() {
            self.out.close(open);
        }
    }

    fn close_resource(&mut self) {
        self.close_scope();
        if let Some(open) = self.resource.take() {
            self.out.close(open);
        }
    }
}
