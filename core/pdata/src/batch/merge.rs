//! Joins resources, and in them scopes, that are the same by a key. The key is taken in one walk; then
//! the payload is written anew, each resource and scope with the head of its first.

use std::collections::HashMap;
use std::hash::Hash;

use crate::buffer;
use crate::data::{Data, chunks_of};
use crate::edit::{Depth, Keep, Place};
use crate::fields::{RESOURCES, group};
use crate::nesting::{RESOURCE, SCOPE, children, header};
use crate::wire::{Messages, Reader, WIDE, Writer};

impl Data {
    /// Joins resources with the same key, and in each the scopes with the same key. They stand where
    /// the first of them stood and look as it does; items keep their order. `key` is asked once for
    /// each resource and then for each of its scopes.
    #[must_use]
    pub fn merge<K: Hash + Eq>(self, mut key: impl FnMut(&Place<'_>) -> K) -> Data {
        let (mut resources, mut scopes) = (Rows::default(), Rows::default());
        let mut row = 0;
        let _ = self.edit(Depth::Scope, |place| {
            let key = key(place);
            match place.depth() {
                Depth::Resource => row = resources.row((0, key)),
                _ => drop(scopes.row((row, key))),
            }
            Keep::Enter
        });
        if resources.are_distinct() && scopes.are_distinct() {
            self
        } else {
            write(&self, &resources.rows, &scopes.rows)
        }
    }
}

/// Numbers keys in the order in which they come first.
struct Rows<K> {
    known: HashMap<K, usize>,
    /// Of each key that was asked for.
    rows: Vec<usize>,
}

impl<K> Default for Rows<K> {
    fn default() -> Self {
        Self { known: HashMap::new(), rows: Vec::new() }
    }
}

impl<K: Hash + Eq> Rows<K> {
    fn row(&mut self, key: K) -> usize {
        let next = self.known.len();
        let row = *self.known.entry(key).or_insert(next);
        self.rows.push(row);
        row
    }

    fn are_distinct(&self) -> bool {
        self.known.len() == self.rows.len()
    }
}

/// Messages that become one: the first has the head.
#[derive(Default)]
struct Joined<'a> {
    bodies: Vec<&'a [u8]>,
    /// Of a resource: the rows of its scopes, in order.
    scopes: Vec<usize>,
}

/// Puts `body` where its row says; true if it is the first there.
fn put<'a>(all: &mut Vec<Joined<'a>>, row: usize, body: &'a [u8]) -> bool {
    if all.len() <= row {
        all.resize_with(row + 1, Joined::default);
    }
    all.get_mut(row).is_some_and(|it| {
        it.bodies.push(body);
        it.bodies.len() == 1
    })
}

fn write(data: &Data, resource_rows: &[usize], scope_rows: &[usize]) -> Data {
    let (mut resources, mut scopes) = (Vec::new(), Vec::new());
    let mut scope_rows = scope_rows.iter();
    let bodies = data.chunks().iter().flat_map(|chunk| Messages::new(chunk, RESOURCES));
    for (resource, &row) in bodies.zip(resource_rows) {
        put(&mut resources, row, resource);
        for (scope, &scope_row) in Messages::new(resource, group::CHILDREN).zip(&mut scope_rows) {
            if put(&mut scopes, scope_row, scope)
                && let Some(resource) = resources.get_mut(row)
            {
                resource.scopes.push(scope_row);
            }
        }
    }
    let mut out = Writer { buf: buffer::take(data.bytes()) };
    for resource in &resources {
        let open = out.open(RESOURCES, WIDE);
        resource.bodies.iter().take(1).for_each(|it| head(it, RESOURCE, &mut out));
        for scope in resource.scopes.iter().filter_map(|row| scopes.get(*row)) {
            let open = out.open(group::CHILDREN, WIDE);
            scope.bodies.iter().take(1).for_each(|it| head(it, SCOPE, &mut out));
            for body in &scope.bodies {
                for item in children(body, SCOPE) {
                    out.raw(body.get(item.start..item.end).unwrap_or_default());
                }
            }
            out.close(open);
        }
        out.close(open);
    }
    for chunk in data.chunks() {
        // Unknown to us; a newer receiver may know it.
        for field in Reader::new(chunk).filter(|field| field.number != RESOURCES) {
            out.raw(chunk.get(field.start..field.end).unwrap_or_default());
        }
    }
    Data::from_chunks(data.signal(), chunks_of(buffer::freeze(out.buf)), data.items())
}

fn head(body: &[u8], depth: usize, out: &mut Writer) {
    header(body, depth).for_each(|raw| out.raw(raw));
}
